// Connections that die without a word, and what comes after them.
#include "tests/world/wires.h"

namespace kadmos::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::size_t count(const Ear& ear, std::string_view what) {
  return static_cast<std::size_t>(std::ranges::count(ear.heard, what));
}

// Two hosts that are connected, asked for in both orders: the keys decide who clears up.
struct Pair {
  explicit Pair(bool small_first) : wires(as_shipped()), one(wires.add()), two(wires.add()) {
    near = small_first ? &one : &two;
    far = small_first ? &two : &one;
    wires.send(*near, *far, "hello");
    wires.run_for(seconds(1));
    CHECK(far->heard == Heard{"hello"});
    far->heard.clear();
  }
  // The far process ends without a trace and begins anew.
  void restart_far() {
    wires.network.close(far->index);
    far->transport.reset();
    wires.start(*far);
  }
  static NetworkOptions as_shipped() {
    NetworkOptions options = even_options();
    options.give_up = ConnectionRules::kDeadAfter;
    return options;
  }
  Wires wires;
  Ear& one;
  Ear& two;
  Ear* near = nullptr;
  Ear* far = nullptr;
};

TEST_CASE(
    "what a dead connection swallows is reported after five seconds, and then it is dialled") {
  Pair pair(true);
  pair.wires.network.half_open(pair.far->index);
  pair.wires.send(*pair.near, *pair.far, "lost");
  pair.wires.run_for(milliseconds(4'990));
  CHECK(pair.near->heard.empty());
  pair.wires.run_for(milliseconds(20));
  CHECK(pair.near->heard == Heard{"closed"});
  pair.wires.send(*pair.near, *pair.far, "again");
  pair.wires.run_for(seconds(1));
  CHECK(pair.far->heard == Heard{"again"});
}

TEST_CASE("a dead connection that nobody uses is found out by the keepalive") {
  Pair pair(true);
  pair.wires.network.half_open(pair.near->index);
  pair.wires.run_for(seconds(19));
  CHECK(pair.wires.stats(*pair.near).connections == 1);
  pair.wires.run_for(seconds(2));
  CHECK(pair.wires.stats(*pair.near).connections == 0);
  CHECK(pair.wires.stats(*pair.far).connections == 0);
}

TEST_CASE("what is on its way when a connection dies does not arrive") {
  Pair pair(true);
  pair.wires.send(*pair.near, *pair.far, "lost");
  pair.wires.network.half_open(pair.far->index);
  pair.wires.settle();
  CHECK(pair.far->heard == Heard{"closed"});
}

TEST_CASE("who comes back on a new connection is answered over that one at once") {
  for (const bool small_first : {true, false}) {
    CAPTURE(small_first);
    Pair pair(small_first);
    pair.wires.network.half_open(pair.far->index);
    pair.restart_far();
    pair.wires.send(*pair.far, *pair.near, "ask");
    pair.wires.run_for(milliseconds(70));
    REQUIRE(count(*pair.near, "ask") == 1);
    const Peer asker = pair.near->last;
    pair.near->transport->answer(asker.contact.key, asker.connection, to_bytes("answer"));
    pair.wires.run_for(milliseconds(20));
    // The node with the smaller key trusts the dead connection still, and has retired this one.
    CHECK(count(*pair.far, "answer") == (small_first ? 0 : 1));
    CHECK(pair.wires.network.counts().astray == 0);
  }
}

TEST_CASE("who comes back is reached again within the patience whichever key is smaller") {
  for (const bool small_first : {true, false}) {
    CAPTURE(small_first);
    Pair pair(small_first);
    pair.wires.network.half_open(pair.far->index);
    pair.restart_far();
    // The peer asks every half second, as one does that has work; so do we.
    for (int i = 0; i < 12; ++i) {
      pair.wires.send(*pair.far, *pair.near, "ask");
      pair.wires.send(*pair.near, *pair.far, i == 11 ? "last" : "call");
      pair.wires.run_for(milliseconds(500));
    }
    CHECK(count(*pair.far, "last") == 1);
    CHECK(count(*pair.near, "closed") <= 1);
    CHECK(pair.wires.network.counts().astray == 0);
  }
}

TEST_CASE("a connection that has been silent gives way to a newer one at once") {
  for (const bool small_first : {true, false}) {
    CAPTURE(small_first);
    Pair pair(small_first);
    pair.wires.run_for(seconds(6));
    pair.wires.network.half_open(pair.far->index);
    pair.restart_far();
    pair.wires.send(*pair.far, *pair.near, "ask");
    pair.wires.run_for(milliseconds(70));
    pair.wires.send(*pair.near, *pair.far, "call");
    pair.wires.run_for(milliseconds(20));
    CHECK(count(*pair.far, "call") == 1);
  }
}

TEST_CASE("a peer that hangs up politely still gets the answers it is owed") {
  struct Owing final : TransportListener {
    void on_frame(const Peer& from, ByteView) override { asker = from; }
    void on_reached(const Bootstrap&, const Peer&) override {}
    void on_probe_failed(const Bootstrap&, Unreachable) override {}
    void on_unreachable(const PublicKey&, Unreachable) override {}
    bool owes(const PublicKey&) const override { return owing; }
    Peer asker;
    bool owing = true;
  };
  Wires wires;
  Config narrow;
  narrow.limits.connections = 1;
  Ear& asker = wires.add(narrow);
  Ear& other = wires.add();
  Owing server;
  PublicKey key;
  key.bytes[0] = 9;
  const NodeIndex index = wires.network.add_host(key, Endpoint::v4(10, 0, 0, 9, 4000));
  const auto transport = wires.network.make_transport(index, {});
  REQUIRE(transport->start(server).ok());

  asker.transport->send(wires.network.contact(index), to_bytes("store"));
  wires.run_for(milliseconds(100));
  // One connection is all it may have: to talk to another it hangs up.
  wires.send(asker, other, "hello");
  wires.run_for(seconds(1));
  REQUIRE(other.heard == Heard{"hello"});
  CHECK(asker.heard.empty());
  server.owing = false;
  transport->answer(server.asker.contact.key, server.asker.connection, to_bytes("stored"));
  wires.run_for(seconds(1));
  CHECK(asker.heard == Heard{"stored"});
  Stats stats;
  transport->add_stats(stats);
  CHECK(stats.connections == 0);
}

TEST_CASE("peers take two hosts with one key for one") {
  Wires wires;
  Ear& one = wires.add();
  Ear& two = wires.add();
  Ear twin;
  twin.queue = &wires.queue;
  twin.index =
      wires.network.add_host(wires.network.key(two.index), Endpoint::v4(10, 0, 0, 7, 4000));
  wires.start(twin);
  wires.send(one, two, "to the first");
  wires.run_for(seconds(6));
  CHECK(two.heard == Heard{"to the first"});
  wires.send(twin, one, "from the twin");
  wires.run_for(seconds(6));
  CHECK(one.heard == Heard{"from the twin"});
  CHECK(one.last.contact.key == wires.network.key(two.index));
  CHECK(one.last.contact.endpoints.front() == wires.network.address(twin.index));
  wires.send(one, two, "to whom?");
  wires.run_for(seconds(1));
  CHECK(twin.heard == Heard{"to whom?"});
}

}  // namespace
}  // namespace kadmos::sim
