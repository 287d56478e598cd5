// set, del and put: what the receipt says, and what ok means.
#include <doctest/doctest.h>

#include "support/drive.h"

using namespace kadmos;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Host = Drive::Host;
using wire::Failure;
using wire::FailureCode;
using wire::Stored;
using wire::StoreStatus;

namespace {

// A client (no replica itself) with k = 4 (so w = 3) that knows six raw peers, named by their
// place: peer(0) is the nearest to the key. Each names the four that come after it, and answers a
// store as the test says, durable if it says nothing.
struct Setting {
  Setting() : a(net.add(client())) {
    key = net.key(a, "name");
    for (int i = 0; i < 6; ++i) peers.push_back(net.add_raw());
    peers = net.by_distance(key, peers);
    for (const Host peer : peers) net.meet_one(a, peer);
    net.raw_answer = [this](const Drive::Sent& one) -> std::optional<wire::Body> {
      if (const auto* store = std::get_if<wire::Store>(&one.message.body)) {
        stored.push_back(store->record);
        expected.push_back(store->expects);
        const auto rival = rivals.find(one.to);
        if (rival != rivals.end() && store->expects && rival->second > *store->expects) {
          return Stored{StoreStatus::superseded, rival->second};
        }
        const auto floor = floors.find(one.to);
        if (floor != floors.end() && store->record.sequence <= floor->second) {
          return Stored{StoreStatus::superseded, floor->second};
        }
        const auto it = answers.find(one.to);
        if (it != answers.end()) return it->second;
        return Stored{StoreStatus::durable, store->record.sequence};
      }
      wire::Nodes nodes;
      const auto at = std::find(peers.begin(), peers.end(), one.to) - peers.begin();
      for (std::size_t i = 1; i <= 4; ++i) {
        nodes.contacts.push_back(
            net.contact(peers[(static_cast<std::size_t>(at) + i) % peers.size()]));
      }
      if (held.contains(one.to)) nodes.record = held.at(one.to);
      return nodes;
    };
    lose_stores_to({});
  }
  static Config client() {
    Config config = Drive::config();
    config.client = true;
    config.alpha = 6;
    return config;
  }
  Record version(std::uint64_t sequence) const {
    return records::owned(net.identity(a), "name", sequence, "before", net.wall() + hours(1));
  }
  Result<Receipt> set_if(std::uint64_t sequence) {
    SetRequest request = net.set("name", "value");
    request.if_sequence = sequence;
    return net.run<Receipt>(a, request);
  }
  Result<Receipt> set() { return net.run<Receipt>(a, net.set("name", "value")); }
  Host peer(std::size_t place) const { return peers[place]; }
  // One more that is nearer than most and that nobody knows.
  Host add_nearest() {
    Host out = net.add_raw();
    while (net.by_distance(key, {peer(1), out}).front() != out) out = net.add_raw();
    return out;
  }
  void lose_stores_to(const std::vector<Host>& lost) {
    delay_stores([lost](Host to) -> std::optional<Duration> {
      if (std::count(lost.begin(), lost.end(), to) > 0) return std::nullopt;
      return Duration::zero();
    });
  }
  void delay_stores(std::function<std::optional<Duration>(Host to)> delay) {
    net.on_send = [this, delay](const Drive::Sent& one) -> std::optional<Duration> {
      if (std::holds_alternative<wire::Store>(one.message.body)) return delay(one.to);
      return Duration::zero();
    };
  }

  Drive net;
  Host a;
  Key key;
  std::vector<Host> peers;
  std::map<Host, Record> held;
  std::map<Host, std::optional<wire::Body>> answers;
  std::map<Host, std::uint64_t> floors;  // takes nothing up to this sequence
  std::map<Host, std::uint64_t> rivals;  // holds this; takes no older, nor what expects an older
  std::vector<Record> stored;
  std::vector<std::optional<std::uint64_t>> expected;  // of these
};

Outcome outcome_of(const Receipt& receipt, const Contact& peer) {
  for (const Asked& one : receipt.replicas) {
    if (one.peer == peer) return one.outcome;
  }
  FAIL("not asked to store");
  return {};
}

const Receipt& receipt_of(const Result<Receipt>& result) {
  REQUIRE_FALSE(result.ok());
  REQUIRE(result.error().receipt != nullptr);
  return *result.error().receipt;
}

}  // namespace

TEST_CASE("set stores on the k closest and its receipt names each") {
  Setting f;
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->key == f.key);
  CHECK(receipt->sequence == 1);
  CHECK(receipt->expiry == f.stored[0].expiry);
  CHECK(receipt->target == 4);
  CHECK(receipt->quorum == 3);
  CHECK(receipt->durable == 4);
  CHECK(receipt->hops == 1);
  REQUIRE(receipt->replicas.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(receipt->replicas[i].peer == f.net.contact(f.peer(i)));
    CHECK(receipt->replicas[i].outcome == Outcome::durable);
    CHECK(receipt->replicas[i].sequence == 1);
    CHECK(receipt->replicas[i].elapsed == 2 * Drive::kLatency);
  }
  CHECK(verify(f.stored[0], f.key, records::kNetwork).ok());
}

