#include <doctest/doctest.h>

#include "base/connection_rules.h"

namespace kadmos {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Seen = ConnectionRules::Seen;
using Verdict = ConnectionRules::Verdict;

TimePoint at(Duration since_start) { return TimePoint{} + since_start; }

constexpr Duration kPatience = seconds(5);
const ConnectionRules kDecides(kPatience, true);
const ConnectionRules kFollows(kPatience, false);

TEST_CASE("A newer connection takes the place of one that has been silent for the patience") {
  const Seen current{at(seconds(0)), at(seconds(10))};
  const Seen newer{at(seconds(15)), at(seconds(15))};
  CHECK(kDecides.judge(current, newer, at(seconds(15))) == Verdict::take_over);
  CHECK(kFollows.judge(current, newer, at(seconds(15))) == Verdict::take_over);
}

TEST_CASE("Beside a connection that was just heard the smaller key retires the newer at once") {
  const Seen current{at(seconds(0)), at(milliseconds(10'001))};
  const Seen newer{at(seconds(15)), at(seconds(15))};
  CHECK(kDecides.judge(current, newer, at(seconds(15))) == Verdict::retire);
  CHECK(kFollows.judge(current, newer, at(seconds(15))) == Verdict::wait);
}

TEST_CASE("The larger key judges by itself after the patience") {
  const Seen newer{at(seconds(15)), at(seconds(16))};
  const TimePoint again = kFollows.judged_again(newer);
  CHECK(again == at(seconds(20)));
  SUBCASE("the current one was heard meanwhile") {
    CHECK(kFollows.judge({at(seconds(0)), at(milliseconds(15'001))}, newer, again) ==
          Verdict::retire);
  }
  SUBCASE("the current one was not heard since") {
    CHECK(kFollows.judge({at(seconds(0)), at(seconds(15))}, newer, again) == Verdict::take_over);
  }
}

TEST_CASE("A dead connection is given up as soon as a request would have failed") {
  CHECK(ConnectionRules::dead_after() == seconds(5));
  CHECK(ConnectionRules::answers_as_asked());
}

}  // namespace
}  // namespace kadmos
