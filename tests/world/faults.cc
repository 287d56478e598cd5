// What the virtual network does to frames when it is told to: loss and its like over streams and
// datagrams, narrow lines, partitions, clogged links, connections that need no dial.
#include "simulations/faults.h"

#include <algorithm>
#include <cstddef>

#include "world/wires.h"

namespace kadmos::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint32_t kAlways = 1'000'000;

NetworkOptions datagrams() {
  NetworkOptions options = even_options();
  options.datagram = true;
  return options;
}

Faults losing(std::uint32_t per_million) {
  Faults faults;
  faults.loss = per_million;
  return faults;
}

// Sends and settles, so that the two have an open connection.
void connect(Wires& wires, Ear& a, Ear& b) {
  wires.send(a, b, "hello");
  wires.settle();
  REQUIRE(b.heard == Heard{"hello"});
  b.heard.clear();
}

// Sends "0", "1", … at intervals.
Heard send_many(Wires& wires, Ear& a, Ear& b, int n, Duration interval = milliseconds(1)) {
  Heard sent;
  for (int i = 0; i < n; ++i) {
    sent.push_back(std::to_string(i));
    wires.send(a, b, sent.back());
    wires.run_for(interval);
  }
  return sent;
}

// ---- Streams

TEST_CASE("a stream delivers everything in order whatever is lost and late and doubled") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  connect(wires, a, b);
  Faults faults = losing(200'000);
  faults.duplication = 100'000;
  faults.reordering = 100'000;
  wires.network.set_faults(faults);
  const Heard sent = send_many(wires, a, b, 500);
  wires.settle();
  CHECK(b.heard == sent);
  CHECK(a.heard.empty());
  const NetworkCounts& counts = wires.network.counts();
  CHECK(counts.lost > 80);
  CHECK(counts.lost < 180);
  CHECK(counts.duplicated > 25);
  CHECK(counts.reordered > 25);
  CHECK(counts.broken == 0);
}

TEST_CASE("a lone lost frame waits for a timeout and one among others for a round trip") {
  for (const bool among_others : {false, true}) {
    std::int64_t ever_lost = 0;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      Wires wires(even_options(), seed);
      Ear& a = wires.add();
      Ear& b = wires.add();
      connect(wires, a, b);
      const auto start = Wires::ms(wires.queue.now());
      if (among_others) wires.send(a, b, "before");
      wires.network.set_faults(losing(kAlways / 2));
      wires.send(a, b, "frame");
      const auto lost = static_cast<std::int64_t>(wires.network.counts().lost);
      ever_lost += lost;
      wires.settle();
      REQUIRE(b.heard.back() == "frame");
      // Timeouts: 200, 400, 800 ms … or 20, 40, 80 ms …
      const std::int64_t first = among_others ? 20 : 200;
      CHECK(Wires::ms(b.at) - start == 10 + first * ((std::int64_t{1} << lost) - 1));
    }
    CHECK(ever_lost >= 3);
  }
}

TEST_CASE("a stream that loses everything breaks after TCP has tried for long") {
  NetworkOptions options = even_options();
  options.give_up = seconds(10);
  Wires wires(options);
  Ear& a = wires.add();
  Ear& b = wires.add();
  connect(wires, a, b);
  const TimePoint start = wires.queue.now();
  wires.network.set_faults(losing(kAlways));
  wires.send(a, b, "lost");
  wires.network.set_faults({});
  wires.run_for(seconds(1));
  wires.send(a, b, "behind it");
  wires.settle();
  CHECK(a.heard == Heard{"closed"});
  CHECK(a.at == start + seconds(10));
  CHECK(b.heard.empty());
  CHECK(wires.network.counts().broken == 1);
  CHECK(wires.stats(a).connections == 0);

  // b has heard of nothing; its next frame tells it.
  wires.send(b, a, "into the void");
  wires.settle();
  CHECK(b.heard == Heard{"closed"});
  wires.send(a, b, "anew");
  wires.settle();
  CHECK(b.heard == Heard{"closed", "anew"});
  CHECK(wires.stats(a).connections == 1);
}

