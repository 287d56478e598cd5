// Whole nodes in a network that misbehaves: what they promise, they keep.
#include <doctest/doctest.h>

#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Faults all_at(std::uint32_t per_million) {
  Faults faults;
  faults.loss = faults.duplication = faults.reordering = faults.corruption = per_million;
  return faults;
}

struct Tally {
  int good = 0;
  int bad = 0;
};

// Sets from anywhere, then gets from anywhere; a value that is found must be right.
Tally use(World& world, int n, Prng& prng) {
  Tally tally;
  std::vector<std::pair<Key, std::string>> written;
  for (int i = 0; i < n; ++i) {
    const NodeIndex at = any_running(world, prng);
    const std::string name = "name " + std::to_string(i);
    const std::string value = "value " + std::to_string(prng.next());
    const auto receipt = world.run_until(world.node(at).set(name, view_of(value)));
    ++(receipt ? tally.good : tally.bad);
    if (receipt) written.emplace_back(owned_key(world.network().key(at), view_of(name)), value);
  }
  for (const auto& [key, value] : written) {
    const auto found = world.run_until(world.node(any_running(world, prng)).get(key));
    ++(found ? tally.good : tally.bad);
    if (found) CHECK(text(found->record) == value);
  }
  return tally;
}

TEST_CASE("nodes keep their promises over streams that lose packets and break") {
  WorldOptions options;
  options.seed = 11;
  options.network.latency = Latency::internet();
  options.network.up = options.network.down = 100'000;
  World world(options);
  grow(world, 40);
  world.network().set_faults(all_at(10'000));
  Prng prng(11);
  const Tally tally = use(world, 40, prng);
  CHECK(tally.good >= 78);
  CHECK(world.network().counts().lost > 50);
  CHECK(world.network().counts().broken > 10);
}

TEST_CASE("nodes bear datagrams that are lost and doubled and late and have flipped bits") {
  WorldOptions options;
  options.seed = 12;
  options.network.latency = Latency::internet();
  options.network.datagram = true;
  World world(options);
  grow(world, 40);
  world.network().set_faults(all_at(20'000));
  Prng prng(12);
  const Tally tally = use(world, 40, prng);
  CHECK(tally.good >= 76);
  CHECK(world.network().counts().corrupted > 50);
  CHECK(world.network().counts().duplicated > 50);
  std::uint64_t malformed = 0;
  for (NodeIndex i = 0; i < world.size(); ++i) malformed += world.node(i).stats().frames_malformed;
  CHECK(malformed > 10);
}

TEST_CASE("two halves that were parted find together again when the partition ends") {
  WorldOptions options;
  options.seed = 13;
  options.network.latency = Latency::internet();
  World world(options);
  grow(world, 30);
  for (NodeIndex i = 15; i < 30; ++i) world.network().set_side(i, 1);
  world.network().set_blocked(0, 1, true);
  world.network().set_blocked(1, 0, true);
  world.run_for(seconds(10));
  CHECK(world.run_until(world.node(3).set("name", view_of("value"))).ok());  // among its own
  const Key key = owned_key(world.network().key(3), view_of("name"));
  CHECK_FALSE(world.run_until(world.node(20).get(key)).ok());
  world.run_for(minutes(5));
  world.network().set_blocked(0, 1, false);
  world.network().set_blocked(1, 0, false);
  world.run_for(minutes(5));
  const auto together = world.run_until(world.node(3).set("name", view_of("again")));
  REQUIRE(together.ok());
  const auto found = world.run_until(world.node(20).get(key));
  REQUIRE(found.ok());
  CHECK(text(found->record) == "again");
  CHECK(durable_replicas(world, *together) == as_set(world.closest_running(together->key, 20)));
}

TEST_CASE("what two halves wrote apart ends as one record everywhere within two intervals") {
  World world;
  grow(world, 60);
  const Identity owner = world.identity(1000);  // not a node's, so nobody republishes
  SetOptions options;
  options.owner = &owner;
  const auto set = [&](NodeIndex at, std::string_view name, std::string_view value) {
    const auto receipt = world.run_until(world.node(at).set(name, view_of(value), options));
    REQUIRE(receipt.ok());
  };
  set(3, "deleted", "before");
  for (NodeIndex i = 30; i < 60; ++i) world.network().set_side(i, 1);
  world.network().set_blocked(0, 1, true);
  world.network().set_blocked(1, 0, true);
  world.run_for(minutes(5));
  set(3, "name", "one");
  for (int i = 1; i <= 5; ++i) set(40, "name", "other " + std::to_string(i));
  set(3, "at once", "one");
  set(40, "at once", "other");
  REQUIRE(world.run_until(world.node(40).del("deleted", options)).ok());
  world.run_for(minutes(30));
  world.network().set_blocked(0, 1, false);
  world.network().set_blocked(1, 0, false);
  world.run_for(2 * world.node(0).config().sync_interval);

  const auto converged = [&](std::string_view name) {
    const Key key = owned_key(owner.public_key(), view_of(name));
    const auto holding = holders(world, key);
    for (const NodeIndex i : world.closest_running(key, 20)) CHECK(holding.contains(i));
    const Record record = held_by(world, *holding.begin(), key)->record;
    for (const NodeIndex i : holding) CHECK(held_by(world, i, key)->record == record);
    return record;
  };
  CHECK(text(converged("name")) == "other 5");
  CHECK(converged("deleted").type == RecordType::tombstone);
  CHECK(converged("at once").sequence == 1);
  const auto found =
      world.run_until(world.node(10).get(owned_key(owner.public_key(), view_of("deleted"))));
  CHECK_FALSE(found.ok());
}

}  // namespace
}  // namespace kadmos::sim
