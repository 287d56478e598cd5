// Which addresses one party plausibly controls. What peers can make a node hold is shared out by
// address group, so that more keys, which cost nothing, give nobody more.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kadmos/endpoint.h"

namespace kadmos {

// The addresses that begin with the first `bits` bits of `ip`.
struct AddressRange {
  ByteArray<16> ip{};
  int bits = 128;  // of the IPv4-mapped form: 96 more than in an IPv4 range's text

  // "10.0.0.0/8", "2001:db8::/32", or a single address. Nothing if there are bits of a host.
  static std::optional<AddressRange> parse(std::string_view text);
  std::string text() const;
  bool contains(const ByteArray<16>& address) const;

  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

struct AddressGroups {
  // To these no share by address applies, since on one machine or network a whole deployment has
  // them. Nothing: the private_ranges(). A node behind a NAT or proxy that puts an address of its
  // own in the place of the peers' should not have that one here, or whoever comes that way has no
  // bound.
  std::optional<std::vector<AddressRange>> local{};
  // Each of these counts as one address and one group, wide as it is.
  std::vector<AddressRange> one{};

  // Loopback, private and link-local ones (RFC 1122, 1918, 3927, 4193, 4291).
  static const std::vector<AddressRange>& private_ranges();
  // Those of a node whose operator said nothing.
  static const AddressGroups& usual();

  // An address that is not known, as that of a node that never was met, is local too.
  bool is_local(const Endpoint& where) const;
  // The range of `one`, else the /24 of IPv4, the /48 of IPv6. 0 for what is local, and only then.
  std::uint64_t group_of(const Endpoint& where) const;
  // What counts as one address: the address, or the first one of its range of `one`.
  ByteArray<16> address_of(const Endpoint& where) const;

 private:
  const AddressRange* one_with(const Endpoint& where) const;
};

}  // namespace kadmos
