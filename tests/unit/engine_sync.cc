// How neighbours come to hold the same: what they compare, what that costs, and who is left out.
#include <doctest/doctest.h>

#include "support/drive.h"

using namespace kadmos;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Host = Drive::Host;

namespace {

constexpr Duration kRound = minutes(73);  // the interval, a fifth, and a bit

struct Neighbours {
  explicit Neighbours(std::size_t n, const Config& config = Drive::config()) {
    hosts = net.add_many(n, config);
    for (const Host host : hosts) REQUIRE(net.run<Closest>(host, JoinRequest{}).ok());
    net.meet_all(hosts);
    net.run_for(minutes(10));  // they have met
    net.sent.clear();
  }
  Record content(int i) const {
    return records::content("content " + std::to_string(i), records::kNoon + hours(48));
  }
  Record owned(std::string_view name, std::uint64_t sequence, std::string_view value) const {
    return records::owned(owner, name, sequence, value, records::kNoon + hours(48));
  }
  std::optional<Record> held(Host host, const Key& key) {
    const auto found = net.storage(host).find(key);
    return *found ? std::optional((*found)->record) : std::nullopt;
  }
  std::uint64_t total(std::uint64_t Stats::*counter) {
    std::uint64_t out = 0;
    for (const Host host : hosts) out += net.stats(host).*counter;
    return out;
  }

  const Identity owner = records::identity(200);
  Drive net;
  std::vector<Host> hosts;
};

}  // namespace

TEST_CASE("neighbours give each other what the other lacks within an interval") {
  Neighbours f(2);
  for (int i = 0; i < 40; ++i) f.net.storage(0).put(f.content(i));
  for (int i = 30; i < 70; ++i) f.net.storage(1).put(f.content(i));
  f.net.run_for(kRound);
  CHECK(f.net.stats(0).records_held == 70);
  CHECK(f.net.stats(1).records_held == 70);
  CHECK(f.total(&Stats::replicas_sent) == 60);
}

TEST_CASE("neighbours that hold the same tell each other only that") {
  Neighbours f(2);
  for (int i = 0; i < 500; ++i) {
    for (const Host host : f.hosts) f.net.storage(host).put(f.content(i));
  }
  f.net.run_for(3 * kRound);
  CHECK(f.total(&Stats::syncs) >= 4);
  CHECK(f.net.sent_of<wire::Compare>().size() <= f.total(&Stats::syncs));
  CHECK(f.net.sent_of<wire::Versions>().empty());
  CHECK(f.net.sent_of<wire::Store>().empty());
}

TEST_CASE("one difference among thousands of records costs one store and few questions") {
  Neighbours f(2);
  for (int i = 0; i < 5000; ++i) {
    for (const Host host : f.hosts) f.net.storage(host).put(f.content(i));
  }
  f.net.storage(1).put(f.content(5000));
  while (f.net.stats(0).records_held < 5001) f.net.run_for(seconds(10));
  CHECK(f.net.sent_of<wire::Compare>().size() + f.net.sent_of<wire::Versions>().size() <= 6);
  CHECK(f.net.sent_of<wire::Store>().size() == 1);
}

TEST_CASE("of two versions the newer comes to be everywhere") {
  Neighbours f(3);
  const Record older = f.owned("name", 1, "older");
  const Record newer = f.owned("name", 2, "newer");
  const Key key = key_of(newer);
  f.net.storage(0).put(older);
  f.net.storage(1).put(newer);
  f.net.storage(2).put(older);
  f.net.run_for(kRound);
  for (const Host host : f.hosts) CHECK(f.held(host, key) == newer);
  CHECK(f.total(&Stats::replicas_sent) == 2);
}

TEST_CASE("a deletion comes to be everywhere and nothing deleted comes back") {
  Neighbours f(3);
  const Record tombstone = records::tombstone(f.owner, "name", 2, records::kNoon + hours(48));
  f.net.storage(0).put(f.owned("name", 1, "value"));
  f.net.storage(1).put(tombstone);
  f.net.storage(2).put(f.owned("name", 1, "value"));
  f.net.run_for(2 * kRound);
  for (const Host host : f.hosts) CHECK(f.held(host, key_of(tombstone)) == tombstone);
}

