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

// How the transport describes `host` when it connects from another port than it was met at.
Peer moved_peer(const Drive& net, Host host, std::uint16_t port = 9999) {
  return {{net.contact(host).key, Endpoints(Endpoint::v4(127, 0, 0, 1, port))}, false, false, {}};
}
Bootstrap at(const Peer& peer) { return {peer.contact.endpoints.front(), peer.contact.key}; }
Peer reached(Peer peer) {
  peer.reached = true;
  return peer;
}

Contact known_at(Drive& net, Host a, Host b) {
  const auto ref = net.engine(a).table().find(net.id(b));
  REQUIRE(ref);
  return net.engine(a).contact(*ref);
}

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

TEST_CASE("whoever broke the protocol is not dialled back") {
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
  for (Byte i = 1; i <= 3; ++i) {
    const Host peer = net.add_raw();
    Peer seen = net.as_seen(a, peer);
    seen.contact.endpoints = Endpoints(Endpoint::v4(8, 8, 8, i, 4000));
    seen.reached = true;
    net.reached(a, {seen.contact.endpoints.front(), std::nullopt}, seen);
  }
  CHECK(net.stats(a).table_size == 1);
  CHECK(net.stats(a).group_full == 2);
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
  net.run_for(seconds(5) + milliseconds(20));  // and a dial
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
  for (int i = 0; i < 11; ++i) {
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

TEST_CASE("a known peer that connects from another address is dialled there and known there") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.meet_one(a, b);
  const Peer moved = moved_peer(net, b);
  net.inject(a, moved, wire::encode(wire::Message{1, wire::Ping{}}));
  CHECK(net.probed(a) == std::vector<Bootstrap>{at(moved)});
  CHECK(known_at(net, a, b) == net.contact(b));  // it may say what it likes
  net.inject(a, moved, wire::encode(wire::Message{2, wire::Ping{}}));
  CHECK(net.probed(a).size() == 1);
  net.reached(a, at(moved), reached(moved));
  CHECK(known_at(net, a, b) == moved.contact);
}

TEST_CASE("an address that a known peer claims in vain is left alone for a while") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.meet_one(a, b);
  const Peer moved = moved_peer(net, b);
  for (int i = 0; i < 3; ++i) {
    net.inject(a, moved, wire::encode(wire::Message{1, wire::Ping{}}));
    net.run_for(seconds(1));  // nobody is there
  }
  CHECK(std::ranges::count(net.probed(a), at(moved)) == 1);
  CHECK(known_at(net, a, b) == net.contact(b));
  CHECK(net.engine(a).table().find_healthy(net.id(b)));
  net.run_for(seconds(30));
  net.inject(a, moved, wire::encode(wire::Message{1, wire::Ping{}}));
  CHECK(std::ranges::count(net.probed(a), at(moved)) == 2);
}

TEST_CASE("a contact that answers but cannot be dialled any more is not passed on and goes") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  const Host c = net.add_raw();
  net.meet_one(a, b);
  net.freeze(b);
  net.start(a, FindNodeRequest{Id::from_top(1)});
  const auto find = net.sent_of<wire::FindNode>(a, b);
  REQUIRE(find.size() == 1);
  net.probe_failed(a, net.bootstrap(b), Unreachable::refused);  // not one that this node began
  REQUIRE(net.engine(a).table().find_healthy(net.id(b)));
  REQUIRE(net.start(a, PingRequest{net.bootstrap(b)}) != 0);
  net.probe_failed(a, net.bootstrap(b), Unreachable::refused);
  CHECK(net.probed(a) == std::vector(2, net.bootstrap(b)));  // the second chance
  Peer inbound = net.as_seen(a, b);
  inbound.reached = false;
  net.inject(a, inbound, wire::encode(wire::Message{find[0].message.request, wire::Nodes{}}));
  CHECK(net.knows(a, b));
  net.inject(a, c, wire::Message{7, wire::FindNode{net.id(b)}});
  CHECK(net.last_answer(a, c) == wire::Body(wire::Nodes{}));
  SUBCASE("if the dial fails") {
    net.probe_failed(a, net.bootstrap(b), Unreachable::refused);
    CHECK_FALSE(net.knows(a, b));
  }
  SUBCASE("unless the dial goes well") {
    net.reached(a, net.bootstrap(b), net.as_seen(a, b));
    const auto pings = net.sent_of<wire::Ping>(a, b);
    REQUIRE(pings.size() == 1);
    net.inject(a, b, wire::Message{pings[0].message.request, wire::Pong{}});
    net.inject(a, c, wire::Message{8, wire::FindNode{net.id(b)}});
    CHECK(net.last_answer(a, c) == wire::Body(wire::Nodes{{net.contact(b)}, {}}));
  }
}

TEST_CASE("a dial to a contact in vain is held against it but one failure is not its end") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.meet_one(a, b);
  net.take_down(b);
  CHECK_FALSE(net.run<Pong>(a, PingRequest{net.bootstrap(b)}).ok());
  REQUIRE(net.knows(a, b));
  CHECK_FALSE(net.engine(a).table().find_healthy(net.id(b)));
  net.run_for(seconds(1));  // the second chance
  CHECK_FALSE(net.knows(a, b));
}

TEST_CASE("a contact that did not answer is dialled anew and then asked once more") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.meet_one(a, b);
  net.start(a, FindNodeRequest{Id::from_top(1)});
  net.run_for(Config{}.rpc_timeout);
  net.run_for(seconds(1));
  CHECK(net.probed(a) == std::vector<Bootstrap>{net.bootstrap(b)});
  CHECK(net.sent_of<wire::Ping>(a, b).size() == 1);
  REQUIRE(net.knows(a, b));
  CHECK_FALSE(net.engine(a).table().find_healthy(net.id(b)));  // a dial is no answer
  SUBCASE("and is well if it answers") {
    net.inject(a, b, wire::Message{net.sent_of<wire::Ping>(a, b)[0].message.request, wire::Pong{}});
    CHECK(net.engine(a).table().find_healthy(net.id(b)));
  }
  SUBCASE("and goes if it does not") {
    net.run_for(Config{}.rpc_timeout);
    CHECK_FALSE(net.knows(a, b));
  }
}

