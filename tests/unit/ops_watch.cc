// watch: what it gives, at whom it watches, and what it does when they are lost.
#include <doctest/doctest.h>

#include <algorithm>

#include "support/drive.h"

using namespace kadmos;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Host = Drive::Host;

namespace {

using Sequences = std::vector<std::uint64_t>;

// A node with k = 4 (so r = 2, and it watches at 4) that knows seven raw peers, named by their
// place: peer(0) is the nearest to the key. Each holds what the test says and names all the others.
struct Watching {
  explicit Watching(const Config& config = Drive::config()) : a(net.add(config)) {
    for (int i = 0; i < 7; ++i) peers.push_back(net.add_raw());
    peers = net.by_distance(key, peers);
    for (const Host peer : peers) net.meet_one(a, peer);
    net.raw_answer = [this](const Drive::Sent& one) { return answer(one); };
  }
  std::optional<wire::Body> answer(const Drive::Sent& one) {
    if (const auto* watch = std::get_if<wire::Watch>(&one.message.body)) {
      if (refuses.contains(one.to)) return wire::Failure{wire::FailureCode::busy, "full"};
      request[one.to] = one.message.request;
      if (watch->lease_s == 0) {
        watched.erase(one.to);
        return wire::Watching{};
      }
      watched.insert(one.to);
      wire::Watching out{{}, watch->lease_s};
      if (held.contains(one.to)) out.record = held.at(one.to);
      return out;
    }
    wire::Nodes nodes;
    for (const Host peer : peers) {
      if (peer != one.to) nodes.contacts.push_back(net.contact(peer));
    }
    return nodes;
  }
  OpId watch() {
    const OpId op = net.start(a, WatchRequest{key}, Duration::max());
    net.run_for(milliseconds(100));
    return op;
  }
  Record version(std::uint64_t sequence, std::string_view value = "value") const {
    return records::owned(owner, "name", sequence, value, records::kNoon + hours(24));
  }
  // The peer at the place pushes a version.
  void push(std::size_t place, const Record& record) {
    net.inject(a, peer(place), wire::Message{request[peer(place)], wire::Update{record}});
  }
  void push_all(const Record& record) {
    for (const Host peer : watched) {
      net.inject(a, peer, wire::Message{request[peer], wire::Update{record}});
    }
  }
  Sequences given(OpId op) const {
    Sequences out;
    for (const Update& update : net.items<Update>(a, op)) out.push_back(update.record.sequence);
    return out;
  }
  std::set<Host> nearest(std::vector<std::size_t> places) const {
    std::set<Host> out;
    for (const std::size_t place : places) out.insert(peer(place));
    return out;
  }
  Host peer(std::size_t place) const { return peers[place]; }
  Stats stats() const { return net.stats(a); }

  Drive net;
  Identity owner = records::identity(200);
  Key key = owned_key(owner.public_key(), view_of("name"));
  Host a;
  std::vector<Host> peers;
  std::map<Host, Record> held;
  std::set<Host> watched;
  std::set<Host> refuses;
  std::map<Host, std::uint64_t> request;
};

}  // namespace

TEST_CASE("watch asks the nearest that answer and gives the newest of what they hold") {
  Watching f;
  f.held[f.peer(0)] = f.version(3);
  f.held[f.peer(2)] = f.version(5);
  const OpId op = f.watch();
  CHECK(f.watched == f.nearest({0, 1, 2, 3}));
  CHECK(f.given(op) == Sequences{5});
  CHECK(f.net.items<Update>(f.a, op)[0].from == f.net.contact(f.peer(2)));
  CHECK_FALSE(f.net.ended(f.a, op));
}

TEST_CASE("watch of what nobody holds gives nothing until it is there") {
  Watching f;
  const OpId op = f.watch();
  CHECK(f.given(op).empty());
  f.push(1, f.version(1));
  CHECK(f.given(op) == Sequences{1});
}

TEST_CASE("watch gives each newer version once and in order") {
  Watching f;
  f.held[f.peer(0)] = f.version(1);
  const OpId op = f.watch();
  f.push(0, f.version(2));
  f.push(1, f.version(2));
  f.push(0, f.version(3));
  f.push(1, f.version(3));
  f.push(2, f.version(2));
  f.push(3, f.version(1));
  CHECK(f.given(op) == Sequences{1, 2, 3});
  CHECK(f.stats().updates_received == 6);
  CHECK(f.stats().records_invalid == 0);
}

