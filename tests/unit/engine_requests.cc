// Requests of a node's own: which replies count, and what silence and failure do.
#include <doctest/doctest.h>

#include "support/drive.h"

using namespace kadmos;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Host = Drive::Host;

namespace {

// a knows b and has asked it for something; the request is on its way.
struct Asking {
  explicit Asking(const Config& config = Drive::config()) : a(net.add(config)), b(net.add_raw()) {
    net.meet_one(a, b);
    op = net.start(a, FindNodeRequest{Id::from_top(1)});
    REQUIRE(net.sent.size() == 1);
    request = net.sent[0].message.request;
  }

  Drive net;
  Host a;
  Host b;
  OpId op = 0;
  std::uint64_t request = 0;
};

}  // namespace

TEST_CASE("a reply ends the request it belongs to") {
  Asking f;
  f.net.inject(f.a, f.b, wire::Message{f.request, wire::Nodes{}});
  CHECK(f.net.stats(f.a).replies_received == 1);
  CHECK(f.net.stats(f.a).replies_unsolicited == 0);
  CHECK(f.net.stats(f.a).rpcs_pending == 0);
  const auto found = f.net.result<Closest>(f.a, f.op);
  REQUIRE(found.ok());
  CHECK(found->contacts == std::vector<Contact>{f.net.contact(f.b)});
}

TEST_CASE("a reply with an id nobody gave out is counted and changes nothing") {
  Asking f;
  f.net.inject(f.a, f.b, wire::Message{f.request + 1, wire::Nodes{}});
  CHECK(f.net.stats(f.a).replies_unsolicited == 1);
  CHECK(f.net.stats(f.a).replies_received == 0);
  CHECK(f.net.stats(f.a).rpcs_pending == 1);
  CHECK_FALSE(f.net.ended(f.a, f.op));
}

TEST_CASE("a reply with the right id from another peer is counted and changes nothing") {
  Asking f;
  const Host c = f.net.add_raw();
  const Host d = f.net.add();
  f.net.inject(f.a, c, wire::Message{f.request, wire::Nodes{{f.net.contact(d)}, {}}});
  CHECK(f.net.stats(f.a).replies_unsolicited == 1);
  CHECK(f.net.stats(f.a).rpcs_pending == 1);
  CHECK_FALSE(f.net.ended(f.a, f.op));
  CHECK(f.net.sent.size() == 1);  // nobody it named was asked
}

TEST_CASE("a reply said twice counts once") {
  Asking f;
  f.net.inject(f.a, f.b, wire::Message{f.request, wire::Nodes{}});
  f.net.inject(f.a, f.b, wire::Message{f.request, wire::Nodes{}});
  CHECK(f.net.stats(f.a).replies_received == 1);
  CHECK(f.net.stats(f.a).replies_unsolicited == 1);
}

TEST_CASE("a reply of another kind than the request asked for counts as the failure of its peer") {
  Asking f;
  f.net.inject(f.a, f.b, wire::Message{f.request, wire::Pong{}});
  const auto found = f.net.result<Closest>(f.a, f.op);
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().code == Errc::unreachable);
  REQUIRE(found.error().asked.size() == 1);
  CHECK(found.error().asked[0].outcome == Outcome::refused);
  CHECK(found.error().asked[0].detail == "answered with a message of another kind");
}

TEST_CASE("a peer that says busy or no is passed over and quoted") {
  Asking f;
  wire::Failure failure{wire::FailureCode::busy, "come back later"};
  Outcome outcome = Outcome::busy;
  SUBCASE("busy") {}
  SUBCASE("no") {
    failure = {wire::FailureCode::refused, "not you"};
    outcome = Outcome::refused;
  }
  f.net.inject(f.a, f.b, wire::Message{f.request, failure});
  const auto found = f.net.result<Closest>(f.a, f.op);
  REQUIRE_FALSE(found.ok());
  REQUIRE(found.error().asked.size() == 1);
  CHECK(found.error().asked[0].outcome == outcome);
  CHECK(found.error().asked[0].detail == failure.detail);
  CHECK(f.net.knows(f.a, f.b));  // it answered, so it lives
}

