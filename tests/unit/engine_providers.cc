// Announcements of who has what: what a node answers to those who look for providers.
#include <doctest/doctest.h>

#include <algorithm>

#include "support/drive.h"
#include "wire/schema.h"

using namespace kadmos;
using std::chrono::hours;
using Host = Drive::Host;

namespace {

const Key kWhat = content_key(view_of("what"));

// A node and a peer that asks it things.
struct Serving {
  Serving() : a(net.add(Drive::config())), b(net.add_raw()) { net.meet_one(a, b); }

  wire::Body ask(const wire::Body& request) {
    net.sent.clear();
    net.inject(a, b, wire::Message{77, request});
    const auto answer = net.last_answer(a, b);
    REQUIRE(answer);
    return *answer;
  }
  Record announcement(Byte owner, const Key& key = kWhat) const {
    return records::provider(records::identity(owner), key, 1, {}, net.wall() + hours(1));
  }
  // Stores announcements of so many owners and returns them in the order of their keys.
  std::vector<Record> store(int count) {
    std::vector<Record> out;
    for (int i = 0; i < count; ++i) {
      out.push_back(announcement(static_cast<Byte>(100 + i)));
      CHECK(std::holds_alternative<wire::Stored>(ask(wire::Store{out.back()})));
    }
    std::ranges::sort(out, {}, key_of);
    return out;
  }
  wire::Providers providers(const Key& key, const std::optional<ByteArray<32>>& after = {}) {
    return std::get<wire::Providers>(ask(wire::FindProviders{key, after}));
  }

  Drive net;
  Host a;
  Host b;
};

ByteArray<32> last_half(const Record& record) {
  const auto key = key_of(record).bytes();
  ByteArray<32> out{};
  std::copy(key.begin() + 32, key.end(), out.begin());
  return out;
}

}  // namespace

TEST_CASE("find_providers is answered with the announcements of the key and the closest contacts") {
  Serving f;
  const Host c = f.net.add_raw();
  f.net.meet_one(f.a, c);
  CHECK(f.providers(kWhat) == wire::Providers{{f.net.contact(c)}, {}, false});
  const auto announcements = f.store(3);
  f.ask(wire::Store{f.announcement(1, content_key(view_of("another")))});
  // Records that lie among them: the one of the key itself, and what is announced for a key that
  // begins alike.
  f.ask(wire::Store{records::content("what", f.net.wall() + hours(1))});
  Key alike = kWhat;
  alike.set_bit(511, !kWhat.bit(511));
  f.ask(wire::Store{f.announcement(2, alike)});
  CHECK(f.net.stats(f.a).records_held == 6);
  CHECK(f.providers(kWhat) == wire::Providers{{f.net.contact(c)}, announcements, false});
}

TEST_CASE("announcements that are too many for one answer are given page by page") {
  Serving f;
  const int count = static_cast<int>(wire::kProvidersPerReply);
  auto announcements = f.store(count);
  CHECK(f.providers(kWhat) == wire::Providers{{}, announcements, false});

  announcements = f.store(2 * count + 1);
  std::vector<Record> all;
  std::optional<ByteArray<32>> after;
  for (const bool more : {true, true, false}) {
    const auto page = f.providers(kWhat, after);
    CHECK(page.more == more);
    all.insert(all.end(), page.records.begin(), page.records.end());
    after = last_half(all.back());
  }
  CHECK(all == announcements);
}

TEST_CASE("announcements that expired are not given though they are still there") {
  Serving f;
  const auto announcements = f.store(2);
  f.ask(
      wire::Store{records::provider(records::identity(1), kWhat, 1, {}, f.net.wall() + hours(2))});
  f.net.storage(f.a).fail_commit = [] { return true; };  // so they cannot be erased
  f.net.run_for(hours(1));
  CHECK(f.net.stats(f.a).records_held == 3);
  const auto left = f.providers(kWhat).records;
  REQUIRE(left.size() == 1);
  CHECK(left[0].owner == records::identity(1).public_key());
}

TEST_CASE("an announcement of somebody else is refused whoever brings it") {
  Serving f;
  Record forged = f.announcement(1);
  forged.owner = records::identity(2).public_key();
  CHECK(std::get<wire::Failure>(f.ask(wire::Store{forged})).code == wire::FailureCode::refused);
  CHECK(f.net.stats(f.a).records_invalid == 1);
  CHECK(f.providers(kWhat).records.empty());
}

