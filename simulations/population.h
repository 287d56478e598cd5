// The truth about who is there: the honest full nodes that run, ordered by id.
#pragma once

#include <map>
#include <vector>

#include "kadmos/id.h"
#include "simulations/event_queue.h"

namespace kadmos::sim {

class Population {
 public:
  void add(const Id& id, NodeIndex node) { nodes_.emplace(id, node); }
  void remove(const Id& id) { nodes_.erase(id); }
  bool contains(const Id& id) const { return nodes_.contains(id); }
  std::size_t size() const { return nodes_.size(); }
  // The k closest to `target`, nearest first. O(k + log N): ids that share a long prefix with the
  // target are neighbours in order, so the smallest prefix range with k of them holds the k
  // closest.
  std::vector<NodeIndex> closest(const Id& target, std::size_t k) const;
  // The largest subtree around `id`, itself not counted, of at most k nodes: no bucket of a table
  // can be too small for them (Kademlia 2002, section 2.4).
  std::vector<NodeIndex> neighbours(const Id& id, std::size_t k) const;

 private:
  std::map<Id, NodeIndex> nodes_;
};

}  // namespace kadmos::sim
