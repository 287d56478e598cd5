#include <doctest/doctest.h>

#include "engine/clock_voices.h"

using namespace kadmos;
using namespace std::chrono_literals;
using Says = ClockVoices::Says;

namespace {

constexpr TimePoint kStart{1h};

}  // namespace

TEST_CASE("two of those heard, and more than half, make a clock doubtful") {
  ClockVoices voices(2h, 16);
  CHECK_FALSE(voices.doubt(kStart));
  voices.hear(kStart, 1, Says::behind);
  CHECK_FALSE(voices.doubt(kStart));
  voices.hear(kStart, 1, Says::behind);  // the same one again
  CHECK_FALSE(voices.doubt(kStart));
  voices.hear(kStart, 2, Says::behind);
  REQUIRE(voices.doubt(kStart));
  CHECK_FALSE(voices.doubt(kStart)->ahead);
  CHECK(voices.doubt(kStart)->peers == 2);
  voices.hear(kStart, 3, Says::fits);
  CHECK(voices.doubt(kStart)->heard == 3);
  voices.hear(kStart, 4, Says::fits);
  CHECK_FALSE(voices.doubt(kStart));
  voices.hear(kStart, 4, Says::behind);
  CHECK(voices.doubt(kStart));
}

TEST_CASE("peers that contradict each other make no clock doubtful") {
  ClockVoices voices(2h, 16);
  voices.hear(kStart, 1, Says::behind);
  voices.hear(kStart, 2, Says::behind);
  voices.hear(kStart, 3, Says::ahead);
  voices.hear(kStart, 4, Says::ahead);
  CHECK_FALSE(voices.doubt(kStart));
  voices.hear(kStart, 5, Says::ahead);
  REQUIRE(voices.doubt(kStart));
  CHECK(voices.doubt(kStart)->ahead);
}

TEST_CASE("a record that fits does not take back what its peer let see before, but time does") {
  ClockVoices voices(2h, 16);
  for (const std::uint64_t who : {1, 2}) voices.hear(kStart, who, Says::ahead);
  for (const std::uint64_t who : {1, 2}) voices.hear(kStart + 1h, who, Says::fits);
  CHECK(voices.doubt(kStart + 2h - 1s));
  CHECK_FALSE(voices.doubt(kStart + 2h));
  for (const std::uint64_t who : {1, 2}) voices.hear(kStart + 2h, who, Says::fits);
  for (const std::uint64_t who : {3, 4}) voices.hear(kStart + 2h, who, Says::ahead);
  CHECK_FALSE(voices.doubt(kStart + 2h));  // of four
}

TEST_CASE("what was heard before the clock was set, or was sent by then, does not count") {
  ClockVoices voices(2h, 16);
  for (const std::uint64_t who : {1, 2}) voices.hear(kStart, who, Says::ahead);
  voices.forget(kStart);
  CHECK_FALSE(voices.doubt(kStart));
  for (const std::uint64_t who : {1, 2}) voices.hear(kStart + 59s, who, Says::ahead);
  CHECK_FALSE(voices.doubt(kStart + 59s));
  for (const std::uint64_t who : {1, 2}) voices.hear(kStart + 1min, who, Says::ahead);
  CHECK(voices.doubt(kStart + 1min));
}

TEST_CASE("as many voices are kept as the limit says, the latest") {
  ClockVoices voices(2h, 4);
  for (const std::uint64_t who : {1, 2, 3, 4}) voices.hear(kStart + who * 1s, who, Says::fits);
  for (const std::uint64_t who : {5, 6, 7}) voices.hear(kStart + who * 1s, who, Says::behind);
  const auto doubt = voices.doubt(kStart + 1min);
  REQUIRE(doubt);
  CHECK(doubt->peers == 3);
  CHECK(doubt->heard == 4);
}
