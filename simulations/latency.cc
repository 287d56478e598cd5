#include "simulations/latency.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

namespace kadmos::sim {
namespace {

using std::chrono::microseconds;

// The Internet's square and its curve: one-way microseconds at each sixteenth of the side; the
// farthest corners are 22 sixteenths apart.
constexpr std::int32_t kSide = 1 << 16;
constexpr std::int32_t kStep = kSide / 16;
constexpr std::array<std::int32_t, 24> kCurve = {
    500,    4148,   9209,   14971,  22620,  32304,  43313,  53571,  64023,  74644,  85619,  97156,
    109659, 123363, 135600, 148725, 163252, 177053, 193045, 216978, 249535, 267512, 269000, 269000};

// Of the world with slow paths. Shares are of a thousand; microseconds are one way.
constexpr std::uint64_t kSlowHosts = 20;
constexpr std::int64_t kSlowHost = 260'000;  // for each end that is one
constexpr std::uint64_t kBadPaths = 69;
constexpr std::int64_t kBadPath = 240'000;
constexpr std::uint64_t kWorstPaths = 10;  // besides
constexpr std::int64_t kWorstPath = 460'000;

constexpr std::int64_t kOneCity = 1000;  // microseconds of a round trip, at least
constexpr std::int64_t kLongest = 60'000'000;
constexpr int kLatest = 4;  // a late packet is late by at most 2^4 times its way

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// splitmix64's finish: for what is drawn not once but always alike from where hosts are.
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}
std::uint64_t hash_of(const Position& at) {
  return mixed((static_cast<std::uint64_t>(at.x) << 32 | static_cast<std::uint64_t>(at.y)) + 1);
}

// What a packet takes longer one way in the world with slow paths.
std::int64_t slower_by(const Position& a, const Position& b) {
  const std::uint64_t at_a = hash_of(a);
  const std::uint64_t at_b = hash_of(b);
  const std::uint64_t path = mixed(at_a + at_b) % 1000;  // the same both ways
  std::int64_t out = path < kBadPaths ? kBadPath : path < kBadPaths + kWorstPaths ? kWorstPath : 0;
  for (const std::uint64_t end : {at_a, at_b}) {
    if (end % 1000 < kSlowHosts) out += kSlowHost;
  }
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "12.345" milliseconds as microseconds, finer digits cut off. Nothing: not a number. Numbers too
// large to matter stay at some number above kLongest.
std::optional<std::int64_t> microseconds_of(std::string_view text) {
  const auto point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  const std::string_view part = point < text.size() ? text.substr(point + 1) : std::string_view();
  if (whole.empty() && part.empty()) return std::nullopt;
  if (!std::all_of(whole.begin(), whole.end(), is_digit)) return std::nullopt;
  if (!std::all_of(part.begin(), part.end(), is_digit)) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : whole) value = std::min(value * 10 + (c - '0'), kLongest);
  for (std::size_t i = 0; i < 3; ++i) value = value * 10 + (i < part.size() ? part[i] - '0' : 0);
  return value;
}

// What is wrong with a value, or nothing.
std::string fault_of(std::string_view text, std::int64_t& value) {
  if (text.empty()) return "there is no number";
  const bool negative = text.front() == '-';
  const auto number = microseconds_of(negative ? text.substr(1) : text);
  std::string quoted = "\"" + std::string(text.substr(0, 40)) + "\" ";
  if (!number) return quoted + "is not a number of milliseconds";
  if (negative) return quoted + "is negative";
  if (*number > kLongest) return quoted + "is longer than a minute";
  value = *number;
  return {};
}

// zlib reads plain files as they are.
Result<std::string> contents_of(const std::string& path) {
  errno = 0;
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) {
    return Error(Errc::io, "cannot open the latencies in " + path + ": " + std::strerror(errno));
  }
  std::string text;
  std::string failure;
  std::array<char, 64 * 1024> chunk{};
  for (;;) {
    errno = 0;
    const int got = gzread(file, chunk.data(), static_cast<unsigned>(chunk.size()));
    if (got > 0) text.append(chunk.data(), static_cast<std::size_t>(got));
    int code = Z_OK;
    const char* message = gzerror(file, &code);
    if (code != Z_OK) failure = code == Z_ERRNO ? std::strerror(errno) : message;
    if (text.size() > Latency::kMaxFileBytes) failure = "it is larger than 256 MiB";
    if (got <= 0 || !failure.empty()) break;
  }
  gzclose(file);
  if (!failure.empty()) {
    return Error(Errc::io, "cannot read the latencies in " + path + ": " + failure);
  }
  return text;
}

}  // namespace

Latency Latency::even(Duration one_way, Duration jitter) {
  Latency latency;
  latency.even_ = one_way;
  latency.jitter_ = jitter;
  return latency;
}

Latency Latency::loopback() { return even(microseconds(40), microseconds(20)); }