TEST_CASE("watch gives a tombstone as a version") {
  Watching f;
  f.held[f.peer(0)] = f.version(1);
  const OpId op = f.watch();
  Record gone = f.version(2);
  gone.type = RecordType::tombstone;
  gone.value.clear();
  sign(gone, f.owner, records::kNetwork);
  f.push(0, gone);
  const auto items = f.net.items<Update>(f.a, op);
  REQUIRE(items.size() == 2);
  CHECK(items[1].record == gone);
}

TEST_CASE("the same version with a longer life is no news") {
  Watching f;
  f.held[f.peer(0)] = f.version(1);
  const OpId op = f.watch();
  f.push(0, records::owned(f.owner, "name", 1, "value", records::kNoon + hours(48)));
  CHECK(f.given(op) == Sequences{1});
}

TEST_CASE("of two values with one sequence watch gives the one that wins") {
  Watching f;
  const Record one = f.version(1, "one");
  const Record other = f.version(1, "other");
  const bool other_wins = order(other, one) > 0;
  f.held[f.peer(0)] = other_wins ? one : other;
  const OpId op = f.watch();
  f.push(0, other_wins ? other : one);
  f.push(1, other_wins ? one : other);
  CHECK(f.given(op) == Sequences{1, 1});
  CHECK(f.net.items<Update>(f.a, op)[1].record == (other_wins ? other : one));
  CHECK(f.stats().equivocations == 1);
}

TEST_CASE("what comes while the present version is being found out comes after it") {
  Watching f;
  for (const Host peer : f.peers) f.held[peer] = f.version(3);
  f.net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    const bool late = one.from == f.a && one.to == f.peer(3) &&
                      std::holds_alternative<wire::Watch>(one.message.body);
    return late ? milliseconds(15) : milliseconds(0);
  };
  const OpId op = f.net.start(f.a, WatchRequest{f.key}, Duration::max());
  f.net.run_until([&] { return f.watched.size() == 3; });
  f.net.run_for(Drive::kLatency);
  f.push(0, f.version(2));
  f.push(0, f.version(4));
  CHECK(f.given(op).empty());
  f.net.run_for(milliseconds(100));
  CHECK(f.given(op) == Sequences{4});
}

TEST_CASE("an update that does not verify costs its peer the watch") {
  Watching f;
  const OpId op = f.watch();
  Record forged = f.version(2);
  forged.value = to_bytes("forged");
  f.push(0, forged);
  CHECK(f.given(op).empty());
  CHECK(f.stats().records_invalid == 1);
  f.push(0, forged);  // it is not even looked at any more
  CHECK(f.stats().records_invalid == 1);
  CHECK(f.stats().updates_unsolicited == 1);
  f.push(1, f.version(1));
  CHECK(f.given(op) == Sequences{1});
}

TEST_CASE("an update of a peer that was not asked or of another key is dropped and counted") {
  Watching f;
  const OpId op = f.watch();
  f.push(6, f.version(1));
  f.push(0, records::owned(f.owner, "other", 1, "value", records::kNoon + hours(24)));
  CHECK(f.given(op).empty());
  CHECK(f.stats().updates_unsolicited == 2);
}

TEST_CASE("an expired version is left out") {
  Watching f;
  const OpId op = f.watch();
  f.push(0, records::owned(f.owner, "name", 9, "old", f.net.wall() - seconds(601)));
  f.push(0, f.version(1));
  CHECK(f.given(op) == Sequences{1});
}

TEST_CASE("watch renews its leases for as long as it runs") {
  Watching f;
  f.watch();
  f.net.sent.clear();
  f.net.run_for(hours(1));
  for (std::size_t place = 0; place < 4; ++place) {
    const auto asked = f.net.sent_of<wire::Watch>(f.a, f.peer(place));
    CHECK(asked.size() >= 60);  // one a minute at least
    CHECK(asked.size() <= 76);  // and not much more
  }
  CHECK(f.watched == f.nearest({0, 1, 2, 3}));
}

