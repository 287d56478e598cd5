#include "cli/dht-sim/spread.h"

#include <algorithm>

namespace kadmos::cli {

Spread spread_of(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t n = values.size();
  const std::size_t cut = n >= kMany ? n / 10 : 0;
  return {values[cut], (values[(n - 1) / 2] + values[n / 2]) / 2, values[n - 1 - cut]};
}

Runs runs_of(const Json& result) {
  Runs out;
  if (const auto runs = result.find("runs"); runs != result.end()) {
    for (const Json& run : *runs) out.push_back(&run);
  }
  if (out.empty()) out.push_back(&result);
  return out;
}

Spread spread_of(const Runs& runs, const std::string& path) {
  const Json::json_pointer pointer(path);
  std::vector<double> values;
  for (const Json* run : runs) values.push_back(run->at(pointer).get<double>());
  return spread_of(std::move(values));
}

std::uint64_t sum(const Runs& runs, const std::string& path) {
  const Json::json_pointer pointer(path);
  std::uint64_t out = 0;
  for (const Json* run : runs) out += run->at(pointer).get<std::uint64_t>();
  return out;
}

double number(const Json& in, const char* path) {
  return in.at(Json::json_pointer(path)).get<double>();
}

}  // namespace kadmos::cli
