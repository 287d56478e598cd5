// The transport between honest peers: frames, hellos, what is known of a peer, failures, probes.
#include <doctest/doctest.h>

#include "net/harness.h"

namespace kadmos::net {
namespace {

using std::chrono::milliseconds;

// Whether this machine has IPv6 on its loopback.
bool has_ipv6() {
  UvLoop loop;
  TransportOptions options;
  options.listen = Endpoint::parse("[::1]:0");
  const auto identity = Identity::from_seed(seed_of(1));
  Honest other(loop, 2);
  const auto probe = make_tls_transport(loop, identity, {}, options);
  return probe->start(other).ok();
}

Endpoint nobody_listens() { return RawListener().endpoint(); }

TEST_CASE("Two transports exchange frames over one connection") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest b(loop, 2);
  a.send(b, "to b");
  REQUIRE(until(loop, [&] { return b.got("to b"); }));
  b.send(a, "to a");
  REQUIRE(until(loop, [&] { return a.got("to a"); }));
  CHECK(a.stats().connections_dialled == 1);
  CHECK(b.stats().connections_dialled == 0);
  CHECK(a.stats().connections == 1);
  CHECK(b.stats().connections == 1);
  CHECK(b.stats().connections_accepted == 1);
  CHECK(a.stats().bytes_sent == 4);
  CHECK(a.stats().bytes_received == 4);
}

TEST_CASE("Frames of every size arrive whole and in order over one connection") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest b(loop, 2);
  std::vector<std::string> sent;
  for (std::size_t i = 0; i < 300; ++i) {
    const std::size_t size = i % 50 == 49 ? b.config.limits.frame_bytes : i * i % 1500;
    sent.emplace_back(size, static_cast<char>('a' + i % 26));
  }
  for (const auto& text : sent) a.send(b, text);
  REQUIRE(until(loop, [&] { return b.frames.size() == sent.size(); }));
  for (std::size_t i = 0; i < sent.size(); ++i) CHECK(b.frames[i].second == sent[i]);
}

TEST_CASE("A peer is known by its proved key and only the dialling side has reached it") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest b(loop, 2);
  REQUIRE(a.reaches(b));
  REQUIRE(b.reaches(a));
  const Peer a_seen = b.frames[0].first;
  CHECK(a_seen.contact == a.contact());
  CHECK(!a_seen.reached);
  CHECK(!a_seen.client);
  const Peer b_seen = a.frames[0].first;
  CHECK(b_seen.contact == b.contact());
  CHECK(b_seen.reached);
}

TEST_CASE("An unspecified endpoint in a hello becomes the address the peer sees") {
  UvLoop loop;
  Honest a(loop, 1);
  TransportOptions everywhere;
  everywhere.listen = Endpoint::v4(0, 0, 0, 0, 0);
  Honest b(loop, 2, {}, everywhere);
  REQUIRE(b.reaches(a));
  const Endpoints seen = a.frames[0].first.contact.endpoints;
  REQUIRE(seen.size() == 1);
  CHECK(seen.front() == loopback(b.contact().endpoints.front().port));
}

TEST_CASE("What is advertised is told but an endpoint that was dialled is believed first") {
  UvLoop loop;
  Honest a(loop, 1);
  Config config;
  config.advertise.add(Endpoint::v4(192, 0, 2, 1, 9));
  config.advertise.add(*Endpoint::parse("[2001:db8::1]:9"));
  RawListener free_port;
  Honest b(loop, 2, config);
  CHECK(b.transport->listening() == config.advertise);
  REQUIRE(b.reaches(a));
  CHECK(a.frames[0].first.contact.endpoints == config.advertise);
  CHECK(!a.frames[0].first.reached);
}

TEST_CASE("A client is served but tells of no endpoint") {
  UvLoop loop;
  Honest a(loop, 1);
  Config config;
  config.client = true;
  auto b = std::make_unique<Honest>(loop, 2, config);
  CHECK(b->transport->listening().empty());
  REQUIRE(b->reaches(a));
  CHECK(a.frames[0].first.client);
  CHECK(a.frames[0].first.contact.endpoints.empty());
  REQUIRE(a.reaches(*b));
  const Contact gone = b->contact();
  b.reset();
  REQUIRE(until(loop, [&] { return a.lost.size() == 1; }));
  CHECK(a.lost[0].second == Unreachable::closed);
  a.send(gone, "x");
  REQUIRE(until(loop, [&] { return a.lost.size() == 2; }));
  CHECK(a.lost[1].second == Unreachable::no_endpoint);
}

TEST_CASE("A transport without an endpoint to listen on is a client") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest b(loop, 2, {}, {});
  REQUIRE(b.reaches(a));
  CHECK(a.frames[0].first.client);
}