TEST_CASE("a connection that the other end opens anew takes the place of one that is breaking") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  connect(wires, a, b);
  wires.network.set_faults(losing(kAlways));
  wires.send(a, b, "lost");
  wires.network.set_faults({});
  for (int i = 0; i < 6; ++i) {
    wires.run_for(minutes(1));
    wires.send(a, b, "into the void");
  }
  wires.send(b, a, "anew");  // to b the old one is idle
  wires.run_for(seconds(1));
  wires.send(a, b, "back");
  wires.settle();
  CHECK(a.heard == Heard{"closed", "anew"});  // what it had sent is lost
  CHECK(b.heard == Heard{"back"});
}

TEST_CASE("a frame corrupted on a stream is never heard and ends the connection at both ends") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  connect(wires, a, b);
  const auto start = Wires::ms(wires.queue.now());
  Faults faults;
  faults.corruption = kAlways;
  wires.network.set_faults(faults);
  wires.send(a, b, "corrupted");
  wires.network.set_faults({});
  wires.send(a, b, "behind it");
  wires.settle();
  CHECK(b.heard == Heard{"closed"});
  CHECK(Wires::ms(b.at) == start + 10);
  CHECK(a.heard == Heard{"closed"});
  CHECK(Wires::ms(a.at) == start + 20);
  CHECK(wires.network.counts().corrupted == 1);
  CHECK(wires.network.counts().broken == 1);
  wires.send(a, b, "anew");
  wires.settle();
  CHECK(b.heard == Heard{"closed", "anew"});
  CHECK(a.heard == Heard{"closed"});
}

TEST_CASE("the other end of a corrupted connection can connect anew before its peer knows") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  connect(wires, a, b);
  Faults faults;
  faults.corruption = kAlways;
  wires.network.set_faults(faults);
  wires.send(a, b, "corrupted");
  wires.network.set_faults({});
  wires.run_for(milliseconds(11));
  wires.send(b, a, "anew");
  wires.settle();
  CHECK(a.heard == Heard{"closed", "anew"});
  CHECK(wires.stats(a).connections == 1);
  CHECK(wires.stats(b).connections == 1);
}

TEST_CASE("duplicates and retransmissions cost a stream bytes and nothing else") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  connect(wires, a, b);
  const NetworkCounts before = wires.network.counts();
  wires.send(a, b, "once");
  const std::uint64_t once = wires.network.counts().bytes - before.bytes;
  CHECK(once > 4);
  Faults faults;
  faults.duplication = kAlways;
  wires.network.set_faults(faults);
  wires.send(a, b, "once");
  CHECK(wires.network.counts().bytes - before.bytes == 3 * once);
  wires.settle();
  CHECK(b.heard == Heard{"once", "once"});
  CHECK(wires.network.counts().frames == before.frames + 2);
}

TEST_CASE("a dial sends lost packets again and times out if they stay lost") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.network.set_faults(losing(kAlways));
  wires.send(a, b, "too late");
  wires.network.set_faults({});
  wires.settle();
  CHECK(a.heard == Heard{"timed_out"});
  CHECK(Wires::ms(a.at) == 5000);
  CHECK(wires.network.counts().lost >= 3);

  int late = 0;
  int failed = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    NetworkOptions options = even_options();
    options.faults = losing(100'000);
    Wires trial(options, seed);
    Ear& c = trial.add();
    Ear& d = trial.add();
    trial.probe(c, d);
    trial.settle();
    REQUIRE(c.heard.size() == 1);
    if (c.heard != Heard{"reached"}) {
      ++failed;
    } else if (Wires::ms(c.at) > 40) {
      ++late;
      CHECK(Wires::ms(c.at) >= 240);
    }
  }
  CHECK(late > 40);  // four packets, each lost by one in ten
  CHECK(late < 100);
  CHECK(failed < 10);
}

