// How to reach a node: its public key and up to one endpoint an address family.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "kadmos/endpoint.h"
#include "kadmos/identity.h"
#include "kadmos/time.h"

namespace kadmos {

// At most one IPv4 and one IPv6 endpoint, in that order; a second of a family is not taken. Two
// contacts with one key but other endpoints are different contacts: hearsay about an address never
// replaces an address that was verified.
class Endpoints {
 public:
  static constexpr std::size_t kMax = 2;

  Endpoints() = default;
  explicit Endpoints(const Endpoint& only) { add(only); }

  // False (and no change) if the family is there already.
  bool add(const Endpoint& endpoint);

  const Endpoint* begin() const { return list_.data(); }
  const Endpoint* end() const { return list_.data() + size_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const Endpoint& front() const { return list_.front(); }

  friend auto operator<=>(const Endpoints&, const Endpoints&) = default;
  friend bool operator==(const Endpoints& a, const Endpoints& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  std::uint8_t size_ = 0;
  std::array<Endpoint, kMax> list_{};
};

struct Contact {
  PublicKey key;
  Endpoints endpoints;

  // "<first 12 digits of the key>@<endpoint>", for people.
  std::string text() const;
  friend auto operator<=>(const Contact&, const Contact&) = default;
};

// Where to enter a network: an endpoint, and the key expected there if it is known.
struct Bootstrap {
  Endpoint endpoint;
  std::optional<PublicKey> key;
  friend auto operator<=>(const Bootstrap&, const Bootstrap&) = default;
};

// A connection of one transport; never used again for another. 0: none in particular.
using ConnectionId = std::uint64_t;
// A node that another one knows from experience: it dialled these endpoints, and the key was proved
// there. `proved`: when for the last time, by the calendar.
struct Acquaintance {
  Contact contact;
  WallTime proved{};
  friend auto operator<=>(const Acquaintance&, const Acquaintance&) = default;
};

// A peer whose possession of `contact.key` the transport has proved.
struct Peer {
  Contact contact;              // endpoints empty: it told of none and cannot be dialled
  bool client = false;          // it said it must not enter tables
  bool reached = false;         // this node has just dialled one of `contact.endpoints` to hear it
  Endpoint address{};           // the far end of the connection; what address groups are counted by
  ConnectionId connection = 0;  // over which it was heard, and will be answered
};

}  // namespace kadmos
