#include <doctest/doctest.h>

#include "base/rtt.h"

using namespace kadmos;
using namespace std::chrono_literals;

TEST_CASE("the first sample is the mean and half of it the deviation") {
  Rtt rtt;
  CHECK(!rtt.measured());
  rtt.add(100ms);
  CHECK(rtt.measured());
  CHECK(rtt.mean() == 100ms);
  CHECK(rtt.timeout() == 300ms);
}

TEST_CASE("later samples are smoothed by an eighth and deviations by a quarter") {
  Rtt rtt;
  rtt.add(100ms);
  rtt.add(180ms);
  CHECK(rtt.mean() == 110ms);
  // (3 * 50 + 80) / 4 = 57.5
  CHECK(rtt.timeout() == 110ms + 4 * 57500us);
  rtt.add(30ms);
  CHECK(rtt.mean() == 100ms);
}

TEST_CASE("steady samples bring the timeout down to the round trip") {
  Rtt rtt;
  rtt.add(1s);
  for (int i = 0; i < 100; ++i) rtt.add(10ms);
  CHECK(rtt.mean() >= 10ms);
  CHECK(rtt.mean() <= 11ms);
  CHECK(rtt.timeout() < 12ms);
}

TEST_CASE("absurd samples are clamped") {
  Rtt rtt;
  rtt.add(-5s);
  CHECK(rtt.measured());
  CHECK(rtt.mean() == 1us);
  Rtt slow;
  for (int i = 0; i < 10; ++i) slow.add(24h);
  CHECK(slow.mean() == 60s);
}

TEST_CASE("a few near peers in a row move the estimate of a crowd less than that of a path") {
  Rtt path;
  CrowdRtt crowd;
  const auto add = [&](Duration sample) {
    path.add(sample);
    crowd.add(sample);
  };
  for (int i = 0; i < 50; ++i) {
    add(20ms);
    add(300ms);
  }
  for (int i = 0; i < 8; ++i) add(20ms);
  CHECK(path.timeout() < 500ms);
  CHECK(crowd.timeout() > 500ms);
}
