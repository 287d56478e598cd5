#include "engine/rpcs.h"

namespace kadmos {

std::uint64_t Rpcs::add(Pending pending) {
  const std::uint64_t id = next_++;
  deadlines_.emplace(deadline(pending), id);
  by_peer_.emplace(pending.peer->key, id);
  if (pending.op != 0) by_op_.emplace(pending.op, id);
  pending_.emplace(id, std::move(pending));
  return id;
}

std::optional<Rpcs::Pending> Rpcs::take(std::uint64_t id, const PublicKey& from) {
  const auto place = pending_.find(id);
  if (place == pending_.end() || place->second.peer->key != from) return std::nullopt;
  return remove(place);
}

std::vector<Rpcs::Pending> Rpcs::take_all(const PublicKey& peer) {
  std::vector<Pending> out;
  for (auto it = by_peer_.lower_bound({peer, 0}); it != by_peer_.end() && it->first == peer;
       it = by_peer_.lower_bound({peer, 0})) {
    out.push_back(remove(pending_.find(it->second)));
  }
  return out;
}

std::optional<Rpcs::Due> Rpcs::poll_due(TimePoint now) {
  if (deadlines_.empty() || deadlines_.begin()->first > now) return std::nullopt;
  const auto place = pending_.find(deadlines_.begin()->second);
  if (place->second.slow) return Due{remove(place), true};
  deadlines_.erase(deadlines_.begin());
  place->second.slow = true;
  deadlines_.emplace(place->second.fail_at, place->first);
  return Due{place->second, false};
}

void Rpcs::postpone(Duration by) {
  for (auto& [id, pending] : pending_) {
    if (std::exchange(pending.postponed, true)) continue;
    deadlines_.erase({deadline(pending), id});
    pending.slow_at += by;
    pending.fail_at += by;
    deadlines_.emplace(deadline(pending), id);
  }
}

void Rpcs::hasten(OpId op, const std::function<TimePoint(const Pending&)>& slow_at) {
  for (auto it = by_op_.lower_bound({op, 0}); it != by_op_.end() && it->first == op; ++it) {
    Pending& pending = pending_.at(it->second);
    if (pending.slow || pending.postponed) continue;
    const TimePoint at = slow_at(pending);
    if (at >= pending.slow_at) continue;
    deadlines_.erase({pending.slow_at, it->second});
    pending.slow_at = at;
    deadlines_.emplace(at, it->second);
  }
}

void Rpcs::orphan(OpId op) {
  for (auto it = by_op_.lower_bound({op, 0}); it != by_op_.end() && it->first == op;
       it = by_op_.erase(it)) {
    pending_.at(it->second).op = 0;
  }
}

std::optional<TimePoint> Rpcs::next_timeout() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

void Rpcs::clear() {
  pending_.clear();
  deadlines_.clear();
  by_peer_.clear();
  by_op_.clear();
}

Rpcs::Pending Rpcs::remove(Place place) {
  Pending out = std::move(place->second);
  deadlines_.erase({deadline(out), place->first});
  by_peer_.erase({out.peer->key, place->first});
  by_op_.erase({out.op, place->first});
  pending_.erase(place);
  return out;
}

}  // namespace kadmos
