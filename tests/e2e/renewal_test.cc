// What became of what a daemon published itself when it was off for days, or its calendar was
// wrong.
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <optional>

#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

constexpr long kDay = 86'400;
const std::string kTopic = std::string(127, 'a') + "b";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Three daemons under calendars of the test's; the first and the last are there all the time.
class World {
 public:
  World() {
    set_calendar(0);
    start(0);
    start(1);
    start(2);
    REQUIRE(eventually(
        [&] { return node(0).peers() == 2 && node(1).peers() == 2 && node(2).peers() == 2; }));
  }
  Daemon& node(std::size_t i) { return *nodes_[i]; }
  void start(std::size_t i) {
    Strings arguments;
    if (i > 0) arguments = {"--bootstrap", node(0).listen()};
    nodes_[i].emplace(dir_ / fmt::format("node{}", i), arguments, calendar());
  }
  void end(std::size_t i) {
    CHECK(node(i).end() == 0);
    nodes_[i].reset();
  }
  void set_calendar(long ahead) { write(dir_ / "calendar", fmt::format("{}", ahead)); }
  // With the same calendar.
  Ran cli(Strings arguments) { return run_cli(arguments, calendar()); }
  std::string identity(std::size_t i) const { return dir_ / fmt::format("node{}/identity.key", i); }
  std::string log(std::size_t i) const { return read(dir_ / fmt::format("node{}.log", i)); }

 private:
  SpawnOptions calendar() const {
    SpawnOptions out;
    out.environment = {{"LD_PRELOAD", FAKE_CALENDAR},
                       {"KADMOS_CALENDAR", dir_ / "calendar"},
                       {"ASAN_OPTIONS", "verify_asan_link_order=0"}};
    return out;
  }
  TempDir dir_;
  std::optional<Daemon> nodes_[3];
};

// What node 1 publishes, and how another finds it.
struct Published {
  explicit Published(World& where) : world(where), owner(where.node(1).key()) {
    REQUIRE(world.node(1).cli({"set", "greeting", "hello"}).code == 0);
    REQUIRE(world.node(1).cli({"set", "other", "old"}).code == 0);
    REQUIRE(world.node(1).cli({"provide", kTopic}).code == 0);
    const Ran put = world.node(1).cli({"put", "content", "-q"});
    REQUIRE(put.code == 0);
    content = put.out.substr(0, 128);
  }
  Ran get(const std::string& name) const {
    return world.node(2).cli({"get", name, "--owner", owner});
  }
  // All but `other`.
  bool found() const {
    return get("greeting").out == "hello" && world.node(2).cli({"get", content}).out == "content" &&
           world.node(2).cli({"find-providers", kTopic}).code == 0;
  }
  bool gone() const {
    return get("greeting").code == 3 && world.node(2).cli({"get", content}).code == 3 &&
           world.node(2).cli({"find-providers", kTopic}).code == 3;
  }

  World& world;
  std::string owner;
  std::string content;
};

TEST_CASE("what a daemon published is back within a minute after it was off for days") {
  long days = 0;
  SUBCASE("two") { days = 2; }
  SUBCASE("six") { days = 6; }
  World world;
  const Published published(world);
  world.end(1);
  world.set_calendar(days * kDay);
  REQUIRE(eventually([&] { return published.gone(); }));
  const Ran elsewhere = world.cli(
      {"--bootstrap", world.node(0).listen(), "--key", world.identity(1), "set", "other", "new"});
  REQUIRE_MESSAGE(elsewhere.code == 0, elsewhere.err);
  world.start(1);
  const bool found = eventually([&] { return published.found(); });  // within half a minute
  CHECK_MESSAGE(found, world.log(1));
  CHECK(published.get("other").out == "new");
  CHECK(eventually([&] { return world.node(1).cli({"get", "other"}).out == "new"; }));
  CHECK(world.node(1).status().at("not_renewed").at("total") == 0);
  CHECK(world.node(1).cli({"renew", "greeting"}).code == 3);
}

TEST_CASE("what expired weeks ago is listed and renewed only by its user") {
  World world;
  const Published published(world);
  REQUIRE(world.node(1).cli({"set", "brief", "value", "--ttl", "2d"}).code == 0);
  world.end(1);
  world.set_calendar(20 * kDay);
  REQUIRE(eventually([&] { return published.gone(); }));
  world.start(1);
  Daemon& owner = world.node(1);
  CHECK(eventually([&] { return contains(world.log(1), "not_renewed"); }));
  const Json listed = owner.status().at("not_renewed");
  CHECK(listed.at("total") == 4);
  CHECK(listed.at("records").size() == 4);
  const std::string shown = owner.cli({"status"}).out;
  CHECK(contains(shown, "4 own records"));
  for (const std::string& what :
       {std::string("greeting"), std::string("other"), published.content, kTopic}) {
    CHECK(contains(shown, what));
  }
  CHECK(published.gone());
  CHECK(owner.cli({"export"}).out.empty());

  CHECK(owner.cli({"renew"}).code == 2);
  CHECK(owner.cli({"renew", "unknown"}).code == 3);
  const Ran one = owner.cli({"renew", "greeting"});
  CHECK_MESSAGE(one.code == 0, one.err);
  CHECK(contains(one.out, "greeting"));
  CHECK(published.get("greeting").out == "hello");
  CHECK(published.get("other").code == 3);
  CHECK(owner.status().at("not_renewed").at("total") == 3);

  const Ran elsewhere = world.cli(
      {"--bootstrap", world.node(0).listen(), "--key", world.identity(1), "set", "other", "new"});
  REQUIRE_MESSAGE(elsewhere.code == 0, elsewhere.err);
  const Ran rest = owner.cli({"--json", "renew", "--all"});
  CHECK(owner.status().at("not_renewed").at("total") == 0);
  CHECK(contains(rest.out, published.content));
  CHECK(published.found());
  CHECK(published.get("other").out == "new");
}

TEST_CASE("a calendar that is days ahead for a moment loses nothing of a daemon's own") {
  World world;
  const Published published(world);
  world.set_calendar(2 * kDay);
  // Each notices within moments, since it is asked.
  REQUIRE(eventually([&] {
    return published.gone() && world.node(1).cli({"get", "greeting"}).code == 3;
  }));
  world.set_calendar(0);
  CHECK(eventually([&] { return published.found(); }));
  CHECK(published.get("other").out == "old");
  const Json got =
      world.node(2).cli({"--json", "get", "greeting", "--owner", published.owner}).json();
  CHECK(got.at("sequence") == 1);
}

TEST_CASE("an export of all has what the daemon published with a lifetime too") {
  Network net(3);
  REQUIRE(net[1].cli({"set", "lasting", "value"}).code == 0);
  REQUIRE(net[1].cli({"set", "brief", "value", "--ttl", "2h"}).code == 0);
  REQUIRE(net[1].cli({"put", "content", "--ttl", "2h"}).code == 0);
  const std::string some = net[1].cli({"export", "-q"}).out;
  CHECK(contains(some, "lasting"));
  CHECK_FALSE(contains(some, "brief"));
  const std::string all = net[1].cli({"export", "--all", "-q"}).out;
  for (const char* what : {"lasting", "brief", "content"}) CHECK(contains(all, what));
  CHECK(net[1].cli({"export", "--all", "lasting"}).code == 2);
}

}  // namespace
}  // namespace kadmos::e2e