TEST_CASE("watch takes others when its replicas are lost and nothing is missed") {
  Watching f;
  f.held[f.peer(0)] = f.version(1);
  const OpId op = f.watch();
  f.net.sent.clear();
  for (const std::size_t place : {0, 1, 2}) {
    f.net.take_down(f.peer(place));
    f.net.break_connection(f.a, f.peer(place));
    f.watched.erase(f.peer(place));
  }
  f.push(3, f.version(2));
  f.net.run_for(seconds(1));
  CHECK(f.watched == f.nearest({3, 4, 5, 6}));
  f.push_all(f.version(3));
  CHECK(f.given(op) == Sequences{1, 2, 3});
}

TEST_CASE("a version that was set while replicas were being replaced is found") {
  Watching f;
  f.held[f.peer(0)] = f.version(1);
  const OpId op = f.watch();
  f.net.take_down(f.peer(0));
  f.held[f.peer(4)] = f.version(2);  // and nobody else
  f.net.break_connection(f.a, f.peer(0));
  f.net.run_for(seconds(1));
  CHECK(f.given(op) == Sequences{1, 2});
}

TEST_CASE("a peer that keeps breaking its connection does not make watch search all the time") {
  Watching f;
  f.watch();
  f.net.sent.clear();
  for (int i = 0; i < 600; ++i) {
    f.net.break_connection(f.a, f.peer(0));
    f.net.run_for(milliseconds(100));
  }
  CHECK(f.watched.contains(f.peer(1)));
  CHECK(f.net.sent_of<wire::Watch>(f.a, f.peer(1)).size() < 20);
}

TEST_CASE("a peer that refuses to be watched is replaced by the next nearest") {
  Watching f;
  f.refuses = {f.peer(1)};
  f.watch();
  CHECK(f.watched == f.nearest({0, 2, 3, 4}));
}

TEST_CASE("a silent peer is not waited for when the present version is given") {
  Watching f;
  for (const Host peer : f.peers) f.held[peer] = f.version(1);
  f.net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    const bool lost = one.to == f.peer(0) && std::holds_alternative<wire::Watch>(one.message.body);
    if (lost) return std::nullopt;
    return Duration::zero();
  };
  const OpId op = f.net.start(f.a, WatchRequest{f.key}, Duration::max());
  f.net.run_for(seconds(2));
  CHECK(f.given(op) == Sequences{1});
  CHECK(f.watched == f.nearest({1, 2, 3, 4}));
}

TEST_CASE("dropping a watch ends it at the replicas") {
  Watching f;
  const OpId op = f.watch();
  REQUIRE(f.watched.size() == 4);
  f.net.cancel(f.a, op);
  f.net.run_for(seconds(1));
  CHECK(f.watched.empty());
  f.push(0, f.version(1));
  CHECK(f.given(op).empty());
  f.net.sent.clear();
  f.net.run_for(seconds(300));
  CHECK(f.net.sent_of<wire::Watch>(f.a).empty());
}

TEST_CASE("dropping one of two watches of a key leaves the other its updates") {
  Watching f;
  const OpId first = f.watch();
  const OpId second = f.watch();
  f.push_all(f.version(1));
  f.net.cancel(f.a, first);
  f.net.run_for(seconds(1));
  CHECK(f.watched.size() == 4);
  f.push_all(f.version(2));
  CHECK(f.given(first) == Sequences{1});
  CHECK(f.given(second) == Sequences{1, 2});
}

TEST_CASE("nodes that are nearer than those watched are watched instead") {
  Watching f;
  f.net.take_down(f.peer(0));
  f.watch();
  f.net.run_for(seconds(1));
  REQUIRE(f.watched == f.nearest({1, 2, 3, 4}));
  f.net.take_down(f.peer(0), false);
  f.net.meet_one(f.a, f.peer(0));
  f.net.run_for(std::chrono::minutes(10));
  CHECK(f.watched == f.nearest({0, 1, 2, 3}));
}

TEST_CASE("watch gives what its own node makes durable") {
  Watching f;
  const OpId op = f.watch();
  f.net.inject(f.a, f.peer(6), wire::Message{7, wire::Store{f.version(1)}});
  REQUIRE(f.given(op) == Sequences{1});
  CHECK(f.net.items<Update>(f.a, op)[0].from == f.net.contact(f.a));
  const OpId later = f.watch();
  CHECK(f.given(later) == Sequences{1});
}

