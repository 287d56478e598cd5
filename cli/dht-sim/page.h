// Results as a page to look at: one HTML file that needs nothing else.
#pragma once

#include <string>
#include <vector>

#include "cli/common/json.h"

namespace kadmos::cli {

// Results are as json_of gives them, each perhaps of several runs; at most kColours. Errors: those
// of draw().
Result<std::string> page_of(const std::vector<Json>& results);

}  // namespace kadmos::cli