TEST_CASE("set takes the sequence after the highest that is found") {
  Setting f;
  f.held[f.peer(0)] = f.version(3);
  f.held[f.peer(1)] = f.version(7);
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 8);
  CHECK(f.stored[0].sequence == 8);
}

TEST_CASE("a set asks r nodes for the sequence, and of those it stores on nobody twice") {
  Setting f;
  REQUIRE(f.set().ok());
  CHECK(f.net.sent_of<wire::FindValue>(f.a).size() == 2);
  CHECK(f.net.sent_of<wire::Store>(f.a).size() == 4);
}

TEST_CASE("a set says whom it knows and stores on nearer ones that only a replica names") {
  Setting f;
  const Host hidden = f.add_nearest();  // known to one replica alone
  f.net.raw_answer =
      [&, before = f.net.raw_answer](const Drive::Sent& one) -> std::optional<wire::Body> {
    const auto* store = std::get_if<wire::Store>(&one.message.body);
    if (store == nullptr || one.to != f.peer(2)) return before(one);
    CHECK(store->known.size() == 4);
    CHECK(store->known.front() == f.net.id(f.peer(0)).top());
    return Stored{StoreStatus::durable, 1, {f.net.contact(hidden)}, {}};
  };
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(outcome_of(*receipt, f.net.contact(hidden)) == Outcome::durable);
  CHECK(receipt->replicas.size() == 5);
  CHECK(receipt->durable == 4);  // the fifth is no longer one of the four nearest
}

TEST_CASE("a put asks two nodes so that one alone does not lead it astray and stores") {
  Setting f;
  REQUIRE(f.net.run<Receipt>(f.a, f.net.put("content")).ok());
  CHECK(f.net.sent_of<wire::FindNode>(f.a).size() == 2);
  CHECK(f.net.sent_of<wire::Store>(f.a).size() == 4);
}

TEST_CASE("a set dials the likely replicas, each once, when the nearest has answered") {
  Setting f;
  f.net.raw_answer =
      [&, before = f.net.raw_answer](const Drive::Sent& one) -> std::optional<wire::Body> {
    const bool store = std::holds_alternative<wire::Store>(one.message.body);
    CHECK(f.net.dialled(f.a).size() == (store ? 2 : 0));
    return before(one);
  };
  REQUIRE(f.set().ok());
  // The two nearest are asked for the sequence, and so connected.
  CHECK(f.net.dialled(f.a) ==
        std::vector{f.net.contact(f.peer(2)).key, f.net.contact(f.peer(3)).key});
}

TEST_CASE("a set dials at most twice the replicas, however often nearer nodes are named") {
  Setting f;
  std::vector<Host> chain;
  for (int i = 0; i < 200; ++i) chain.push_back(f.net.add_raw());
  chain = f.net.by_distance(f.key, chain);
  const Host near = f.net.by_distance(f.key, f.peers).front();
  // Those nearer than all that are known: of each four the first answers at once and names nobody,
  // the second after it, and names the four before.
  std::erase_if(chain, [&](Host one) {
    return f.net.by_distance(f.key, {near, one}).front() == near;
  });
  chain.resize(chain.size() / 4 * 4);
  REQUIRE(chain.size() >= 24);
  const auto place = [&](Host one) {
    return static_cast<std::size_t>(std::find(chain.begin(), chain.end(), one) - chain.begin());
  };
  f.net.raw_answer =
      [&, before = f.net.raw_answer](const Drive::Sent& one) -> std::optional<wire::Body> {
    if (std::holds_alternative<wire::Store>(one.message.body)) return before(one);
    wire::Nodes nodes;
    const bool outside = place(one.to) == chain.size();
    const std::size_t at = outside ? chain.size() + 1 : place(one.to);
    const bool names = outside ? one.to == f.peer(1) : at % 4 == 1;
    for (std::size_t i = 0; names && at > 4 && i < 4; ++i) {
      nodes.contacts.push_back(f.net.contact(chain[at - 5 + i]));
    }
    return nodes;
  };
  f.net.on_send = [&](const Drive::Sent& one) {
    const std::size_t at = place(one.to);
    const bool late = at == chain.size() ? one.to != f.peer(0) : at % 4 != 0;
    return std::optional<Duration>(late ? Drive::kLatency : Duration::zero());
  };
  REQUIRE(f.set().ok());
  CHECK(f.net.dialled(f.a).size() == 8);
}

TEST_CASE("a set that runs out of time after a newer version was proven is not acknowledged") {
  Setting f;
  const Host hidden = f.add_nearest();
  f.net.freeze(hidden);
  f.answers[f.peer(3)] = Stored{StoreStatus::durable, 1, {f.net.contact(hidden)}, {}};
  SUBCASE("though enough have made it durable") {
    f.answers[f.peer(3)] =
        Stored{StoreStatus::superseded, 7, {f.net.contact(hidden)}, f.version(7)};
  }
  // The nearest is still being asked when time is over.
  const auto result = f.net.run<Receipt>(f.a, f.net.set("name", "value"), 5 * Drive::kLatency);
  const bool proven = std::get<Stored>(*f.answers[f.peer(3)]).record.has_value();
  REQUIRE(f.net.sent_of<wire::Store>(f.a, hidden).size() == 1);
  CHECK(result.ok() != proven);
  if (proven) CHECK(receipt_of(result).durable == 3);
}

