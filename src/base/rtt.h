// A round-trip estimate: smoothed mean and deviation in integers, after Jacobson (RFC 6298).
#pragma once

#include <algorithm>
#include <cstdint>

#include "kadmos/time.h"

namespace kadmos {

// A new sample weighs 1/kInertia in the deviation and half that in the mean.
template <std::uint32_t kInertia>
class SmoothedRtt {
 public:
  bool measured() const { return mean_us_ != 0; }

  void add(Duration sample) {
    const auto us = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(sample).count(), 1, kMaxUs));
    if (!measured()) {
      mean_us_ = us;
      deviation_us_ = us / 2;
      return;
    }
    const std::uint32_t difference = us > mean_us_ ? us - mean_us_ : mean_us_ - us;
    deviation_us_ = ((kInertia - 1) * deviation_us_ + difference) / kInertia;
    mean_us_ = std::max<std::uint32_t>(1, ((2 * kInertia - 1) * mean_us_ + us) / (2 * kInertia));
  }

  // Mean + 4 deviations: what an answer should not exceed.
  Duration timeout() const {
    return std::chrono::microseconds(std::int64_t{mean_us_} + 4 * std::int64_t{deviation_us_});
  }
  Duration mean() const { return std::chrono::microseconds(mean_us_); }

 private:
  static constexpr std::int64_t kMaxUs = 60'000'000;
  std::uint32_t mean_us_ = 0;
  std::uint32_t deviation_us_ = 0;
};

// Of one peer: follows its path.
using Rtt = SmoothedRtt<4>;
// Of many peers at different distances: a few near ones in a row must not make the far look slow.
using CrowdRtt = SmoothedRtt<8>;

}  // namespace kadmos
