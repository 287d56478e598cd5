#include "routing/routing_table.h"

#include <doctest/doctest.h>

#include <span>

#include "support/readable.h"

using namespace kadmos;
using Seen = RoutingTable::Seen;

namespace {

constexpr TimePoint kStart{std::chrono::hours(100)};

// A table of id 00 with buckets of two, whose contacts are named by the first byte of their id.
struct Fixture {
  explicit Fixture(RoutingTable::Options options = {.k = 2}) : table(self, options, book) {}

  Seen see(std::uint8_t first, Endpoint at = Endpoint::v4(127, 0, 0, 1, 4000),
           std::optional<Duration> round_trip = std::nullopt) {
    return see(Contact{key(first), Endpoints(at)}, round_trip);
  }
  Seen see(const Contact& contact, std::optional<Duration> round_trip = std::nullopt) {
    const ContactHold hold(book, contact);
    return table.on_seen(now, hold.ref(), round_trip);
  }
  bool wants(std::uint8_t first, Endpoint at = Endpoint::v4(127, 0, 0, 1, 4000)) {
    const ContactHold hold(book, Contact{key(first), Endpoints(at)});
    return table.wants(hold.ref());
  }
  void hear(std::uint8_t first) { table.on_heard(readable::id(first), std::nullopt); }
  // Everybody who is to be dialled, in this order.
  std::vector<int> unproved() {
    std::vector<int> out;
    while (const auto ref = table.poll_unproved()) out.push_back(names({&*ref, 1}).front());
    return out;
  }
  bool fail(std::uint8_t first) { return table.on_failed(readable::id(first)); }
  bool has(std::uint8_t first) const { return table.find(readable::id(first)).has_value(); }
  std::vector<int> names(std::span<const ContactRef> refs) const {
    std::vector<int> out;
    out.reserve(refs.size());
    for (const ContactRef ref : refs) out.push_back(static_cast<int>(book.id(ref).top() >> 56));
    return out;
  }
  std::vector<int> all() const { return names(table.all()); }
  std::vector<int> closest(std::uint8_t target, std::size_t n, bool healthy_first = false) const {
    return names(table.closest(readable::id(target), n, healthy_first));
  }
  // The contact to check, 0 if none.
  int check_asked() {
    const auto ref = table.poll_check();
    return ref ? names({&*ref, 1}).front() : 0;
  }
  static PublicKey key(std::uint8_t first) { return readable::key(std::uint64_t{first} << 56); }

  TimePoint now = kStart;
  Id self = readable::id(0x00);
  ContactBook book{readable::id_of_key};
  RoutingTable table;
};

using Names = std::vector<int>;

// The two contacts of the far half fill their bucket; 0x40 makes it split from the rest.
void fill_far_half(Fixture& f) {
  REQUIRE(f.see(0x80) == Seen::added);
  REQUIRE(f.see(0x81) == Seen::added);
  REQUIRE(f.see(0x40) == Seen::added);
  REQUIRE(f.table.buckets() == 2);
}

}  // namespace

TEST_CASE("a table never holds the own id") {
  Fixture f;
  CHECK(f.see(0x00) == Seen::self);
  CHECK(f.table.empty());
  CHECK_FALSE(f.wants(0x00));
  CHECK_FALSE(f.table.find(f.self));
}

TEST_CASE("a contact that was seen is found with what was verified and measured") {
  Fixture f;
  CHECK(f.see(0x80, Endpoint::v4(127, 0, 0, 1, 7)) == Seen::added);
  const auto ref = f.table.find(readable::id(0x80));
  REQUIRE(ref);
  CHECK(f.book.contact(*ref).endpoints.front().port == 7);
  CHECK(f.table.rtt(readable::id(0x80)) == nullptr);
  CHECK(f.see(0x80, Endpoint::v4(127, 0, 0, 1, 7), std::chrono::milliseconds(8)) == Seen::updated);
  REQUIRE(f.table.rtt(readable::id(0x80)) != nullptr);
  CHECK(f.table.rtt(readable::id(0x80))->mean() == std::chrono::milliseconds(8));
  CHECK(f.see(0x40, Endpoint::v4(127, 0, 0, 1, 9), std::chrono::milliseconds(3)) == Seen::added);
  CHECK(f.table.rtt(readable::id(0x40))->mean() == std::chrono::milliseconds(3));
  CHECK(f.table.rtt(readable::id(0x20)) == nullptr);
  CHECK(f.table.size() == 2);
}

