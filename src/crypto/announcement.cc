// Announcements as records: their keys and the layout of their values.
//
//   value    = u8 1 || u8 count || endpoints           (count 0 to 2; at most one a family, IPv4
//   first)
//            | u8 0                                    (withdrawn)
//   endpoint = u8 4 || ip (4 bytes) || u16 port
//            | u8 6 || ip (16 bytes) || u16 port
#include <algorithm>

#include "kadmos/record.h"

namespace kadmos {
namespace {

constexpr std::size_t kHalf = Id::kBytes / 2;
constexpr Byte kWithdrawn = 0;
constexpr Byte kPresent = 1;

bool can_be_dialled(const Endpoint& endpoint) {
  return endpoint.port != 0 && !endpoint.is_unspecified();
}

// Takes one endpoint off the front of `rest`.
std::optional<Endpoint> take_endpoint(ByteView& rest) {
  if (rest.empty() || (rest[0] != 4 && rest[0] != 6)) return std::nullopt;
  const bool v4 = rest[0] == 4;
  const std::size_t size = v4 ? 4 : 16;
  if (rest.size() < 1 + size + 2) return std::nullopt;
  const ByteView ip = rest.subspan(1, size);
  const auto port = static_cast<std::uint16_t>(rest[1 + size] << 8 | rest[2 + size]);
  rest = rest.subspan(1 + size + 2);
  Endpoint out;
  if (v4) {
    out = Endpoint::v4(ip[0], ip[1], ip[2], ip[3], port);
  } else {
    std::ranges::copy(ip, out.ip.begin());
    out.port = port;
  }
  if (out.is_v4() != v4 || !can_be_dialled(out)) return std::nullopt;
  return out;
}

}  // namespace

Key provider_key(const Key& key, const PublicKey& owner) {
  ByteArray<Id::kBytes> out = key.bytes();
  std::ranges::copy_n(id_of(owner).bytes().begin(), kHalf, out.begin() + kHalf);
  return *Id::from_bytes(out);
}

Record announcing(const Announcement& announcement) {
  Record out;
  out.type = RecordType::provider;
  out.name = to_bytes(ByteView(announcement.key.bytes()));
  if (announcement.withdrawn) {
    out.value = {kWithdrawn};
    return out;
  }
  out.value = {kPresent, 0};
  for (const Endpoint& endpoint : announcement.endpoints) {
    if (!can_be_dialled(endpoint)) continue;
    ++out.value[1];
    out.value.push_back(endpoint.is_v4() ? 4 : 6);
    const ByteView ip = ByteView(endpoint.ip).subspan(endpoint.is_v4() ? 12 : 0);
    out.value.insert(out.value.end(), ip.begin(), ip.end());
    out.value.push_back(static_cast<Byte>(endpoint.port >> 8));
    out.value.push_back(static_cast<Byte>(endpoint.port));
  }
  return out;
}

std::optional<Announcement> announced(const Record& record) {
  const auto key = Id::from_bytes(record.name);
  if (record.type != RecordType::provider || !key || record.value.empty()) return std::nullopt;
  Announcement out{*key, record.value[0] == kWithdrawn, {}};
  ByteView rest = ByteView(record.value).subspan(1);
  if (out.withdrawn) return rest.empty() ? std::optional(out) : std::nullopt;
  if (record.value[0] != kPresent || rest.empty()) return std::nullopt;
  const std::size_t count = rest[0];
  rest = rest.subspan(1);
  for (std::size_t i = 0; i < count; ++i) {
    const auto endpoint = take_endpoint(rest);
    // One a family, IPv4 first: each set of endpoints has one form.
    const bool in_order = out.endpoints.empty() || (endpoint && out.endpoints.front().is_v4());
    if (!endpoint || !in_order || !out.endpoints.add(*endpoint)) return std::nullopt;
  }
  return rest.empty() ? std::optional(out) : std::nullopt;
}

}  // namespace kadmos
