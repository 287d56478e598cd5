// Shares: who has how much of something that is bounded (connections, handshakes, bytes that wait,
// watches). What is counted is counted for every level of its party: the peer, its address, its
// address group, and in total. A level more is a line in the enum, one in Party and one in names().
//
// A peer's key costs nothing, so bounds by peer only keep honest ones apart; those by group hold an
// attacker. Local addresses have no shares (AddressGroups::local), local peers do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "kadmos/address_groups.h"
#include "kadmos/identity.h"

namespace kadmos {

// Whose share something counts against. What is not known, or is local, is absent.
struct Party {
  std::optional<PublicKey> peer{};
  std::optional<ByteArray<16>> address{};
  std::uint64_t group = 0;  // as AddressGroups::group_of

  static Party at(const AddressGroups& groups, const Endpoint& where);
  static Party at(const AddressGroups& groups, const Endpoint& where, const PublicKey& peer);
};

class Shares {
 public:
  enum Level : std::uint8_t { total, peer, address, group };
  static constexpr std::size_t kLevels = 4;
  static constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();

  struct Bounds {
    std::size_t total = kUnbounded;
    std::size_t peer = kUnbounded;
    std::size_t address = kUnbounded;
    std::size_t group = kUnbounded;
    // Besides, nobody takes more than what the others and he leave free of the total. So n that
    // want all have a part of n + 1 each, and as much is there for whoever comes next; no number
    // must be chosen for them.
    bool leaves_room = false;
  };

  explicit Shares(const Bounds& bounds) : bounds_(bounds) {}

  // The first bound that `amount` more for the party would break; nothing if it may have it.
  std::optional<Level> full(const Party& party, std::size_t amount = 1) const;
  // Counts `amount` more, within the bounds or not.
  void take(const Party& party, std::size_t amount = 1);
  // Takes back what was counted.
  void give(const Party& party, std::size_t amount = 1);

  std::size_t used() const { return used_; }
  // What the party's group has. A local one, whose group is not known, has nothing.
  std::size_t of_group(const Party& party) const;

 private:
  using Name = std::pair<Level, ByteArray<32>>;
  // What the party is called at each level but the total.
  static std::array<std::optional<Name>, kLevels - 1> names(const Party& party);
  std::size_t of(const Name& name) const;
  std::size_t bound(Level level) const;

  Bounds bounds_;
  std::size_t used_ = 0;
  std::map<Name, std::size_t> used_by_;
};

}  // namespace kadmos
