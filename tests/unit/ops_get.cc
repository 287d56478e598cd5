// get: what it believes, when it has enough, and what it mends.
#include <doctest/doctest.h>

#include "support/named_peers.h"

using namespace kadmos;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Host = Drive::Host;

namespace {

struct Getting : NamedPeers {
  using NamedPeers::NamedPeers;
  Result<Found> get(bool first = false) { return net.run<Found>(a, GetRequest{key, first}); }
  std::size_t asked() const { return net.sent_of<wire::FindValue>(a).size(); }
};

Outcome outcome_of(const std::vector<Asked>& asked, const Contact& peer) {
  for (const Asked& one : asked) {
    if (one.peer == peer) return one.outcome;
  }
  FAIL("not asked");
  return {};
}

}  // namespace

TEST_CASE("get finds what the nearest nodes hold and says who gave it") {
  Getting f;
  for (const Host peer : f.peers) f.held[peer] = f.version(3);
  const auto found = f.get();
  REQUIRE(found.ok());
  CHECK(found->record == f.version(3));
  CHECK_FALSE(found->local);
  CHECK(found->hops == 1);
  CHECK(found->agreeing >= 2);
  CHECK(found->answers == found->agreeing);
  CHECK(found->elapsed == 4 * Drive::kLatency);  // the first tells that it is a name's
  CHECK(outcome_of(found->asked, found->from) == Outcome::found);
}

TEST_CASE("of those who are likely to hold a record the nearest is asked alone") {
  Getting f;
  for (const Host peer : f.peers) f.held[peer] = f.version(3);
  REQUIRE(f.get(true).ok());
  CHECK(f.asked() == 1);
  CHECK(f.net.sent_of<wire::FindValue>(f.a, f.peer(0)).size() == 1);
}

TEST_CASE("a get that wants several answers asks for them at once") {
  Getting f;
  for (const Host peer : f.peers) f.held[peer] = f.version(3);
  const auto found = f.net.run<Found>(f.a, GetRequest{.key = f.key, .quorum = 2});
  REQUIRE(found.ok());
  CHECK(found->elapsed == 2 * Drive::kLatency);
}

TEST_CASE("get takes the latest version among enough answers") {
  Getting f;
  f.held[f.peer(0)] = f.version(1);
  f.held[f.peer(1)] = f.version(2, "newer");
  const auto found = f.get();
  REQUIRE(found.ok());
  CHECK(found->record == f.version(2, "newer"));
  CHECK(found->agreeing == 1);
  CHECK(found->from == f.net.contact(f.peer(1)));
}

TEST_CASE("get of the first answer takes whichever comes first") {
  Getting f;
  f.held[f.peer(1)] = f.version(1);
  f.held[f.peer(2)] = f.version(2, "newer");
  f.net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    return one.to == f.peer(1) ? milliseconds(0) : milliseconds(100);
  };
  const auto found = f.get(true);
  REQUIRE(found.ok());
  CHECK(found->record.sequence == 1);
  CHECK(found->agreeing == 1);
}

TEST_CASE("a record that fails verification is counted and its peer passed over") {
  Getting f;
  f.held[f.peer(0)] = f.version(9, "forged");
  f.held[f.peer(0)].value = to_bytes("other");
  for (std::size_t i = 1; i < 6; ++i) f.held[f.peer(i)] = f.version(1);
  const auto found = f.get();
  REQUIRE(found.ok());
  CHECK(found->record == f.version(1));
  CHECK(f.net.stats(f.a).records_invalid == 1);
  CHECK(outcome_of(found->asked, f.net.contact(f.peer(0))) == Outcome::invalid);
}

TEST_CASE("the record of another key is not taken for the one asked for") {
  Getting f;
  // An attacker signs the name with its own key: valid, but of another key.
  const Identity attacker = records::identity(201);
  for (const Host peer : f.peers) {
    f.held[peer] = records::owned(attacker, "name", 9, "mine", f.net.wall() + hours(1));
  }
  const auto found = f.get();
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().code == Errc::unreachable);  // nobody gave a valid answer
  CHECK(f.net.stats(f.a).records_invalid == 6);
}