Latency Latency::internet() {
  Latency latency;
  latency.shape_ = Shape::square;
  return std::move(latency).with_jitter(std::chrono::milliseconds(2), 3000);
}

Latency Latency::slow_paths() {
  Latency latency = internet();
  latency.slow_paths_ = true;
  return latency;
}

Latency Latency::with_jitter(Duration jitter, std::uint32_t late_per_million) && {
  jitter_ = jitter;
  late_per_million_ = late_per_million;
  return std::move(*this);
}

Result<Latency> Latency::from_file(const std::string& path) {
  const auto text = contents_of(path);
  if (!text) return text.error();
  auto matrix = parse(path, *text);
  if (!matrix) return matrix.error();
  Latency latency;
  latency.shape_ = Shape::matrix;
  latency.matrix_ = std::make_shared<const Matrix>(*std::move(matrix));
  return latency;
}

Result<Latency::Matrix> Latency::parse(const std::string& path, std::string_view text) {
  Matrix matrix;
  const auto wrong = [&path](std::size_t line, std::string what) {
    return Error(Errc::invalid_argument,
                 "latencies in " + path + ", line " + std::to_string(line) + what);
  };
  while (!text.empty() && trimmed(text.substr(text.rfind('\n') + 1)).empty()) {
    const auto last = text.rfind('\n');
    text = text.substr(0, last == text.npos ? 0 : last);
  }
  if (text.empty()) return Error(Errc::invalid_argument, "latencies in " + path + ": no numbers");

  std::size_t line = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const std::string_view row = text.substr(at, end - at);
    at = end + 1;
    if (++line > kMaxCities) {
      return wrong(line, ": more than " + std::to_string(kMaxCities) + " cities");
    }
    std::size_t column = 0;
    for (std::size_t from = 0; from <= row.size();) {
      const auto comma = std::min(row.find(',', from), row.size());
      std::int64_t round_trip = 0;
      const std::string fault = fault_of(trimmed(row.substr(from, comma - from)), round_trip);
      from = comma + 1;
      ++column;
      if (!fault.empty()) return wrong(line, ", column " + std::to_string(column) + ": " + fault);
      if (column > kMaxCities) {
        return wrong(line, ": more than " + std::to_string(kMaxCities) + " columns");
      }
      if (column == line) round_trip = std::max(round_trip, kOneCity);
      matrix.one_way.push_back(static_cast<std::uint32_t>(round_trip / 2));
    }
    if (line == 1) matrix.size = column;
    if (column != matrix.size) {
      return wrong(line, ": " + std::to_string(column) + " columns, and " +
                             std::to_string(matrix.size) + " in the first line");
    }
  }
  if (line != matrix.size) {
    return wrong(line, ": the file ends after " + std::to_string(line) + " lines of " +
                           std::to_string(matrix.size) + " columns; it must be square");
  }
  return matrix;
}

Position Latency::place(Prng& prng) const {
  const auto draw = [&prng](std::uint64_t bound) {
    return static_cast<std::int32_t>(prng.below(bound));
  };
  switch (shape_) {
    case Shape::even:
      return {};
    case Shape::square: {
      const std::int32_t x = draw(kSide);
      return {x, draw(kSide)};
    }
    case Shape::matrix:
      return {draw(matrix_->size), 0};
  }
  return {};
}

Duration Latency::typical(const Position& from, const Position& to) const {
  switch (shape_) {
    case Shape::even:
      return even_;
    case Shape::square: {
      const std::int32_t dx = std::abs(from.x - to.x);
      const std::int32_t dy = std::abs(from.y - to.y);
      // The hypotenuse to within 7 %.
      const std::int32_t distance = std::max(dx, dy) + std::min(dx, dy) * 3 / 8;
      const auto i = static_cast<std::size_t>(distance / kStep);
      const std::int64_t rise = kCurve[i + 1] - kCurve[i];
      const std::int64_t way = kCurve[i] + rise * (distance % kStep) / kStep;
      return microseconds(way + (slow_paths_ ? slower_by(from, to) : 0));
    }
    case Shape::matrix: {
      const auto row = static_cast<std::size_t>(from.x);
      return microseconds(matrix_->one_way[row * matrix_->size + static_cast<std::size_t>(to.x)]);
    }
  }
  return {};
}

Duration Latency::one_way(const Position& from, const Position& to, Prng& prng) const {
  const Duration way = typical(from, to);
  Duration late{};
  if (jitter_ > Duration::zero()) {
    late = Duration(prng.below(static_cast<std::uint64_t>(jitter_.count()) + 1));
  }
  if (late_per_million_ > 0 && prng.chance(late_per_million_)) {
    late += way * (1 << std::min(std::countr_zero(prng.next()), kLatest));
  }
  return way + late;
}

}  // namespace kadmos::sim
