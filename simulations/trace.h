// One search, watched from outside: whom a node asked and when, and who answered what. Taken from
// the frames that leave and arrive, so nothing in the node knows of it; what cannot be seen from
// there (which peers it holds to be slow) is not told.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "simulations/world.h"

namespace kadmos::sim {

struct TracedRequest {
  Contact peer;
  std::optional<NodeIndex> node;     // nothing: there is no such node
  Duration asked{};                  // since the start, like all times
  bool open = false;                 // there was a connection to it, else it was dialled
  std::optional<Duration> arrived;   // when the peer had the request
  std::optional<Duration> answered;  // when the answer was back
  int shared_bits = 0;               // leading, with the target
  bool closest = false;              // its answer made it the closest that had answered
  std::size_t contacts = 0;          // that it named
  bool record = false;               // and it held a record
  std::string failure;               // its words, if it refused
};

struct Trace {
  Key target;
  NodeIndex from = 0;
  bool get = false;                     // else find_node
  std::vector<TracedRequest> requests;  // as asked
  std::optional<Error> error;
  Duration elapsed{};
  int hops = 0;
  bool content = false;          // a get found immutable content
  bool local = false;            // a get that was answered from the own store
  std::uint64_t slow = 0;        // requests of the node that outlived their adaptive time meanwhile
  std::vector<NodeIndex> truth;  // the running nodes truly closest, nearest first, k at most
  std::vector<bool> found;       // of each, whether it answered
};

// Searches through node `from`, which must run; else nothing is due in the world that it waits for.
Trace trace(World& world, NodeIndex from, const Key& target, bool get);

}  // namespace kadmos::sim
