// dht-sim run: one scenario, with one seed or several, and what came of it as text, JSON and a
// page.
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "cli/common/exit_code.h"
#include "cli/common/text.h"
#include "cli/dht-sim/commands.h"
#include "cli/dht-sim/gnuplot.h"
#include "cli/dht-sim/page.h"
#include "cli/dht-sim/parallel.h"
#include "cli/dht-sim/progress.h"
#include "cli/dht-sim/result_json.h"
#include "cli/dht-sim/scenario_file.h"
#include "cli/dht-sim/settings.h"
#include "cli/dht-sim/spread.h"
#include "cli/dht-sim/summary.h"
#include "cli/dht-sim/yardstick.h"

namespace kadmos::cli {
namespace {

Json run_once(const sim::Scenario& scenario, ProgressBar& bar) {
  const auto began = std::chrono::steady_clock::now();
  sim::Simulation simulation(scenario);
  bool whole = true;
  simulation.run([&](const sim::Progress& progress) { return whole = bar.show(progress); });
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  Json result = json_of(scenario, simulation.measured(), {seconds, resident_bytes()});
  if (!whole) result["ended_early"] = true;
  return result;
}

// Seeds one after another from the scenario's. Null if not one run came to its end.
Json run_seeds(const sim::Scenario& scenario, const RunOptions& options, ProgressBar& bar) {
  Json runs = Json::array();
  Json failures = Json::array();
  const auto job = [&](std::uint64_t seed) {
    sim::Scenario one = scenario;
    one.seed = seed;
    ProgressBar silent(true);
    return run_once(one, silent);
  };
  const auto on_seed = [&](std::uint64_t seed, const Result<Json>& result) {
    if (result) {
      runs.push_back(*result);
    } else {
      failures.push_back({{"seed", seed}, {"detail", result.error().detail}});
    }
    return true;
  };
  const auto meanwhile = [&] {
    bar.show_runs(runs.size() + failures.size(), options.runs);
    return true;
  };
  const bool whole =
      for_each_seed({scenario.seed, options.runs, options.jobs}, job, on_seed, meanwhile);
  bar.clear();
  for (const Json& failure : failures) {
    fmt::print(stderr, "dht-sim: seed {}: {}\n", failure.at("seed").get<std::uint64_t>(),
               failure.at("detail").get<std::string>());
  }
  if (runs.empty()) return {};
  Json result = runs.front();
  if (!whole) result["ended_early"] = true;
  if (!failures.empty()) result["failed_runs"] = std::move(failures);
  result["runs"] = std::move(runs);
  return result;
}

bool all_held(const Json& result) {
  if (result.contains("failed_runs")) return false;
  for (const Json* run : runs_of(result)) {
    if (run->at("violations").get<std::uint64_t>() > 0) return false;
  }
  return true;
}

}  // namespace

int fail(const Error& error) {
  fmt::print(stderr, "dht-sim: {}\n", error.detail);
  return exit_code_of(error.code);
}

Result<void> write_text(const std::string& file, const std::string& text) {
  const bool to_stdout = file == "-";
  std::FILE* const out = to_stdout ? stdout : std::fopen(file.c_str(), "w");
  bool ok = out != nullptr;
  if (ok) ok = std::fwrite(text.data(), 1, text.size(), out) == text.size();
  if (ok) ok = std::fflush(out) == 0;
  const int error = errno;
  if (out != nullptr && !to_stdout) std::fclose(out);
  if (ok) return {};
  return Error(Errc::io, fmt::format("cannot write {}: {}", to_stdout ? "to stdout" : file,
                                     std::strerror(error)));
}

Result<void> check_writable(const std::string& file) {
  if (file.empty() || file == "-") return {};
  const std::filesystem::path parent = std::filesystem::path(file).parent_path();
  const bool exists = ::access(file.c_str(), F_OK) == 0;
  const std::string& what = exists ? file : parent.empty() ? "." : parent.string();
  if (::access(what.c_str(), W_OK) == 0) return {};
  return Error(Errc::io, fmt::format("cannot write {}: {}", file, std::strerror(errno)));
}

Result<sim::Scenario> scenario_of(const ScenarioOptions& options) {
  auto scenario = load_scenario(options.scenario);
  if (!scenario) return scenario;
  for (const std::string& change : options.set) {
    const std::size_t equals = change.find('=');
    if (equals == std::string::npos) {
      return Error(Errc::invalid_argument,
                   fmt::format("--set {}: give key=value", printable(change)));
    }
    if (auto done = apply(*scenario, change.substr(0, equals), change.substr(equals + 1)); !done) {
      return Error(done.error().code, "--set " + done.error().detail);
    }
  }
  if (auto valid = validate(*scenario); !valid) {
    return Error(Errc::invalid_argument, scenario->name + ": " + valid.error().detail);
  }
  return scenario;
}

int run(const RunOptions& options) {
  const auto scenario = scenario_of(options.what);
  if (!scenario) return fail(scenario.error());
  for (const std::string& file : {options.json_file, options.html_file}) {
    // Before hours are spent.
    if (auto writable = check_writable(file); !writable) return fail(writable.error());
  }
  if (!options.html_file.empty()) {
    if (auto found = find_gnuplot(); !found) return fail(found.error());
  }
  ProgressBar bar(options.quiet);
  Json result = options.runs == 1 ? run_once(*scenario, bar) : run_seeds(*scenario, options, bar);
  bar.clear();
  const bool whole = !Interrupt::came();
  if (!result.is_null()) {
    result["yardsticks"] = yardsticks_of(*scenario);
    if (!options.json_file.empty()) {
      if (auto written = write_text(options.json_file, result.dump(1) + "\n"); !written) {
        return fail(written.error());
      }
    }
    if (!options.html_file.empty()) {
      auto page = page_of({result});
      if (!page) return fail(page.error());
      if (auto written = write_text(options.html_file, *page); !written) {
        return fail(written.error());
      }
    }
    if (!options.quiet && options.json_file != "-" && options.html_file != "-") {
      fmt::print("{}", summary_of(result));
    }
  }
  if (!whole) {
    fmt::print(stderr, "dht-sim: ended early; the figures are of what was simulated until then\n");
    return 128 + SIGINT;
  }
  return !result.is_null() && all_held(result) ? kOk : kError;
}

}  // namespace kadmos::cli
