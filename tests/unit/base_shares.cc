#include <doctest/doctest.h>

#include "base/shares.h"

namespace kadmos {
namespace {

PublicKey key(Byte n) {
  PublicKey out;
  out.bytes[0] = n;
  return out;
}

Party party(Byte peer, Byte host, Byte group) {
  return Party::at(AddressGroups::usual(), Endpoint::v4(8, 8, group, host, 1), key(peer));
}

Party local(Byte peer) {
  return Party::at(AddressGroups::usual(), Endpoint::v4(10, 0, 0, 1, 1), key(peer));
}

TEST_CASE("Each level of a party has its own bound, and the total has one") {
  Shares shares({.total = 6, .peer = 2, .address = 3, .group = 4});
  shares.take(party(1, 1, 1), 2);
  CHECK(shares.full(party(1, 1, 1)) == Shares::peer);
  CHECK(!shares.full(party(2, 1, 1)));
  shares.take(party(2, 1, 1));
  CHECK(shares.full(party(3, 1, 1)) == Shares::address);
  CHECK(!shares.full(party(3, 2, 1)));
  shares.take(party(3, 2, 1));
  CHECK(shares.full(party(4, 3, 1)) == Shares::group);
  CHECK(!shares.full(party(4, 3, 2), 2));
  CHECK(shares.full(party(4, 3, 2), 3) == Shares::total);
  shares.take(party(4, 3, 2), 2);
  CHECK(shares.full(party(5, 4, 3)) == Shares::total);
  CHECK(shares.of_group(party(9, 9, 1)) == 4);
}

TEST_CASE("What is given back can be taken again, and nothing is remembered of it") {
  Shares shares({.total = 2, .group = 1});
  shares.take(party(1, 1, 1));
  CHECK(shares.full(party(2, 2, 1)) == Shares::group);
  shares.give(party(1, 1, 1));
  CHECK(!shares.full(party(2, 2, 1)));
  CHECK(shares.used() == 0);
  CHECK(shares.of_group(party(1, 1, 1)) == 0);
}

TEST_CASE("A local address has no share, but the total and the peer's bound hold for it") {
  Shares shares({.total = 5, .peer = 2, .address = 1, .group = 1});
  shares.take(local(1), 2);
  CHECK(shares.full(local(1)) == Shares::peer);
  CHECK(!shares.full(local(2), 2));
  shares.take(local(2), 2);
  CHECK(!shares.full(local(3)));
  CHECK(shares.full(local(3), 2) == Shares::total);
  CHECK(shares.of_group(local(1)) == 0);
}

TEST_CASE("Nobody takes so much that less than that is left for the others") {
  Shares shares({.total = 100, .leaves_room = true});
  const auto fill = [&](const Party& by) {
    std::size_t got = 0;
    for (; !shares.full(by); ++got) shares.take(by);
    return got;
  };
  CHECK(fill(party(1, 1, 1)) == 50);
  CHECK(fill(party(2, 2, 1)) == 0);  // of the same group
  CHECK(fill(party(3, 3, 2)) == 25);
  CHECK(fill(local(4)) == 13);
  CHECK(!shares.full(party(5, 5, 3)));
}

TEST_CASE("An amount beyond every bound is refused and does not overflow") {
  Shares shares({.total = 10, .leaves_room = true});
  CHECK(shares.full(party(1, 1, 1), Shares::kUnbounded) == Shares::total);
  shares.take(party(1, 1, 1), 5);
  CHECK(shares.full(party(1, 1, 1), Shares::kUnbounded) == Shares::total);
}

}  // namespace
}  // namespace kadmos
