// What a node keeps of peers that watch keys at it, and when it sends them what.
#include <doctest/doctest.h>

#include "engine/watchers.h"
#include "support/drive.h"

using namespace kadmos;
using std::chrono::hours;
using std::chrono::seconds;
using Host = Drive::Host;
using wire::Failure;
using wire::FailureCode;

namespace {

Party by(const PublicKey& peer) { return {peer, {}, 0}; }
PublicKey peer_of(std::size_t i) {
  PublicKey out;
  for (int byte = 0; byte < 4; ++byte) out.bytes[byte] = static_cast<Byte>(i >> 8 * byte);
  return out;
}
Key key_number(std::size_t i) { return Id::from_top(i); }

// A node and a peer that watches a name there.
struct Watched {
  explicit Watched(const Config& config = Drive::config()) : a(net.add(config)), b(net.add_raw()) {
    net.meet_one(a, b);
  }
  std::optional<wire::Body> ask(Host from, const wire::Body& request, std::uint64_t id = 77) {
    net.sent.clear();
    net.inject(a, from, wire::Message{id, request});
    return net.last_answer(a, from);
  }
  std::optional<wire::Body> watch(std::uint32_t lease = 120, std::uint64_t id = 77) {
    return ask(b, wire::Watch{key, lease}, id);
  }
  Record version(std::uint64_t sequence, std::string_view value = "value") const {
    return records::owned(owner, "name", sequence, value, net.wall() + hours(1));
  }
  void store(const Record& record) { net.inject(a, c, wire::Message{5, wire::Store{record}}); }
  // The updates that a sent to the host, as their sequences.
  std::vector<std::uint64_t> updates(Host to) const {
    std::vector<std::uint64_t> out;
    for (const auto& one : net.sent_of<wire::Update>(a, to)) {
      out.push_back(std::get<wire::Update>(one.message.body).record.sequence);
    }
    return out;
  }

  Drive net;
  Identity owner = records::identity(200);
  Key key = owned_key(owner.public_key(), view_of("name"));
  Host a;
  Host b;
  Host c = net.add_raw();
};

}  // namespace

TEST_CASE("watchers are told by key and forgotten by peer") {
  const Limits limits;
  Watchers watchers(limits);
  for (std::size_t peer = 1; peer <= 3; ++peer) {
    for (std::size_t key = 1; key <= 4; ++key) {
      REQUIRE(
          watchers.add(key_number(key), by(peer_of(peer)), 10 * peer + key, TimePoint(seconds(9))));
    }
  }
  CHECK(watchers.size() == 12);
  auto of = watchers.of(key_number(2));
  REQUIRE(of.size() == 3);
  CHECK(of[1].peer == peer_of(2));
  CHECK(of[1].request == 22);
  CHECK(watchers.of(key_number(5)).empty());
  watchers.forget(peer_of(2));
  watchers.end(key_number(2), peer_of(1));
  watchers.end(key_number(2), peer_of(1));
  watchers.forget(peer_of(7));
  CHECK(watchers.size() == 7);
  of = watchers.of(key_number(2));
  REQUIRE(of.size() == 1);
  CHECK(of[0].peer == peer_of(3));
}

TEST_CASE("a watch that is not renewed ends with its lease") {
  const Limits limits;
  Watchers watchers(limits);
  CHECK_FALSE(watchers.next_timeout());
  watchers.add(key_number(1), by(peer_of(1)), 1, TimePoint(seconds(10)));
  watchers.add(key_number(2), by(peer_of(1)), 2, TimePoint(seconds(20)));
  watchers.add(key_number(1), by(peer_of(1)), 3, TimePoint(seconds(30)));
  CHECK(watchers.size() == 2);
  CHECK(watchers.next_timeout() == TimePoint(seconds(20)));
  watchers.expire(TimePoint(seconds(20)));
  CHECK(watchers.of(key_number(2)).empty());
  REQUIRE(watchers.of(key_number(1)).size() == 1);
  CHECK(watchers.of(key_number(1))[0].request == 3);
  watchers.expire(TimePoint(seconds(30)));
  CHECK(watchers.size() == 0);
  CHECK_FALSE(watchers.next_timeout());
}