TEST_CASE("whom a peer named with an invalid record is not asked") {
  Getting f;
  const Host accomplice = f.net.add_raw();
  f.net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    wire::Nodes nodes;
    if (one.to == f.peer(0)) {
      nodes.contacts.push_back(f.net.contact(accomplice));
      nodes.record = f.version(1);
      nodes.record->signature = {};
    }
    return nodes;
  };
  CHECK_FALSE(f.get().ok());
  CHECK(f.net.sent_of<wire::FindValue>(f.a, accomplice).empty());
}

TEST_CASE("an expired record counts as absent beyond the tolerated skew") {
  Getting f;
  Record old = records::owned(f.owner, "name", 1, "old", f.net.wall());
  SUBCASE("within it") {
    old = records::owned(f.owner, "name", 1, "old", f.net.wall() - std::chrono::minutes(9));
    for (const Host peer : f.peers) f.held[peer] = old;
    CHECK(f.get().ok());
  }
  SUBCASE("beyond it") {
    old = records::owned(f.owner, "name", 1, "old", f.net.wall() - std::chrono::minutes(11));
    for (const Host peer : f.peers) f.held[peer] = old;
    const auto found = f.get();
    REQUIRE_FALSE(found.ok());
    CHECK(found.error().code == Errc::not_found);
  }
}

TEST_CASE("get that finds nothing near asks all of the k closest before it says so") {
  Getting f;
  SUBCASE("a copy at the k-th is found") {
    f.held[f.peer(3)] = f.version(1);
    const auto found = f.get();
    REQUIRE(found.ok());
    CHECK(found->record == f.version(1));
  }
  SUBCASE("nothing is not found") {
    const auto found = f.get();
    REQUIRE_FALSE(found.ok());
    CHECK(found.error().code == Errc::not_found);
    CHECK(found.error().operation == "get " + f.key.short_hex());
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(outcome_of(found.error().asked, f.net.contact(f.peer(i))) == Outcome::absent);
    }
  }
}

TEST_CASE("one answer of r is not enough while another near node may know better") {
  Getting f;
  f.held[f.peer(0)] = f.version(1);
  f.held[f.peer(1)] = f.version(2, "newer");
  f.net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    return one.to == f.peer(1) ? milliseconds(15) : milliseconds(0);
  };
  const auto found = f.get();
  REQUIRE(found.ok());
  CHECK(found->record.sequence == 2);
}

TEST_CASE("stale and missing replicas are mended after the answer") {
  Config config = Drive::config();
  config.k = 8;  // so that three are asked
  Getting f(config);
  f.held[f.peer(0)] = f.version(1, "old");  // stale
  f.held[f.peer(2)] = f.version(2, "new");  // holds it, farther than peer 1, which has nothing
  const auto found = f.get();
  REQUIRE(found.ok());
  CHECK(found->record.sequence == 2);
  f.net.drive();
  CHECK(f.net.stats(f.a).replicas_repaired == 2);
  CHECK(f.held[f.peer(0)] == f.version(2, "new"));
  CHECK(f.held[f.peer(1)] == f.version(2, "new"));
  CHECK(f.net.sent_of<wire::Store>(f.a).size() == 2);
  CHECK(f.net.stats(f.a).operations_done == 1);
}