TEST_CASE("two values of one sequence end as one everywhere") {
  Neighbours f(4);
  const Record one = f.owned("name", 5, "one");
  const Record two = f.owned("name", 5, "two");
  for (const Host host : f.hosts) f.net.storage(host).put(host % 2 == 0 ? one : two);
  f.net.run_for(kRound);
  const Record& larger = order(one, two) > 0 ? one : two;
  for (const Host host : f.hosts) CHECK(f.held(host, key_of(one)) == larger);
  CHECK(f.total(&Stats::equivocations) > 0);
}

TEST_CASE("a version that lives longer comes to be everywhere") {
  Neighbours f(2);
  const Record brief = records::owned(f.owner, "name", 1, "value", records::kNoon + hours(10));
  const Record longer = f.owned("name", 1, "value");
  f.net.storage(0).put(brief);
  f.net.storage(1).put(longer);
  f.net.run_for(kRound);
  CHECK(f.held(0, key_of(brief))->expiry == longer.expiry);
  CHECK(f.held(1, key_of(brief))->expiry == longer.expiry);
}

TEST_CASE("a newcomer is handed what it should hold within a minute") {
  Neighbours f(3);
  for (int i = 0; i < 20; ++i) {
    for (const Host host : f.hosts) f.net.storage(host).put(f.content(i));
  }
  const Host newcomer = f.net.add();
  f.hosts.push_back(newcomer);
  REQUIRE(f.net.run<Closest>(newcomer, JoinRequest{}).ok());
  f.net.meet_all(f.hosts);
  f.net.run_for(minutes(1));
  CHECK(f.net.stats(newcomer).records_held == 20);
  CHECK(f.total(&Stats::replicas_sent) == 20);  // by one of the three
}

TEST_CASE("a record that one holds comes to be held by the nearest and hardly by others") {
  Neighbours f(12);  // three times k
  std::vector<Key> keys;
  for (int i = 0; i < 50; ++i) {
    const Record record = f.content(i);
    keys.push_back(key_of(record));
    f.net.storage(f.net.by_distance(keys.back(), f.hosts)[0]).put(record);
  }
  f.net.run_for(2 * kRound);
  std::size_t copies = 0;
  for (const Key& key : keys) {
    const auto near = f.net.by_distance(key, f.hosts);
    for (std::size_t i = 0; i < 4; ++i) CHECK(f.held(near[i], key));
    for (const Host host : near) copies += f.held(host, key) ? 1 : 0;
  }
  CHECK(copies <= 50 * 4 * 5 / 4);  // who does not know all of the others may think itself near
}

TEST_CASE("whoever holds a record and is not near offers it to the nearest until that has it") {
  Config config = Drive::config();
  config.k = 2;
  Neighbours f(8, config);
  const Record record = f.content(1);
  const Key key = key_of(record);
  const auto near = f.net.by_distance(key, f.hosts);
  f.net.storage(near[7]).put(record);
  f.net.run_for(2 * kRound);
  CHECK(f.held(near[0], key) == record);
  CHECK(f.held(near[1], key) == record);
  CHECK(f.held(near[7], key) == record);  // it stays there as well
  f.net.run_for(2 * kRound);              // told once more at most that it is there
  f.net.sent.clear();
  f.net.run_for(3 * kRound);
  for (const Drive::Sent& one : f.net.sent_of<wire::Compare>(near[7])) {
    for (const auto& part : std::get<wire::Compare>(one.message.body).parts) {
      CHECK(part.range.bits < Id::kBits);
    }
  }
}

TEST_CASE("what is about to expire is not handed over") {
  Neighbours f(2);
  f.net.storage(0).put(records::content("brief", records::kNoon + minutes(85)));
  f.net.run_for(minutes(75));
  REQUIRE(f.net.stats(0).records_held == 1);
  const auto given = f.total(&Stats::replicas_sent);
  f.net.storage(0).put(records::content("briefer", records::kNoon + minutes(95)));
  f.net.run_for(minutes(9));
  CHECK(f.total(&Stats::replicas_sent) == given);
}

