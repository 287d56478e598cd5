#include <doctest/doctest.h>

#include <algorithm>

#include "engine/rpcs.h"
#include "support/readable.h"

using namespace kadmos;
using std::chrono::seconds;

namespace {

constexpr TimePoint kStart{std::chrono::hours(100)};

TimePoint at(int seconds_later) { return kStart + seconds(seconds_later); }

auto both(int seconds_later) {
  return [=](const Rpcs::Pending&) {
    return Rpcs::Deadlines{at(seconds_later), at(seconds_later)};
  };
}

struct Fixture {
  std::uint64_t ask(std::uint64_t peer, int slow_at, int fail_at, OpId op = 0, int give_up_at = 0) {
    Rpcs::Pending pending;
    pending.peer = ContactHold(book, readable::contact(peer));
    pending.op = op;
    pending.sent = kStart;
    pending.slow_at = at(slow_at);
    pending.give_up_at = at(std::max(slow_at, give_up_at));
    pending.fail_at = at(fail_at);
    return rpcs.add(std::move(pending));
  }

  ContactBook book{readable::id_of_key};
  Rpcs rpcs{1000};
};

}  // namespace

TEST_CASE("a request is taken by its id and its peer together and once") {
  Fixture f;
  const auto first = f.ask(1, 1, 5);
  const auto second = f.ask(2, 1, 5);
  CHECK_FALSE(f.rpcs.take(first, readable::key(2)));
  CHECK_FALSE(f.rpcs.take(second + 1, readable::key(2)));
  CHECK(f.rpcs.size() == 2);
  CHECK(f.rpcs.take(first, readable::key(1)));
  CHECK_FALSE(f.rpcs.take(first, readable::key(1)));
  CHECK(f.rpcs.size() == 1);
}

TEST_CASE("a request becomes slow, is given up and fails, each once") {
  Fixture f;
  f.ask(1, 1, 5, 0, 3);
  CHECK(f.rpcs.next_timeout() == at(1));
  CHECK_FALSE(f.rpcs.poll_due(at(0)));
  const auto slow = f.rpcs.poll_due(at(1));
  REQUIRE(slow);
  CHECK(slow->stage == Rpcs::Stage::slow);
  CHECK_FALSE(f.rpcs.poll_due(at(2)));
  CHECK(f.rpcs.next_timeout() == at(3));
  const auto given_up = f.rpcs.poll_due(at(3));
  REQUIRE(given_up);
  CHECK(given_up->stage == Rpcs::Stage::given_up);
  CHECK_FALSE(f.rpcs.poll_due(at(4)));
  CHECK(f.rpcs.next_timeout() == at(5));
  const auto failed = f.rpcs.poll_due(at(5));
  REQUIRE(failed);
  CHECK(failed->stage == Rpcs::Stage::failed);
  CHECK(f.rpcs.size() == 0);
  CHECK_FALSE(f.rpcs.next_timeout());
}

TEST_CASE("requests fall due in the order of their deadlines") {
  Fixture f;
  f.ask(1, 3, 9);
  f.ask(2, 2, 9);
  f.ask(3, 1, 2);
  std::vector<std::uint64_t> peers;
  while (auto due = f.rpcs.poll_due(at(8))) peers.push_back(due->peer.id().top());
  CHECK(peers == std::vector<std::uint64_t>{3, 3, 2, 2, 3, 1, 1});
}

TEST_CASE("a request that was answered has no deadline left") {
  Fixture f;
  const auto early = f.ask(1, 1, 5);
  const auto late = f.ask(1, 1, 5);
  f.rpcs.take(early, readable::key(1));
  f.rpcs.poll_due(at(1));
  f.rpcs.take(late, readable::key(1));
  CHECK_FALSE(f.rpcs.next_timeout());
  CHECK_FALSE(f.rpcs.poll_due(at(100)));
}

TEST_CASE("all requests of one peer are taken in order and no others") {
  Fixture f;
  f.ask(1, 1, 5, 7);
  f.ask(2, 1, 5, 8);
  f.ask(1, 1, 5, 9);
  const auto taken = f.rpcs.take_all(readable::key(1));
  REQUIRE(taken.size() == 2);
  CHECK(taken[0].op == 7);
  CHECK(taken[1].op == 9);
  CHECK(f.rpcs.size() == 1);
  CHECK(f.rpcs.take_all(readable::key(1)).empty());
  f.rpcs.take_all(readable::key(2));
  CHECK_FALSE(f.rpcs.next_timeout());
}

TEST_CASE("requests outlive their operation and then belong to nobody") {
  Fixture f;
  f.ask(1, 1, 5, 7);
  const auto other = f.ask(1, 1, 5, 8);
  f.rpcs.orphan(7);
  CHECK(f.rpcs.size() == 2);
  const auto taken = f.rpcs.take_all(readable::key(1));
  CHECK(taken[0].op == 0);
  CHECK(taken[1].op == 8);
  CHECK_FALSE(f.rpcs.take(other, readable::key(1)));
}

