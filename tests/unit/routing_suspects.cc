#include <doctest/doctest.h>

#include "routing/suspects.h"
#include "support/readable.h"

using namespace kadmos;
using std::chrono::seconds;

namespace {

constexpr TimePoint kStart{std::chrono::hours(100)};

TimePoint at(int seconds_later) { return kStart + seconds(seconds_later); }

const Id kPeer = readable::id(1);
const Id kOther = readable::id(2);

}  // namespace

TEST_CASE("a suspicion ends by itself") {
  Suspects suspects(seconds(10), 100);
  CHECK_FALSE(suspects.suspected(kStart, kPeer));
  suspects.on_offence(kStart, kPeer);
  CHECK(suspects.suspected(at(0), kPeer));
  CHECK(suspects.suspected(at(9), kPeer));
  CHECK_FALSE(suspects.suspected(at(10), kPeer));
  CHECK_FALSE(suspects.suspected(at(0), kOther));
}

TEST_CASE("a suspicion ends when the peer answers") {
  Suspects suspects(seconds(10), 100);
  suspects.on_offence(kStart, kPeer);
  suspects.on_answer(kOther);
  CHECK(suspects.suspected(at(1), kPeer));
  suspects.on_answer(kPeer);
  CHECK_FALSE(suspects.suspected(at(1), kPeer));
  CHECK(suspects.size() == 0);
}

TEST_CASE("each offence after a suspicion doubles the next") {
  Suspects suspects(seconds(10), 100);
  suspects.on_offence(at(0), kPeer);   // until 10, remembered until 20
  suspects.on_offence(at(10), kPeer);  // until 30, remembered until 50
  CHECK(suspects.suspected(at(29), kPeer));
  CHECK_FALSE(suspects.suspected(at(30), kPeer));
  suspects.on_offence(at(49), kPeer);  // until 89
  CHECK(suspects.suspected(at(88), kPeer));
  CHECK_FALSE(suspects.suspected(at(89), kPeer));
}

TEST_CASE("offences during one suspicion count once") {
  Suspects suspects(seconds(10), 100);
  for (int i = 0; i < 10; ++i) suspects.on_offence(at(i), kPeer);
  CHECK_FALSE(suspects.suspected(at(10), kPeer));
  suspects.on_offence(at(10), kPeer);
  CHECK_FALSE(suspects.suspected(at(30), kPeer));  // the second: twice the first
}

TEST_CASE("a suspicion never lasts longer than sixteen times the first") {
  Suspects suspects(seconds(1), 100);
  TimePoint now = kStart;
  for (int i = 0; i < 12; ++i) {
    suspects.on_offence(now, kPeer);
    while (suspects.suspected(now, kPeer)) now += seconds(1);
  }
  const TimePoint last = now;
  suspects.on_offence(last, kPeer);
  CHECK(suspects.suspected(last + seconds(15), kPeer));
  CHECK_FALSE(suspects.suspected(last + seconds(16), kPeer));
}

TEST_CASE("an offence is forgotten after as long again") {
  Suspects suspects(seconds(10), 100);
  suspects.on_offence(at(0), kPeer);
  CHECK(suspects.size() == 1);
  suspects.on_offence(at(20), kPeer);  // a first one again
  CHECK(suspects.suspected(at(29), kPeer));
  CHECK_FALSE(suspects.suspected(at(30), kPeer));
  suspects.on_offence(at(100), kOther);
  CHECK(suspects.size() == 1);
}

TEST_CASE("suspects are bounded and the one that ends first goes") {
  Suspects suspects(seconds(10), 3);
  for (int i = 1; i <= 3; ++i) suspects.on_offence(at(i), readable::id(static_cast<Byte>(i)));
  suspects.on_offence(at(4), readable::id(4));
  CHECK(suspects.size() == 3);
  CHECK_FALSE(suspects.suspected(at(4), readable::id(1)));
  for (Byte i = 2; i <= 4; ++i) CHECK(suspects.suspected(at(4), readable::id(i)));
  suspects.on_offence(at(5), readable::id(4));  // no newcomer: nobody goes
  CHECK(suspects.size() == 3);
}

TEST_CASE("requests that were in flight together fail as one failure") {
  Suspects suspects(seconds(10), 100);
  CHECK(suspects.on_failure(at(5), at(0), kPeer));
  CHECK_FALSE(suspects.on_failure(at(5), at(1), kPeer));
  CHECK_FALSE(suspects.on_failure(at(6), at(4), kPeer));
  CHECK(suspects.on_failure(at(7), at(5), kPeer));  // sent when the first had failed
  CHECK(suspects.on_failure(at(7), at(6), kOther));
}

TEST_CASE("failures of one flight count once even when they span two suspicions") {
  Suspects suspects(seconds(10), 100);
  CHECK(suspects.on_failure(at(5), at(0), kPeer));
  CHECK_FALSE(suspects.on_failure(at(16), at(4), kPeer));
  CHECK(suspects.suspected(at(35), kPeer));  // an offence all the same
}

TEST_CASE("a peer that was wrong stays suspect although it answers") {
  Suspects suspects(seconds(10), 100);
  SUBCASE("from the start") { suspects.on_offence(kStart, kPeer, true); }
  SUBCASE("while it is suspected of silence") {
    suspects.on_offence(kStart, kPeer);
    suspects.on_offence(kStart, kPeer, true);
  }
  suspects.on_answer(kPeer);
  CHECK(suspects.suspected(at(9), kPeer));
  suspects.on_offence(at(10), kPeer);  // remembered: the next one is no mere silence
  suspects.on_answer(kPeer);
  CHECK(suspects.suspected(at(29), kPeer));
  CHECK_FALSE(suspects.suspected(at(30), kPeer));
}

TEST_CASE("only who broke the rules is wrong and only while it is suspected") {
  Suspects suspects(seconds(10), 100);
  suspects.on_offence(kStart, kPeer);
  CHECK_FALSE(suspects.wrong(kStart, kPeer));
  suspects.on_offence(kStart, kPeer, true);
  CHECK(suspects.wrong(at(9), kPeer));
  CHECK_FALSE(suspects.wrong(at(10), kPeer));
}

TEST_CASE("a failure makes a suspect") {
  Suspects suspects(seconds(10), 100);
  suspects.on_failure(at(5), at(0), kPeer);
  CHECK(suspects.suspected(at(14), kPeer));
  CHECK_FALSE(suspects.suspected(at(15), kPeer));
}
