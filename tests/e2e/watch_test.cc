// dht-cli watch, between real daemons.
#include <doctest/doctest.h>

#include <csignal>
#include <optional>

#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

constexpr auto kLong = kPatience;

std::string set(Daemon& at, const std::string& name, const std::string& value) {
  const Ran ran = at.cli({"set", name, value});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  return value;
}

int watches_at(const Daemon& daemon) {
  return daemon.status().at("counters").at("watches_held").get<int>();
}

Process watch(Daemon& at, const Strings& arguments) {
  Strings all = {"--control", at.control(), "watch"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return spawn_cli(all);
}

TEST_CASE("watch prints the present value and each newer one as another node sets it") {
  Network net(3);
  set(net[0], "greeting", "one");
  Process watching = watch(net[1], {"greeting", "--owner", net[0].key()});
  CHECK(watching.line(kLong) == "one");
  set(net[0], "greeting", "two");
  CHECK(watching.line(kLong) == "two");
  set(net[0], "greeting", "three");
  CHECK(watching.line(kLong) == "three");
  CHECK(watching.running());
}

TEST_CASE("watch begins before there is anything and tells of deletion") {
  Network net(3);
  Process watching = watch(net[2], {"greeting", "--owner", net[0].key(), "--json"});
  REQUIRE(eventually([&] { return watches_at(net[0]) > 0; }));
  set(net[0], "greeting", "one");
  const Json one = Json::parse(watching.line(kLong).value_or(""));
  CHECK(one.at("sequence") == 1);
  CHECK(one.at("value").at("utf8") == "one");
  CHECK_FALSE(one.contains("deleted"));
  CHECK_FALSE(one.contains("more"));
  CHECK(net[0].cli({"del", "greeting"}).code == 0);
  const Json gone = Json::parse(watching.line(kLong).value_or(""));
  CHECK(gone.at("sequence") == 2);
  CHECK(gone.at("deleted") == true);
  CHECK_FALSE(gone.contains("value"));
}

TEST_CASE("watch ends after as many versions as were asked for") {
  Network net(2);
  set(net[0], "greeting", "one");
  Process watching = watch(net[0], {"greeting", "--count", "2"});
  CHECK(watching.line(kLong) == "one");
  set(net[0], "greeting", "two");
  CHECK(watching.wait(kLong) == 0);
  CHECK(watching.out() == "two\n");
}

TEST_CASE("watch that is interrupted ends at the daemon and at the replicas") {
  Network net(3);
  set(net[0], "greeting", "one");
  Process watching = watch(net[1], {"greeting", "--owner", net[0].key()});
  CHECK(watching.line(kLong) == "one");
  CHECK(watches_at(net[0]) == 1);
  watching.signal(SIGINT);
  CHECK(watching.wait(kLong) == 130);
  CHECK(eventually([&] { return watches_at(net[0]) == 0 && watches_at(net[2]) == 0; }));
  CHECK(eventually(
      [&] { return net[1].status().at("counters").at("operations_running").get<int>() == 0; }));
}

TEST_CASE("watch goes on when replicas are killed") {
  Network net(6);
  set(net[0], "greeting", "one");
  Process watching = watch(net[1], {"greeting", "--owner", net[0].key()});
  CHECK(watching.line(kLong) == "one");
  for (const std::size_t i : {3, 4, 5}) net[i].process().signal(SIGKILL);
  for (const std::string value : {"two", "three", "four"}) {
    set(net[0], "greeting", value);
    CHECK(watching.line(kLong) == value);
  }
}

TEST_CASE("watch without a daemon takes part in the network by itself") {
  Network net(2);
  set(net[0], "greeting", "one");
  Process watching =
      spawn_cli({"--bootstrap", net[1].listen(), "watch", "greeting", "--owner", net[0].key()});
  CHECK(watching.line(kLong) == "one");
  set(net[0], "greeting", "two");
  CHECK(watching.line(kLong) == "two");
  watching.signal(SIGINT);
  CHECK(watching.wait(kLong) == 130);
  CHECK(eventually([&] { return watches_at(net[0]) == 0; }));
}

TEST_CASE("watch says when it cannot begin and when its daemon ends") {
  Network net(2);
  const Ran nobody = run_cli({"--control", net.dir("none"), "watch", "greeting"});
  CHECK(nobody.code == 5);
  CHECK(is_one_line(nobody.err));
  CHECK(nobody.err.find("dht-node") != std::string::npos);
  const Ran nameless = run_cli({"--bootstrap", net[0].listen(), "watch", "greeting"});
  CHECK(nameless.code == 2);

  set(net[0], "greeting", "one");
  Process watching = watch(net[0], {"greeting"});
  CHECK(watching.line(kLong) == "one");
  CHECK(net[0].end() == 0);
  CHECK(watching.wait(kLong) == 5);
  CHECK(is_one_line(watching.err()));
}

}  // namespace
}  // namespace kadmos::e2e
