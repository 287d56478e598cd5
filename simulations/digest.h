// A rolling 64-bit digest of everything that happened: two runs are the same run if it is the same.
// Not cryptographic; the same on every machine.
#pragma once

#include <bit>
#include <cstdint>

#include "kadmos/bytes.h"

namespace kadmos::sim {

class Digest {
 public:
  void add(std::uint64_t word) { state_ = std::rotl((state_ ^ word) * 0x9e3779b97f4a7c15U, 29); }
  void add(ByteView bytes) {
    add(bytes.size());
    std::size_t i = 0;
    for (; i + 8 <= bytes.size(); i += 8) add(word_of(bytes.subspan(i, 8)));
    if (i < bytes.size()) add(word_of(bytes.subspan(i)));
  }
  std::uint64_t value() const { return state_; }

 private:
  static std::uint64_t word_of(ByteView bytes) {  // little-endian; compilers see one load
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) word |= std::uint64_t{bytes[i]} << (8 * i);
    return word;
  }
  std::uint64_t state_ = 0x6b61646d6f73;
};

}  // namespace kadmos::sim
