// What a node answers to the requests of others.
#include <doctest/doctest.h>

#include "support/drive.h"

using namespace kadmos;
using std::chrono::hours;
using std::chrono::seconds;
using Host = Drive::Host;
using wire::Failure;
using wire::FailureCode;
using wire::Stored;
using wire::StoreStatus;

namespace {

// A node and a peer that asks it things.
struct Serving {
  explicit Serving(const Config& config = Drive::config()) : a(net.add(config)), b(net.add_raw()) {
    net.meet_one(a, b);
  }
  // What a answers b at once; nothing if it says nothing.
  std::optional<wire::Body> ask(const wire::Body& request) { return ask(b, request); }
  std::optional<wire::Body> ask(Host from, const wire::Body& request) {
    net.sent.clear();
    net.inject(a, from, wire::Message{77, request});
    auto answer = net.last_answer(a, from);
    if (answer) CHECK(net.sent.back().message.request == 77);
    return answer;
  }
  std::optional<wire::Body> store(const Record& record) { return ask(wire::Store{record}); }
  Record owned(std::uint64_t sequence, std::string_view value) const {
    return records::owned(owner, "name", sequence, value, net.wall() + hours(1));
  }

  Key key() const { return owned_key(owner.public_key(), view_of("name")); }

  Drive net;
  Host a;
  Host b;
  Identity owner = records::identity(200);
};

std::optional<wire::Body> stored(StoreStatus status, std::uint64_t sequence) {
  return wire::Body(Stored{status, sequence});
}
std::optional<wire::Body> superseded_by(const Record& record) {
  return wire::Body(Stored{StoreStatus::superseded, record.sequence, {}, record});
}

FailureCode code_of(const std::optional<wire::Body>& answer) {
  REQUIRE(answer);
  REQUIRE(std::holds_alternative<Failure>(*answer));
  return std::get<Failure>(*answer).code;
}

}  // namespace

TEST_CASE("a ping is answered and counted") {
  Serving f;
  CHECK(f.ask(wire::Ping{}) == wire::Body(wire::Pong{}));
  CHECK(f.net.stats(f.a).requests_served == 1);
}

TEST_CASE("find_node is answered with the k closest but the one who asks") {
  Serving f;
  std::vector<Host> others{f.b};
  while (others.size() < 8) {
    others.push_back(f.net.add_raw());
    f.net.meet_one(f.a, others.back());
  }
  std::vector<Host> known;
  for (const Host other : others) {
    if (f.net.knows(f.a, other) && other != f.b) known.push_back(other);
  }
  REQUIRE(known.size() >= 4);
  known = f.net.by_distance(f.net.id(f.b), known);
  wire::Nodes expected;
  for (std::size_t i = 0; i < 4; ++i) expected.contacts.push_back(f.net.contact(known[i]));
  CHECK(f.ask(wire::FindNode{f.net.id(f.b)}) == wire::Body(expected));
}

TEST_CASE("contacts that failed are not passed on") {
  Serving f;
  const Host c = f.net.add_raw();
  f.net.meet_one(f.a, c);
  CHECK(f.ask(wire::FindNode{Id::from_top(1)}) == wire::Body(wire::Nodes{{f.net.contact(c)}, {}}));
  f.net.start(f.a, FindNodeRequest{Id::from_top(1)});
  f.net.break_connection(f.a, c);
  CHECK(f.ask(wire::FindNode{Id::from_top(1)}) == wire::Body(wire::Nodes{}));
}

TEST_CASE("find_value is answered with the record if it is held and contacts in any case") {
  Serving f;
  const Host c = f.net.add_raw();
  f.net.meet_one(f.a, c);
  const Record record = f.owned(1, "value");
  wire::Nodes expected{{f.net.contact(c)}, {}};
  CHECK(f.ask(wire::FindValue{key_of(record)}) == wire::Body(expected));
  f.store(record);
  expected.record = record;
  CHECK(f.ask(wire::FindValue{key_of(record)}) == wire::Body(expected));
  SUBCASE("a disk that cannot be read costs the record only") {
    f.net.storage(f.a).fail_reads = true;
    expected.record.reset();
    CHECK(f.ask(wire::FindValue{key_of(record)}) == wire::Body(expected));
  }
  SUBCASE("until it expires") {
    f.net.run_for(hours(1));
    const auto answer = f.ask(wire::FindValue{key_of(record)});
    REQUIRE(answer);
    CHECK_FALSE(std::get<wire::Nodes>(*answer).record);
  }
}

