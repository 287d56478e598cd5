// Watches, from both ends: peers that watch keys at this node, and this node's own operations that
// watch keys at peers.
#include "engine/engine.h"
#include "wire/codec.h"

namespace kadmos {

wire::Body Engine::serve_watch(Now now, const Peer& from, std::uint64_t request,
                               const wire::Watch& watch) {
  using wire::Failure;
  using wire::FailureCode;
  if (config_.client) return Failure{FailureCode::refused, "a client holds no replicas"};
  if (watch.lease_s == 0) {
    watchers_.end(watch.key, from.contact.key);
    return wire::Watching{};
  }
  const TimePoint until = now.at + std::chrono::seconds(watch.lease_s);
  if (!watchers_.add(watch.key, from.contact.key, request, until)) {
    ++stats_.watches_refused;
    return Failure{FailureCode::busy, "too many watches"};
  }
  // What is being committed will follow as an update.
  wire::Watching out{std::nullopt, watch.lease_s};
  auto held = store_.find(now, watch.key);
  if (!held) notice(now, Notice::Level::warning, "record_unreadable", held.error().text());
  if (held && *held) out.record = std::move((*held)->record);
  return out;
}

// Newer versions of these became durable here: whoever watches one is told.
void Engine::on_newer(Now now, const std::vector<Key>& keys) {
  if (watchers_.size() == 0 && watching_.empty()) return;
  for (const Key& key : keys) {
    std::vector<Watchers::Watcher> peers = watchers_.of(key);
    const std::vector<OpId> ops = watching(key);
    if (peers.empty() && ops.empty()) continue;
    auto held = store_.find(now, key);
    if (!held || !*held) continue;
    for (const OpId op : ops) {
      running_.at(op).operation->on_version(now, (*held)->record);
      drive(now, op);
    }
    if (!peers.empty()) pushes_.push_back({std::move((*held)->record), std::move(peers)});
  }
}

// One frame after the other, as they are taken: many watchers of a large record cost the memory of
// one.
std::optional<Outgoing> Engine::poll_push() {
  if (pushes_.empty()) return std::nullopt;
  Push& push = pushes_.front();
  const Watchers::Watcher to = push.to.back();
  push.to.pop_back();
  const bool last = push.to.empty();
  Bytes frame = wire::encode(
      wire::Message{to.request, wire::Update{last ? std::move(push.record) : push.record}});
  if (last) pushes_.pop_front();
  ++stats_.updates_sent;
  return Transmit{Contact{to.peer, {}}, std::move(frame)};
}

void Engine::on_update(Now now, const Peer& from, const wire::Update& update) {
  bool asked = false;
  if (!watching_.empty()) {  // or a stranger could have us hash for nothing
    for (const OpId op : watching(key_of(update.record))) {
      asked |= running_.at(op).operation->on_update(now, from.contact.key, update.record);
      drive(now, op);
    }
  }
  ++(asked ? stats_.updates_received : stats_.updates_unsolicited);
}

std::vector<OpId> Engine::watching(const Key& key) const {
  std::vector<OpId> out;
  const auto [first, last] = watching_.equal_range(key);
  for (auto it = first; it != last; ++it) out.push_back(it->second);
  return out;
}

}  // namespace kadmos