TEST_CASE("a quorum of a get is how many nodes answer, this one included") {
  Getting f;
  for (const Host peer : f.peers) f.held[peer] = f.version(1);
  f.held[f.peer(2)] = f.version(2, "new");
  SUBCASE("the usual two of them and this one miss what the third nearest has") {
    CHECK(f.net.run<Found>(f.a, GetRequest{f.key})->record.sequence == 1);
  }
  SUBCASE("more see it") {
    const auto found = f.net.run<Found>(f.a, GetRequest{f.key, false, 4});
    REQUIRE(found.ok());
    CHECK(found->record.sequence == 2);
    CHECK(found->answers == 4);
    CHECK(found->agreeing == 1);
  }
  SUBCASE("fewer than asked for is an error that counts them") {
    for (std::size_t i = 2; i < 6; ++i) f.net.take_down(f.peer(i));
    const auto found = f.net.run<Found>(f.a, GetRequest{f.key, false, 4});
    REQUIRE_FALSE(found.ok());
    CHECK(found.error().code == Errc::quorum_not_met);
    CHECK(found.error().detail == "3 nodes answered, 4 were asked for");
  }
}

TEST_CASE("a get that knows of a newer version does not end with an older one") {
  Getting f;
  for (const Host peer : f.peers) f.held[peer] = f.version(1);
  f.held[f.peer(3)] = f.version(2, "new");
  for (const bool first : {false, true}) {
    const auto found = f.net.run<Found>(f.a, GetRequest{f.key, first, {}, 2});
    REQUIRE(found.ok());
    CHECK(found->record.sequence == 2);
  }
  const auto missing = f.net.run<Found>(f.a, GetRequest{f.key, false, {}, 3});
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().code == Errc::not_found);
  CHECK(missing.error().detail == "the latest version found has sequence 2, older than 3");
}

TEST_CASE("a get whose nearest nodes are gone goes on from the others of the table") {
  Drive net;
  const Host a = net.add();  // k = 4, r = 2
  std::vector<Host> peers;
  for (int i = 0; i < 24; ++i) peers.push_back(net.add_raw());
  const Identity owner = records::identity(200);
  const Key key = owned_key(owner.public_key(), view_of("name"));
  peers = net.by_distance(key, peers);
  for (const Host peer : peers) net.meet_one(a, peer);
  std::erase_if(peers, [&](Host peer) { return !net.knows(a, peer); });
  REQUIRE(peers.size() >= 6);
  // The two nearest are gone, the next two hold nothing and name nobody.
  net.take_down(peers[0]);
  net.take_down(peers[1]);
  net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    wire::Nodes nodes;
    if (one.to == peers[4]) {
      nodes.record = records::owned(owner, "name", 1, "value", net.wall() + hours(1));
    }
    return nodes;
  };
  CHECK(net.run<Found>(a, GetRequest{key}).ok());
}

TEST_CASE("replicas that agree are left alone") {
  Getting f;
  for (const Host peer : f.peers) f.held[peer] = f.version(1);
  REQUIRE(f.get().ok());
  f.net.drive();
  CHECK(f.net.sent_of<wire::Store>(f.a).empty());
  CHECK(f.net.stats(f.a).replicas_repaired == 0);
}

TEST_CASE("nodes farther than every holder are not given a copy") {
  Getting f;
  f.held[f.peer(0)] = f.version(1);
  REQUIRE(f.get().ok());
  f.net.drive();
  CHECK(f.net.sent_of<wire::Store>(f.a).empty());
}

TEST_CASE("a deleted name is not found and its deletion is carried on") {
  Getting f;
  f.held[f.peer(0)] = f.version(1);
  f.held[f.peer(1)] = records::tombstone(f.owner, "name", 2, f.net.wall() + hours(1));
  const auto found = f.get();
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().code == Errc::not_found);
  CHECK(found.error().detail == "its owner deleted it with sequence 2");
  f.net.drive();
  CHECK(f.held[f.peer(0)].type == RecordType::tombstone);
}

TEST_CASE("two values with one sequence are counted and every reader takes the same") {
  Getting f;
  const Record one = f.version(1, "one");
  const Record two = f.version(1, "two");
  const Record winner = order(one, two) > 0 ? one : two;
  SUBCASE("one way round") {
    f.held[f.peer(0)] = one;
    f.held[f.peer(1)] = two;
  }
  SUBCASE("the other way round") {
    f.held[f.peer(0)] = two;
    f.held[f.peer(1)] = one;
  }
  const auto found = f.get();
  REQUIRE(found.ok());
  CHECK(found->record == winner);
  CHECK(found->agreeing == 1);
  CHECK(f.net.stats(f.a).equivocations >= 1);
}

