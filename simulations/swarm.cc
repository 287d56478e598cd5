#include "simulations/swarm.h"

#include <string>

namespace kadmos::sim {

namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kDraw = 21;

// What is written in a command line must be what ran: shares in thousandths, times in seconds.
PerMillion share(Prng& prng, int low, int high) {
  return static_cast<PerMillion>(prng.between(low, high) * 1000);
}
Duration whole_seconds(Prng& prng, Duration low, Duration high) {
  return seconds(prng.between(low / seconds(1), high / seconds(1)));
}

bool one_in(Prng& prng, std::uint64_t n) { return prng.below(n) == 0; }

Fault draw_fault(Prng& prng, Duration duration) {
  static constexpr Fault::Kind kKinds[] = {
      Fault::Kind::crash,     Fault::Kind::wipe,      Fault::Kind::leave,       Fault::Kind::pause,
      Fault::Kind::cut,       Fault::Kind::partition, Fault::Kind::one_way,     Fault::Kind::bridge,
      Fault::Kind::flash,     Fault::Kind::bad_disk,  Fault::Kind::packets,     Fault::Kind::clog,
      Fault::Kind::move,      Fault::Kind::migrate,   Fault::Kind::restart_all, Fault::Kind::sleep,
      Fault::Kind::half_open, Fault::Kind::clone};
  Fault fault;
  fault.kind = kKinds[prng.below(std::size(kKinds))];
  fault.at = whole_seconds(prng, {}, duration - seconds(1));
  fault.lasts = whole_seconds(prng, seconds(1), minutes(10));
  fault.share = share(prng, 50, 400);
  return fault;
}

}  // namespace

Scenario swarm_scenario(std::uint64_t seed) {
  Prng prng(Prng(seed ^ (kDraw << 56)).next());
  Scenario out;
  out.name = "swarm";
  out.seed = seed;
  out.nodes =
      static_cast<std::uint32_t>(one_in(prng, 4) ? prng.between(3, 8) : prng.between(9, 60));
  if (one_in(prng, 3)) {
    out.latency = "loopback";
    out.network.latency = Latency::loopback();
  }
  if (one_in(prng, 4)) out.config.alpha = static_cast<int>(prng.between(1, 6));
  static constexpr int kReplicas[] = {3, 5, 8, 20};
  out.config.k = kReplicas[prng.below(std::size(kReplicas))];
  // Upkeep as fast as the trouble, so that little of the time is waiting.
  out.config.refresh_interval = minutes(10);
  out.config.sync_interval = minutes(10);
  out.config.republish_interval = minutes(30);
  out.duration = whole_seconds(prng, minutes(5), minutes(20));
  out.calm = minutes(25);
  out.join_gap = one_in(prng, 2) ? milliseconds(10) : milliseconds(500);
  out.disk_latency = milliseconds(prng.between(0, one_in(prng, 4) ? 200 : 5));
  out.clock_skew = one_in(prng, 3) ? seconds(0) : seconds(prng.between(0, 300));

  // Some hundred operations.
  const auto hours_of_nodes = [&](std::uint64_t operations) {
    const auto node_seconds = out.nodes * static_cast<std::uint64_t>(out.duration / seconds(1));
    return static_cast<std::uint32_t>(operations * 3600 / node_seconds + 1);
  };
  out.workload.keys = static_cast<std::uint32_t>(prng.between(1, 10));
  out.workload.lookups = hours_of_nodes(20);
  out.workload.gets = hours_of_nodes(prng.below(100));
  out.workload.sets = hours_of_nodes(prng.below(40));
  out.workload.value_bytes = static_cast<std::uint32_t>(one_in(prng, 10) ? 60'000 : 50);

  if (one_in(prng, 3)) {
    using Model = LengthOptions::Model;
    static constexpr Model kModels[] = {Model::exponential, Model::weibull, Model::pareto};
    out.churn.session = {kModels[prng.below(3)], whole_seconds(prng, minutes(5), minutes(60)),
                         2000};
    out.churn.pause.mean = whole_seconds(prng, seconds(1), minutes(10));
    // A handful of nodes that come anew may all be gone at once, and nobody left to tell the next.
    out.churn.returning = one_in(prng, 2) || out.nodes < 20;
    out.churn.keeps_disk = !one_in(prng, 3);
  }
  if (one_in(prng, 2)) {
    Faults& packets = out.network.faults;
    out.network.datagram = one_in(prng, 3);
    if (one_in(prng, 2)) packets.loss = share(prng, 1, 50);
    if (one_in(prng, 3)) packets.duplication = share(prng, 1, 50);
    if (one_in(prng, 3)) packets.reordering = share(prng, 1, 100);
    if (one_in(prng, 6)) packets.corruption = share(prng, 1, 2);
    if (one_in(prng, 4)) packets.burst_every = whole_seconds(prng, seconds(20), minutes(5));
  }
  if (one_in(prng, 8)) {  // too slow for large values
    out.network.up = out.network.down = 20'000;
    out.workload.value_bytes = 50;
  }
  if (one_in(prng, 6)) out.undialable = share(prng, 50, 300);
  out.network.unknown_refuse = one_in(prng, 2);
  if (!one_in(prng, 3)) {
    const auto faults = prng.below(4) + 1;
    for (std::uint64_t i = 0; i < faults; ++i) out.faults.push_back(draw_fault(prng, out.duration));
  }
  if (out.nodes > 8 && one_in(prng, 4)) {
    constexpr auto kLast = static_cast<std::uint64_t>(Adversaries::Kind::equivocators);
    out.adversaries.kind = static_cast<Adversaries::Kind>(prng.below(kLast) + 1);
    out.adversaries.share = share(prng, 50, 200);
    // A node that outlives all honest others it knew may know three liars at last, who never leave.
    if (out.churn.session.mean > Duration(0)) out.config.k = std::max(out.config.k, 5);
    // What they make everybody replicate would fill slow lines for ever.
    if (out.adversaries.kind == Adversaries::Kind::flooders) out.network.up = out.network.down = 0;
  }
  if (one_in(prng, 3)) out.workload.watchers = static_cast<std::uint32_t>(prng.between(1, 10));
  return out;
}

}  // namespace kadmos::sim