TEST_CASE("bursts strike a share of the time and the same line at the same times") {
  Faults faults;
  faults.burst_every = seconds(100);
  faults.burst_length = seconds(5);
  for (const std::uint64_t line : {11U, 12U}) {
    int struck = 0;
    int changes = 0;
    bool before = false;
    for (int i = 0; i < 100'000; ++i) {
      const bool now = in_burst(faults, line, TimePoint(milliseconds(100) * i));
      struck += now ? 1 : 0;
      changes += now != before ? 1 : 0;
      before = now;
    }
    CHECK(struck > 3500);
    CHECK(struck < 6500);
    CHECK(changes > 150);  // up to 100 bursts, each begins and ends
    CHECK(changes <= 200);
  }
  CHECK_FALSE(in_burst({}, 11, TimePoint(seconds(1))));

  NetworkOptions options = datagrams();
  options.faults = faults;
  Wires wires(options);
  Ear& a = wires.add();
  Ear& b = wires.add();
  Ear& c = wires.add();
  for (int i = 0; i < 3000; ++i) {
    wires.send(a, b, "x");
    wires.send(c, b, "y");
    wires.run_for(seconds(1));
  }
  wires.settle();
  // b's line costs both alike; each has its own beside it.
  const auto xs = std::count(b.heard.begin(), b.heard.end(), "x");
  const auto ys = std::count(b.heard.begin(), b.heard.end(), "y");
  CHECK(xs > 2550);
  CHECK(xs < 2850);
  CHECK(ys > 2550);
  CHECK(ys < 2850);
}

// ---- Datagrams

