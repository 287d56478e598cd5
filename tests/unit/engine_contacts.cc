// Who enters the table, who is dialled back first, and what is believed about others.
#include <doctest/doctest.h>

#include "support/drive.h"

using namespace kadmos;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Host = Drive::Host;

namespace {

// A peer that dialled `a` says something.
void ping(Drive& net, Host a, Host from) { net.inject(a, from, wire::Message{1, wire::Ping{}}); }

// Raw peers of `net` whose ids share no bit with that of `a`, and one that shares the first.
struct FarAndNear {
  FarAndNear(Drive& net, Host a) {
    while (far.size() < 3 || near.empty()) {
      const Host peer = net.add_raw();
      (net.id(peer).bit(0) == net.id(a).bit(0) ? near : far).push_back(peer);
    }
  }
  std::vector<Host> far;
  std::vector<Host> near;
};

Config one_a_bucket() {
  Config config = Drive::config();
  config.k = 1;
  return config;
}

}  // namespace

TEST_CASE("a peer that was reached enters the table") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.meet_one(a, b);
  CHECK(net.knows(a, b));
  CHECK(net.stats(a).table_size == 1);
  ping(net, a, b);
  CHECK(net.probed(a).empty());
}

TEST_CASE("a peer that dialled us is dialled back before it enters the table") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  ping(net, a, b);
  CHECK(net.last_answer(a, b) == wire::Body(wire::Pong{}));
  CHECK_FALSE(net.knows(a, b));
  CHECK(net.probed(a) == std::vector<Bootstrap>{net.bootstrap(b)});
  net.drive();
  CHECK(net.knows(a, b));
}

TEST_CASE("a peer that cannot be dialled back stays out and is not dialled again for a while") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.freeze(b);
  ping(net, a, b);
  net.probe_failed(a, net.bootstrap(b), Unreachable::timed_out);
  ping(net, a, b);
  CHECK_FALSE(net.knows(a, b));
  CHECK(net.probed(a).size() == 1);
  net.run_for(seconds(31));
  ping(net, a, b);
  CHECK(net.probed(a).size() == 2);
}

TEST_CASE("one dial-back at a time goes to a peer") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  ping(net, a, b);
  ping(net, a, b);
  CHECK(net.probed(a).size() == 1);
}

TEST_CASE("clients are served but never dialled back") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw(true);
  Peer peer = net.as_seen(a, b);
  SUBCASE("that say so") { peer.contact.endpoints = Endpoints(net.endpoint(b)); }
  SUBCASE("that tell no endpoint") { peer.client = false; }
  SUBCASE("even if we reached them") {
    peer.contact.endpoints = Endpoints(net.endpoint(b));
    peer.reached = true;
  }
  net.engine(a).on_frame(net.now(), peer, wire::encode(wire::Message{1, wire::Ping{}}));
  const auto answer = net.engine(a).poll_outgoing();
  REQUIRE(answer);
  CHECK(std::get<Transmit>(*answer).to.endpoints.empty());
  CHECK_FALSE(net.engine(a).poll_outgoing());
  CHECK_FALSE(net.knows(a, b));
}

TEST_CASE("suspects are not dialled back") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.inject(a, b, Bytes{0xc1});
  ping(net, a, b);
  CHECK(net.probed(a).empty());
}

TEST_CASE("dial-backs are bounded and an end of one makes room for the next") {
  Config config = Drive::config();
  config.limits.probes = 2;
  Drive net;
  const Host a = net.add(config);
  std::vector<Host> peers;
  peers.reserve(4);
  for (int i = 0; i < 4; ++i) peers.push_back(net.add_raw());
  for (const Host peer : peers) ping(net, a, peer);
  CHECK(net.probed(a).size() == 2);
  net.take_down(peers[1]);
  net.drive();  // one ends well, one does not
  ping(net, a, peers[2]);
  ping(net, a, peers[3]);
  CHECK(net.probed(a).size() == 4);
}

TEST_CASE("a dial-back that an operation came to want no longer counts as one") {
  Config config = Drive::config();
  config.limits.probes = 1;
  Drive net;
  const Host a = net.add(config);
  const Host b = net.add_raw();
  const Host c = net.add_raw();
  const Host d = net.add_raw();
  ping(net, a, b);
  const OpId op = net.start(a, PingRequest{net.bootstrap(b)});
  CHECK(net.probed(a).size() == 1);
  ping(net, a, c);
  CHECK(net.probed(a).size() == 2);
  net.drive();
  CHECK(net.result<Pong>(a, op).ok());
  ping(net, a, d);
  CHECK(net.probed(a).size() == 3);
}

