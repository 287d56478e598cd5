// What can go wrong with packets, how often, and how often it did. Each kind is off at 0, and what
// is off draws no random number.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/prng.h"
#include "kadmos/time.h"

namespace kadmos::sim {

// Parts per million of packets.
struct Faults {
  std::uint32_t loss = 0;
  std::uint32_t duplication = 0;
  std::uint32_t reordering = 0;
  std::uint32_t corruption = 0;
  // A host's line fails in bursts: one in every `burst_every` (0: none), at a random moment of it,
  // for up to twice `burst_length`. What it sends and receives meanwhile is lost with these odds.
  Duration burst_every = Duration::zero();
  Duration burst_length = std::chrono::seconds(2);
  std::uint32_t burst_loss = 1'000'000;

  bool bursts() const { return burst_every > Duration::zero(); }
  bool any() const {
    return loss > 0 || duplication > 0 || reordering > 0 || corruption > 0 || bursts();
  }
};

// Whether a line is in one of its bursts. A function of `line` (a random number for each host) and
// time alone, so it can be asked about any moment and needs no memory.
inline bool in_burst(const Faults& faults, std::uint64_t line, TimePoint when) {
  if (!faults.bursts()) return false;
  const std::int64_t every = faults.burst_every.count();
  const std::int64_t since = when.time_since_epoch().count();
  Prng prng(line + static_cast<std::uint64_t>(since / every));
  const auto most = static_cast<std::uint64_t>(2 * faults.burst_length.count()) + 1;
  const std::int64_t length = std::min(static_cast<std::int64_t>(prng.below(most)), every);
  const std::int64_t start = prng.between(0, every - length);
  return since % every >= start && since % every < start + length;
}

struct NetworkCounts {
  std::uint64_t frames = 0;  // given to a connection
  std::uint64_t bytes = 0;   // on the wire: headers, handshakes and what was sent again included
  std::uint64_t handshakes = 0;  // that were answered
  std::uint64_t lost = 0;        // packets; a stream sends them again
  std::uint64_t duplicated = 0;
  std::uint64_t reordered = 0;
  std::uint64_t corrupted = 0;
  std::uint64_t stalled = 0;   // held up by a partition
  std::uint64_t vanished = 0;  // to or from a cut host; across a partition, if datagrams
  std::uint64_t broken = 0;    // connections that ended by a fault or over a bound
  // Frames given to a dead connection although a living one with the same peer was known to be
  // better. No fault of the network: the rules of connections forbid it.
  std::uint64_t astray = 0;
};

}  // namespace kadmos::sim
