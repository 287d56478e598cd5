// The round-trip estimate of one peer or of all: smoothed mean and deviation in integers, after
// Jacobson (RFC 6298).
#pragma once

#include <algorithm>
#include <cstdint>

#include "kadmos/time.h"

namespace kadmos {

class Rtt {
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
    deviation_us_ = (3 * deviation_us_ + difference) / 4;
    mean_us_ = std::max<std::uint32_t>(1, (7 * mean_us_ + us) / 8);
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

}  // namespace kadmos
