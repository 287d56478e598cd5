#include "cli/common/survival.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kadmos::cli {
namespace {

// (1 - 2^(-T/h))^m, exact where it is tiny too.
double all_lost(int copies, double time, double half_life) {
  return std::pow(-std::expm1(-std::numbers::ln2 * time / half_life), copies);
}

}  // namespace

Loss predict_loss(int copies, Duration left, Duration half_life) {
  using Seconds = std::chrono::duration<double>;
  const double time = std::max(Seconds(left).count(), 0.0);
  const double half = Seconds(half_life).count();
  const double window = std::min(time, Seconds(kMendedWithin).count());
  if (window <= 0.0) return {copies > 0 ? 0.0 : 1.0, copies > 0 ? 0.0 : 1.0};
  // All windows must be lived through: 1 - (1 - p)^n.
  const double survived = time / window * std::log1p(-all_lost(copies, window, half));
  return {-std::expm1(survived), all_lost(copies, time, half)};
}

}  // namespace kadmos::cli
