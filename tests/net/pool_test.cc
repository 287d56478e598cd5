// One connection a peer, and the bounds: simultaneous dials, eviction, back-pressure, refusals.
#include <doctest/doctest.h>

#include <set>

#include "net/harness.h"
#include "uv/address.h"

namespace kadmos::net {
namespace {

using std::chrono::milliseconds;

std::string numbered(const std::string& what, int i) { return what + " " + std::to_string(i); }

// Each of 0..count-1 once, in any order.
bool complete(const Honest& at, const std::string& what, int count) {
  std::set<std::string> got;
  for (const auto& [from, text] : at.frames) got.insert(text);
  for (int i = 0; i < count; ++i) {
    if (!got.contains(numbered(what, i))) return false;
  }
  return at.frames.size() == static_cast<std::size_t>(count);
}

TEST_CASE("Simultaneous dials end with one connection and no lost or doubled frame") {
  for (int round = 0; round < 40; ++round) {
    CAPTURE(round);
    UvLoop loop;
    Honest a(loop, 2 * round);
    Honest b(loop, 2 * round + 1);
    constexpr int kFrames = 60;
    for (int i = 0; i < 20; ++i) {
      a.send(b, numbered("a", i));
      b.send(a, numbered("b", i));
    }
    // More while the two connections are being resolved to one.
    int a_next = 20;
    int b_next = 20;
    a.frame_hook = [&](const Peer&, ByteView) {
      if (a_next < kFrames) a.send(b, numbered("a", a_next++));
    };
    b.frame_hook = [&](const Peer&, ByteView) {
      if (b_next < kFrames) b.send(a, numbered("b", b_next++));
    };
    REQUIRE(until(loop, [&] {
      return complete(a, "b", kFrames) && complete(b, "a", kFrames) && a.stats().connections == 1 &&
             b.stats().connections == 1;
    }));
    CHECK(a.lost.empty());
    CHECK(b.lost.empty());
    CHECK(a.reaches(b));
    CHECK(b.reaches(a));
    CHECK(a.stats().connections_dialled == 1);
    CHECK(b.stats().connections_dialled == 1);
  }
}

TEST_CASE("Large frames queued on the connection that loses arrive over the one that stays") {
  UvLoop loop;
  Config config;
  config.limits.queued_bytes = 16 * 1024 * 1024;
  for (int round = 0; round < 4; ++round) {
    CAPTURE(round);
    Honest a(loop, 2 * round, config);
    Honest b(loop, 2 * round + 1, config);
    const std::string large(120'000, 'x');
    for (int i = 0; i < 50; ++i) {
      a.send(b, numbered(large, i));
      b.send(a, numbered(large, i));
    }
    REQUIRE(until(loop, [&] { return complete(a, large, 50) && complete(b, large, 50); }));
    REQUIRE(until(loop, [&] { return a.stats().connections == 1 && b.stats().connections == 1; }));
    CHECK(a.lost.empty());
    CHECK(b.lost.empty());
  }
}

TEST_CASE("Eight peers that all talk to all keep one connection a pair") {
  UvLoop loop;
  std::vector<std::unique_ptr<Honest>> peers;
  peers.reserve(8);
  for (int i = 0; i < 8; ++i) peers.push_back(std::make_unique<Honest>(loop, i));
  for (int round = 0; round < 5; ++round) {
    for (auto& from : peers) {
      for (auto& to : peers) {
        if (from != to) from->send(*to, numbered("x", round));
      }
    }
  }
  REQUIRE(until(loop, [&] {
    return std::all_of(peers.begin(), peers.end(), [](const auto& peer) {
      return peer->frames.size() == 35 && peer->stats().connections == 7;
    });
  }));
  for (const auto& peer : peers) CHECK(peer->lost.empty());
}

TEST_CASE("Over the budget the connection unused for longest closes without a loss") {
  UvLoop loop;
  Config config;
  config.limits.connections = 2;
  Honest server(loop, 100, config);
  Honest a(loop, 1);
  Honest b(loop, 2);
  Honest c(loop, 3);
  REQUIRE(a.reaches(server));
  REQUIRE(b.reaches(server));
  REQUIRE(a.reaches(server));
  REQUIRE(c.reaches(server));
  REQUIRE(until(loop, [&] { return b.stats().connections == 0; }));
  CHECK(server.stats().connections_evicted == 1);
  CHECK(server.stats().connections == 2);
  CHECK(a.stats().connections == 1);
  CHECK(c.stats().connections == 1);
  CHECK(server.lost.empty());
  CHECK(b.lost.empty());
  REQUIRE(b.reaches(server));
  CHECK(server.stats().connections_evicted == 2);
}

TEST_CASE("Peers that evict each other all day lose no frame") {
  UvLoop loop;
  Config config;
  config.limits.connections = 2;
  Honest server(loop, 100, config);
  server.frame_hook = [&](const Peer& from, ByteView frame) {
    server.send(from.contact, std::string(text_of(frame)));
  };
  std::vector<std::unique_ptr<Honest>> peers;
  std::vector<int> next(5, 0);
  constexpr int kFrames = 40;
  for (int i = 0; i < 5; ++i) {
    peers.push_back(std::make_unique<Honest>(loop, i));
    Honest& peer = *peers.back();
    peer.frame_hook = [&, i](const Peer&, ByteView) {
      if (++next[i] < kFrames) peer.send(server, numbered("x", next[i]));
    };
  }
  for (auto& peer : peers) peer->send(server, numbered("x", 0));
  REQUIRE(until(loop, [&] {
    // Only one that is refused because nobody is idle may lose something, and is told.
    for (auto& peer : peers) {
      if (peer->lost.empty()) continue;
      peer->lost.clear();
      peer->send(server, numbered("x", next[static_cast<std::size_t>(&peer - peers.data())]));
    }
    return std::all_of(next.begin(), next.end(), [](int n) { return n >= kFrames; });
  }));
  CHECK(server.stats().connections <= 2);
  CHECK(server.stats().connections_evicted > 0);
}

TEST_CASE("When no connection is idle a newcomer is refused and counted") {
  UvLoop loop;
  Config config;
  config.limits.connections = 1;
  Honest server(loop, 100, config);
  const Endpoint where = server.contact().endpoints.front();
  std::atomic<bool> end = false;
  std::atomic<bool> ready = false;
  std::thread busy([&] {
    RawSocket socket(where);
    RawTls tls(socket, false, {});
    tls.write(hello() + "10:abc");
    tls.read_frame();
    ready = true;
    while (!end) std::this_thread::yield();
  });
  REQUIRE(until(loop, [&] { return ready.load() && server.stats().connections == 1; }));
  Honest a(loop, 1);
  a.send(server, "x");
  REQUIRE(until(loop, [&] { return a.lost.size() == 1; }));
  CHECK(server.stats().connections_refused == 1);
  CHECK(server.stats().connections_evicted == 0);
  end = true;
  busy.join();
  CHECK(still_serves(server));
}

TEST_CASE("Handshakes in flight are bounded and a stale one makes room") {
  UvLoop loop;
  Config config;
  config.limits.handshakes = 2;
  TransportOptions options = listening();
  options.handshake_timeout = milliseconds(500);
  Honest server(loop, 100, config, options);
  const Endpoint where = server.contact().endpoints.front();
  RawSocket one(where);
  RawSocket two(where);
  RawSocket three(where);
  REQUIRE(until(loop, [&] { return server.stats().connections_refused >= 1; }));
  CHECK(still_serves(server));
}

TEST_CASE("Dials are bounded and one too many fails as overloaded") {
  UvLoop loop;
  Config config;
  config.limits.dials = 1;
  Honest a(loop, 1, config);
  const RawListener silent;
  a.send(Contact{key_of(2), Endpoints(silent.endpoint())}, "x");
  a.send(Contact{key_of(3), Endpoints(silent.endpoint())}, "y");
  a.probe({silent.endpoint(), std::nullopt});
  REQUIRE(until(loop, [&] { return a.lost.size() == 1 && a.probes_failed.size() == 1; }));
  CHECK(a.lost[0] == std::pair(key_of(3), Unreachable::overloaded));
  CHECK(a.probes_failed[0].second == Unreachable::overloaded);
}

TEST_CASE("A dial for nothing that waits leaves half of all dials to frames") {
  UvLoop loop;
  Config config;
  config.limits.dials = 2;
  Honest a(loop, 1, config);
  Honest b(loop, 2);
  const RawListener silent;
  a.dial(Contact{key_of(3), Endpoints(silent.endpoint())});
  a.dial(Contact{key_of(4), Endpoints(silent.endpoint())});
  CHECK(a.stats().connections_dialled == 1);
  REQUIRE(a.reaches(b));
  CHECK(a.lost.empty());
  CHECK(a.stats().dials_failed == 0);
}

TEST_CASE("Frames that wait for a dial are bounded") {
  UvLoop loop;
  Config config;
  config.limits.sending_bytes = 1000;
  Honest a(loop, 1, config);
  const RawListener silent;
  const Contact to{key_of(2), Endpoints(silent.endpoint())};
  a.send(to, std::string(600, 'x'));
  a.send(to, std::string(600, 'y'));
  REQUIRE(until(loop, [&] { return a.lost.size() == 1; }));
  CHECK(a.lost[0].second == Unreachable::overloaded);
  Honest b(loop, 2);
  CHECK(a.reaches(b));
}

// Answers frames of `request` bytes with frames of `answer` bytes.
void answer_with(Honest& self, std::size_t request, std::size_t answer) {
  self.frame_hook = [&self, request, answer](const Peer& from, ByteView frame) {
    if (frame.size() == request) self.send(from.contact, std::string(answer, 'r'));
  };
}

TEST_CASE("Answers much larger than the queue hold the requests back and none is lost") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest b(loop, 2);
  answer_with(b, 100, 60'000);
  for (int i = 0; i < 150; ++i) a.send(b, std::string(100, 'a'));
  REQUIRE(until(loop, [&] { return a.frames.size() == 150; }));
  CHECK(a.lost.empty());
  CHECK(b.lost.empty());
  CHECK(b.stats().peers_unread == 0);
}

TEST_CASE("Two peers that send each other much at once do not wait for each other for ever") {
  UvLoop loop;
  Config config;
  config.limits.queued_bytes = 16 * 1024 * 1024;
  Honest a(loop, 1, config);
  Honest b(loop, 2, config);
  REQUIRE(a.reaches(b));
  answer_with(a, 60'000, 10);
  answer_with(b, 60'000, 10);
  for (int i = 0; i < 270; ++i) {
    a.send(b, std::string(60'000, 'a'));
    b.send(a, std::string(60'000, 'b'));
  }
  REQUIRE(until(loop, [&] { return a.frames.size() == 540 && b.frames.size() == 541; }));
  CHECK(a.lost.empty());
  CHECK(b.lost.empty());
}

// ---- Shares. Loopback addresses count as public ones here: 127.0.G.x are the group G.

Config public_loopback() {
  Config config;
  config.groups.local.emplace();
  return config;
}

// A TCP connection with `to` from 127.0.`group`.`host`.
int connect_from(Byte group, Byte host, const Endpoint& to) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_storage from = to_sockaddr(Endpoint::v4(127, 0, group, host, 0));
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof(sockaddr_in)) == 0);
  const sockaddr_storage there = to_sockaddr(to);
  REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&there), sizeof(sockaddr_in)) == 0);
  return fd;
}

// A peer that has said hello and then sends the beginning of a frame.
struct Dawdler {
  Dawdler(UvLoop& loop, int number, Byte group, const Endpoint& to)
      : socket(connect_from(group, 1, to)) {
    Manners manners;
    manners.number = number;
    meanwhile(loop, [&] {
      tls.emplace(socket, false, manners);
      tls->write(hello());
      tls->read_frame();
      tls->write("100:half");
      return true;
    });
  }
  RawSocket socket;
  std::optional<RawTls> tls;
};

TEST_CASE("Connections of one address and of one group are capped and local ones are not") {
  Config config = public_loopback();
  config.limits.connections_per_ip = 2;
  config.limits.connections_per_group = 3;
  UvLoop loop;
  Honest server(loop, 100, config);
  const Endpoint where = server.contact().endpoints.front();
  const auto accepted = [&](Byte group, Byte host) {
    const auto before = server.stats();
    const int fd = connect_from(group, host, where);
    until(loop, [&] {
      const auto now = server.stats();
      return now.connections_accepted + now.connections_refused >
             before.connections_accepted + before.connections_refused;
    });
    const bool in = server.stats().connections_accepted > before.connections_accepted;
    if (!in) ::close(fd);
    return in ? fd : -1;
  };
  const int first = accepted(1, 1);
  CHECK(first >= 0);
  const int second = accepted(1, 1);
  CHECK(second >= 0);
  CHECK(accepted(1, 1) < 0);
  const int third = accepted(1, 2);
  CHECK(third >= 0);
  CHECK(accepted(1, 3) < 0);
  const int other = accepted(2, 1);
  CHECK(other >= 0);
  ::close(first);
  REQUIRE(until(loop, [&] { return server.stats().handshakes_failed == 1; }));
  const int again = accepted(1, 3);
  CHECK(again >= 0);
  for (const int fd : {second, third, other, again}) ::close(fd);
}

TEST_CASE("Who keeps half a frame open makes room, and its group before all others") {
  Config config = public_loopback();
  config.limits.connections = 4;
  UvLoop loop;
  Honest server(loop, 100, config);
  const Endpoint where = server.contact().endpoints.front();
  std::list<Dawdler> dawdlers;
  for (int i = 0; i < 4; ++i) dawdlers.emplace_back(loop, 200 + i, 7, where);
  REQUIRE(until(loop, [&] { return server.stats().connections == 4; }));
  for (int i = 0; i < 3; ++i) {
    CAPTURE(i);
    Honest newcomer(loop, 1 + i, config);  // from 127.0.0.1, whose group has fewer
    CHECK(newcomer.reaches(server));
    CHECK(newcomer.lost.empty());
  }
  CHECK(server.stats().connections_evicted >= 1);
  CHECK(!server.crowded.empty());
}

TEST_CASE("Plain connections that stay silent make room for a handshake of another group at once") {
  Config config = public_loopback();
  config.limits.handshakes = 4;
  UvLoop loop;
  Honest server(loop, 100, config);
  const Endpoint where = server.contact().endpoints.front();
  std::vector<int> silent;
  for (Byte i = 0; i < 12; ++i) silent.push_back(connect_from(7, 1, where));
  REQUIRE(until(loop, [&] { return server.stats().connections_accepted == 12; }));
  for (int i = 0; i < 3; ++i) {
    Honest newcomer(loop, 1 + i, config);
    CHECK(newcomer.reaches(server));
    CHECK(newcomer.lost.empty());
  }
  for (const int fd : silent) ::close(fd);
}

TEST_CASE("What a node sends by itself waits for room and costs no connection") {
  Config config;
  config.limits.queued_bytes = 256 * 1024;
  UvLoop loop;
  Honest a(loop, 1, config);
  Honest b(loop, 2, config);
  REQUIRE(a.reaches(b));
  for (int i = 0; i < 100; ++i) a.send(b, std::to_string(i) + std::string(60'000, ' '));
  REQUIRE(until(loop, [&] { return b.frames.size() == 101; }));
  CHECK(a.lost.empty());
  CHECK(a.stats().connections_dialled == 1);
  for (int i = 0; i < 100; ++i)
    CHECK(std::stoi(b.frames[1 + static_cast<std::size_t>(i)].second) == i);
}

TEST_CASE("Frames beyond what may wait fail without an end of the connection") {
  Config config;
  config.limits.queued_bytes = 128 * 1024;
  config.limits.sending_bytes = 512 * 1024;
  UvLoop loop;
  Honest a(loop, 1, config);
  Honest b(loop, 2, config);
  REQUIRE(a.reaches(b));
  for (int i = 0; i < 100; ++i) a.send(b, std::string(60'000, 'x'));
  REQUIRE(until(loop, [&] { return !a.lost.empty(); }));
  CHECK(a.lost[0].second == Unreachable::overloaded);
  REQUIRE(a.reaches(b));
  CHECK(a.stats().connections_dialled == 1);
}

}  // namespace
}  // namespace kadmos::net