TEST_CASE("a slow request is counted once and its late answer counts") {
  Asking f;
  f.net.run_for(milliseconds(499));
  CHECK(f.net.stats(f.a).requests_slow == 0);
  f.net.run_for(milliseconds(1));
  CHECK(f.net.stats(f.a).requests_slow == 1);
  f.net.run_for(seconds(2));
  CHECK(f.net.stats(f.a).requests_slow == 1);
  CHECK_FALSE(f.net.ended(f.a, f.op));
  f.net.inject(f.a, f.b, wire::Message{f.request, wire::Nodes{}});
  CHECK(f.net.result<Closest>(f.a, f.op).ok());
  CHECK(f.net.stats(f.a).requests_failed == 0);
  CHECK_FALSE(f.net.engine(f.a).next_timeout());
}

TEST_CASE("how long a request may take follows what was measured of its peer") {
  Config config = Drive::config();
  milliseconds expected(100);  // one round trip of 20 ms: mean 20, thrice; deviation 10, four times
  SUBCASE("as measured") {}
  SUBCASE("but no less than the floor") {
    config.slow_floor = milliseconds(150);
    expected = milliseconds(150);
  }
  SUBCASE("and no more than the cap") {
    config.slow_cap = milliseconds(40);
    expected = milliseconds(40);
  }
  Asking f(config);
  f.net.run_for(2 * Drive::kLatency);
  f.net.inject(f.a, f.b, wire::Message{f.request, wire::Nodes{}});
  f.net.start(f.a, FindNodeRequest{Id::from_top(1)});
  f.net.run_for(expected - milliseconds(1));
  CHECK(f.net.stats(f.a).requests_slow == 0);
  f.net.run_for(milliseconds(1));
  CHECK(f.net.stats(f.a).requests_slow == 1);
}

TEST_CASE("a peer never measured is slow after three times what all others need and the floor") {
  Asking f;
  f.net.run_for(2 * Drive::kLatency);
  f.net.inject(f.a, f.b, wire::Message{f.request, wire::Nodes{}});
  const Host c = f.net.add_raw();
  f.net.meet_one(f.a, c);
  f.net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    if (one.to == c) return std::nullopt;
    return wire::Nodes{};
  };
  const OpId op = f.net.start(f.a, FindNodeRequest{f.net.id(c)});
  // 60 ms when it was sent, 55 ms since another answered in the same lookup.
  const Duration all = milliseconds(55);
  const Duration slow = 3 * all + milliseconds(10);
  f.net.run_for(slow - milliseconds(1));
  CHECK(f.net.stats(f.a).requests_slow == 0);
  f.net.run_for(milliseconds(1));
  CHECK(f.net.stats(f.a).requests_slow == 1);
  // A search ends without it a little later: two were measured, so 500 ms have halved twice.
  const Duration given_up = milliseconds(125) + all * 15 / 4 + milliseconds(10);
  f.net.run_for(given_up - slow - milliseconds(1));
  CHECK_FALSE(f.net.ended(f.a, op));
  f.net.run_for(milliseconds(1));
  CHECK(f.net.result<Closest>(f.a, op).ok());
}

TEST_CASE("a search waits longer than the cap for a near peer that is far away as measured") {
  Config config = Drive::config();
  config.slow_cap = milliseconds(40);
  Asking f(config);
  f.net.run_for(2 * Drive::kLatency);
  f.net.inject(f.a, f.b, wire::Message{f.request, wire::Nodes{}});
  const Host c = f.net.add_raw();
  f.net.meet_one(f.a, c);
  f.net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    if (one.to == f.b) return std::nullopt;
    return wire::Nodes{};
  };
  const OpId op = f.net.start(f.a, FindNodeRequest{f.net.id(f.b)});
  f.net.run_for(milliseconds(40));
  CHECK(f.net.stats(f.a).requests_slow == 1);
  f.net.run_for(milliseconds(59));
  CHECK_FALSE(f.net.ended(f.a, op));
  f.net.run_for(milliseconds(1));
  CHECK(f.net.result<Closest>(f.a, op).ok());
}