TEST_CASE("a peer that the table has no use for is not dialled back") {
  Drive net;
  const Host a = net.add(one_a_bucket());
  const FarAndNear peers(net, a);
  net.meet_one(a, peers.far[0]);
  net.meet_one(a, peers.near[0]);
  ping(net, a, peers.far[1]);
  CHECK(net.probed(a).empty());
}

TEST_CASE("a client dials nobody back") {
  Config config = Drive::config();
  config.client = true;
  Drive net;
  const Host a = net.add(config);
  const Host b = net.add_raw();
  net.meet_one(a, b);
  const Host c = net.add_raw();
  net.inject(a, c, wire::Message{7, wire::Pong{}});
  CHECK(net.probed(a).empty());
}

TEST_CASE("contacts that an address group has no share left for are counted") {
  Config config = Drive::config();
  config.limits.table_per_group = 1;
  Drive net;
  const Host a = net.add(config);
  for (Byte i = 1; i <= 2; ++i) {
    const Host peer = net.add_raw();
    Peer seen = net.as_seen(a, peer);
    seen.contact.endpoints = Endpoints(Endpoint::v4(8, 8, 8, i, 4000));
    seen.reached = true;
    net.reached(a, {seen.contact.endpoints.front(), std::nullopt}, seen);
  }
  CHECK(net.stats(a).table_size == 1);
  CHECK(net.stats(a).group_full == 1);
}

TEST_CASE("the oldest contact of a full bucket proves itself when another waits") {
  Drive net;
  const Host a = net.add(one_a_bucket());
  const FarAndNear peers(net, a);
  net.meet_one(a, peers.far[0]);
  net.meet_one(a, peers.near[0]);
  CHECK(net.sent_of<wire::Ping>(a).empty());
  net.meet_one(a, peers.far[1]);
  CHECK(net.sent_of<wire::Ping>(a, peers.far[0]).size() == 1);
  SUBCASE("and stays if it does") {
    net.inject(a, peers.far[0], wire::Message{net.sent[0].message.request, wire::Pong{}});
    net.drive();
    CHECK(net.knows(a, peers.far[0]));
    CHECK_FALSE(net.knows(a, peers.far[1]));
  }
  SUBCASE("and gives way if it does not") {
    net.run_for(seconds(10));
    CHECK_FALSE(net.knows(a, peers.far[0]));
    CHECK(net.knows(a, peers.far[1]));
  }
}

TEST_CASE("a contact that only waits is forgotten when it fails") {
  Drive net;
  const Host a = net.add(one_a_bucket());
  const FarAndNear peers(net, a);
  net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    if (std::holds_alternative<wire::Ping>(one.message.body)) return wire::Pong{};
    return wire::Nodes{{net.contact(peers.far[1])}, {}};
  };
  net.meet_one(a, peers.far[0]);
  net.meet_one(a, peers.near[0]);
  net.meet_one(a, peers.far[1]);  // waits
  net.drive();
  net.take_down(peers.far[1]);
  CHECK(net.run<Closest>(a, FindNodeRequest{net.id(peers.far[1])}).ok());
  CHECK(net.stats(a).requests_failed == 1);
  net.take_down(peers.far[0]);
  CHECK(net.run<Closest>(a, FindNodeRequest{net.id(peers.far[0])})->contacts.size() == 1);
  net.drive();
  CHECK_FALSE(net.knows(a, peers.far[0]));
  CHECK_FALSE(net.knows(a, peers.far[1]));
}

TEST_CASE("a contact that answers over its own connection has answered") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.meet_one(a, b);
  Peer inbound = net.as_seen(a, b);
  inbound.reached = false;  // the connection it was reached by is gone, this one is b's
  net.start(a, FindNodeRequest{Id::from_top(1)});
  net.run_for(seconds(5));
  const auto pings = net.sent_of<wire::Ping>(a, b);
  REQUIRE(pings.size() == 1);
  net.inject(a, inbound, wire::encode(wire::Message{pings[0].message.request, wire::Pong{}}));
  net.start(a, FindNodeRequest{Id::from_top(1)});
  net.run_for(seconds(5));
  CHECK(net.knows(a, b));  // its first failure since
}

TEST_CASE("a contact that asks but never answers is evicted all the same") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.meet_one(a, b);
  net.start(a, FindNodeRequest{Id::from_top(1)});
  for (int i = 0; i < 10; ++i) {
    ping(net, a, b);
    net.run_for(seconds(1));
  }
  CHECK_FALSE(net.knows(a, b));
}

TEST_CASE("a contact that asks from new endpoints is known by these") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.meet_one(a, b);
  Peer moved = net.as_seen(a, b);
  moved.contact.endpoints = Endpoints(Endpoint::v4(127, 0, 0, 1, 9999));
  net.inject(a, moved, wire::encode(wire::Message{1, wire::Ping{}}));
  const auto known = net.engine(a).table().find(net.id(b));
  REQUIRE(known);
  CHECK(net.engine(a).contact(*known) == moved.contact);
}

