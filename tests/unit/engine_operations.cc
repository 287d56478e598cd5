// How operations begin and end: once, in time, and leaving nothing armed.
#include <doctest/doctest.h>

#include "support/drive.h"

using namespace kadmos;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Host = Drive::Host;

namespace {

// a knows b, which says nothing by itself.
struct Quiet {
  explicit Quiet(const Config& config = Drive::config()) : a(net.add(config)), b(net.add_raw()) {
    net.meet_one(a, b);
  }
  OpId start(Duration timeout = seconds(10)) {
    return net.start(a, FindNodeRequest{Id::from_top(1)}, timeout);
  }
  Errc end_of(OpId op) const { return net.result<Closest>(a, op).error().code; }

  Drive net;
  Host a;
  Host b;
};

}  // namespace

TEST_CASE("an operation ends at its deadline") {
  Quiet f;
  const OpId op = f.start(seconds(2));
  f.net.run_for(milliseconds(1999));
  CHECK_FALSE(f.net.ended(f.a, op));
  f.net.run_for(milliseconds(1));
  REQUIRE(f.net.ended(f.a, op));
  const Error error = f.net.result<Closest>(f.a, op).error();
  CHECK(error.code == Errc::timeout);
  CHECK(error.operation == "find_node " + Id::from_top(1).short_hex());
  REQUIRE(error.asked.size() == 1);
  CHECK(error.asked[0].peer == f.net.contact(f.b));
}

TEST_CASE("an answer after the deadline ends nothing a second time but says that its peer lives") {
  Quiet f;
  const OpId op = f.start(seconds(2));
  f.net.run_for(seconds(3));
  REQUIRE(f.net.ended(f.a, op));
  f.net.inject(f.a, f.b, wire::Message{f.net.sent[0].message.request, wire::Nodes{}});
  CHECK(f.net.stats(f.a).replies_received == 1);
  CHECK(f.net.stats(f.a).replies_unsolicited == 0);
  f.net.drive();
  CHECK(f.net.stats(f.a).requests_failed == 0);
  CHECK(f.net.stats(f.a).operations_done == 1);
}

TEST_CASE("a deadline far beyond any clock is no deadline") {
  Quiet f;
  const OpId op = f.start(Duration::max());
  f.net.run_for(seconds(4));
  CHECK_FALSE(f.net.ended(f.a, op));
  f.net.run_for(seconds(1));
  CHECK(f.end_of(op) == Errc::unreachable);
}

TEST_CASE("operations with the same deadline all end at it") {
  Quiet f;
  std::vector<OpId> ops;
  ops.reserve(5);
  for (int i = 0; i < 5; ++i) ops.push_back(f.start(seconds(1)));
  f.net.run_for(seconds(1));
  for (const OpId op : ops) CHECK(f.end_of(op) == Errc::timeout);
  CHECK(f.net.stats(f.a).operations_running == 0);
}

TEST_CASE("a cancelled operation ends without an event and sends nothing more") {
  Quiet f;
  const OpId op = f.start();
  f.net.cancel(f.a, op);
  CHECK(f.net.stats(f.a).operations_running == 0);
  CHECK(f.net.stats(f.a).operations_done == 1);
  const Host c = f.net.add_raw();
  f.net.inject(f.a, f.b,
               wire::Message{f.net.sent[0].message.request, wire::Nodes{{f.net.contact(c)}, {}}});
  CHECK(f.net.sent.size() == 1);
  f.net.run_for(seconds(20));
  CHECK_FALSE(f.net.ended(f.a, op));
}

TEST_CASE("the requests of a cancelled operation stay to learn whether their peers live") {
  Quiet f;
  f.net.cancel(f.a, f.start());
  CHECK(f.net.stats(f.a).rpcs_pending == 1);
  f.net.run_for(seconds(5));
  CHECK(f.net.stats(f.a).requests_failed == 1);
  f.net.run_for(milliseconds(20));  // a dial
  CHECK(f.net.sent_of<wire::Ping>(f.a, f.b).size() == 1);
}

