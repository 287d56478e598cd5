#include "kadmos/endpoint.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace kadmos {

Endpoint Endpoint::v4(Byte a, Byte b, Byte c, Byte d, std::uint16_t port) {
  Endpoint out;
  std::copy(kV4Prefix.begin(), kV4Prefix.end(), out.ip.begin());
  out.ip[12] = a;
  out.ip[13] = b;
  out.ip[14] = c;
  out.ip[15] = d;
  out.port = port;
  return out;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const auto cut = parse_host_port(text, true);
  if (!cut) return std::nullopt;
  Endpoint out;
  out.port = cut->port;
  if (text.front() == '[') {
    if (inet_pton(AF_INET6, cut->host.c_str(), out.ip.data()) != 1) return std::nullopt;
  } else {
    std::copy(kV4Prefix.begin(), kV4Prefix.end(), out.ip.begin());
    if (inet_pton(AF_INET, cut->host.c_str(), out.ip.data() + 12) != 1) return std::nullopt;
  }
  return out;
}

std::string Endpoint::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  if (is_v4()) {
    inet_ntop(AF_INET, ip.data() + 12, buffer, sizeof buffer);
    return std::string(buffer) + ":" + std::to_string(port);
  }
  inet_ntop(AF_INET6, ip.data(), buffer, sizeof buffer);
  return "[" + std::string(buffer) + "]:" + std::to_string(port);
}

bool Endpoint::is_unspecified() const {
  return std::all_of(ip.begin() + (is_v4() ? 12 : 0), ip.end(), [](Byte b) { return b == 0; });
}

bool Endpoint::is_loopback() const {
  if (is_v4()) return ip[12] == 127;
  return std::all_of(ip.begin(), ip.end() - 1, [](Byte b) { return b == 0; }) && ip[15] == 1;
}

std::uint64_t Endpoint::group() const {
  // The top digit keeps the families apart and zero free.
  std::uint64_t out = is_v4() ? 4 : 6;
  const std::size_t from = is_v4() ? 12 : 0;
  const std::size_t bytes = is_v4() ? 3 : 6;
  out <<= 60 - 8 * bytes;
  for (std::size_t i = from; i < from + bytes; ++i) out = out << 8 | ip[i];
  return out;
}

std::optional<HostPort> parse_host_port(std::string_view text, bool allow_zero) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);

  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty() || host.find_first_of(std::string_view("[]\0", 3)) != host.npos) {
    return std::nullopt;
  }
  // Only an IPv6 address has colons, and it needs the brackets, or its port could not be told.
  if (bracketed != (host.find(':') != host.npos)) return std::nullopt;

  std::uint16_t port = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, port);
  if (error != std::errc{} || stop != end || (port == 0 && !allow_zero)) return std::nullopt;
  return HostPort{std::string(host), port};
}

}  // namespace kadmos
