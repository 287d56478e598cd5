// Whom a walk through the network begins with, and what it finds if nothing else is wanted.
#include <doctest/doctest.h>

#include "support/drive.h"

using namespace kadmos;
using Host = Drive::Host;

TEST_CASE("a walk begins with the nearest that have not failed lately") {
  Drive net;
  const Host a = net.add();  // k = 4
  const Key target = Id::from_top(1);
  std::vector<Host> peers;
  peers.reserve(12);
  for (int i = 0; i < 12; ++i) peers.push_back(net.add_raw());
  peers = net.by_distance(target, peers);
  for (const Host peer : peers) net.meet_one(a, peer);
  std::erase_if(peers, [&](Host peer) { return !net.knows(a, peer); });
  REQUIRE(peers.size() > 4);
  net.raw_answer = [](const Drive::Sent&) { return wire::Nodes{}; };
  // One is silent, and whether it lives is being asked.
  net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    return one.to == peers[0] ? std::nullopt : std::optional(Duration::zero());
  };
  REQUIRE(net.run<Closest>(a, FindNodeRequest{target}).ok());
  net.run_until([&] { return net.stats(a).requests_failed == 1; });
  REQUIRE(net.knows(a, peers[0]));
  net.sent.clear();
  REQUIRE(net.run<Closest>(a, FindNodeRequest{target}).ok());
  CHECK(net.sent_of<wire::FindNode>(a, peers[0]).empty());
  CHECK(net.sent_of<wire::FindNode>(a, peers[4]).size() == 1);
}

TEST_CASE("a search for nodes finds nobody where nobody is known and fails where nobody answers") {
  Drive net;
  const Host a = net.add();
  const auto alone = net.run<Closest>(a, FindNodeRequest{Id::from_top(1)});
  REQUIRE(alone.ok());
  CHECK(alone->contacts.empty());
  const Host b = net.add_raw();
  net.meet_one(a, b);
  net.take_down(b);
  const auto cut_off = net.run<Closest>(a, FindNodeRequest{Id::from_top(1)});
  REQUIRE_FALSE(cut_off.ok());
  CHECK(cut_off.error().code == Errc::unreachable);
}
