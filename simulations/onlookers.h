// Onlookers: users who watch names, each through a node, as long as that runs; then through
// another. What they are told must verify and go forward, and once trouble is over they must have
// been told what was acknowledged.
#pragma once

#include <list>
#include <optional>

#include "simulations/crowd.h"
#include "simulations/inspection.h"
#include "simulations/ledger.h"

namespace kadmos::sim {

class Onlookers {
 public:
  // Everything must outlive it.
  Onlookers(World& world, const Scenario& scenario, Crowd& crowd, const Ledger& ledger, Prng prng,
            Violate violate);

  // As many as the workload says begin to watch names at random.
  void begin();
  // All is calm, and has been for long enough to be told of everything.
  void look_for_unheard();
  // They watch no longer.
  void end();
  // Versions they were given.
  std::uint64_t told() const { return told_; }

 private:
  struct Onlooker {
    std::size_t name = 0;
    NodeIndex node = 0;
    std::optional<Stream<Update>> stream;
    std::optional<Future<void>> next;
    std::optional<Record> last;  // of this stream
  };

  void watch(Onlooker& one);
  void wait(Onlooker& one);
  void on_update(Onlooker& one, const Update& update);

  World& world_;
  const Scenario& scenario_;
  Crowd& crowd_;
  const Ledger& ledger_;
  Prng prng_;
  Violate violate_;
  std::list<Onlooker> all_;
  std::uint64_t told_ = 0;
  bool ended_ = false;
};

}  // namespace kadmos::sim
