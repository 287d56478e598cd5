// join: the ways in, and what becomes of them.
#include <doctest/doctest.h>

#include "support/drive.h"

using namespace kadmos;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Host = Drive::Host;

namespace {

JoinRequest through(const Drive& net, const std::vector<Host>& hosts) {
  JoinRequest out;
  for (const Host host : hosts) out.bootstrap.push_back(net.bootstrap(host));
  return out;
}

}  // namespace

TEST_CASE("a node enters through one way and gets to know its neighbours") {
  Drive net;
  const std::vector<Host> old = net.add_many(4);
  net.meet_all(old);
  const Host a = net.add();
  const auto joined = net.run<Closest>(a, through(net, {old[0]}));
  REQUIRE(joined.ok());
  CHECK(joined->target == net.id(a));
  CHECK(joined->contacts.size() == 4);
  CHECK(joined->contacts[0] == net.contact(net.by_distance(net.id(a), old)[0]));
  CHECK(joined->hops == 2);
  CHECK(joined->asked == 4);
  for (const Host host : old) CHECK(net.knows(a, host));
  CHECK(net.noticed(a, "joined"));
  CHECK(net.stats(a).bootstraps == 1);
  net.run_for(seconds(1));
  for (const Host host : old) CHECK(net.knows(host, a));  // each dialled it back
}

TEST_CASE("a join without a way in makes a network of one") {
  Drive net;
  const Host a = net.add();
  const auto joined = net.run<Closest>(a, JoinRequest{});
  REQUIRE(joined.ok());
  CHECK(joined->contacts.empty());
  CHECK(joined->asked == 0);
}

TEST_CASE("a join uses the ways of the config and those added later") {
  Drive net;
  const Host b = net.add();
  const Host c = net.add();
  Config config = Drive::config();
  config.bootstrap.push_back(net.bootstrap(b));
  const Host a = net.add(config);
  net.engine(a).add_bootstrap(net.bootstrap(c));
  REQUIRE(net.run<Closest>(a, JoinRequest{}).ok());
  net.run_for(milliseconds(100));
  CHECK(net.probed(a).size() == 2);
  CHECK(net.knows(a, b));
  CHECK(net.knows(a, c));
}

TEST_CASE("ways in that are added are bounded") {
  Drive net;
  Config config = Drive::config();
  config.alpha = 1000;
  config.k = 40;
  const Host a = net.add(config);
  for (int i = 0; i < 300; ++i) {
    net.engine(a).add_bootstrap(
        {Endpoint::v4(127, 0, 0, 1, static_cast<std::uint16_t>(10000 + i)), std::nullopt});
  }
  CHECK_FALSE(net.run<Closest>(a, JoinRequest{}).ok());
  CHECK(net.probed(a).size() == 256);
}

TEST_CASE("ways in are tried in another order each time") {
  Drive net;
  Config config = Drive::config();
  config.alpha = 1;
  const Host a = net.add(config);
  for (int i = 0; i < 8; ++i) {
    const Host way = net.add_raw();
    net.freeze(way);
    net.engine(a).add_bootstrap(net.bootstrap(way));
  }
  std::set<Endpoint> first;
  for (int i = 0; i < 20; ++i) {
    net.cancel(a, net.start(a, JoinRequest{}));
    first.insert(net.probed(a).back().endpoint);
  }
  CHECK(first.size() >= 4);
}

TEST_CASE("a join tries alpha ways at a time and ends with what each did") {
  Drive net;
  const Host a = net.add();
  std::vector<Host> ways;
  for (int i = 0; i < 5; ++i) {
    ways.push_back(net.add_raw());
    net.take_down(ways.back());
  }
  const OpId op = net.start(a, through(net, ways));
  CHECK(net.probed(a).size() == 3);
  net.drive();
  CHECK(net.probed(a).size() == 5);
  const auto joined = net.result<Closest>(a, op);
  REQUIRE_FALSE(joined.ok());
  CHECK(joined.error().code == Errc::unreachable);
  CHECK(joined.error().detail == "none of the 5 ways into the network answered");
  REQUIRE(joined.error().causes.size() == 5);
  CHECK(joined.error().causes[0].operation == "probe " + net.endpoint(ways[0]).text());
  CHECK(joined.error().causes[0].code == Errc::unreachable);
  CHECK(net.noticed(a, "join_failed"));
}