TEST_CASE("a set is signed once more above a version that a replica proves to hold") {
  Setting f;
  f.answers[f.peer(3)] = Stored{StoreStatus::superseded, 7, {}, f.version(7)};
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 8);
  CHECK(f.stored.size() == 8);
  CHECK(f.stored.back().sequence == 8);
  CHECK(receipt->replicas.size() == 4);
}

TEST_CASE("another version of the sequence that a set took is outdone as well") {
  Setting f;
  const auto first = [&](const std::string& value) {
    return records::owned(f.net.identity(f.a), "name", 1, value, f.net.wall() + hours(1));
  };
  std::string value = "rival";
  std::uint64_t sequence = 2;
  SUBCASE("if it would win") {
    while (order(first(value), first("value")) < 0) value += "!";
  }
  SUBCASE("but not if it would lose anyway") {
    while (order(first(value), first("value")) > 0) value += "!";
    sequence = 1;
  }
  f.answers[f.peer(3)] = Stored{StoreStatus::superseded, 1, {}, first(value)};
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == sequence);
}

TEST_CASE("a replica that proves a newer version every time does not keep a set from its end") {
  Setting f;
  f.net.raw_answer =
      [&f, before = f.net.raw_answer](const Drive::Sent& one) -> std::optional<wire::Body> {
    const auto* store = std::get_if<wire::Store>(&one.message.body);
    if (store == nullptr || one.to != f.peer(0)) return before(one);
    const std::uint64_t above = store->record.sequence + 5;
    return Stored{StoreStatus::superseded, above, {}, f.version(above)};
  };
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 7);
  CHECK(receipt->durable == 3);
}

TEST_CASE("a replica that supersedes with what its owner did not sign is replaced") {
  Setting f;
  Record forged = f.version(7);
  forged.value = to_bytes("forged");
  f.answers[f.peer(1)] = Stored{StoreStatus::superseded, 7, {}, forged};
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 1);
  CHECK(receipt->durable == 4);
  CHECK(outcome_of(*receipt, f.net.contact(f.peer(1))) == Outcome::invalid);
  CHECK(outcome_of(*receipt, f.net.contact(f.peer(4))) == Outcome::durable);
  CHECK(f.net.stats(f.a).records_invalid == 1);
}

TEST_CASE("set does not believe a sequence that nobody signed") {
  Setting f;
  f.held[f.peer(0)] = f.version(1000);
  f.held[f.peer(0)].sequence = 1'000'000;
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 1);
  CHECK(f.net.stats(f.a).records_invalid == 1);
  CHECK(f.net.sent_of<wire::Store>(f.a, f.peer(0)).empty());  // it does not count as alive
}

TEST_CASE("set follows what the node itself holds") {
  Drive net;
  const Host a = net.add();
  CHECK(net.run<Receipt>(a, net.set("name", "1"))->sequence == 1);
  CHECK(net.run<Receipt>(a, net.set("name", "2"))->sequence == 2);
  CHECK(net.run<Receipt>(a, net.set("other", "1"))->sequence == 1);
}

TEST_CASE("sets of one name at once take one sequence each") {
  Setting f;
  std::vector<OpId> ops;
  ops.reserve(3);
  for (int i = 0; i < 3; ++i) ops.push_back(f.net.start(f.a, f.net.set("name", std::to_string(i))));
  f.net.drive();
  std::set<std::uint64_t> sequences;
  for (const OpId op : ops) {
    const auto receipt = f.net.result<Receipt>(f.a, op);
    REQUIRE(receipt.ok());
    sequences.insert(receipt->sequence);
  }
  CHECK(sequences == std::set<std::uint64_t>{1, 2, 3});
}

TEST_CASE("a deletion is a signed record with the next sequence and no value") {
  Setting f;
  f.held[f.peer(0)] = f.version(3);
  SetRequest request = f.net.set("name", "");
  request.tombstone = true;
  const auto receipt = f.net.run<Receipt>(f.a, request);
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 4);
  CHECK(f.stored[0].type == RecordType::tombstone);
  CHECK(verify(f.stored[0], f.key, records::kNetwork).ok());
}

TEST_CASE("a record can be signed by another owner than the node and is not kept as its own") {
  Drive net;
  const Host a = net.add();
  const Identity owner = records::identity(200);
  SetRequest request = net.set("name", "value");
  request.owner = &owner;
  const auto receipt = net.run<Receipt>(a, request);
  REQUIRE(receipt.ok());
  CHECK(receipt->key == owned_key(owner.public_key(), view_of("name")));
  const auto found = net.run<Found>(a, GetRequest{receipt->key});
  REQUIRE(found.ok());
  CHECK(found->record.owner == owner.public_key());
  CHECK(net.storage(a).own_keys().empty());
  REQUIRE(net.run<Receipt>(a, net.set("name", "value")).ok());
  CHECK(net.storage(a).own_keys() == std::vector<Key>{net.key(a, "name")});
}

TEST_CASE("content is stored as it is") {
  Setting f;
  const auto receipt = f.net.run<Receipt>(f.a, f.net.put("content"));
  REQUIRE(receipt.ok());
  CHECK(receipt->key == content_key(view_of("content")));
  CHECK(receipt->sequence == 0);
  CHECK(f.net.sent_of<wire::FindValue>(f.a).empty());
  CHECK(f.stored.size() == 4);
}

