// Entering a network, staying in it, and finding back when everybody is gone.
#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("a network of one sets and gets and deletes") {
  World world;
  const NodeIndex a = world.add();
  CHECK(world.run_until(world.node(a).join()).ok());
  const auto receipt = world.run_until(world.node(a).set("name", view_of("value")));
  REQUIRE(receipt.ok());
  CHECK(receipt->target == 1);
  CHECK(receipt->durable == 1);
  const auto found = world.run_until(world.node(a).get(receipt->key));
  REQUIRE(found.ok());
  CHECK(text(found->record) == "value");
  CHECK(found->local);
  CHECK(world.run_until(world.node(a).del("name")).ok());
  const auto gone = world.run_until(world.node(a).get(receipt->key));
  REQUIRE_FALSE(gone.ok());
  CHECK(gone.error().code == Errc::not_found);
  CHECK(comes_to_rest(world));
}

TEST_CASE("two nodes know each other after one of them joined") {
  World world;
  grow(world, 2);
  world.run_for(seconds(1));
  CHECK(knows(world, 1, 0));
  CHECK(knows(world, 0, 1));
  const auto receipt = world.run_until(world.node(1).set("name", view_of("value")));
  REQUIRE(receipt.ok());
  CHECK(receipt->target == 2);
  CHECK(receipt->durable == 2);
  const auto found = world.run_until(world.node(0).get(receipt->key));
  REQUIRE(found.ok());
  CHECK(text(found->record) == "value");
}

TEST_CASE("nodes of two networks never meet") {
  World world;
  grow(world, 8);
  Config other = world.entering_at(0);
  other.network = "another";
  const NodeIndex stranger = world.add(other);
  const auto joined = world.run_until(world.node(stranger).join());
  REQUIRE_FALSE(joined.ok());
  CHECK(joined.error().code == Errc::unreachable);
  world.run_for(minutes(10));
  CHECK(world.node(stranger).contacts().empty());
  CHECK(world.node(stranger).stats().hellos_refused > 0);
  for (NodeIndex i = 0; i < 8; ++i) CHECK_FALSE(knows(world, i, stranger));
}

TEST_CASE("two networks at one bootstrap list stay two") {
  WorldOptions options;
  World world(options);
  Config red;
  red.network = "red";
  Config blue;
  blue.network = "blue";
  const NodeIndex red_root = world.add(red);
  const NodeIndex blue_root = world.add(blue);
  for (Config* config : {&red, &blue}) {
    config->bootstrap = {world.bootstrap(red_root), world.bootstrap(blue_root)};
  }
  for (int i = 0; i < 10; ++i) {
    const NodeIndex node = world.add(i % 2 == 0 ? red : blue);
    CHECK(world.run_until(world.node(node).join()).ok());
  }
  world.run_for(hours(3));
  for (NodeIndex i = 0; i < world.size(); ++i) {
    const auto known = indexes(world, world.node(i).contacts());
    CHECK(known.size() == 5);
    for (const NodeIndex j : known) CHECK(i % 2 == j % 2);
  }
}

TEST_CASE("a node whose bootstrap is down keeps trying and joins when it comes up") {
  World world;
  const NodeIndex root = world.add();
  const NodeIndex late = world.add(world.entering_at(root));
  world.crash(root);
  const auto joined = world.run_until(world.node(late).join());
  REQUIRE_FALSE(joined.ok());
  CHECK(joined.error().code == Errc::unreachable);
  world.run_for(minutes(20));
  CHECK(world.node(late).contacts().empty());
  world.restart(root);
  CHECK(world.run_until([&] { return knows(world, late, root); }, minutes(2)));
  const std::uint64_t attempts = world.node(late).stats().bootstraps;
  CHECK(attempts > 10);
  CHECK(attempts < 310);  // one in four seconds at most
}

TEST_CASE("a node enters through whichever bootstrap lives") {
  World world;
  grow(world, 5);
  world.crash(0);
  Config config = world.entering_at(0);
  config.bootstrap.push_back(world.bootstrap(3));
  const NodeIndex node = world.add(config);
  CHECK(world.run_until(world.node(node).join()).ok());
  world.run_for(minutes(1));
  CHECK(knows(world, node, 1));
}

TEST_CASE("nodes that exchanged their addresses while all were down find each other") {
  World world;
  grow(world, 7);
  world.run_for(minutes(1));
  std::vector<Acquaintance> known;
  for (NodeIndex i = 0; i < 7; ++i) {
    known.push_back(
        {{world.network().key(i), Endpoints(world.network().address(i))}, world.wall()});
  }
  for (NodeIndex i = 0; i < 7; ++i) world.crash(i);
  std::vector<Endpoint> places;
  for (NodeIndex i = 0; i < 7; ++i) places.push_back(world.network().address((i + 1) % 7));
  for (NodeIndex i = 0; i < 7; ++i) world.move(i);
  for (NodeIndex i = 0; i < 7; ++i) world.network().move(i, places[i]);
  std::vector<Future<Closest>> joins;
  for (NodeIndex i = 0; i < 7; ++i) {
    world.restart(i);
    world.node(i).add_acquaintances(known);
    joins.push_back(world.node(i).join());
  }
  world.run_for(minutes(1));
  for (NodeIndex i = 0; i < 7; ++i) CHECK(world.node(i).contacts().size() == 6);
}

TEST_CASE("a bootstrap that answers with another key is not believed") {
  World world;
  grow(world, 3);
  Config config = world.entering_at(1);
  config.bootstrap.front().endpoint = world.bootstrap(2).endpoint;
  const NodeIndex node = world.add(config);
  const auto joined = world.run_until(world.node(node).join());
  REQUIRE_FALSE(joined.ok());
  CHECK(joined.error().code == Errc::unreachable);
  CHECK(world.node(node).stats().peers_wrong_key > 0);
}