TEST_CASE("cancelling an operation that is not there changes nothing") {
  Quiet f;
  const OpId op = f.start();
  f.net.cancel(f.a, op + 1);
  f.net.cancel(f.a, op);
  f.net.cancel(f.a, op);
  CHECK(f.net.stats(f.a).operations_done == 1);
}

TEST_CASE("closing ends every operation with closed and nothing moves any more") {
  Quiet f;
  const OpId first = f.start();
  const OpId second = f.start();
  f.net.close(f.a);
  CHECK(f.end_of(first) == Errc::closed);
  CHECK(f.end_of(second) == Errc::closed);
  const Stats stats = f.net.stats(f.a);
  CHECK(stats.operations_running == 0);
  CHECK(stats.operations_done == 2);
  CHECK(stats.rpcs_pending == 0);
  CHECK_FALSE(f.net.engine(f.a).next_timeout());

  f.net.sent.clear();
  f.net.inject(f.a, f.b, wire::Message{1, wire::Ping{}});
  f.net.inject(f.a, f.b, Bytes{0xc1});
  f.net.break_connection(f.a, f.b);
  f.net.engine(f.a).on_timeout(f.net.now());
  f.net.engine(f.a).on_reached(f.net.now(), f.net.bootstrap(f.b), f.net.as_seen(f.a, f.b));
  f.net.engine(f.a).on_probe_failed(f.net.now(), f.net.bootstrap(f.b), Unreachable::refused);
  f.net.engine(f.a).on_committed(f.net.now(), 1, {});
  CHECK_FALSE(f.net.engine(f.a).poll_outgoing());
  CHECK_FALSE(f.net.engine(f.a).poll_event());
  CHECK(f.net.stats(f.a).frames_malformed == 0);
}

TEST_CASE("a verb after closing ends with closed") {
  Quiet f;
  f.net.close(f.a);
  CHECK(f.end_of(f.start()) == Errc::closed);
  CHECK(f.net.run<Receipt>(f.a, f.net.set("name", "value")).error().code == Errc::closed);
  CHECK(f.net.run<Found>(f.a, GetRequest{Id::from_top(1)}).error().code == Errc::closed);
  CHECK(f.net.run<Pong>(f.a, PingRequest{f.net.bootstrap(f.b)}).error().code == Errc::closed);
  CHECK(f.net.run<Closest>(f.a, JoinRequest{}).error().code == Errc::closed);
  CHECK(f.net.sent.empty());
  CHECK(f.net.probed(f.a).empty());
}

TEST_CASE("one operation too many is busy and the others go on") {
  Config config = Drive::config();
  config.limits.operations = 2;
  Quiet f(config);
  const OpId first = f.start();
  const OpId second = f.start();
  CHECK(f.end_of(f.start()) == Errc::busy);
  CHECK(f.net.stats(f.a).operations_refused == 1);
  CHECK(f.net.stats(f.a).operations_running == 2);
  CHECK_FALSE(f.net.ended(f.a, first));
  f.net.cancel(f.a, second);
  const OpId third = f.start();
  CHECK_FALSE(f.net.ended(f.a, third));
}

TEST_CASE("no timer is left armed when nothing is going on") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add();
  net.meet(a, b);
  CHECK_FALSE(net.engine(a).next_timeout());
  CHECK(net.run<Closest>(a, FindNodeRequest{Id::from_top(1)}).ok());
  CHECK_FALSE(net.run<Found>(a, GetRequest{Id::from_top(1)}).ok());
  CHECK(net.run<Pong>(a, PingRequest{net.bootstrap(b)}).ok());
  net.cancel(a, net.start(a, FindNodeRequest{Id::from_top(2)}));
  net.drive();
  CHECK_FALSE(net.engine(a).next_timeout());
  CHECK_FALSE(net.engine(b).next_timeout());
}

