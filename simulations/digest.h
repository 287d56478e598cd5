// A rolling 64-bit digest of everything that happened: two runs are the same run if it is the same.
// Not cryptographic; the same on every machine.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "kadmos/bytes.h"

namespace kadmos::sim {

class Digest {
 public:
  void add(std::uint64_t word) { state_ = mixed(state_, word); }
  void add(ByteView bytes) {
    add(bytes.size());
    std::size_t i = 0;
    // Each step waits for the one before it, so long frames go by four chains side by side.
    if (bytes.size() >= 64) {
      std::array<std::uint64_t, 4> chains{state_, ~state_, std::rotl(state_, 16), state_ + 1};
      for (; i + 32 <= bytes.size(); i += 32) {
        for (std::size_t j = 0; j < 4; ++j) {
          chains[j] = mixed(chains[j], word_of(bytes.subspan(i + 8 * j, 8)));
        }
      }
      for (const std::uint64_t chain : chains) add(chain);
    }
    for (; i + 8 <= bytes.size(); i += 8) add(word_of(bytes.subspan(i, 8)));
    if (i < bytes.size()) add(word_of(bytes.subspan(i)));
  }
  std::uint64_t value() const { return state_; }

 private:
  static std::uint64_t mixed(std::uint64_t state, std::uint64_t word) {
    return std::rotl((state ^ word) * 0x9e3779b97f4a7c15U, 29);
  }
  // Up to 8 bytes as a little-endian word.
  static std::uint64_t word_of(ByteView bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), bytes.size());
    return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
  }
  std::uint64_t state_ = 0x6b61646d6f73;
};

}  // namespace kadmos::sim
