// Byte strings: the currency between rooms. Owning bytes are `Bytes`, borrowed ones `ByteView`;
// whoever keeps data beyond a call copies it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kadmos {

using Byte = std::uint8_t;
using Bytes = std::vector<Byte>;
using ByteView = std::span<const Byte>;
template <std::size_t N>
using ByteArray = std::array<Byte, N>;

// Equality of whole words, in place and not by a call: keys and addresses are compared all the
// time.
template <std::size_t N>
bool same_words(const ByteArray<N>& a, const ByteArray<N>& b) {
  static_assert(N % 8 == 0);
  for (std::size_t i = 0; i < N; i += 8) {
    std::uint64_t left = 0;
    std::uint64_t right = 0;
    std::memcpy(&left, a.data() + i, 8);
    std::memcpy(&right, b.data() + i, 8);
    if (left != right) return false;
  }
  return true;
}

// The same memory seen as bytes; valid as long as `text`.
inline ByteView view_of(std::string_view text) {
  return {reinterpret_cast<const Byte*>(text.data()), text.size()};
}

// The same memory seen as text (which need not be UTF-8); valid as long as `bytes`.
inline std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Bytes to_bytes(std::string_view text) { return {text.begin(), text.end()}; }
inline Bytes to_bytes(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

// Lower-case hexadecimal, two digits a byte.
std::string to_hex(ByteView bytes);

// The inverse of to_hex; accepts upper case too. Nothing if the length is odd or a digit is not
// one.
std::optional<Bytes> from_hex(std::string_view hex);

}  // namespace kadmos