TEST_CASE("being reached ends a suspicion") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add();
  net.take_down(b);
  CHECK_FALSE(net.run<Pong>(a, PingRequest{net.bootstrap(b)}).ok());
  net.take_down(b, false);
  CHECK(net.run<Pong>(a, PingRequest{net.bootstrap(b)}).ok());
  const Host c = net.add();
  net.meet_all({a, b, c});
  net.run<Closest>(a, FindNodeRequest{net.id(b)}).ok();
  CHECK(net.sent_of<wire::FindNode>(a, b).size() == 1);
  CHECK(net.sent_of<wire::FindNode>(a)[0].to == b);  // first, not last
}

TEST_CASE("a bound of our own is not held against the peer") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.meet_one(a, b);
  const OpId op = net.start(a, FindNodeRequest{Id::from_top(1)});
  net.break_connection(a, b, Unreachable::overloaded);
  const auto found = net.result<Closest>(a, op);
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().asked.at(0).detail == "overloaded");
  CHECK(net.sent_of<wire::Ping>(a, b).empty());
  net.start(a, FindNodeRequest{Id::from_top(1)});
  net.break_connection(a, b, Unreachable::overloaded);
  CHECK(net.knows(a, b));

  const Host c = net.add_raw();
  ping(net, a, c);
  net.probe_failed(a, net.bootstrap(c), Unreachable::overloaded);
  ping(net, a, c);
  CHECK(net.probed(a).size() == 2);
}

TEST_CASE("more contacts in a reply than k are counted and cut") {
  Drive net;
  const Host a = net.add();  // k = 4
  const Host b = net.add_raw();
  net.meet_one(a, b);
  wire::Nodes nodes;
  while (nodes.contacts.size() < 12) nodes.contacts.push_back(net.contact(net.add_raw()));
  net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    return one.to == b ? nodes : wire::Nodes{};
  };
  REQUIRE(net.run<Closest>(a, FindNodeRequest{Id::from_top(1)}).ok());
  net.drive();
  CHECK(net.stats(a).contacts_excess == 1);
  for (std::size_t i = 4; i < 12; ++i) CHECK(net.sent_of<wire::FindNode>(a, b + 1 + i).empty());
  nodes.contacts.resize(4);
  REQUIRE(net.run<Closest>(a, FindNodeRequest{Id::from_top(1)}).ok());
  CHECK(net.stats(a).contacts_excess == 1);
}

TEST_CASE("a search whose nearest contacts are all gone goes on from the others of the table") {
  Drive net;
  const Host a = net.add();  // k = 4
  std::vector<Host> peers;
  for (int i = 0; i < 24; ++i) peers.push_back(net.add_raw());
  const Id target = Id::from_top(1);
  peers = net.by_distance(target, peers);
  for (const Host peer : peers) net.meet_one(a, peer);
  net.raw_answer = [&](const Drive::Sent&) { return wire::Nodes{}; };
  std::erase_if(peers, [&](Host peer) { return !net.knows(a, peer); });
  REQUIRE(peers.size() >= 8);
  for (std::size_t i = 0; i < 4; ++i) net.freeze(peers[i]);
  const auto found = net.run<Closest>(a, FindNodeRequest{target});
  REQUIRE(found.ok());
  REQUIRE(found->contacts.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(found->contacts[i] == net.contact(peers[4 + i]));
}

TEST_CASE("a contact that was verified is asked where it was verified whatever others say") {
  Drive net;
  const Host a = net.add(one_a_bucket());
  const FarAndNear peers(net, a);
  const Host teller = peers.near[0];
  const Host known = peers.far[0];
  net.meet_one(a, teller);
  net.meet_one(a, known);
  Contact rumour = net.contact(known);
  rumour.endpoints = Endpoints(Endpoint::v4(127, 0, 0, 1, 9999));
  net.raw_answer = [&](const Drive::Sent&) { return wire::Nodes{{rumour}, {}}; };
  Id target = net.id(teller);
  target.set_bit(511, !target.bit(511));
  REQUIRE(net.run<Closest>(a, FindNodeRequest{target}).ok());
  for (const Drive::Sent& one : net.sent_of<wire::FindNode>(a, known)) {
    CHECK(one.at == net.contact(known).endpoints);
  }
}

TEST_CASE("what others say about a contact never enters the table") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  const Host c = net.add_raw();
  net.meet_one(a, b);
  net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    if (one.to == b) return wire::Nodes{{net.contact(c)}, {}};
    return std::nullopt;
  };
  net.start(a, FindNodeRequest{Id::from_top(1)});
  net.run_for(milliseconds(100));
  CHECK(net.sent_of<wire::FindNode>(a, c).size() == 1);
  CHECK_FALSE(net.knows(a, c));
}
