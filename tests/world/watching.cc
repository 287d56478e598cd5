// Watches: every version that was acknowledged arrives, once and in order, whatever befalls the
// replicas; and what they cost is bounded and ends with them.
#include <string>
#include <vector>

#include "kadmos/task.h"
#include "simulations/simulation.h"
#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

using Sequences = std::vector<std::uint64_t>;

// Takes everything a watch gives, for as long as this lives.
struct Watcher {
  Watcher(World& world, NodeIndex at, const Key& key) : updates(world.node(at).watch(key)) {
    ask();
  }
  void ask() {
    next = updates->next().then([this](Result<std::optional<Update>> update) {
      if (update && *update) {
        sequences.push_back((*update)->record.sequence);
        last = (*update)->record;
        ask();
      } else {
        over = update ? Errc::not_found : update.error().code;
      }
    });
  }

  std::optional<Stream<Update>> updates;
  std::optional<Future<void>> next;
  Sequences sequences;
  Record last;
  std::optional<Errc> over;
};

Sequences one_to(std::uint64_t n) {
  Sequences out;
  for (std::uint64_t i = 1; i <= n; ++i) out.push_back(i);
  return out;
}

Key name_of(World& world, NodeIndex owner, std::string_view name) {
  return owned_key(world.node(owner).public_key(), view_of(name));
}

void set(World& world, NodeIndex at, std::string_view name, const std::string& value) {
  const auto receipt = world.run_until(world.node(at).set(name, view_of(value)));
  REQUIRE_MESSAGE(receipt.ok(), receipt.error().text());
}

std::uint64_t watches_held(World& world) {
  std::uint64_t out = 0;
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (world.running(i)) out += world.node(i).stats().watches_held;
  }
  return out;
}

// Nodes but the two at hand.
NodeIndex any_but(World& world, Prng& prng, NodeIndex a, NodeIndex b) {
  for (;;) {
    const NodeIndex i = any_running(world, prng);
    if (i != a && i != b && i != 0) return i;
  }
}

TEST_CASE("a watch gives what is set before the next thing happens") {
  World world;
  grow(world, 40);
  world.run_for(seconds(10));
  Watcher watcher(world, 7, name_of(world, 3, "name"));
  world.run_for(seconds(1));
  for (int i = 1; i <= 5; ++i) {
    set(world, 3, "name", std::to_string(i));
    CHECK(world.run_until([&] { return watcher.sequences.size() == std::size_t(i); }, seconds(1)));
    CHECK(text(watcher.last) == std::to_string(i));
  }
  CHECK(watcher.sequences == one_to(5));
  CHECK(watches_held(world) == 9);
}

TEST_CASE("a watch from within a client is as good") {
  World world;
  grow(world, 30);
  Config config = world.entering_at(0);
  config.client = true;
  const NodeIndex client = world.add(config);
  REQUIRE(world.run_until(world.node(client).join()).ok());
  Watcher watcher(world, client, name_of(world, 3, "name"));
  world.run_for(seconds(1));
  for (int i = 1; i <= 5; ++i) set(world, 3, "name", std::to_string(i));
  world.run_for(seconds(1));
  CHECK(watcher.sequences == one_to(5));
}

TEST_CASE("with three replicas of a key killed every later update arrives once and in order") {
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    CAPTURE(seed);
    WorldOptions options;
    options.seed = seed;
    World world(options);
    grow(world, 50);
    world.run_for(seconds(10));
    const Key key = name_of(world, 3, "name");
    Watcher watcher(world, 7, key);
    set(world, 3, "name", "1");
    world.run_for(seconds(1));
    int killed = 0;
    for (const NodeIndex i : world.closest_running(key, 6)) {
      if (i == 3 || i == 7 || killed == 3) continue;
      world.crash(i);
      ++killed;
    }
    for (int i = 2; i <= 20; ++i) {
      set(world, 3, "name", std::to_string(i));
      world.run_for(milliseconds(300 * (i % 4)));
    }
    world.run_for(seconds(1));
    CHECK(watcher.sequences == one_to(20));
  }
}