TEST_CASE("a replica that refuses is replaced by the next nearest") {
  Setting f;
  f.answers[f.peer(1)] = Failure{FailureCode::refused, "no"};
  f.answers[f.peer(2)] = Failure{FailureCode::busy, "later"};
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->durable == 4);
  CHECK(outcome_of(*receipt, f.net.contact(f.peer(1))) == Outcome::refused);
  CHECK(outcome_of(*receipt, f.net.contact(f.peer(2))) == Outcome::busy);
  CHECK(outcome_of(*receipt, f.net.contact(f.peer(4))) == Outcome::durable);
  CHECK(outcome_of(*receipt, f.net.contact(f.peer(5))) == Outcome::durable);
  CHECK(receipt->replicas[1].detail == "no");
}

TEST_CASE("a record that twice as many as wanted refuse is offered to no more") {
  Setting f;
  for (int i = 0; i < 10; ++i) {
    f.peers.push_back(f.net.add_raw());
    f.net.meet_one(f.a, f.peers.back());
  }
  f.peers = f.net.by_distance(f.key, f.peers);
  for (const Host peer : f.peers) f.answers[peer] = Failure{FailureCode::refused, "no"};
  const Receipt receipt = receipt_of(f.set());
  CHECK(receipt.replicas.size() > 4);
  CHECK(receipt.replicas.size() <= 8);
  CHECK(receipt.durable == 0);
}

TEST_CASE("a set that runs out of time with w durable has succeeded") {
  Setting f;
  f.lose_stores_to({f.peer(3)});
  for (const std::size_t i : {std::size_t{4}, std::size_t{5}}) f.net.freeze(f.peer(i));
  const auto receipt = f.net.run<Receipt>(f.a, f.net.set("name", "value"), milliseconds(600));
  REQUIRE(receipt.ok());
  CHECK(receipt->durable == 3);
}

TEST_CASE("a replica that answers a store with something else is not counted") {
  Setting f;
  for (const Host peer : f.peers) f.answers[peer] = wire::Pong{};
  const Receipt receipt = receipt_of(f.set());
  CHECK(receipt.durable == 0);
  for (const Asked& one : receipt.replicas) CHECK(one.outcome == Outcome::refused);
}

TEST_CASE("a quorum missed is an error that carries what every replica did") {
  Setting f;
  f.answers[f.peer(1)] = Failure{FailureCode::refused, "no"};
  f.answers[f.peer(2)] = Failure{FailureCode::busy, "later"};
  f.answers[f.peer(3)] = Failure{FailureCode::storage, "disk"};
  f.answers[f.peer(4)] = Stored{StoreStatus::superseded, 9};
  f.lose_stores_to({f.peer(5)});
  const auto result = f.set();
  const Receipt receipt = receipt_of(result);
  CHECK(result.error().code == Errc::quorum_not_met);
  CHECK(result.error().operation == "set " + f.key.short_hex());
  CHECK(result.error().detail == "durable on 1 of 4 nodes, 3 needed; 1 hold a newer version");
  CHECK(result.error().asked.size() == 6);
  CHECK(receipt.durable == 1);
  REQUIRE(receipt.replicas.size() == 6);
  CHECK(outcome_of(receipt, f.net.contact(f.peer(0))) == Outcome::durable);
  CHECK(outcome_of(receipt, f.net.contact(f.peer(1))) == Outcome::refused);
  CHECK(outcome_of(receipt, f.net.contact(f.peer(2))) == Outcome::busy);
  CHECK(outcome_of(receipt, f.net.contact(f.peer(3))) == Outcome::refused);
  CHECK(outcome_of(receipt, f.net.contact(f.peer(4))) == Outcome::superseded);
  CHECK(receipt.replicas[4].sequence == 9);
  CHECK(outcome_of(receipt, f.net.contact(f.peer(5))) == Outcome::silent);
}

TEST_CASE("w durable replicas are enough and one fewer is not") {
  Setting f;
  for (std::size_t i = 3; i < 6; ++i) f.answers[f.peer(i)] = Failure{FailureCode::refused, "no"};
  SUBCASE("three of four") { CHECK(f.set()->durable == 3); }
  SUBCASE("two of four") {
    f.answers[f.peer(0)] = Failure{FailureCode::refused, "no"};
    CHECK(receipt_of(f.set()).durable == 2);
  }
}

TEST_CASE("a version that everybody holds already counts as durable") {
  Setting f;
  for (const Host peer : f.peers) f.answers[peer] = Stored{StoreStatus::extended, 1};
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->durable == 4);
  CHECK(receipt->replicas[0].outcome == Outcome::extended);
}

TEST_CASE("a set that lost to a newer version is not ok and asks nobody more") {
  Setting f;
  for (const Host peer : f.peers) f.answers[peer] = Stored{StoreStatus::superseded, 12};
  const auto result = f.set();
  const Receipt receipt = receipt_of(result);
  CHECK(result.error().code == Errc::quorum_not_met);
  CHECK(receipt.replicas.size() == 4);
  for (const Asked& one : receipt.replicas) {
    CHECK(one.outcome == Outcome::superseded);
    CHECK(one.sequence == 12);
  }
}

