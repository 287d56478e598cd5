// Nodes that come back at another address, live on at another one, or have slept: the others find
// them where they are, and nowhere else.
#include <doctest/doctest.h>

#include "simulations/inspection.h"
#include "simulations/simulation.h"
#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

WorldOptions seeded(std::uint64_t seed) {
  WorldOptions options;
  options.seed = seed;
  return options;
}

// Joins that nobody waits for.
using Joins = std::map<NodeIndex, Future<Closest>>;

void enter(World& world, Joins& joins, NodeIndex i, NodeIndex way) {
  world.node(i).add_bootstrap(world.bootstrap(way));
  joins.insert_or_assign(i, world.node(i).join());
}

// Ends, in order or not, and is back at another address after `gap`.
void restart_elsewhere(World& world, Joins& joins, NodeIndex i, bool in_order, Duration gap) {
  if (in_order) REQUIRE(world.run_until(world.node(i).hand_over(seconds(2))).ok());
  joins.erase(i);
  world.crash(i);
  world.run_for(gap);
  world.move(i);
  world.restart(i);
  enter(world, joins, i, 0);
}

// Who of the running nodes does not list each other one, and only where it is.
std::string out_of_touch(World& world) {
  std::string out;
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (!world.running(i)) continue;
    for (NodeIndex j = 0; j < world.size(); ++j) {
      if (i == j) continue;
      const auto contacts = world.node(i).contacts();
      const auto it = std::ranges::find(contacts, world.network().key(j), &Contact::key);
      const bool listed = it != contacts.end();
      const bool right = listed && it->endpoints == Endpoints(world.network().address(j));
      if (world.running(j) ? right : !listed) continue;
      out += "node " + std::to_string(i) + " has node " + std::to_string(j) +
             (listed ? " at " + it->text() : " nowhere") + "; ";
    }
  }
  return out;
}

// A set through each running node reaches all of them.
void sets_reach(World& world, int n) {
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (!world.running(i)) continue;
    CAPTURE(i);
    const auto receipt = world.run_until(world.node(i).set("name", view_of("value")));
    REQUIRE_MESSAGE(receipt.ok(), receipt.error().text());
    CHECK(receipt->durable == n);
  }
}

TEST_CASE("all nodes but the first start again elsewhere one by one and nobody is lost") {
  for (const int n : {8, 16}) {
    for (const int gap : {0, 1, 3, 5}) {
      for (const bool in_order : {true, false}) {
        CAPTURE(n);
        CAPTURE(gap);
        CAPTURE(in_order);
        World world(seeded(static_cast<std::uint64_t>(n * 100 + gap * 10 + (in_order ? 1 : 0))));
        grow(world, static_cast<std::size_t>(n));
        world.run_for(seconds(3));
        Joins joins;
        for (NodeIndex i = 1; i < world.size(); ++i) {
          restart_elsewhere(world, joins, i, in_order, seconds(gap));
        }
        world.run_for(seconds(5));
        CHECK(out_of_touch(world) == "");
        sets_reach(world, n);
        world.crash(0);  // the way in of all
        world.run_for(seconds(5));
        CHECK(out_of_touch(world) == "");
        sets_reach(world, n - 1);
      }
    }
  }
}

TEST_CASE("of two nodes the one that stayed takes back the other that came back elsewhere") {
  World world(seeded(2));
  grow(world, 2);
  Joins joins;
  world.crash(1);
  // What was asked of it fails, so it is a suspect and out of the table.
  const auto receipt = world.run_until(world.node(0).set("name", view_of("value")));
  world.run_for(seconds(10));
  REQUIRE(world.node(0).contacts().empty());
  world.move(1);
  world.restart(1);
  enter(world, joins, 1, 0);
  world.run_for(seconds(1));
  CHECK(out_of_touch(world) == "");
  sets_reach(world, 2);
}

TEST_CASE("of two nodes the one that starts again and knows nobody is found by the other") {
  World world(seeded(3));
  grow(world, 2);
  Joins joins;
  world.crash(0);  // nobody has told it of a way in
  SUBCASE("at once") {}
  SUBCASE("after a while") { world.run_for(seconds(20)); }
  world.restart(0);
  joins.insert_or_assign(0, world.node(0).join());
  REQUIRE(world.run_until([&] { return out_of_touch(world).empty(); }, minutes(1)));
  sets_reach(world, 2);
}

TEST_CASE("a node whose address changes while it lives is known at the new one in half a minute") {
  World world(seeded(4));
  grow(world, 12);
  world.run_for(minutes(1));
  for (int times = 0; times < 3; ++times) {
    world.run_for(minutes(1));
    world.move(3);
    // Its connections died without a word: TCP's keepalive tells of those that nobody uses.
    world.run_for(seconds(30));
    CHECK(out_of_touch(world) == "");
  }
  sets_reach(world, 12);
}

TEST_CASE("a node that nobody can dial any more is dropped although it answers") {
  World world(seeded(5));
  grow(world, 8);
  world.run_for(minutes(1));
  world.network().set_dialable(3, false);
  world.move(3);  // so that its connections are its own
  for (int times = 0; times < 15; ++times) {
    world.run_for(minutes(10));
    CHECK(world.run_until(world.node(3).find_node(world.node(5).id())).ok());
  }
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (i != 3) CHECK_FALSE(knows(world, i, 3));
  }
}