TEST_CASE("sets and stores leave no timer but the one of the first expiry") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add();
  net.meet(a, b);
  for (int i = 0; i < 10; ++i) {
    SetRequest request = net.set("name", "value");
    request.own = Own::none;
    REQUIRE(net.run<Receipt>(a, std::move(request)).ok());
  }
  net.drive();
  for (const Host host : {a, b}) {
    REQUIRE(net.engine(host).next_timeout());
    CHECK(*net.engine(host).next_timeout() > net.now().at + hours(23));
  }
  net.run_for(hours(25));
  CHECK(net.stats(a).records_held == 0);
  CHECK(net.stats(b).records_expired == 1);
  net.run_for(Drive::config().ttl_max + Drive::config().clock_skew);  // the floors they left
  CHECK_FALSE(net.engine(a).next_timeout());
  CHECK_FALSE(net.engine(b).next_timeout());
}

TEST_CASE("who keeps own records looks at its calendar twice a minute") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add();
  net.meet(a, b);
  REQUIRE(net.run<Receipt>(a, net.set("name", "value")).ok());
  net.drive();
  CHECK(*net.engine(a).next_timeout() <= net.now().at + std::chrono::seconds(30));
  CHECK(*net.engine(b).next_timeout() > net.now().at + hours(23));
}

TEST_CASE("a timeout that comes too early does nothing") {
  Quiet f;
  const OpId op = f.start();
  const auto next = f.net.engine(f.a).next_timeout();
  f.net.engine(f.a).on_timeout(f.net.now());
  CHECK(f.net.engine(f.a).next_timeout() == next);
  CHECK_FALSE(f.net.engine(f.a).poll_outgoing());
  CHECK_FALSE(f.net.engine(f.a).poll_event());
  CHECK_FALSE(f.net.ended(f.a, op));
}

TEST_CASE("records that expire together go in batches") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  net.meet_one(a, b);
  for (int i = 0; i < 100; ++i) {
    net.inject(a, b, wire::Message{1, wire::Store{records::content(std::to_string(i))}});
  }
  CHECK(net.stats(a).records_held == 100);
  net.run_for(hours(1));
  CHECK(net.stats(a).records_expired == 64);
  net.run_for(milliseconds(20));
  CHECK(net.stats(a).records_held == 0);
  CHECK(net.stats(a).records_expired == 100);
  CHECK_FALSE(net.engine(a).next_timeout());
}

TEST_CASE("a ping proves who lives at an endpoint") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add();
  const auto pong = net.run<Pong>(a, PingRequest{Bootstrap{net.endpoint(b), std::nullopt}});
  REQUIRE(pong.ok());
  CHECK(pong->peer == net.contact(b));
  CHECK(pong->elapsed == Drive::kLatency);
  CHECK(net.knows(a, b));
}

TEST_CASE("a ping that fails says why") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add();
  SUBCASE("nobody there") {
    net.take_down(b);
    const Error error = net.run<Pong>(a, PingRequest{net.bootstrap(b)}).error();
    CHECK(error.code == Errc::unreachable);
    CHECK(error.detail == "127.0.0.1:4001: refused");
    CHECK(error.operation == "ping 127.0.0.1:4001");
  }
  SUBCASE("somebody else there") {
    const Error error =
        net.run<Pong>(a, PingRequest{{net.endpoint(b), net.identity(a).public_key()}}).error();
    CHECK(error.detail == "127.0.0.1:4001: wrong_key");
  }
  SUBCASE("no answer") {
    net.freeze(b);
    const Error error = net.run<Pong>(a, PingRequest{net.bootstrap(b)}, seconds(3)).error();
    CHECK(error.code == Errc::timeout);
    CHECK(error.detail == "no answer from 127.0.0.1:4001");
  }
}

TEST_CASE("operations that probe the same endpoint share one dial") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add();
  const OpId first = net.start(a, PingRequest{net.bootstrap(b)});
  const OpId second = net.start(a, PingRequest{net.bootstrap(b)});
  const OpId third = net.start(a, PingRequest{net.bootstrap(b)});
  net.cancel(a, second);
  net.drive();
  CHECK(net.probed(a).size() == 1);
  CHECK(net.result<Pong>(a, first).ok());
  CHECK(net.result<Pong>(a, third).ok());
  CHECK_FALSE(net.ended(a, second));
}
