// Whether a scenario keeps every promise, found out in a process of its own.
#pragma once

#include <string>

#include "cli/common/json.h"
#include "simulations/scenario.h"

namespace kadmos::cli {

// {"digest", "violations", "rule", "detail", "gets", "sets", "lookups", "events"}: what a run of it
// came to; rule is the first broken promise, or empty.
Json judge(const sim::Scenario& scenario);

}  // namespace kadmos::cli