TEST_CASE("a watch follows every set through loss and churn") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    CAPTURE(seed);
    WorldOptions options;
    options.seed = seed;
    options.network.latency = Latency::internet();
    options.network.faults.loss = 20'000;
    World world(options);
    grow(world, 60);
    world.run_for(minutes(1));
    Prng prng(seed);
    const Key key = name_of(world, 3, "name");
    Watcher watcher(world, 7, key);
    world.run_for(seconds(5));
    std::uint64_t count = 0;
    std::vector<NodeIndex> down;
    for (int i = 1; i <= 60; ++i) {
      if (world.run_until(world.node(3).set("name", view_of(std::to_string(i)))).ok()) ++count;
      world.run_for(seconds(prng.below(20)));
      if (prng.chance(500'000)) {
        down.push_back(any_but(world, prng, 3, 7));
        world.crash(down.back());
      }
      if (down.size() > 5) {
        world.restart(down.front());
        world.node(down.front()).join().detach();
        down.erase(down.begin());
      }
    }
    world.run_for(seconds(30));
    CHECK(count == 60);
    CHECK(watcher.sequences == one_to(60));
    CHECK_FALSE(watcher.over);
  }
}

TEST_CASE("a watch goes on when all who served it are gone and others hold the name") {
  World world;
  grow(world, 60);
  world.run_for(seconds(10));
  const Key key = name_of(world, 3, "name");
  Watcher watcher(world, 7, key);
  set(world, 3, "name", "1");
  world.run_for(seconds(1));
  for (const NodeIndex i : world.closest_running(key, 14)) {
    if (i != 3 && i != 7) world.crash(i);
  }
  world.run_for(seconds(30));
  set(world, 3, "name", "2");
  world.run_for(seconds(30));
  CHECK(watcher.sequences == one_to(2));
}

TEST_CASE("frozen replicas do not hold up a watch") {
  World world;
  grow(world, 40);
  world.run_for(seconds(10));
  const Key key = name_of(world, 3, "name");
  set(world, 3, "name", "1");
  std::vector<NodeIndex> frozen;
  for (const NodeIndex i : world.closest_running(key, 5)) {
    if (i != 3 && i != 7 && frozen.size() < 3) frozen.push_back(i);
  }
  SUBCASE("before it begins") {
    for (const NodeIndex i : frozen) world.pause(i);
    Watcher watcher(world, 7, key);
    CHECK(world.run_until([&] { return watcher.sequences == one_to(1); }, seconds(4)));
    set(world, 3, "name", "2");
    CHECK(world.run_until([&] { return watcher.sequences == one_to(2); }, seconds(1)));
  }
  SUBCASE("while it runs") {
    Watcher watcher(world, 7, key);
    world.run_for(seconds(1));
    for (const NodeIndex i : frozen) world.pause(i);
    for (int i = 2; i <= 10; ++i) {
      set(world, 3, "name", std::to_string(i));
      world.run_for(seconds(20));
      CHECK(watcher.sequences == one_to(static_cast<std::uint64_t>(i)));
    }
    for (const NodeIndex i : frozen) world.resume(i);
    world.run_for(minutes(5));
    CHECK(watcher.sequences == one_to(10));
  }
}

TEST_CASE("a watch that was cut off has the newest version when it is back") {
  World world;
  grow(world, 40);
  world.run_for(seconds(10));
  Watcher watcher(world, 7, name_of(world, 3, "name"));
  set(world, 3, "name", "1");
  world.run_for(seconds(1));
  world.network().cut(7, true);
  for (int i = 2; i <= 5; ++i) set(world, 3, "name", std::to_string(i));
  world.run_for(minutes(5));
  CHECK(watcher.sequences == one_to(1));
  world.network().cut(7, false);
  CHECK(world.run_until([&] { return text(watcher.last) == "5"; }, minutes(3)));
  world.run_for(seconds(30));  // one replica has told it; the others are found again
  set(world, 3, "name", "6");
  world.run_for(seconds(1));
  CHECK(text(watcher.last) == "6");
  CHECK(watcher.sequences == Sequences{1, 5, 6});
}

TEST_CASE("a deletion reaches who watches") {
  World world;
  grow(world, 10);
  Watcher watcher(world, 7, name_of(world, 3, "name"));
  set(world, 3, "name", "1");
  REQUIRE(world.run_until(world.node(3).del("name")).ok());
  world.run_for(seconds(1));
  CHECK(watcher.sequences == one_to(2));
  CHECK(watcher.last.type == RecordType::tombstone);
}