TEST_CASE("the first content whose hash fits ends a get") {
  Drive net;
  Config config = Drive::config();
  config.k = 8;  // so that all three are asked
  const Host a = net.add(config);
  const Record content = records::content("content", net.wall() + hours(1));
  const std::vector<Host> peers =
      net.by_distance(key_of(content), {net.add_raw(), net.add_raw(), net.add_raw()});
  for (const Host peer : peers) net.meet_one(a, peer);
  net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    wire::Nodes nodes;
    if (one.to == peers[0]) nodes.record = records::content("forged", net.wall() + hours(1));
    if (one.to == peers[1]) nodes.record = content;
    if (one.to == peers[2]) return std::nullopt;
    return nodes;
  };
  net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    return one.to == peers[1] ? milliseconds(50) : milliseconds(0);
  };
  const auto found = net.run<Found>(a, GetRequest{key_of(content)});
  REQUIRE(found.ok());
  CHECK(found->record == content);
  CHECK(found->from == net.contact(peers[1]));
  CHECK(net.stats(a).records_invalid == 1);
  CHECK(found->elapsed < milliseconds(100));  // did not wait for the silent one
}

TEST_CASE("get of content the node itself holds asks nobody") {
  Drive net;
  const Host a = net.add();
  const auto receipt = net.run<Receipt>(a, net.put("content"));
  REQUIRE(receipt.ok());
  SUBCASE("with an empty table") {}
  SUBCASE("or a full one") { net.meet_one(a, net.add_raw()); }
  const auto found = net.run<Found>(a, GetRequest{receipt->key});
  REQUIRE(found.ok());
  CHECK(found->local);
  CHECK(found->hops == 0);
  CHECK(found->from == net.contact(a));
  CHECK(found->answers == 1);
  CHECK(found->agreeing == 1);
  CHECK(net.sent.empty());
}

TEST_CASE("get of a name the node itself holds succeeds with an empty table") {
  Drive net;
  const Host a = net.add();
  REQUIRE(net.run<Receipt>(a, net.set("name", "value")).ok());
  const auto found = net.run<Found>(a, GetRequest{net.key(a, "name")});
  REQUIRE(found.ok());
  CHECK(found->local);
  CHECK(text_of(found->record.value) == "value");
}

TEST_CASE("what the node itself holds counts as one answer among others") {
  Getting f;
  f.net.storage(f.a).put(f.version(2, "held here"));
  SUBCASE("the latest") {
    for (const Host peer : f.peers) f.held[peer] = f.version(1);
    const auto found = f.get();
    REQUIRE(found.ok());
    CHECK(found->local);
    CHECK(found->record.sequence == 2);
    f.net.drive();
    CHECK(f.held[f.peer(0)].sequence == 2);  // and the others are mended
  }
  SUBCASE("not the latest") {
    for (const Host peer : f.peers) f.held[peer] = f.version(3);
    const auto found = f.get();
    REQUIRE(found.ok());
    CHECK_FALSE(found->local);
    CHECK(found->record.sequence == 3);
  }
  SUBCASE("but the first if that is enough") {
    for (const Host peer : f.peers) f.held[peer] = f.version(3);
    const auto found = f.get(true);
    REQUIRE(found.ok());
    CHECK(found->local);
    CHECK(f.asked() == 0);
  }
}

TEST_CASE("a disk that cannot be read does not keep get from asking others") {
  Getting f;
  f.net.storage(f.a).fail_reads = true;
  for (const Host peer : f.peers) f.held[peer] = f.version(1);
  CHECK(f.get().ok());
}

TEST_CASE("get with nobody alive is unreachable") {
  Getting f;
  for (const Host peer : f.peers) f.net.take_down(peer);
  const auto found = f.get();
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().code == Errc::unreachable);
  CHECK(found.error().asked.size() >= 4);
}

