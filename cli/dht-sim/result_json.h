// A run's result as JSON, the form in which results are kept and compared; docs/simulation.md lists
// the fields.
#pragma once

#include "cli/common/json.h"
#include "simulations/simulation.h"

namespace kadmos::cli {

struct Cost {
  double seconds = 0;  // of wall-clock time, of the whole run
  std::uint64_t rss_bytes = 0;
};

Json json_of(const sim::Scenario& scenario, const sim::Measurements& measured, const Cost& cost);

}  // namespace kadmos::cli
