// Where a node listens: an IP address and a TCP port.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "kadmos/bytes.h"

namespace kadmos {

// An IPv4 address is kept IPv4-mapped (::ffff:a.b.c.d), so one layout serves both families.
struct Endpoint {
  static constexpr ByteArray<12> kV4Prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

  ByteArray<16> ip{};
  std::uint16_t port = 0;

  static Endpoint v4(Byte a, Byte b, Byte c, Byte d, std::uint16_t port);

  // "1.2.3.4:5" or "[2001:db8::1]:5"; numeric only (names are resolved outside the core),
  // port 0 included. The inverse of text().
  static std::optional<Endpoint> parse(std::string_view text);
  std::string text() const;

  bool is_v4() const { return std::memcmp(ip.data(), kV4Prefix.data(), kV4Prefix.size()) == 0; }
  // 0.0.0.0 or ::, which a node that listens everywhere has.
  bool is_unspecified() const;
  bool is_loopback() const;
  // The /24 of IPv4, the /48 of IPv6; never 0. Who counts by it asks AddressGroups::group_of.
  std::uint64_t group() const;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
  friend bool operator==(const Endpoint& a, const Endpoint& b) {
    return a.port == b.port && same_words(a.ip, b.ip);
  }
};

// "host:port" or "[v6]:port" cut in two, host unresolved. Nothing if there is no port 1..65535
// (0 too when `allow_zero`).
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
std::optional<HostPort> parse_host_port(std::string_view text, bool allow_zero = false);

}  // namespace kadmos