TEST_CASE("datagrams are lost for good") {
  Wires wires(datagrams());
  Ear& a = wires.add();
  Ear& b = wires.add();
  connect(wires, a, b);
  wires.network.set_faults(losing(300'000));
  send_many(wires, a, b, 1000);
  wires.settle();
  CHECK(b.heard.size() == 1000 - wires.network.counts().lost);
  CHECK(wires.network.counts().lost > 240);
  CHECK(wires.network.counts().lost < 360);
  CHECK(a.heard.empty());
}

TEST_CASE("datagrams come twice and overtake each other") {
  Wires wires(datagrams());
  Ear& a = wires.add();
  Ear& b = wires.add();
  connect(wires, a, b);
  Faults faults;
  faults.duplication = 100'000;
  wires.network.set_faults(faults);
  Heard sent = send_many(wires, a, b, 200);
  wires.settle();
  CHECK(wires.network.counts().duplicated > 5);
  CHECK(b.heard.size() == 200 + wires.network.counts().duplicated);
  b.heard.erase(std::unique(b.heard.begin(), b.heard.end()), b.heard.end());
  CHECK(b.heard == sent);

  b.heard.clear();
  faults = {};
  faults.reordering = 100'000;
  wires.network.set_faults(faults);
  sent = send_many(wires, a, b, 200);
  wires.settle();
  CHECK(b.heard != sent);
  CHECK(wires.network.counts().reordered > 5);
  std::sort(b.heard.begin(), b.heard.end());
  std::sort(sent.begin(), sent.end());
  CHECK(b.heard == sent);
}

TEST_CASE("flipped bits of datagrams reach whoever decodes them") {
  Wires wires(datagrams());
  Ear& a = wires.add();
  Ear& b = wires.add();
  connect(wires, a, b);
  Faults faults;
  faults.corruption = kAlways;
  wires.network.set_faults(faults);
  const std::string text(100, 'x');
  for (int i = 0; i < 100; ++i) wires.send(a, b, text);
  wires.send(a, b, "");  // has no bit to flip
  wires.settle();
  REQUIRE(b.heard.size() == 101);
  CHECK(b.heard.back().empty());
  b.heard.pop_back();
  int bent = 0;
  for (const std::string& heard : b.heard) {
    REQUIRE(heard.size() == text.size());
    const auto wrong = std::count_if(heard.begin(), heard.end(), [](char c) { return c != 'x'; });
    CHECK(wrong <= 3);
    bent += wrong > 0 ? 1 : 0;
  }
  CHECK(bent >= 98);  // two flips may fall on one bit
  CHECK(wires.network.counts().corrupted == 100);
  CHECK(wires.network.counts().broken == 0);
}

// ---- Lines

TEST_CASE("frames leave a narrow line one after the other with their headers") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  Ear& c = wires.add();
  connect(wires, a, b);
  connect(wires, a, c);
  wires.network.set_bandwidth(a.index, 10'000, 0);
  const auto start = Wires::ms(wires.queue.now());
  wires.send(a, b, std::string(900, 'x'));   // 1,000 bytes on the wire
  wires.send(a, c, std::string(1900, 'y'));  // 2,100 bytes, of two segments
  wires.run_for(milliseconds(109));
  CHECK(b.heard.empty());
  wires.run_for(milliseconds(1));
  CHECK(b.heard.size() == 1);
  wires.settle();
  CHECK(c.heard.size() == 1);
  CHECK(Wires::ms(c.at) == start + 100 + 210 + 10);

  // Idle again, the line owes nothing.
  wires.run_for(seconds(1));
  const auto later = Wires::ms(wires.queue.now());
  wires.send(a, b, std::string(900, 'x'));
  wires.settle();
  CHECK(Wires::ms(b.at) == later + 110);
}

TEST_CASE("a narrow line down holds up what many send at once") {
  NetworkOptions options = even_options();
  options.down = 10'000;
  Wires wires(options);
  Ear& hub = wires.add();
  for (int i = 0; i < 5; ++i) connect(wires, wires.add(), hub);
  wires.run_for(seconds(1));
  const auto start = Wires::ms(wires.queue.now());
  for (std::size_t i = 1; i <= 5; ++i) wires.send(*wires.ears[i], hub, std::string(900, 'x'));
  wires.settle();
  CHECK(hub.heard.size() == 5);
  CHECK(Wires::ms(hub.at) == start + 510);
}

TEST_CASE("more bytes queued for a peer than the limit break the connection as overloaded") {
  Wires wires;
  Config config;
  config.limits.queued_bytes = 5000;
  Ear& a = wires.add(config);
  Ear& b = wires.add();
  Ear& c = wires.add();
  connect(wires, a, b);
  connect(wires, a, c);
  wires.network.set_bandwidth(a.index, 1000, 0);
  wires.network.set_bandwidth(b.index, 0, 100'000);
  const std::string text(900, 'x');
  for (int i = 0; i < 3; ++i) wires.send(a, b, text);
  wires.run_for(milliseconds(2500));
  for (int i = 0; i < 4; ++i) wires.send(a, b, text);
  CHECK(wires.stats(a).peers_unread == 0);
  wires.send(a, c, text);  // waits as well, but not for b
  wires.send(a, b, text);
  CHECK(wires.stats(a).peers_unread == 1);
  wires.settle();
  CHECK(a.heard == Heard{"overloaded"});
  CHECK(c.heard.size() == 1);
  CHECK(b.heard.size() == 8);
  CHECK(b.heard.back() == "closed");

  // Once the queue is empty, frames go again.
  wires.send(a, b, "again");
  wires.settle();
  CHECK(b.heard.back() == "again");
}

// ---- Partitions

TEST_CASE("frames across a partition arrive in order after it at TCP's next try") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  connect(wires, a, b);
  wires.send(a, b, "on its way");
  const auto start = Wires::ms(wires.queue.now());
  wires.network.set_side(b.index, 1);
  wires.network.set_blocked(0, 1, true);
  wires.network.set_blocked(1, 0, true);
  wires.send(a, b, "1");
  wires.send(b, a, "2");
  wires.run_for(seconds(1));
  CHECK(b.heard == Heard{"on its way"});
  wires.send(a, b, "3");
  wires.network.set_blocked(0, 1, false);
  wires.send(a, b, "4");
  wires.run_for(milliseconds(1));
  wires.send(a, b, "5");
  CHECK(wires.network.counts().stalled == 3);
  wires.run_for(seconds(5));
  CHECK(b.heard == Heard{"on its way", "1", "3", "4", "5"});
  // Tries after 200, 600 and 1400 ms.
  CHECK(Wires::ms(b.at) == start + 1410);
  CHECK(a.heard.empty());  // the other direction is still blocked
  wires.network.set_blocked(1, 0, false);
  wires.settle();
  CHECK(a.heard == Heard{"2"});
  CHECK(Wires::ms(a.at) == start + 6210);
  CHECK(wires.network.counts().broken == 0);
}

TEST_CASE("a partition that outlasts TCP breaks the connections whose frames wait") {
  NetworkOptions options = even_options();
  options.give_up = seconds(30);
  Wires wires(options);
  Ear& a = wires.add();
  Ear& b = wires.add();
  Ear& c = wires.add();
  connect(wires, a, b);
  connect(wires, c, b);
  const TimePoint start = wires.queue.now();
  wires.network.set_side(b.index, 1);
  wires.network.set_blocked(0, 1, true);
  wires.send(a, b, "lost");
  wires.run_for(seconds(20));
  wires.send(a, b, "lost too");
  wires.settle();
  CHECK(a.heard == Heard{"closed"});
  CHECK(a.at == start + seconds(30));
  CHECK(c.heard.empty());
  wires.network.set_blocked(0, 1, false);
  wires.settle();
  CHECK(b.heard.empty());
  wires.send(c, b, "kept");
  wires.send(a, b, "anew");
  wires.settle();
  CHECK(b.heard == Heard{"kept", "anew"});
  CHECK(a.heard == Heard{"closed"});
  CHECK(wires.network.counts().broken == 1);
}

TEST_CASE("dials across a partition time out even if only the way back is blocked") {
  for (const bool back : {false, true}) {
    Wires wires;
    Ear& a = wires.add();
    Ear& b = wires.add();
    wires.network.set_side(b.index, 15);
    wires.network.set_blocked(back ? 15 : 0, back ? 0 : 15, true);
    wires.probe(a, b);
    wires.send(b, a, "x");
    wires.settle();
    CHECK(a.heard == Heard{"probe timed_out"});
    CHECK(Wires::ms(a.at) == 5000);
    CHECK(b.heard == Heard{"timed_out"});
  }
}

TEST_CASE("a partition that begins during a handshake ends the dial") {
  for (const bool back : {false, true}) {
    Wires wires;
    Ear& a = wires.add();
    Ear& b = wires.add();
    wires.network.set_side(b.index, 1);
    wires.probe(a, b);
    wires.run_for(milliseconds(5));
    wires.network.set_blocked(back ? 1 : 0, back ? 0 : 1, true);
    wires.settle();
    CHECK(a.heard == Heard{"probe timed_out"});
  }
}

TEST_CASE("a bridge talks to both sides of a partition") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  Ear& bridge = wires.add();
  wires.network.set_side(b.index, 1);
  wires.network.set_side(bridge.index, 2);
  wires.network.set_blocked(0, 1, true);
  wires.network.set_blocked(1, 0, true);
  wires.send(a, b, "no");
  wires.send(a, bridge, "from a");
  wires.send(b, bridge, "from b");
  wires.settle();
  CHECK(a.heard == Heard{"timed_out"});
  CHECK(bridge.heard == Heard{"from a", "from b"});
  wires.send(bridge, a, "to a");
  wires.send(bridge, b, "to b");
  wires.settle();
  CHECK(a.heard == Heard{"timed_out", "to a"});
  CHECK(b.heard == Heard{"to b"});
}

TEST_CASE("datagrams across a partition vanish") {
  Wires wires(datagrams());
  Ear& a = wires.add();
  Ear& b = wires.add();
  connect(wires, a, b);
  wires.network.set_side(a.index, 1);
  wires.network.set_blocked(1, 0, true);
  wires.send(a, b, "lost");
  wires.network.set_blocked(1, 0, false);
  wires.send(a, b, "2");
  wires.settle();
  CHECK(b.heard == Heard{"2"});
  CHECK(wires.network.counts().vanished == 1);
}

TEST_CASE("a clogged link holds frames of one direction back until its time") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  connect(wires, a, b);
  const TimePoint start = wires.queue.now();
  wires.network.clog(a.index, b.index, start + seconds(3));
  wires.send(a, b, "1");
  wires.send(b, a, "back");
  wires.run_for(seconds(1));
  wires.send(a, b, "2");
  CHECK(a.heard == Heard{"back"});
  CHECK(b.heard.empty());
  wires.settle();
  CHECK(b.heard == Heard{"1", "2"});
  CHECK(b.at == start + seconds(3) + kOneWay);
  wires.send(a, b, "3");
  wires.settle();
  CHECK(b.at == start + seconds(3) + 2 * kOneWay);
}