// ---- What it announces itself

namespace {

// A few engines that know each other, of which the first announces.
struct Announcing {
  Announcing() : hosts(net.add_many(4)) { net.meet_all(hosts); }

  Result<Receipt> announce(bool withdrawn = false) {
    const Host a = hosts[0];
    return net.run<Receipt>(a, PublishRequest{net.engine(a).announce(net.now(), kWhat, withdrawn)});
  }
  Key place() const { return provider_key(kWhat, net.identity(hosts[0]).public_key()); }
  Record held_by(Host i) {
    const auto found = *net.storage(i).find(place());
    REQUIRE(found);
    return found->record;
  }

  Drive net;
  std::vector<Host> hosts;
};

}  // namespace

TEST_CASE("an announcement has the time as its sequence and where its node can be reached") {
  Announcing f;
  const auto now = static_cast<std::uint64_t>(f.net.wall().time_since_epoch().count());
  const auto receipt = f.announce();
  REQUIRE(receipt.ok());
  CHECK(receipt->key == f.place());
  CHECK(receipt->sequence == now);
  CHECK(receipt->durable == 4);
  for (const Host i : f.hosts) {
    CHECK(announced(f.held_by(i)) ==
          Announcement{kWhat, false, f.net.contact(f.hosts[0]).endpoints});
  }
}

TEST_CASE("announcements made in one moment come one after the other") {
  Announcing f;
  Engine& engine = f.net.engine(f.hosts[0]);
  const Record first = engine.announce(f.net.now(), kWhat, false);
  const Record second = engine.announce(f.net.now(), kWhat, true);
  CHECK(second.sequence == first.sequence + 1);
}

TEST_CASE("an announcement comes after the one that is kept though the clock went back") {
  Announcing f;
  const auto first = f.announce();
  REQUIRE(first.ok());
  Now earlier = f.net.now();
  earlier.wall -= std::chrono::minutes(5);
  // As after a restart: a new engine over the same storage.
  ContactBook book{&id_of};
  Engine again(f.net.identity(f.hosts[0]), Drive::config(), f.net.storage(f.hosts[0]), book, 1);
  CHECK(again.announce(earlier, kWhat, false).sequence == first->sequence + 1);
  CHECK(again.announce(earlier, content_key(view_of("another")), false).sequence ==
        first->sequence + 2);
}

TEST_CASE("an announcement is made anew before it expires and a withdrawal is not") {
  Announcing f;
  for (const Host i : f.hosts) f.net.start(i, JoinRequest{});
  REQUIRE(f.announce().ok());
  const Record first = f.held_by(f.hosts[1]);
  f.net.engine(f.hosts[0]).set_endpoints(Endpoints(*Endpoint::parse("192.0.2.9:9")));
  f.net.run_for(hours(8));
  const Record anew = f.held_by(f.hosts[1]);
  CHECK(anew.sequence > first.sequence);
  CHECK(anew.expiry > first.expiry);
  CHECK(announced(anew)->endpoints == Endpoints(*Endpoint::parse("192.0.2.9:9")));

  const WallTime when = f.net.wall();
  REQUIRE(f.announce(true).ok());
  const Record last = f.held_by(f.hosts[1]);
  CHECK(announced(last)->withdrawn);
  CHECK(last.expiry == when + Drive::config().ttl_max);
  f.net.run_for(hours(24));
  CHECK(f.held_by(f.hosts[1]) == last);
}

TEST_CASE("a node that starts elsewhere than it announced says so at once and else keeps quiet") {
  Announcing f;
  const Host a = f.hosts[0];
  REQUIRE(f.announce().ok());
  const Record first = f.held_by(f.hosts[1]);
  const Endpoints elsewhere(*Endpoint::parse("192.0.2.9:9"));
  SUBCASE("elsewhere") {
    f.net.engine(a).set_endpoints(elsewhere);
    f.net.start(a, JoinRequest{});
    f.net.run_for(std::chrono::minutes(1));
    CHECK(announced(f.held_by(f.hosts[1]))->endpoints == elsewhere);
  }
  SUBCASE("where it was") {
    f.net.start(a, JoinRequest{});
    f.net.run_for(std::chrono::minutes(1));
    CHECK(f.held_by(f.hosts[1]) == first);
  }
}