TEST_CASE("a set is signed anew above versions that expired where no walk finds them") {
  Setting f;
  for (std::size_t i = 0; i < 4; ++i) f.floors[f.peer(i)] = i == 3 ? 7 : 5;
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 6);
  CHECK(receipt->durable == 3);
  CHECK(receipt->replicas.size() == 4);
  CHECK(f.stored.size() == 8);
  CHECK(verify(f.stored.back(), f.key, records::kNetwork).ok());
}

TEST_CASE("nobody can use up the sequences of a name by claiming high ones") {
  Setting f;
  SUBCASE("too few") {
    f.floors[f.peer(0)] = 1'000'000;
    const auto receipt = f.set();
    REQUIRE(receipt.ok());
    CHECK(receipt->sequence == 1);
  }
  SUBCASE("too high") {
    for (const Host peer : f.peers) f.floors[peer] = std::uint64_t{1} << 40;
    CHECK_FALSE(f.set().ok());
    for (const Record& one : f.stored) CHECK(one.sequence == 1);
  }
}

TEST_CASE("a name can be set again by others of its owner after it expired on the replicas") {
  Drive net;
  Config client = Drive::config();
  client.client = true;
  const std::vector<Host> nodes = net.add_many(5);
  const Host a = net.add(client);
  for (const Host node : nodes) net.meet(a, node);
  for (int i = 0; i < 3; ++i) {
    SetRequest request = net.set("name", std::to_string(i));
    request.ttl = hours(1);
    request.own = Own::until_expiry;
    REQUIRE(net.run<Receipt>(a, std::move(request)).ok());
  }
  net.run_for(hours(2));
  const auto again = net.run<Receipt>(a, net.set("name", "again"));
  REQUIRE(again.ok());
  CHECK(again->sequence == 4);
}

TEST_CASE("a set without a condition stores without one") {
  Setting f;
  REQUIRE(f.set().ok());
  for (const auto& one : f.expected) CHECK_FALSE(one);
}

TEST_CASE("a set that expects the version found takes the next sequence, on that condition") {
  Setting f;
  f.held[f.peer(0)] = f.version(7);
  const auto receipt = f.set_if(7);
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 8);
  CHECK(receipt->durable == 4);
  CHECK(f.expected == std::vector<std::optional<std::uint64_t>>(4, 7));
}

TEST_CASE(
    "a set that expects another version than is found ends in a conflict and stores nothing") {
  Setting f;
  f.held[f.peer(0)] = f.version(7);
  f.held[f.peer(1)] = f.version(3);
  for (const std::uint64_t other : {0, 3, 6, 8}) {
    const auto result = f.set_if(other);
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().code == Errc::conflict);
    CHECK(result.error().detail == "sequence 7 was found where " + std::to_string(other) +
                                       " was expected; nothing was stored");
    CHECK(result.error().operation == "set " + f.key.short_hex());
    CHECK(result.error().receipt == nullptr);
  }
  CHECK(f.stored.empty());
}

TEST_CASE("a set that takes an older version than it expects takes the sequence after that") {
  Setting f;
  f.held[f.peer(0)] = f.version(3);
  SetRequest request = f.net.set("name", "value");
  request.if_sequence = 7;
  request.or_older = true;
  const auto receipt = f.net.run<Receipt>(f.a, request);
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 8);
  CHECK(f.expected == std::vector<std::optional<std::uint64_t>>(4, 7));
  f.held[f.peer(1)] = f.version(8);
  CHECK(f.net.run<Receipt>(f.a, request).error().code == Errc::conflict);
}

TEST_CASE("a set that expects no version creates the name") {
  Setting f;
  const auto receipt = f.set_if(0);
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 1);
  CHECK(f.expected.at(0) == 0);
}

TEST_CASE("a deletion can expect a version as well") {
  Setting f;
  f.held[f.peer(0)] = f.version(7);
  SetRequest request = f.net.set("name", "");
  request.tombstone = true;
  request.if_sequence = 6;
  CHECK(f.net.run<Receipt>(f.a, request).error().code == Errc::conflict);
  request.if_sequence = 7;
  REQUIRE(f.net.run<Receipt>(f.a, request).ok());
  CHECK(f.stored.at(0).type == RecordType::tombstone);
  CHECK(f.expected.at(0) == 7);
}

TEST_CASE("a version that the network forgot is followed by who remembers it") {
  Setting f;
  for (const Host peer : f.peers) f.floors[peer] = f.rivals[peer] = 5;
  const auto unaware = f.set_if(0);
  REQUIRE_FALSE(unaware.ok());
  CHECK(unaware.error().code == Errc::conflict);
  CHECK(unaware.error().detail ==
        "sequence 5 was found where 0 was expected; durable on 0 of 4 nodes, 3 needed; 4 hold a "
        "newer version");
  const auto aware = f.set_if(5);
  REQUIRE(aware.ok());
  CHECK(aware->sequence == 6);
}

