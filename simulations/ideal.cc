#include "simulations/ideal.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"
#include "base/prng.h"

namespace kadmos::sim {

namespace {

constexpr int kBits = 64;

// Somebody a lookup has heard of.
struct Candidate {
  std::uint64_t distance = 0;
  std::size_t node = 0;
  int hops = 0;
  bool asked = false;
  bool answered = false;
};

// By distance, none twice.
class Candidates {
 public:
  void add(std::uint64_t distance, std::size_t node, int hops) {
    const auto at = place_of(distance);
    if (at != all_.end() && at->distance == distance) return;
    all_.insert(at, {distance, node, hops});
  }
  Candidate& at(std::uint64_t distance) { return *place_of(distance); }
  const Candidate& nearest() const { return all_.front(); }
  // The first among the n nearest for which `fn` is false; null if there is none.
  template <class Fn>
  Candidate* first_not(std::size_t n, Fn fn) {
    const auto end = all_.begin() + static_cast<std::ptrdiff_t>(std::min(n, all_.size()));
    const auto found = std::find_if_not(all_.begin(), end, fn);
    return found == end ? nullptr : &*found;
  }

 private:
  std::vector<Candidate>::iterator place_of(std::uint64_t distance) {
    return std::ranges::lower_bound(all_, distance, {}, &Candidate::distance);
  }
  std::vector<Candidate> all_;
};

IdealResult::Times times(std::vector<Duration>& all) {
  std::ranges::sort(all);
  const auto percentile = [&](std::size_t hundredths) {
    const Duration at = all[std::min(all.size() - 1, all.size() * hundredths / 100)];
    return std::chrono::duration<double, std::milli>(at).count();
  };
  return {percentile(50), percentile(90), percentile(99)};
}

}  // namespace

IdealNetwork::IdealNetwork(IdealOptions options) : options_(std::move(options)) {
  check(options_.nodes >= 2 && options_.k >= 1 && options_.alpha >= 1 && options_.closing >= 1);
  Prng prng(options_.seed);
  table_seed_ = prng.next();
  while (ids_.size() < options_.nodes) {
    while (ids_.size() < options_.nodes) ids_.push_back(prng.next());
    std::ranges::sort(ids_);
    ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
  }
}

std::vector<std::size_t> IdealNetwork::bucket(std::size_t node, int bits) const {
  // The first id of the bucket differs from the node's in bit `bits` and is zero after it.
  const std::uint64_t bit = std::uint64_t{1} << (kBits - 1 - bits);
  const std::uint64_t first = (ids_[node] ^ bit) & ~(bit - 1);
  const auto begin = std::ranges::lower_bound(ids_, first);
  const auto end = std::upper_bound(begin, ids_.end(), first | (bit - 1));
  const auto base = static_cast<std::size_t>(begin - ids_.begin());
  const auto size = static_cast<std::size_t>(end - begin);

  // Floyd's choice of `want` among `size`: each subset is as likely as any other.
  const std::size_t want = std::min(size, static_cast<std::size_t>(options_.k));
  Prng prng(table_seed_ + node * kBits + static_cast<std::size_t>(bits));
  std::vector<std::size_t> chosen;
  chosen.reserve(want);
  for (std::size_t last = size - want; last < size; ++last) {
    const std::size_t drawn = base + prng.below(last + 1);
    const bool taken = std::ranges::find(chosen, drawn) != chosen.end();
    chosen.push_back(taken ? base + last : drawn);
  }
  return chosen;
}

std::vector<std::size_t> IdealNetwork::answer(std::size_t node, std::uint64_t target) const {
  const auto k = static_cast<std::size_t>(options_.k);
  const int shared = std::countl_zero(ids_[node] ^ target);
  std::vector<std::size_t> out;
  const auto take = [&](int bits) {
    const auto more = bucket(node, bits);
    out.insert(out.end(), more.begin(), more.end());
  };
  // Closest are those that share more bits with the target than the node does, next those that
  // share as many, which are in all the deeper buckets, then one shallower bucket after another.
  if (shared < kBits) take(shared);
  if (out.size() < k) {
    for (int bits = shared + 1; bits < kBits; ++bits) take(bits);
  }
  for (int bits = shared - 1; bits >= 0 && out.size() < k; --bits) take(bits);
  std::ranges::sort(out, {}, [&](std::size_t i) { return ids_[i] ^ target; });
  if (out.size() > k) out.resize(k);
  return out;
}

IdealNetwork::Lookup IdealNetwork::lookup(std::size_t from, std::uint64_t target) const {
  struct Request {
    Duration answered_at;
    std::uint64_t distance;
  };
  const auto k = static_cast<std::size_t>(options_.k);
  Candidates candidates;
  std::vector<Request> waiting;  // in the order of asking
  Lookup out;
  Duration now{};
  const auto hear = [&](std::size_t teller, int hops) {
    for (const std::size_t node : answer(teller, target)) {
      if (node != from) candidates.add(ids_[node] ^ target, node, hops);
    }
  };

  hear(from, 1);
  while (candidates.first_not(k, [](const Candidate& c) { return c.answered; }) != nullptr) {
    const bool closing = candidates.nearest().answered;
    const auto width = static_cast<std::size_t>(closing ? options_.closing : options_.alpha);
    while (waiting.size() < width) {
      Candidate* next = candidates.first_not(k, [](const Candidate& c) { return c.asked; });
      if (next == nullptr) break;
      next->asked = true;
      ++out.rpcs;
      waiting.push_back({now + options_.round_trip(from, next->node), next->distance});
    }
    // Of answers of one instant the one asked for first comes first.
    const auto first = std::ranges::min_element(waiting, {}, &Request::answered_at);
    now = first->answered_at;
    Candidate& teller = candidates.at(first->distance);
    waiting.erase(first);
    teller.answered = true;
    if (teller.distance == candidates.nearest().distance) {
      out.closest = teller.node;
      out.hops = teller.hops;
      out.closest_at = now;
    }
    hear(teller.node, teller.hops + 1);
  }
  out.done_at = now;
  return out;
}

IdealResult ideal(const IdealOptions& options, std::size_t lookups) {
  check(lookups >= 1);
  const IdealNetwork network(options);
  Prng prng(options.seed ^ 0x6c6f6f6b7570U);
  std::uint64_t hops = 0;
  std::uint64_t rpcs = 0;
  std::vector<Duration> closest;
  std::vector<Duration> done;
  for (std::size_t i = 0; i < lookups; ++i) {
    const std::size_t from = prng.below(options.nodes);
    const auto lookup = network.lookup(from, prng.next());
    hops += static_cast<std::uint64_t>(lookup.hops);
    rpcs += static_cast<std::uint64_t>(lookup.rpcs);
    closest.push_back(lookup.closest_at);
    done.push_back(lookup.done_at);
  }
  const auto mean = [&](std::uint64_t sum) {
    return static_cast<double>(sum) / static_cast<double>(lookups);
  };
  return {mean(hops), mean(rpcs), times(closest), times(done)};
}

}  // namespace kadmos::sim
