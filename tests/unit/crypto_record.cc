#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "kadmos/record.h"
#include "support/records.h"

using namespace kadmos;
using namespace kadmos::records;
using namespace std::chrono_literals;

namespace {

bool valid(const Record& record, std::string_view network = kNetwork) {
  return verify(record, key_of(record), network).ok();
}

}  // namespace

TEST_CASE("keys are the tagged hashes the protocol gives") {
  // Computed elsewhere from the formulas at the top of record.cc.
  CHECK(content_key(view_of("abc")).hex() ==
        "69f5d302f89aa4c4511f6eae79b52f2e4da9cc58d3dbf0332dc0c4233780e1e2"
        "9f6aefb780ead5dbad281726f439470a73d06a590dad1b179a5a01d9f17a1040");
  const auto owner =
      *PublicKey::from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  CHECK(owned_key(owner, view_of("motd")).hex() ==
        "fc8448e139fd1e5740c4e8d8484a879ebc3c66326c9ef4f8d9b720e22c8064db"
        "60fc24d5cf5de509268db062babc8d2c6ee98d06c3723ba6327a397758a91c60");
}

TEST_CASE("the key of a record is computed from what it contains") {
  const auto alice = identity(1);
  CHECK(key_of(content("v")) == content_key(view_of("v")));
  CHECK(key_of(owned(alice, "n", 1, "v")) == owned_key(alice.public_key(), view_of("n")));
  CHECK(key_of(tombstone(alice, "n", 1)) == owned_key(alice.public_key(), view_of("n")));
}

TEST_CASE("the signed bytes have the layout the protocol gives") {
  const auto alice = identity(1);
  const Record record = owned(alice, "n", 0x0102030405060708U, "value",
                              WallTime(std::chrono::milliseconds(0x0a0b0c0d0e0fU)), "net");
  Bytes bytes = to_bytes("kadmos:record:1");
  const auto add = [&](std::string_view hex) {
    const auto part = from_hex(hex);
    REQUIRE(part);
    bytes.insert(bytes.end(), part->begin(), part->end());
  };
  add("00000003"
      "6e6574");
  add("02");
  add(alice.public_key().hex());
  add("00000001"
      "6e");
  add("0102030405060708");
  add("00000a0b0c0d0e0f");
  add("00000005"
      "76616c7565");
  CHECK(verify(alice.public_key(), bytes, record.signature));
}

TEST_CASE("what an owner signed verifies and so does content") {
  const auto alice = identity(1);
  CHECK(valid(content("v")));
  CHECK(valid(content("")));
  CHECK(valid(owned(alice, "n", 1, "v")));
  CHECK(valid(owned(alice, "", ~std::uint64_t{0}, "")));
  CHECK(valid(tombstone(alice, "n", 1)));
}

TEST_CASE("a record signed by an attacker does not verify at the key of a victim") {
  const auto victim = identity(1);
  const auto attacker = identity(2);
  const Key key = owned_key(victim.public_key(), view_of("n"));

  // The attacker's own record is sound, but belongs elsewhere.
  const Record own = owned(attacker, "n", 9, "evil");
  CHECK(valid(own));
  const auto moved = verify(own, key, kNetwork);
  REQUIRE(!moved);
  CHECK(moved.error().code == Errc::verification_failed);
  CHECK(moved.error().detail.find("another key") != std::string::npos);

  // With the victim's name on it, the key fits and the signature does not.
  Record claimed = own;
  claimed.owner = victim.public_key();
  CHECK(key_of(claimed) == key);
  const auto forged = verify(claimed, key, kNetwork);
  REQUIRE(!forged);
  CHECK(forged.error().detail.find("signature") != std::string::npos);
}

TEST_CASE("a record of one name or another content does not verify at the key of another") {
  const auto alice = identity(1);
  CHECK(!verify(owned(alice, "a", 1, "v"), owned_key(alice.public_key(), view_of("b")), kNetwork));
  CHECK(!verify(content("a"), content_key(view_of("b")), kNetwork));
}

TEST_CASE("a record signed for one network does not verify in another") {
  const Record record = owned(identity(1), "n", 1, "v", kNoon, "red");
  CHECK(valid(record, "red"));
  for (const auto* other : {"blue", "re", "redd", "", "RED"}) {
    const auto result = verify(record, key_of(record), other);
    REQUIRE(!result);
    CHECK(result.error().code == Errc::verification_failed);
  }
}

TEST_CASE("no field of a signed record can be changed without breaking it") {
  const auto alice = identity(1);
  const Record good = owned(alice, "name", 5, "value");
  const std::vector<std::function<void(Record&)>> changes = {
      [](Record& r) {
        r.type = RecordType::tombstone;
        r.value.clear();
      },
      [](Record& r) { r.owner = identity(2).public_key(); },
      [](Record& r) { r.name.push_back('x'); },
      [](Record& r) { r.sequence = 6; },
      [](Record& r) { r.expiry += 1ms; },
      [](Record& r) { r.value[0] ^= 1; },
      [](Record& r) { r.value.clear(); },
      [](Record& r) { r.signature[0] ^= 1; },
      [](Record& r) { r.signature = {}; },
  };
  for (const auto& change : changes) {
    Record bad = good;
    change(bad);
    CHECK(!valid(bad));
  }
  // A tombstone made into an empty value, the other way round.
  Record undeleted = tombstone(alice, "name", 5);
  undeleted.type = RecordType::owned;
  CHECK(!valid(undeleted));
}