TEST_CASE("IPv6 works and a dual-stack listener serves both families" *
          doctest::skip(!has_ipv6())) {
  UvLoop loop;
  TransportOptions six;
  six.listen = Endpoint::parse("[::1]:0");
  Honest a(loop, 1, {}, six);
  TransportOptions both;
  both.listen = Endpoint::parse("[::]:0");
  Honest b(loop, 2, {}, both);
  const std::uint16_t port = b.contact().endpoints.front().port;
  Endpoint b_six = *Endpoint::parse("[::1]:1");
  b_six.port = port;
  a.send(Contact{b.identity.public_key(), Endpoints(b_six)}, "six");
  Honest c(loop, 3);
  c.send(Contact{b.identity.public_key(), Endpoints(loopback(port))}, "four");
  REQUIRE(until(loop, [&] { return b.got("six") && b.got("four"); }));
  REQUIRE(b.reaches(a));
  CHECK(a.frames[0].first.contact.endpoints == Endpoints(b_six));
  REQUIRE(b.reaches(c));
  CHECK(c.frames[0].first.contact.endpoints == Endpoints(loopback(port)));
}

TEST_CASE("The second endpoint is tried when the first refuses" * doctest::skip(!has_ipv6())) {
  for (const bool ahead : {false, true}) {
    CAPTURE(ahead);
    UvLoop loop;
    Honest a(loop, 1);
    TransportOptions six;
    six.listen = Endpoint::parse("[::1]:0");
    Honest b(loop, 2, {}, six);
    Contact contact = b.contact();
    contact.endpoints.add(nobody_listens());
    if (ahead) {
      a.dial(contact);
      REQUIRE(until(loop, [&] { return a.stats().connections == 1; }));
    }
    a.send(contact, "second try");
    REQUIRE(until(loop, [&] { return b.got("second try"); }));
    CHECK(a.lost.empty());
    CHECK(a.stats().dials_failed == 1);
  }
}

TEST_CASE("A port in use is an error that names the address") {
  UvLoop loop;
  Honest a(loop, 1);
  TransportOptions options;
  options.listen = a.contact().endpoints.front();
  const auto identity = Identity::from_seed(seed_of(2));
  const auto second = make_tls_transport(loop, identity, {}, options);
  const auto started = second->start(a);
  REQUIRE(!started.ok());
  CHECK(started.error().code == Errc::address_in_use);
  CHECK(started.error().detail.find(options.listen->text()) != std::string::npos);
}

// ---- Failures

TEST_CASE("A refused dial fails at once and once for all its frames") {
  UvLoop loop;
  Honest a(loop, 1);
  const Contact nobody{key_of(2), Endpoints(nobody_listens())};
  a.send(nobody, "one");
  a.send(nobody, "two");
  CHECK(a.lost.empty());
  REQUIRE(until(loop, [&] { return !a.lost.empty(); }));
  CHECK(a.lost.size() == 1);
  CHECK(a.lost[0] == std::pair(key_of(2), Unreachable::refused));
  CHECK(a.stats().dials_failed == 1);
}

TEST_CASE("A contact without endpoints is reported from a later turn") {
  UvLoop loop;
  Honest a(loop, 1);
  a.send(Contact{key_of(2), {}}, "x");
  CHECK(a.lost.empty());
  REQUIRE(until(loop, [&] { return a.lost.size() == 1; }));
  CHECK(a.lost[0].second == Unreachable::no_endpoint);
}

TEST_CASE("Dialling the own key or the own endpoint gives wrong key") {
  UvLoop loop;
  Honest a(loop, 1);
  a.send(a, "to myself");
  a.probe({a.contact().endpoints.front(), a.identity.public_key()});
  a.probe({a.contact().endpoints.front(), std::nullopt});
  REQUIRE(until(loop, [&] { return a.lost.size() == 1 && a.probes_failed.size() == 2; }));
  CHECK(a.lost[0].second == Unreachable::wrong_key);
  CHECK(a.probes_failed[0].second == Unreachable::wrong_key);
  CHECK(a.probes_failed[1].second == Unreachable::wrong_key);
  CHECK(a.stats().connections == 0);
}

TEST_CASE("Both of two transports with one identity are told of the other, by one dial") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest clone(loop, 1);
  clone.probe({a.contact().endpoints.front(), std::nullopt});
  REQUIRE(until(loop, [&] { return a.twins.size() == 1 && clone.twins.size() == 1; }));
  CHECK(clone.twins[0] == a.contact().endpoints.front());
  CHECK(a.twins[0].ip == clone.contact().endpoints.front().ip);
  CHECK(clone.probes_failed.size() == 1);
  CHECK(a.stats().connections + clone.stats().connections == 0);
  // Who reaches itself is no other node.
  a.probe({a.contact().endpoints.front(), std::nullopt});
  REQUIRE(until(loop, [&] { return a.probes_failed.size() == 1; }));
  CHECK(still_serves(a));
  CHECK(a.twins.size() == 1);
}

