#include "cli/dht-sim/result_json.h"

#include <fmt/core.h>

#include "cli/dht-sim/settings.h"

namespace kadmos::cli {
namespace {

Json json_of(const sim::Samples& samples) {
  return {{"p50", samples.quantile_ms(0.5)},
          {"p90", samples.quantile_ms(0.9)},
          {"p99", samples.quantile_ms(0.99)}};
}

// A curve of cumulative shares: the times that 0, 1, … 100 % do not exceed.
Json curve_of(const sim::Samples& samples) {
  Json out = Json::array();
  if (samples.empty()) return out;
  for (int percent = 0; percent <= 100; ++percent)
    out.push_back(samples.quantile_ms(percent / 100.0));
  return out;
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Json json_of(const sim::Verb& verb) {
  return {{"succeeded", verb.succeeded},       {"failed", verb.failed},
          {"aborted", verb.aborted},           {"hops_mean", verb.hops_mean()},
          {"rpcs_mean", verb.rpcs_mean()},     {"ms", json_of(verb.elapsed)},
          {"curve_ms", curve_of(verb.elapsed)}};
}

Json json_of(const sim::Slice& slice) {
  return {{"begin_s", seconds(slice.begin)},
          {"operations", slice.operations},
          {"failures", slice.failures},
          {"hops_mean", slice.operations == slice.failures
                            ? 0.0
                            : static_cast<double>(slice.hops) /
                                  static_cast<double>(slice.operations - slice.failures)},
          {"get_ms", json_of(slice.gets)},
          {"recalled", slice.recalled},
          {"to_recall", slice.to_recall},
          {"bytes", slice.bytes},
          {"nodes_up", slice.nodes_up},
          {"replicas", slice.replicas}};
}

}  // namespace

Json json_of(const sim::Scenario& scenario, const sim::Measurements& measured, const Cost& cost) {
  Json out = {{"scenario", scenario.name},
              {"summary", scenario.summary},
              {"settings", differences(scenario)},
              {"digest", fmt::format("{:016x}", measured.digest)},
              {"seed", scenario.seed},
              {"nodes", scenario.nodes},
              {"k", scenario.config.k},
              {"alpha", scenario.config.alpha},
              {"adversary_share", scenario.adversaries.kind == sim::Adversaries::Kind::none
                                      ? 0.0
                                      : scenario.adversaries.share / 1e6},
              {"duration_s", seconds(scenario.duration)},
              {"simulated_s", seconds(measured.simulated)},
              {"events", measured.events},
              {"events_per_s", static_cast<double>(measured.events) / std::max(cost.seconds, 1e-9)},
              {"seconds", cost.seconds},
              {"rss_bytes", cost.rss_bytes},
              {"get_success", measured.gets.success()},
              {"set_success", measured.sets.success()},
              {"lookup_success", measured.lookups.success()},
              {"hops_mean", measured.lookups.hops_mean()},
              {"rpcs_mean", measured.lookups.rpcs_mean()},
              {"closest_ms", json_of(measured.closest)},
              {"closest_curve_ms", curve_of(measured.closest)},
              {"get_ms", json_of(measured.gets.elapsed)},
              {"recall_at_k", measured.recall()},
              {"bytes_per_node_s", measured.bytes_per_node_second()},
              {"joins_failed", measured.joins_failed},
              {"adversaries", measured.adversaries},
              {"deeds", measured.deeds},
              {"lost_keys", measured.lost_keys},
              {"violations", measured.violation_count},
              {"lookups", json_of(measured.lookups)},
              {"gets", json_of(measured.gets)},
              {"sets", json_of(measured.sets)}};
  Json& slices = out["slices"] = Json::array();
  for (const sim::Slice& slice : measured.slices) slices.push_back(json_of(slice));
  Json& faults = out["faults"] = Json::array();
  for (std::size_t n = 1; n <= scenario.faults.size(); ++n) {
    const sim::Fault& fault = scenario.faults[n - 1];
    faults.push_back({{"kind", fault_settings(n).front().show(scenario)},
                      {"begin_s", seconds(fault.at)},
                      {"end_s", seconds(fault.at + fault.lasts)}});
  }
  Json& violations = out["violation_list"] = Json::array();
  for (const sim::Violation& one : measured.violations) {
    violations.push_back({{"rule", one.rule}, {"detail", one.detail}, {"at_s", seconds(one.at)}});
  }
  return out;
}

}  // namespace kadmos::cli
