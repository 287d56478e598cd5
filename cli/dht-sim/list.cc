// dht-sim list: the built-in scenarios, or every setting.
#include <fmt/core.h>

#include "cli/common/exit_code.h"
#include "cli/dht-sim/commands.h"
#include "cli/dht-sim/scenario_file.h"
#include "cli/dht-sim/settings.h"

namespace kadmos::cli {

int list(const ListOptions& options) {
  if (!options.settings) {
    for (const BuiltIn& one : built_in_scenarios()) {
      const auto scenario = parse_scenario(one.text, std::string(one.name));
      fmt::print("{:<18} {}\n", one.name, scenario ? scenario->summary : scenario.error().detail);
    }
    return kOk;
  }
  sim::Scenario defaults;
  defaults.faults.emplace_back();
  const auto show = [&](const Setting& setting) {
    fmt::print("{:<28} {:<12} {}\n", setting.key, setting.show(defaults), setting.help);
  };
  for (const Setting& setting : settings()) show(setting);
  for (const Setting& setting : fault_settings(1)) show(setting);
  return kOk;
}

}  // namespace kadmos::cli
