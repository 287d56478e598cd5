// The numbers of the wire format, shared by the encoder and the decoder. docs/protocol.md explains
// them; changing one makes another protocol.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kadmos::wire {

// The first element of every message.
enum class Type : std::uint8_t {
  hello = 0,
  ping = 1,
  find_node = 2,
  find_value = 3,
  store = 4,
  compare = 5,
  versions = 6,
  find_providers = 7,
  watch = 8,
  pong = 33,
  nodes = 34,
  stored = 35,
  failure = 36,
  compared = 37,
  wanted = 38,
  providers = 39,
  watching = 40,
  update = 41,
};

inline constexpr std::size_t kNetworkBytes = 64;
inline constexpr std::size_t kDetailBytes = 200;
inline constexpr std::size_t kProvidersPerReply = 64;
inline constexpr std::uint32_t kMaxLease = 600;  // seconds
// Times fit a double, and sums of two never overflow.
inline constexpr std::uint64_t kMaxTime = (std::uint64_t{1} << 53) - 1;

inline constexpr std::size_t kHeldBytes = 24;  // of one version in a list
inline constexpr std::size_t kTopBytes = 8;    // of an id, where its first bytes stand for it
// Of a range's prefix.
constexpr std::size_t prefix_bytes(int bits) { return (static_cast<std::size_t>(bits) + 7) / 8; }

// What a failure's detail may hold, so that it can be logged and printed as it is.
constexpr bool is_printable(char c) { return c >= ' ' && c <= '~'; }

}  // namespace kadmos::wire