TEST_CASE("ten thousand watches are held and each bound on them is kept") {
  const Limits limits;
  Watchers watchers(limits);
  const auto add = [&](std::size_t peer, std::size_t key) {
    return watchers.add(key_number(key), by(peer_of(peer)), 1, TimePoint(seconds(60 + key % 60)));
  };
  for (std::size_t i = 0; i < 10'000; ++i) REQUIRE(add(i % 4, i));
  CHECK(watchers.size() == 10'000);
  for (std::size_t i = 10'000; i < 20'000; ++i) add(0, i);
  CHECK(watchers.size() == 10'000 + limits.watches_per_peer - 2500);
  CHECK(add(0, 0));  // a renewal is no more than there was
  for (std::size_t i = 0; i < 20'000; ++i) add(10 + i, 1);
  CHECK(watchers.size() == limits.watches);
  CHECK_FALSE(add(5, 7));
  CHECK(add(1, 1));
  watchers.expire(TimePoint(seconds(200)));
  CHECK(watchers.size() == 0);
  CHECK(add(5, 7));
}

TEST_CASE("a few peers or one address group cannot take the watches of all others") {
  const Limits limits;
  Watchers watchers(limits);
  const auto party = [](std::size_t peer, Byte group) {
    return Party::at(AddressGroups::usual(), Endpoint::v4(8, 8, group, 1, 1), peer_of(peer));
  };
  std::size_t key = 0;
  const auto fill = [&](const Party& who) {
    for (std::size_t i = 0; i < 2 * limits.watches_per_peer; ++i) {
      watchers.add(key_number(++key), who, 1, TimePoint(seconds(60)));
    }
  };
  for (std::size_t peer = 1; peer <= 8; ++peer) fill(party(peer, 1));
  CHECK(watchers.size() == limits.watches / 2);
  for (std::size_t peer = 9; peer <= 12; ++peer) fill(party(peer, static_cast<Byte>(peer)));
  CHECK(watchers.size() < limits.watches);
  for (std::size_t i = 0; i < 100; ++i) {
    REQUIRE(watchers.add(key_number(i), party(100, 100), 1, TimePoint(seconds(60))));
  }
  watchers.forget(peer_of(1));
  CHECK(watchers.add(key_number(1), party(3, 1), 1, TimePoint(seconds(60))));
}

TEST_CASE("a watch is answered with what is durable and followed by what becomes so") {
  Watched f;
  CHECK(f.watch() == wire::Body(wire::Watching{{}, 120}));
  CHECK(f.net.stats(f.a).watches_held == 1);
  f.net.sent.clear();
  f.store(f.version(1));
  const auto updates = f.net.sent_of<wire::Update>(f.a, f.b);
  REQUIRE(updates.size() == 1);
  CHECK(updates[0].message == wire::Message{77, wire::Update{f.version(1)}});
  CHECK(updates[0].at.empty());  // so nobody dials for it
  CHECK(f.net.stats(f.a).updates_sent == 1);
  CHECK(f.watch(60, 78) == wire::Body(wire::Watching{f.version(1), 60}));
  f.store(f.version(2));
  REQUIRE(f.net.sent_of<wire::Update>(f.a, f.b).size() == 1);
  CHECK(f.net.sent_of<wire::Update>(f.a, f.b)[0].message.request == 78);
  CHECK(f.net.stats(f.a).watches_held == 1);
}

TEST_CASE("a version is sent to watchers when it is durable and not before") {
  Watched f;
  f.watch();
  f.net.storage(f.a).pump_at_most = 0;
  f.store(f.version(1));
  CHECK(f.updates(f.b).empty());
  CHECK(f.watch() == wire::Body(wire::Watching{{}, 120}));
  f.net.commit(f.a);
  CHECK(f.updates(f.b) == std::vector<std::uint64_t>{1});
}

TEST_CASE("a version that could not be made durable is not sent") {
  Watched f;
  f.watch();
  f.net.storage(f.a).fail_commit = [] { return true; };
  f.store(f.version(1));
  CHECK(f.updates(f.b).empty());
}

TEST_CASE("versions of one batch are sent as the last of them") {
  Watched f;
  f.watch();
  f.net.storage(f.a).pump_at_most = 0;
  f.store(f.version(1));
  f.store(f.version(2));
  f.net.commit(f.a);
  CHECK(f.updates(f.b).back() == 2);
  CHECK(f.updates(f.b).size() <= 2);
}

TEST_CASE("a record that only lives longer and one that is older are not sent") {
  Watched f;
  f.watch();
  f.store(f.version(2));
  f.net.sent.clear();
  f.net.run_for(seconds(30));
  f.store(f.version(2));
  f.store(f.version(1));
  CHECK(f.updates(f.b).empty());
  f.store(records::owned(f.owner, "other", 1, "value", f.net.wall() + hours(1)));
  CHECK(f.updates(f.b).empty());
}

TEST_CASE("nothing is sent any more once a watch is over") {
  Watched f;
  f.watch();
  SUBCASE("it was ended") { CHECK(f.watch(0) == wire::Body(wire::Watching{{}, 0})); }
  SUBCASE("its lease is over") { f.net.run_for(seconds(120)); }
  SUBCASE("its connection broke") { f.net.break_connection(f.a, f.b); }
  CHECK(f.net.stats(f.a).watches_held == 0);
  f.net.sent.clear();
  f.store(f.version(1));
  CHECK(f.updates(f.b).empty());
}

TEST_CASE("watches beyond a bound are answered busy and counted") {
  Config config = Drive::config();
  SUBCASE("of one peer") { config.limits.watches_per_peer = 2; }
  SUBCASE("of all") { config.limits.watches = 4; }  // nobody has more than he leaves
  Watched f(config);
  f.ask(f.b, wire::Watch{key_number(1), 60});
  f.ask(f.b, wire::Watch{key_number(2), 60});
  const auto answer = f.watch();
  REQUIRE(answer);
  REQUIRE(std::holds_alternative<Failure>(*answer));
  CHECK(std::get<Failure>(*answer).code == FailureCode::busy);
  CHECK(f.net.stats(f.a).watches_refused == 1);
  CHECK(f.net.stats(f.a).watches_held == 2);
}

TEST_CASE("a client lets nobody watch") {
  Config config = Drive::config();
  config.client = true;
  Drive net;
  const Host a = net.add(config);
  const Host b = net.add_raw();
  net.meet_one(a, b);
  net.inject(a, b, wire::Message{7, wire::Watch{key_number(1), 60}});
  const auto answer = net.last_answer(a, b);
  REQUIRE(answer);
  REQUIRE(std::holds_alternative<Failure>(*answer));
  CHECK(std::get<Failure>(*answer).code == FailureCode::refused);
}

TEST_CASE("an update nobody asked for is dropped and counted") {
  Watched f;
  f.net.inject(f.a, f.b, wire::Message{7, wire::Update{f.version(1)}});
  CHECK(f.net.stats(f.a).updates_unsolicited == 1);
  CHECK(f.net.stats(f.a).records_held == 0);
  CHECK(f.net.dropped(f.a).empty());
}