TEST_CASE("a node without records asks for what it should hold") {
  Neighbours f(2);
  f.net.storage(0).put(f.content(1));
  f.net.on_send = [](const Drive::Sent& one) -> std::optional<Duration> {
    if (one.from == 0 && std::holds_alternative<wire::Compare>(one.message.body)) return {};
    return Duration{};
  };
  f.net.run_for(kRound);
  CHECK(f.net.stats(1).records_held == 1);
}

TEST_CASE("who holds nothing asks each neighbour once an interval") {
  Neighbours f(3);
  f.net.run_for(3 * kRound);
  CHECK(f.net.sent_of<wire::Compare>().size() <= f.total(&Stats::syncs));
  CHECK(f.total(&Stats::syncs) <= 3 * 2 * 5 + 6);
  CHECK(f.net.sent_of<wire::Versions>().empty());
}

TEST_CASE("a client compares with nobody and refuses to be compared with") {
  Neighbours f(1);
  f.net.storage(0).put(f.content(1));
  Config config = Drive::config();
  config.client = true;
  const Host client = f.net.add(config);
  REQUIRE(f.net.run<Closest>(client, JoinRequest{}).ok());
  f.net.meet_one(client, 0);
  f.net.storage(client).put(f.content(2));
  f.net.run_for(kRound);
  CHECK(f.net.stats(client).syncs == 0);
  f.net.inject(client, 0, wire::Message{1, wire::Compare{{{KeyRange{}, 0}}}});
  CHECK(std::holds_alternative<wire::Failure>(*f.net.last_answer(client, 0)));
  f.net.inject(client, 0, wire::Message{2, wire::Versions{}});
  CHECK(std::holds_alternative<wire::Failure>(*f.net.last_answer(client, 0)));
}

TEST_CASE("a range of more records than a list may have is refused") {
  Neighbours f(1);
  const Host peer = f.net.add_raw();
  for (int i = 0; i < 65; ++i) f.net.storage(0).put(f.content(i));
  f.net.inject(0, peer, wire::Message{1, wire::Versions{}});
  const auto answer = f.net.last_answer(0, peer);
  REQUIRE(std::holds_alternative<wire::Failure>(*answer));
  CHECK(f.net.sent_of<wire::Store>().empty());
}

TEST_CASE("a peer that wants ever more is sent a bounded number at a time") {
  Neighbours f(1);
  const Host peer = f.net.add_raw();  // never answers a store
  f.net.meet_one(0, peer);
  for (int i = 0; i < 60; ++i) f.net.storage(0).put(f.content(i));
  for (std::uint64_t i = 0; i < 40; ++i) {
    f.net.inject(0, peer, wire::Message{i + 1, wire::Versions{}});
  }
  CHECK(f.net.sent_of<wire::Store>(0, peer).size() == 64);
  CHECK(f.net.stats(0).rpcs_pending <= 70);
  CHECK(f.net.stats(0).hand_overs_dropped == 40 * 60 - 64 - 128);
}

TEST_CASE("a neighbour that lies about what differs is left alone for this time") {
  Neighbours f(1);
  const Host liar = f.net.add_raw();
  f.net.meet_one(0, liar);
  for (int i = 0; i < 10; ++i) f.net.storage(0).put(f.content(i));
  wire::Body answer;
  f.net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    if (std::holds_alternative<wire::Ping>(one.message.body)) return wire::Pong{};
    if (std::holds_alternative<wire::Versions>(one.message.body)) return wire::Wanted{{63}};
    if (std::holds_alternative<wire::Compare>(one.message.body)) return answer;
    return wire::Nodes{};
  };
  SUBCASE("of a part that was not asked about") { answer = wire::Compared{{{63, 1}}}; }
  SUBCASE("and wants what it was not told of") { answer = wire::Compared{{{0, 1}}}; }
  SUBCASE("with a message of another kind") { answer = wire::Pong{}; }
  SUBCASE("with more and more") { answer = wire::Compared{{{0, ~std::uint64_t{0}}}}; }
  f.net.run_for(2 * kRound);
  CHECK(f.net.stats(0).syncs >= 1);
  CHECK(f.net.stats(0).operations_running == 0);
  CHECK(f.net.sent_of<wire::Store>().empty());
  CHECK(f.net.sent_of<wire::Compare>().size() <= 1024 * f.net.stats(0).syncs);
}

