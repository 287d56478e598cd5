// What set and get promise, with nodes that die, stop and fail in the way.
#include <string>
#include <vector>

#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("a receipt names the replicas whose disks hold the record") {
  World world;
  grow(world, 40);
  const auto receipt = world.run_until(world.node(7).set("name", view_of("value")));
  REQUIRE(receipt.ok());
  CHECK(receipt->target == 20);
  CHECK(receipt->quorum == 14);
  const auto durable = durable_replicas(world, *receipt);
  CHECK(static_cast<int>(durable.size()) == receipt->durable);
  CHECK(durable.size() == 20);
  for (const NodeIndex i : durable) CHECK(held_by(world, i, receipt->key).has_value());
  for (const NodeIndex i : holders(world, receipt->key)) {
    CHECK((durable.contains(i) || i == 7));  // the owner keeps its own
  }
}

TEST_CASE("a store counts only after the disk has it") {
  WorldOptions options;
  options.disk_latency = seconds(2);
  World world(options);
  grow(world, 3);
  const TimePoint before = world.now();
  const auto receipt = world.run_until(world.node(0).set("name", view_of("value")));
  REQUIRE(receipt.ok());
  CHECK(receipt->durable >= 2);
  CHECK(world.now() - before >= seconds(2));
}

TEST_CASE("a replica that crashes before its disk has it does not count") {
  WorldOptions options;
  options.disk_latency = seconds(2);
  World world(options);
  grow(world, 2);
  world.run_for(seconds(1));
  auto setting = world.node(0).set("name", view_of("value"));
  world.run_for(seconds(1));
  world.crash(1);
  const auto receipt = world.run_until(std::move(setting));
  REQUIRE_FALSE(receipt.ok());
  CHECK(receipt.error().code == Errc::quorum_not_met);
  REQUIRE(receipt.error().receipt != nullptr);
  CHECK(receipt.error().receipt->durable == 1);
  CHECK(durable_replicas(world, *receipt.error().receipt) == std::set<NodeIndex>{0});
  world.restart(1);
  CHECK_FALSE(held_by(world, 1, receipt.error().receipt->key).has_value());
}

TEST_CASE("a replica whose disk fails says so and does not count") {
  World world;
  grow(world, 4);
  world.run_for(seconds(1));
  world.disk(2).set_failing(true);
  const auto receipt = world.run_until(world.node(0).set("one", view_of("value")));
  REQUIRE(receipt.ok());
  CHECK(receipt->durable == 3);
  CHECK_FALSE(durable_replicas(world, *receipt).contains(2));
  world.disk(1).set_failing(true);
  world.disk(3).set_failing(true);
  const auto missed = world.run_until(world.node(0).set("two", view_of("value")));
  REQUIRE_FALSE(missed.ok());
  CHECK(missed.error().code == Errc::quorum_not_met);
  REQUIRE(missed.error().receipt != nullptr);
  CHECK(missed.error().receipt->durable == 1);
  CHECK(comes_to_rest(world));
}

TEST_CASE("a value survives the crash of replicas and a get finds it at once") {
  World world;
  grow(world, 40);
  const auto receipt = world.run_until(world.node(7).set("name", view_of("value")));
  REQUIRE(receipt.ok());
  int crashed = 0;
  for (const NodeIndex i : world.closest_running(receipt->key, 13)) {
    if (i == 7) continue;
    world.crash(i);
    ++crashed;
  }
  REQUIRE(crashed >= 12);
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (!world.running(i)) continue;
    const TimePoint before = world.now();
    const auto found = world.run_until(world.node(i).get(receipt->key));
    REQUIRE_MESSAGE(found.ok(), found.error().text());
    CHECK(text(found->record) == "value");
    CHECK(world.now() - before < seconds(1));
  }
}

TEST_CASE("a get returns the latest acknowledged version") {
  World world;
  grow(world, 60);
  Prng prng(4);
  const Key key = owned_key(world.network().key(11), view_of("name"));
  for (int version = 1; version <= 20; ++version) {
    const auto receipt =
        world.run_until(world.node(11).set("name", view_of(std::to_string(version))));
    REQUIRE(receipt.ok());
    CHECK(receipt->sequence == static_cast<std::uint64_t>(version));
    const auto found = world.run_until(world.node(any_running(world, prng)).get(key));
    REQUIRE(found.ok());
    CHECK(text(found->record) == std::to_string(version));
  }
}