TEST_CASE("a conditional set is a conflict if newer versions leave no quorum") {
  Setting f;
  f.held[f.peer(5)] = f.version(4);
  f.rivals[f.peer(0)] = 5;
  f.rivals[f.peer(1)] = 9;
  const auto result = f.set_if(4);
  const Receipt receipt = receipt_of(result);
  CHECK(result.error().code == Errc::conflict);
  // One node may claim anything.
  CHECK(result.error().detail ==
        "sequence 5 was found where 4 was expected; durable on 2 of 4 nodes, 3 needed; 2 hold a "
        "newer version");
  CHECK(receipt.sequence == 5);
  CHECK(receipt.replicas.size() == 4);
  CHECK(outcome_of(receipt, f.net.contact(f.peer(0))) == Outcome::superseded);
  CHECK(f.stored.size() == 4);  // and it is not signed anew
}

TEST_CASE("a conditional set that misses its quorum for want of replicas is no conflict") {
  Setting f;
  f.rivals[f.peer(0)] = 1;
  for (std::size_t i = 2; i < 6; ++i) f.answers[f.peer(i)] = Failure{FailureCode::refused, "no"};
  const auto result = f.set_if(0);
  CHECK(receipt_of(result).durable == 1);
  CHECK(result.error().code == Errc::quorum_not_met);
}

TEST_CASE("a conditional set that won over a rival of its sequence takes the next one too") {
  Setting f;
  f.held[f.peer(5)] = f.version(4);
  f.rivals[f.peer(0)] = 5;
  const auto receipt = f.set_if(4);
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 6);
  CHECK(receipt->durable == 4);
  CHECK(receipt->replicas.size() == 4);
  REQUIRE(f.stored.size() == 8);
  CHECK(f.stored.back().sequence == 6);
  CHECK(text_of(f.stored.back().value) == "value");
  CHECK(verify(f.stored.back(), f.key, records::kNetwork).ok());
  CHECK(f.expected.back() == 5);  // nobody who expected its first version is written over
}

TEST_CASE("a conditional set that is overtaken while it outdoes a rival is a conflict") {
  Setting f;
  f.rivals[f.peer(0)] = 1;
  f.net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    const auto* store = std::get_if<wire::Store>(&one.message.body);
    if (store != nullptr && store->record.sequence == 2) {
      for (const Host peer : f.peers) f.rivals[peer] = 2;
    }
    return Duration::zero();
  };
  const auto result = f.set_if(0);
  CHECK(receipt_of(result).sequence == 2);
  CHECK(result.error().code == Errc::conflict);
  CHECK(f.stored.size() == 8);
}

TEST_CASE("a replica that always claims a rival does not keep a conditional set from its end") {
  Setting f;
  f.net.raw_answer =
      [&f, before = f.net.raw_answer](const Drive::Sent& one) -> std::optional<wire::Body> {
    const auto* store = std::get_if<wire::Store>(&one.message.body);
    if (store == nullptr || one.to != f.peer(0)) return before(one);
    return Stored{StoreStatus::superseded, store->record.sequence};
  };
  const auto receipt = f.set_if(0);
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 2);
  CHECK(receipt->durable == 3);
}

TEST_CASE("a conditional set with a rival waits for slow replicas and outdoes it there too") {
  Setting f;
  f.rivals[f.peer(0)] = 1;
  f.delay_stores([&](Host to) -> std::optional<Duration> {
    return to == f.peer(1) ? seconds(2) : seconds(0);
  });
  const auto receipt = f.set_if(0);
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 2);
  CHECK(f.net.sent_of<wire::Store>(f.a, f.peer(1)).size() == 2);
}

TEST_CASE("a conditional set that runs out of time before it outdid a rival is not acknowledged") {
  Setting f;
  f.rivals[f.peer(0)] = 1;
  f.net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    const auto* store = std::get_if<wire::Store>(&one.message.body);
    if (store != nullptr && store->record.sequence == 2) return std::nullopt;
    return Duration::zero();
  };
  SetRequest request = f.net.set("name", "value");
  request.if_sequence = 0;
  const auto result = f.net.run<Receipt>(f.a, request, seconds(3));
  CHECK(receipt_of(result).sequence == 2);
  CHECK(result.error().code == Errc::timeout);
}

TEST_CASE("a node republishes what it set on a condition only if that was acknowledged") {
  Drive net;
  const Host a = net.add();
  const std::vector<Host> peers = {net.add_raw(), net.add_raw()};
  for (const Host peer : peers) net.meet_one(a, peer);
  bool rivalled = false;
  net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    const auto* store = std::get_if<wire::Store>(&one.message.body);
    if (store == nullptr) return wire::Nodes{};
    return Stored{rivalled ? StoreStatus::superseded : StoreStatus::durable, 1};
  };
  const Key key = net.key(a, "name");
  SetRequest request = net.set("name", "value");
  request.if_sequence = 0;
  SUBCASE("acknowledged") {
    REQUIRE(net.run<Receipt>(a, request).ok());
    CHECK(net.storage(a).own_keys() == std::vector<Key>{key});
  }
  SUBCASE("not") {
    rivalled = true;
    CHECK(net.run<Receipt>(a, request).error().code == Errc::conflict);
    CHECK(net.storage(a).find(key)->has_value());  // as a replica
    CHECK(net.storage(a).own_keys().empty());
  }
}