TEST_CASE("a request fails after the time limit and its peer is called silent") {
  Asking f;
  f.net.run_for(milliseconds(4999));
  CHECK(f.net.stats(f.a).requests_failed == 0);
  f.net.run_for(milliseconds(1));
  CHECK(f.net.stats(f.a).requests_failed == 1);
  const auto found = f.net.result<Closest>(f.a, f.op);
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().code == Errc::unreachable);
  CHECK(found.error().asked.at(0).outcome == Outcome::silent);
  CHECK(found.error().asked.at(0).elapsed == seconds(5));
}

TEST_CASE(
    "a contact that failed gets a second chance at once and is evicted if it fails that too") {
  Asking f;
  f.net.run_for(seconds(5) + milliseconds(20));  // and a dial
  CHECK(f.net.knows(f.a, f.b));
  CHECK(f.net.sent_of<wire::Ping>(f.a, f.b).size() == 1);
  CHECK(f.net.stats(f.a).contacts_evicted == 0);
  f.net.run_for(seconds(5));
  CHECK_FALSE(f.net.knows(f.a, f.b));
  CHECK(f.net.stats(f.a).contacts_evicted == 1);
  CHECK(f.net.noticed(f.a, "table_empty"));
}

TEST_CASE("a contact that takes its second chance stays with a clean record") {
  Asking f;
  f.net.raw_answer = [](const Drive::Sent& one) -> std::optional<wire::Body> {
    if (std::holds_alternative<wire::Ping>(one.message.body)) return wire::Pong{};
    return std::nullopt;
  };
  f.net.drive();
  CHECK(f.net.knows(f.a, f.b));
  // So it takes two more failures to evict it, not one.
  f.net.raw_answer = nullptr;
  f.net.start(f.a, FindNodeRequest{Id::from_top(1)});
  f.net.run_for(seconds(5));
  CHECK(f.net.knows(f.a, f.b));
}

TEST_CASE("requests in flight together fail as one failure") {
  Asking f;
  f.net.start(f.a, FindNodeRequest{Id::from_top(2)});
  f.net.start(f.a, FindNodeRequest{Id::from_top(3)});
  f.net.run_for(seconds(5));
  CHECK(f.net.stats(f.a).requests_failed == 3);
  CHECK(f.net.knows(f.a, f.b));
  f.net.run_for(milliseconds(20));  // a dial
  CHECK(f.net.sent_of<wire::Ping>(f.a, f.b).size() == 1);
}

TEST_CASE("a broken connection fails every request of its peer at once as one failure") {
  Asking f;
  const OpId second = f.net.start(f.a, FindNodeRequest{Id::from_top(2)});
  f.net.run_for(milliseconds(50));
  f.net.break_connection(f.a, f.b);
  for (const OpId op : {f.op, second}) {
    const auto found = f.net.result<Closest>(f.a, op);
    REQUIRE_FALSE(found.ok());
    CHECK(found.error().asked.at(0).outcome == Outcome::unreachable);
    CHECK(found.error().asked.at(0).detail == "closed");
  }
  CHECK(f.net.stats(f.a).requests_failed == 2);
  CHECK(f.net.knows(f.a, f.b));
  CHECK(f.net.probed(f.a).size() == 1);  // the second chance
}

TEST_CASE("a broken connection leaves requests to other peers alone") {
  Asking f;
  const Host c = f.net.add_raw();
  f.net.meet_one(f.a, c);
  const OpId op = f.net.start(f.a, FindNodeRequest{Id::from_top(2)});
  f.net.break_connection(f.a, c);
  CHECK_FALSE(f.net.ended(f.a, f.op));
  CHECK_FALSE(f.net.ended(f.a, op));
}

TEST_CASE("a frame that is no message is counted and costs its peer the connection") {
  Asking f;
  f.net.inject(f.a, f.b, Bytes{0xc1, 0xff});
  CHECK(f.net.stats(f.a).frames_malformed == 1);
  CHECK(f.net.dropped(f.a) == std::vector<PublicKey>{f.net.identity(f.b).public_key()});
  CHECK(f.net.noticed(f.a, "frame_malformed"));
  CHECK_FALSE(f.net.ended(f.a, f.op));
}

