#include "simulations/measurements.h"

#include <algorithm>
#include <cmath>

namespace kadmos::sim {

namespace {
double share(std::uint64_t part, std::uint64_t whole, double of_nothing) {
  return whole == 0 ? of_nothing : static_cast<double>(part) / static_cast<double>(whole);
}
}  // namespace

void Samples::add(Duration sample) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(sample).count();
  sorted_.push_back(static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 0, 0xffffffff)));
  is_sorted_ = false;
}

double Samples::quantile_ms(double share) const {
  if (sorted_.empty()) return 0;
  if (!is_sorted_) std::ranges::sort(sorted_);
  is_sorted_ = true;
  const auto rank = std::ceil(share * static_cast<double>(sorted_.size()));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return sorted_[std::min(index, sorted_.size() - 1)] / 1e3;
}

double Verb::success() const { return share(succeeded, succeeded + failed, 1); }
double Verb::hops_mean() const { return share(hops, succeeded, 0); }
double Verb::rpcs_mean() const { return share(rpcs, succeeded, 0); }

double Measurements::recall() const { return share(recalled, to_recall, 1); }
double Measurements::bytes_per_node_second() const { return share(bytes_sent, node_seconds, 0); }

}  // namespace kadmos::sim
