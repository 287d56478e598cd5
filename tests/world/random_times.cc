#include "simulations/random_times.h"

#include <doctest/doctest.h>

#include <cmath>

namespace kadmos::sim {
namespace {

double real(Fixed x) { return std::ldexp(static_cast<double>(x), -32); }
Fixed fixed(double x) { return static_cast<Fixed>(std::ldexp(x, 32)); }

TEST_CASE("fixed-point logarithms and powers of two agree with the real ones") {
  for (const double x : {1e-9, 0.001, 0.3, 0.999, 1.0, 1.001, 2.0, 3.7, 1000.0, 1e9}) {
    CHECK(real(log2_of(fixed(x))) == doctest::Approx(std::log2(real(fixed(x)))).epsilon(1e-7));
  }
  for (const double x : {-20.0, -3.3, -0.5, 0.0, 0.25, 1.0, 7.9, 30.5}) {
    CHECK(real(exp2_of(fixed(x))) == doctest::Approx(std::exp2(x)).epsilon(1e-3));
  }
  CHECK(exp2_of(fixed(0.5)) == fixed(std::sqrt(2.0)));
  CHECK(exp2_of(fixed(-40)) == 0);
}

TEST_CASE("random lengths have the mean they are given and the tail of their kind") {
  struct Case {
    LengthOptions::Model model;
    std::uint32_t shape;
    double above_three_means;  // share
  };
  for (const Case& one : {Case{LengthOptions::Model::exponential, 0, std::exp(-3)},
                          Case{LengthOptions::Model::weibull, 500, std::exp(-std::sqrt(6.0))},
                          Case{LengthOptions::Model::weibull, 2000, std::exp(-9 * 0.7854)},
                          Case{LengthOptions::Model::pareto, 3000, std::pow(2.0 / 9, 3)},
                          Case{LengthOptions::Model::constant, 0, 0}}) {
    CAPTURE(one.shape);
    const Lengths lengths({one.model, std::chrono::hours(1), one.shape});
    Prng prng(5);
    double sum = 0;
    int long_ones = 0;
    constexpr int kDraws = 200'000;
    for (int i = 0; i < kDraws; ++i) {
      const double hours =
          std::chrono::duration<double, std::ratio<3600>>(lengths.draw(prng)).count();
      sum += hours;
      if (hours > 3) ++long_ones;
    }
    CHECK(sum / kDraws == doctest::Approx(1).epsilon(0.02));
    CHECK(std::abs(double(long_ones) / kDraws - one.above_three_means) < 0.002);
  }
}

TEST_CASE("measured lengths are drawn as they are") {
  LengthOptions options;
  CHECK_FALSE(options.on());
  options.measured = std::make_shared<const std::vector<Duration>>(
      std::vector<Duration>{std::chrono::seconds(1), std::chrono::seconds(5)});
  CHECK(options.on());
  const Lengths lengths(options);
  Prng prng(1);
  int ones = 0;
  for (int i = 0; i < 1000; ++i) {
    const Duration length = lengths.draw(prng);
    if (length == std::chrono::seconds(1)) {
      ++ones;
    } else {
      CHECK(length == std::chrono::seconds(5));
    }
  }
  CHECK(ones > 400);
  CHECK(ones < 600);
}

}  // namespace
}  // namespace kadmos::sim
