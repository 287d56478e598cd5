// Own records whose time is over because their node was off, asleep, or told a wrong date.
#include <doctest/doctest.h>

#include "support/drive.h"

using namespace kadmos;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Host = Drive::Host;

namespace {

constexpr auto kDay = hours(24);

// A node with a name of its own, and two raw peers that take what they are sent and know nothing
// but what a test says.
struct Owner {
  Owner() : a(net.add()) {
    net.raw_answer = [this](const Drive::Sent& one) -> std::optional<wire::Body> {
      if (std::holds_alternative<wire::Ping>(one.message.body)) return wire::Pong{};
      if (const auto* store = std::get_if<wire::Store>(&one.message.body)) {
        if (replaced && store->record.sequence < *replaced) {
          return wire::Stored{wire::StoreStatus::superseded, *replaced};
        }
        return wire::Stored{wire::StoreStatus::durable, store->record.sequence};
      }
      wire::Nodes nodes;
      if (const auto* find = std::get_if<wire::FindValue>(&one.message.body)) {
        if (known && find->key == key_of(*known)) nodes.record = known;
      }
      return nodes;
    };
    REQUIRE(net.run<Closest>(a, JoinRequest{}).ok());
    for (int i = 0; i < 2; ++i) {
      peers.push_back(net.add_raw());
      net.meet_one(a, peers.back());
    }
    const auto set = net.run<Receipt>(a, net.set("name", "value"));
    REQUIRE(set.ok());
    name = set->key;
    expiry = set->expiry;
  }

  std::vector<Key> own(Own kind) { return net.engine(a).own_keys(kind); }
  bool lapsed() { return own(Own::lapsed) == std::vector<Key>{name}; }
  Result<Found> get() { return net.run<Found>(a, GetRequest{name}); }
  // What was stored of the name since the last look.
  std::vector<Record> stores() {
    std::vector<Record> out;
    for (const Drive::Sent& one : net.sent_of<wire::Store>(a)) {
      const Record& record = std::get<wire::Store>(one.message.body).record;
      if (key_of(record) == name) out.push_back(record);
    }
    net.sent.clear();
    return out;
  }
  std::size_t searches() {
    std::size_t out = 0;
    for (const Drive::Sent& one : net.sent_of<wire::FindValue>(a)) {
      out += std::get<wire::FindValue>(one.message.body).key == name ? 1 : 0;
    }
    return out;
  }
  void sleep(Duration duration) {
    net.sent.clear();
    net.stall(duration);
  }

  Drive net;
  Host a;
  std::vector<Host> peers;
  Key name;
  WallTime expiry{};
  std::optional<Record> known;            // by the peers
  std::optional<std::uint64_t> replaced;  // they remember a version of this sequence
};

}  // namespace

TEST_CASE("what a node set without a lifetime is back within a minute after it slept for days") {
  Owner f;
  const auto content = f.net.run<Receipt>(f.a, f.net.put("content"));
  REQUIRE(content.ok());
  const Record announcement =
      f.net.engine(f.a).announce(f.net.now(), content_key(view_of("what")), false);
  REQUIRE(f.net.run<Receipt>(f.a, PublishRequest{announcement}).ok());
  f.sleep(6 * kDay);
  f.net.run_for(seconds(1));
  CHECK(f.own(Own::lapsed).size() == 3);
  CHECK_FALSE(f.get().ok());
  f.net.run_for(minutes(1));
  CHECK(f.own(Own::renewed).size() == 3);
  CHECK(f.get()->record.expiry > f.net.wall() + hours(23));
  CHECK(f.get()->record.sequence == 1);
  CHECK(f.net.run<Found>(f.a, GetRequest{content->key})->local);
  CHECK(f.searches() > 0);  // before it was signed anew
  CHECK(f.stores().size() >= 2);
  CHECK(f.net.stats(f.a).republished == 3);
}

TEST_CASE("a newer version that the network knows takes the place of the own one that lapsed") {
  Owner f;
  const Identity& owner = f.net.identity(f.a);
  SUBCASE("a value") {
    f.known = records::owned(owner, "name", 2, "newer", f.net.wall() + 3 * kDay);
    f.sleep(2 * kDay);
    f.net.run_for(seconds(30));
    CHECK(f.own(Own::renewed) == std::vector<Key>{f.name});
    CHECK(text_of(f.get()->record.value) == "newer");
  }
  SUBCASE("a deletion") {
    f.known = records::tombstone(owner, "name", 2, f.net.wall() + 3 * kDay);
    f.sleep(2 * kDay);
    f.net.run_for(minutes(1));
    CHECK(f.own(Own::renewed).empty());
    CHECK_FALSE(f.get().ok());
  }
  for (const Record& record : f.stores()) CHECK(record.sequence == 2);
  CHECK(f.own(Own::lapsed).empty());
}