TEST_CASE("replicas that missed a version are mended by their neighbours or by a get") {
  World world;
  grow(world, 12);
  const NodeIndex owner = 1;
  const auto first = world.run_until(world.node(owner).set("name", view_of("old")));
  REQUIRE(first.ok());
  const auto nearest = world.closest_running(first->key, 2);
  const NodeIndex stale = nearest[0] == owner ? nearest[1] : nearest[0];
  world.network().cut(stale, true);
  const auto second = world.run_until(world.node(owner).set("name", view_of("new")));
  REQUIRE(second.ok());
  CHECK(held_by(world, stale, first->key)->record.sequence == 1);
  world.network().cut(stale, false);
  world.run_for(minutes(10));
  NodeIndex reader = 2;
  while (reader == stale || reader == owner) ++reader;
  world.crash(reader);  // so that it reads from others
  world.restart(reader, false);
  REQUIRE(world.run_until(world.node(reader).join()).ok());
  const auto found = world.run_until(world.node(reader).get(first->key));
  REQUIRE(found.ok());
  CHECK(text(found->record) == "new");
  world.run_for(seconds(1));
  CHECK(held_by(world, stale, first->key)->record.sequence == 2);
  std::uint64_t mended = 0;
  for (NodeIndex i = 0; i < world.size(); ++i) {
    mended += world.node(i).stats().replicas_repaired + world.node(i).stats().replicas_sent;
  }
  CHECK(mended > 0);
}

TEST_CASE("a deleted name is gone for everybody") {
  World world;
  grow(world, 40);
  const auto receipt = world.run_until(world.node(7).set("name", view_of("value")));
  REQUIRE(receipt.ok());
  const auto deleted = world.run_until(world.node(7).del("name"));
  REQUIRE(deleted.ok());
  CHECK(deleted->sequence == 2);
  for (NodeIndex i = 0; i < world.size(); ++i) {
    const auto found = world.run_until(world.node(i).get(receipt->key));
    REQUIRE_FALSE(found.ok());
    CHECK(found.error().code == Errc::not_found);
  }
  const auto again = world.run_until(world.node(7).set("name", view_of("second life")));
  REQUIRE(again.ok());
  CHECK(again->sequence == 3);
  const auto found = world.run_until(world.node(20).get(receipt->key));
  REQUIRE(found.ok());
  CHECK(text(found->record) == "second life");
}

TEST_CASE("content is found by its hash and nothing else is") {
  World world;
  grow(world, 40);
  const auto receipt = world.run_until(world.node(7).put(view_of("content")));
  REQUIRE(receipt.ok());
  CHECK(receipt->key == content_key(view_of("content")));
  const auto found = world.run_until(world.node(30).get(receipt->key));
  REQUIRE(found.ok());
  CHECK(text(found->record) == "content");
  const auto missing = world.run_until(world.node(30).get(content_key(view_of("other"))));
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().code == Errc::not_found);
  CHECK(missing.error().asked.size() >= 20);
}

TEST_CASE("with an eighth of the nodes silent gets and sets stay fast") {
  World world;
  grow(world, 64);
  world.run_for(minutes(2));
  Prng prng(9);
  std::vector<Key> keys;
  for (int i = 0; i < 100; ++i) {
    const NodeIndex at = any_running(world, prng);
    const auto receipt = world.run_until(world.node(at).put(view_of("old " + std::to_string(i))));
    REQUIRE(receipt.ok());
    keys.push_back(receipt->key);
  }
  std::set<NodeIndex> silent;
  while (silent.size() < 8) silent.insert(any_running(world, prng));
  for (const NodeIndex i : silent) world.pause(i);
  int slow = 0;
  int failed = 0;
  int operations = 0;
  for (int i = 0; i < 500; ++i) {
    NodeIndex at = any_running(world, prng);
    while (silent.contains(at)) at = any_running(world, prng);
    TimePoint before = world.now();
    const std::string name = "name " + std::to_string(i);
    const auto receipt = world.run_until(world.node(at).set(name, view_of(name)));
    failed += receipt ? 0 : 1;
    slow += world.now() - before > milliseconds(300) ? 1 : 0;
    at = any_running(world, prng);
    while (silent.contains(at)) at = any_running(world, prng);
    before = world.now();
    const auto found = world.run_until(world.node(at).get(keys[static_cast<std::size_t>(i % 100)]));
    failed += found ? 0 : 1;
    slow += world.now() - before > milliseconds(300) ? 1 : 0;
    operations += 2;
  }
  CHECK(failed == 0);
  CHECK(slow * 100 <= operations);
  for (const NodeIndex i : silent) world.resume(i);
  world.run_for(minutes(5));
  for (const NodeIndex i : silent) CHECK(world.run_until(world.node(i).get(keys[0])).ok());
  world.run_for(minutes(1));
  CHECK(comes_to_rest(world));
}

