// How long a frame travels: nodes sit on a square, distance is time, and each frame is late by a
// random bit more. Integers only, so that every machine computes the same.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/prng.h"
#include "kadmos/time.h"

namespace kadmos::sim {

struct Position {
  std::int64_t x = 0;
  std::int64_t y = 0;
};

// One-way times.
struct Latency {
  Duration floor = std::chrono::microseconds(40);
  Duration side = Duration::zero();  // of the square
  Duration jitter = std::chrono::microseconds(20);

  // All nodes on one machine: round trips of about 0.1 ms.
  static Latency loopback() { return {}; }
  // Round trips of about 10 to 330 ms, half of them below 140 ms.
  static Latency internet() {
    using std::chrono::milliseconds;
    return {milliseconds(5), milliseconds(120), milliseconds(8)};
  }

  Position place(Prng& prng) const {
    const auto bound = static_cast<std::uint64_t>(side.count()) + 1;
    const auto x = static_cast<std::int64_t>(prng.below(bound));
    return {x, static_cast<std::int64_t>(prng.below(bound))};
  }

  Duration one_way(const Position& a, const Position& b, Prng& prng) const {
    const std::int64_t dx = std::abs(a.x - b.x);
    const std::int64_t dy = std::abs(a.y - b.y);
    // The hypotenuse to within 7 %.
    const std::int64_t distance = std::max(dx, dy) + std::min(dx, dy) * 3 / 8;
    const auto late = prng.below(static_cast<std::uint64_t>(jitter.count()) + 1);
    return floor + Duration(distance) + Duration(static_cast<std::int64_t>(late));
  }
};

}  // namespace kadmos::sim
