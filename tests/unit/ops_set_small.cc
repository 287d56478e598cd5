// A set that reaches only a few of the nodes that there were lately.
#include <doctest/doctest.h>

#include "support/drive.h"

using namespace kadmos;
using std::chrono::hours;
using Host = Drive::Host;

namespace {

// Eight nodes that know each other, in a network whose k is larger. The first one sets.
struct Setting {
  explicit Setting(int k = 20) {
    Config config = Drive::config();
    config.k = k;
    hosts = net.add_many(8, config);
    net.meet_all(hosts);
  }
  void stop(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) net.take_down(hosts[hosts.size() - 1 - i]);
  }
  Result<Receipt> set(bool accept_small = false) {
    SetRequest request = net.set("name", "value");
    request.accept_small = accept_small;
    return net.run<Receipt>(hosts[0], std::move(request));
  }

  Drive net;
  std::vector<Host> hosts;
};

}  // namespace

TEST_CASE("a set that reaches all nodes known says how many and warns of nothing") {
  Setting f;
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->target == 8);
  CHECK(receipt->known == 8);
  CHECK(receipt->known_since == records::kNoon);
  CHECK(receipt->warning.empty());
  CHECK(f.net.stats(f.hosts[0]).nodes_known == 8);
}

TEST_CASE("a set that reaches half of the nodes known is a success with a warning") {
  Setting f;
  f.stop(4);
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->target == 4);
  CHECK(receipt->known == 8);
  CHECK(receipt->warning == "reached 4 of 8 nodes known since 22:13 UTC");
}

TEST_CASE("a set that reaches less than half of the nodes known is none unless it accepts that") {
  Setting f;
  f.stop(5);
  const auto result = f.set();
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == Errc::quorum_not_met);
  CHECK(result.error().detail ==
        "reached 3 of 8 nodes known since 22:13 UTC, too few unless accept-small is given; durable "
        "on 3 of 3 nodes, 2 needed");
  REQUIRE(result.error().receipt != nullptr);
  CHECK(result.error().receipt->target == 3);
  CHECK(result.error().receipt->durable == 3);
  CHECK(result.error().receipt->known == 8);
  CHECK(f.net.engine(f.hosts[1]).held(f.net.now(), f.net.key(f.hosts[0], "name"))->has_value());

  const auto accepted = f.set(true);
  REQUIRE(accepted.ok());
  CHECK(accepted->sequence == 2);
  CHECK(accepted->warning == "reached 3 of 8 nodes known since 22:13 UTC");
}

TEST_CASE("content and announcements are held to the nodes known as well") {
  Setting f;
  f.stop(5);
  PublishRequest put = f.net.put("content");
  CHECK(f.net.run<Receipt>(f.hosts[0], put).error().code == Errc::quorum_not_met);
  put.accept_small = true;
  CHECK(f.net.run<Receipt>(f.hosts[0], put).ok());
}

TEST_CASE("as many nodes as a set wants are enough however many are known") {
  Setting f(4);
  f.stop(4);
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->target == 4);
  CHECK(receipt->known == 8);
  CHECK(receipt->warning.empty());
  f.net.take_down(f.hosts[3]);
  CHECK(f.set()->warning == "reached 3 of 4 nodes wanted, of 8 known since 22:13 UTC");
}

TEST_CASE("a node that reaches none of those it knew stores nothing unless it is told to") {
  Setting f;
  f.stop(7);
  for (int i = 0; i < 2; ++i) {  // the second time its table is empty
    const auto result = f.set();
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().code == Errc::quorum_not_met);
    CHECK(result.error().detail.starts_with(
        "reached 1 of 8 nodes known since 22:13 UTC, too few unless accept-small is given; "
        "nothing was stored, since "));
    REQUIRE(result.error().receipt != nullptr);
    CHECK(result.error().receipt->target == 1);
    CHECK(result.error().receipt->durable == 0);
    CHECK(f.net.engine(f.hosts[0]).own_keys(Own::renewed).empty());
  }
  CHECK(f.net.engine(f.hosts[0]).table().empty());
  const auto accepted = f.set(true);
  REQUIRE(accepted.ok());
  CHECK(accepted->target == 1);
  CHECK(accepted->durable == 1);
  CHECK(accepted->warning == "reached 1 of 8 nodes known since 22:13 UTC");
}