TEST_CASE("Somebody else at the endpoint is reported as wrong key") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest b(loop, 2);
  a.send(Contact{key_of(3), b.contact().endpoints}, "for c only");
  REQUIRE(until(loop, [&] { return a.lost.size() == 1; }));
  CHECK(a.lost[0] == std::pair(key_of(3), Unreachable::wrong_key));
  CHECK(a.stats().peers_wrong_key == 1);
  CHECK(b.frames.empty());
  CHECK(still_serves(a));
}

TEST_CASE("Two networks do not talk") {
  UvLoop loop;
  Config other;
  other.network = "other";
  Honest a(loop, 1);
  Honest b(loop, 2, other);
  a.send(b, "x");
  REQUIRE(until(loop, [&] { return a.lost.size() == 1 && b.stats().hellos_refused == 1; }));
  CHECK(a.lost[0].second == Unreachable::foreign);
  CHECK(a.stats().hellos_refused == 1);
  CHECK(b.frames.empty());
  CHECK(b.lost.empty());
  CHECK(still_serves(b));
}

TEST_CASE("A peer that dies is reported once and a later send dials again") {
  UvLoop loop;
  Honest a(loop, 1);
  auto b = std::make_unique<Honest>(loop, 2);
  REQUIRE(a.reaches(*b));
  const Contact old = b->contact();
  b.reset();
  REQUIRE(until(loop, [&] { return !a.lost.empty(); }));
  CHECK(a.lost.size() == 1);
  CHECK(a.lost[0] == std::pair(old.key, Unreachable::closed));
  CHECK(a.stats().connections == 0);
  b = std::make_unique<Honest>(loop, 2);
  CHECK(a.reaches(*b));
}

TEST_CASE("Closing sends what is queued and tells the peers and nobody here") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest b(loop, 2);
  REQUIRE(a.reaches(b));
  REQUIRE(b.reaches(a));
  const std::string last(100'000, 'x');
  a.send(b, last);
  a.send(Contact{key_of(3), {}}, "lost before close");
  a.transport->close();
  a.send(b, "after close");
  a.probe({b.contact().endpoints.front(), std::nullopt});
  REQUIRE(until(loop, [&] { return b.got(last) && !b.lost.empty(); }));
  CHECK(b.lost[0] == std::pair(key_of(1), Unreachable::closed));
  CHECK(a.lost.empty());
  CHECK(a.probes_failed.empty());
}

TEST_CASE("A listener may destroy its transport from a frame or an event") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest b(loop, 2);
  b.frame_hook = [&](const Peer&, ByteView) { b.transport.reset(); };
  a.event_hook = [&] { a.transport.reset(); };
  a.send(b, "one");
  a.send(b, "two");
  REQUIRE(until(loop, [&] { return a.transport == nullptr; }));
  CHECK(b.frames.size() == 1);
}

TEST_CASE("A transport destroyed while it dials and accepts leaves nothing behind") {
  UvLoop loop;
  Honest a(loop, 1);
  {
    Honest b(loop, 2);
    b.send(a, "never");
    a.send(b, "neither");
    loop.post([&] { loop.stop(); });
    loop.run();
  }
  REQUIRE(until(loop, [&] { return a.stats().connections == 0; }));
  CHECK(still_serves(a));
}

// ---- Dialling ahead

TEST_CASE("A dial opens the connection that later frames take and is not repeated") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest b(loop, 2);
  a.dial(b.contact());
  a.dial(b.contact());
  REQUIRE(until(loop, [&] { return a.stats().connections == 1; }));
  a.dial(b.contact());
  REQUIRE(a.reaches(b));
  CHECK(a.reached.empty());
  CHECK(a.stats().connections_dialled == 1);
}

TEST_CASE("A frame sent while a dial is under way waits for it") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest b(loop, 2);
  a.dial(b.contact());
  REQUIRE(a.reaches(b));
  CHECK(a.stats().connections_dialled == 1);
}

TEST_CASE("A dial that fails says so as for a frame, and to the own key does nothing") {
  UvLoop loop;
  Honest a(loop, 1);
  a.dial(a.contact());
  a.dial(Contact{key_of(2), Endpoints(nobody_listens())});
  a.dial(Contact{key_of(3), {}});
  REQUIRE(until(loop, [&] { return a.lost.size() == 2; }));
  CHECK(a.lost[0] == std::pair(key_of(3), Unreachable::no_endpoint));
  CHECK(a.lost[1] == std::pair(key_of(2), Unreachable::refused));
  CHECK(a.stats().connections_dialled == 1);
}

