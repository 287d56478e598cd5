// How long a packet travels one way. Four worlds: all hosts equally far apart; a built-in synthetic
// Internet; the same with slow paths; a matrix of measured round trips from a file. Each packet is
// late by a random bit more, and a few are very late. Integers only, so that every machine computes
// the same.
//
// The Internet: hosts sit on a square, and a curve turns their distance into time. Its 23 numbers
// are fitted so that round trips between random pairs of hosts have the quantiles that were
// measured between the world's cities: p1 10, p10 35, p50 141, p90 280, p99 377 ms.
//
// Slow paths: of the pairs of hosts 11 % have round trips above 500 ms, and 1 % above 1 s. Two
// hosts of a hundred are slow to reach for everybody, as behind a satellite; the other slow pairs
// are bad paths between hosts that reach most others quickly.
//
// A matrix: each host sits in a city (a row) drawn from the seed. Between hosts of one city it
// counts what the diagonal says, and 1 ms at least. Copies of a Latency share the matrix.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "kadmos/result.h"
#include "kadmos/time.h"

namespace kadmos::sim {

// On the square, or x: the city.
struct Position {
  std::int32_t x = 0;
  std::int32_t y = 0;
};

class Latency {
 public:
  static constexpr std::size_t kMaxCities = 4096;
  static constexpr std::size_t kMaxFileBytes = 256UL * 1024 * 1024;

  // Everybody is this far from everybody; a packet takes up to `jitter` longer.
  static Latency even(Duration one_way, Duration jitter = Duration::zero());
  // All hosts on one machine: round trips of about 0.1 ms.
  static Latency loopback();
  // The built-in Internet. Three packets of a thousand take twice to 17 times as long.
  static Latency internet();
  static Latency slow_paths();
  // A square of round trips in milliseconds, one city a line, values separated by commas; plain or
  // gzipped. No jitter. Errors: io, invalid_argument; they name the file, line and value.
  static Result<Latency> from_file(const std::string& path);

  // Each packet is late by up to `jitter`; `late_per_million` of them by their way's typical time
  // once more with odds 1/2, twice 1/4, four times 1/8, … 16 times.
  Latency with_jitter(Duration jitter, std::uint32_t late_per_million) &&;

  std::size_t cities() const { return matrix_ ? matrix_->size : 0; }
  Position place(Prng& prng) const;
  // Without jitter.
  Duration typical(const Position& from, const Position& to) const;
  Duration one_way(const Position& from, const Position& to, Prng& prng) const;

 private:
  struct Matrix {
    std::size_t size = 0;
    std::vector<std::uint32_t> one_way;  // microseconds, row by row
  };
  enum class Shape : std::uint8_t { even, square, matrix };

  static Result<Matrix> parse(const std::string& path, std::string_view text);

  Shape shape_ = Shape::even;
  bool slow_paths_ = false;
  std::uint32_t late_per_million_ = 0;
  Duration even_{};
  Duration jitter_{};
  std::shared_ptr<const Matrix> matrix_;
};

}  // namespace kadmos::sim
