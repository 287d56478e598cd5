#include "kadmos/address_groups.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace kadmos {
namespace {

constexpr int kV4Bits = 96;  // of the prefix by which IPv4 addresses are mapped

// The address with all bits after the first `bits` cleared.
ByteArray<16> first_of(ByteArray<16> ip, int bits) {
  for (int i = 0; i < 16; ++i) {
    const int left = std::clamp(bits - 8 * i, 0, 8);
    ip[static_cast<std::size_t>(i)] &= static_cast<Byte>(0xff00 >> left);
  }
  return ip;
}

const AddressRange* range_with(const std::vector<AddressRange>& ranges, const Endpoint& where) {
  const auto it = std::find_if(ranges.begin(), ranges.end(),
                               [&](const AddressRange& range) { return range.contains(where.ip); });
  return it == ranges.end() ? nullptr : &*it;
}

}  // namespace

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  AddressRange out;
  const bool v6 = host.find(':') != std::string::npos;
  if (v6) {
    if (inet_pton(AF_INET6, host.c_str(), out.ip.data()) != 1) return std::nullopt;
  } else {
    out.ip = Endpoint::v4(0, 0, 0, 0, 0).ip;
    if (inet_pton(AF_INET, host.c_str(), out.ip.data() + 12) != 1) return std::nullopt;
  }
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const char* end = digits.data() + digits.size();
    int bits = 0;
    const auto [stop, error] = std::from_chars(digits.data(), end, bits);
    if (error != std::errc{} || stop != end || bits < 0 || bits > (v6 ? 128 : 32)) {
      return std::nullopt;
    }
    out.bits = v6 ? bits : bits + kV4Bits;
  }
  if (first_of(out.ip, out.bits) != out.ip) return std::nullopt;
  return out;
}

std::string AddressRange::text() const {
  const Endpoint first{ip, 0};
  const bool v4 = first.is_v4() && bits >= kV4Bits;
  char buffer[INET6_ADDRSTRLEN] = {};
  inet_ntop(v4 ? AF_INET : AF_INET6, ip.data() + (v4 ? 12 : 0), buffer, sizeof buffer);
  return std::string(buffer) + "/" + std::to_string(v4 ? bits - kV4Bits : bits);
}

bool AddressRange::contains(const ByteArray<16>& address) const {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (std::memcmp(ip.data(), address.data(), whole) != 0) return false;
  const int rest = bits % 8;
  return rest == 0 || ((ip[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

const std::vector<AddressRange>& AddressGroups::private_ranges() {
  static const std::vector<AddressRange> ranges = [] {
    std::vector<AddressRange> out;
    for (const char* text : {"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                             "169.254.0.0/16", "::1", "fc00::/7", "fe80::/10"}) {
      out.push_back(*AddressRange::parse(text));
    }
    return out;
  }();
  return ranges;
}

const AddressGroups& AddressGroups::usual() {
  static const AddressGroups groups;
  return groups;
}

bool AddressGroups::is_local(const Endpoint& where) const {
  return where.is_unspecified() || range_with(local ? *local : private_ranges(), where) != nullptr;
}

const AddressRange* AddressGroups::one_with(const Endpoint& where) const {
  return one.empty() ? nullptr : range_with(one, where);
}

std::uint64_t AddressGroups::group_of(const Endpoint& where) const {
  if (is_local(where)) return 0;
  const AddressRange* range = one_with(where);
  return range == nullptr ? where.group() : Endpoint{range->ip, 0}.group();
}

ByteArray<16> AddressGroups::address_of(const Endpoint& where) const {
  const AddressRange* range = one_with(where);
  return range == nullptr ? where.ip : range->ip;
}

}  // namespace kadmos
