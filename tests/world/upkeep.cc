// What nodes do without being asked, over virtual hours: republish, replicate, expire, refresh.
#include <string>

#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

TEST_CASE("a record expires everywhere when its owner said") {
  World world;
  grow(world, 30);
  const Identity owner = world.identity(1000);  // not a node's, so nobody republishes
  SetOptions options;
  options.owner = &owner;
  options.ttl = hours(2);
  const auto receipt = world.run_until(world.node(3).set("name", view_of("value"), options));
  REQUIRE(receipt.ok());
  world.run_for(minutes(115));
  CHECK(world.run_until(world.node(9).get(receipt->key)).ok());
  world.run_for(minutes(30));  // replicas wait for the worst clock
  CHECK_FALSE(world.run_until(world.node(9).get(receipt->key)).ok());
  CHECK(holders(world, receipt->key).empty());
  std::uint64_t expired = 0;
  for (NodeIndex i = 0; i < world.size(); ++i) expired += world.node(i).stats().records_expired;
  CHECK(expired >= 20);
}

TEST_CASE("a node's own records live as long as it runs") {
  World world;
  grow(world, 30);
  const auto receipt = world.run_until(world.node(3).set("name", view_of("value")));
  REQUIRE(receipt.ok());
  const auto content = world.run_until(world.node(3).put(view_of("content")));
  REQUIRE(content.ok());
  world.run_for(hours(60));  // more than twice the lifetime
  CHECK(world.node(3).stats().republished > 0);
  const auto found = world.run_until(world.node(9).get(receipt->key));
  REQUIRE_MESSAGE(found.ok(), found.error().text());
  CHECK(text(found->record) == "value");
  CHECK(world.run_until(world.node(9).get(content->key)).ok());
  world.crash(3);
  world.run_for(hours(30));
  CHECK_FALSE(world.run_until(world.node(9).get(receipt->key)).ok());
}

TEST_CASE("a node's own records live as long as it runs however often it restarts") {
  World world;
  grow(world, 30);
  const auto receipt = world.run_until(world.node(3).set("name", view_of("value")));
  REQUIRE(receipt.ok());
  const auto content = world.run_until(world.node(3).put(view_of("content")));
  REQUIRE(content.ok());
  for (int i = 0; i < 30; ++i) {
    world.run_for(hours(2));
    world.crash(3);
    world.restart(3);
    REQUIRE(world.run_until(world.node(3).join()).ok());
  }
  const auto found = world.run_until(world.node(9).get(receipt->key));
  REQUIRE_MESSAGE(found.ok(), found.error().text());
  CHECK(text(found->record) == "value");
  CHECK(world.run_until(world.node(9).get(content->key)).ok());
}

TEST_CASE("setting a name again and again leaves one record to republish") {
  World world;
  grow(world, 10);
  for (int i = 0; i < 20; ++i) {
    REQUIRE(world.run_until(world.node(3).set("name", view_of(std::to_string(i)))).ok());
  }
  CHECK(comes_to_rest(world));
  const std::uint64_t before = world.node(3).stats().republished;
  world.run_for(hours(12));  // two intervals, each a fifth shorter or longer
  const std::uint64_t times = world.node(3).stats().republished - before;
  CHECK(times >= 1);
  CHECK(times <= 3);
}

TEST_CASE("records move to newcomers that are closer") {
  World world;
  grow(world, 40);
  const Identity owner = world.identity(1000);
  SetOptions options;
  options.owner = &owner;
  const auto receipt = world.run_until(world.node(3).set("name", view_of("value"), options));
  REQUIRE(receipt.ok());
  grow(world, 80);
  const auto before = holders(world, receipt->key);
  int missing = 0;
  for (const NodeIndex i : world.closest_running(receipt->key, 20)) missing += !before.contains(i);
  REQUIRE(missing > 0);
  world.run_for(minutes(80));  // the interval and a fifth, and a bit
  const auto after = holders(world, receipt->key);
  for (const NodeIndex i : world.closest_running(receipt->key, 20)) CHECK(after.contains(i));
  std::uint64_t sent = 0;
  for (NodeIndex i = 0; i < world.size(); ++i) sent += world.node(i).stats().replicas_sent;
  CHECK(sent > 0);
}