TEST_CASE("a client republishes what it set on a condition only if that was acknowledged") {
  Setting f;
  SUBCASE("acknowledged") {
    REQUIRE(f.set_if(0).ok());
    CHECK(f.net.storage(f.a).own_keys() == std::vector<Key>{f.key});
  }
  SUBCASE("not") {
    for (const Host peer : f.peers) f.rivals[peer] = 1;
    CHECK(f.set_if(0).error().code == Errc::conflict);
    CHECK_FALSE(f.net.storage(f.a).find(f.key)->has_value());
  }
}

TEST_CASE("sets of one name at once that expect the same sequence are acknowledged once") {
  Drive net;
  const Host a = net.add();
  SetRequest request = net.set("name", "value");
  request.if_sequence = 0;
  std::vector<OpId> ops;
  ops.reserve(3);
  for (int i = 0; i < 3; ++i) {
    request.value = to_bytes(i < 2 ? "the same" : "other");
    ops.push_back(net.start(a, request));
  }
  net.drive();
  int acknowledged = 0;
  for (const OpId op : ops) {
    const auto receipt = net.result<Receipt>(a, op);
    if (receipt) ++acknowledged;
    if (!receipt) CHECK(receipt.error().code == Errc::conflict);
  }
  CHECK(acknowledged == 1);
}

TEST_CASE("a slow replica is replaced and not waited for once w are durable") {
  Setting f;
  f.lose_stores_to({f.peer(0)});
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->durable == 4);
  CHECK(outcome_of(*receipt, f.net.contact(f.peer(0))) == Outcome::silent);
  CHECK(outcome_of(*receipt, f.net.contact(f.peer(4))) == Outcome::durable);
  CHECK(receipt->elapsed < seconds(3));  // a request fails after 5
}

TEST_CASE("set with only slow replicas missing is ok when w are durable") {
  Setting f;
  f.lose_stores_to({f.peer(0), f.peer(4), f.peer(5)});
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->durable == 3);
  CHECK(receipt->elapsed < seconds(3));
}

TEST_CASE("a slow replica is waited for while it is needed and its late answer counts") {
  Setting f;
  f.delay_stores([&](Host to) -> std::optional<Duration> {
    return to == f.peer(0) || to == f.peer(1) ? seconds(3) : seconds(0);
  });
  for (std::size_t i = 4; i < 6; ++i) f.answers[f.peer(i)] = Failure{FailureCode::refused, "no"};
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->durable == 3);  // that is enough; nobody waits for the other
  CHECK(receipt->elapsed > seconds(3));
  CHECK(outcome_of(*receipt, f.net.contact(f.peer(0))) == Outcome::durable);
}

TEST_CASE("nodes that are slow to be found count for the replicas wanted and may still be used") {
  Setting f;
  f.net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    const bool late = one.to == f.peer(0) || one.to == f.peer(1) || one.to == f.peer(2);
    return late && !std::holds_alternative<wire::Store>(one.message.body) ? seconds(2) : seconds(0);
  };
  f.net.take_down(f.peer(4));
  f.net.take_down(f.peer(5));
  const auto receipt = f.set();
  REQUIRE(receipt.ok());
  CHECK(receipt->target == 4);
  CHECK(receipt->durable >= 3);
  CHECK(receipt->elapsed > seconds(2));
  CHECK(receipt->replicas[0].peer == f.net.contact(f.peer(3)));
}

TEST_CASE("nodes that never come are not waited for longer than a request") {
  Setting f;
  for (std::size_t i = 1; i < 6; ++i) f.net.freeze(f.peer(i));
  const auto result = f.set();
  const Receipt receipt = receipt_of(result);
  CHECK(result.error().code == Errc::quorum_not_met);
  CHECK(receipt.target == 4);
  CHECK(receipt.durable == 1);
  CHECK(receipt.elapsed < seconds(8));
}

TEST_CASE("a store that cannot be delivered is unreachable and replaced") {
  Setting f;
  f.lose_stores_to({f.peer(0)});
  const OpId op = f.net.start(f.a, f.net.set("name", "value"));
  f.net.run_until([&] { return !f.net.sent_of<wire::Store>(f.a, f.peer(0)).empty(); });
  f.net.break_connection(f.a, f.peer(0));
  f.net.drive();
  const auto receipt = f.net.result<Receipt>(f.a, op);
  REQUIRE(receipt.ok());
  CHECK(receipt->durable == 4);
  CHECK(outcome_of(*receipt, f.net.contact(f.peer(0))) == Outcome::unreachable);
}

TEST_CASE("a set that runs out of time carries the receipt so far") {
  Setting f;
  f.lose_stores_to({f.peer(0), f.peer(1), f.peer(2), f.peer(3), f.peer(4)});
  const auto result = f.net.run<Receipt>(f.a, f.net.set("name", "value"), seconds(3));
  const Receipt receipt = receipt_of(result);
  CHECK(result.error().code == Errc::timeout);
  CHECK(receipt.durable == 1);
  CHECK(receipt.replicas.size() == 6);
  f.net.drive();  // and does not end again when the stores fail
}