TEST_CASE("a store is answered with the nodes that its asker lacks") {
  Serving f;
  std::vector<Host> others;
  while (others.size() < 12) {
    others.push_back(f.net.add_raw());
    f.net.meet_one(f.a, others.back());
  }
  const Record record = f.owned(1, "value");
  std::erase_if(others, [&](Host other) { return !f.net.knows(f.a, other); });
  REQUIRE(others.size() >= 6);
  others = f.net.by_distance(key_of(record), others);
  const auto named = [&](const std::vector<std::size_t>& places) {
    wire::Store store{record};
    for (const std::size_t place : places) store.known.push_back(f.net.id(others[place]).top());
    const auto answer = f.ask(store);
    REQUIRE(answer);
    std::vector<std::size_t> out;
    for (const Contact& contact : std::get<Stored>(*answer).contacts) {
      const auto at = std::find_if(others.begin(), others.end(),
                                   [&](Host other) { return f.net.contact(other) == contact; });
      out.push_back(static_cast<std::size_t>(at - others.begin()));
    }
    return out;
  };
  using Places = std::vector<std::size_t>;
  CHECK(named({}).empty());
  CHECK(named({0, 1, 2, 3}).empty());
  CHECK(named({0, 2, 3, 4}) == Places{1});
  CHECK(named({4, 0, 5, 2}) == Places{1, 3});  // in any order
  CHECK(named({0, 1}) == Places{2, 3});        // fewer than k: all that are missing
}

TEST_CASE("a store is answered only when its commit is durable") {
  Serving f;
  f.net.storage(f.a).pump_at_most = 0;
  const Record record = f.owned(3, "value");
  CHECK_FALSE(f.store(record));
  CHECK_FALSE(std::get<wire::Nodes>(*f.ask(wire::FindValue{key_of(record)})).record);
  f.net.sent.clear();
  f.net.commit(f.a);
  CHECK(f.net.last_answer(f.a, f.b) == stored(StoreStatus::durable, 3));
}

TEST_CASE("a store whose commit fails is answered with a storage failure") {
  Serving f;
  f.net.storage(f.a).fail_commit = [] { return true; };
  CHECK(code_of(f.store(f.owned(1, "value"))) == FailureCode::storage);
  CHECK(f.net.stats(f.a).commits_failed == 1);
  CHECK(f.net.noticed(f.a, "commit_failed"));
  CHECK(f.net.stats(f.a).records_held == 0);
}

TEST_CASE("a store that a full disk cannot take is answered busy") {
  Serving f;
  f.net.storage(f.a).failure = Errc::busy;
  f.net.storage(f.a).fail_commit = [] { return true; };
  CHECK(code_of(f.store(f.owned(1, "value"))) == FailureCode::busy);
  CHECK(code_of(f.store(f.owned(2, "value"))) == FailureCode::busy);
  CHECK(f.net.stats(f.a).commits_failed == 1);  // not tried again at once
}

TEST_CASE("a full disk is asked to erase what expired once a second") {
  Serving f;
  REQUIRE(f.store(f.owned(1, "value")));
  auto& storage = f.net.storage(f.a);
  storage.failure = Errc::busy;
  int tries = 0;
  storage.fail_commit = [&] { return ++tries > 0; };
  f.net.run_for(hours(1) + std::chrono::seconds(10));
  CHECK(tries > 1);
  CHECK(tries <= 12);
  storage.fail_commit = [] { return false; };
  f.net.run_for(std::chrono::seconds(2));
  CHECK(f.net.stats(f.a).records_held == 0);
}

TEST_CASE("stores of one batch are all answered by its commit") {
  Serving f;
  f.net.storage(f.a).pump_at_most = 0;
  f.store(f.owned(1, "value"));
  f.store(records::content("content"));
  f.net.sent.clear();
  f.net.commit(f.a);
  CHECK(f.net.sent_of<Stored>(f.a, f.b).size() == 2);
}

TEST_CASE("a newer version is said to supersede an older one") {
  Serving f;
  f.store(f.owned(5, "new"));
  CHECK(f.store(f.owned(4, "old")) == superseded_by(f.owned(5, "new")));
  CHECK(f.net.stats(f.a).equivocations == 0);
}

TEST_CASE("being superseded by a version that is not durable yet is not said before it is") {
  Serving f;
  f.net.storage(f.a).pump_at_most = 0;
  f.store(f.owned(5, "new"));
  CHECK_FALSE(f.store(f.owned(4, "old")));
  f.net.sent.clear();
  f.net.commit(f.a);
  const auto answers = f.net.sent_of<Stored>(f.a, f.b);
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].message.body == wire::Body(Stored{StoreStatus::durable, 5}));
  CHECK(answers[1].message.body == superseded_by(f.owned(5, "new")));
}

