// How long packets travel: the built-in Internet's quantiles, and matrices from files with all that
// can be wrong with them.
#include "simulations/latency.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace kadmos::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// A file of its own that goes when the test ends.
struct TemporaryFile {
  explicit TemporaryFile(std::string_view text, bool gzipped = false) {
    std::string pattern = (std::filesystem::temp_directory_path() / "latencyXXXXXX").string();
    const int file = mkstemp(pattern.data());
    REQUIRE(file >= 0);
    REQUIRE(::close(file) == 0);
    path = pattern;
    if (gzipped) {
      gzFile out = gzopen(path.c_str(), "wb");
      REQUIRE(gzwrite(out, text.data(), static_cast<unsigned>(text.size())) > 0);
      REQUIRE(gzclose(out) == Z_OK);
    } else {
      std::ofstream(path, std::ios::binary) << text;
    }
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  std::string path;
};

Latency read(std::string_view text, bool gzipped = false) {
  const TemporaryFile file(text, gzipped);
  auto latency = Latency::from_file(file.path);
  REQUIRE(latency.ok());
  return *std::move(latency);
}

// What the error says after the file's name.
std::string complaint(std::string_view text) {
  const TemporaryFile file(text);
  const auto latency = Latency::from_file(file.path);
  REQUIRE_FALSE(latency.ok());
  CHECK(latency.error().code == Errc::invalid_argument);
  const std::string prefix = "latencies in " + file.path;
  REQUIRE(latency.error().detail.starts_with(prefix));
  return latency.error().detail.substr(prefix.size());
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST_CASE("round trips of the built-in internet have the quantiles they were fitted to") {
  Prng prng(5);
  const Latency latency = Latency::internet();
  std::vector<Duration> trips;
  constexpr std::size_t kPairs = 20'000;
  for (std::size_t i = 0; i < kPairs; ++i) {
    const Position a = latency.place(prng);
    const Position b = latency.place(prng);
    trips.push_back(latency.one_way(a, b, prng) + latency.one_way(b, a, prng));
  }
  std::sort(trips.begin(), trips.end());
  const auto near = [&](std::size_t percent, int wanted) {
    const Duration found = trips[kPairs * percent / 100];
    CAPTURE(percent);
    CAPTURE(found.count());
    CHECK(found >= milliseconds(wanted) * 96 / 100);
    CHECK(found <= milliseconds(wanted) * 104 / 100);
  };
  near(10, 35);
  near(50, 141);
  near(90, 280);
  CHECK(trips.front() >= milliseconds(1));
}

TEST_CASE(
    "of the slow paths one pair in nine is above half a second and one in a hundred above one") {
  Prng prng(5);
  const Latency latency = Latency::slow_paths();
  std::vector<Duration> trips;
  constexpr std::size_t kPairs = 50'000;
  for (std::size_t i = 0; i < kPairs; ++i) {
    const Position a = latency.place(prng);
    const Position b = latency.place(prng);
    CHECK(latency.typical(a, b) == latency.typical(b, a));
    trips.push_back(2 * latency.typical(a, b));
  }
  const auto above = [&](int bound) {
    return std::ranges::count_if(trips, [=](Duration trip) { return trip > milliseconds(bound); });
  };
  CHECK(above(500) > static_cast<std::ptrdiff_t>(kPairs * 105 / 1000));
  CHECK(above(500) < static_cast<std::ptrdiff_t>(kPairs * 115 / 1000));
  CHECK(above(1000) > static_cast<std::ptrdiff_t>(kPairs * 9 / 1000));
  CHECK(above(1000) < static_cast<std::ptrdiff_t>(kPairs * 11 / 1000));
}

TEST_CASE("a few packets of a thousand are late by several times their way") {
  Prng prng(6);
  const Latency latency = Latency::internet();
  const Position a{0, 0};
  const Position b{30'000, 0};
  const Duration typical = latency.typical(a, b);
  int late = 0;
  int very_late = 0;
  for (int i = 0; i < 100'000; ++i) {
    const Duration way = latency.one_way(a, b, prng);
    CHECK(way >= typical);
    CHECK(way <= 17 * typical + milliseconds(2));
    if (way >= 2 * typical) ++late;
    if (way >= 5 * typical) ++very_late;
  }
  CHECK(late > 200);
  CHECK(late < 400);
  CHECK(very_late > late / 8);
  CHECK(very_late < late / 2);
}

TEST_CASE("a matrix gives half of each round trip and places hosts in all its cities") {
  const Latency latency = read("3.7,10,20.5\n10,0,30\n21,30.1234,0.2\n");
  CHECK(latency.cities() == 3);
  CHECK(latency.typical({0, 0}, {1, 0}) == milliseconds(5));
  CHECK(latency.typical({0, 0}, {2, 0}) == microseconds(10'250));
  CHECK(latency.typical({2, 0}, {0, 0}) == microseconds(10'500));
  CHECK(latency.typical({2, 0}, {1, 0}) == microseconds(15'061));
  CHECK(latency.typical({0, 0}, {0, 0}) == microseconds(1850));  // the diagonal
  CHECK(latency.typical({1, 0}, {1, 0}) == microseconds(500));   // 1 ms at least
  CHECK(latency.typical({2, 0}, {2, 0}) == microseconds(500));

  Prng prng(7);
  std::vector<int> people(3);
  for (int i = 0; i < 3000; ++i) ++people[static_cast<std::size_t>(latency.place(prng).x)];
  for (const int n : people) CHECK(n > 900);
  CHECK(latency.one_way({0, 0}, {1, 0}, prng) == milliseconds(5));
}

TEST_CASE("a matrix may be gzipped and written with carriage returns and spaces") {
  const std::string text = " 1, 2\r\n3 ,4.\r\n\r\n\n";
  for (const bool gzipped : {false, true}) {
    const Latency latency = read(text, gzipped);
    CHECK(latency.cities() == 2);
    CHECK(latency.typical({1, 0}, {0, 0}) == microseconds(1500));
    CHECK(latency.typical({1, 0}, {1, 0}) == milliseconds(2));
  }
  CHECK(read("7").cities() == 1);
}

TEST_CASE("jitter and late packets can be added to a matrix") {
  const Latency latency = read("2,40\n40,2\n").with_jitter(milliseconds(3), 0);
  Prng prng(8);
  Duration most{};
  for (int i = 0; i < 1000; ++i) {
    most = std::max(most, latency.one_way({0, 0}, {1, 0}, prng));
  }
  CHECK(most > microseconds(22'500));
  CHECK(most <= milliseconds(23));
}

TEST_CASE("what is wrong with a matrix is said with its line and column") {
  CHECK(complaint("") == ": no numbers");
  CHECK(complaint(" \n\r\n") == ": no numbers");
  CHECK(complaint("1,2\n3\n") == ", line 2: 1 columns, and 2 in the first line");
  CHECK(complaint("1,2\n3,4,5\n") == ", line 2: 3 columns, and 2 in the first line");
  CHECK(complaint("1,2\n3,4\n5,6\n") ==
        ", line 3: the file ends after 3 lines of 2 columns; it must be square");
  CHECK(complaint("1,2,3\n4,5,6\n") ==
        ", line 2: the file ends after 2 lines of 3 columns; it must be square");
  CHECK(complaint("1,2\n3,x4\n") == ", line 2, column 2: \"x4\" is not a number of milliseconds");
  CHECK(complaint("nan") == ", line 1, column 1: \"nan\" is not a number of milliseconds");
  CHECK(complaint("1e3") == ", line 1, column 1: \"1e3\" is not a number of milliseconds");
  CHECK(complaint(".") == ", line 1, column 1: \".\" is not a number of milliseconds");
  CHECK(complaint("1,-2\n3,4\n") == ", line 1, column 2: \"-2\" is negative");
  CHECK(complaint("1,2\n,4\n") == ", line 2, column 1: there is no number");
  CHECK(complaint("1,2\n\n3,4\n") == ", line 2, column 1: there is no number");
  CHECK(complaint("1,2,\n3,4,\n") == ", line 1, column 3: there is no number");
  CHECK(complaint("60000.001") == ", line 1, column 1: \"60000.001\" is longer than a minute");
  CHECK(complaint("99999999999999999999999") ==
        ", line 1, column 1: \"99999999999999999999999\" is longer than a minute");
  CHECK(read("60000").typical({0, 0}, {0, 0}) == std::chrono::seconds(30));
  CHECK(complaint("city,Oslo\n1,2\n") ==
        ", line 1, column 1: \"city\" is not a number of milliseconds");
}

TEST_CASE("a matrix of more than 4096 cities is refused at the first one too many") {
  CHECK(complaint(repeated("1\n", Latency::kMaxCities + 1)) ==
        ", line 4097: more than 4096 cities");
  CHECK(complaint(repeated("1,", Latency::kMaxCities) + "1\n") ==
        ", line 1: more than 4096 columns");
}

TEST_CASE("a file that cannot be read is named with the reason") {
  const auto missing = Latency::from_file("/nonexistent/rtt.csv");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().code == Errc::io);
  CHECK(missing.error().detail ==
        "cannot open the latencies in /nonexistent/rtt.csv: No such file or directory");

  const auto folder = Latency::from_file("/");
  REQUIRE_FALSE(folder.ok());
  CHECK(folder.error().code == Errc::io);
  CHECK(folder.error().detail == "cannot read the latencies in /: Is a directory");

  const TemporaryFile file(repeated("1,2\n3,4\n", 1000), true);
  std::filesystem::resize_file(file.path, std::filesystem::file_size(file.path) - 10);
  const auto cut_short = Latency::from_file(file.path);
  REQUIRE_FALSE(cut_short.ok());
  CHECK(cut_short.error().code == Errc::io);
}

}  // namespace
}  // namespace kadmos::sim