TEST_CASE("dropping a watch ends it at the replicas") {
  World world;
  grow(world, 30);
  auto watcher = std::make_unique<Watcher>(world, 7, name_of(world, 3, "name"));
  world.run_for(seconds(1));
  CHECK(watches_held(world) == 9);
  watcher.reset();
  world.run_for(seconds(1));
  CHECK(watches_held(world) == 0);
  CHECK(world.node(7).stats().operations_running == 0);
}

TEST_CASE("the watches of a node that closes or dies are forgotten") {
  World world;
  grow(world, 30);
  Watcher watcher(world, 7, name_of(world, 3, "name"));
  world.run_for(seconds(1));
  CHECK(watches_held(world) == 9);
  SUBCASE("closed") {
    world.node(7).close();
    CHECK(watcher.over == Errc::closed);
  }
  SUBCASE("crashed") {
    world.crash(7);
    CHECK(watcher.over == Errc::closed);
  }
  set(world, 3, "name", "1");  // a broken connection is noticed when it is used
  world.run_for(minutes(2));
  CHECK(watches_held(world) == 0);
}

TEST_CASE("a watch at a node that cannot reach its network ends as unreachable") {
  World world;
  grow(world, 2);
  world.crash(0);
  Watcher watcher(world, 1, name_of(world, 1, "name"));
  world.run_for(seconds(20));
  CHECK(watcher.over == Errc::unreachable);
}

TEST_CASE("a watcher that takes nothing loses the oldest and keeps the newest") {
  World world;
  grow(world, 5);
  auto updates = world.node(4).watch(name_of(world, 3, "name"), {.buffer = 2});
  world.run_for(seconds(1));
  for (int i = 1; i <= 5; ++i) set(world, 3, "name", std::to_string(i));
  world.run_for(seconds(1));
  CHECK(updates.missed() == 3);
  for (const std::uint64_t sequence : {4, 5}) {
    const auto next = world.run_until(updates.next());
    REQUIRE(next.ok());
    CHECK((*next)->record.sequence == sequence);
  }
}

TEST_CASE("ten thousand watches at one node cost what their keys change and end with their peers") {
  World world;
  world.add();
  Config config = world.entering_at(0);
  config.client = true;
  std::vector<Stream<Update>> watches;
  for (int i = 0; i < 3; ++i) {
    const NodeIndex client = world.add(config);
    REQUIRE(world.run_until(world.node(client).join()).ok());
    for (int n = 0; n < 3400; ++n) {
      watches.push_back(world.node(client).watch(name_of(world, 0, std::to_string(n))));
    }
    world.run_for(seconds(2));
  }
  CHECK(world.node(0).stats().watches_held == 10'200);
  set(world, 0, "7", "value");
  world.run_for(seconds(1));
  CHECK(world.node(0).stats().updates_sent == 3);
  world.run_for(minutes(5));  // all of them are renewed
  CHECK(world.node(0).stats().watches_held == 10'200);
  CHECK(world.node(0).stats().watches_refused == 0);
  world.crash(1);
  set(world, 0, "7", "another");
  world.run_for(seconds(1));
  CHECK(world.node(0).stats().watches_held == 6800);
  watches.clear();
  world.run_for(seconds(5));
  CHECK(world.node(0).stats().watches_held == 0);
}

TEST_CASE("users who watch while nodes come and go are told of everything in order") {
  Scenario scenario;
  scenario.nodes = 40;
  scenario.duration = std::chrono::minutes(20);
  scenario.calm = std::chrono::minutes(25);
  scenario.config.k = 8;
  scenario.config.refresh_interval = scenario.config.sync_interval = std::chrono::minutes(10);
  scenario.workload.lookups = 0;
  scenario.workload.keys = 5;
  scenario.workload.sets = 12;
  scenario.workload.watchers = 20;
  scenario.churn.session.mean = std::chrono::minutes(15);
  scenario.churn.pause.mean = std::chrono::minutes(2);
  Simulation simulation(scenario);
  simulation.run();
  const Measurements& measured = simulation.measured();
  CHECK(measured.updates > 200);
  CHECK(measured.sets.succeeded > 50);
  for (const Violation& one : measured.violations) FAIL_CHECK(one.rule << ": " << one.detail);
}

}  // namespace
}  // namespace kadmos::sim