TEST_CASE("watch in a network of one gives what is set there") {
  Drive net;
  const Host a = net.add();
  const OpId op = net.start(a, WatchRequest{net.key(a, "name")}, Duration::max());
  CHECK(net.run<Receipt>(a, net.set("name", "one")).ok());
  CHECK(net.run<Receipt>(a, net.set("name", "two")).ok());
  CHECK(net.items<Update>(a, op).size() == 2);
  CHECK_FALSE(net.ended(a, op));
}

TEST_CASE("watch ends as unreachable if nobody can be reached when it begins") {
  Watching f;
  for (const Host peer : f.peers) f.net.take_down(peer);
  const OpId op = f.net.start(f.a, WatchRequest{f.key}, Duration::max());
  f.net.run_for(seconds(20));
  REQUIRE(f.net.ended(f.a, op));
  CHECK(f.net.result<void>(f.a, op).error().code == Errc::unreachable);
}

TEST_CASE("watch outlives the loss of everybody and goes on when they are back") {
  Watching f;
  f.held[f.peer(0)] = f.version(1);
  const OpId op = f.watch();
  for (const Host peer : f.peers) f.net.take_down(peer);
  for (const Host peer : f.peers) f.net.break_connection(f.a, peer);
  f.watched.clear();
  f.net.run_for(seconds(60));
  CHECK_FALSE(f.net.ended(f.a, op));
  for (const Host peer : f.peers) {
    f.net.take_down(peer, false);
    f.net.meet_one(f.a, peer);
  }
  f.held[f.peer(1)] = f.version(2);
  f.net.run_for(seconds(15));
  CHECK(f.watched.size() == 4);
  CHECK(f.given(op) == Sequences{1, 2});
}

TEST_CASE("closing the node ends its watches") {
  Watching f;
  const OpId op = f.watch();
  f.net.close(f.a);
  REQUIRE(f.net.ended(f.a, op));
  CHECK(f.net.result<void>(f.a, op).error().code == Errc::closed);
}

TEST_CASE("watch gives the present version though a replica promises nothing or nonsense") {
  Watching f;
  f.held[f.peer(1)] = f.version(3);
  wire::Body nothing;
  SUBCASE("a lease of no time") { nothing = wire::Watching{std::nullopt, 0}; }
  SUBCASE("contacts") { nothing = wire::Nodes{}; }
  SUBCASE("another kind") { nothing = wire::Pong{}; }
  f.net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    const bool watch = std::holds_alternative<wire::Watch>(one.message.body);
    return watch && one.to == f.peer(0) ? nothing : f.answer(one);
  };
  const OpId op = f.watch();
  CHECK(f.given(op) == Sequences{3});
  CHECK(f.watched == f.nearest({1, 2, 3, 4}));
  f.net.run_for(seconds(70));  // and goes on to renew its leases
  CHECK(f.net.sent_of<wire::Watch>(f.a, f.peer(1)).size() == 2);
}

TEST_CASE("a peer that answers farewells with promises is told once") {
  Watching f;
  f.held[f.peer(0)] = f.version(3);
  f.held[f.peer(0)].value = to_bytes("forged");
  std::uint64_t farewells = 0;
  f.net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    const auto* watch = std::get_if<wire::Watch>(&one.message.body);
    if (watch == nullptr || one.to != f.peer(0)) return f.answer(one);
    if (watch->lease_s == 0) ++farewells;
    return wire::Watching{f.held[f.peer(0)], 120};
  };
  f.watch();
  f.net.run_for(seconds(5));
  CHECK(farewells >= 1);
  CHECK(farewells <= 2);
}

TEST_CASE("watch gives the first version of a name again once one before has expired") {
  Watching f;
  const auto first = [&](std::string_view value, Duration life) {
    return records::owned(f.owner, "name", 1, value,
                          f.net.wall() + std::chrono::duration_cast<milliseconds>(life));
  };
  Record one = first("one", seconds(60));
  Record two = first("two", seconds(60) + hours(1));
  if (order(two, one) > 0) {  // the one that would lose to the other
    one = first("two", seconds(60));
    two = first("one", seconds(60) + hours(1));
  }
  f.held[f.peer(0)] = one;
  const OpId op = f.watch();
  f.push(1, two);
  CHECK(f.given(op) == Sequences{1});
  f.held.clear();
  f.net.run_for(std::chrono::minutes(12));  // clocks may differ by ten
  f.push(1, two);
  CHECK(f.given(op) == Sequences{1, 1});
}
