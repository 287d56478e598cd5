// Every setting of a scenario by its name: what scenario files, --set and printed commands share.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kadmos/result.h"
#include "simulations/scenario.h"

namespace kadmos::cli {

struct Setting {
  std::string key;   // "workload.gets"; of a fault "at", the nth being "fault.n.at"
  std::string help;  // what it means, with unit
  // Errors: invalid_argument.
  std::function<Result<void>(sim::Scenario&, std::string_view)> parse;
  std::function<std::string(const sim::Scenario&)> show;
};

// All but those of faults, in the order of documentation.
const std::vector<Setting>& settings();
// Those of the nth fault, n from 1.
std::vector<Setting> fault_settings(std::size_t n);

// Gives `key` the value written as `text`. A fault not there yet is added. Errors:
// invalid_argument, which names the key and, if there is none, the nearest.
Result<void> apply(sim::Scenario& scenario, std::string_view key, std::string_view text);

// "key=value" of everything in which a scenario differs from the default.
std::vector<std::string> differences(const sim::Scenario& scenario);

// Settings that contradict each other, or cannot be carried out. Errors: invalid_argument.
Result<void> validate(const sim::Scenario& scenario);

}  // namespace kadmos::cli
