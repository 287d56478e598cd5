#include "engine/watchers.h"

namespace kadmos {

bool Watchers::add(const Key& key, const Party& by, std::uint64_t request, TimePoint until) {
  const PublicKey& peer = *by.peer;
  auto it = by_key_.find({key, peer});
  if (it == by_key_.end()) {
    const auto known = by_peer_.find(peer);
    if (shares_.full(known == by_peer_.end() ? by : known->second.by)) return false;
    it = by_key_.emplace(Place(key, peer), Lease{}).first;
    Keys& of_peer = by_peer_.try_emplace(peer, Keys{by, {}}).first->second;
    of_peer.keys.insert(key);
    shares_.take(of_peer.by);
  } else {
    ends_.erase({it->second.until, key, peer});
  }
  it->second = {request, until};
  ends_.emplace(until, key, peer);
  return true;
}

void Watchers::end(const Key& key, const PublicKey& peer) {
  if (const auto it = by_key_.find({key, peer}); it != by_key_.end()) erase(it);
}

void Watchers::forget(const PublicKey& peer) {
  const auto node = by_peer_.extract(peer);
  if (!node) return;
  shares_.give(node.mapped().by, node.mapped().keys.size());
  for (const Key& key : node.mapped().keys) {
    const auto it = by_key_.find({key, peer});
    ends_.erase({it->second.until, key, peer});
    by_key_.erase(it);
  }
}

void Watchers::expire(TimePoint now) {
  while (!ends_.empty() && std::get<TimePoint>(*ends_.begin()) <= now) {
    const auto& [until, key, peer] = *ends_.begin();
    erase(by_key_.find({key, peer}));
  }
}

std::optional<TimePoint> Watchers::next_timeout() const {
  if (ends_.empty()) return std::nullopt;
  return std::get<TimePoint>(*ends_.begin());
}

std::vector<Watchers::Watcher> Watchers::of(const Key& key) const {
  std::vector<Watcher> out;
  for (auto it = by_key_.lower_bound({key, PublicKey{}});
       it != by_key_.end() && it->first.first == key; ++it) {
    out.push_back({it->first.second, it->second.request});
  }
  return out;
}

void Watchers::erase(std::map<Place, Lease>::iterator it) {
  const auto [key, peer] = it->first;
  ends_.erase({it->second.until, key, peer});
  by_key_.erase(it);
  const auto of_peer = by_peer_.find(peer);
  of_peer->second.keys.erase(key);
  shares_.give(of_peer->second.by);
  if (of_peer->second.keys.empty()) by_peer_.erase(of_peer);
}

}  // namespace kadmos
