// Hosts by what no two of them share: a hash table with open addressing. It holds hashes and
// numbers of hosts, so a search looks at hardly any host besides the right one. Hosts stay for
// ever.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "simulations/event_queue.h"

namespace kadmos::sim {

class HostIndex {
 public:
  // `word` stands for what the host is found by; hosts may have the same. `is` tells the right one.
  template <class Is>
  std::optional<NodeIndex> find(std::uint64_t word, Is is) const {
    const std::uint32_t hash = hash_of(word);
    for (std::size_t at = hash & mask(); places_[at].host != kNobody; at = (at + 1) & mask()) {
      if (places_[at].hash == hash && is(places_[at].host)) return places_[at].host;
    }
    return std::nullopt;
  }
  void add(std::uint64_t word, NodeIndex host) {
    put({hash_of(word), host});
    if (2 * ++size_ < places_.size()) return;
    std::vector<Place> old(2 * places_.size());
    old.swap(places_);
    for (const Place& place : old) {
      if (place.host != kNobody) put(place);
    }
  }

 private:
  static constexpr NodeIndex kNobody = ~NodeIndex{0};
  struct Place {
    std::uint32_t hash = 0;
    NodeIndex host = kNobody;
  };

  // A product's bits depend on lower ones alone: words that differ in their upper half need that
  // folded in, as those of IPv4 addresses do.
  static std::uint32_t hash_of(std::uint64_t word) {
    return static_cast<std::uint32_t>((word ^ word >> 32) * 0x9e3779b97f4a7c15U >> 32);
  }
  std::size_t mask() const { return places_.size() - 1; }
  void put(Place place) {
    std::size_t at = place.hash & mask();
    while (places_[at].host != kNobody) at = (at + 1) & mask();
    places_[at] = place;
  }

  std::vector<Place> places_ = std::vector<Place>(64);  // a power of two, at most half of it used
  std::size_t size_ = 0;
};

}  // namespace kadmos::sim
