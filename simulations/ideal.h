// What a lookup would cost a perfect Kademlia: everybody is there, every bucket is full and fresh,
// nothing is lost, and a request takes one round trip and no more. The yardstick for what is
// measured; it shares no code with the node, so that one mistake cannot be in both.
//
// Nodes have random 64-bit ids. The table of a node holds, for each length of the prefix shared
// with it, k nodes chosen at random among all that belong there, or all if there are no more.
// Tables are not stored: ids are sorted, so a bucket is a range, and its choice is drawn from the
// seed again, alike, whenever the node is asked. So a million nodes cost 8 MB.
//
// A lookup is the iterative one of the paper (Kademlia 2002, section 2.3), from a random node for a
// random target. Candidates are all it has heard of, first from its own table. Among the k closest
// to the target the closest not yet asked is asked next, alpha at once; an answer names the k
// closest to the target in the table of the one asked. It ends when the k closest candidates have
// all answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "kadmos/time.h"

namespace kadmos::sim {

struct IdealOptions {
  std::size_t nodes = 10'000;  // at least 2
  int k = 20;
  int alpha = 3;
  // Requests at once as soon as the closest candidate has answered: alpha as in the paper, k as in
  // kadmos.
  int closing = 3;
  std::uint64_t seed = 1;
  // From one node to another and back; nodes are numbered from 0 in the order of their ids, which
  // are random, so places may be dealt out in any order.
  std::function<Duration(std::size_t, std::size_t)> round_trip;
};

class IdealNetwork {
 public:
  explicit IdealNetwork(IdealOptions options);

  // Ascending, all different.
  const std::vector<std::uint64_t>& ids() const { return ids_; }
  // Whom `node` knows of those that share exactly `bits` leading bits with it.
  std::vector<std::size_t> bucket(std::size_t node, int bits) const;
  // The k closest to the target that `node` knows, nearest first. It does not name itself.
  std::vector<std::size_t> answer(std::size_t node, std::uint64_t target) const;

  struct Lookup {
    std::size_t closest = 0;  // whom it found closest to the target, itself excepted
    // The length of the chain of referrals to that node: 1 if it was in the own table, else one
    // more than whoever was the first to name it.
    int hops = 0;
    int rpcs = 0;           // requests sent until it ended
    Duration closest_at{};  // when that node's answer came
    Duration done_at{};
  };
  Lookup lookup(std::size_t from, std::uint64_t target) const;

 private:
  IdealOptions options_;
  std::vector<std::uint64_t> ids_;
  std::uint64_t table_seed_ = 0;
};

struct IdealResult {
  struct Times {
    double p50 = 0;
    double p90 = 0;
    double p99 = 0;
  };
  double hops_mean = 0;
  double rpcs_mean = 0;
  Times closest_ms;
  Times done_ms;
};

// Over `lookups` lookups, each from another random node for another random target. For the round
// trips between 222 cities of WonderNetwork (2020), k = 20 and alpha = 3 it gives what was
// published, to within 2 % (p99: 3 %):
//   nodes     hops   rpcs   closest p50   p99
//   10,000    2.50   22.9        280 ms   809 ms
//   100,000   3.07   24.3        337 ms   900 ms
IdealResult ideal(const IdealOptions& options, std::size_t lookups);

}  // namespace kadmos::sim
