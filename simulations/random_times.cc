#include "simulations/random_times.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/check.h"

namespace kadmos::sim {

namespace {

__extension__ using Wide = unsigned __int128;

// Of two numbers that are not negative.
Fixed product(Fixed a, Fixed b) {
  return static_cast<Fixed>(static_cast<Wide>(a) * static_cast<Wide>(b) >> 32);
}

// Uniform in (0, 1].
Fixed uniform(Prng& prng) { return static_cast<Fixed>((prng.next() >> 32) + 1); }

// 2^(2^-i) in 2.62, i = 1..32.
constexpr auto kRoots = [] {
  std::array<std::uint64_t, 32> roots{};
  Wide square = Wide{2} << 62;
  for (auto& root : roots) {
    // The integer root of square * 2^62, by bisection.
    Wide low = 0;
    Wide high = Wide{1} << 64;
    while (high - low > 1) {
      const Wide middle = (low + high) / 2;
      (middle * middle <= square << 62 ? low : high) = middle;
    }
    root = static_cast<std::uint64_t>(low);
    square = low;
  }
  return roots;
}();

// ln 2.
constexpr Fixed kLn2 = 2977044472;

// Exponents of two beyond this are cut.
constexpr Fixed kLargest = 30 * kFixedOne;

}  // namespace

Fixed log2_of(Fixed x) {
  check(x > 0);
  const int whole = std::bit_width(static_cast<std::uint64_t>(x)) - 33;
  // In [1, 2), with 62 bits behind the point.
  std::uint64_t rest = static_cast<std::uint64_t>(x) << (30 - whole);
  Fixed out = Fixed{whole} * kFixedOne;
  for (Fixed bit = kFixedOne / 2; bit > 0; bit /= 2) {
    const auto square = static_cast<Wide>(rest) * rest >> 62;
    if (square >> 63 != 0) {
      out += bit;
      rest = static_cast<std::uint64_t>(square >> 1);
    } else {
      rest = static_cast<std::uint64_t>(square);
    }
  }
  return out;
}

Fixed exp2_of(Fixed x) {
  check(x < 31 * kFixedOne);
  const Fixed whole = x >> 32;
  const auto fraction = static_cast<std::uint64_t>(x & (kFixedOne - 1));
  if (whole < -33) return 0;
  std::uint64_t out = std::uint64_t{1} << 62;
  for (unsigned i = 0; i < kRoots.size(); ++i) {
    if ((fraction >> (31 - i) & 1U) != 0) {
      out = static_cast<std::uint64_t>(static_cast<Wide>(out) * kRoots[i] >> 62);
    }
  }
  return static_cast<Fixed>(out >> (30 - whole));
}

namespace {

// -ln of a uniform number: exponential with mean 1.
Fixed unit_exponential(Prng& prng) { return product(-log2_of(uniform(prng)), kLn2); }

Duration scaled(Duration mean, Fixed factor) {
  const Wide exact = static_cast<Wide>(mean.count()) * static_cast<Wide>(factor) >> 32;
  constexpr Wide kMax = Wide{1} << 62;  // 146 years
  return Duration(static_cast<std::int64_t>(std::min(exact, kMax)));
}

// x^(1 / shape), shape in thousandths.
Fixed root(Fixed x, std::uint32_t shape) {
  if (x <= 0) return 0;
  const Fixed exponent = log2_of(x) * 1000 / static_cast<Fixed>(shape);
  return exp2_of(std::min(exponent, kLargest));
}

// Gamma(1 + 1 / shape), the mean of a Weibull distribution of scale 1: the integral of x^(1/shape)
// e^-x, as the mean over the middles of 2^16 equal slices of probability.
Fixed weibull_mean(std::uint32_t shape) {
  constexpr Fixed kSlices = 1 << 16;
  Wide sum = 0;
  for (Fixed i = 0; i < kSlices; ++i) {
    const Fixed u = (2 * i + 1) * (kFixedOne / (2 * kSlices));
    sum += static_cast<Wide>(root(product(-log2_of(u), kLn2), shape));
  }
  return static_cast<Fixed>(sum / kSlices);
}

}  // namespace

Duration exponential(Prng& prng, Duration mean) { return scaled(mean, unit_exponential(prng)); }

Lengths::Lengths(const LengthOptions& options) : options_(options) {
  if (options_.model == LengthOptions::Model::weibull) {
    check(options_.shape > 0);
    scale_ = static_cast<Fixed>((Wide{1} << 64) / static_cast<Wide>(weibull_mean(options_.shape)));
  }
  if (options_.model == LengthOptions::Model::pareto) {
    check(options_.shape > 1000);
    scale_ = kFixedOne * (Fixed{options_.shape} - 1000) / Fixed{options_.shape};
  }
}

Duration Lengths::draw(Prng& prng) const {
  if (options_.measured) return (*options_.measured)[prng.below(options_.measured->size())];
  switch (options_.model) {
    case LengthOptions::Model::constant:
      return options_.mean;
    case LengthOptions::Model::exponential:
      return exponential(prng, options_.mean);
    case LengthOptions::Model::weibull:
      return scaled(options_.mean, product(scale_, root(unit_exponential(prng), options_.shape)));
    case LengthOptions::Model::pareto: {
      const Fixed exponent = -log2_of(uniform(prng)) * 1000 / Fixed{options_.shape};
      return scaled(options_.mean, product(scale_, exp2_of(std::min(exponent, kLargest))));
    }
  }
  check(false);
  return {};
}

}  // namespace kadmos::sim
