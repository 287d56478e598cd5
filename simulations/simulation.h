// A scenario, carried out: a world grows, users work while nodes come and go and faults strike, and
// everything is measured and held against what is true.
//
//   sim::Simulation simulation(scenario);
//   simulation.run();
//   simulation.measured().gets.success();
//
// Phases: the network grows (by joins, or with tables filled from above); names are set; the
// measured time runs, with workload, churn and faults; then, if the scenario has one, a calm
// without churn and faults, after which tables and replicas must have converged; the end, in which
// nothing may be left over. Each kind of chance has a stream of its own, so that turning one thing
// off leaves the others as they were.
#pragma once

#include <functional>
#include <string>

#include "simulations/adversary.h"
#include "simulations/crowd.h"
#include "simulations/fate.h"
#include "simulations/inspection.h"
#include "simulations/measurements.h"
#include "simulations/onlookers.h"
#include "simulations/scenario.h"
#include "simulations/users.h"
#include "simulations/world.h"

namespace kadmos::sim {

struct Progress {
  const char* phase = "";
  double done = 0;  // of the phase, 0 to 1
  Duration simulated{};
  std::uint64_t events = 0;
  std::size_t nodes_up = 0;
};
// False ends the run early; what was measured until then stays.
using Report = std::function<bool(const Progress&)>;

class Simulation {
 public:
  explicit Simulation(Scenario scenario);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // Carries the scenario out, once. Calls `report` a few times for each percent of a phase.
  void run(const Report& report = {});

  // In place of run: the first two phases only; then the world is the caller's. False if `report`
  // ended it early.
  bool prepare(const Report& report = {});

  const Scenario& scenario() const { return scenario_; }
  const Measurements& measured() const { return measured_; }
  World& world() { return world_; }
  const Crowd& crowd() const { return crowd_; }
  const Ledger& ledger() const { return users_.ledger(); }

 private:
  bool grow();
  bool live(const char* phase, Duration lasts);
  bool run_for(const char* phase, Duration lasts);
  bool say(const char* phase, double done);
  void end_slice();
  Violate broken();
  void violate(const char* rule, std::string detail);

  Scenario scenario_;
  World world_;
  Measurements measured_;
  Crowd crowd_;
  Users users_;
  Onlookers onlookers_;
  Conspiracy conspiracy_;
  Fate fate_;
  Inspection inspection_;
  Report report_;
  TimePoint measured_since_{};
  std::uint64_t bytes_before_ = 0;
};

}  // namespace kadmos::sim
