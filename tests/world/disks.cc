// What nodes make of disks that fill up, fail, or lose what was on its way to them. What real files
// go through, torn and lost writes above all, is in tests/disk/.
#include <string>

#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// The version that a key's receipt says is durable on node i is on its disk, or a newer one.
void check_kept(World& world, NodeIndex i, const std::vector<Receipt>& receipts) {
  for (const Receipt& receipt : receipts) {
    if (!durable_replicas(world, receipt).contains(i)) continue;
    const auto held = held_by(world, i, receipt.key);
    REQUIRE(held);
    CHECK(held->record.sequence >= receipt.sequence);
  }
}

TEST_CASE("a crash at any commit boundary of a disk loses nothing acknowledged") {
  constexpr int kNames = 3;
  constexpr int kSets = 9;
  std::size_t acknowledged = 0;
  for (std::uint64_t boundary = 0; boundary <= kSets; ++boundary) {
    CAPTURE(boundary);
    WorldOptions options;
    options.disk_latency = milliseconds(30);
    World world(options);
    grow(world, 4);
    std::vector<Receipt> receipts;
    const NodeIndex victim = 2;
    for (int n = 0; n < kSets; ++n) {
      auto setting = world.node(0).set(std::to_string(n % kNames), view_of("value"));
      if (world.running(victim)) {
        if (world.disk(victim).finished() == boundary) {
          world.run_for(milliseconds(20));  // on its way to the disk
          world.crash(victim);
        }
      }
      if (auto receipt = world.run_until(std::move(setting))) receipts.push_back(*receipt);
    }
    if (!world.running(victim)) world.restart(victim);
    for (NodeIndex i = 0; i < world.size(); ++i) check_kept(world, i, receipts);
    acknowledged += receipts.size();
  }
  CHECK(acknowledged > kSets);
}

// A name of node 0 whose key is nearer to node i than the keys of those names of it.
std::string nearest_name(const World& world, NodeIndex i, const std::vector<std::string>& names) {
  const auto distance = [&](const std::string& name) {
    return id_of(world.contact(i).key) ^ owned_key(world.contact(0).key, view_of(name));
  };
  for (int n = 0;; ++n) {
    std::string name = "near " + std::to_string(n);
    if (std::ranges::all_of(names, [&](auto& one) { return distance(name) < distance(one); })) {
      return name;
    }
  }
}

TEST_CASE("a replica whose disk is full says busy and expires and takes stores again later") {
  World world;
  grow(world, 4);
  world.run_for(seconds(1));
  SetOptions brief;
  brief.ttl = minutes(10);
  // Nearer to the replica than what comes later, or it would be given up for that.
  const std::string name = nearest_name(world, 2, {"0", "1", "2", "after"});
  const auto before = world.run_until(world.node(0).set(name, view_of("value"), brief));
  REQUIRE(before.ok());
  world.disk(2).set_full(true);
  for (int n = 0; n < 3; ++n) {
    const auto receipt = world.run_until(world.node(0).set(std::to_string(n), view_of("value")));
    REQUIRE(receipt.ok());
    CHECK(receipt->durable == 3);
    for (const Asked& one : receipt->replicas) {
      if (world.index_of(one.peer.key) == NodeIndex{2}) CHECK(one.outcome == Outcome::busy);
    }
  }
  check_kept(world, 2, {*before});
  world.run_for(minutes(15));
  CHECK_FALSE(held_by(world, 2, before->key));
  CHECK(world.node(2).stats().records_expired == 1);
  world.disk(2).set_full(false);
  world.run_for(seconds(2));
  const auto after = world.run_until(world.node(0).set("after", view_of("value")));
  REQUIRE(after.ok());
  CHECK(after->durable == 4);
}

TEST_CASE("a node that was away does not bring back what was deleted and has expired") {
  World world;
  grow(world, 4);
  world.run_for(seconds(1));
  SetOptions brief;
  brief.ttl = hours(2);
  SetOptions longer;
  longer.ttl = hours(20);
  const auto older = world.run_until(world.node(0).set("name", view_of("older"), longer));
  REQUIRE(older.ok());
  REQUIRE(held_by(world, 3, older->key));
  world.crash(3);
  world.run_for(minutes(1));
  REQUIRE(world.run_until(world.node(0).set("name", view_of("newer"), brief)).ok());
  world.run_for(hours(3));
  world.restart(3);
  REQUIRE(world.run_until(world.node(3).join(), minutes(10)).ok());
  world.run_for(hours(5));  // and it offers what it holds
  REQUIRE(held_by(world, 3, older->key));
  for (const NodeIndex i : {NodeIndex{0}, NodeIndex{1}, NodeIndex{2}}) {
    CHECK_FALSE(held_by(world, i, older->key));
  }
}

}  // namespace
}  // namespace kadmos::sim
