#include "simulations/simulation.h"

#include <algorithm>

namespace kadmos::sim {

namespace {

constexpr std::uint64_t kJoins = 11;
constexpr std::uint64_t kWork = 12;
constexpr std::uint64_t kChurn = 13;
constexpr std::uint64_t kFaults = 14;
constexpr std::uint64_t kPlot = 15;
constexpr std::uint64_t kLooks = 16;

constexpr std::size_t kViolations = 100;  // kept in words; all are counted
constexpr int kSlices = 60;
// What the network needs to come to rest after it grew.
constexpr Duration kRest = std::chrono::minutes(1);

Prng stream(const Scenario& scenario, std::uint64_t purpose) {
  return Prng(Prng(scenario.seed ^ (purpose << 56)).next());
}

WorldOptions options_of(const Scenario& scenario) {
  WorldOptions options;
  options.seed = scenario.seed;
  options.config = scenario.config;
  options.network = scenario.network;
  options.network.faults = {};  // from the measured time on
  options.disk_latency = scenario.disk_latency;
  options.clock_skew = scenario.clock_skew;
  return options;
}

}  // namespace

Simulation::Simulation(Scenario scenario)
    : scenario_(std::move(scenario)),
      world_(options_of(scenario_)),
      crowd_(world_, scenario_, stream(scenario_, kJoins)),
      users_(world_, scenario_, crowd_, measured_, stream(scenario_, kWork), broken()),
      onlookers_(world_, scenario_, crowd_, users_.ledger(), stream(scenario_, kLooks), broken()),
      conspiracy_(world_, scenario_, crowd_, users_.ledger(), stream(scenario_, kPlot)),
      fate_(world_, scenario_, crowd_, users_, stream(scenario_, kChurn),
            stream(scenario_, kFaults), broken()),
      inspection_(world_, scenario_, crowd_, users_.ledger(), broken()) {}

Simulation::~Simulation() = default;

Violate Simulation::broken() {
  return [this](const char* rule, std::string detail) { violate(rule, std::move(detail)); };
}

bool Simulation::prepare(const Report& report) {
  report_ = report;
  world_.on_frame([this](NodeIndex from, NodeIndex to, ByteView frame) {
    users_.on_frame(from, to, frame);
    inspection_.count_frame();
  });
  if (!grow()) return false;
  users_.set_names();
  return run_for("setting names", scenario_.config.operation_timeout + kRest);
}

void Simulation::run(const Report& report) {
  bool on = prepare(report);
  if (on) {
    measured_since_ = world_.now();
    bytes_before_ = crowd_.bytes_sent();
    const std::uint64_t events = world_.events();
    users_.measure(true);
    users_.work(true);
    onlookers_.begin();
    fate_.begin();
    on = live("measuring", scenario_.duration);
    measured_.measured_events = world_.events() - events;
    measured_.bytes_sent = crowd_.bytes_sent() - bytes_before_;
    users_.measure(false);
    fate_.end();
  }
  if (on && scenario_.calm > Duration::zero()) {
    // In its second half whatever the trouble left behind is over: what is wrong now is a bug.
    on = run_for("calm", scenario_.calm / 2);
    inspection_.remember_tables();
    users_.at_peace(true);
    if (on) on = run_for("calm", scenario_.calm / 2);
    users_.at_peace(false);
    if (on) inspection_.look_for_convergence();
    if (on) inspection_.look_for_evictions();
    if (on) onlookers_.look_for_unheard();
  }
  users_.work(false);
  onlookers_.end();
  measured_.updates = onlookers_.told();
  if (on) on = run_for("ending", scenario_.config.operation_timeout + kRest);
  measured_.lost_keys = inspection_.lost();
  measured_.deeds = conspiracy_.deeds();
  conspiracy_.end();
  if (on) inspection_.look_for_leftovers();
  measured_.joins_failed = crowd_.joins_failed();
  measured_.digest = world_.digest();
  measured_.events = world_.events();
  measured_.simulated = world_.now().time_since_epoch();
}

// ---- Phases

bool Simulation::grow() {
  const std::uint32_t adversaries = measured_.adversaries = Conspiracy::count(scenario_);
  if (scenario_.filled) {
    while (conspiracy_.members().size() < adversaries) conspiracy_.add();
    crowd_.fill(scenario_.nodes - adversaries, conspiracy_.members());
    return run_for("joining", kRest);
  }
  for (std::uint32_t n = 1; n <= scenario_.nodes; ++n) {
    // Spread evenly over the growth, which an honest node begins.
    if (conspiracy_.members().size() < std::uint64_t{n} * adversaries / scenario_.nodes) {
      conspiracy_.join(conspiracy_.add());
    } else {
      crowd_.add();
    }
    world_.run_for(scenario_.join_gap);
    if (n % 64 == 0 && !say("joining", static_cast<double>(n) / scenario_.nodes)) {
      return false;
    }
  }
  return run_for("joining", kRest);
}

bool Simulation::live(const char* phase, Duration lasts) {
  const Duration slice = std::max<Duration>(lasts / kSlices, std::chrono::seconds(10));
  for (Duration begin{}; begin < lasts; begin += slice) {
    measured_.slices.emplace_back();
    measured_.slices.back().begin = begin;
    if (!say(phase, static_cast<double>(begin.count()) / static_cast<double>(lasts.count()))) {
      return false;
    }
    world_.run_for(std::min(slice, lasts - begin));
    end_slice();
  }
  return true;
}

bool Simulation::run_for(const char* phase, Duration lasts) {
  const Duration step = lasts / 100;
  for (int i = 0; i < 100; ++i) {
    if (!say(phase, i / 100.0)) return false;
    world_.run_for(step);
    if (i % 10 == 9) users_.sweep();
  }
  inspection_.look_into_nodes();
  return true;
}

bool Simulation::say(const char* phase, double done) {
  if (!report_) return true;
  return report_({phase, done, world_.now().time_since_epoch(), world_.events(), crowd_.size()});
}

void Simulation::end_slice() {
  Slice& slice = measured_.slices.back();
  const std::uint64_t bytes = crowd_.bytes_sent() - bytes_before_;
  slice.bytes = bytes;
  for (const Slice& before : measured_.slices) {
    if (&before != &slice) slice.bytes -= before.bytes;
  }
  slice.nodes_up = static_cast<std::uint32_t>(crowd_.size());
  slice.replicas = inspection_.replicas_in_place();
  const Duration lasted = world_.now() - measured_since_ - slice.begin;
  measured_.node_seconds +=
      crowd_.size() * static_cast<std::uint64_t>(lasted / std::chrono::milliseconds(1)) / 1000;
  users_.sweep();
  inspection_.look_into_nodes();
}

void Simulation::violate(const char* rule, std::string detail) {
  ++measured_.violation_count;
  if (measured_.violations.size() >= kViolations) return;
  measured_.violations.push_back({rule, std::move(detail), world_.now().time_since_epoch()});
}

}  // namespace kadmos::sim
