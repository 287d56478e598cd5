// The virtual network keeps what the Transport seam promises, and charges for it.
#include "world/wires.h"

namespace kadmos::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("the first frame pays for dial and handshake and later ones do not") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.send(a, b, "first");
  wires.settle();
  CHECK(b.heard == Heard{"first"});
  CHECK(Wires::ms(b.at) == 50);  // two round trips, then the frame's own way
  CHECK(b.last.contact == wires.network.contact(a.index));
  CHECK_FALSE(b.last.reached);  // a dialled b; b has proved nothing about a's address

  wires.send(b, a, "back");
  wires.settle();
  CHECK(a.heard == Heard{"back"});
  CHECK(Wires::ms(a.at) == 60);
  CHECK(a.last.reached);
  CHECK(wires.stats(a).connections_dialled == 1);
  CHECK(wires.stats(b).connections_accepted == 1);
  CHECK(wires.stats(b).connections_dialled == 0);
  CHECK(wires.stats(a).bytes_sent == 5);
  CHECK(wires.stats(a).bytes_received == 4);
}

TEST_CASE("a frame after a dial pays for its own way alone") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.dial(a, b);
  wires.dial(a, b);
  wires.settle();
  CHECK(wires.stats(a).connections_dialled == 1);
  const auto before = Wires::ms(wires.queue.now());
  wires.send(a, b, "first");
  wires.settle();
  CHECK(Wires::ms(b.at) == before + 10);
  wires.dial(a, b);
  wires.settle();
  CHECK(wires.stats(a).connections_dialled == 1);
}

TEST_CASE("a dial for nothing that waits leaves half of all dials to frames") {
  Wires wires;
  Config config;
  config.limits.dials = 2;
  Ear& a = wires.add(config);
  Ear& b = wires.add();
  Ear& c = wires.add();
  Ear& d = wires.add();
  wires.dial(a, a);
  wires.dial(a, b);
  wires.dial(a, c);
  wires.send(a, d, "1");
  wires.settle();
  CHECK(wires.stats(a).connections_dialled == 2);
  CHECK(d.heard == Heard{"1"});
  CHECK(a.heard.empty());
}

TEST_CASE("a dial to a dead process is reported as that of a frame") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.network.close(b.index);
  wires.dial(a, b);
  wires.settle();
  CHECK(a.heard == Heard{"refused"});
}

TEST_CASE("frames of a connection arrive once and in order whatever the jitter") {
  NetworkOptions options = even_options();
  options.latency = Latency::even(kOneWay, milliseconds(50));
  Wires wires(options);
  Ear& a = wires.add();
  Ear& b = wires.add();
  Heard sent;
  for (int i = 0; i < 100; ++i) {
    sent.push_back(std::to_string(i));
    wires.send(a, b, sent.back());
    if (i % 10 == 9) wires.run_for(milliseconds(17));
  }
  wires.settle();
  CHECK(b.heard == sent);
}

TEST_CASE("two hosts that dial each other at once end with one connection") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.send(a, b, "from a");
  wires.send(b, a, "from b");
  wires.settle();
  CHECK(a.heard == Heard{"from b"});
  CHECK(b.heard == Heard{"from a"});
  CHECK(wires.stats(a).connections == 1);
  CHECK(wires.stats(b).connections == 1);
  b.transport->close();
  wires.settle();
  CHECK(a.heard == Heard{"from b", "closed"});
}

TEST_CASE("a dial to a dead process is refused after one round trip") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.network.close(b.index);
  wires.send(a, b, "1");
  wires.send(a, b, "2");
  wires.settle();
  CHECK(a.heard == Heard{"refused"});  // once, not per frame
  CHECK(a.last.contact.key == wires.network.key(b.index));
  CHECK(Wires::ms(a.at) == 20);
  CHECK(b.heard.empty());
}

TEST_CASE("an address where nobody ever was refuses or is silent as the network is told") {
  for (const bool refuse : {true, false}) {
    NetworkOptions options = even_options();
    options.unknown_refuse = refuse;
    Wires wires(options);
    Ear& a = wires.add();
    PublicKey nobody;
    nobody.bytes[0] = 99;
    a.transport->send({nobody, Endpoints(Endpoint::v4(9, 9, 9, 9, 9))}, to_bytes("x"));
    wires.settle();
    CHECK(a.heard == Heard{refuse ? "refused" : "timed_out"});
    CHECK(Wires::ms(a.at) == (refuse ? 20 : 5000));
  }
}