TEST_CASE("a peer whose idle connection must be dialled anew is rarely taken for silent") {
  WorldOptions options;
  options.network.latency = Latency::internet();
  World world(options);
  grow(world, 15);
  world.run_for(minutes(2));
  for (int i = 0; i < 30; ++i) {  // until round trips are known well
    CHECK(world.run_until(world.node(5).find_node(Id::from_top(7))).ok());
  }
  const std::uint64_t before = world.node(5).stats().requests_slow;
  for (int i = 0; i < 10; ++i) {
    world.run_for(minutes(6));
    CHECK(world.run_until(world.node(5).find_node(Id::from_top(7))).ok());
  }
  CHECK(world.node(5).stats().requests_slow - before <= 5);  // of 140
}

TEST_CASE("every operation ends once and leaves nothing behind") {
  World world;
  grow(world, 50);
  Prng prng(3);
  int begun = 0;
  std::vector<int> ended;
  for (int i = 0; i < 200; ++i) {
    const NodeIndex at = any_running(world, prng);
    ended.push_back(0);
    const auto count = [&ended, i](auto) { ++ended[static_cast<std::size_t>(i)]; };
    switch (i % 3) {
      case 0:
        world.node(at).set("n" + std::to_string(i), view_of("v")).then(count).detach();
        break;
      case 1:
        world.node(at).get(prng.id()).then(count).detach();
        break;
      default:
        world.node(at).find_node(prng.id()).then(count).detach();
        break;
    }
    ++begun;
    if (i % 20 == 10) world.crash(any_running(world, prng));
    if (i % 20 == 15) world.pause(any_running(world, prng));
    world.run_for(milliseconds(2));
  }
  world.run_for(seconds(11));  // the default deadline and a bit
  for (NodeIndex i = 0; i < world.size(); ++i) world.resume(i);
  world.run_for(seconds(11));
  CHECK(static_cast<int>(ended.size()) == begun);
  for (const int times : ended) CHECK(times == 1);
  world.run_for(minutes(1));
  CHECK(comes_to_rest(world));
}

TEST_CASE("dropped futures end their operations") {
  World world;
  grow(world, 30);
  {
    std::vector<Future<Found>> dropped;
    for (int i = 0; i < 20; ++i) dropped.push_back(world.node(3).get(Id::from_top(i)));
    CHECK(world.node(3).stats().operations_running >= 20);
  }
  CHECK(world.node(3).stats().operations_running == 0);
  world.run_for(seconds(20));
  CHECK(comes_to_rest(world));
}

TEST_CASE("an operation whose every peer is silent ends by its deadline") {
  World world;
  grow(world, 6);
  world.run_for(seconds(5));
  for (NodeIndex i = 0; i < 5; ++i) world.pause(i);
  GetOptions options;
  options.timeout = seconds(3);
  const TimePoint before = world.now();
  const auto found = world.run_until(world.node(5).get(Id::from_top(1), options));
  CHECK_FALSE(found.ok());
  CHECK(world.now() - before <= seconds(3));
  const auto receipt = world.run_until(world.node(5).set("name", view_of("value")));
  CHECK_FALSE(receipt.ok());
  CHECK(world.now() - before <= seconds(13));
}

TEST_CASE("an operation ends as soon as its last peer is known to be gone") {
  World world;
  grow(world, 2);
  world.run_for(seconds(5));
  world.pause(0);
  auto getting = world.node(1).get(Id::from_top(1));
  world.run_for(milliseconds(100));
  const TimePoint before = world.now();
  world.crash(0);
  const auto found = world.run_until(std::move(getting));
  CHECK_FALSE(found.ok());
  CHECK(world.now() - before <= milliseconds(100));
}

TEST_CASE("a peer that was silent is asked again once its penalty has passed") {
  World world;
  grow(world, 8);
  world.run_for(minutes(5));
  world.pause(3);
  for (int i = 0; i < 5; ++i) {
    CHECK(world.run_until(world.node(5).find_node(world.node(3).id())).ok());
    world.run_for(seconds(6));
  }
  world.resume(3);
  world.run_for(hours(2));
  const auto found = world.run_until(world.node(5).find_node(world.node(3).id()));
  REQUIRE(found.ok());
  CHECK(indexes(world, found->contacts).contains(3));
}

}  // namespace
}  // namespace kadmos::sim
