// A result in a few lines of text.
#pragma once

#include <string>

#include "cli/common/json.h"

namespace kadmos::cli {

// Of several runs, the medians and ranges.
std::string summary_of(const Json& result);

}  // namespace kadmos::cli