TEST_CASE("an id seen at other endpoints takes these and stays one entry") {
  Fixture f;
  f.see(0x80, Endpoint::v4(127, 0, 0, 1, 7));
  CHECK(f.see(0x80, Endpoint::v4(127, 0, 0, 1, 8)) == Seen::updated);
  CHECK(f.table.size() == 1);
  CHECK(f.book.contact(*f.table.find(readable::id(0x80))).endpoints.front().port == 8);
  CHECK(f.book.size() == 1);  // nobody holds the former address any more
}

TEST_CASE("a bucket lists the least recently seen first") {
  Fixture f({.k = 4});
  for (const int id : {0x80, 0x90, 0xa0, 0xb0}) f.see(static_cast<std::uint8_t>(id));
  f.see(0x90);
  f.see(0x80);
  CHECK(f.all() == Names{0xa0, 0xb0, 0x90, 0x80});
}

TEST_CASE("only the bucket that covers the own id splits") {
  Fixture f;
  f.see(0x80);
  f.see(0x81);
  CHECK(f.table.buckets() == 1);
  CHECK(f.see(0x82) == Seen::cached);  // had to split to learn that all three are in the far half
  CHECK(f.table.buckets() == 2);
  CHECK(f.see(0x83) == Seen::cached);
  CHECK(f.table.buckets() == 2);
  CHECK(f.see(0x40) == Seen::added);
  CHECK(f.see(0x20) == Seen::added);
  CHECK(f.table.buckets() == 2);
  CHECK(f.see(0x10) == Seen::added);
  CHECK(f.table.buckets() == 3);
  CHECK(f.all() == Names{0x80, 0x81, 0x40, 0x20, 0x10});
}

TEST_CASE("splitting keeps the least recently seen first in both halves") {
  Fixture f({.k = 4});
  for (const int id : {0x40, 0x80, 0x41, 0x81}) f.see(static_cast<std::uint8_t>(id));
  f.see(0x40);
  f.see(0x82);
  CHECK(f.all() == Names{0x80, 0x81, 0x82, 0x41, 0x40});
}

TEST_CASE("the closest possible neighbours still fit after 511 splits") {
  ContactBook book([](const PublicKey& key) {
    Id id;  // the own id with one bit turned, the last one for key 511
    id.set_bit(key.bytes[0] * 256 + key.bytes[1], true);
    return id;
  });
  RoutingTable table(Id(), {.k = 1}, book);
  for (const int bit : {511, 510, 0}) {
    Contact contact;
    contact.key.bytes[0] = static_cast<Byte>(bit / 256);
    contact.key.bytes[1] = static_cast<Byte>(bit % 256);
    const ContactHold hold(book, contact);
    CHECK(table.on_seen(kStart, hold.ref(), std::nullopt) == Seen::added);
  }
  CHECK(table.size() == 3);
  CHECK(table.buckets() == 512);
}

TEST_CASE("a live contact is never evicted however many newcomers come") {
  Fixture f;
  fill_far_half(f);
  for (int id = 0x90; id < 0x100; ++id) CHECK(f.see(static_cast<std::uint8_t>(id)) == Seen::cached);
  CHECK(f.all() == Names{0x80, 0x81, 0x40});
}

TEST_CASE("an entry goes when it fails twice in a row and not before") {
  Fixture f;
  f.see(0x80);
  CHECK_FALSE(f.fail(0x80));
  CHECK(f.has(0x80));
  f.see(0x80);  // alive after all: the count begins anew
  CHECK_FALSE(f.fail(0x80));
  CHECK(f.has(0x80));
  CHECK(f.fail(0x80));
  CHECK_FALSE(f.has(0x80));
  CHECK(f.table.empty());
  CHECK_FALSE(f.fail(0x80));  // unknown by now
  CHECK(f.book.size() == 0);
}