TEST_CASE("a neighbour that takes nothing more is left alone for this time") {
  Neighbours f(1);
  const Host full = f.net.add_raw();
  f.net.meet_one(0, full);
  for (int i = 0; i < 50; ++i) f.net.storage(0).put(f.content(i));
  f.net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    if (std::holds_alternative<wire::Ping>(one.message.body)) return wire::Pong{};
    if (std::holds_alternative<wire::Compare>(one.message.body)) return wire::Compared{{{0, 0}}};
    if (const auto* list = std::get_if<wire::Versions>(&one.message.body)) {
      wire::Wanted all;
      for (std::uint64_t i = 0; i < list->held.size(); ++i) all.held.push_back(i);
      return all;
    }
    if (std::holds_alternative<wire::Store>(one.message.body)) {
      return wire::Failure{wire::FailureCode::busy, "full"};
    }
    return wire::Nodes{};
  };
  while (f.net.stats(0).syncs == 0) f.net.run_for(seconds(10));
  f.net.run_for(seconds(30));
  CHECK(f.net.sent_of<wire::Store>().size() <= 16);  // eight refusals and what was under way
}

namespace {

// Six nodes of which four keep a key; node 0 holds records of which it is one of the nearest.
struct Leaving : Neighbours {
  static Config config() {
    Config out = Drive::config();
    out.k = 4;
    return out;
  }
  Leaving() : Neighbours(6, config()) {
    for (int i = 0; i < 60; ++i) {
      const Key key = key_of(content(i));
      const auto near = net.by_distance(key, hosts);
      if (near[4] == 0 || near[5] == 0) continue;
      for (std::size_t place = 0; place < 4; ++place) net.storage(near[place]).put(content(i));
      heirs.emplace(key, near[4]);
    }
  }
  std::map<Key, Host> heirs;  // of each key, who will be one of the four without node 0
};

}  // namespace

TEST_CASE("who will be one of the nearest is handed what it lacks by a node that leaves") {
  Leaving f;
  REQUIRE(f.heirs.size() > 10);
  const auto handed = f.net.run<HandedOver>(0, HandOverRequest{}, seconds(2));
  REQUIRE(handed.ok());
  CHECK(handed->neighbours == 5);
  CHECK(handed->complete == 5);
  for (const auto& [key, heir] : f.heirs) CHECK(f.held(heir, key).has_value());
  CHECK(f.net.sent_of<wire::Store>().size() == f.heirs.size());
}

TEST_CASE("handing over ends in time and tells how far it came when a neighbour is silent") {
  Leaving f;
  f.net.freeze(1);
  const auto handed = f.net.run<HandedOver>(0, HandOverRequest{}, seconds(2));
  REQUIRE(handed.ok());
  CHECK(handed->elapsed == seconds(2));
  CHECK(handed->neighbours == 5);
  CHECK(handed->complete == 4);
  for (const auto& [key, heir] : f.heirs) CHECK(f.held(heir, key).has_value() == (heir != 1));
}

TEST_CASE("a node that holds nothing or is a client leaves at once") {
  Neighbours f(3);
  CHECK(f.net.run<HandedOver>(0, HandOverRequest{})->neighbours == 0);
  Config config = Drive::config();
  config.client = true;
  const Host client = f.net.add(config);
  f.net.meet_all({0, client});
  REQUIRE(f.net.run<Receipt>(client, f.net.set("name", "value")).ok());
  CHECK(f.net.run<HandedOver>(client, HandOverRequest{})->neighbours == 0);
}
