// What tests of the simulated world share: growing a network, and looking into it from above.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "simulations/world.h"

namespace kadmos::sim {

// Adds nodes, which join one by one through node 0, until there are n.
inline void grow(World& world, std::size_t n) {
  while (world.size() < n) {
    const NodeIndex i = world.size() == 0 ? world.add() : world.add(world.entering_at(0));
    const auto joined = world.run_until(world.node(i).join());
    REQUIRE_MESSAGE(joined.ok(), joined.error().text());
  }
}

// A random running node.
inline NodeIndex any_running(const World& world, Prng& prng) {
  for (;;) {
    const auto i = static_cast<NodeIndex>(prng.below(world.size()));
    if (world.running(i)) return i;
  }
}

// Whether the node's disk holds the key durably (and what version).
inline std::optional<StoredRecord> held_by(World& world, NodeIndex i, const Key& key) {
  return world.disk(i).record(key);
}

// The running nodes whose disks hold the key.
inline std::set<NodeIndex> holders(World& world, const Key& key) {
  std::set<NodeIndex> out;
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (world.running(i) && held_by(world, i, key)) out.insert(i);
  }
  return out;
}

inline std::set<NodeIndex> indexes(const World& world, const std::vector<Contact>& contacts) {
  std::set<NodeIndex> out;
  for (const Contact& contact : contacts) out.insert(*world.index_of(contact.key));
  return out;
}

inline bool knows(World& world, NodeIndex who, NodeIndex whom) {
  return indexes(world, world.node(who).contacts()).contains(whom);
}

// The replicas that a receipt says made it durable.
inline std::set<NodeIndex> durable_replicas(const World& world, const Receipt& receipt) {
  std::set<NodeIndex> out;
  for (const Asked& asked : receipt.replicas) {
    if (asked.outcome == Outcome::durable || asked.outcome == Outcome::extended) {
      out.insert(*world.index_of(asked.peer.key));
    }
  }
  return out;
}

inline std::set<NodeIndex> as_set(const std::vector<NodeIndex>& nodes) {
  return {nodes.begin(), nodes.end()};
}

// Nothing runs or is awaited anywhere at some moment of the next minute; upkeep may have been at
// it.
inline bool comes_to_rest(World& world) {
  return world.run_until(
      [&] {
        for (NodeIndex i = 0; i < world.size(); ++i) {
          if (!world.running(i)) continue;
          const Stats stats = world.node(i).stats();
          if (stats.operations_running > 0 || stats.rpcs_pending > 0) return false;
        }
        return true;
      },
      std::chrono::minutes(1));
}

inline std::string text(const Record& record) { return std::string(text_of(record.value)); }

}  // namespace kadmos::sim