TEST_CASE("a record outlives all nodes that first held it") {
  World world;
  grow(world, 40);
  const Identity owner = world.identity(1000);
  SetOptions options;
  options.owner = &owner;
  const auto receipt = world.run_until(world.node(3).set("name", view_of("value"), options));
  REQUIRE(receipt.ok());
  std::set<NodeIndex> first = holders(world, receipt->key);
  first.erase(0);  // the way in
  while (!first.empty()) {
    for (int i = 0; i < 5 && !first.empty(); ++i) {
      world.crash(*first.begin());
      first.erase(first.begin());
    }
    grow(world, world.size() + 5);
    world.run_for(minutes(90));
  }
  const auto found = world.run_until(world.node(0).get(receipt->key));
  REQUIRE_MESSAGE(found.ok(), found.error().text());
  CHECK(text(found->record) == "value");
  CHECK(holders(world, receipt->key).size() >= 20);
}

// How many of 100 records can still be read when 34 of 40 nodes have left, one every two minutes,
// and nobody compares anything meanwhile.
int readable_after_leaving(bool handing_over) {
  WorldOptions options;
  options.config.k = 4;
  options.config.refresh_interval = minutes(10);
  options.config.sync_interval = hours(1000);
  World world(options);
  grow(world, 40);
  const Identity owner = world.identity(1000);
  SetOptions set;
  set.owner = &owner;
  std::vector<Key> keys;
  for (int i = 0; i < 100; ++i) {
    const auto receipt =
        world.run_until(world.node(3).set("name " + std::to_string(i), view_of("value"), set));
    REQUIRE(receipt.ok());
    keys.push_back(receipt->key);
  }
  for (NodeIndex i = 6; i < 40; ++i) {
    if (handing_over) {
      const auto handed = world.run_until(world.node(i).hand_over(std::chrono::seconds(2)));
      REQUIRE(handed.ok());
      CHECK(handed->elapsed <= std::chrono::seconds(2));
    }
    world.crash(i);
    world.run_for(minutes(2));
  }
  int readable = 0;
  for (const Key& key : keys) readable += world.run_until(world.node(0).get(key)).ok() ? 1 : 0;
  return readable;
}

TEST_CASE("what nodes hand over as they leave outlives them") {
  CHECK(readable_after_leaving(true) == 100);
  CHECK(readable_after_leaving(false) < 60);
}

TEST_CASE("a node that stood still until the others gave it up makes itself known again") {
  WorldOptions options;
  options.config.refresh_interval = minutes(20);
  World world(options);
  grow(world, 12);
  const auto known_by = [&] {
    int count = 0;
    for (NodeIndex i = 0; i < world.size(); ++i) {
      if (i != 5 && knows(world, i, 5)) ++count;
    }
    return count;
  };
  world.pause(5);
  world.run_for(hours(2));
  REQUIRE(known_by() == 0);
  world.resume(5);
  world.run_for(minutes(1));
  CHECK(known_by() == 11);
}

TEST_CASE("a quiet network stays cheap") {
  World world;
  grow(world, 50);
  world.run_for(hours(2));
  std::uint64_t before = 0;
  for (NodeIndex i = 0; i < world.size(); ++i) before += world.node(i).stats().requests_sent;
  world.run_for(hours(4));
  std::uint64_t after = 0;
  for (NodeIndex i = 0; i < world.size(); ++i) after += world.node(i).stats().requests_sent;
  // Less than one request a node in ten seconds.
  CHECK(after - before < 50UL * 4 * 360);
  CHECK(comes_to_rest(world));
}

}  // namespace
}  // namespace kadmos::sim