TEST_CASE("a node whose every contact died finds back when one returns") {
  World world;
  grow(world, 10);
  const NodeIndex lonely = 9;
  world.run_for(minutes(10));
  REQUIRE(world.node(lonely).contacts().size() == 9);
  for (NodeIndex i = 0; i < 9; ++i) world.crash(i);
  world.run_for(hours(3));
  CHECK(world.node(lonely).contacts().empty());
  world.restart(0);
  CHECK(world.run_until([&] { return knows(world, lonely, 0); }, minutes(3)));
}

TEST_CASE("an isolated node keeps its records and serves them when it is back") {
  World world;
  grow(world, 30);
  const auto receipt = world.run_until(world.node(3).set("name", view_of("value")));
  REQUIRE(receipt.ok());
  const NodeIndex keeper = *world.closest_running(receipt->key, 1).begin();
  world.network().cut(keeper, true);
  world.run_for(hours(5));
  CHECK(held_by(world, keeper, receipt->key).has_value());
  const auto alone = world.run_until(world.node(keeper).get(receipt->key));
  REQUIRE(alone.ok());  // its own store first
  CHECK(text(alone->record) == "value");
  world.network().cut(keeper, false);
  world.run_for(hours(2));
  CHECK(world.node(keeper).contacts().size() > 10);
  CHECK(held_by(world, keeper, receipt->key).has_value());
}

TEST_CASE("a node whose table is empty gets what it holds itself") {
  World world;
  grow(world, 3);
  const auto receipt = world.run_until(world.node(0).set("name", view_of("value")));
  REQUIRE(receipt.ok());
  world.crash(0);
  world.crash(1);
  world.run_for(hours(3));
  REQUIRE(world.node(2).contacts().empty());
  const auto found = world.run_until(world.node(2).get(receipt->key));
  REQUIRE(found.ok());
  CHECK(found->local);
  CHECK(text(found->record) == "value");
}

TEST_CASE("a client is served and enters no table") {
  World world;
  grow(world, 10);
  Config config = world.entering_at(0);
  config.client = true;
  const NodeIndex client = world.add(config);
  REQUIRE(world.run_until(world.node(client).join()).ok());
  const auto receipt = world.run_until(world.node(client).set("name", view_of("value")));
  REQUIRE(receipt.ok());
  CHECK_FALSE(durable_replicas(world, *receipt).contains(client));
  CHECK(world.run_until(world.node(client).get(receipt->key)).ok());
  world.run_for(hours(2));
  for (NodeIndex i = 0; i < 10; ++i) CHECK_FALSE(knows(world, i, client));
}

TEST_CASE("a node that cannot be dialled enters no table") {
  World world;
  grow(world, 10);
  const NodeIndex hidden = world.add(world.entering_at(0));
  world.network().set_dialable(hidden, false);
  REQUIRE(world.run_until(world.node(hidden).join()).ok());
  const auto receipt = world.run_until(world.node(hidden).set("name", view_of("value")));
  CHECK(receipt.ok());
  world.run_for(hours(2));
  for (NodeIndex i = 0; i < 10; ++i) CHECK_FALSE(knows(world, i, hidden));
  CHECK(world.node(hidden).contacts().size() == 10);
}

TEST_CASE("contacts that died leave the tables") {
  World world;
  grow(world, 40);
  world.run_for(minutes(5));
  for (NodeIndex i = 10; i < 20; ++i) world.crash(i);
  world.run_for(hours(3));
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (!world.running(i)) continue;
    const auto known = indexes(world, world.node(i).contacts());
    CHECK(known.size() >= 20);
    for (const NodeIndex j : known) CHECK(world.running(j));
  }
}

TEST_CASE("one address group gets no more than its share of a bucket") {
  World world;
  for (Byte i = 1; i <= 60; ++i) {
    Config config = world.size() == 0 ? Config{} : world.entering_at(0);
    const NodeIndex node = world.add(config, Endpoint::v4(203, 0, 113, i, 4000));
    REQUIRE(world.run_until(world.node(node).join()).ok());
  }
  world.run_for(hours(2));
  std::uint64_t kept_out = 0;
  for (NodeIndex i = 0; i < world.size(); ++i) {
    const Id self = world.node(i).id();
    int far_half = 0;
    for (const Contact& contact : world.node(i).contacts()) {
      far_half += shared_prefix(self, id_of(contact.key)) == 0 ? 1 : 0;
    }
    CHECK(far_half <= 10);
    CHECK(far_half >= 2);
    kept_out += world.node(i).stats().group_full;
  }
  CHECK(kept_out > 0);
}

TEST_CASE("a node restarted with its disk comes back as who it was") {
  World world;
  grow(world, 12);
  const auto receipt = world.run_until(world.node(3).put(view_of("content")));
  REQUIRE(receipt.ok());
  const NodeIndex replica = *durable_replicas(world, *receipt).begin();
  const Id id = world.node(replica).id();
  world.crash(replica);
  world.run_for(minutes(1));
  world.restart(replica);
  CHECK(world.node(replica).id() == id);
  CHECK(held_by(world, replica, receipt->key).has_value());
  const auto local = world.run_until(world.node(replica).get(receipt->key));
  REQUIRE(local.ok());
  CHECK(local->local);
  world.crash(replica);
  world.restart(replica, false);
  CHECK_FALSE(held_by(world, replica, receipt->key).has_value());
}

}  // namespace
}  // namespace kadmos::sim