TEST_CASE("what lapsed stays so while nobody of the network can be reached") {
  Owner f;
  for (const Host peer : f.peers) f.net.take_down(peer);
  f.sleep(2 * kDay);
  f.net.run_for(minutes(2));
  CHECK(f.lapsed());
  CHECK_FALSE(f.get().ok());
  CHECK(f.net.stats(f.a).republished == 0);
  SUBCASE("and is back when somebody can") {
    for (const Host peer : f.peers) {
      f.net.take_down(peer, false);
      f.net.meet_one(f.a, peer);
    }
    f.net.run_for(minutes(5));
    CHECK(f.own(Own::renewed) == std::vector<Key>{f.name});
  }
}

TEST_CASE("what was replaced by a version that expired too is not brought back") {
  Owner f;
  f.replaced = 2;
  f.sleep(2 * kDay);
  f.net.run_for(minutes(10));
  CHECK(f.lapsed());
  CHECK_FALSE(f.get().ok());
  CHECK((*f.net.engine(f.a).lapsed(f.name))->expiry == f.expiry);
  const auto tries = f.searches();
  CHECK(tries >= 2);
  CHECK(tries <= 16);  // two peers, doubling pauses
  SUBCASE("but it is tried again") {
    f.replaced.reset();
    f.net.run_for(hours(1));
    CHECK(f.own(Own::renewed) == std::vector<Key>{f.name});
  }
  SUBCASE("nor after a restart in the middle") {
    f.sleep(minutes(1));
    f.net.close(f.a);
    CHECK(f.lapsed());
  }
}

TEST_CASE("what was signed longer ago than deletions are remembered is renewed by its user alone") {
  Owner f;
  const auto bound = 14 * kDay + minutes(10);
  SUBCASE("not so long ago") {
    f.sleep(bound - minutes(1));
    f.net.run_for(minutes(1) - seconds(30));
    CHECK(f.net.engine(f.a).forgotten_keys(f.net.now()).empty());
    CHECK(f.own(Own::renewed) == std::vector<Key>{f.name});
  }
  SUBCASE("so long ago") {
    f.sleep(bound);
    f.net.run_for(minutes(1));
    CHECK(f.net.engine(f.a).forgotten_keys(f.net.now()) == std::vector<Key>{f.name});
    CHECK(f.lapsed());
    CHECK(f.net.noticed(f.a, "not_renewed"));
    CHECK(f.stores().empty());
    f.net.run_for(hours(24));
    CHECK(f.stores().empty());
    auto renewal = f.net.engine(f.a).renewal(f.net.now(), f.name);
    REQUIRE(renewal.ok());
    REQUIRE(f.net.run<Receipt>(f.a, *std::move(renewal)).ok());
    CHECK(f.own(Own::renewed) == std::vector<Key>{f.name});
    CHECK(f.get().ok());
    CHECK(f.net.engine(f.a).renewal(f.net.now(), f.name).error().code == Errc::not_found);
  }
}

TEST_CASE("a renewal that is broken off while it stores leaves lapsed what had lapsed") {
  Owner f;
  f.sleep(14 * kDay + minutes(10));
  f.net.run_for(minutes(1));
  REQUIRE(f.lapsed());
  f.net.on_send = [](const Drive::Sent& one) -> std::optional<Duration> {
    if (std::holds_alternative<wire::Store>(one.message.body)) return std::nullopt;
    return Duration::zero();
  };
  auto renewal = f.net.engine(f.a).renewal(f.net.now(), f.name);
  REQUIRE(renewal.ok());
  const OpId op = f.net.start(f.a, *std::move(renewal));
  f.net.run_until([&] { return !f.net.sent_of<wire::Store>(f.a).empty(); });
  CHECK_FALSE(f.lapsed());  // this node has stored it
  SUBCASE("by who asked for it") { f.net.cancel(f.a, op); }
  SUBCASE("by the end of its node") { f.net.close(f.a); }
  CHECK(f.lapsed());
  CHECK((*f.net.engine(f.a).lapsed(f.name))->expiry == f.expiry);
}

TEST_CASE("a calendar that jumps days ahead for two seconds loses nothing and signs nothing") {
  Owner f;
  for (const auto jump : {2 * kDay, 3000 * kDay}) {
    f.net.sent.clear();
    f.net.set_calendar(jump);
    CHECK_FALSE(f.get().ok());
    CHECK(f.lapsed());
    f.net.run_for(seconds(2));
    f.net.set_calendar({});
    f.net.run_for(minutes(1));
    CHECK(f.own(Own::renewed) == std::vector<Key>{f.name});
    const auto found = f.get();
    REQUIRE(found.ok());
    CHECK(found->record.sequence == 1);
    for (const Record& record : f.stores()) CHECK(record.expiry <= f.net.wall() + kDay);
  }
}

