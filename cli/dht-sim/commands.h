// The subcommands of dht-sim, a file each. Each gives the exit code.
#pragma once

#include <cstdint>
#include <optional>
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
  std::uint32_t runs = 1;  // with as many seeds, from the scenario's on
  std::uint32_t jobs = 1;  // processes at once, of several runs
  bool quiet = false;
};
int run(const RunOptions& options);

struct ReportOptions {
  std::vector<std::string> results;  // JSON files
  std::string html_file;
};
int report(const ReportOptions& options);
struct SwarmOptions {
  std::uint64_t from = 1;
  std::uint64_t seeds = 100;
  double minutes = 0;  // 0: no limit
  unsigned jobs = 1;
  bool keep_going = false;  // past the first failure
};
int swarm(const SwarmOptions& options);

struct ShrinkOptions {
  ScenarioOptions what;                     // or:
  std::optional<std::uint64_t> swarm_seed;  // a seed of the swarm
  unsigned tries = 300;
};
int shrink(const ShrinkOptions& options);

struct CompareOptions {
  std::string a;  // results, JSON files
  std::string b;
  bool json = false;
};
int compare(const CompareOptions& options);

struct TraceOptions {
  ScenarioOptions what;
  std::string key;
  std::optional<std::uint32_t> from;  // nothing: a node that the seed chooses
  bool find_node = false;             // also for what could be got
  bool json = false;
};
int trace(const TraceOptions& options);

struct ListOptions {
  bool settings = false;
};
int list(const ListOptions& options);

// Says on stderr what failed; gives the exit code.
int fail(const Error& error);
// Whether write_text can be expected to work; empty and - always do. Errors: io.
Result<void> check_writable(const std::string& file);
// - is stdout. Errors: io.
Result<void> write_text(const std::string& file, const std::string& text);
// The command line that runs this very scenario.
std::string replay_command(const sim::Scenario& scenario);
// The scenario with the changes applied. Errors: those of load_scenario and apply.
Result<sim::Scenario> scenario_of(const ScenarioOptions& options);

}  // namespace kadmos::cli