TEST_CASE("a store that expects a sequence is taken only where none follows that one") {
  Serving f;
  const auto store = [&](std::uint64_t sequence, std::string_view value, std::uint64_t expects) {
    return f.ask(wire::Store{f.owned(sequence, value), expects});
  };
  CHECK(store(1, "first", 0) == stored(StoreStatus::durable, 1));
  SUBCASE("the version expected is held") {
    CHECK(store(2, "second", 1) == stored(StoreStatus::durable, 2));
  }
  SUBCASE("an older one is: this replica missed some") {
    CHECK(store(9, "ninth", 8) == stored(StoreStatus::durable, 9));
  }
  SUBCASE("another one of the same sequence is, whatever their digests") {
    for (const std::string value : {"a", "b", "c", "d", "e", "f"}) {
      CHECK(store(1, value, 0) == superseded_by(f.owned(1, "first")));
    }
    CHECK(text_of(f.net.storage(f.a).find(f.key())->value().record.value) == "first");
  }
  SUBCASE("a newer one than expected is, though the one offered is newer still") {
    CHECK(store(5, "fifth", 0) == superseded_by(f.owned(1, "first")));
  }
  SUBCASE("the record itself is, which may be that of another who said the same") {
    CHECK(store(1, "first", 0) == superseded_by(f.owned(1, "first")));
  }
}

TEST_CASE("of stores that expect the same sequence one is taken before any is durable") {
  Serving f;
  f.net.storage(f.a).pump_at_most = 0;
  CHECK_FALSE(f.ask(wire::Store{f.owned(1, "one"), 0}));
  CHECK_FALSE(f.ask(wire::Store{f.owned(1, "two"), 0}));
  f.net.sent.clear();
  f.net.commit(f.a);
  const auto answers = f.net.sent_of<Stored>(f.a, f.b);
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].message.body == wire::Body(Stored{StoreStatus::durable, 1}));
  CHECK(answers[1].message.body == superseded_by(f.owned(1, "one")));
}

TEST_CASE("what expired and is remembered supersedes a store that expects an older one") {
  Serving f;
  f.store(f.owned(5, "value"));
  f.net.run_for(hours(2));
  CHECK(f.ask(wire::Store{f.owned(6, "next"), 4}) == stored(StoreStatus::superseded, 5));
  CHECK(f.ask(wire::Store{f.owned(6, "next"), 5}) == stored(StoreStatus::durable, 6));
}

TEST_CASE("a record that fails verification is refused and held against its peer") {
  Serving f;
  Record forged = f.owned(1, "value");
  SUBCASE("another value than was signed") { forged.value = to_bytes("other"); }
  SUBCASE("signed for another network") {
    forged = records::owned(f.owner, "name", 1, "value", f.net.wall() + hours(1), "elsewhere");
  }
  SUBCASE("signed by another than the owner") {
    sign(forged, f.net.identity(f.b), records::kNetwork);
    forged.owner = f.owner.public_key();
  }
  CHECK(code_of(f.store(forged)) == FailureCode::refused);
  CHECK(f.net.stats(f.a).records_invalid == 1);
  CHECK(f.net.stats(f.a).records_held == 0);
  const Host c = f.net.add_raw();
  CHECK(code_of(f.ask(c, wire::Store{forged})) == FailureCode::refused);
  CHECK(f.net.probed(f.a).empty());  // a suspect is not dialled back
}

TEST_CASE("the very record that is held is extended without being verified again") {
  Serving f;
  Record unsigned_record = f.owned(1, "value");
  unsigned_record.signature = {};
  CHECK(code_of(f.store(unsigned_record)) == FailureCode::refused);
  f.net.storage(f.a).put(unsigned_record);  // as if it had been verified when it came
  CHECK(f.store(unsigned_record) == stored(StoreStatus::extended, 1));
  unsigned_record.expiry += seconds(1);
  CHECK(code_of(f.store(unsigned_record)) == FailureCode::refused);
  CHECK(f.net.stats(f.a).records_invalid == 2);
}

TEST_CASE("a record that is expired is refused") {
  Serving f;
  const Record record =
      records::owned(f.owner, "name", 1, "value", f.net.wall() - std::chrono::milliseconds(1));
  CHECK(code_of(f.store(record)) == FailureCode::refused);
  CHECK(f.net.stats(f.a).records_refused == 1);
}