TEST_CASE("what was signed while the calendar was wrong is signed anew when it is set right") {
  Owner f;
  f.net.set_calendar(300 * kDay);
  f.net.run_for(hours(2));
  REQUIRE(f.net.engine(f.a).forgotten_keys(f.net.now()) == std::vector<Key>{f.name});
  REQUIRE(f.net.run<Receipt>(f.a, *f.net.engine(f.a).renewal(f.net.now(), f.name)).ok());
  CHECK(f.get()->record.expiry > f.net.wall());
  f.net.set_calendar({});
  f.net.run_for(minutes(1));
  const auto found = f.get();
  REQUIRE(found.ok());
  CHECK(found->record.sequence == 2);  // or the peers would keep the one they have
  CHECK(found->record.expiry <= f.net.wall() + kDay);
}

TEST_CASE("what a node set with a lifetime stays on its disk until then and ends") {
  Owner f;
  SetRequest request = f.net.set("other", "value");
  request.ttl = hours(7);
  request.own = Own::until_expiry;
  const auto receipt = f.net.run<Receipt>(f.a, std::move(request));
  REQUIRE(receipt.ok());
  CHECK(f.own(Own::until_expiry) == std::vector<Key>{receipt->key});
  f.net.run_for(hours(8));
  CHECK(f.own(Own::until_expiry).empty());
  CHECK(f.own(Own::lapsed).empty());
}

TEST_CASE("an own record put again with a lifetime is given up") {
  Owner f;
  const auto content = f.net.run<Receipt>(f.a, f.net.put("content"));
  REQUIRE(content.ok());
  f.sleep(20 * kDay);
  f.net.run_for(minutes(1));
  REQUIRE(f.net.engine(f.a).forgotten_keys(f.net.now()).size() == 2);
  PublishRequest request = f.net.put("content");
  request.own = Own::until_expiry;
  REQUIRE(f.net.run<Receipt>(f.a, std::move(request)).ok());
  CHECK(f.own(Own::until_expiry) == std::vector<Key>{content->key});
  CHECK(f.lapsed());  // the name alone
}

TEST_CASE("an own record that is damaged is fetched back and stays own") {
  Owner f;
  const auto whole = f.get();
  REQUIRE(whole.ok());
  f.net.storage(f.a).damaged = {f.name};
  f.known = whole->record;
  f.net.sent.clear();
  CHECK(f.net.run<Closest>(f.a, FindNodeRequest{f.name}).ok());
  CHECK_FALSE(f.net.engine(f.a).held(f.net.now(), f.name).ok());  // whoever reads it
  CHECK(f.own(Own::renewed) == std::vector<Key>{f.name});
  f.net.run_until([&] { return f.net.storage(f.a).damaged.empty(); });
  const auto back = f.net.engine(f.a).held(f.net.now(), f.name);
  REQUIRE(back.ok());
  REQUIRE(*back);
  CHECK((*back)->record == whole->record);
  CHECK((*back)->own == Own::renewed);
  CHECK(f.net.times_noticed(f.a, "record_unreadable") == 1);
  f.net.run_for(seconds(10));
  CHECK(f.net.times_noticed(f.a, "record_restored") == 1);
}

TEST_CASE(
    "an own record that is damaged and that nobody has is said to be so until it is set anew") {
  Owner f;
  f.net.storage(f.a).damaged = {f.name};
  for (int i = 0; i < 2; ++i) {
    const auto got = f.get();
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().code == Errc::storage_failed);
    f.net.run_for(seconds(10));
  }
  CHECK(f.own(Own::renewed) == std::vector<Key>{f.name});
  CHECK(f.net.times_noticed(f.a, "record_not_restored") == 1);
  const auto set = f.net.run<Receipt>(f.a, f.net.set("name", "anew"));
  REQUIRE(set.ok());
  CHECK(set->sequence == 2);  // the index knows of the first
  CHECK(f.get().ok());
}

TEST_CASE("an own record that is damaged stays own when a peer stores it here") {
  Owner f;
  const auto whole = f.get();
  REQUIRE(whole.ok());
  f.net.storage(f.a).damaged = {f.name};
  f.net.inject(f.a, f.peers[0], wire::Message{1, wire::Store{whole->record}});
  CHECK(f.own(Own::renewed) == std::vector<Key>{f.name});
  CHECK(f.net.storage(f.a).damaged.empty());
}
