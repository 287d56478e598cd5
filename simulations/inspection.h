// The omniscient inspector: looks into every node of a simulation and says what must not be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "simulations/crowd.h"
#include "simulations/ledger.h"
#include "simulations/world.h"

namespace kadmos::sim {

// A promise was broken: which, and how.
using Violate = std::function<void(const char* rule, std::string detail)>;

class Inspection {
 public:
  // All must outlive it.
  Inspection(World& world, const Scenario& scenario, const Crowd& crowd, const Ledger& ledger,
             Violate violate)
      : world_(world),
        scenario_(scenario),
        crowd_(crowd),
        ledger_(ledger),
        violate_(std::move(violate)) {}

  // Tables hold only nodes that can be reached where they say, or could be a while ago, and every
  // bound holds. Looks at every node of a small crowd, else at one in so many, other ones each
  // time.
  void look_into_nodes();
  // After a calm: nodes know their neighbours, tables hold the living, and names their replicas.
  void look_for_convergence();
  // Nobody who lives may be put out of a table: since tables were remembered there was no trouble.
  void remember_tables();
  void look_for_evictions();
  // No operation or request is left anywhere, and closed nodes are silent.
  void look_for_leftovers();

  // Of the k nodes truly closest to an acknowledged name, the honest that hold that version.
  std::size_t holders_in_place(const Ledger::Name& name, std::uint64_t sequence) const;
  // Their mean over names.
  double replicas_in_place() const;
  // Acknowledged names of which no node that is up holds that version or a newer one. O(N).
  std::uint64_t lost() const;
  void count_frame() { ++frames_; }

 private:
  void look_into_table(NodeIndex i);
  bool holds(NodeIndex i, const Ledger::Name& name, std::uint64_t sequence) const;

  World& world_;
  const Scenario& scenario_;
  const Crowd& crowd_;
  const Ledger& ledger_;
  Violate violate_;
  std::map<NodeIndex, std::vector<PublicKey>> tables_;
  // Of each node the contacts that it has where they are no more, and since when that was seen.
  std::map<NodeIndex, std::map<PublicKey, TimePoint>> outdated_;
  std::uint64_t looks_ = 0;
  std::uint64_t astray_ = 0;  // of the network's counts, as seen last
  std::uint64_t frames_ = 0;
};

}  // namespace kadmos::sim
