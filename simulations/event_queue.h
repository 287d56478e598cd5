// The future of the world: a heap of events ordered by (time, source, sequence). Time moves only by
// taking the next event. Each source numbers its own events, so the order of two events of one
// instant never depends on who else is in the world.
//
// Cost: the heap moves 24-byte entries; events (frames included) lie still in a pool. Each entry
// has four children, which lie together: half the levels of a binary heap, and half the cache
// misses.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "kadmos/bytes.h"
#include "kadmos/seams.h"
#include "kadmos/time.h"

namespace kadmos::sim {

using NodeIndex = std::uint32_t;
// The source of what the test does; comes after the nodes.
inline constexpr NodeIndex kOutside = std::numeric_limits<NodeIndex>::max();

struct Event {
  enum class Kind : std::uint8_t {
    syn,        // a dial reaches its target; `number` is the dial
    accepted,   // the target's handshake reaches the dialler
    failed,     // the dial `number` failed: `why`
    deadline,   // the dial `number` has taken too long; from another host: what waited for the end
                // of a partition is given up
    opened,     // the dialler's part of the handshake reaches the target: connection `number`
    frame,      // on connection `number`
    closed,     // the other end broke connection `number`
    retired,    // the other end hung up connection `number` politely: nothing is lost
    broken,     // this end gives connection `number` up
    judged,     // connection `number` has been beside another with the same peer for a while
    dropped,    // a frame to the key in `frame` found no way out: `why`
    alarm,      // a node's clock rings
    committed,  // a node's disk made write `number` durable
    action,     // the test's own function `number`
  };
  Kind kind = Kind::action;
  Unreachable why = Unreachable::refused;
  NodeIndex from = 0;
  NodeIndex to = 0;
  std::uint64_t number = 0;
  Bytes frame;
};

class EventQueue {
 public:
  TimePoint now() const { return now_; }
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  // When the next event is due; only if not empty.
  TimePoint next() const { return heap_.front().when; }
  // Moves time on to where nothing is due before.
  void advance(TimePoint when) { now_ = std::max(now_, when); }

  // Happens at `when`, or now if that has passed. `source` caused it.
  void push(TimePoint when, NodeIndex source, Event event) {
    std::uint32_t slot = 0;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(pool_.size());
      pool_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    pool_[slot] = {std::move(event), sequence_of(source)++, source};
    heap_.push_back({std::max(when, now_), slot});
    rise();
  }

  // Takes the next event; time is then its time. Only if not empty.
  Event pop() {
    const Entry entry = heap_.front();
    const Entry last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sink(last);
    now_ = entry.when;
    free_.push_back(entry.slot);
    // One of these comes next; by then it is in the cache.
    for (std::size_t i = 0; i < std::min<std::size_t>(5, heap_.size()); ++i) {
      __builtin_prefetch(&pool_[heap_[i].slot]);
    }
    return std::move(pool_[entry.slot].event);
  }
  // What pop would give; only if not empty.
  const Event& peek() const { return pool_[heap_.front().slot].event; }

 private:
  struct Entry {
    TimePoint when;
    std::uint32_t slot;
  };
  struct Queued {
    Event event;
    std::uint64_t sequence = 0;
    std::uint32_t source = 0;
  };
  std::uint64_t& sequence_of(NodeIndex source) {
    if (source == kOutside) return outside_;
    if (source >= sequences_.size()) sequences_.resize(source + std::size_t{1});
    return sequences_[source];
  }
  bool before(const Entry& a, const Entry& b) const {
    if (a.when != b.when) return a.when < b.when;
    const Queued& x = pool_[a.slot];
    const Queued& y = pool_[b.slot];
    return x.source != y.source ? x.source < y.source : x.sequence < y.sequence;
  }
  // Moves the last entry up to its place.
  void rise() {
    const Entry entry = heap_.back();
    std::size_t at = heap_.size() - 1;
    for (; at > 0; at = (at - 1) / 4) {
      const Entry& parent = heap_[(at - 1) / 4];
      if (!before(entry, parent)) break;
      heap_[at] = parent;
    }
    heap_[at] = entry;
  }
  // Fills the place of the first entry: the earliest of its children moves up until `entry` fits.
  void sink(const Entry& entry) {
    std::size_t at = 0;
    for (;;) {
      const std::size_t children = 4 * at + 1;
      if (children >= heap_.size()) break;
      std::size_t first = children;
      for (std::size_t i = children + 1; i < std::min(children + 4, heap_.size()); ++i) {
        if (before(heap_[i], heap_[first])) first = i;
      }
      if (!before(heap_[first], entry)) break;
      heap_[at] = heap_[first];
      at = first;
    }
    heap_[at] = entry;
  }

  TimePoint now_{};
  std::vector<Entry> heap_;
  std::vector<Queued> pool_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint64_t> sequences_;
  std::uint64_t outside_ = 0;
};

}  // namespace kadmos::sim
