// dht-sim run: one scenario, once, with a table of what came of it.
#include <fmt/core.h>

#include <chrono>

#include "cli/common/exit_code.h"
#include "cli/common/files.h"
#include "cli/common/text.h"
#include "cli/dht-sim/commands.h"
#include "cli/dht-sim/progress.h"
#include "cli/dht-sim/result_json.h"
#include "cli/dht-sim/scenario_file.h"
#include "cli/dht-sim/settings.h"

namespace kadmos::cli {
namespace {

void row(const char* name, const std::string& value) { fmt::print("  {:<26} {}\n", name, value); }

std::string show_share(double share, std::uint64_t of) {
  return fmt::format("{:.2f} %  of {}", share * 100, of);
}

std::string show_quantiles(const Json& quantiles) {
  return fmt::format("{:.0f} / {:.0f} / {:.0f} ms", quantiles.at("p50").get<double>(),
                     quantiles.at("p90").get<double>(), quantiles.at("p99").get<double>());
}

void show_verb(const char* name, const sim::Verb& verb) {
  const std::uint64_t tried = verb.succeeded + verb.failed;
  if (tried + verb.aborted == 0) return;
  row(fmt::format("{} that succeeded", name).c_str(), show_share(verb.success(), tried));
  if (verb.aborted > 0) row("", fmt::format("{} more cut short by their node's end", verb.aborted));
  row("  p50 / p90 / p99",
      fmt::format("{:.0f} / {:.0f} / {:.0f} ms", verb.elapsed.quantile_ms(0.5),
                  verb.elapsed.quantile_ms(0.9), verb.elapsed.quantile_ms(0.99)));
  row("  hops, requests", fmt::format("{:.2f}, {:.1f}", verb.hops_mean(), verb.rpcs_mean()));
}

void show_summary(const sim::Scenario& scenario, const sim::Measurements& measured,
                  const Json& result) {
  fmt::print("{}: {} nodes, seed {}\n", scenario.name, scenario.nodes, scenario.seed);
  show_verb("lookups", measured.lookups);
  if (!measured.closest.empty()) {
    row("closest node reached", show_quantiles(result.at("closest_ms")));
    row("true closest found", fmt::format("{:.2f} %", measured.recall() * 100));
  }
  show_verb("gets", measured.gets);
  show_verb("sets", measured.sets);
  row("traffic", fmt::format("{:.1f} bytes/s a node", measured.bytes_per_node_second()));
  if (measured.joins_failed > 0) row("joins that failed", fmt::format("{}", measured.joins_failed));
  row("keys lost", fmt::format("{}", measured.lost_keys));
  row("events",
      fmt::format("{} in {:.1f} s: {:.0f} a second", measured.events,
                  result.at("seconds").get<double>(), result.at("events_per_s").get<double>()));
  row("memory", fmt::format("{} MB", result.at("rss_bytes").get<std::uint64_t>() / 1'000'000));
  row("digest", result.at("digest").get<std::string>());
  row("violations", fmt::format("{}", measured.violation_count));
  for (const sim::Violation& one : measured.violations) {
    fmt::print("    {:.1f} s  {}: {}\n", std::chrono::duration<double>(one.at).count(), one.rule,
               one.detail);
  }
}

int fail(const Error& error) {
  fmt::print(stderr, "dht-sim: {}\n", error.detail);
  return exit_code_of(error.code);
}

}  // namespace

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
  auto scenario = scenario_of(options.what);
  if (!scenario) return fail(scenario.error());
  const auto began = std::chrono::steady_clock::now();
  sim::Simulation simulation(*scenario);
  ProgressBar bar(options.quiet);
  bool whole = true;
  simulation.run([&](const sim::Progress& progress) { return whole = bar.show(progress); });
  bar.clear();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const Json result = json_of(*scenario, simulation.measured(), {seconds, resident_bytes()});
  if (!options.json_file.empty()) {
    const std::string text = result.dump(1) + "\n";
    if (options.json_file == "-") {
      fmt::print("{}", text);
    } else if (auto written = write_file(options.json_file, view_of(text), IfExists::replace);
               !written) {
      return fail(written.error());
    }
  }
  if (!options.quiet && options.json_file != "-") {
    show_summary(*scenario, simulation.measured(), result);
  }
  if (!whole) {
    fmt::print(stderr, "dht-sim: ended early; the figures are of what was simulated until then\n");
    return 128 + 2;
  }
  return simulation.measured().violation_count == 0 ? kOk : kError;
}

}  // namespace kadmos::cli