TEST_CASE("the waiting contact seen last takes the place of an entry that died") {
  Fixture f;
  fill_far_half(f);
  f.see(0x90);
  f.see(0x91);
  CHECK(f.see(0x90) == Seen::cached);
  CHECK_FALSE(f.fail(0x80));
  CHECK(f.fail(0x80));
  CHECK(f.all() == Names{0x81, 0x90, 0x40});
  f.fail(0x81);
  f.fail(0x81);
  CHECK(f.all() == Names{0x90, 0x91, 0x40});
  f.fail(0x90);
  f.fail(0x90);
  CHECK(f.all() == Names{0x91, 0x40});  // nobody waits any more
  CHECK(f.table.size() == 2);
}

TEST_CASE("a contact that moved up starts without failures and without an estimate") {
  Fixture f;
  fill_far_half(f);
  f.see(0x80, Endpoint::v4(127, 0, 0, 1, 4000), std::chrono::milliseconds(5));
  f.see(0x90);
  f.fail(0x80);
  f.fail(0x80);
  REQUIRE(f.has(0x90));
  CHECK(f.table.rtt(readable::id(0x90)) == nullptr);
  CHECK_FALSE(f.fail(0x90));
  CHECK(f.has(0x90));
}

TEST_CASE("a waiting contact that fails waits no longer") {
  Fixture f;
  fill_far_half(f);
  f.see(0x90);
  f.see(0x91);
  CHECK_FALSE(f.fail(0x91));
  f.fail(0x80);
  f.fail(0x80);
  CHECK(f.all() == Names{0x81, 0x90, 0x40});
}

TEST_CASE("a waiting contact seen at other endpoints waits once with these") {
  Fixture f;
  fill_far_half(f);
  f.see(0x90, Endpoint::v4(127, 0, 0, 1, 7));
  f.see(0x90, Endpoint::v4(127, 0, 0, 1, 8));
  CHECK(f.book.size() == 4);
  f.fail(0x80);
  f.fail(0x80);
  CHECK(f.book.contact(*f.table.find(readable::id(0x90))).endpoints.front().port == 8);
}

TEST_CASE("at most k contacts wait and the oldest gives way") {
  Fixture f;
  fill_far_half(f);
  f.see(0x90);
  f.see(0x91);
  f.see(0x92);
  CHECK(f.book.size() == 5);  // three entries, two waiting
  for (const int id : {0x80, 0x80, 0x81, 0x81}) f.fail(static_cast<std::uint8_t>(id));
  CHECK(f.all() == Names{0x92, 0x91, 0x40});
}

TEST_CASE("a check of the least recently seen is asked for when somebody waits and given once") {
  Fixture f;
  fill_far_half(f);
  CHECK(f.check_asked() == 0);
  f.see(0x90);
  CHECK(f.check_asked() == 0x80);
  CHECK(f.check_asked() == 0);
  f.see(0x91);  // somebody else waits too, but the check is under way
  CHECK(f.check_asked() == 0);
  f.see(0x80);  // it lives; the next one is asked only when somebody comes again
  f.now += RoutingTable::kCheckPause;
  CHECK(f.check_asked() == 0);
  f.see(0x92);
  CHECK(f.check_asked() == 0x81);
}

TEST_CASE("a bucket that meets others all the time asks for a check once in a while") {
  Fixture f;
  fill_far_half(f);
  f.see(0x90);
  REQUIRE(f.check_asked() == 0x80);
  f.see(0x80);
  f.now += RoutingTable::kCheckPause - std::chrono::seconds(1);
  f.see(0x91);
  CHECK(f.check_asked() == 0);
  f.now += std::chrono::seconds(1);
  CHECK(f.check_asked() == 0);
  f.see(0x91);
  CHECK(f.check_asked() == 0x81);
}

