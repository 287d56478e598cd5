#include <doctest/doctest.h>

#include <array>

#include "base/prng.h"

using namespace kadmos;

// The numbers come from an implementation of the published algorithms in another language.
TEST_CASE("one seed gives the same numbers on every platform") {
  Prng zero(0);
  CHECK(zero.next() == 0x99ec5f36cb75f2b4U);
  CHECK(zero.next() == 0xbf6e1f784956452aU);
  CHECK(zero.next() == 0x1a5f849d4933e6e0U);
  CHECK(zero.next() == 0x6aa594f1262d2d2cU);
  Prng one(1);
  CHECK(one.next() == 0xb3f2af6d0fc710c5U);
}

TEST_CASE("the distributions give the same numbers on every platform") {
  Prng below(7);
  for (const std::uint64_t expected : {70, 27, 83, 98, 99, 87, 6, 10}) {
    CHECK(below.below(100) == expected);
  }
  Prng between(7);
  for (const std::int64_t expected : {2, -2, 4, 5, 5, 4, -5, -4}) {
    CHECK(between.between(-5, 5) == expected);
  }
  Prng id(7);
  CHECK(id.id().hex() ==
        "5a76f94ef7fa58b3d22c484f963d5c4796792c9549d3f1d64072801e733829fb"
        "1803547eec04a9fd498c21b6e31c6edf5458ec95c2728d0fdc616f54cb4dbc1a");
  Prng jitter(7);
  for (const std::int64_t expected : {1080230593, 911500492, 1135850985}) {
    CHECK(jitter.jittered(std::chrono::seconds(1)) == std::chrono::nanoseconds(expected));
  }
}

TEST_CASE("distributions stay inside their bounds and reach all of them") {
  Prng prng(3);
  std::array<int, 5> seen{};
  for (int i = 0; i < 500; ++i) {
    const auto value = prng.between(-2, 2);
    REQUIRE(value >= -2);
    REQUIRE(value <= 2);
    ++seen[static_cast<std::size_t>(value + 2)];
  }
  for (const int count : seen) CHECK(count > 50);
  CHECK(prng.below(1) == 0);
  CHECK(prng.between(9, 9) == 9);
}

TEST_CASE("chance is none at 0 and certain at a million and even in between") {
  Prng prng(4);
  int hits = 0;
  for (int i = 0; i < 1000; ++i) {
    CHECK(!prng.chance(0));
    CHECK(prng.chance(1'000'000));
    if (prng.chance(500'000)) ++hits;
  }
  CHECK(hits > 400);
  CHECK(hits < 600);
}

TEST_CASE("jitter moves a period by a fifth at most") {
  Prng prng(5);
  for (int i = 0; i < 1000; ++i) {
    const auto period = prng.jittered(std::chrono::seconds(10));
    CHECK(period >= std::chrono::seconds(8));
    CHECK(period <= std::chrono::seconds(12));
  }
}