TEST_CASE("a way that is slow is not waited for") {
  Drive net;
  const Host slow = net.add();
  const Host fast = net.add();
  net.freeze(slow);
  const Host a = net.add();
  const auto joined = net.run<Closest>(a, through(net, {slow, fast}));
  REQUIRE(joined.ok());
  CHECK(joined->contacts == std::vector<Contact>{net.contact(fast)});
  CHECK(joined->elapsed < milliseconds(100));
}

TEST_CASE("a join waits for another way when the first leads nowhere") {
  Drive net;
  Config config = Drive::config();
  config.alpha = 1;
  const Host deaf = net.add_raw();  // lets itself be dialled and says nothing
  const Host good = net.add();
  const Host a = net.add(config);
  const auto joined = net.run<Closest>(a, through(net, {deaf, good}));
  REQUIRE(joined.ok());
  CHECK(joined->contacts == std::vector<Contact>{net.contact(good)});
}

TEST_CASE("a join whose ways say nothing any more is unreachable") {
  Drive net;
  const Host deaf = net.add_raw();
  const Host a = net.add();
  const auto joined = net.run<Closest>(a, through(net, {deaf}));
  REQUIRE_FALSE(joined.ok());
  CHECK(joined.error().code == Errc::unreachable);
  CHECK(joined.error().operation == "join");
  CHECK(joined.error().asked.size() == 1);
}

TEST_CASE("a join ends at its deadline") {
  Drive net;
  const Host b = net.add();
  const Host c = net.add();
  net.freeze(b);
  net.take_down(c);
  const Host a = net.add();
  const auto joined = net.run<Closest>(a, through(net, {b, c}), seconds(3));
  REQUIRE_FALSE(joined.ok());
  CHECK(joined.error().code == Errc::timeout);
  CHECK(joined.error().causes.size() == 1);
  CHECK(net.noticed(a, "join_failed"));
}

TEST_CASE("a node that knows others joins without a way in") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add();
  net.meet(a, b);
  const auto joined = net.run<Closest>(a, JoinRequest{});
  REQUIRE(joined.ok());
  CHECK(joined->contacts == std::vector<Contact>{net.contact(b)});
  CHECK(net.probed(a).empty());
}

TEST_CASE("a way in that proves to be a client is not asked for others") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.freeze(b);
  const OpId op = net.start(a, through(net, {b}));
  Peer client = net.as_seen(a, b);
  client.client = true;
  client.reached = true;
  net.reached(a, net.bootstrap(b), client);
  net.drive();
  CHECK(net.sent.empty());
  CHECK(net.result<Closest>(a, op)->contacts.empty());
  CHECK_FALSE(net.knows(a, b));
}

TEST_CASE("a join that was cancelled is tried again by the node itself after a pause") {
  Drive net;
  const Host b = net.add();
  Config config = Drive::config();
  config.bootstrap.push_back(net.bootstrap(b));
  const Host a = net.add(config);
  const OpId op = net.start(a, JoinRequest{});
  net.cancel(a, op);
  net.run_for(milliseconds(300));
  CHECK(net.stats(a).bootstraps == 1);
  net.run_for(seconds(5));
  CHECK(net.knows(a, b));
  CHECK_FALSE(net.ended(a, op));
}

TEST_CASE("find_node gives the k closest that answered") {
  Drive net;
  const std::vector<Host> hosts = net.add_many(10);
  net.meet_all(hosts);
  const Id target = Id::from_top(12345);
  const auto found = net.run<Closest>(hosts[0], FindNodeRequest{target});
  REQUIRE(found.ok());
  std::vector<Host> others(hosts.begin() + 1, hosts.end());
  others = net.by_distance(target, others);
  REQUIRE(found->contacts.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(found->contacts[i] == net.contact(others[i]));
  CHECK(found->target == target);
  CHECK(found->asked >= 4);
}