TEST_CASE("a checked entry that fails is checked again and then makes room") {
  Fixture f;
  fill_far_half(f);
  f.see(0x90);
  f.see(0x91);
  REQUIRE(f.check_asked() == 0x80);
  CHECK_FALSE(f.fail(0x80));
  CHECK(f.check_asked() == 0x80);
  CHECK(f.fail(0x80));
  CHECK(f.all() == Names{0x81, 0x91, 0x40});
  CHECK(f.check_asked() == 0x81);  // 90 still waits
  f.fail(0x81);
  f.fail(0x81);
  CHECK(f.all() == Names{0x91, 0x90, 0x40});
  CHECK(f.check_asked() == 0);  // nobody waits
}

TEST_CASE("a check is not given twice while another entry fails or is seen") {
  Fixture f;
  fill_far_half(f);
  f.see(0x90);
  REQUIRE(f.check_asked() == 0x80);
  f.see(0x81);
  f.fail(0x81);
  f.see(0x91);
  CHECK(f.check_asked() == 0);
}

TEST_CASE("a check is not given once nobody waits any more") {
  Fixture f;
  fill_far_half(f);
  f.see(0x90);
  f.fail(0x90);
  CHECK(f.check_asked() == 0);
}

TEST_CASE("a table wants ids that its bucket has room for or would split for") {
  Fixture f;
  CHECK(f.wants(0x80));
  fill_far_half(f);
  CHECK_FALSE(f.wants(0x40));  // inside
  CHECK_FALSE(f.wants(0x90));  // full and does not split
  CHECK(f.wants(0x41));
  f.see(0x41);
  CHECK(f.wants(0x20));  // full but splits
  f.fail(0x80);
  f.fail(0x80);
  CHECK(f.wants(0x90));
}

TEST_CASE("a table wants whom it has or keeps waiting at another address") {
  const Endpoint moved = Endpoint::v4(127, 0, 0, 1, 9999);
  Fixture f;
  fill_far_half(f);
  f.see(0x90);  // waits
  CHECK(f.wants(0x80, moved));
  CHECK(f.wants(0x90, moved));
  CHECK_FALSE(f.wants(0x90));
  CHECK_FALSE(f.wants(0x91, moved));
  CHECK(f.see(0x80, moved) == Seen::updated);
  CHECK(f.see(0x90, moved) == Seen::cached);
  CHECK_FALSE(f.wants(0x80, moved));
  CHECK_FALSE(f.wants(0x90, moved));
}

TEST_CASE("an entry that failed is wanted and not trusted until it is reached though it is heard") {
  Fixture f;
  fill_far_half(f);
  f.fail(0x80);
  f.hear(0x80);
  CHECK(f.all() == Names{0x81, 0x80, 0x40});  // seen last
  CHECK(f.wants(0x80));
  CHECK(f.has(0x80));
  CHECK_FALSE(f.table.find_healthy(readable::id(0x80)));
  CHECK(f.names(f.table.closest_healthy(readable::id(0x80), 9)) == Names{0x81, 0x40});
  f.see(0x80);
  CHECK_FALSE(f.wants(0x80));
  CHECK(f.table.find_healthy(readable::id(0x80)) == f.table.find(readable::id(0x80)));
  f.fail(0x80);
  f.hear(0x80);
  CHECK(f.fail(0x80));  // twice in a row, whatever was heard
}

TEST_CASE("hearing somebody unknown changes nothing") {
  Fixture f;
  f.hear(0x80);
  CHECK(f.table.empty());
}

TEST_CASE("whoever was not reached for a whole round is to be dialled and given once") {
  Fixture f;
  fill_far_half(f);
  f.table.begin_round();
  CHECK(f.unproved().empty());  // all were reached in the round before
  f.see(0x81);
  f.hear(0x80);
  f.table.begin_round();
  CHECK(f.unproved() == Names{0x80, 0x40});
  CHECK(f.unproved().empty());
  f.see(0x80);
  f.table.begin_round();
  CHECK(f.unproved() == Names{0x81, 0x40});
}