TEST_CASE("a node is dropped that nobody can dial any more though connections made to it live") {
  World world(seeded(5));
  grow(world, 8);
  world.run_for(minutes(1));
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (i != 3) CHECK(world.run_until(world.node(i).ping(world.bootstrap(3))).ok());
  }
  world.network().set_dialable(3, false);
  for (int times = 0; times < 150; ++times) {  // no connection closes, since all are used
    world.run_for(minutes(1));
    for (NodeIndex i = 0; i < world.size(); ++i) {
      if (i != 3) CHECK(world.run_until(world.node(i).find_node(world.node(3).id())).ok());
    }
  }
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (i != 3) CHECK_FALSE(knows(world, i, 3));
  }
}

TEST_CASE("a node is dropped that nobody can dial any more though the connections it made live") {
  World world(seeded(7));
  grow(world, 8);
  world.run_for(minutes(1));
  Joins joins;
  world.crash(3);
  world.run_for(minutes(1));  // nobody tries it any more, so that its connections will be its own
  world.restart(3);
  enter(world, joins, 3, 0);
  world.run_for(seconds(10));  // all have dialled it back
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (i != 3) CHECK(knows(world, i, 3));
  }
  world.network().set_dialable(3, false);
  for (int times = 0; times < 150; ++times) {  // no connection closes, since all are used
    world.run_for(minutes(1));
    CHECK(world.run_until(world.node(3).find_node(world.node(5).id())).ok());
  }
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (i != 3) CHECK_FALSE(knows(world, i, 3));
  }
}

TEST_CASE("of a node that sleeps only the calendar goes on and it wakes up among the others") {
  World world(seeded(6));
  grow(world, 8);
  world.run_for(minutes(1));
  world.sleep(3);
  const auto slow = world.node(3).find_node(world.node(5).id());
  world.run_for(hours(2));
  CHECK_FALSE(slow.ready());  // its deadline did not come closer
  CHECK_FALSE(knows(world, 0, 3));
  world.wake(3);
  world.run_for(seconds(10));
  CHECK(out_of_touch(world) == "");
  sets_reach(world, 8);
  const auto receipt = world.run_until(world.node(3).set("late", view_of("value")));
  REQUIRE(receipt.ok());
  const auto awake = world.wall() + world.node(3).config().ttl;
  CHECK(receipt->expiry > awake - minutes(2));  // clocks differ
}

Scenario scenario_with(Fault::Kind kind, PerMillion share) {
  Scenario scenario;
  scenario.seed = 7;
  scenario.nodes = 30;
  scenario.duration = minutes(10);
  scenario.calm = minutes(25);
  scenario.config.k = 8;
  scenario.config.refresh_interval = scenario.config.sync_interval = minutes(10);
  scenario.workload.gets = scenario.workload.sets = 60;
  for (const Duration at : {minutes(2), minutes(6)}) {
    scenario.faults.push_back({kind, at, minutes(2), share});
  }
  return scenario;
}

TEST_CASE("promises hold among nodes that move and restart and sleep") {
  Scenario scenario;
  SUBCASE("moving with a restart") { scenario = scenario_with(Fault::Kind::move, 300'000); }
  SUBCASE("moving without one") { scenario = scenario_with(Fault::Kind::migrate, 300'000); }
  SUBCASE("restarting in place") { scenario = scenario_with(Fault::Kind::restart_all, 0); }
  SUBCASE("restarting elsewhere") { scenario = scenario_with(Fault::Kind::restart_all, 1'000'000); }
  SUBCASE("sleeping") { scenario = scenario_with(Fault::Kind::sleep, 300'000); }
  Simulation simulation(scenario);
  simulation.run();
  const Measurements& measured = simulation.measured();
  for (const auto& violation : measured.violations) {
    FAIL_CHECK(violation.rule << ": " << violation.detail);
  }
  CHECK(measured.joins_failed == 0);
}

TEST_CASE("a node that still lists one where it was long ago is found out") {
  Scenario scenario;
  scenario.config.refresh_interval = hours(24);  // nobody dials anybody without need
  WorldOptions options = seeded(8);
  options.config = scenario.config;
  World world(options);
  Crowd crowd(world, scenario, Prng(1));
  Ledger ledger;
  std::set<std::string> broken;
  // For the inspector nodes should be quicker.
  Scenario inspected = scenario;
  inspected.config.refresh_interval = seconds(30);
  Inspection inspection(world, inspected, crowd, ledger,
                        [&](const char* rule, const std::string&) { broken.insert(rule); });
  for (int n = 0; n < 3; ++n) {
    crowd.add();
    world.run_for(seconds(1));
  }
  world.run_for(minutes(10));
  world.network().cut(2, true);  // so that nobody notices
  crowd.end(2);
  world.move(2);
  REQUIRE(knows(world, 0, 2));
  const auto up = [&] { inspection.look_into_nodes(); };
  up();
  CHECK(broken.empty());
  world.run_for(seconds(100));
  up();
  CHECK(broken.empty());
  world.run_for(seconds(40));
  up();
  CHECK(broken == std::set<std::string>{"movers are found where they are"});
}

}  // namespace
}  // namespace kadmos::sim