TEST_CASE("requests are postponed by a caller that was late but each only once") {
  Fixture f;
  f.ask(1, 1, 5);
  f.rpcs.postpone(seconds(10));
  CHECK(f.rpcs.next_timeout() == at(11));
  f.ask(2, 2, 6);
  f.rpcs.postpone(seconds(100));
  CHECK(f.rpcs.next_timeout() == at(11));
  CHECK(f.rpcs.poll_due(at(11))->stage == Rpcs::Stage::slow);
  CHECK(f.rpcs.poll_due(at(11))->stage == Rpcs::Stage::given_up);
  CHECK_FALSE(f.rpcs.poll_due(at(14)));
  CHECK(f.rpcs.poll_due(at(15))->stage == Rpcs::Stage::failed);
  CHECK(f.rpcs.next_timeout() == at(102));
  f.rpcs.take_all(readable::key(2));
  CHECK_FALSE(f.rpcs.next_timeout());
}

TEST_CASE("clearing requests leaves nothing behind and frees their contacts") {
  Fixture f;
  f.ask(1, 1, 5, 7);
  f.ask(2, 1, 5);
  f.rpcs.clear();
  CHECK(f.rpcs.size() == 0);
  CHECK_FALSE(f.rpcs.next_timeout());
  CHECK(f.rpcs.take_all(readable::key(1)).empty());
  CHECK(f.book.size() == 0);
}

TEST_CASE("hastening moves what one operation has under way and only to earlier times") {
  Fixture f;
  f.ask(1, 5, 9, 7);
  f.ask(2, 6, 9, 8);
  f.rpcs.hasten(7, both(3));
  CHECK(f.rpcs.next_timeout() == at(3));
  f.rpcs.hasten(7, both(4));
  CHECK(f.rpcs.poll_due(at(3))->stage == Rpcs::Stage::slow);
  f.rpcs.hasten(7, both(2));
  CHECK(f.rpcs.poll_due(at(2))->stage == Rpcs::Stage::given_up);
  f.rpcs.hasten(7, both(1));
  CHECK(f.rpcs.next_timeout() == at(6));
  f.rpcs.take_all(readable::key(1));
  f.rpcs.take_all(readable::key(2));
  CHECK_FALSE(f.rpcs.next_timeout());
}

TEST_CASE("what concerns one operation or peer looks at few others however many are pending") {
  Fixture f;
  f.ask(1, 5, 9, 7);
  std::uint64_t last = 0;
  for (int i = 0; i < 10'000; ++i) last = f.ask(2 + static_cast<std::uint64_t>(i), 5, 9, 100 + i);
  f.ask(1, 5, 9, 7);
  const auto looked_at = [&](const auto& call) {
    const auto before = f.rpcs.looked_at();
    call();
    return f.rpcs.looked_at() - before;
  };
  const auto own = [&](std::uint64_t looks) { return looks >= 2 && looks < 20; };
  int hastened = 0;
  const auto soon = [&](const Rpcs::Pending&) {
    ++hastened;
    return Rpcs::Deadlines{at(2), at(2)};
  };
  CHECK(own(looked_at([&] { f.rpcs.hasten(7, soon); })));
  CHECK(hastened == 2);
  CHECK(own(looked_at([&] { f.rpcs.orphan(7); })));
  CHECK(own(looked_at([&] { CHECK(f.rpcs.take_all(readable::key(1)).size() == 2); })));
  f.rpcs.take(last, readable::key(10'001));
  CHECK(looked_at([&] { f.rpcs.orphan(10'099); }) < 20);
}

TEST_CASE("requests that are over are not looked at again and again") {
  Fixture f;
  f.ask(1, 5, 9, 7);
  for (int i = 0; i < 1000; ++i) {
    f.rpcs.take(f.ask(2, 5, 9, 8), readable::key(2));
    f.rpcs.hasten(8, both(2));
  }
  CHECK(f.rpcs.looked_at() < 5000);
}

TEST_CASE("requests of one peer stay in order however many came and went between them") {
  Fixture f;
  std::vector<OpId> expected;
  for (OpId op = 1; op <= 1000; ++op) {
    const auto id = f.ask(op % 3, 5, 9, op);
    if (op % 5 == 0) f.rpcs.take(id, readable::key(op % 3));
    if (op % 5 != 0 && op % 3 == 1) expected.push_back(op);
  }
  std::vector<OpId> ops;
  for (const auto& pending : f.rpcs.take_all(readable::key(1))) ops.push_back(pending.op);
  CHECK(ops == expected);
}