// ---- Probes

TEST_CASE("A probe proves who lives at an endpoint and the connection is kept") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest b(loop, 2);
  const Bootstrap where{b.contact().endpoints.front(), std::nullopt};
  a.probe(where);
  CHECK(a.reached.empty());
  REQUIRE(until(loop, [&] { return a.reached.size() == 1; }));
  CHECK(a.reached[0].first == where);
  CHECK(a.reached[0].second.reached);
  CHECK(a.reached[0].second.contact == b.contact());
  REQUIRE(a.reaches(b));
  CHECK(a.stats().connections_dialled == 1);
}

TEST_CASE("A probe of the wrong key or of nobody fails with the reason") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest b(loop, 2);
  a.probe({b.contact().endpoints.front(), key_of(3)});
  REQUIRE(until(loop, [&] { return a.probes_failed.size() == 1; }));
  CHECK(a.probes_failed[0].second == Unreachable::wrong_key);
  const Bootstrap nobody{nobody_listens(), key_of(3)};
  a.probe(nobody);
  REQUIRE(until(loop, [&] { return a.probes_failed.size() == 2; }));
  CHECK(a.probes_failed[1] == std::pair(nobody, Unreachable::refused));
  CHECK(a.lost.empty());
}

TEST_CASE("A probe of a connected peer dials anew and reaches it and one connection stays") {
  // Both ways round, since the keys decide which side clears up.
  for (const int first : {1, 2}) {
    CAPTURE(first);
    UvLoop loop;
    Honest a(loop, first);
    Honest b(loop, 3 - first);
    REQUIRE(a.reaches(b));
    CHECK(!b.frames[0].first.reached);
    b.probe({a.contact().endpoints.front(), a.identity.public_key()});
    REQUIRE(until(loop, [&] { return b.reached.size() == 1; }));
    CHECK(b.reached[0].second.reached);
    REQUIRE(until(loop, [&] { return a.stats().connections == 1 && b.stats().connections == 1; }));
    REQUIRE(a.reaches(b));
    // The older one stays, which a made, and what comes by it does not show where a can be dialled.
    CHECK(!b.frames.back().first.reached);
    CHECK(b.frames.back().first.contact == a.contact());
    REQUIRE(b.reaches(a));
    CHECK(a.lost.empty());
    CHECK(b.lost.empty());
    CHECK(a.stats().connections_dialled + b.stats().connections_dialled == 2);
  }
}

TEST_CASE("Where somebody else answers a dial for the own key nothing is left of it") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest b(loop, 2);
  const Bootstrap where{b.contact().endpoints.front(), a.identity.public_key()};
  a.probe(where);
  REQUIRE(until(loop, [&] { return a.probes_failed.size() == 1; }));
  CHECK(a.probes_failed[0] == std::pair(where, Unreachable::wrong_key));
  CHECK(a.reached.empty());
  CHECK(a.twins.empty());
  REQUIRE(until(loop, [&] { return a.stats().connections + b.stats().connections == 0; }));
}

TEST_CASE("A connection that was only silent loses nothing when a newer one takes its place") {
  TransportOptions brief = listening();
  brief.handshake_timeout = std::chrono::seconds(2);
  UvLoop loop;
  Honest a(loop, 1, {}, brief);
  Honest b(loop, 2, {}, brief);
  REQUIRE(a.reaches(b));
  REQUIRE(a.reaches(b));  // and b has nothing to say to that
  bool later = false;
  const auto timer = loop.after(brief.handshake_timeout, [&] { later = true; });
  REQUIRE(until(loop, [&] { return later; }));
  b.probe({a.contact().endpoints.front(), a.identity.public_key()});
  REQUIRE(until(loop, [&] { return b.reached.size() == 1; }));
  REQUIRE(until(loop, [&] { return a.stats().connections == 1 && b.stats().connections == 1; }));
  REQUIRE(b.reaches(a));
  CHECK(b.reaches(a));
  CHECK(a.lost.empty());
  CHECK(b.lost.empty());
}

// ---- Idleness

TEST_CASE("An idle connection closes without a loss and is dialled again when needed") {
  UvLoop loop;
  TransportOptions brief = listening();
  brief.idle_timeout = milliseconds(30);
  Honest a(loop, 1, {}, brief);
  Honest b(loop, 2);
  REQUIRE(a.reaches(b));
  REQUIRE(until(loop, [&] { return a.stats().connections + b.stats().connections == 0; }));
  REQUIRE(b.reaches(a));
  CHECK(a.lost.empty());
  CHECK(b.lost.empty());
}

}  // namespace
}  // namespace kadmos::net
