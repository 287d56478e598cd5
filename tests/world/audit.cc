// Audits: what they tell is what lies on the disks, in trouble too, and what they mend is mended.
#include <string>

#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::minutes;

constexpr AuditOptions kRepair{.repair = true, .timeout = {}};

Audit audit(World& world, NodeIndex i, const Key& key, const AuditOptions& options = {}) {
  auto done = world.run_until(world.node(i).audit(key, options));
  REQUIRE_MESSAGE(done.ok(), done.error().text());
  return *std::move(done);
}

const Replica* of(const World& world, const Audit& audit, NodeIndex i) {
  for (const Replica& one : audit.replicas) {
    if (one.state.peer.key == world.contact(i).key) return &one;
  }
  return nullptr;
}

// What it tells of the nodes that answered against their disks.
void check_against_disks(World& world, const Audit& audit) {
  const auto nearest = world.closest_running(audit.key, 20);
  std::vector<NodeIndex> told;
  for (const Replica& one : audit.replicas) {
    if (one.rank == 0) continue;
    const NodeIndex i = *world.index_of(one.state.peer.key);
    told.push_back(i);
    CHECK(one.rank == static_cast<int>(told.size()));
    const auto held = held_by(world, i, audit.key);
    CHECK(held.has_value() == (one.state.outcome == Outcome::found));
    if (held) CHECK(held->record.sequence == one.state.sequence);
  }
  CHECK(told == nearest);
}

TEST_CASE("an audit tells what lies on the disks of the nodes nearest to a key") {
  World world;
  grow(world, 60);
  const auto receipt = world.run_until(world.node(7).set("name", view_of("value")));
  REQUIRE(receipt.ok());
  for (const NodeIndex i : {NodeIndex{3}, NodeIndex{7}, NodeIndex{42}}) {
    const Audit told = audit(world, i, receipt->key);
    check_against_disks(world, told);
    CHECK(told.holding == 20);
    CHECK(told.target == 20);
    CHECK(told.quorum == 14);
    REQUIRE(told.newest);
    CHECK(text(*told.newest) == "value");
  }
  const Audit nothing = audit(world, 3, content_key(view_of("nothing")));
  check_against_disks(world, nothing);
  CHECK(nothing.holding == 0);
}

TEST_CASE("an audit tells of nodes that keep silent and counts on those that answer") {
  World world;
  grow(world, 60);
  const auto receipt = world.run_until(world.node(7).set("name", view_of("value")));
  REQUIRE(receipt.ok());
  const auto nearest = world.closest_running(receipt->key, 20);
  std::vector<NodeIndex> silent;
  for (const std::size_t rank : {0, 4, 9}) {
    if (nearest[rank] == 3) continue;  // it asks
    silent.push_back(nearest[rank]);
    world.pause(nearest[rank]);
  }
  REQUIRE(silent.size() >= 2);
  const Audit told = audit(world, 3, receipt->key);
  CHECK(told.target == 20);
  CHECK(told.holding == 20 - static_cast<int>(silent.size()));
  for (const NodeIndex i : silent) {
    const Replica* one = of(world, told, i);
    REQUIRE(one != nullptr);
    CHECK(one->rank == 0);
    CHECK(one->state.outcome == Outcome::silent);
  }
  // They come back, with what they held.
  for (const NodeIndex i : silent) world.resume(i);
  const Audit after = audit(world, 3, receipt->key);
  check_against_disks(world, after);
  CHECK(after.holding == 20);
}

TEST_CASE("an audit finds a stale replica and an empty one and mends both") {
  World world;
  grow(world, 60);
  const auto first = world.run_until(world.node(7).set("name", view_of("old")));
  REQUIRE(first.ok());
  const auto nearest = world.closest_running(first->key, 20);
  const NodeIndex stale = nearest[2] == 7 ? nearest[3] : nearest[2];
  const NodeIndex empty = nearest[8] == 7 ? nearest[9] : nearest[8];
  world.pause(stale);
  const auto second = world.run_until(world.node(7).set("name", view_of("new")));
  REQUIRE(second.ok());
  world.resume(stale);
  world.crash(empty);
  world.restart(empty, false);
  REQUIRE(world.run_until(world.node(empty).join()).ok());

  const Audit before = audit(world, 20, first->key);
  check_against_disks(world, before);
  REQUIRE(of(world, before, stale));
  CHECK(of(world, before, stale)->state.sequence == first->sequence);
  CHECK_FALSE(of(world, before, stale)->newest);
  REQUIRE(of(world, before, empty));
  CHECK(of(world, before, empty)->state.outcome == Outcome::absent);
  CHECK(before.holding == 18);
  CHECK_FALSE(of(world, before, stale)->repair);

  const Audit mended = audit(world, 20, first->key, kRepair);
  CHECK(mended.holding == 20);
  for (const NodeIndex i : {stale, empty}) {
    REQUIRE(of(world, mended, i)->repair);
    CHECK(of(world, mended, i)->repair->outcome == Outcome::durable);
    const auto held = held_by(world, i, first->key);
    REQUIRE(held);
    CHECK(held->record.sequence == second->sequence);
  }
  const Audit after = audit(world, 20, first->key, kRepair);
  check_against_disks(world, after);
  CHECK(after.holding == 20);
  for (const Replica& one : after.replicas) CHECK_FALSE(one.repair);
}

TEST_CASE("a repair brings a record back to nodes that came in the place of its replicas") {
  World world;
  grow(world, 60);
  const auto receipt = world.run_until(world.node(7).put(view_of("content")));
  REQUIRE(receipt.ok());
  const auto nearest = world.closest_running(receipt->key, 20);
  for (std::size_t rank = 0; rank < 12; ++rank) {
    if (nearest[rank] != 0 && nearest[rank] != 7) world.crash(nearest[rank]);
  }
  const Audit mended = audit(world, 7, receipt->key, kRepair);
  CHECK(mended.target == 20);
  CHECK(mended.holding == 20);
  CHECK(std::ranges::count_if(mended.replicas,
                              [](const Replica& r) { return r.repair.has_value(); }) >= 8);
  for (const NodeIndex i : world.closest_running(receipt->key, 20)) {
    CHECK(held_by(world, i, receipt->key));
  }
}

TEST_CASE("a client audits too and is no replica itself") {
  World world;
  grow(world, 30);
  const auto receipt = world.run_until(world.node(7).set("name", view_of("value")));
  REQUIRE(receipt.ok());
  Config config = world.entering_at(0);
  config.client = true;
  const NodeIndex client = world.add(config);
  REQUIRE(world.run_until(world.node(client).join()).ok());
  const Audit told = audit(world, client, receipt->key);
  check_against_disks(world, told);
  CHECK(of(world, told, client) == nullptr);
}

}  // namespace
}  // namespace kadmos::sim
