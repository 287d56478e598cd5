#include "engine/rpcs.h"

#include <algorithm>
#include <functional>

#include "base/plant.h"

namespace kadmos {
namespace {

constexpr std::size_t kFewestChains = 4;

std::uint64_t hash_of(const PublicKey& peer) {
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < sizeof hash; ++i) hash = hash << 8 | peer.bytes[i];
  return hash;
}

}  // namespace

std::uint64_t Rpcs::add(Pending pending) {
  ++next_;
  ++size_;
  Request& request = requests_.emplace_back(Request{std::move(pending), {}});
  if (requests_.size() > 2 * newest_.size()) {
    add_chains();
  } else {
    link(request);
  }
  await(request);
  return next_ - 1;
}

std::optional<Rpcs::Pending> Rpcs::take(std::uint64_t id, const PublicKey& from) {
  Request* request = find(id);
  if (request == nullptr || request->peer->key != from) return std::nullopt;
  return remove(*request);
}

std::vector<Rpcs::Pending> Rpcs::take_all(const PublicKey& peer) {
  std::vector<std::uint64_t> ids;  // the newest first
  walk(&Chained::by_peer, hash_of(peer), [&](const Request& request) {
    if (request.peer->key == peer) ids.push_back(id_of(request));
    return true;
  });
  std::vector<Pending> out;
  out.reserve(ids.size());
  std::for_each(ids.rbegin(), ids.rend(),
                [&](std::uint64_t id) { out.push_back(remove(*find(id))); });
  return out;
}

std::optional<Rpcs::Pending> Rpcs::poll_due(TimePoint now) {
  if (deadlines_.empty() || deadlines_.front().first > now) return std::nullopt;
  Request& request = *find(deadlines_.front().second);
  const bool fails = request.stage == Stage::given_up;
  if (fails && !planted(Plant::leak_rpc)) {
    request.stage = Stage::failed;
    return remove(request);
  }
  if (fails) request.fail_at = TimePoint::max();
  Pending due = request;
  if (fails) {
    due.stage = Stage::failed;
  } else {
    due.stage = request.stage = request.stage == Stage::fresh ? Stage::slow : Stage::given_up;
  }
  await(request);
  drop_stale_deadlines();
  return due;
}

void Rpcs::postpone(Duration by) {
  for (Request& request : requests_) {
    if (!request.peer || std::exchange(request.postponed, true)) continue;
    request.slow_at += by;
    request.give_up_at += by;
    request.fail_at += by;
    await(request);
  }
  drop_stale_deadlines();
}

void Rpcs::hasten(OpId op, const std::function<Deadlines(const Pending&)>& soonest) {
  if (op == 0) return;
  walk(&Chained::by_op, op, [&](Request& request) {
    if (request.op != op || request.postponed) return true;
    const TimePoint before = deadline(request);
    const Deadlines at = soonest(request);
    request.slow_at = std::min(request.slow_at, at.slow);
    request.give_up_at = std::min(request.give_up_at, at.give_up);
    if (deadline(request) != before) await(request);
    return true;
  });
  drop_stale_deadlines();
}

void Rpcs::orphan(OpId op) {
  walk(&Chained::by_op, op, [&](Request& request) {
    if (request.op == op) request.op = 0;
    return request.op != 0;
  });
}

std::optional<TimePoint> Rpcs::next_timeout() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.front().first;
}

void Rpcs::clear() {
  requests_ = RecycledVector<Request>();  // not = {}, which keeps the memory
  deadlines_ = RecycledVector<Deadline>();
  newest_ = RecycledVector<Chained>();
  over_ = 0;
  size_ = 0;
}

Rpcs::Request* Rpcs::at(std::uint64_t id) {
  const std::uint64_t back = next_ - id;  // 1: the last
  if (back == 0 || back > requests_.size()) return nullptr;
  return &requests_[requests_.size() - back];
}

Rpcs::Request* Rpcs::find(std::uint64_t id) {
  Request* request = at(id);
  return request != nullptr && request->peer ? request : nullptr;
}

Rpcs::Pending Rpcs::remove(Request& request) {
  Pending out = std::move(request);
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

void Rpcs::await(const Request& request) {
  deadlines_.emplace_back(deadline(request), id_of(request));
  std::push_heap(deadlines_.begin(), deadlines_.end(), std::greater<>());
}

void Rpcs::drop_stale_deadlines() {
  while (!deadlines_.empty()) {
    const Request* request = find(deadlines_.front().second);
    if (request != nullptr && deadline(*request) == deadlines_.front().first) return;
    std::pop_heap(deadlines_.begin(), deadlines_.end(), std::greater<>());
    deadlines_.pop_back();
  }
}

void Rpcs::link(Request& request) {
  const std::uint64_t id = id_of(request);
  request.before.by_peer = std::exchange(newest(hash_of(request.peer->key)).by_peer, id);
  if (request.op != 0) request.before.by_op = std::exchange(newest(request.op).by_op, id);
}

// Twice as many, so that a chain stays short.
void Rpcs::add_chains() {
  newest_ = RecycledVector<Chained>(std::max(kFewestChains, 2 * newest_.size()));
  for (Request& request : requests_) {
    if (request.peer) link(request);
  }
}

// From the newest to the oldest of a chain. Who is over, or whom keep(request) does not want to
// see again, is taken out.
template <class Keep>
void Rpcs::walk(std::uint64_t Chained::*chain, std::uint64_t hash, Keep keep) {
  if (newest_.empty()) return;
  std::uint64_t* id = &(newest(hash).*chain);
  while (Request* request = at(*id)) {
    ++looked_at_;
    if (request->peer && keep(*request)) {
      id = &(request->before.*chain);
    } else {
      *id = request->before.*chain;
    }
  }
}

}  // namespace kadmos