TEST_CASE("whoever moves up from waiting is to be dialled at once") {
  Fixture f;
  fill_far_half(f);
  f.see(0x90);
  f.fail(0x80);
  f.fail(0x80);
  CHECK(f.unproved() == Names{0x90});
}

TEST_CASE("the closest come nearest first and not from neighbouring buckets by index") {
  Fixture f({.k = 4});
  for (const int id : {0x80, 0xc0, 0x40, 0x60, 0x20, 0x10, 0x08, 0x04}) {
    f.see(static_cast<std::uint8_t>(id));
  }
  REQUIRE(f.table.buckets() > 2);
  CHECK(f.closest(0x00, 3) == Names{0x04, 0x08, 0x10});
  CHECK(f.closest(0x41, 4) == Names{0x40, 0x60, 0x04, 0x08});
  CHECK(f.closest(0x90, 5) == Names{0x80, 0xc0, 0x10, 0x04, 0x08});
  CHECK(f.closest(0xff, 1) == Names{0xc0});
  CHECK(f.closest(0x24, 100) == Names{0x20, 0x04, 0x08, 0x10, 0x60, 0x40, 0x80, 0xc0});
  CHECK(f.closest(0x24, 0).empty());
}

TEST_CASE("an empty table has no closest") {
  Fixture f;
  CHECK(f.closest(0x12, 20).empty());
  CHECK(f.table.all().empty());
}

TEST_CASE("entries that failed once come last or not at all when health matters") {
  Fixture f({.k = 4});
  for (const int id : {0x01, 0x02, 0x04, 0x80}) f.see(static_cast<std::uint8_t>(id));
  f.fail(0x01);
  f.fail(0x04);
  CHECK(f.closest(0x00, 4) == Names{0x01, 0x02, 0x04, 0x80});
  CHECK(f.closest(0x00, 3, true) == Names{0x02, 0x80, 0x01});
  CHECK(f.closest(0x00, 1, true) == Names{0x02});
  CHECK(f.names(f.table.closest_healthy(readable::id(0x00), 4)) == Names{0x02, 0x80});
  f.see(0x01);
  CHECK(f.names(f.table.closest_healthy(readable::id(0x00), 4)) == Names{0x01, 0x02, 0x80});
}

TEST_CASE("a bucket that was full stands for more nodes than it holds until it is refreshed") {
  Fixture f({.k = 4});
  const auto count = [&] { return f.table.census().size(); };
  for (int first = 0x80; first <= 0x82; ++first) f.see(static_cast<std::uint8_t>(first));
  f.see(0x40);
  CHECK(f.table.may_know_all(readable::id(0x80)));
  CHECK(count() == 4);
  f.see(0x83);  // splits, and the far bucket is full at once
  f.see(0x84);
  REQUIRE(f.table.buckets() == 2);
  CHECK_FALSE(f.table.may_know_all(readable::id(0x80)));
  CHECK(f.table.may_know_all(readable::id(0x40)));
  CHECK(count() == 5);
  const auto lose = [&](std::uint8_t first) {
    f.fail(first);
    f.fail(first);
  };
  lose(0x84);  // waits only
  lose(0x83);
  REQUIRE_FALSE(f.has(0x83));
  CHECK_FALSE(f.table.may_know_all(readable::id(0x80)));
  CHECK(count() == 5);
  f.fail(0x82);  // it may be dead
  CHECK(count() == 5);
  Prng prng(1);
  while (f.table.poll_refresh(kStart, prng)) {
  }
  CHECK(f.table.may_know_all(readable::id(0x80)));
  CHECK(count() == 3);
}

TEST_CASE("the oldest are of each bucket the one seen longest ago") {
  Fixture f({.k = 4});
  CHECK(f.table.oldest().empty());
  for (const std::uint8_t first : {0x80, 0x81, 0x82, 0x83, 0x40}) f.see(first);
  const auto oldest = [&] { return f.names(f.table.oldest()); };
  CHECK(oldest() == Names{0x80, 0x40});
  f.see(0x80);
  CHECK(oldest() == Names{0x81, 0x40});
}