TEST_CASE("open connections of a crashed process report closed") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.send(a, b, "hello");
  wires.settle();
  wires.network.close(b.index);
  wires.send(a, b, "lost");
  wires.settle();
  CHECK(a.heard == Heard{"closed"});
  CHECK(b.heard == Heard{"hello"});
  wires.start(b);
  wires.send(a, b, "again");
  wires.settle();
  CHECK(b.heard == Heard{"hello", "again"});
}

TEST_CASE("a process that crashes during the handshake closes the connection") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.send(a, b, "lost");
  wires.run_for(milliseconds(45));  // a has written; b has not read
  wires.network.close(b.index);
  wires.settle();
  CHECK(a.heard == Heard{"closed"});
  CHECK(b.heard.empty());
}

TEST_CASE("frames to a cut host vanish and a dial to it times out") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  Ear& c = wires.add();
  wires.send(a, b, "1");
  wires.settle();
  wires.network.cut(b.index, true);
  wires.send(a, b, "lost");
  wires.send(c, b, "lost too");
  wires.send(b, c, "lost as well");
  wires.settle();
  CHECK(a.heard.empty());
  CHECK(b.heard == Heard{"1", "timed_out"});
  CHECK(c.heard == Heard{"timed_out"});
  CHECK(Wires::ms(c.at) == 5050);
  wires.network.cut(b.index, false);
  wires.send(a, b, "2");
  wires.settle();
  CHECK(b.heard == Heard{"1", "timed_out", "2"});
}

TEST_CASE("a dial whose answer is lost on the way back times out") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.probe(a, b);
  wires.run_for(milliseconds(15));  // b has seen the dial
  wires.network.cut(b.index, true);
  wires.run_for(milliseconds(1));
  wires.network.cut(a.index, true);
  wires.network.cut(b.index, false);
  wires.settle();
  CHECK(a.heard == Heard{"probe timed_out"});
}

TEST_CASE("a connection that was half open is closed by the next frame over it") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.send(a, b, "1");
  wires.settle();
  wires.network.cut(b.index, true);
  wires.network.close(b.index);  // a does not hear of it
  wires.settle();
  CHECK(a.heard.empty());
  wires.network.cut(b.index, false);
  wires.start(b);
  wires.send(a, b, "2");
  wires.settle();
  CHECK(a.heard == Heard{"closed"});
  CHECK(b.heard == Heard{"1"});
}

TEST_CASE("a probe dials even over an open connection and proves the address") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.send(a, b, "x");
  wires.settle();
  wires.probe(b, a);
  wires.settle();
  CHECK(b.heard == Heard{"x", "reached"});
  CHECK(b.last.reached);
  CHECK(Wires::ms(b.at) == 90);
  CHECK(wires.stats(b).connections == 1);
  wires.send(a, b, "y");
  wires.settle();
  CHECK_FALSE(b.last.reached);  // over the connection that a made
}

TEST_CASE("a probe without a key tells whose key answered") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  a.transport->probe({wires.network.address(b.index), std::nullopt});
  wires.settle();
  CHECK(a.heard == Heard{"reached"});
  CHECK(a.last.contact == wires.network.contact(b.index));
  wires.send(a, b, "kept");  // the probe's connection
  wires.settle();
  CHECK(Wires::ms(b.at) == 60);
}

TEST_CASE("a probe of a dead process fails") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.network.close(b.index);
  wires.probe(a, b);
  wires.settle();
  CHECK(a.heard == Heard{"probe refused"});
}

TEST_CASE("an endpoint where another key answers is reported as a wrong key") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  Ear& c = wires.add();
  a.transport->send({wires.network.key(c.index), Endpoints(wires.network.address(b.index))},
                    to_bytes("for c"));
  wires.settle();
  CHECK(a.heard == Heard{"wrong_key"});
  CHECK(b.heard.empty());
  CHECK(wires.stats(a).peers_wrong_key == 1);
}

TEST_CASE("hosts of two networks refuse each other") {
  Wires wires;
  Config other;
  other.network = "other";
  Ear& a = wires.add();
  Ear& b = wires.add(other);
  wires.send(a, b, "x");
  wires.settle();
  CHECK(a.heard == Heard{"foreign"});
  CHECK(b.heard.empty());
  CHECK(wires.stats(a).hellos_refused == 1);
  CHECK(wires.stats(b).hellos_refused == 1);
}

