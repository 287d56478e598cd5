// What befalls the nodes of a simulation: sessions that end and pauses that pass (churn), and the
// scenario's faults, each at its time and for its time.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "simulations/crowd.h"
#include "simulations/users.h"

namespace kadmos::sim {

class Fate {
 public:
  // All must outlive it. `churn` and `faults` are their streams of chance.
  Fate(World& world, const Scenario& scenario, Crowd& crowd, Users& users, Prng churn, Prng faults,
       Violate violate);

  // From now on sessions end and faults strike.
  void begin();
  // Nothing new strikes, what lasts is over at once, and whoever was to come back comes back.
  void end();

 private:
  void begin_session(NodeIndex i);
  void strike(const Fault& fault);
  void take_down(const std::vector<NodeIndex>& nodes, const Fault& fault);
  void restart(NodeIndex i, bool moves);
  void clone(NodeIndex i, const Fault& fault);
  void restart_all(const Fault& fault);
  void divide(const std::vector<NodeIndex>& side, const Fault& fault);
  void clog(const Fault& fault);
  // Does it after `lasts`, or when everything ends.
  void undo_after(Duration lasts, std::function<void()> undo);

  World& world_;
  const Scenario& scenario_;
  Crowd& crowd_;
  Users& users_;
  Prng churn_;
  Prng faults_;
  Violate violate_;
  Lengths sessions_;
  Lengths pauses_;
  bool striking_ = false;
  bool divided_ = false;
  std::map<std::uint64_t, std::function<void()>> undo_;  // in the order of what they undo
  std::uint64_t next_undo_ = 0;
  std::map<NodeIndex, Future<void>> ending_;  // in order
};

}  // namespace kadmos::sim
