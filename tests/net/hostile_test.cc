// What hostile or broken peers do to the transport: each is counted, none disturbs the others.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <future>

#include "net/harness.h"

namespace kadmos::net {
namespace {

using std::chrono::milliseconds;

// A server that echoes, and the means to attack it.
struct Target {
  UvLoop loop;
  Honest server;

  explicit Target(Config config = {}, TransportOptions options = listening())
      : server(loop, 100, std::move(config), std::move(options)) {
    server.frame_hook = [this](const Peer& from, ByteView frame) {
      server.transport->answer(from.contact.key, from.connection, frame);
    };
  }
  Endpoint where() const { return server.contact().endpoints.front(); }
  Stats stats() const { return server.stats(); }

  // Sends bytes over plain TCP; whether the server hangs up.
  bool plain(const std::string& bytes) {
    return meanwhile(loop, [&, to = where()] {
      RawSocket socket(to);
      socket.write(bytes);
      return socket.sees_close();
    });
  }
  // Sends plaintext over TLS; whether the server hangs up.
  bool secured(const std::string& plaintext, const Manners& manners = {}) {
    return meanwhile(loop, [&, to = where()] {
      RawSocket socket(to);
      RawTls tls(socket, false, manners);
      tls.write(plaintext);
      return tls.sees_close();
    });
  }
};

// Waits for a count: the raw end may see the close before or after the server counts it.
bool becomes(Target& target, std::uint64_t Stats::*counter, std::uint64_t value) {
  return until(target.loop, [&] { return target.stats().*counter >= value; }) &&
         target.stats().*counter == value;
}

// ---- Framing

TEST_CASE("Bytes that are no netstring close the connection and are counted") {
  const std::string bad[] = {
      "hello",        // no length
      ":abc,",        // an empty length
      "+3:abc,",      // a sign
      "-3:abc,",      //
      "03:abc,",      // a leading zero
      "00:,",         //
      " 3:abc,",      // a space
      "12345678:",    // eight digits
      "1073741824:",  // a gigabyte
      "9999999:",     // above the cap
      "3:abc;",       // a wrong comma
      "3:abcd,",      // a late comma
      "0:x",          //
  };
  Target target;
  std::uint64_t count = 0;
  for (const std::string& bytes : bad) {
    CAPTURE(bytes);
    CHECK(target.secured(bytes));
    CHECK(becomes(target, &Stats::frames_bad, ++count));
    CHECK(target.secured(hello() + bytes));
    CHECK(becomes(target, &Stats::frames_bad, ++count));
  }
  CHECK(target.server.frames.empty());
  CHECK(still_serves(target.server));
}

TEST_CASE("A length above the cap is refused before its payload is sent or room is made") {
  Target target;
  const std::size_t cap = target.server.config.limits.frame_bytes;
  CHECK(target.secured(hello() + std::to_string(cap + 1) + ":"));
  CHECK(becomes(target, &Stats::frames_bad, 1));
  const auto answer = meanwhile(target.loop, [to = target.where(), cap] {
    RawSocket socket(to);
    RawTls tls(socket, false, {});
    tls.write(hello() + netstring(std::string(cap, 'x')));
    tls.read_frame();
    return tls.read_frame();
  });
  REQUIRE(answer);
  CHECK(answer->size() == cap);
}

TEST_CASE("The first frame has a small cap of its own") {
  Target target;
  const std::size_t cap = target.server.config.limits.hello_bytes;
  CHECK(target.secured(std::to_string(cap + 1) + ":"));
  CHECK(becomes(target, &Stats::frames_bad, 1));
  CHECK(still_serves(target.server));
}

TEST_CASE("One byte a segment is slow but valid") {
  Target target;
  const auto answer = meanwhile(target.loop, [to = target.where()] {
    RawSocket socket(to);
    RawTls tls(socket, false, {});
    tls.write_slowly(hello() + netstring("") + netstring("patience"));
    tls.read_frame();
    tls.read_frame();
    return tls.read_frame();
  });
  CHECK(answer == "patience");
  CHECK(target.stats().frames_bad == 0);
}

TEST_CASE("Many frames in one segment are all taken") {
  Target target;
  const auto last = meanwhile(target.loop, [to = target.where()] {
    RawSocket socket(to);
    RawTls tls(socket, false, {});
    std::string all = hello();
    for (int i = 0; i < 500; ++i) all += netstring(std::to_string(i));
    tls.write(all);
    std::optional<std::string> answer;
    for (int i = 0; i <= 500; ++i) answer = tls.read_frame();
    return answer;
  });
  CHECK(last == "499");
}

TEST_CASE("A connection that ends inside a frame is counted") {
  Target target;
  for (const bool orderly : {false, true}) {
    meanwhile(target.loop, [&, to = target.where()] {
      RawSocket socket(to);
      RawTls tls(socket, false, {});
      tls.write(hello() + "10:abc");
      tls.read_frame();
      if (orderly) tls.shut_down();
      return orderly ? tls.sees_close() : true;
    });
    CHECK(becomes(target, &Stats::frames_bad, orderly ? 2 : 1));
  }
  CHECK(target.server.frames.empty());
  CHECK(still_serves(target.server));
}

TEST_CASE("A peer that says its last word gets its answers and then a clean end") {
  Target target;
  const auto answer = meanwhile(target.loop, [to = target.where()] {
    RawSocket socket(to);
    RawTls tls(socket, false, {});
    tls.write(hello() + netstring("the last"));
    tls.read_frame();
    auto echoed = tls.read_frame();
    tls.shut_down();
    return tls.sees_close() ? echoed : std::nullopt;
  });
  CHECK(answer == "the last");
  REQUIRE(until(target.loop, [&] { return target.stats().connections == 0; }));
  CHECK(target.stats().frames_bad == 0);
}

TEST_CASE("A request that comes in one segment with the last word of its peer is answered") {
  UvLoop loop;
  Honest server(loop, 1);
  server.frame_hook = [&](const Peer& from, ByteView frame) {
    server.transport->answer(from.contact.key, from.connection, frame);
  };
  const Endpoint where = server.contact().endpoints.front();
  const auto answer = meanwhile(loop, [where] {
    RawSocket socket(where);
    RawTls tls(socket, false, {});
    tls.write(hello());
    tls.read_frame();
    const auto hold = [&](int on) {
      REQUIRE(::setsockopt(socket.fd(), IPPROTO_TCP, TCP_CORK, &on, sizeof on) == 0);
    };
    hold(1);
    tls.write(netstring("the last"));
    tls.shut_down();
    hold(0);
    auto echoed = tls.read_frame();
    return tls.sees_close() ? echoed : std::nullopt;
  });
  CHECK(answer == "the last");
  REQUIRE(until(loop, [&] { return server.stats().connections == 0; }));
  CHECK(server.stats().connections_dialled == 0);  // the answer takes no other way
}

TEST_CASE("A peer that says its last word is still sent the answers that it is owed") {
  UvLoop loop;
  Honest server(loop, 1);
  std::unique_ptr<UvLoop::Handle> commit;
  server.frame_hook = [&](const Peer& from, ByteView) {
    server.owing = true;
    // The answer waits for a disk, and the last word is heard before it is ready.
    commit = loop.after(milliseconds(100), [&server, from] {
      server.owing = false;
      server.transport->answer(from.contact.key, from.connection, to_bytes("stored"));
    });
  };
  const Endpoint where = server.contact().endpoints.front();
  const auto answer = meanwhile(loop, [where] {
    RawSocket socket(where);
    RawTls tls(socket, false, {});
    tls.write(hello() + netstring("store"));
    tls.read_frame();
    tls.shut_down();
    auto got = tls.read_frame();
    return tls.sees_close() ? got : std::nullopt;
  });
  CHECK(answer == "stored");
  REQUIRE(until(loop, [&] { return server.stats().connections == 0; }));
  CHECK(server.stats().frames_bad == 0);
}

TEST_CASE("A peer that is owed an answer for too long is let go") {
  TransportOptions brief = listening();
  brief.handshake_timeout = milliseconds(300);
  UvLoop loop;
  Honest server(loop, 1, {}, brief);
  server.owing = true;
  const Endpoint where = server.contact().endpoints.front();
  const bool closed = meanwhile(loop, [where] {
    RawSocket socket(where);
    RawTls tls(socket, false, {});
    tls.write(hello() + netstring("store"));
    tls.read_frame();
    tls.shut_down();
    return tls.sees_close();
  });
  CHECK(closed);
}

// ---- Hello

TEST_CASE("A hello of another network or version or shape is refused and counted") {
  Target target;
  const std::string bad[] = {hello("other"), hello("kadmos", 2), netstring(""), netstring("hi"),
                             netstring("\x94\x01\x02\x03\x04")};
  std::uint64_t count = 0;
  for (const std::string& bytes : bad) {
    CAPTURE(bytes);
    CHECK(target.secured(bytes + netstring("frame")));
    CHECK(becomes(target, &Stats::hellos_refused, ++count));
  }
  CHECK(target.server.frames.empty());
  CHECK(target.server.lost.empty());
  CHECK(still_serves(target.server));
}

TEST_CASE("A peer that never says hello is closed and counted") {
  TransportOptions brief = listening();
  brief.handshake_timeout = milliseconds(300);
  Target target({}, brief);
  CHECK(target.secured(""));
  CHECK(becomes(target, &Stats::peers_slow, 1));
  CHECK(still_serves(target.server));
}

// ---- TLS

TEST_CASE("Plain TCP instead of TLS is closed and counted") {
  Target target;
  CHECK(target.plain("GET / HTTP/1.0\r\n\r\n"));
  CHECK(becomes(target, &Stats::handshakes_failed, 1));
  CHECK(target.plain(std::string(10'000, '\0')));
  CHECK(becomes(target, &Stats::handshakes_failed, 2));
  CHECK(target.plain(hello()));
  CHECK(becomes(target, &Stats::handshakes_failed, 3));
  CHECK(still_serves(target.server));
}

TEST_CASE("Silence after connecting is closed and counted") {
  TransportOptions brief = listening();
  brief.handshake_timeout = milliseconds(300);
  Target target({}, brief);
  CHECK(target.plain(""));
  CHECK(becomes(target, &Stats::handshakes_failed, 1));
  CHECK(still_serves(target.server));
}

TEST_CASE("A peer that hangs up during the handshake is counted") {
  Target target;
  meanwhile(target.loop, [to = target.where()] { return RawSocket(to).fd(); });
  CHECK(becomes(target, &Stats::handshakes_failed, 1));
  CHECK(target.stats().connections_accepted == 1);
}

TEST_CASE("Certificates and protocols other than ours are refused and counted") {
  struct Case {
    const char* what;
    Manners manners;
  };
  const Case cases[] = {
      {"TLS 1.2", {.version = TLS1_2_VERSION}},
      {"another ALPN", {.alpn = "kadmos/2"}},
      {"no ALPN", {.alpn = ""}},
      {"no certificate", {.key = ""}},
      {"an RSA key", {.key = "RSA"}},
      {"an EC key", {.key = "EC"}},
      {"two certificates", {.certificates = 2}},
      {"twenty certificates", {.certificates = 20}},
  };
  Target target;
  std::uint64_t count = 0;
  for (const Case& each : cases) {
    CAPTURE(each.what);
    CHECK(target.secured(hello() + netstring("frame"), each.manners));
    CHECK(becomes(target, &Stats::handshakes_failed, ++count));
  }
  CHECK(target.server.frames.empty());
  CHECK(still_serves(target.server));
}

TEST_CASE("A peer that shows our own key is refused and counted") {
  Target target;
  CHECK(target.secured(hello(), {.number = 100}));
  CHECK(becomes(target, &Stats::peers_wrong_key, 1));
  CHECK(still_serves(target.server));
}

TEST_CASE("A relay of this node's handshake to itself is not taken for another node with its key") {
  UvLoop loop;
  Honest victim(loop, 1);
  RawListener relay;
  bool let_go_early = false;
  SUBCASE("that holds both ends") {}
  SUBCASE("that lets go of the accepted end first") { let_go_early = true; }
  victim.probe({relay.endpoint(), std::nullopt});
  const bool relayed = meanwhile(loop, [&, back = victim.contact().endpoints.front()] {
    RawSocket dialled(relay.accept());
    auto accepted = std::make_unique<RawSocket>(back);
    const bool there = accepted->write(dialled.read_some());
    const std::string flight = accepted->read_some();
    if (let_go_early) {
      accepted.reset();
      // The loop has turned since when another handshake is done.
      RawSocket other(back);
      if (!RawTls(other, false, {}).secured()) return false;
    }
    return there && dialled.write(flight) && dialled.sees_close();
  });
  CHECK(relayed);
  REQUIRE(until(loop, [&] { return victim.probes_failed.size() == 1; }));
  CHECK(victim.probes_failed[0].second == Unreachable::wrong_key);
  CHECK(victim.twins.empty());
  CHECK(still_serves(victim));
}

// ---- Slowness

TEST_CASE("A frame that is begun and never ended is closed and counted") {
  TransportOptions brief = listening();
  brief.frame_timeout = milliseconds(100);
  Target target({}, brief);
  CHECK(target.secured(hello() + "1000:abc"));
  CHECK(becomes(target, &Stats::peers_slow, 1));
  CHECK(target.secured(hello() + netstring("whole") + "1"));
  CHECK(becomes(target, &Stats::peers_slow, 2));
  CHECK(still_serves(target.server));
}

TEST_CASE("A frame below the minimum rate has half the time of one above it") {
  TransportOptions options = listening();
  options.frame_timeout = std::chrono::seconds(4);
  options.min_rate = 1;
  Target target({}, options);
  const bool closed = meanwhile(target.loop, [&, to = target.where()] {
    RawSocket fast_socket(to);
    RawTls fast(fast_socket, false, {});
    fast.write(hello() + "10000:" + std::string(5000, 'x'));
    fast.read_frame();
    RawSocket slow_socket(to);
    RawTls slow(slow_socket, false, {.number = 98});
    slow.write(hello() + "10000:");
    // The fast one, which was there first, is still open.
    return slow.sees_close() && fast.write(std::string(4999, 'x') + "x,") && fast.read_frame();
  });
  CHECK(closed);
  CHECK(target.stats().peers_slow == 1);
}

TEST_CASE("A peer that never reads is closed when its queue is full and counted") {
  Target target;
  PublicKey key;
  ConnectionId connection = 0;
  target.server.frame_hook = [&](const Peer& from, ByteView) {
    key = from.contact.key;
    connection = from.connection;
  };
  std::atomic<bool> end = false;
  std::thread peer([&, to = target.where()] {
    RawSocket socket(to);
    RawTls tls(socket, false, {});
    tls.write(hello() + netstring("feed me"));
    while (!end) std::this_thread::yield();
  });
  REQUIRE(until(target.loop, [&] { return !target.server.frames.empty(); }));
  const std::string food(100'000, 'x');
  std::size_t sent = 0;
  REQUIRE(until(target.loop, [&] {
    if (target.server.lost.empty()) {
      target.server.transport->answer(key, connection, to_bytes(food));
    }
    sent += food.size();
    return !target.server.lost.empty();
  }));
  CHECK(target.server.lost.size() == 1);
  CHECK(target.server.lost[0] == std::pair(key, Unreachable::overloaded));
  CHECK(target.stats().peers_unread == 1);
  CHECK(target.stats().connections == 0);
  end = true;
  peer.join();
  CHECK(still_serves(target.server));
}

TEST_CASE("A peer that asks for ever and never reads is held back and closed in time") {
  TransportOptions brief = listening();
  brief.write_timeout = milliseconds(300);
  Target target({}, brief);
  target.server.frame_hook = [&](const Peer& from, ByteView) {
    target.server.transport->answer(from.contact.key, from.connection,
                                    to_bytes(std::string(50'000, 'r')));
  };
  const bool closed = meanwhile(target.loop, [to = target.where()] {
    RawSocket socket(to);
    RawTls tls(socket, false, {});
    tls.write(hello());
    while (tls.write(netstring("more"))) {
    }
    return true;
  });
  CHECK(closed);
  REQUIRE(until(target.loop, [&] { return !target.server.lost.empty(); }));
  // In time and not overloaded: the queue never reached its bound, since reading had stopped.
  CHECK(target.server.lost[0].second == Unreachable::timed_out);
  CHECK(target.stats().peers_unread == 1);
  CHECK(still_serves(target.server));
}

TEST_CASE("A retired connection whose peer does not answer ends all the same") {
  TransportOptions brief = listening();
  brief.idle_timeout = milliseconds(50);
  brief.handshake_timeout = milliseconds(500);
  Target target({}, brief);
  CHECK(target.secured(hello()));
  CHECK(target.stats().connections == 0);
  CHECK(target.server.lost.empty());
}

// ---- Many connections with one key, or held for ever

// A number of an identity whose key is above, or below, that of number 99.
int number_beside(bool above) {
  int number = 200;
  while ((key_of(number) > key_of(99)) != above) ++number;
  return number;
}

// Two connections of number 99, the second one after `pause`. Which of them gets the frame that is
// sent when both are there?
int which_is_used(Honest& server, Duration pause) {
  const Endpoint where = server.contact().endpoints.front();
  return meanwhile(server.loop, [&] {
    RawSocket first_socket(where);
    RawTls first(first_socket, false, {});
    first.write(hello());
    first.read_frame();
    std::promise<void> paused;
    std::unique_ptr<UvLoop::Handle> timer;
    server.loop.post([&] { timer = server.loop.after(pause, [&] { paused.set_value(); }); });
    paused.get_future().wait();
    RawSocket second_socket(where);
    RawTls second(second_socket, false, {});
    second.write(hello() + netstring("send now"));
    second.read_frame();
    // The other one is told that it is not needed, by the side that decides.
    if (second.read_frame() == "which?") return first.sees_close() ? 2 : 0;
    return first.read_frame() == "which?" ? 1 : 0;
  });
}

TEST_CASE("Of two connections with one peer the used one is kept unless it has been silent") {
  TransportOptions brief = listening();
  brief.handshake_timeout = std::chrono::seconds(1);
  for (const bool silent : {false, true}) {
    CAPTURE(silent);
    UvLoop loop;
    Honest server(loop, number_beside(false), {}, silent ? brief : listening());
    server.frame_hook = [&](const Peer& from, ByteView) { server.send(from.contact, "which?"); };
    CHECK(which_is_used(server, silent ? milliseconds(1200) : milliseconds(0)) == (silent ? 2 : 1));
  }
}

TEST_CASE("A peer that should but does not clear up its second connection is cleared up after") {
  TransportOptions brief = listening();
  brief.handshake_timeout = milliseconds(500);
  UvLoop loop;
  Honest server(loop, number_beside(true), {}, brief);
  const Endpoint where = server.contact().endpoints.front();
  const bool closed = meanwhile(loop, [&] {
    RawSocket first_socket(where);
    RawTls first(first_socket, false, {});
    first.write(hello());
    first.read_frame();
    RawSocket second_socket(where);
    RawTls second(second_socket, false, {});
    second.write(hello());
    // Nothing was heard on the first one since, so it is the one that may be dead.
    return first.sees_close();
  });
  CHECK(closed);
  CHECK(server.stats().connections_accepted == 2);
}

TEST_CASE("Peers that never let go of a retired connection cannot pile them up") {
  Config config;
  config.limits.connections = 1;
  Target target(config);
  // The first one evicted is cut off although the time to answer is long.
  const bool cut = meanwhile(target.loop, [to = target.where()] {
    std::vector<std::unique_ptr<RawSocket>> sockets;
    std::vector<std::unique_ptr<RawTls>> peers;
    for (int i = 0; i < 12; ++i) {
      sockets.push_back(std::make_unique<RawSocket>(to));
      peers.push_back(std::make_unique<RawTls>(*sockets.back(), false, Manners{.number = 300 + i}));
      peers.back()->write(hello());
      peers.back()->read_frame();
      if (i > 0) peers[static_cast<std::size_t>(i - 1)]->sees_close();
    }
    return sockets.front()->sees_close();
  });
  CHECK(cut);
  CHECK(target.stats().connections_evicted == 11);
  CHECK(still_serves(target.server));
}

// ---- A hostile server

struct Dialled {
  std::optional<Unreachable> why;
  Stats stats;
};

// What a dial to a listener that runs `script` on the accepted socket comes to. The listener is
// expected to be number 99.
template <class F>
Dialled dial_into(F script, TransportOptions options = listening()) {
  UvLoop loop;
  Honest dialler(loop, 1, {}, std::move(options));
  RawListener listener;
  std::thread peer([&] {
    RawSocket socket(listener.accept());
    script(socket);
  });
  dialler.send(Contact{key_of(99), Endpoints(listener.endpoint())}, "secret");
  Dialled dialled;
  if (until(loop, [&] { return !dialler.lost.empty(); })) dialled.why = dialler.lost[0].second;
  CHECK(dialler.lost.size() == 1);
  peer.join();
  dialled.stats = dialler.stats();
  CHECK(dialled.stats.connections == 0);
  CHECK(still_serves(dialler));
  return dialled;
}

auto secured_by(const Manners& manners, const std::string& plaintext = hello()) {
  return [manners, plaintext](RawSocket& socket) {
    RawTls tls(socket, true, manners);
    tls.write(plaintext);
    tls.sees_close();
  };
}

TEST_CASE("A dialled server with another key is wrong key and gets no frame") {
  std::optional<std::string> leaked;
  const auto dialled = dial_into([&](RawSocket& socket) {
    RawTls tls(socket, true, {.number = 98});
    leaked = tls.read_frame();
  });
  CHECK(dialled.why == Unreachable::wrong_key);
  CHECK(dialled.stats.peers_wrong_key == 1);
  CHECK(!leaked);
}

TEST_CASE("A dialled server with a strange certificate or protocol has misbehaved") {
  const Manners cases[] = {{.version = TLS1_2_VERSION},
                           {.key = "RSA"},
                           {.key = "EC"},
                           {.certificates = 2},
                           {.alpn = "kadmos/2"}};
  for (const Manners& manners : cases) {
    CAPTURE(manners.key);
    CAPTURE(manners.alpn);
    CAPTURE(manners.version);
    CAPTURE(manners.certificates);
    const auto dialled = dial_into(secured_by(manners));
    CHECK(dialled.why == Unreachable::misbehaved);
    CHECK(dialled.stats.handshakes_failed == 1);
  }
}

TEST_CASE("A dialled server without our ALPN is foreign") {
  const auto dialled = dial_into(secured_by({.alpn = ""}));
  CHECK(dialled.why == Unreachable::foreign);
  CHECK(dialled.stats.handshakes_failed == 1);
}

TEST_CASE("A dialled server that speaks plain TCP has misbehaved") {
  const auto dialled = dial_into([](RawSocket& socket) {
    socket.write("SSH-2.0-OpenSSH\r\n");
    socket.sees_close();
  });
  CHECK(dialled.why == Unreachable::misbehaved);
  CHECK(dialled.stats.handshakes_failed == 1);
}

TEST_CASE("A dialled server that hangs up is closed") {
  const auto dialled = dial_into([](RawSocket&) {});
  CHECK(dialled.why == Unreachable::closed);
  CHECK(dialled.stats.handshakes_failed == 1);
}

TEST_CASE("A dialled server of another network or version is foreign") {
  for (const std::string& said : {hello("other"), hello("kadmos", 2), netstring("hi")}) {
    const auto dialled = dial_into(secured_by({}, said));
    CHECK(dialled.why == Unreachable::foreign);
    CHECK(dialled.stats.hellos_refused == 1);
  }
}

TEST_CASE("A dialled server that is silent or says no hello is timed out") {
  TransportOptions brief = listening();
  brief.handshake_timeout = milliseconds(300);
  const auto silent = dial_into([](RawSocket& socket) { socket.sees_close(); }, brief);
  CHECK(silent.why == Unreachable::timed_out);
  CHECK(silent.stats.handshakes_failed == 1);
  const auto wordless = dial_into(secured_by({}, ""), brief);
  CHECK(wordless.why == Unreachable::timed_out);
  CHECK(wordless.stats.peers_slow == 1);
}

TEST_CASE("A dialled server that breaks framing has misbehaved") {
  const auto dialled = dial_into(secured_by({}, hello() + "nonsense"));
  CHECK(dialled.why == Unreachable::misbehaved);
  CHECK(dialled.stats.frames_bad == 1);
}

}  // namespace
}  // namespace kadmos::net
