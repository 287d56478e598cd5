// Comparing with neighbours what both hold: the engine's part, either side.
#include <algorithm>
#include <map>

#include "base/plant.h"
#include "engine/engine.h"
#include "routing/region.h"

namespace kadmos {
namespace {

constexpr Duration kSyncTimeout = std::chrono::minutes(5);

}  // namespace

void Engine::run_sync(Now now) {
  while (auto job = sync_plan_.poll(now.at, upkeep_.settled(now.at))) {
    if (std::holds_alternative<SyncPlan::Neighbour>(*job)) {
      sync_with_next(now);
    } else if (const auto* newcomer = std::get_if<SyncPlan::Newcomer>(&*job)) {
      // Who holds nothing has nothing for it, and compares in its own time.
      if (store_.usage().records > 0) sync_with(now, *newcomer->contact, table_.census());
    } else if (const auto* look = std::get_if<SyncPlan::Look>(&*job)) {
      look_for_strays(now, look->keys);
    } else {
      auto& send = std::get<SyncPlan::Send>(*job);
      auto record = store_.to_hand_over(now, send.key);
      if (!record) continue;
      ++stats_.replicas_sent;
      ask(now, 0, Ask{std::move(send.to), wire::Store{*std::move(record)}}, true);
    }
  }
}

// The neighbours from the nearest to the farthest that matters, and from the nearest again.
void Engine::sync_with_next(Now now) {
  const Id& self = identity_.id();
  const auto known = table_.census();
  const auto near = table_.closest_healthy(self, sync_plan_.neighbours());
  for (const bool again : {false, true}) {
    for (const ContactRef one : near) {
      const Id distance = book_.id(one) ^ self;
      if (!again && synced_ && distance <= *synced_) continue;
      if (!sync_with(now, book_.contact(one), known)) continue;
      synced_ = distance;
      return;
    }
  }
}

// False if the two share no keys, as far as this node can tell: whether one of many far away is
// nearest to a key is known only among them, so that one has to compare.
bool Engine::sync_with(Now now, const Contact& peer, const std::vector<Id>& known) {
  if (!table_.may_know_all(id_of(peer.key))) return false;
  auto ranges = shared_ranges({identity_.id(), config_.k}, {id_of(peer.key), config_.k}, known,
                              kSharedRanges);
  if (ranges.empty()) return false;
  begin_sync(now, peer, std::move(ranges));
  return true;
}

void Engine::begin_sync(Now now, const Contact& peer, std::vector<KeyRange> ranges) {
  ++stats_.syncs;
  sync_plan_.on_begun();
  begin(now, make_operation(env_, SyncRequest{peer, std::move(ranges)}), Running::Purpose::sync,
        kSyncTimeout);
}

// Whether this node is one of the k nearest to a key.
bool Engine::keeps(const Key& key) const {
  const auto k = static_cast<std::size_t>(config_.k);
  const auto closest = table_.closest_healthy(key, k);
  return closest.size() < k || closer(key, identity_.id(), book_.id(closest.back()));
}

// Records of which this node is no longer one of the nearest are for those who are.
void Engine::look_for_strays(Now now, const std::vector<Key>& keys) {
  std::map<ContactRef, std::vector<KeyRange>> strays;  // by the nearest
  for (const Key& key : keys) {
    if (keeps(key)) {
      sync_plan_.on_kept(key);
      continue;
    }
    const auto stray = KeyRange::around(key, Id::kBits);
    if (!sync_plan_.handed_over(key, store_.digest(stray).fingerprint)) {
      strays[table_.closest_healthy(key, 1).front()].push_back(stray);
    }
  }
  for (auto& [nearest, ranges] : strays) {
    begin_sync(now, Contact(book_.contact(nearest)), std::move(ranges));
  }
}

void Engine::on_synced(const OpResult& result) {
  sync_plan_.on_ended();
  const auto& synced = std::get<Result<Synced>>(result);
  if (!synced) return;
  for (const KeyRange& range : synced->ranges) {
    if (range.bits != Id::kBits) continue;
    sync_plan_.on_handed_over(range.prefix, store_.digest(range).fingerprint);
  }
}

wire::Body Engine::serve_compare(const wire::Compare& compare) const {
  wire::Compared out;
  for (std::size_t i = 0; i < compare.parts.size(); ++i) {
    const RangeDigest held = store_.digest(compare.parts[i].range);
    if (held.fingerprint != compare.parts[i].fingerprint)
      out.differences.push_back({i, held.records});
  }
  return out;
}

wire::Body Engine::serve_versions(const Peer& from, const wire::Versions& theirs) {
  const auto ours = store_.versions(theirs.range, wire::Versions::kMost + 1);
  if (ours.size() > wire::Versions::kMost) {
    return wire::Failure{wire::FailureCode::refused, "that range holds more than one list may"};
  }
  const auto newer = [](const auto& a, const auto& b) {
    // Of one sequence and another fingerprint, either may live longer: both go over.
    return a.sequence > b.sequence || (a.sequence == b.sequence && a.fingerprint != b.fingerprint);
  };
  std::map<std::uint64_t, const Version*> by_tag;
  for (const Version& version : ours) by_tag.emplace(version.key.fold(), &version);
  wire::Wanted wanted;
  // Nobody makes this node dial where it has not been.
  const auto known = table_.find(id_of(from.contact.key));
  const ContactHold peer =
      known ? ContactHold(book_, *known) : ContactHold(book_, Contact{from.contact.key, {}});
  for (std::size_t i = 0; i < theirs.held.size(); ++i) {
    const auto it = by_tag.find(theirs.held[i].tag);
    if (it == by_tag.end()) {
      wanted.held.push_back(i);
      continue;
    }
    const bool other = theirs.held[i].fingerprint != it->second->fingerprint;
    if (newer(theirs.held[i], *it->second) || (other && planted(Plant::accept_older))) {
      wanted.held.push_back(i);
    }
    if (!newer(*it->second, theirs.held[i])) by_tag.erase(it);
  }
  for (const auto& [tag, version] : by_tag) sync_plan_.on_wanted(version->key, peer);
  return wanted;
}

}  // namespace kadmos
