// Owners that were off for days, in a network that went on without them.
#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto kDay = hours(24);
constexpr NodeIndex kOwner = 7;
const Key kTopic = content_key(view_of("topic"));

// A network in which one node published a name, content and an announcement, and went away.
struct Away {
  explicit Away(Duration off) {
    grow(world, 25);
    Node& node = world.node(kOwner);
    name = world.run_until(node.set("name", view_of("value")))->key;
    other = world.run_until(node.set("other", view_of("old")))->key;
    content = world.run_until(node.put(view_of("content")))->key;
    REQUIRE(world.run_until(node.provide(kTopic)).ok());
    world.run_for(minutes(1));
    world.crash(kOwner);
    world.run_for(off);
    REQUIRE_FALSE(get(name).ok());
    REQUIRE_FALSE(get(content).ok());
    REQUIRE(providers() == 0);
  }
  Result<Found> get(const Key& key) { return world.run_until(world.node(3).get(key)); }
  std::size_t providers() {
    auto found = world.node(3).find_providers(kTopic);
    std::size_t out = 0;
    while (true) {
      const auto next = world.run_until(found.next());
      if (!next || !*next) return out;
      ++out;
    }
  }
  void come_back() {
    world.restart(kOwner);
    REQUIRE(world.run_until(world.node(kOwner).join()).ok());
    world.run_for(minutes(1));
  }

  World world;
  Key name;
  Key other;
  Key content;
};

TEST_CASE("what an owner published is back within a minute after it was off for days") {
  for (const auto off : {2 * kDay, 6 * kDay}) {
    Away f(off);
    // Set elsewhere, with the owner's key.
    SetOptions options;
    const Identity owner = f.world.identity(kOwner);
    options.owner = &owner;
    REQUIRE(f.world.run_until(f.world.node(4).set("other", view_of("new"), options)).ok());
    f.come_back();
    const auto name = f.get(f.name);
    REQUIRE_MESSAGE(name.ok(), name.error().text());
    CHECK(text(name->record) == "value");
    CHECK(name->record.sequence == 1);
    CHECK(f.get(f.content).ok());
    CHECK(f.providers() == 1);
    CHECK(text(f.get(f.other)->record) == "new");
    CHECK(f.world.node(kOwner).own_keys().size() == 4);
    CHECK(f.world.node(kOwner).own_keys(Own::lapsed).empty());
    f.world.run_for(3 * kDay);  // and stays, the newer version too
    CHECK(f.get(f.name).ok());
    CHECK(text(f.get(f.other)->record) == "new");
  }
}

TEST_CASE("what was deleted while its owner was off is not brought back by it") {
  for (const auto later : {hours(1), hours(9 * 24)}) {  // the deletion lives, or its floors do
    Away f(2 * kDay);
    SetOptions options;
    const Identity owner = f.world.identity(kOwner);
    options.owner = &owner;
    REQUIRE(f.world.run_until(f.world.node(4).del("name", options)).ok());
    f.world.run_for(later);
    f.come_back();
    CHECK_FALSE(f.get(f.name).ok());
    CHECK_FALSE(f.world.run_until(f.world.node(kOwner).get(f.name)).ok());
    CHECK(f.get(f.content).ok());
  }
}

TEST_CASE("an owner off for weeks publishes again what its user says") {
  Away f(20 * kDay);
  f.come_back();
  Node& owner = f.world.node(kOwner);
  CHECK(owner.forgotten_keys().size() == 4);
  CHECK_FALSE(f.get(f.name).ok());
  CHECK_FALSE(f.get(f.content).ok());
  CHECK(f.providers() == 0);
  for (const Key& key : owner.forgotten_keys()) CHECK(f.world.run_until(owner.renew(key)).ok());
  CHECK(owner.forgotten_keys().empty());
  CHECK(text(f.get(f.name)->record) == "value");
  CHECK(f.get(f.content).ok());
  CHECK(f.providers() == 1);
}

}  // namespace
}  // namespace kadmos::sim
