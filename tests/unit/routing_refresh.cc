#include <doctest/doctest.h>

#include <algorithm>

#include "routing/routing_table.h"
#include "support/readable.h"

using namespace kadmos;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kStart{100h};

struct Refresh {
  void see(std::uint8_t first, TimePoint now = kStart) {
    const ContactHold hold(book, readable::contact(std::uint64_t{first} << 56));
    table.on_seen(now, hold.ref(), std::nullopt);
  }

  ContactBook book{readable::id_of_key};
  RoutingTable table{readable::id(0), {.k = 2, .refresh_interval = 1h}, book};
  Prng prng{1};
};

}  // namespace

TEST_CASE("an empty table asks for no refresh") {
  Refresh f;
  CHECK(f.table.next_refresh() == TimePoint::max());
  CHECK_FALSE(f.table.poll_refresh(kStart, f.prng));
}

TEST_CASE("a lookup keeps its bucket fresh for one interval") {
  Refresh f;
  f.see(0x80);
  CHECK(f.table.next_refresh() <= kStart);  // nobody ever looked into it
  f.table.on_lookup(kStart, readable::id(0x77));
  CHECK(f.table.next_refresh() == kStart + 1h);
  CHECK_FALSE(f.table.poll_refresh(kStart + 1h - 1ns, f.prng));
  CHECK(f.table.poll_refresh(kStart + 1h, f.prng));
  CHECK_FALSE(f.table.poll_refresh(kStart + 1h, f.prng));  // the poll counts as a lookup
}

TEST_CASE("the period between refreshes is jittered by at most a fifth") {
  Refresh f;
  f.see(0x80);
  TimePoint first{};
  bool differ = false;
  for (int i = 0; i < 20; ++i) {
    const TimePoint now = f.table.next_refresh();
    REQUIRE(f.table.poll_refresh(now, f.prng));
    const Duration period = f.table.next_refresh() - now;
    CHECK(period >= 48min);
    CHECK(period <= 72min);
    if (i == 0) first = TimePoint(period);
    differ = differ || TimePoint(period) != first;
  }
  CHECK(differ);
}

TEST_CASE("a lookup of the own id leaves the farther buckets due") {
  Refresh f;
  f.see(0x80);
  f.table.on_lookup(kStart, readable::id(0));  // as a join does
  for (const int id : {0x81, 0x40, 0x41, 0x20}) f.see(static_cast<std::uint8_t>(id), kStart + 1s);
  REQUIRE(f.table.buckets() == 3);
  CHECK(f.table.next_refresh() == kStart + 1s);
  const auto first = f.table.poll_refresh(kStart + 1s, f.prng);
  const auto second = f.table.poll_refresh(kStart + 1s, f.prng);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(shared_prefix(*first, readable::id(0)) == 0);
  CHECK(shared_prefix(*second, readable::id(0)) == 1);
  CHECK_FALSE(f.table.poll_refresh(kStart + 1s, f.prng));
}

TEST_CASE("a refresh looks for a random id inside the bucket that is due") {
  Refresh f;
  for (const int id : {0x80, 0x81, 0x40, 0x41, 0x20}) f.see(static_cast<std::uint8_t>(id));
  REQUIRE(f.table.buckets() == 3);
  TimePoint now = kStart;
  for (const int bucket : {0, 1, 2}) {
    std::vector<Id> targets;
    for (int i = 0; i < 50; ++i) {
      now += 10h;
      for (const int other : {0, 1, 2}) {
        if (other != bucket) {
          f.table.on_lookup(now, readable::id(static_cast<std::uint8_t>(0x80 >> other)));
        }
      }
      const auto target = f.table.poll_refresh(now, f.prng);
      REQUIRE(target);
      CHECK_FALSE(f.table.poll_refresh(now, f.prng));
      const int shared = shared_prefix(*target, readable::id(0));
      CHECK((bucket < 2 ? shared == bucket : shared >= bucket));
      targets.push_back(*target);
    }
    const auto own_half = [&](const Id& target) { return !target.bit(bucket); };
    const auto n = std::count_if(targets.begin(), targets.end(), own_half);
    CHECK((bucket < 2 ? n == 0 : n > 0 && n < 50));  // the last bucket is both halves
    std::sort(targets.begin(), targets.end());
    CHECK(std::adjacent_find(targets.begin(), targets.end()) == targets.end());
  }
}