TEST_CASE("a network that became small is measured by what it was for a day") {
  Setting f;
  f.stop(5);
  CHECK_FALSE(f.set().ok());
  f.net.run_for(hours(23));
  CHECK_FALSE(f.set().ok());
  f.net.run_for(hours(2));
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->known == 3);
  CHECK(receipt->warning.empty());
}

TEST_CASE("a node that comes back is counted once") {
  Setting f;
  f.stop(5);
  CHECK_FALSE(f.set().ok());
  f.net.take_down(f.hosts[7], false);
  f.net.meet_one(f.hosts[0], f.hosts[7]);
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->warning == "reached 4 of 8 nodes known since 22:13 UTC");
}

TEST_CASE("nodes that an earlier run knew are counted and are ways into the network") {
  Setting f;
  Config config = Drive::config();
  config.k = 20;
  const Host a = f.net.add(config);
  const auto knew = [&](Host i, WallTime when) {
    f.net.engine(a).add_acquaintance(f.net.now(), {f.net.contact(i), when});
  };
  for (const Host i : f.hosts) knew(i, f.net.wall() - hours(1));
  knew(a, f.net.wall());  // itself
  CHECK(f.net.stats(a).nodes_known == 9);
  CHECK(f.net.run<Receipt>(a, f.net.set("name", "value")).error().code == Errc::quorum_not_met);
  REQUIRE(f.net.run<Closest>(a, JoinRequest{}).ok());
  CHECK(f.net.engine(a).table().size() == 8);
  const auto receipt = f.net.run<Receipt>(a, f.net.set("name", "value"));
  REQUIRE(receipt.ok());
  CHECK(receipt->target == 9);
  CHECK(receipt->known == 9);
  CHECK(receipt->known_since == records::kNoon - hours(1));
}

TEST_CASE("nodes that an earlier run knew more than a day ago are no more than ways in") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add();
  net.engine(a).add_acquaintance(net.now(), {net.contact(b), WallTime{}});
  CHECK(net.stats(a).nodes_known == 1);
  CHECK(net.run<Receipt>(a, net.set("name", "value")).error().code == Errc::unreachable);
  REQUIRE(net.run<Closest>(a, JoinRequest{}).ok());
  CHECK(net.knows(a, b));
}

TEST_CASE("a client counts others only and cannot be content with itself") {
  Setting f;
  Config config = Drive::config();
  config.k = 20;
  config.client = true;
  const Host client = f.net.add(config);
  for (const Host i : f.hosts) f.net.meet_one(client, i);
  SetRequest request = f.net.set("name", "value");
  const auto receipt = f.net.run<Receipt>(client, request);
  REQUIRE(receipt.ok());
  CHECK(receipt->target == 8);
  CHECK(receipt->known == 8);
  f.stop(5);
  CHECK(f.net.run<Receipt>(client, request).error().code == Errc::quorum_not_met);
  f.stop(8);
  request.accept_small = true;
  CHECK(f.net.run<Receipt>(client, request).error().code == Errc::unreachable);
}

TEST_CASE("a record is published anew on however few nodes there are") {
  Setting f;
  REQUIRE(f.net.run<Closest>(f.hosts[0], JoinRequest{}).ok());
  REQUIRE(f.set().ok());
  f.stop(5);
  f.net.sent.clear();
  f.net.run_for(hours(8));
  CHECK_FALSE(f.net.sent_of<wire::Store>(f.hosts[0], f.hosts[1]).empty());
}

TEST_CASE("a node that cannot be reached is a client whatever its config says") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add();
  net.engine(a).set_endpoints({});
  CHECK(net.engine(a).config().client);
  net.meet_one(a, b);
  const auto receipt = net.run<Receipt>(a, net.set("name", "value"));
  REQUIRE(receipt.ok());
  CHECK(receipt->target == 1);
  CHECK(receipt->replicas.size() == 1);
}
