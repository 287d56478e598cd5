// A node whose calendar is wrong by days is told so by what its peers do; a right one never is.
#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr hours kDays{72};

// A network of right calendars (they differ by a minute) with a few records in it.
WorldOptions right() {
  WorldOptions options;
  options.config.k = 8;
  return options;
}
void publish(World& world, int n) {
  for (int i = 0; i < n; ++i) {
    const std::string name = "name " + std::to_string(i);
    REQUIRE(world.run_until(world.node(1).set(name, view_of("value"))).ok());
  }
}

NodeIndex join_with(World& world, milliseconds skew, bool client = false) {
  Config config = world.entering_at(0);
  config.client = client;
  Disguise disguise;
  disguise.skew = skew;
  const NodeIndex i = world.add(config, std::nullopt, std::move(disguise));
  REQUIRE(world.run_until(world.node(i).join()).ok());
  return i;
}

void check_nobody_else_doubts(World& world, NodeIndex wrong) {
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (i == wrong) continue;
    CHECK_MESSAGE(!world.node(i).clock_doubt(), i);
  }
}

TEST_CASE("a node whose calendar is days behind is told so when it sets something") {
  World world(right());
  grow(world, 12);
  const NodeIndex late = join_with(world, -kDays);
  std::vector<std::string> told;
  world.node(late).on_notice([&](const Notice& notice) {
    if (notice.what == "clock_wrong") told.push_back(notice.detail);
  });
  CHECK_FALSE(world.node(late).clock_doubt());
  const auto receipt = world.run_until(world.node(late).set("name", view_of("value")));
  REQUIRE_FALSE(receipt.ok());
  CHECK_MESSAGE(
      receipt.error().detail.find("is the clock of this machine behind?") != std::string::npos,
      receipt.error().detail);
  const auto doubt = world.node(late).clock_doubt();
  REQUIRE(doubt);
  CHECK_FALSE(doubt->ahead);
  CHECK(doubt->peers >= 2);
  (void)world.run_until(world.node(late).set("another", view_of("value")));
  CHECK(told.size() == 1);  // once an hour
  CHECK(world.node(late).stats().clock_doubts >= 2);
  check_nobody_else_doubts(world, late);
  // The evidence ends with its time.
  world.run_for(hours(1));
  CHECK(world.node(late).clock_doubt());
}

TEST_CASE("a node whose calendar is days ahead is told so by the records it is handed") {
  World world(right());
  grow(world, 12);
  publish(world, 30);
  const NodeIndex early = join_with(world, kDays);
  CHECK(world.run_until([&] { return world.node(early).clock_doubt().has_value(); }, hours(2)));
  const auto doubt = world.node(early).clock_doubt();
  REQUIRE(doubt);
  CHECK(doubt->ahead);
  check_nobody_else_doubts(world, early);
}

TEST_CASE("a client whose calendar is days ahead is told so by what it asks for") {
  World world(right());
  grow(world, 12);
  publish(world, 5);
  const NodeIndex early = join_with(world, kDays, true);
  for (int i = 0; i < 5; ++i) {
    const Key key = owned_key(world.network().key(1), view_of("name " + std::to_string(i)));
    (void)world.run_until(world.node(early).get(key));
  }
  REQUIRE(world.node(early).clock_doubt());
  CHECK(world.node(early).clock_doubt()->ahead);
}

TEST_CASE("calendars that differ by as much as they may raise no doubt in a day of upkeep") {
  WorldOptions options = right();
  options.clock_skew = minutes(5);
  World world(options);
  grow(world, 12);
  publish(world, 30);
  for (int i = 0; i < 10; ++i) {
    SetOptions brief;
    brief.ttl = minutes(11);  // less, and who is ahead would refuse it
    REQUIRE(world.run_until(world.node(2).set("brief", view_of("value"), brief)).ok());
    world.run_for(hours(2));
  }
  for (NodeIndex i = 0; i < world.size(); ++i) {
    CHECK(world.node(i).stats().clock_doubts == 0);
    CHECK_FALSE(world.node(i).clock_doubt());
  }
}

}  // namespace
}  // namespace kadmos::sim
