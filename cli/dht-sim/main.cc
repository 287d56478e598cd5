// dht-sim: simulates networks of the shipped node code.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "cli/common/exit_code.h"
#include "cli/common/version.h"
#include "cli/dht-sim/commands.h"

namespace kadmos::cli {
namespace {

constexpr const char* kFooter = R"(
The nodes are the shipped code over virtual time, network and disks. The same scenario with the same
seed gives the same run, to the byte: two runs are the same if their digests are.

Exit codes: 0 done, and every promise held; 1 a promise was broken, or something failed; 2 a wrong
command line or scenario; 3 no such scenario; 5 --html without gnuplot; 130 interrupted.

Examples:
  dht-sim list
  dht-sim run baseline
  dht-sim run churn --nodes 500 --seed 7 --hours 2 --json churn.json
  dht-sim run churn --runs 10 --jobs 2 --html churn.html
  dht-sim compare before.json after.json
  dht-sim trace baseline --key name:7
  dht-sim run mine.toml --latency rtts.csv --set config.k=8
  dht-sim swarm --seeds 1000 --jobs 2
  dht-sim shrink --swarm 17
)";

struct CommonFlags {
  std::optional<std::string> latency;
  std::optional<std::uint64_t> nodes;
  std::optional<std::uint64_t> seed;
  std::optional<double> hours;
};

void declare_scenario(CLI::App& command, ScenarioOptions& options, CommonFlags& flags) {
  command.add_option("scenario", options.scenario, "A built-in scenario, or a file")
      ->required()
      ->type_name("SCENARIO");
  command.add_option("--nodes", flags.nodes, "Nodes that the network grows to")->type_name("N");
  command.add_option("--seed", flags.seed, "What all chance grows from")->type_name("S");
  command.add_option("--hours", flags.hours, "Measured time")->type_name("H");
  command
      .add_option("--latency", flags.latency,
                  "internet, slow-paths, loopback, or a CSV file of round trips")
      ->type_name("FILE");
  command.add_option("--set", options.set, "Change a setting; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

// The short flags come first, so that --set can still change what they say.
void add_flags(ScenarioOptions& options, const CommonFlags& flags) {
  std::vector<std::string> set;
  if (flags.nodes) set.push_back(fmt::format("nodes={}", *flags.nodes));
  if (flags.seed) set.push_back(fmt::format("seed={}", *flags.seed));
  if (flags.hours) set.push_back(fmt::format("duration={}h", *flags.hours));
  if (flags.latency) set.push_back("network.latency=" + *flags.latency);
  options.set.insert(options.set.begin(), set.begin(), set.end());
}

int main_of(int argc, char** argv) {
  CLI::App app("Simulates networks of kadmos nodes, deterministically.");
  app.footer(kFooter);
  app.set_version_flag("--version", fmt::format("dht-sim {}", kVersion));
  app.require_subcommand(1);
  CommonFlags flags;

  RunOptions run_options;
  CLI::App* run_command = app.add_subcommand("run", "Run a scenario and show what came of it");
  declare_scenario(*run_command, run_options.what, flags);
  run_command->add_option("--json", run_options.json_file, "Write the result as JSON; - is stdout")
      ->type_name("FILE");
  run_command
      ->add_option("--html", run_options.html_file,
                   "Write a report with figures, drawn by gnuplot; - is stdout")
      ->type_name("FILE");
  run_command->add_option("--runs", run_options.runs, "Run so many seeds, from --seed on")
      ->check(CLI::Range(1, 1000))
      ->type_name("N");
  run_command->add_option("--jobs", run_options.jobs, "Runs at once, a process each")
      ->check(CLI::Range(1, 256))
      ->type_name("J");
  run_command->add_flag("-q,--quiet", run_options.quiet, "No progress and no summary");

  ReportOptions report_options;
  CLI::App* report_command =
      app.add_subcommand("report", "Make one report of results that were kept as JSON");
  report_command->add_option("results", report_options.results, "What `run --json` wrote")
      ->required()
      ->type_name("RESULT");
  report_command->add_option("--html", report_options.html_file, "Where to; - is stdout")
      ->required()
      ->type_name("FILE");
  SwarmOptions swarm_options;
  CLI::App* swarm_command =
      app.add_subcommand("swarm", "Run a scenario of trouble drawn from each of many seeds");
  swarm_command->add_option("--seeds", swarm_options.seeds, "How many")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000'000))
      ->type_name("N");
  swarm_command->add_option("--from", swarm_options.from, "The first")
      ->capture_default_str()
      ->type_name("S");
  swarm_command->add_option("--minutes", swarm_options.minutes, "Stop after so long")
      ->check(CLI::Range(0.01, 1e6))
      ->type_name("M");
  swarm_command->add_option("--jobs", swarm_options.jobs, "Processes at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024))
      ->type_name("J");
  swarm_command->add_flag("--keep-going", swarm_options.keep_going,
                          "Do not stop at the first seed that fails");

  ShrinkOptions shrink_options;
  CommonFlags shrink_flags;
  CLI::App* shrink_command =
      app.add_subcommand("shrink", "Make a failing scenario smaller while it fails alike");
  declare_scenario(*shrink_command, shrink_options.what, shrink_flags);
  shrink_command->get_option("scenario")->required(false);
  shrink_command
      ->add_option("--swarm", shrink_options.swarm_seed, "The scenario of this swarm seed")
      ->type_name("S")
      ->excludes(shrink_command->get_option("scenario"));
  shrink_command->add_option("--tries", shrink_options.tries, "Runs to spend at most")
      ->capture_default_str()
      ->type_name("N");

  TraceOptions trace_options;
  CLI::App* trace_command =
      app.add_subcommand("trace", "Show one search in the network that a scenario grows");
  declare_scenario(*trace_command, trace_options.what, flags);
  trace_command
      ->add_option("--key", trace_options.key,
                   "128 hexadecimal digits: the id to search for; name:N: get the scenario's Nth "
                   "name; else: get this content")
      ->required()
      ->type_name("KEY");
  trace_command->add_option("--from", trace_options.from, "Through which node")->type_name("NODE");
  trace_command->add_flag("--find-node", trace_options.find_node,
                          "Search for the nodes closest to the key, whatever it is");
  trace_command->add_flag("--json", trace_options.json, "Write the trace as JSON");

  CompareOptions compare_options;
  CLI::App* compare_command =
      app.add_subcommand("compare", "Put two results beside each other, with ratios");
  compare_command->add_option("a", compare_options.a, "What `run --json` wrote")
      ->required()
      ->type_name("A.json");
  compare_command->add_option("b", compare_options.b, "Likewise")->required()->type_name("B.json");
  compare_command->add_flag("--json", compare_options.json, "Write the comparison as JSON");

  ListOptions list_options;
  CLI::App* list_command = app.add_subcommand("list", "List the built-in scenarios");
  list_command->add_flag("--settings", list_options.settings,
                         "List every setting with its default and meaning");

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "dht-sim: {}\n", error.what());
    return kUsage;
  }
  if (*run_command) {
    add_flags(run_options.what, flags);
    return run(run_options);
  }
  if (*trace_command) {
    add_flags(trace_options.what, flags);
    return trace(trace_options);
  }
  if (*compare_command) return compare(compare_options);
  if (*report_command) return report(report_options);
  if (*swarm_command) return swarm(swarm_options);
  if (*shrink_command) {
    add_flags(shrink_options.what, shrink_flags);
    return shrink(shrink_options);
  }
  return list(list_options);
}

// Nodes lie all over a large heap; with huge pages a run takes a tenth less time. glibc is told so
// before a program starts or never, so this one starts once more.
void have_huge_pages(char** argv) {
  if (std::getenv("GLIBC_TUNABLES") != nullptr) return;
  ::setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", 1);
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) ::execv(self.c_str(), argv);  // if it fails, it goes on with small ones
}

}  // namespace
}  // namespace kadmos::cli

int main(int argc, char** argv) {
  kadmos::cli::have_huge_pages(argv);
  try {
    const int code = kadmos::cli::main_of(argc, argv);
    if (std::fflush(stdout) == 0) return code;
    std::fprintf(stderr, "dht-sim: cannot write to stdout: %s\n", std::strerror(errno));
    return code != 0 ? code : kadmos::cli::kError;
  } catch (const std::exception& error) {  // such as a stdout that cannot be written to
    std::fprintf(stderr, "dht-sim: %s\n", error.what());
    return kadmos::cli::kError;
  }
}