TEST_CASE("two values with one sequence are noticed and the same one stays on every node") {
  Serving f;
  Record first = f.owned(1, "one");
  Record second = f.owned(1, "two");
  if (order(first, second) > 0) std::swap(first, second);
  SUBCASE("the larger comes last") {
    f.store(first);
    CHECK(f.store(second) == stored(StoreStatus::durable, 1));
  }
  SUBCASE("the larger comes first") {
    f.store(second);
    CHECK(f.store(first) == superseded_by(second));
  }
  CHECK(f.net.stats(f.a).equivocations == 1);
  CHECK(f.net.noticed(f.a, "equivocation"));
  const auto answer = f.ask(wire::FindValue{key_of(first)});
  CHECK(std::get<wire::Nodes>(*answer).record == second);
}

TEST_CASE("what waits for the disk is bounded in bytes and leaves room for other peers") {
  Config config = Drive::config();
  const std::size_t one = stored_bytes(records::content("0"));
  config.limits.waiting_bytes = 8 * one;
  Serving f(config);
  f.net.storage(f.a).pump_at_most = 0;
  for (const char* value : {"1", "2", "3", "4"}) CHECK_FALSE(f.store(records::content(value)));
  CHECK(code_of(f.store(records::content("5"))) == FailureCode::busy);
  CHECK(f.net.stats(f.a).stores_waiting_full == 1);
  const Host other = f.net.add_raw();
  CHECK_FALSE(f.ask(other, wire::Store{records::content("6")}));
  CHECK_FALSE(f.ask(other, wire::Store{records::content("7")}));
  CHECK(code_of(f.ask(other, wire::Store{records::content("8")})) == FailureCode::busy);
  f.net.commit(f.a);
  CHECK(f.store(records::content("9")) == stored(StoreStatus::durable, 0));
}

TEST_CASE("too many unanswered stores of one peer are answered busy") {
  Config config = Drive::config();
  config.limits.requests_per_peer = 2;
  Serving f(config);
  f.net.storage(f.a).pump_at_most = 0;
  CHECK_FALSE(f.store(records::content("1")));
  CHECK_FALSE(f.store(records::content("2")));
  CHECK(code_of(f.store(records::content("3"))) == FailureCode::busy);
  CHECK(f.net.stats(f.a).peer_requests_full == 1);
  const Host c = f.net.add_raw();
  CHECK_FALSE(f.ask(c, wire::Store{records::content("4")}));  // others are not affected
  SUBCASE("until they are answered") {
    f.net.commit(f.a);
    CHECK(f.store(records::content("5")) == stored(StoreStatus::durable, 0));
    CHECK(f.store(records::content("6")) == stored(StoreStatus::durable, 0));
    CHECK(f.store(records::content("7")) == stored(StoreStatus::durable, 0));
  }
  SUBCASE("also when one of its connections breaks") {
    f.net.break_connection(f.a, f.b);
    CHECK(code_of(f.store(records::content("5"))) == FailureCode::busy);
    f.net.sent.clear();
    f.net.commit(f.a);
    CHECK(f.net.sent_of<Stored>(f.a, f.b).size() == 2);  // another may carry the answers
    CHECK(f.net.sent_of<Stored>(f.a, c).size() == 1);
  }
}

TEST_CASE("stores from one address group are bounded but local ones are not") {
  Config config = Drive::config();
  config.limits.records_per_group = 1;
  Serving f(config);
  SUBCASE("an address of the world") {
    f.net.set_address(f.b, Endpoint::v4(8, 8, 8, 8, 1));
    CHECK(f.store(records::content("1")) == stored(StoreStatus::durable, 0));
    CHECK(code_of(f.store(records::content("2"))) == FailureCode::busy);
    CHECK(f.net.stats(f.a).records_busy == 1);
  }
  SUBCASE("a local address") {
    f.net.set_address(f.b, Endpoint::v4(127, 0, 0, 1, 1));
    CHECK(f.store(records::content("1")) == stored(StoreStatus::durable, 0));
    CHECK(f.store(records::content("2")) == stored(StoreStatus::durable, 0));
  }
}

TEST_CASE("a client holds no replicas but answers") {
  Config config = Drive::config();
  config.client = true;
  Serving f(config);
  CHECK(code_of(f.store(records::content("1"))) == FailureCode::refused);
  CHECK(f.ask(wire::Ping{}) == wire::Body(wire::Pong{}));
}
