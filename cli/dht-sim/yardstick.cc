#include "cli/dht-sim/yardstick.h"

#include <fmt/core.h>

#include <algorithm>

#include "simulations/ideal.h"

namespace kadmos::cli {
namespace {

constexpr std::size_t kLookups = 2000;

sim::IdealResult ideal_of(const sim::Scenario& scenario, int closing) {
  sim::IdealOptions options;
  options.nodes = scenario.nodes;
  options.k = scenario.config.k;
  options.alpha = scenario.config.alpha;
  options.closing = closing;
  options.seed = scenario.seed;
  // The ideal network's nodes are strangers to the run's, in places of the same world.
  const sim::Latency& latency = scenario.network.latency;
  Prng prng(scenario.seed);
  std::vector<sim::Position> places;
  for (std::size_t i = 0; i < options.nodes; ++i) places.push_back(latency.place(prng));
  options.round_trip = [&latency, &prng, places](std::size_t a, std::size_t b) {
    return latency.one_way(places[a], places[b], prng) +
           latency.one_way(places[b], places[a], prng);
  };
  return sim::ideal(options, kLookups);
}

Json yardstick(const char* figure, const char* path, const char* unit, double value,
               const std::string& source) {
  return {{"figure", figure}, {"path", path}, {"unit", unit}, {"value", value}, {"source", source}};
}

void add_ideal(Json& out, const sim::Scenario& scenario, int closing) {
  const sim::IdealResult ideal = ideal_of(scenario, closing);
  const std::string source =
      fmt::format("a perfect Kademlia that ends with {} requests at once", closing);
  const auto add = [&](const char* figure, const char* path, const char* unit, double value) {
    out.push_back(yardstick(figure, path, unit, value, source));
  };
  add("hops of a lookup", "/hops_mean", "", ideal.hops_mean);
  add("requests of a lookup", "/rpcs_mean", "", ideal.rpcs_mean);
  add("closest node reached, median", "/closest_ms/p50", "ms", ideal.closest_ms.p50);
  add("closest node reached, 99 %", "/closest_ms/p99", "ms", ideal.closest_ms.p99);
  add("whole lookup, median", "/lookups/ms/p50", "ms", ideal.done_ms.p50);
  add("whole lookup, 99 %", "/lookups/ms/p99", "ms", ideal.done_ms.p99);
}

}  // namespace

Json yardsticks_of(const sim::Scenario& scenario) {
  Json out = Json::array();
  const bool churn = scenario.churn.session.mean > Duration::zero();
  if (churn) {
    const std::string source = "published: Kademlia, 1,024 nodes, sessions of 1 h, in p2psim";
    if (scenario.workload.lookups > 0) {
      out.push_back(yardstick("whole lookup, median", "/lookups/ms/p50", "ms", 450, source));
    }
    out.push_back(yardstick("traffic of a node", "/bytes_per_node_s", "bytes/s", 10, source));
    return out;
  }
  const bool calm =
      scenario.faults.empty() && scenario.adversaries.kind == sim::Adversaries::Kind::none;
  if (!calm || scenario.workload.lookups == 0 || scenario.nodes < 2) return out;
  add_ideal(out, scenario, scenario.config.alpha);
  if (scenario.config.k > scenario.config.alpha) add_ideal(out, scenario, scenario.config.k);
  return out;
}

}  // namespace kadmos::cli
