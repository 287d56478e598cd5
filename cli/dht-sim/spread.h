// What the runs of one result have in common: a figure of each, as median and range.
#pragma once

#include <string>
#include <vector>

#include "cli/common/json.h"

namespace kadmos::cli {

struct Spread {
  double low = 0;
  double median = 0;
  double high = 0;
};

// From this many values on the range leaves the lowest and the highest tenth out.
inline constexpr std::size_t kMany = 10;

// `values` must not be empty.
Spread spread_of(std::vector<double> values);

using Runs = std::vector<const Json*>;
// The runs of a result: those under "runs", or the result itself. They live as long as it does.
Runs runs_of(const Json& result);

// Of the numbers at `path` ("/get_ms/p50") in each run; all must have it.
Spread spread_of(const Runs& runs, const std::string& path);

// The sum of the whole numbers there.
std::uint64_t sum(const Runs& runs, const std::string& path);
// The number at `path`, which must be there.
double number(const Json& in, const char* path);

}  // namespace kadmos::cli
