// What two nodes both keep, against a sort of all nodes for every key of a small space.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "base/prng.h"
#include "routing/region.h"

using namespace kadmos;

namespace {

// A space of so many bits, at the top of the ids.
constexpr int kSmall = 8;
Id small(std::uint64_t n) { return Id::from_top(n << (64 - kSmall)); }

bool keeps(const Keeper& keeper, const Id& partner, const std::vector<Id>& others, const Key& key) {
  int nearer = closer(key, partner, keeper.id) ? 1 : 0;
  for (const Id& other : others) nearer += closer(key, other, keeper.id) ? 1 : 0;
  return nearer < keeper.k;
}

}  // namespace

TEST_CASE("two nodes share exactly the keys to which both are among the nearest") {
  Prng prng(1);
  for (int round = 0; round < 300; ++round) {
    std::set<std::uint64_t> ids;
    const std::uint64_t nodes = 2 + prng.below(60);
    while (ids.size() < nodes) ids.insert(prng.below(1 << kSmall));
    std::vector<Id> all;
    for (const auto id : ids) all.push_back(small(id));
    for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[prng.below(i)]);
    const Keeper a{all[0], static_cast<int>(1 + prng.below(8))};
    const Keeper b{all[1], static_cast<int>(1 + prng.below(8))};
    const std::vector<Id> others(all.begin() + 2, all.end());
    const auto ranges = shared_ranges(a, b, others, 1000);
    CHECK(std::is_sorted(ranges.begin(), ranges.end(),
                         [](const auto& x, const auto& y) { return x.last() < y.first(); }));
    for (std::uint64_t n = 0; n < 1 << kSmall; ++n) {
      const Key key = small(n);
      const bool shared =
          std::ranges::any_of(ranges, [&](const KeyRange& range) { return range.contains(key); });
      REQUIRE(shared == (keeps(a, b.id, others, key) && keeps(b, a.id, others, key)));
    }
    CHECK(shared_ranges(a, b, all, 1000) == ranges);  // they may be named as well
  }
}

TEST_CASE("two nodes of few share the whole space as one range") {
  const std::vector<Id> others{small(3), small(200)};
  const auto ranges = shared_ranges({small(1), 4}, {small(100), 4}, others, 64);
  REQUIRE(ranges.size() == 1);
  CHECK(ranges[0] == KeyRange{});
}

TEST_CASE("shared ranges are no more than asked for") {
  Prng prng(2);
  std::vector<Id> others;
  for (int i = 0; i < 2000; ++i) others.push_back(prng.id());
  const Keeper a{prng.id(), 20};
  Id near = a.id;
  near.set_bit(9, !near.bit(9));
  const auto all = shared_ranges(a, {near, 20}, others, 1000);
  REQUIRE(all.size() > 3);
  const auto some = shared_ranges(a, {near, 20}, others, 3);
  CHECK(some == std::vector(all.begin(), all.begin() + 3));
}
