#include <doctest/doctest.h>

#include "engine/twin_watch.h"

namespace kadmos {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TimePoint at(Duration since_start) { return TimePoint{} + since_start; }

const Endpoint kThere = Endpoint::v4(10, 0, 0, 2, 4000);
constexpr std::uint64_t kPeer = 0;  // the group of a local one
const Endpoint kEphemeral = Endpoint::v4(10, 0, 0, 2, 50'000);

TEST_CASE("An endpoint that a peer gives for this node is dialled once in ten minutes") {
  TwinWatch watch;
  CHECK(!watch.poll_look(at(seconds(0))));
  watch.on_named(at(seconds(0)), kThere, kPeer);
  CHECK(watch.poll_look(at(seconds(0))) == kThere);
  CHECK(!watch.poll_look(at(seconds(0))));
  watch.on_named(at(seconds(599)), kThere, kPeer);
  CHECK(!watch.poll_look(at(seconds(599))));
  watch.on_named(at(seconds(600)), kThere, kPeer);
  CHECK(watch.poll_look(at(seconds(600))) == kThere);
}

TEST_CASE("Every endpoint that a peer gives at once is dialled") {
  TwinWatch watch;
  watch.on_named(at(seconds(0)), kThere, kPeer);
  watch.on_named(at(seconds(0)), kEphemeral, kPeer);
  CHECK(watch.poll_look(at(seconds(0))) == kThere);
  CHECK(watch.poll_look(at(seconds(0))) == kEphemeral);
  CHECK(!watch.poll_look(at(seconds(0))));
}

TEST_CASE("Peers that give ever new endpoints for this node cause few dials") {
  TwinWatch watch;
  std::size_t dials = 0;
  for (std::uint16_t port = 1; port <= 1000; ++port) {
    watch.on_named(at(seconds(port) / 10), Endpoint::v4(10, 0, 0, 2, port), kPeer);
    if (watch.poll_look(at(seconds(port) / 10))) ++dials;
  }
  CHECK(dials == TwinWatch::kMostLookedAt);
}

TEST_CASE("Peers of one address group cannot take all the room for endpoints to look at") {
  TwinWatch watch;
  for (Byte i = 1; i <= 100; ++i) {
    watch.on_named(at(seconds(0)), Endpoint::v4(203, 0, 113, i, 4000), 1);
  }
  watch.on_named(at(seconds(0)), kThere, 2);
  std::vector<Endpoint> dialled;
  while (const auto where = watch.poll_look(at(seconds(0)))) dialled.push_back(*where);
  CHECK(dialled.size() == TwinWatch::kMostPerGroup + 1);
  CHECK(dialled.back() == kThere);
}

TEST_CASE("A twin is news once and is looked at again until there was no sign of it for long") {
  TwinWatch watch;
  watch.on_named(at(seconds(0)), kThere, kPeer);
  watch.poll_look(at(seconds(0)));
  CHECK(watch.on_twin(at(seconds(1)), kThere));
  CHECK(watch.twin() == kThere);
  CHECK(watch.next_timeout() == at(seconds(31)));
  CHECK(watch.poll_look(at(seconds(31))) == kThere);
  CHECK(!watch.on_twin(at(seconds(32)), kThere));
  CHECK(!watch.expire(at(seconds(106))));
  CHECK(watch.expire(at(seconds(107))));
  CHECK(!watch.twin());
  CHECK(!watch.next_timeout());
  CHECK(watch.on_twin(at(minutes(5)), kThere));
}

TEST_CASE("A twin that peers name again after it was forgotten is dialled again") {
  TwinWatch watch;
  watch.on_named(at(seconds(0)), kThere, kPeer);
  watch.poll_look(at(seconds(0)));
  watch.on_twin(at(seconds(1)), kThere);
  REQUIRE(watch.expire(at(seconds(80))));
  watch.on_named(at(seconds(81)), kThere, kPeer);
  CHECK(watch.poll_look(at(seconds(81))) == kThere);
}

TEST_CASE("Who stood still looks once more before a twin is forgotten") {
  TwinWatch watch;
  watch.on_twin(at(seconds(1)), kThere);
  watch.on_stood_still(at(minutes(9)));
  CHECK(!watch.expire(at(minutes(9))));
  CHECK(watch.poll_look(at(minutes(9))) == kThere);
  CHECK(watch.expire(at(minutes(9) + TwinWatch::kForgotten)));
}

TEST_CASE("Where a twin was dialled is told rather than the port it came from") {
  TwinWatch watch;
  CHECK(watch.on_twin(at(seconds(0)), kEphemeral));
  CHECK(watch.twin() == kEphemeral);
  watch.on_named(at(seconds(1)), kThere, kPeer);
  CHECK(!watch.on_twin(at(seconds(2)), kThere));
  CHECK(watch.twin() == kThere);
  CHECK(!watch.on_twin(at(seconds(3)), kEphemeral));
  CHECK(watch.twin() == kThere);
}

}  // namespace
}  // namespace kadmos
