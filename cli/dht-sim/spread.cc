#include "cli/dht-sim/spread.h"

#include <algorithm>

namespace kadmos::cli {

Spread spread_of(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t n = values.size();
  const std::size_t cut = n >= kMany ? n / 10 : 0;
  return {values[cut], (values[(n - 1) / 2] + values[n / 2]) / 2, values[n - 1 - cut]};
}

std::vector<const Json*> runs_of(const Json& result) {
  std::vector<const Json*> out;
  if (const auto runs = result.find("runs"); runs != result.end()) {
    for (const Json& run : *runs) out.push_back(&run);
  }
  if (out.empty()) out.push_back(&result);
  return out;
}

Spread spread_of(const std::vector<const Json*>& runs, const std::string& path) {
  const Json::json_pointer pointer(path);
  std::vector<double> values;
  for (const Json* run : runs) values.push_back(run->at(pointer).get<double>());
  return spread_of(std::move(values));
}

}  // namespace kadmos::cli
