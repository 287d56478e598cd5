// One party with many keys at few addresses must not fill a bucket.
#include <doctest/doctest.h>

#include "routing/routing_table.h"
#include "support/readable.h"

using namespace kadmos;
using Seen = RoutingTable::Seen;

namespace {

Endpoint attacker(Byte host) { return Endpoint::v4(203, 0, 113, host, 4000); }
Endpoint honest(Byte net) { return Endpoint::v4(198, 51, net, 1, 4000); }

struct Groups {
  Seen see(std::uint8_t first, const Endpoints& endpoints) {
    const ContactHold hold(book, {readable::key(std::uint64_t{first} << 56), endpoints});
    return table.on_seen({}, hold.ref(), std::nullopt);
  }
  Seen see(std::uint8_t first, const Endpoint& at) { return see(first, Endpoints(at)); }
  bool has(std::uint8_t first) const { return table.find(readable::id(first)).has_value(); }
  void kill(std::uint8_t first) {
    table.on_failed(readable::id(first));
    REQUIRE(table.on_failed(readable::id(first)));
  }

  ContactBook book{readable::id_of_key};
  RoutingTable table{readable::id(0), {.k = 4, .per_group = 2}, book};
};

}  // namespace

TEST_CASE("an address group gets its share of a bucket and no more however many keys it has") {
  Groups g;
  CHECK(g.see(0x80, attacker(1)) == Seen::added);
  CHECK(g.see(0x81, attacker(2)) == Seen::added);
  for (int i = 3; i < 100; ++i) {
    CHECK(g.see(static_cast<std::uint8_t>(0x80 + i), attacker(static_cast<Byte>(i))) ==
          Seen::group_full);
  }
  CHECK(g.table.size() == 2);
  CHECK(g.book.size() == 2);
  CHECK(g.see(0xf0, honest(1)) == Seen::added);
  CHECK(g.see(0x80, attacker(1)) == Seen::updated);  // those inside stay inside
}

TEST_CASE("local addresses are exempt from the group share") {
  Groups g;
  for (int i = 0; i < 4; ++i) {
    CHECK(g.see(static_cast<std::uint8_t>(0x80 + i),
                Endpoint::v4(192, 168, 0, static_cast<Byte>(i), 4000)) == Seen::added);
  }
}

TEST_CASE("a second endpoint of another family does not dodge the group share") {
  Groups g;
  g.see(0x80, attacker(1));
  g.see(0x81, attacker(2));
  Endpoints both(attacker(3));
  REQUIRE(both.add(*Endpoint::parse("[2001:db8:77::1]:4000")));
  CHECK(g.see(0x82, both) == Seen::group_full);
  Endpoints with_local(attacker(4));
  REQUIRE(with_local.add(*Endpoint::parse("[::1]:4000")));
  CHECK(g.see(0x83, with_local) == Seen::group_full);
}

TEST_CASE("an entry cannot move into a group that has its share") {
  Groups g;
  g.see(0x80, attacker(1));
  g.see(0x81, attacker(2));
  g.see(0x82, honest(1));
  CHECK(g.see(0x82, attacker(3)) == Seen::group_full);
  CHECK(g.book.contact(*g.table.find(readable::id(0x82))).endpoints.front() == honest(1));
}

TEST_CASE("the share counts each bucket alone") {
  Groups g;
  for (const int id : {0x80, 0x81}) g.see(static_cast<std::uint8_t>(id), attacker(1));
  for (const int id : {0x82, 0x83, 0x40}) {
    g.see(static_cast<std::uint8_t>(id), honest(static_cast<Byte>(id)));
  }
  REQUIRE(g.table.buckets() == 2);
  CHECK(g.see(0x41, attacker(5)) == Seen::added);
  CHECK(g.see(0x42, attacker(6)) == Seen::added);
  CHECK(g.see(0x43, attacker(7)) == Seen::group_full);
}

TEST_CASE("those who wait count too so that moving up keeps the share") {
  Groups g;
  for (const int id : {0x80, 0x81, 0x82, 0x83, 0x40}) {
    g.see(static_cast<std::uint8_t>(id), honest(static_cast<Byte>(id)));
  }
  REQUIRE(g.see(0x90, honest(1)) == Seen::cached);
  for (int i = 1; i < 9; ++i) {
    CHECK(g.see(static_cast<std::uint8_t>(0xa0 + i), attacker(static_cast<Byte>(i))) ==
          Seen::cached);
  }
  CHECK(g.book.size() == 5 + 1 + 2);  // the group displaced its own and not the honest one
  for (const int id : {0x80, 0x81, 0x82, 0x83}) g.kill(static_cast<std::uint8_t>(id));
  CHECK(g.has(0xa8));
  CHECK(g.has(0xa7));
  CHECK(g.has(0x90));
  CHECK_FALSE(g.has(0xa6));
}

TEST_CASE("an entry that moves into a group takes the share from those who wait") {
  Groups g;
  for (const int id : {0x80, 0x81, 0x82, 0x83, 0x40}) {
    g.see(static_cast<std::uint8_t>(id), honest(static_cast<Byte>(id)));
  }
  g.see(0x90, attacker(1));
  g.see(0x91, attacker(2));
  CHECK(g.see(0x80, attacker(3)) == Seen::updated);
  g.kill(0x81);
  CHECK(g.has(0x91));
  g.kill(0x82);
  CHECK_FALSE(g.has(0x90));
  CHECK(g.table.size() == 4);
}

TEST_CASE("those who wait at local addresses are exempt too") {
  Groups g;
  for (const int id : {0x80, 0x81, 0x82, 0x83, 0x40, 0x90, 0x91, 0x92, 0x93}) {
    g.see(static_cast<std::uint8_t>(id), Endpoint::v4(10, 0, 0, 1, static_cast<Byte>(id)));
  }
  CHECK(g.book.size() == 9);
}
