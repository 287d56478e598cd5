// Which keys two nodes both keep. A node keeps a key if it is among the k nearest to it, so what
// two nodes share is a set of ranges: all keys that begin with the same bits as long as, for both,
// too few nodes can be nearer.
#pragma once

#include <span>
#include <vector>

#include "kadmos/range.h"

namespace kadmos {

// A node, and of how many nearest it is to be one.
struct Keeper {
  Id id;
  int k = 0;
};

// Who shares keys with a node is among so many of the nearest to it.
constexpr std::size_t neighbourhood(int k) { return 3 * static_cast<std::size_t>(k); }

// Of what two nodes share, so many ranges at most are compared at once.
inline constexpr std::size_t kSharedRanges = 256;

// The ranges, in key order and none inside another, of the keys to which `a` is one of the a.k
// nearest and `b` one of the b.k nearest, of a, b and `others` (which may name them too); up to
// `most`. Whoever is in a subtree that splits off from a node's path to a key is nearer to the key
// than this node if the key lies in that subtree, and farther if not; so all that counts is how
// many there are for each length of prefix. O(others + ranges * bits).
std::vector<KeyRange> shared_ranges(const Keeper& a, const Keeper& b, std::span<const Id> others,
                                    std::size_t most);

}  // namespace kadmos
