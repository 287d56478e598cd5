#include <doctest/doctest.h>

#include "routing/acquaintances.h"
#include "support/records.h"

using namespace kadmos;
using std::chrono::hours;
using std::chrono::milliseconds;

namespace {

constexpr WallTime kNoon = records::kNoon;

struct Setting {
  // The host that is named by its port.
  Contact contact(std::uint16_t port) const {
    PublicKey key;
    key.bytes.fill(static_cast<Byte>(port));
    return {key, Endpoints(Endpoint::v4(127, 0, 0, 1, port))};
  }
  void add(std::uint16_t port, WallTime proved) {
    known.add(proved, ContactHold(book, contact(port)));
  }
  std::vector<std::uint16_t> ports() const {
    std::vector<std::uint16_t> out;
    for (const auto& [proved, one] : known.entries()) out.push_back(one->endpoints.front().port);
    return out;
  }

  ContactBook book{&id_of};
  Acquaintances known{3};
};

}  // namespace

TEST_CASE("a node counts for a day after it was last proved") {
  Setting f;
  CHECK(f.known.count(kNoon) == 0);
  f.add(1, kNoon);
  f.add(2, kNoon + hours(5));
  CHECK(f.known.count(kNoon + hours(5)) == 2);
  CHECK(f.known.count(kNoon + hours(24)) == 2);
  CHECK(f.known.count(kNoon + hours(24) + milliseconds(1)) == 1);
  CHECK(f.known.count(kNoon + hours(30)) == 0);
  CHECK(f.ports() == std::vector<std::uint16_t>{1, 2});  // still ways into the network
}

TEST_CASE("a node that is proved again counts once, from then on") {
  Setting f;
  f.add(1, kNoon);
  f.add(2, kNoon + hours(1));
  f.add(1, kNoon + hours(5));
  CHECK(f.known.count(kNoon + hours(5)) == 2);
  CHECK(f.known.count(kNoon + hours(28)) == 1);
  CHECK(f.ports() == std::vector<std::uint16_t>{2, 1});
  f.known.remove(f.contact(1).key);
  CHECK(f.ports() == std::vector<std::uint16_t>{2});
}

TEST_CASE("beyond the bound the node proved longest ago is forgotten") {
  Setting f;
  f.add(3, kNoon + hours(3));
  f.add(1, kNoon + hours(1));
  f.add(2, kNoon + hours(2));
  f.add(4, kNoon + hours(4));
  CHECK(f.ports() == std::vector<std::uint16_t>{2, 3, 4});
  f.add(1, kNoon);  // longer ago than all of them
  CHECK(f.ports() == std::vector<std::uint16_t>{2, 3, 4});
  CHECK(f.book.size() == 3);
}

TEST_CASE("a calendar that jumps ahead forgets nobody and one that steps back counts all") {
  Setting f;
  f.add(1, kNoon);
  f.add(2, kNoon + hours(48));  // while it was ahead
  CHECK(f.known.count(kNoon + hours(48)) == 1);
  CHECK(f.known.count(kNoon + hours(1)) == 2);
}

TEST_CASE("nodes are counted since the first reading of the clock but for no longer than a day") {
  Setting f;
  f.known.begin(kNoon);
  CHECK(f.known.since(kNoon + hours(1)) == kNoon);
  CHECK(f.known.since(kNoon + hours(25)) == kNoon + hours(1));
  f.known.begin(kNoon - hours(3));  // by an earlier run
  CHECK(f.known.since(kNoon + hours(1)) == kNoon - hours(3));
  CHECK(f.known.since(kNoon - hours(5)) == kNoon - hours(5));  // the calendar stepped back
}

TEST_CASE("of one address group only the last few are remembered unless it is local") {
  Setting f;
  f.known = Acquaintances(100);
  const auto add = [&](Byte group, std::uint16_t port) {
    Contact contact = f.contact(port);
    contact.endpoints = Endpoints(Endpoint::v4(8, 8, group, static_cast<Byte>(port), port));
    f.known.add(kNoon + hours(port), ContactHold(f.book, contact));
  };
  add(2, 1);
  for (std::uint16_t port = 2; port < 9; ++port) add(3, port);
  CHECK(f.ports() == std::vector<std::uint16_t>{1, 5, 6, 7, 8});
  add(3, 8);  // the same once more displaces nobody
  CHECK(f.ports() == std::vector<std::uint16_t>{1, 5, 6, 7, 8});
  for (std::uint16_t port = 20; port < 30; ++port) f.add(port, kNoon + hours(port));
  CHECK(f.ports().size() == 15);
}
