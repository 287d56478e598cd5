// 512-bit identifiers of nodes and keys, and the XOR metric over them (Maymounkov and Mazières,
// "Kademlia", 2002, section 2.1).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kadmos/bytes.h"

namespace kadmos {

// A point of the identifier space. Node ids and record keys share the space, so one type serves
// both; `Key` and `NodeId` name the role. Ordered as a big-endian number.
class Id {
 public:
  static constexpr std::size_t kBytes = 64;
  static constexpr int kBits = 512;

  constexpr Id() = default;

  // From exactly kBytes big-endian bytes; nothing for any other length.
  static std::optional<Id> from_bytes(ByteView bytes);
  // From exactly 128 hexadecimal digits.
  static std::optional<Id> from_hex(std::string_view hex);
  // A small id whose top 64 bits are `top` and the rest zero: what tests read by eye.
  static constexpr Id from_top(std::uint64_t top) {
    Id id;
    id.words_[0] = top;
    return id;
  }

  ByteArray<kBytes> bytes() const;
  std::string hex() const;
  // The first 12 hexadecimal digits, for people.
  std::string short_hex() const;

  // Bit i counted from the most significant (0) to the least (511).
  bool bit(int i) const {
    return ((words_[static_cast<std::size_t>(i) / 64] >> (63 - i % 64)) & 1U) != 0;
  }
  void set_bit(int i, bool on);
  // The first `bits` bits as they are, all others `rest`.
  Id keep(int bits, bool rest = false) const;

  std::uint64_t top() const { return words_[0]; }
  // The XOR of all its 64-bit words: tells keys apart that share a long prefix.
  std::uint64_t fold() const {
    std::uint64_t out = 0;
    for (const std::uint64_t word : words_) out ^= word;
    return out;
  }

  // The XOR distance, itself a 512-bit number.
  friend Id operator^(const Id& a, const Id& b) {
    Id out;
    for (std::size_t i = 0; i < kWords; ++i) out.words_[i] = a.words_[i] ^ b.words_[i];
    return out;
  }
  friend constexpr auto operator<=>(const Id&, const Id&) = default;
  friend constexpr bool operator==(const Id& a, const Id& b) {
    for (std::size_t i = 0; i < kWords; ++i) {  // two ids nearly always differ in the first word
      if (a.words_[i] != b.words_[i]) return false;
    }
    return true;
  }
  friend int shared_prefix(const Id& a, const Id& b);
  friend bool closer(const Id& target, const Id& a, const Id& b);

 private:
  static constexpr std::size_t kWords = kBytes / sizeof(std::uint64_t);
  std::array<std::uint64_t, kWords> words_{};  // most significant first
};

using Key = Id;
using NodeId = Id;

// How many leading bits a and b share: 0..512 (512 only when equal).
int shared_prefix(const Id& a, const Id& b);

// Whether a is strictly closer to target than b is. No allocation; usually decided by 8 bytes.
bool closer(const Id& target, const Id& a, const Id& b);

}  // namespace kadmos
