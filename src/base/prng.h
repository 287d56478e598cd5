// A seeded generator (xoshiro256**, Blackman and Vigna 2018; seeded by splitmix64) with integer
// distributions of its own, because the standard library's differ between implementations. The same
// seed gives the same numbers everywhere. Not for secrets.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "kadmos/id.h"
#include "kadmos/time.h"

namespace kadmos {

class Prng {
 public:
  explicit Prng(std::uint64_t seed) {
    for (auto& word : state_) {
      seed += 0x9e3779b97f4a7c15U;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
      word = z ^ (z >> 31);
    }
  }

  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound); bound > 0. Multiply-shift; its bias is below bound / 2^64.
  std::uint64_t below(std::uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }
  // Uniform in [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }
  // True with probability per_million / 1,000,000.
  bool chance(std::uint32_t per_million) { return below(1'000'000) < per_million; }
  // `period` moved by up to a fifth, either way.
  Duration jittered(Duration period) {
    const std::int64_t fifth = period.count() / 5;
    return Duration(period.count() + between(-fifth, fifth));
  }
  Id id() {
    ByteArray<Id::kBytes> bytes{};
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
      const std::uint64_t word = next();
      for (std::size_t j = 0; j < 8; ++j) bytes[i + j] = static_cast<Byte>(word >> (8 * j));
    }
    return *Id::from_bytes(bytes);
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace kadmos
