// Watches, from both ends: peers that watch keys at this node, and this node's own operations that
// watch keys at peers.
#include <algorithm>

#include "engine/engine.h"

namespace kadmos {
namespace {

// Those of a key; a copy, since telling one may end it.
std::vector<OpId> of(const std::multimap<Key, OpId>& ops, const Key& key) {
  std::vector<OpId> out;
  const auto [first, last] = ops.equal_range(key);
  for (auto it = first; it != last; ++it) out.push_back(it->second);
  return out;
}

}  // namespace

wire::Body Engine::serve_watch(Now now, const Peer& from, std::uint64_t request,
                               const wire::Watch& watch) {
  if (watch.lease_s == 0) {
    if (watches_) watches_->peers.end(watch.key, from.contact.key);
    return wire::Watching{};
  }
  const TimePoint until = now.at + std::chrono::seconds(watch.lease_s);
  const Party by = Party::at(config_.groups, from.address, from.contact.key);
  if (!watches().peers.add(watch.key, by, request, until)) {
    ++stats_.watches_refused;
    return wire::Failure{wire::FailureCode::busy, "too many watches"};
  }
  // What is being committed will follow as an update.
  return wire::Watching{readable(now, watch.key), watch.lease_s};
}

// Newer versions of these became durable here: whoever watches one is told.
void Engine::on_newer(Now now, std::span<const Key> keys) {
  if (!watches_) return;
  for (const Key& key : keys) {
    std::vector<Watchers::Watcher> peers = watches_->peers.of(key);
    const std::vector<OpId> ops = of(watches_->ours, key);
    if (peers.empty() && ops.empty()) continue;
    auto held = store_.find(now, key);
    if (!held || !*held) continue;
    for (const OpId op : ops) {
      running_.at(op).operation->on_version(now, (*held)->record);
      drive(now, op);
    }
    if (!peers.empty()) watches_->pushes.push_back({std::move((*held)->record), std::move(peers)});
  }
}

// One frame after the other, as they are taken: many watchers of a large record cost the memory of
// one.
std::optional<Outgoing> Engine::poll_push() {
  if (!watches_ || watches_->pushes.empty()) return std::nullopt;
  Push& push = watches_->pushes.front();
  const Watchers::Watcher to = push.to.back();
  push.to.pop_back();
  const bool last = push.to.empty();
  wire::Message message{to.request, wire::Update{last ? std::move(push.record) : push.record}};
  if (last) watches_->pushes.pop_front();
  ++stats_.updates_sent;
  return Transmit{Contact{to.peer, {}}, std::move(message), ConnectionId{0}};
}

void Engine::on_update(Now now, const Peer& from, const wire::Update& update) {
  bool asked = false;
  if (watches_ && !watches_->ours.empty()) {  // or a stranger could have us hash for nothing
    for (const OpId op : of(watches_->ours, key_of(update.record))) {
      asked |= running_.at(op).operation->on_update(now, from.contact.key, update.record);
      drive(now, op);
    }
  }
  ++(asked ? stats_.updates_received : stats_.updates_unsolicited);
}

// A connection broke: what came over it comes no more, and what went over it is in vain.
void Engine::lose_watches(Now now, const PublicKey& peer) {
  watches_->peers.forget(peer);
  std::vector<OpId> ops;
  for (const auto& [key, op] : watches_->ours) ops.push_back(op);
  for (const OpId op : ops) {
    running_.at(op).operation->on_unreachable(now, peer);
    drive(now, op);
  }
}

void Engine::begin_watch(const Key& key, OpId op) { watches().ours.emplace(key, op); }

void Engine::end_watch(const Key& key, OpId op) {
  const auto [first, last] = watches_->ours.equal_range(key);
  watches_->ours.erase(
      std::find_if(first, last, [&](const auto& entry) { return entry.second == op; }));
}

Engine::Watches& Engine::watches() {
  if (!watches_) watches_ = std::make_unique<Watches>(config_.limits);
  return *watches_;
}

}  // namespace kadmos