TEST_CASE("a set that runs out of time while it looks for nodes has stored nothing") {
  Setting f;
  for (const Host peer : f.peers) f.net.freeze(peer);
  const auto result = f.net.run<Receipt>(f.a, f.net.set("name", "value"), seconds(3));
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == Errc::timeout);
  CHECK(result.error().receipt == nullptr);
  CHECK(result.error().asked.size() == 6);
  CHECK(f.stored.empty());
}

TEST_CASE("set with nobody alive is unreachable") {
  Setting f;
  for (const Host peer : f.peers) f.net.take_down(peer);
  const auto result = f.set();
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == Errc::unreachable);
  CHECK(result.error().detail == "none of the 6 nodes asked answered");
}

TEST_CASE("a client that knows nobody cannot set") {
  Drive net;
  const Host a = net.add(Setting::client());
  const auto result = net.run<Receipt>(a, net.set("name", "value"));
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == Errc::unreachable);
  CHECK(result.error().detail == "no other node is known; join a network first");
}

TEST_CASE("a node that has yet to enter its network does not take itself for all of it") {
  Config config = Drive::config();
  config.bootstrap.push_back({Endpoint::v4(127, 0, 0, 1, 1), std::nullopt});
  Drive net;
  const Host a = net.add(config);
  const auto result = net.run<Receipt>(a, net.set("name", "value"));
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == Errc::unreachable);
}

TEST_CASE("a network of one works") {
  Drive net;
  const Host a = net.add();
  const auto receipt = net.run<Receipt>(a, net.set("name", "value"));
  REQUIRE(receipt.ok());
  CHECK(receipt->target == 1);
  CHECK(receipt->quorum == 1);
  CHECK(receipt->durable == 1);
  REQUIRE(receipt->replicas.size() == 1);
  CHECK(receipt->replicas[0].peer == net.contact(a));
  CHECK(receipt->replicas[0].outcome == Outcome::durable);
}

TEST_CASE("the node itself is a replica if it is near enough and waits for its own disk") {
  Drive net;
  const std::vector<Host> hosts = net.add_many(2);
  net.meet_all(hosts);
  net.storage(hosts[0]).pump_at_most = 0;
  const OpId op = net.start(hosts[0], net.set("name", "value"));
  net.run_for(seconds(1));
  CHECK_FALSE(net.ended(hosts[0], op));
  net.commit(hosts[0]);
  const auto receipt = net.result<Receipt>(hosts[0], op);
  REQUIRE(receipt.ok());
  CHECK(receipt->durable == 2);
  CHECK(outcome_of(*receipt, net.contact(hosts[0])) == Outcome::durable);
}

TEST_CASE("the node itself is no replica if enough others are nearer but keeps its own record") {
  Drive net;
  const std::vector<Host> hosts = net.add_many(6);
  net.meet_all(hosts);
  std::string name = "name";  // one whose key the first host is far from
  while (net.by_distance(net.key(hosts[0], name), hosts).back() != hosts[0]) name += "x";
  const auto receipt = net.run<Receipt>(hosts[0], net.set(name, "value"));
  REQUIRE(receipt.ok());
  CHECK(receipt->target == 4);
  for (const Asked& one : receipt->replicas) CHECK(one.peer != net.contact(hosts[0]));
  CHECK(net.storage(hosts[0]).own_keys() == std::vector<Key>{receipt->key});
}

TEST_CASE("a failed disk of the node itself costs one replica") {
  Drive net;
  const Host a = net.add();
  net.storage(a).fail_commit = [] { return true; };
  const Receipt receipt = receipt_of(net.run<Receipt>(a, net.set("name", "value")));
  CHECK(receipt.durable == 0);
  REQUIRE(receipt.replicas.size() == 1);
  CHECK(receipt.replicas[0].outcome == Outcome::refused);
  CHECK(receipt.replicas[0].detail == "this node's storage failed");
}

TEST_CASE("a store the node itself turns down counts as that of any replica") {
  Drive net;
  const Host a = net.add();
  PublishRequest publish = net.put("content");
  SUBCASE("expired") {
    publish.record.expiry = net.wall();
    const Receipt receipt = receipt_of(net.run<Receipt>(a, publish));
    CHECK(receipt.replicas.at(0).outcome == Outcome::refused);
    CHECK(receipt.replicas.at(0).detail == "expired");
  }
  SUBCASE("its disk cannot be read") {
    net.storage(a).fail_reads = true;
    const Receipt receipt = receipt_of(net.run<Receipt>(a, publish));
    CHECK(receipt.replicas.at(0).outcome == Outcome::busy);
  }
  SUBCASE("held as long already") {
    REQUIRE(net.run<Receipt>(a, publish).ok());
    const auto again = net.run<Receipt>(a, publish);
    REQUIRE(again.ok());
    CHECK(again->durable == 1);
    CHECK(again->replicas.at(0).outcome == Outcome::extended);
  }
  SUBCASE("an older version") {
    net.storage(a).put(records::owned(net.identity(a), "name", 9, "new", net.wall() + hours(1)));
    publish.record = records::owned(net.identity(a), "name", 8, "old", net.wall() + hours(1));
    const Receipt receipt = receipt_of(net.run<Receipt>(a, publish));
    CHECK(receipt.replicas.at(0).outcome == Outcome::superseded);
    CHECK(receipt.replicas.at(0).sequence == 9);
  }
}