TEST_CASE("bytes cannot move between network and name and value under one signature") {
  // Equal when the fields are joined without their sizes.
  const auto alice = identity(1);
  const Record ab_c = owned(alice, "ab", 1, "c");
  Record a_bc = ab_c;
  a_bc.name = to_bytes("a");
  a_bc.value = to_bytes("bc");
  CHECK(!valid(a_bc));
  CHECK(ab_c.signature != owned(alice, "a", 1, "bc").signature);

  const Record network = owned(alice, "n", 1, "v", kNoon, "ab");
  CHECK(!valid(network, "a"));
}

TEST_CASE("a number and its text are different values") {
  const auto alice = identity(1);
  const Record number = owned(alice, "n", 1, std::string_view("\x01", 1));
  const Record text = owned(alice, "n", 1, "1");
  CHECK(number.signature != text.signature);
  CHECK(equivocates(number, text));
}

TEST_CASE("records of a wrong form are refused before anything is computed") {
  const auto alice = identity(1);
  const auto reason = [](const Record& record) {
    const auto result = verify(record, key_of(record), kNetwork);
    REQUIRE(!result);
    CHECK(result.error().code == Errc::verification_failed);
    return result.error().detail;
  };
  const auto says = [&](const Record& record, std::string_view what) {
    CHECK(reason(record).find(what) != std::string::npos);
  };

  says(owned(alice, "n", 0, "v"), "sequence");
  says(tombstone(alice, "n", 0), "sequence");

  Record deleted = tombstone(alice, "n", 1);
  deleted.value = to_bytes("still here");
  sign(deleted, alice, kNetwork);
  says(deleted, "tombstone");

  says(owned(alice, "n", 1, "v", WallTime(-1ms)), "1970");
  says(content("v", WallTime(-1ms)), "1970");

  Record strange = owned(alice, "n", 1, "v");
  for (const int type : {0, 5, 255}) {
    strange.type = static_cast<RecordType>(type);
    sign(strange, alice, kNetwork);
    says(strange, "type");
  }
}

TEST_CASE("content has no owner and no name and no sequence and no signature") {
  const std::vector<std::function<void(Record&)>> changes = {
      [](Record& r) { r.owner = identity(1).public_key(); },
      [](Record& r) { r.name = to_bytes("n"); },
      [](Record& r) { r.sequence = 1; },
      [](Record& r) { r.signature[63] = 1; },
  };
  for (const auto& change : changes) {
    Record bad = content("v");
    change(bad);
    CHECK(!valid(bad));
  }
}

TEST_CASE("the higher sequence wins whatever else differs") {
  const auto alice = identity(1);
  const Record old = owned(alice, "n", 1, "old", kNoon + 9h);
  const Record fresh = owned(alice, "n", 2, "fresh", kNoon + 1h);
  CHECK(order(old, fresh) < 0);
  CHECK(order(fresh, old) > 0);
  CHECK(order(tombstone(alice, "n", 3), fresh) > 0);
  CHECK(!equivocates(old, fresh));
}

TEST_CASE("one version with a later expiry wins over itself") {
  const auto alice = identity(1);
  const Record brief = owned(alice, "n", 1, "v", kNoon + 1h);
  const Record longer = owned(alice, "n", 1, "v", kNoon + 2h);
  CHECK(order(brief, longer) < 0);
  CHECK(order(longer, brief) > 0);
  CHECK(order(brief, brief) == 0);
  CHECK(!equivocates(brief, longer));
  CHECK(order(content("v", kNoon), content("v", kNoon + 1h)) < 0);
}

TEST_CASE("of two contents under one sequence the same one wins everywhere") {
  const auto alice = identity(1);
  std::vector<Record> versions = {owned(alice, "n", 1, "a", kNoon + 3h), owned(alice, "n", 1, "b"),
                                  owned(alice, "n", 1, ""), tombstone(alice, "n", 1)};
  for (const Record& a : versions) {
    for (const Record& b : versions) {
      const bool same = &a == &b;
      CHECK((order(a, b) == 0) == same);
      CHECK((order(a, b) < 0) == (order(b, a) > 0));
      CHECK(equivocates(a, b) == !same);
    }
  }
  const auto less = [](const Record& a, const Record& b) { return order(a, b) < 0; };
  std::sort(versions.begin(), versions.end(), less);
  CHECK(std::is_sorted(versions.begin(), versions.end(), less));
  // The winner is fixed by the digest, and not by the expiry.
  Record first = versions.front();
  first.expiry = kNoon + 99h;
  CHECK(order(first, versions.back()) < 0);
}
