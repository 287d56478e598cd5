// Results that were kept as files.
#pragma once

#include <string>

#include "cli/common/json.h"

namespace kadmos::cli {

// A result as json_of (result_json.h) makes it, perhaps with runs and yardsticks, each with all
// that summaries, pages and comparisons look at. Errors: not_found, io, too_large;
// invalid_argument, which names what is missing or of a wrong kind.
Result<Json> load_result(const std::string& file);

}  // namespace kadmos::cli