TEST_CASE("a dial over a clogged link fails at its own time") {
  Wires wires;
  Ear& a = wires.add();
  Ear& b = wires.add();
  wires.network.clog(a.index, b.index, TimePoint(seconds(6)));
  wires.send(a, b, "x");
  wires.settle();
  CHECK(a.heard == Heard{"timed_out"});
  CHECK(Wires::ms(a.at) == 5000);
  CHECK(b.heard.empty());
}

// ---- Connections

TEST_CASE("in a warm network first frames and probes pay for no handshake") {
  NetworkOptions options = even_options();
  options.warm = true;
  Wires wires(options);
  Ear& a = wires.add();
  Ear& b = wires.add();
  Ear& c = wires.add();
  wires.send(a, b, "first");
  wires.settle();
  CHECK(b.heard == Heard{"first"});
  CHECK(Wires::ms(b.at) == 10);
  wires.send(b, a, "back");
  wires.settle();
  CHECK(Wires::ms(a.at) == 20);
  CHECK(a.last.reached);
  CHECK_FALSE(b.last.reached);
  wires.probe(b, a);
  wires.settle();
  CHECK(b.heard == Heard{"first", "reached"});
  CHECK(Wires::ms(b.at) == 40);

  // Nobody is there, or cannot be dialled: as in a cold one.
  wires.network.close(c.index);
  wires.send(a, c, "x");
  wires.settle();
  CHECK(a.heard == Heard{"back", "refused"});
  wires.start(c);
  wires.network.set_dialable(c.index, false);
  wires.send(a, c, "x");
  wires.settle();
  CHECK(a.heard == Heard{"back", "refused", "timed_out"});
  a.transport->send({wires.network.key(b.index), Endpoints(wires.network.address(c.index))},
                    to_bytes("to a wrong address"));
  wires.network.set_dialable(c.index, true);
  wires.settle();
  CHECK(b.heard == Heard{"first", "reached", "to a wrong address"});  // over the open connection
  c.transport->send({wires.network.key(b.index), Endpoints(wires.network.address(a.index))},
                    to_bytes("x"));
  wires.settle();
  CHECK(c.heard == Heard{"wrong_key"});
}

