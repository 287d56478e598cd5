// Random lengths of time, and the logarithms they need, in integers: the same on every machine.
//
// Logarithms are fixed-point with 32 bits behind the point, exact to about 2^-30: log2 by repeated
// squaring, exp2 by multiplying the roots of two (Knuth, TAOCP 1.2.2, exercises 25 and 28).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "kadmos/time.h"

namespace kadmos::sim {

using Fixed = std::int64_t;  // 32.32
inline constexpr Fixed kFixedOne = Fixed{1} << 32;

// log2 of x, which is > 0.
Fixed log2_of(Fixed x);
// 2^x, for x < 31; 0 if too small to say.
Fixed exp2_of(Fixed x);

// Exponentially distributed; at most 22 means.
Duration exponential(Prng& prng, Duration mean);

// How long something lasts. Weibull and Pareto are given by mean and shape (in thousandths): a
// Weibull shape below 1 and a Pareto shape near 1 have heavy tails, as measured of peers' sessions.
struct LengthOptions {
  enum class Model : std::uint8_t { constant, exponential, weibull, pareto };
  Model model = Model::exponential;
  Duration mean = Duration::zero();  // zero: it does not happen
  std::uint32_t shape = 2000;        // of pareto: above 1000
  // Measured lengths, any of which is as likely; they take the place of model and mean.
  std::shared_ptr<const std::vector<Duration>> measured{};
  std::string measured_from{};  // the file

  bool on() const { return mean > Duration::zero() || measured != nullptr; }
};

class Lengths {
 public:
  explicit Lengths(const LengthOptions& options);
  Duration draw(Prng& prng) const;

 private:
  LengthOptions options_;
  Fixed scale_ = kFixedOne;  // what makes the mean 1
};

}  // namespace kadmos::sim
