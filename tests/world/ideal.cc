// The ideal network: its tables are what they are said to be, and its lookups find the truth at the
// price that can be reckoned by hand.
#include "simulations/ideal.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <set>

#include "base/prng.h"

namespace kadmos::sim {
namespace {

using std::chrono::milliseconds;

Duration equal(std::size_t /*a*/, std::size_t /*b*/) { return milliseconds(1); }

// Nodes on a line, in a shuffled order.
Duration line(std::size_t a, std::size_t b) {
  const auto place = [](std::size_t i) { return static_cast<int>(i * 389 % 1000); };
  return milliseconds(5 + std::abs(place(a) - place(b)));
}

IdealOptions network_of(std::size_t nodes, Duration (*round_trip)(std::size_t, std::size_t)) {
  IdealOptions options;
  options.nodes = nodes;
  options.round_trip = round_trip;
  return options;
}

std::size_t true_closest(const IdealNetwork& network, std::uint64_t target, std::size_t except) {
  std::size_t best = except == 0 ? 1 : 0;
  for (std::size_t i = 0; i < network.ids().size(); ++i) {
    const bool nearer = (network.ids()[i] ^ target) < (network.ids()[best] ^ target);
    if (i != except && nearer) best = i;
  }
  return best;
}

TEST_CASE("an ideal bucket holds k different nodes of its prefix or all if there are no more") {
  const IdealNetwork network(network_of(300, equal));
  const auto& ids = network.ids();
  for (std::size_t node = 0; node < ids.size(); ++node) {
    for (int bits = 0; bits < 64; ++bits) {
      const auto belongs = [&](std::size_t i) {
        return i != node && std::countl_zero(ids[i] ^ ids[node]) == bits;
      };
      std::size_t there = 0;
      for (std::size_t i = 0; i < ids.size(); ++i) there += belongs(i) ? 1 : 0;
      const auto bucket = network.bucket(node, bits);
      REQUIRE(std::ranges::all_of(bucket, belongs));
      REQUIRE(std::set(bucket.begin(), bucket.end()).size() == std::min<std::size_t>(there, 20));
      REQUIRE(bucket == network.bucket(node, bits));
    }
  }
}

TEST_CASE("an ideal bucket is a fair choice that differs from node to node") {
  const std::size_t nodes = 2000;
  const IdealNetwork network(network_of(nodes, equal));
  // All nodes of the lower half choose 20 of the upper half for their first bucket.
  const auto half = static_cast<std::size_t>(
      std::ranges::lower_bound(network.ids(), std::uint64_t{1} << 63) - network.ids().begin());
  std::vector<int> chosen(nodes);
  for (std::size_t node = 0; node < half; ++node) {
    for (const std::size_t i : network.bucket(node, 0)) ++chosen[i];
  }
  // About 20 times each, deviation 4.4: eight deviations would be a fault.
  for (std::size_t i = half; i < nodes; ++i) {
    REQUIRE(chosen[i] > 0);
    REQUIRE(chosen[i] < 56);
  }
}

TEST_CASE("an ideal answer names the closest of the table") {
  const IdealNetwork network(network_of(1000, equal));
  Prng prng(1);
  for (int n = 0; n < 200; ++n) {
    const std::size_t node = prng.below(1000);
    // Every other target is near the node, where the deeper buckets matter.
    const std::uint64_t target =
        n % 2 == 0 ? prng.next() : network.ids()[node] ^ prng.below(1 << 20);
    std::vector<std::size_t> table;
    for (int bits = 0; bits < 64; ++bits) {
      const auto bucket = network.bucket(node, bits);
      table.insert(table.end(), bucket.begin(), bucket.end());
    }
    std::ranges::sort(table, {}, [&](std::size_t i) { return network.ids()[i] ^ target; });
    table.resize(20);
    REQUIRE(network.answer(node, target) == table);
  }
}

TEST_CASE("an ideal lookup finds the truly closest node and asks at least k") {
  const IdealNetwork network(network_of(1000, line));
  Prng prng(2);
  for (int n = 0; n < 500; ++n) {
    const std::size_t from = prng.below(1000);
    const std::uint64_t target = n % 2 == 0 ? prng.next() : network.ids()[from];
    const auto lookup = network.lookup(from, target);
    REQUIRE(lookup.closest == true_closest(network, target, from));
    REQUIRE(lookup.rpcs >= 20);
    REQUIRE(lookup.closest_at <= lookup.done_at);
  }
}

TEST_CASE("where all round trips are equal the closest node is reached after one for each hop") {
  auto options = network_of(5000, equal);
  options.k = 8;
  const IdealNetwork network(options);
  Prng prng(3);
  std::set<int> seen;
  for (int n = 0; n < 300; ++n) {
    const auto lookup = network.lookup(prng.below(5000), prng.next());
    // Each of the chain was the closest seen, so it was asked as soon as it was named.
    REQUIRE(lookup.closest_at == milliseconds(lookup.hops));
    seen.insert(lookup.hops);
  }
  CHECK(seen.size() >= 3);
}

TEST_CASE("a network no larger than k knows itself and is asked once in rounds of alpha") {
  const IdealNetwork network(network_of(20, equal));
  for (std::size_t from = 0; from < 20; ++from) {
    const auto lookup = network.lookup(from, from * 0x0d0d0d0d0d0d0d0dU);
    CHECK(lookup.hops == 1);
    CHECK(lookup.rpcs == 19);
    CHECK(lookup.closest_at == milliseconds(1));
    CHECK(lookup.done_at == milliseconds(7));
  }
}

TEST_CASE("a wider closing phase ends sooner and asks hardly more") {
  auto options = network_of(2000, line);
  const auto narrow = ideal(options, 500);
  options.closing = 20;
  const auto wide = ideal(options, 500);
  CHECK(wide.done_ms.p50 < narrow.done_ms.p50 * 0.75);
  CHECK(wide.rpcs_mean < narrow.rpcs_mean * 1.02);
  CHECK(wide.closest_ms.p50 == narrow.closest_ms.p50);
}

TEST_CASE("a larger ideal network takes more hops and requests") {
  const auto small = ideal(network_of(500, line), 500);
  const auto large = ideal(network_of(20'000, line), 500);
  CHECK(small.hops_mean > 1);
  CHECK(large.hops_mean > small.hops_mean + 0.5);
  CHECK(large.rpcs_mean > small.rpcs_mean + 0.5);
  CHECK(large.closest_ms.p50 > small.closest_ms.p50);
}

TEST_CASE("ten thousand ideal nodes cost the hops and requests that were published") {
  // Of the WonderNetwork matrix, but both depend little on latencies.
  const auto result = ideal(network_of(10'000, line), 2000);
  CHECK(result.hops_mean == doctest::Approx(2.50).epsilon(0.03));
  CHECK(result.rpcs_mean == doctest::Approx(22.9).epsilon(0.02));
}

TEST_CASE("the same seed gives the same ideal figures and another seed gives others") {
  auto options = network_of(1000, line);
  const auto figures = [&] {
    const auto result = ideal(options, 200);
    return std::vector<double>{result.hops_mean,      result.rpcs_mean,      result.closest_ms.p50,
                               result.closest_ms.p90, result.closest_ms.p99, result.done_ms.p50,
                               result.done_ms.p90,    result.done_ms.p99};
  };
  const auto first = figures();
  CHECK(figures() == first);
  options.seed = 2;
  CHECK(figures() != first);
}

}  // namespace
}  // namespace kadmos::sim