TEST_CASE("a client has no endpoint and is answered over the connection it opened") {
  Wires wires;
  Config config;
  config.client = true;
  Ear& a = wires.add(config);
  Ear& b = wires.add();
  CHECK(a.transport->listening().empty());
  CHECK(b.transport->listening().size() == 1);
  wires.send(b, a, "too early");
  wires.settle();
  CHECK(b.heard == Heard{"no_endpoint"});
  wires.send(a, b, "hello");
  wires.settle();
  CHECK(b.last.client);
  CHECK(b.last.contact.endpoints.empty());
  wires.send(b, a, "answer");
  wires.settle();
  CHECK(a.heard == Heard{"answer"});
  wires.probe(b, a);
  wires.settle();
  CHECK(b.heard.back() == "probe refused");
}

TEST_CASE("a host behind a NAT reaches others and cannot be dialled") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.network.set_dialable(a.index, false);
  wires.send(b, a, "x");
  wires.settle();
  CHECK(b.heard == Heard{"timed_out"});
  wires.send(a, b, "y");
  wires.settle();
  CHECK(b.heard == Heard{"timed_out", "y"});
}

TEST_CASE("an idle connection closes without a word and is dialled again") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.send(a, b, "1");
  wires.settle();
  wires.run_for(std::chrono::minutes(6));
  CHECK(wires.stats(a).connections == 0);
  wires.send(a, b, "2");
  wires.settle();
  CHECK(b.heard == Heard{"1", "2"});
  CHECK(a.heard.empty());
  CHECK(wires.stats(a).connections_dialled == 2);
  CHECK(wires.stats(b).connections == 1);
}

TEST_CASE("over the budget of connections the least recently used one closes") {
  Wires wires;
  Config config;
  config.limits.connections = 2;
  Ear& a = wires.add(config);
  Ear& b = wires.add();
  Ear& c = wires.add();
  Ear& d = wires.add();
  wires.send(a, b, "1");
  wires.settle();
  wires.send(a, c, "1");
  wires.settle();
  wires.send(a, b, "2");
  wires.settle();
  wires.send(a, d, "1");
  wires.settle();
  CHECK(wires.stats(a).connections == 2);
  CHECK(wires.stats(a).connections_evicted == 1);
  CHECK(wires.stats(c).connections == 0);
  wires.send(c, a, "back");
  wires.settle();
  CHECK(c.heard == Heard{"1"});  // politely: nothing was lost, nothing is reported
  CHECK(a.heard == Heard{"back"});
  CHECK(b.heard == Heard{"1", "2"});
}

TEST_CASE("a frame that crosses a polite end of its connection arrives") {
  Wires wires;
  Config config;
  config.limits.connections = 1;
  Ear& a = wires.add(config);
  Ear& b = wires.add();
  Ear& c = wires.add();
  wires.send(a, b, "1");
  wires.settle();
  wires.send(a, c, "1");
  wires.run_for(milliseconds(39));
  wires.send(b, a, "crossing");  // a lets b go one millisecond later
  wires.settle();
  CHECK(a.heard == Heard{"crossing"});
  CHECK(b.heard == Heard{"1"});
  CHECK(wires.stats(a).connections_evicted == 1);
  CHECK(wires.stats(a).connections == 1);
  CHECK(wires.stats(b).connections == 0);
}

TEST_CASE("over the budget of dials or queued bytes a frame is dropped as overloaded") {
  Wires wires;
  Config config;
  config.limits.dials = 1;
  config.limits.queued_bytes = 4;
  Ear& a = wires.add(config);
  Ear& b = wires.add();
  Ear& c = wires.add();
  wires.send(a, b, "123");
  wires.send(a, b, "45");
  wires.send(a, c, "6");
  wires.settle();
  CHECK(a.heard == Heard{"overloaded", "overloaded"});
  CHECK(b.heard == Heard{"123"});
  CHECK(c.heard.empty());
}

TEST_CASE("a closed transport hears nothing more") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.send(b, a, "x");
  wires.probe(a, b);
  a.transport->close();
  wires.send(a, b, "y");
  wires.settle();
  CHECK(a.heard.empty());
  CHECK(b.heard == Heard{"refused"});
}

TEST_CASE("events of one instant come by source and then by sequence") {
  EventQueue queue;
  const TimePoint when{seconds(1)};
  const auto push = [&](NodeIndex source, std::uint64_t number) {
    queue.push(when, source, {Event::Kind::action, {}, source, source, number, {}});
  };
  push(kOutside, 6);
  push(2, 4);
  push(1, 1);
  push(2, 5);
  push(1, 2);
  push(1, 3);
  std::vector<std::uint64_t> order;
  while (!queue.empty()) order.push_back(queue.pop().number);
  CHECK(order == std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6});
  CHECK(queue.now() == when);
}

}  // namespace
}  // namespace kadmos::sim
