// dht-sim shrink: makes a scenario that breaks a promise smaller for as long as it breaks the same
// one. Greedy: every reduction is tried in turn and kept if the failure stays, until none helps or
// the tries are spent. Each try is a process of its own, since some failures are crashes.
#include <fmt/core.h>

#include <functional>
#include <optional>

#include "cli/common/exit_code.h"
#include "cli/dht-sim/commands.h"
#include "cli/dht-sim/judgement.h"
#include "cli/dht-sim/parallel.h"
#include "cli/dht-sim/scenario_file.h"
#include "cli/dht-sim/settings.h"
#include "simulations/swarm.h"

namespace kadmos::cli {
namespace {

using sim::Scenario;

constexpr const char* kCrash = "crash";

struct Verdict {
  std::string rule;  // empty: all is well
  std::string detail;
};

// Nothing: interrupted.
std::optional<Verdict> try_out(const Scenario& scenario) {
  std::optional<Verdict> verdict;
  for_each_seed(
      {scenario.seed, 1, 1}, [&](std::uint64_t) { return judge(scenario); },
      [&](std::uint64_t, const Result<Json>& result) {
        if (!result) {
          verdict = {kCrash, result.error().detail};
        } else {
          verdict = {result->at("rule").get<std::string>(), result->value("detail", std::string())};
        }
        return true;
      });
  return verdict;
}

// One way to make a scenario smaller; false if it would change nothing.
using Reduction = std::function<bool(Scenario&)>;

template <class T>
bool lower(T& value, T to) {
  if (to >= value) return false;
  value = to;
  return true;
}

// What could be smaller in this scenario, the greatest gains first.
std::vector<Reduction> reductions_of(const Scenario& scenario) {
  std::vector<Reduction> out;
  for (std::size_t i = 0; i < scenario.faults.size(); ++i) {
    out.emplace_back([i](Scenario& s) {
      s.faults.erase(s.faults.begin() + static_cast<std::ptrdiff_t>(i));
      return true;
    });
  }
  for (const std::uint32_t percent : {25U, 50U, 75U, 90U}) {
    out.emplace_back(
        [percent](Scenario& s) { return lower(s.nodes, std::max(s.nodes * percent / 100, 2U)); });
    out.emplace_back([percent](Scenario& s) {
      const auto to = std::chrono::floor<std::chrono::seconds>(s.duration * percent / 100);
      for (const sim::Fault& fault : s.faults) {
        if (fault.at >= to) return false;
      }
      return to > Duration::zero() && lower<Duration>(s.duration, to);
    });
  }
  out.emplace_back([](Scenario& s) { return lower(s.nodes, s.nodes - 1); });
  out.emplace_back([](Scenario& s) { return lower<Duration>(s.calm, Duration::zero()); });
  for (auto rate : {&sim::Workload::lookups, &sim::Workload::sets, &sim::Workload::gets}) {
    out.emplace_back([rate](Scenario& s) { return lower(s.workload.*rate, 0U); });
    out.emplace_back([rate](Scenario& s) { return lower(s.workload.*rate, s.workload.*rate / 2); });
  }
  out.emplace_back([](Scenario& s) { return lower(s.workload.keys, 1U); });
  out.emplace_back(
      [](Scenario& s) { return lower(s.workload.keys, std::max(s.workload.keys / 2, 1U)); });
  for (std::size_t i = 0; i < scenario.faults.size(); ++i) {
    out.emplace_back([i](Scenario& s) {
      return lower<Duration>(s.faults[i].lasts,
                             std::chrono::floor<std::chrono::seconds>(s.faults[i].lasts / 2));
    });
    out.emplace_back([i](Scenario& s) {
      return lower<Duration>(s.faults[i].at,
                             std::chrono::floor<std::chrono::seconds>(s.faults[i].at / 2));
    });
    out.emplace_back(
        [i](Scenario& s) { return lower(s.faults[i].share, s.faults[i].share / 2000 * 1000); });
  }
  // Everything else back to its default.
  static const std::vector<std::string> kSizes = {"seed", "nodes", "duration", "calm"};
  const Scenario defaults;
  for (const Setting& setting : settings()) {
    if (setting.key.starts_with("workload.") ||
        std::ranges::find(kSizes, setting.key) != kSizes.end() ||
        setting.show(scenario) == setting.show(defaults)) {
      continue;
    }
    out.emplace_back([&setting, value = setting.show(defaults)](Scenario& s) {
      return setting.parse(s, value).ok();
    });
  }
  return out;
}

}  // namespace

int shrink(const ShrinkOptions& options) {
  Result<Scenario> loaded =
      options.swarm_seed ? sim::swarm_scenario(*options.swarm_seed) : scenario_of(options.what);
  if (!loaded) {
    fmt::print(stderr, "dht-sim: {}\n", loaded.error().detail);
    return exit_code_of(loaded.error().code);
  }
  Scenario smallest = *std::move(loaded);
  const auto original = try_out(smallest);
  if (!original) return 128 + 2;
  if (original->rule.empty()) {
    fmt::print(stderr, "dht-sim: this scenario breaks no promise, so there is nothing to shrink\n");
    return kError;
  }
  fmt::print("breaks \"{}\": {}\n", original->rule, original->detail);
  std::fflush(stdout);
  unsigned tries = 0;
  Verdict last = *original;
  for (bool progress = true; progress && tries < options.tries;) {
    progress = false;
    const std::size_t count = reductions_of(smallest).size();
    for (std::size_t i = 0; i < count && tries < options.tries; ++i) {
      const auto reductions = reductions_of(smallest);
      if (i >= reductions.size()) break;
      Scenario smaller = smallest;
      if (!reductions[i](smaller) || !validate(smaller)) continue;
      ++tries;
      const auto verdict = try_out(smaller);
      if (!verdict) return 128 + 2;
      if (verdict->rule != original->rule) continue;
      smallest = std::move(smaller);
      last = *verdict;
      progress = true;
      fmt::print("{:4} tries: {} nodes, {} faults, {} s\n", tries, smallest.nodes,
                 smallest.faults.size(), smallest.duration / std::chrono::seconds(1));
      std::fflush(stdout);
    }
  }
  fmt::print("still breaks \"{}\": {}\n{}\n", last.rule, last.detail, replay_command(smallest));
  return kOk;
}

}  // namespace kadmos::cli
