#include "engine/rpcs.h"

#include <algorithm>
#include <functional>

#include "base/plant.h"

namespace kadmos {

std::uint64_t Rpcs::add(Pending pending) {
  ++next_;
  ++size_;
  await(requests_.emplace_back(std::move(pending)));
  return next_ - 1;
}

std::optional<Rpcs::Pending> Rpcs::take(std::uint64_t id, const PublicKey& from) {
  Pending* pending = find(id);
  if (pending == nullptr || pending->peer->key != from) return std::nullopt;
  return remove(*pending);
}

std::vector<Rpcs::Pending> Rpcs::take_all(const PublicKey& peer) {
  std::vector<std::uint64_t> ids;
  for (const Pending& pending : requests_) {
    if (pending.peer && pending.peer->key == peer) ids.push_back(id_of(pending));
  }
  std::vector<Pending> out;
  out.reserve(ids.size());
  for (const std::uint64_t id : ids) out.push_back(remove(*find(id)));
  return out;
}

std::optional<Rpcs::Due> Rpcs::poll_due(TimePoint now) {
  if (deadlines_.empty() || deadlines_.front().first > now) return std::nullopt;
  Pending& pending = *find(deadlines_.front().second);
  if (pending.slow && planted(Plant::leak_rpc)) {
    pending.fail_at = TimePoint::max();
    await(pending);
    drop_stale_deadlines();
    return Due{pending, true};
  }
  if (pending.slow) return Due{remove(pending), true};
  pending.slow = true;
  await(pending);
  drop_stale_deadlines();
  return Due{pending, false};
}

void Rpcs::postpone(Duration by) {
  for (Pending& pending : requests_) {
    if (!pending.peer || std::exchange(pending.postponed, true)) continue;
    pending.slow_at += by;
    pending.fail_at += by;
    await(pending);
  }
  drop_stale_deadlines();
}

void Rpcs::hasten(OpId op, const std::function<TimePoint(const Pending&)>& slow_at) {
  if (op == 0) return;
  for (Pending& pending : requests_) {
    if (!pending.peer || pending.op != op || pending.slow || pending.postponed) continue;
    const TimePoint at = slow_at(pending);
    if (at >= pending.slow_at) continue;
    pending.slow_at = at;
    await(pending);
  }
  drop_stale_deadlines();
}

void Rpcs::orphan(OpId op) {
  for (Pending& pending : requests_) {
    if (pending.op == op) pending.op = 0;
  }
}

std::optional<TimePoint> Rpcs::next_timeout() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.front().first;
}

void Rpcs::clear() {
  requests_ = std::vector<Pending>();  // not = {}, which keeps the memory
  deadlines_ = std::vector<Deadline>();
  over_ = 0;
  size_ = 0;
}

Rpcs::Pending* Rpcs::find(std::uint64_t id) {
  const std::uint64_t back = next_ - id;  // 1: the last
  if (back == 0 || back > requests_.size()) return nullptr;
  Pending& pending = requests_[requests_.size() - back];
  return pending.peer ? &pending : nullptr;
}

Rpcs::Pending Rpcs::remove(Pending& pending) {
  Pending out = std::move(pending);
  if (--size_ == 0) {
    clear();
    return out;
  }
  while (!requests_[over_].peer) ++over_;
  if (2 * over_ > requests_.size()) {
    requests_.erase(requests_.begin(), requests_.begin() + static_cast<std::ptrdiff_t>(over_));
    over_ = 0;
  }
  drop_stale_deadlines();
  return out;
}

void Rpcs::await(const Pending& pending) {
  deadlines_.emplace_back(deadline(pending), id_of(pending));
  std::push_heap(deadlines_.begin(), deadlines_.end(), std::greater<>());
}

void Rpcs::drop_stale_deadlines() {
  while (!deadlines_.empty()) {
    const Pending* pending = find(deadlines_.front().second);
    if (pending != nullptr && deadline(*pending) == deadlines_.front().first) return;
    std::pop_heap(deadlines_.begin(), deadlines_.end(), std::greater<>());
    deadlines_.pop_back();
  }
}

}  // namespace kadmos
