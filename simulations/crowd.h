// The honest nodes of a simulation: how they come, enter the network, go and come back, and the
// truth about which of them are there.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "simulations/population.h"
#include "simulations/scenario.h"
#include "simulations/world.h"

namespace kadmos::sim {

class Crowd {
 public:
  // Both must outlive it.
  Crowd(World& world, const Scenario& scenario, Prng prng);

  // A new node, which joins through nodes that are up.
  NodeIndex add();
  // `count` nodes at once with tables as full as they can be, of each other and of `strangers`:
  // what joins and lookups would bring about in time. Only in a world without others.
  void fill(std::uint32_t count, const std::vector<NodeIndex>& strangers);
  // A node that runs, for good, and is not of the crowd: an adversary.
  void note_stranger(NodeIndex i);
  bool is_stranger(NodeIndex i) const {
    return world_.running(i) && strangers_.contains(world_.node(i).id());
  }
  // A node with the identity of node i, which joins through nodes that are up and is not of the
  // crowd.
  NodeIndex clone(NodeIndex i);
  // The process of an up node ends. Its disk stays, or is emptied.
  void end(NodeIndex i, bool wipe = false);
  // A node that ended starts again and joins.
  void start(NodeIndex i);

  std::size_t size() const { return up_.size(); }
  bool is_up(NodeIndex i) const { return i < place_.size() && place_[i] != 0; }
  // Whether it has run at any time since then.
  bool ran_since(NodeIndex i, TimePoint when) const {
    return world_.running(i) || (i < ended_.size() && ended_[i] >= when);
  }
  // How often it has started.
  std::uint32_t lives(NodeIndex i) const { return lives_[i]; }
  const std::vector<NodeIndex>& up() const { return up_; }
  NodeIndex any(Prng& prng) const { return up_[prng.below(up_.size())]; }
  // A share of those up, at least one of two or more.
  std::vector<NodeIndex> some(PerMillion share, Prng& prng) const;

  // Those that can be dialled.
  const Population& population() const { return population_; }
  // The k nodes closest to `target`, strangers included, nearest first.
  bool has_strangers() const { return strangers_.size() > 0; }
  std::vector<NodeIndex> closest_of_all(const Id& target, std::size_t k) const;
  // Those of them that are of the crowd: the honest nodes a lookup should come to.
  std::vector<NodeIndex> closest_in_place(const Id& target, std::size_t k) const;
  std::uint64_t joins_failed() const { return joins_failed_; }
  // Sent by all honest nodes since the beginning.
  std::uint64_t bytes_sent() const;

 private:
  void enter(NodeIndex i);
  void show_ways_in(NodeIndex i);
  void note(NodeIndex i, bool up);
  void join(NodeIndex i);

  World& world_;
  const Scenario& scenario_;
  Prng prng_;
  Population population_;
  Population strangers_;
  std::vector<NodeIndex> up_;         // in no order that matters
  std::vector<std::uint32_t> place_;  // of each node in up_, plus one; 0: not up
  std::vector<std::uint32_t> lives_;
  std::vector<TimePoint> ended_;  // for the last time
  std::vector<std::optional<Future<void>>> joining_;
  std::set<NodeIndex> hidden_;  // behind a NAT: they ask, but nobody can ask them
  std::uint64_t joins_failed_ = 0;
  std::uint64_t bytes_gone_ = 0;  // sent by processes that ended
};

}  // namespace kadmos::sim
