// What a run's figures are held against: a perfect Kademlia of the same size if nothing goes wrong,
// and what was published of Kademlia under churn.
#pragma once

#include "cli/common/json.h"
#include "simulations/scenario.h"

namespace kadmos::cli {

// A list of {"figure", "path" (of the measured figure in a result), "unit", "value", "source"}.
Json yardsticks_of(const sim::Scenario& scenario);

}  // namespace kadmos::cli
