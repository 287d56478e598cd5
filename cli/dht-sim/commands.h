// The subcommands of dht-sim, a file each. Each gives the exit code.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulations/scenario.h"

namespace kadmos::cli {

// A scenario and what the command line changes in it.
struct ScenarioOptions {
  std::string scenario;
  std::vector<std::string> set;  // key=value
};

struct RunOptions {
  ScenarioOptions what;
  std::string json_file;
  std::string html_file;
  std::uint32_t runs = 1;  // with as many seeds
  bool quiet = false;
};
int run(const RunOptions& options);

struct ListOptions {
  bool settings = false;
};
int list(const ListOptions& options);

// The scenario with the changes applied. Errors: those of load_scenario and apply.
Result<sim::Scenario> scenario_of(const ScenarioOptions& options);

}  // namespace kadmos::cli