TEST_CASE("a probe over the budget of dials fails as overloaded and not from inside the call") {
  Wires wires;
  Config config;
  config.limits.dials = 1;
  Ear& a = wires.add(config);
  Ear& b = wires.add();
  Ear& c = wires.add();
  wires.probe(a, b);
  wires.probe(a, c);
  CHECK(a.heard.empty());
  wires.settle();
  CHECK(a.heard == Heard{"probe overloaded", "reached"});
  CHECK(wires.stats(a).dials_failed == 1);
  wires.probe(a, c);
  wires.settle();
  CHECK(a.heard.back() == "reached");
}

// ---- Cost and determinism

// What b hears of a's frames while faults of all kinds come and go.
Heard troubled(std::uint64_t seed) {
  NetworkOptions options = even_options();
  options.latency = Latency::internet();
  options.datagram = true;
  options.up = 50'000;
  Wires wires(options, seed);
  Ear& a = wires.add();
  Ear& b = wires.add();
  Faults faults = losing(100'000);
  faults.duplication = faults.reordering = faults.corruption = 100'000;
  faults.burst_every = seconds(1);
  faults.burst_length = milliseconds(100);
  for (int i = 0; i < 20; ++i) {
    wires.network.set_faults(i % 2 == 0 ? faults : Faults{});
    send_many(wires, a, b, 20, milliseconds(7));
  }
  wires.settle();
  return b.heard;
}

TEST_CASE("the same seed has the same faults and another seed others") {
  const Heard first = troubled(3);
  CHECK(first.size() > 200);
  CHECK(troubled(3) == first);
  CHECK(troubled(4) != first);
}

TEST_CASE("faults that were off and on again leave no trace in what is random") {
  const auto arrival = [](bool trouble) {
    NetworkOptions options = even_options();
    options.latency = Latency::even(kOneWay, milliseconds(9));
    Wires wires(options);
    Ear& a = wires.add();
    Ear& b = wires.add();
    wires.send(a, b, "hello");
    wires.settle();
    if (trouble) {
      wires.network.set_faults(losing(500'000));
      wires.network.set_blocked(0, 3, true);
      wires.network.set_faults({});
      wires.network.set_blocked(0, 3, false);
    }
    wires.send(a, b, "x");
    wires.settle();
    return b.at;
  };
  CHECK(arrival(true) == arrival(false));
}

}  // namespace
}  // namespace kadmos::sim
