#include "simulations/crowd.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace kadmos::sim {

namespace {
// Ways into the network that a joining node is told.
constexpr std::size_t kWaysIn = 3;
}  // namespace

Crowd::Crowd(World& world, const Scenario& scenario, Prng prng)
    : world_(world), scenario_(scenario), prng_(prng) {}

NodeIndex Crowd::add() {
  const NodeIndex i = world_.add();
  if (scenario_.undialable > 0 && !up_.empty() && prng_.chance(scenario_.undialable)) {
    world_.network().set_dialable(i, false);
    hidden_.insert(i);
  }
  enter(i);
  return i;
}

void Crowd::enter(NodeIndex i) {
  show_ways_in(i);
  note(i, true);
  join(i);
}

void Crowd::show_ways_in(NodeIndex i) {
  // Different ones: with new identities that come and go, a single way may be gone at once.
  std::set<NodeIndex> ways;
  const std::size_t wanted = std::min(kWaysIn, population_.size());
  while (ways.size() < wanted) {
    const NodeIndex known = any(prng_);
    if (!hidden_.contains(known)) ways.insert(known);
  }
  for (const NodeIndex way : ways) world_.node(i).add_bootstrap(world_.bootstrap(way));
}

NodeIndex Crowd::clone(NodeIndex i) {
  const NodeIndex twin = world_.clone(i, scenario_.config);
  show_ways_in(twin);
  join(twin);
  return twin;
}

void Crowd::join(NodeIndex i) {
  if (joining_.size() <= i) joining_.resize(i + std::size_t{1});
  joining_[i] = world_.node(i).join().then([this](Result<Closest> result) {
    if (!result && result.error().code != Errc::closed) ++joins_failed_;
  });
}

void Crowd::end(NodeIndex i, bool wipe) {
  bytes_gone_ += world_.node(i).stats().bytes_sent;
  note(i, false);
  world_.crash(i);
  if (wipe) world_.wipe(i);
}

void Crowd::start(NodeIndex i) {
  world_.restart(i);
  enter(i);
}

void Crowd::note(NodeIndex i, bool up) {
  if (place_.size() <= i) {
    place_.resize(i + std::size_t{1});
    lives_.resize(i + std::size_t{1});
    ended_.resize(i + std::size_t{1});
  }
  if (up) {
    check(place_[i] == 0);
    ++lives_[i];
    up_.push_back(i);
    place_[i] = static_cast<std::uint32_t>(up_.size());
    if (!hidden_.contains(i)) population_.add(world_.node(i).id(), i);
    return;
  }
  ended_[i] = world_.now();
  const std::uint32_t place = std::exchange(place_[i], 0);
  check(place != 0);
  population_.remove(world_.node(i).id());
  const NodeIndex last = up_.back();
  up_.pop_back();
  if (last == i) return;
  up_[place - 1] = last;
  place_[last] = place;
}

void Crowd::note_stranger(NodeIndex i) { strangers_.add(world_.node(i).id(), i); }

std::vector<NodeIndex> Crowd::closest_of_all(const Id& target, std::size_t k) const {
  std::vector<NodeIndex> all = population_.closest(target, k);
  if (strangers_.size() == 0) return all;
  const auto honest = static_cast<std::ptrdiff_t>(all.size());
  for (const NodeIndex i : strangers_.closest(target, k)) all.push_back(i);
  std::inplace_merge(all.begin(), all.begin() + honest, all.end(), [&](NodeIndex a, NodeIndex b) {
    return closer(target, world_.node(a).id(), world_.node(b).id());
  });
  all.resize(std::min(all.size(), k));
  return all;
}

std::vector<NodeIndex> Crowd::closest_in_place(const Id& target, std::size_t k) const {
  std::vector<NodeIndex> all = closest_of_all(target, k);
  std::erase_if(all, [this](NodeIndex i) { return !is_up(i); });
  return all;
}

void Crowd::fill(std::uint32_t count, const std::vector<NodeIndex>& strangers) {
  check(up_.empty());
  std::vector<std::pair<Id, NodeIndex>> sorted;
  for (std::uint32_t n = 0; n < count; ++n) {
    const NodeIndex i = world_.add();
    note(i, true);
    sorted.emplace_back(world_.node(i).id(), i);
  }
  for (const NodeIndex i : strangers) sorted.emplace_back(world_.node(i).id(), i);
  std::ranges::sort(sorted);
  const auto k = static_cast<std::size_t>(scenario_.config.k);
  std::vector<NodeIndex> chosen;
  for (const auto& [id, i] : sorted) {
    // From the whole range to ever smaller ones around the node itself; the other half of each is
    // a bucket. Nearest first, so that the table splits as it fills.
    std::vector<std::pair<std::size_t, std::size_t>> buckets;
    std::size_t from = 0;
    std::size_t to = sorted.size();
    for (int bit = 0; to - from > 1; ++bit) {
      const auto middle =
          std::partition_point(sorted.begin() + static_cast<std::ptrdiff_t>(from),
                               sorted.begin() + static_cast<std::ptrdiff_t>(to),
                               [bit](const auto& one) { return !one.first.bit(bit); });
      const auto split = static_cast<std::size_t>(middle - sorted.begin());
      const bool high = id.bit(bit);
      buckets.emplace_back(high ? from : split, high ? split : to);
      (high ? from : to) = split;
    }
    for (auto bucket = buckets.rbegin(); bucket != buckets.rend(); ++bucket) {
      const auto [first, last] = *bucket;
      chosen.clear();
      if (last - first <= k) {
        for (std::size_t j = first; j < last; ++j) chosen.push_back(sorted[j].second);
      }
      while (last - first > k && chosen.size() < k) {
        const NodeIndex one = sorted[first + prng_.below(last - first)].second;
        if (std::ranges::find(chosen, one) == chosen.end()) chosen.push_back(one);
      }
      for (const NodeIndex one : chosen) world_.introduce(i, one);
    }
  }
}

std::vector<NodeIndex> Crowd::some(PerMillion share, Prng& prng) const {
  std::vector<NodeIndex> all = up_;
  auto count = static_cast<std::size_t>(std::uint64_t{share} * all.size() / 1'000'000);
  if (count == 0 && share > 0 && all.size() > 1) count = 1;
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(all[i], all[i + prng.below(all.size() - i)]);
  }
  all.resize(count);
  return all;
}

std::uint64_t Crowd::bytes_sent() const {
  std::uint64_t sum = bytes_gone_;
  for (const NodeIndex i : up_) sum += world_.network().bytes_sent(i);
  return sum;
}

}  // namespace kadmos::sim