TEST_CASE("where a contact was it is dialled when it claims in vain to be elsewhere") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.meet_one(a, b);
  net.inject(a, moved_peer(net, b), wire::encode(wire::Message{1, wire::Ping{}}));
  net.take_down(b);
  net.probe_failed(a, at(moved_peer(net, b)), Unreachable::refused);
  CHECK(net.probed(a).back() == net.bootstrap(b));
  net.run_for(seconds(1));
  CHECK_FALSE(net.engine(a).table().find_healthy(net.id(b)));
}

TEST_CASE("where a peer says that this node is only this node's own key counts") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.meet_one(a, b);
  const Endpoint elsewhere = Endpoint::v4(127, 0, 0, 1, 9999);
  net.raw_answer = [&](const Drive::Sent&) -> std::optional<wire::Body> {
    return wire::Nodes{{{net.identity(a).public_key(), Endpoints(elsewhere)}}, std::nullopt};
  };
  net.start(a, FindNodeRequest{Id::from_top(1)});
  net.run_for(seconds(1));
  CHECK(net.probed(a) == std::vector<Bootstrap>{{elsewhere, net.identity(a).public_key()}});
}

TEST_CASE("a silent peer that connects is dialled back once in a while") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.meet_one(a, b);
  net.take_down(b);
  net.start(a, FindNodeRequest{Id::from_top(1)});
  net.run_for(seconds(1));
  REQUIRE_FALSE(net.knows(a, b));  // and it is a suspect
  const auto hello = wire::encode(wire::Message{1, wire::Ping{}});
  const Peer moved = moved_peer(net, b);
  net.inject(a, moved, hello);
  REQUIRE(net.probed(a).back() == at(moved));
  SUBCASE("and enters the table if it is there") {
    net.reached(a, at(moved), reached(moved));
    CHECK(known_at(net, a, b) == moved.contact);
  }
  SUBCASE("and not again for a while if it is not") {
    net.run_for(seconds(1));
    const std::size_t dials = net.probed(a).size();
    net.inject(a, moved, hello);
    CHECK(net.probed(a).size() == dials);
  }
  SUBCASE("unless it is at another place by then") {
    net.run_for(seconds(1));
    const Peer elsewhere = moved_peer(net, b, 9998);
    net.inject(a, elsewhere, hello);
    CHECK(net.probed(a).back() == at(elsewhere));
  }
}

TEST_CASE("a contact whose connection breaks is asked at once and not each time") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.raw_answer = [](const Drive::Sent&) { return wire::Pong{}; };
  net.meet_one(a, b);
  for (int i = 0; i < 3; ++i) {
    net.break_connection(a, b);
    net.run_for(seconds(1));
  }
  CHECK(net.sent_of<wire::Ping>(a, b).size() == 1);
  CHECK(net.knows(a, b));
  net.run_for(seconds(30));
  net.break_connection(a, b);
  CHECK(net.sent_of<wire::Ping>(a, b).size() == 2);
}

TEST_CASE("nobody is asked whose connection was closed by a bound or by this node") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  const Host stranger = net.add_raw();
  net.meet_one(a, b);
  net.break_connection(a, b, Unreachable::overloaded);
  net.break_connection(a, b, Unreachable::misbehaved);
  net.break_connection(a, stranger);
  CHECK(net.sent_of<wire::Ping>(a).empty());
}

TEST_CASE("a search asks a peer that moved under way where it is now") {
  Config config = Drive::config();
  config.alpha = config.closing_alpha = 1;
  Drive net;
  const Host a = net.add(config);
  const Host b = net.add_raw();
  const Host c = net.add_raw();
  net.meet_one(a, b);
  net.meet_one(a, c);
  net.start(a, FindNodeRequest{net.id(c)});
  const auto first = net.sent_of<wire::FindNode>(a);
  REQUIRE(first.size() == 1);
  REQUIRE(first[0].to == c);
  const Peer moved = moved_peer(net, b);
  net.reached(a, at(moved), reached(moved));
  net.inject(a, c, wire::Message{first[0].message.request, wire::Nodes{}});
  const auto then = net.sent_of<wire::FindNode>(a, b);
  REQUIRE(then.size() == 1);
  CHECK(then[0].at == moved.contact.endpoints);
}

TEST_CASE("a contact that failed is asked once more where others say it is") {
  Config config = Drive::config();
  config.alpha = config.closing_alpha = 2;
  Drive net;
  const Host a = net.add(config);
  const Host b = net.add_raw();
  const Host c = net.add_raw();
  net.meet_one(a, b);
  net.meet_one(a, c);
  const Peer moved = moved_peer(net, b);
  net.start(a, FindNodeRequest{Id::from_top(1)});
  const auto asked = net.sent_of<wire::FindNode>(a, c);
  REQUIRE(asked.size() == 1);
  net.break_connection(a, b, Unreachable::refused);
  REQUIRE(net.knows(a, b));
  net.inject(a, c,
             wire::Message{asked[0].message.request, wire::Nodes{{moved.contact}, std::nullopt}});
  const auto again = net.sent_of<wire::FindNode>(a, b);
  REQUIRE(again.size() == 2);
  CHECK(again[1].at == moved.contact.endpoints);
  CHECK(known_at(net, a, b) == net.contact(b));  // hearsay replaces nothing
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
