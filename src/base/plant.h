// Bugs on purpose, to prove that the simulator's checkers find such bugs. In shipped code planted()
// is constant false and costs nothing; tests/planted compiles the files that ask it once more,
// with KADMOS_PLANTS, and chooses one at run time.
#pragma once

#include <cstdint>

namespace kadmos {

enum class Plant : std::uint8_t {
  none,
  skip_signature,       // a record is believed without looking at its signature
  forget_deadline,      // an operation has none
  evict_live_contact,   // a full bucket drops its oldest contact for a new one
  accept_older,         // a replica takes an older version over a newer
  count_refused_store,  // a refused store counts as durable
  leak_rpc,             // a request that failed is never forgotten
  one_less_than_k,      // a search is content with k - 1 nodes
  keep_old_address,     // a known peer that shows up at another address is not dialled there
  believe_unsolicited,  // a reply that nobody asked for is taken for an answer
  // Only the node with the smaller key replaces a dead connection, answers go over it, and it is
  // given up as late as Linux does.
  keep_dead_connection,
};

#ifdef KADMOS_PLANTS
extern Plant planted_bug;  // NOLINT: set once, by the test
inline bool planted(Plant bug) { return bug == planted_bug; }
#else
constexpr bool planted(Plant) { return false; }
#endif

}  // namespace kadmos
