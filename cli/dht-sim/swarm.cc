// dht-sim swarm: a scenario of trouble from each of many seeds, until one breaks a promise.
#include "simulations/swarm.h"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>

#include "cli/common/exit_code.h"
#include "cli/dht-sim/commands.h"
#include "cli/dht-sim/judgement.h"
#include "cli/dht-sim/parallel.h"
#include "cli/dht-sim/settings.h"
#include "simulations/simulation.h"

namespace kadmos::cli {

Json judge(const sim::Scenario& scenario) {
  sim::Simulation simulation(scenario);
  simulation.run();
  const sim::Measurements& measured = simulation.measured();
  Json out = {{"digest", fmt::format("{:016x}", measured.digest)},
              {"events", measured.events},
              {"operations", measured.lookups.succeeded + measured.lookups.failed +
                                 measured.gets.succeeded + measured.gets.failed +
                                 measured.sets.succeeded + measured.sets.failed},
              {"violations", measured.violation_count},
              {"rule", ""}};
  if (!measured.violations.empty()) {
    out["rule"] = measured.violations.front().rule;
    out["detail"] = fmt::format(
        "at {:.1f} s: {}", std::chrono::duration<double>(measured.violations.front().at).count(),
        measured.violations.front().detail);
  }
  return out;
}

std::string replay_command(const sim::Scenario& scenario) {
  std::string out = "dht-sim run default";
  for (const std::string& difference : differences(scenario)) out += " --set " + difference;
  return out;
}

int swarm(const SwarmOptions& options) {
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::uint64_t events = 0;
  std::uint64_t operations = 0;
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - began).count(); };
  const auto out_of_time = [&] { return options.minutes > 0 && seconds() > options.minutes * 60; };
  const bool whole = for_each_seed(
      {options.from, options.seeds, options.jobs},
      [](std::uint64_t seed) { return judge(sim::swarm_scenario(seed)); },
      [&](std::uint64_t seed, const Result<Json>& result) {
        ++done;
        const bool broken = !result || result->at("violations").get<std::uint64_t>() > 0;
        if (result) {
          events += result->at("events").get<std::uint64_t>();
          operations += result->at("operations").get<std::uint64_t>();
        }
        if (terminal) {
          fmt::print(stderr, "\r\x1b[K{} of {} seeds, {} failed, {:.0f} s", done, options.seeds,
                     failed, seconds());
        }
        if (!broken) return !out_of_time();
        ++failed;
        if (terminal) fmt::print(stderr, "\r\x1b[K");
        if (result) {
          fmt::print(
              "seed {} broke \"{}\", {} times in all; {}\n  digest   {}\n", seed,
              result->at("rule").get<std::string>(), result->at("violations").get<std::uint64_t>(),
              result->at("detail").get<std::string>(), result->at("digest").get<std::string>());
        } else {
          fmt::print("seed {} crashed: {}\n", seed, result.error().detail);
        }
        fmt::print("  replay   {}\n  shrink   dht-sim shrink --swarm {}\n",
                   replay_command(sim::swarm_scenario(seed)), seed);
        std::fflush(stdout);
        return options.keep_going && !out_of_time();
      },
      [&] { return !out_of_time(); });
  if (terminal) fmt::print(stderr, "\r\x1b[K");
  fmt::print("{} seeds from {}, {} failed: {} operations, {} events, {:.0f} s\n", done,
             options.from, failed, operations, events, seconds());
  if (failed > 0) return kError;
  return whole || out_of_time() ? kOk : 128 + 2;
}

}  // namespace kadmos::cli