TEST_CASE("a peer that was slow is asked last for a while") {
  Drive net;
  const Host a = net.add();
  const std::vector<Host> others = net.add_many(5);
  std::vector<Host> all = others;
  all.push_back(a);
  net.meet_all(all);
  const auto near = net.by_distance(Id::from_top(1), others);
  net.freeze(near[0]);
  REQUIRE(net.run<Closest>(a, FindNodeRequest{Id::from_top(1)}).ok());
  net.sent.clear();
  REQUIRE(net.run<Closest>(a, FindNodeRequest{Id::from_top(1)}).ok());
  CHECK(net.sent_of<wire::FindNode>(a, near[0]).empty());
  CHECK(net.sent_of<wire::FindNode>(a, near[4]).size() == 1);
}

TEST_CASE("a node that stood still does not take its own delay for the silence of others") {
  Asking f;
  f.net.stall(seconds(60));  // the answer arrived meanwhile and was not read
  f.net.run_for(milliseconds(1));
  CHECK(f.net.stats(f.a).requests_slow == 0);
  CHECK(f.net.stats(f.a).requests_failed == 0);
  f.net.inject(f.a, f.b, wire::Message{f.request, wire::Nodes{}});
  CHECK(f.net.result<Closest>(f.a, f.op).error().code == Errc::timeout);
  CHECK(f.net.stats(f.a).replies_received == 1);
}

TEST_CASE("a request waits for a node that stood still once and not for ever") {
  Asking f;
  f.net.stall(seconds(4));
  f.net.run_for(milliseconds(1));
  CHECK(f.net.stats(f.a).requests_slow == 0);
  f.net.stall(seconds(60));
  f.net.run_for(milliseconds(1));
  CHECK(f.net.stats(f.a).requests_slow == 1);
  CHECK(f.net.stats(f.a).requests_failed == 1);
}

TEST_CASE("notices of one kind are bounded in a minute") {
  Asking f;
  for (int i = 0; i < 30; ++i) f.net.inject(f.a, f.b, Bytes{0xc1});
  CHECK(f.net.notices(f.a).size() == 20);
  CHECK(f.net.stats(f.a).notices_dropped == 10);
  f.net.storage(f.a).fail_commit = [] { return true; };
  f.net.inject(f.a, f.b, wire::Message{1, wire::Store{records::content("1")}});
  CHECK(f.net.noticed(f.a, "commit_failed"));  // another kind
  f.net.run_for(seconds(60));
  f.net.inject(f.a, f.b, Bytes{0xc1});
  CHECK(f.net.notices(f.a).back().what == "frame_malformed");
}

TEST_CASE("requests that await an answer are bounded and one more is told so") {
  Config config = Drive::config();
  config.limits.pending_rpcs = 1;
  Drive net;
  const Host a = net.add(config);
  const Host b = net.add_raw();
  const Host c = net.add_raw();
  net.meet_one(a, b);
  net.meet_one(a, c);
  const OpId op = net.start(a, FindNodeRequest{net.id(b)});
  CHECK(net.sent.size() == 1);
  CHECK(net.stats(a).pending_full == 1);
  CHECK(net.stats(a).rpcs_pending == 1);
  net.inject(a, b, wire::Message{net.sent[0].message.request, wire::Nodes{}});
  const auto found = net.result<Closest>(a, op);
  REQUIRE(found.ok());
  CHECK(found->contacts == std::vector<Contact>{net.contact(b)});
}

TEST_CASE("an operation none of whose requests may be sent ends at once") {
  Config config = Drive::config();
  config.limits.pending_rpcs = 1;
  Asking f(config);
  const auto found = f.net.result<Closest>(f.a, f.net.start(f.a, FindNodeRequest{Id::from_top(2)}));
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().asked.at(0).outcome == Outcome::busy);
  CHECK(f.net.knows(f.a, f.b));
}