TEST_CASE("get waits for those that are slow if too few others answer or none has it") {
  Drive net;
  const Host a = net.add(Drive::config());
  const Identity owner = records::identity(200);
  const Key key = owned_key(owner.public_key(), view_of("name"));
  std::vector<Host> peers{net.add_raw(), net.add_raw(), net.add_raw()};  // r = 2 of 4, a included
  peers = net.by_distance(key, peers);
  for (const Host peer : peers) net.meet_one(a, peer);
  const Record record = records::owned(owner, "name", 1, "value");
  net.raw_answer = [&](const Drive::Sent& one) {
    return wire::Nodes{{}, one.to == peers[0] ? std::optional(record) : std::nullopt};
  };
  net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    return one.to == peers[0] ? seconds(2) : Duration::zero();
  };
  SUBCASE("enough without it") {
    net.raw_answer = [&](const Drive::Sent&) { return wire::Nodes{{}, record}; };
    REQUIRE(net.run<Found>(a, GetRequest{key}).ok());
    CHECK(net.now().at - Drive::kStart < seconds(2));
  }
  SUBCASE("nothing without it") {
    REQUIRE(net.run<Found>(a, GetRequest{key}).ok());
    CHECK(net.now().at - Drive::kStart >= seconds(2));
  }
  SUBCASE("not enough without it") {
    net.freeze(peers[1]);
    net.freeze(peers[2]);
    const auto found = net.run<Found>(a, GetRequest{key});
    REQUIRE(found.ok());
    CHECK(found->elapsed > seconds(2));
  }
}

TEST_CASE("too few answers to meet every set are not enough while a slow node may know better") {
  Config config = Drive::config();
  config.k = 8;  // of these seven w = 5, r = 3
  Getting f(config);
  f.held[f.peer(0)] = f.version(1);
  f.held[f.peer(1)] = f.version(2, "newer");
  for (std::size_t i = 2; i < 6; ++i) f.net.freeze(f.peer(i));
  f.net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    return one.to == f.peer(1) ? seconds(4) : seconds(0);
  };
  const auto found = f.get();
  REQUIRE(found.ok());
  CHECK(found->record.sequence == 2);
}

TEST_CASE("get that runs out of time says how far it came") {
  Getting f;
  f.held[f.peer(0)] = f.version(7);
  for (std::size_t i = 1; i < 6; ++i) f.net.freeze(f.peer(i));
  const auto found = f.net.run<Found>(f.a, GetRequest{f.key, false}, milliseconds(300));
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().code == Errc::timeout);
  CHECK(found.error().detail ==
        "answered 1 of 3 nodes asked; the latest version so far has sequence 7");
}

TEST_CASE("get of a record that is damaged here fails as storage does if nobody else has it") {
  Getting f;
  f.net.storage(f.a).put(f.version(3));
  f.net.storage(f.a).damaged = {f.key};
  const auto found = f.get();
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().code == Errc::storage_failed);
  CHECK(found.error().detail.find("damaged") != std::string::npos);
  CHECK(found.error().detail.find("nodes that answered holds it") != std::string::npos);
  CHECK(f.net.stats(f.a).records_unreadable == 1);
  CHECK(f.net.times_noticed(f.a, "record_unreadable") == 1);
  CHECK_FALSE(f.net.storage(f.a).outline(f.key));  // erased
}

TEST_CASE("get of a record that is damaged here puts back what others have") {
  Getting f;
  f.net.storage(f.a).put(f.version(3));
  f.net.storage(f.a).damaged = {f.key};
  for (const Host peer : f.peers) f.held[peer] = f.version(3);
  REQUIRE(f.get().ok());
  const auto here = f.net.storage(f.a).find(f.key);
  REQUIRE(here.ok());
  REQUIRE(*here);
  CHECK((*here)->record == f.version(3));
  const auto again = f.get(true);
  REQUIRE(again.ok());
  CHECK(again->local);
}
