// Announcements: their keys, the layout of their values, and what of it is refused.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kadmos/record.h"
#include "support/records.h"

using namespace kadmos;
using namespace kadmos::records;

namespace {

const Key kWhat = content_key(view_of("what"));

Endpoints both_families() {
  Endpoints out(*Endpoint::parse("192.0.2.1:4000"));
  out.add(*Endpoint::parse("[2001:db8::1]:4001"));
  return out;
}

Record with_value(const Bytes& value) {
  Record record = announcing({kWhat, false, {}});
  record.value = value;
  record.sequence = 1;
  record.expiry = kNoon;
  sign(record, identity(1), kNetwork);
  return record;
}

std::string why_not(const Record& record) {
  const auto result = verify(record, key_of(record), kNetwork);
  return result ? "" : result.error().detail;
}

}  // namespace

TEST_CASE("announcement: its key has the half of the key announced and then that of the owner id") {
  const auto alice = identity(1);
  const Key key = provider_key(kWhat, alice.public_key());
  CHECK(key.hex() == kWhat.hex().substr(0, 64) + alice.id().hex().substr(0, 64));
  CHECK(key_of(provider(alice, kWhat, 1)) == key);
}

TEST_CASE("announcement: the value has the layout the protocol gives") {
  const auto value_of = [](const Announcement& what) { return to_hex(announcing(what).value); };
  CHECK(value_of({kWhat, true, {}}) == "00");
  CHECK(value_of({kWhat, false, {}}) == "0100");
  CHECK(value_of({kWhat, false, both_families()}) ==
        "0102"
        "04c00002010fa0"
        "0620010db80000000000000000000000010fa1");
}

TEST_CASE("announcement: what was announced is read back") {
  for (const Announcement& what :
       {Announcement{kWhat, true, {}}, Announcement{kWhat, false, {}},
        Announcement{kWhat, false, Endpoints(*Endpoint::parse("[2001:db8::1]:1"))},
        Announcement{kWhat, false, both_families()}}) {
    CHECK(announced(announcing(what)) == what);
  }
}

TEST_CASE("announcement: endpoints nobody can dial are left out") {
  Endpoints useless(*Endpoint::parse("0.0.0.0:4000"));
  useless.add(*Endpoint::parse("[2001:db8::1]:0"));
  CHECK(announced(announcing({kWhat, false, useless})) == Announcement{kWhat, false, {}});
}

TEST_CASE("announcement: what its owner signed verifies and nobody else can change it") {
  const Record good = provider(identity(1), kWhat, 7, both_families());
  CHECK(why_not(good) == "");
  CHECK(why_not(withdrawal(identity(1), kWhat, 8)) == "");

  Record forged = good;
  forged.owner = identity(2).public_key();
  CHECK(why_not(forged).find("signature") != std::string::npos);
  Record redirected = good;
  redirected.value.back() ^= 1;
  CHECK(why_not(redirected).find("signature") != std::string::npos);
  CHECK_FALSE(verify(good, provider_key(content_key(view_of("other")), good.owner), kNetwork));
  CHECK_FALSE(verify(good, key_of(good), "another network"));
}

TEST_CASE("announcement: an owned record does not become one by its name") {
  const auto alice = identity(1);
  Record record = provider(alice, kWhat, 1);
  const Key place = key_of(record);
  record.type = RecordType::owned;
  sign(record, alice, kNetwork);
  CHECK(why_not(record) == "");
  CHECK(key_of(record) != place);
  CHECK_FALSE(verify(record, place, kNetwork));
}

TEST_CASE("announcement: malformed ones are refused though they are signed") {
  const std::string v4 = "04c00002010fa0";
  const std::string v6 = "0620010db80000000000000000000000010fa1";
  for (const char* hex : {"0100", "00"}) CHECK(why_not(with_value(*from_hex(hex))) == "");
  CHECK(why_not(with_value(*from_hex("0102" + v4 + v6))) == "");
  const std::vector<std::string> bad = {
      "",                  // nothing
      "02",                // neither present nor withdrawn
      "0000",              // more after a withdrawal
      "01",                // no count
      "0101",              // a count without endpoints
      "010100",            // no such family
      "0102" + v4,         // one too few
      "0101" + v4 + v6,    // one too many
      "0102" + v4 + v4,    // two of a family
      "0102" + v6 + v4,    // in the wrong order
      "0101" + v4 + "00",  // a byte too many
      "0101" + v4.substr(0, 12),
      "0101" + v6.substr(0, 36),
      "010104c00002010000",  // port 0
      "010104000000000fa0",  // unspecified
      "01010600000000000000000000000000000000"
      "0fa1",  // unspecified
      "01010600000000000000000000ffffc0000201"
      "0fa1",  // IPv4 in the form of IPv6
  };
  for (const std::string& hex : bad) {
    CAPTURE(hex);
    CHECK(why_not(with_value(*from_hex(hex))).find("announcement") != std::string::npos);
  }

  Record unnumbered = provider(identity(1), kWhat, 1);
  unnumbered.sequence = 0;
  sign(unnumbered, identity(1), kNetwork);
  CHECK(why_not(unnumbered).find("sequence") != std::string::npos);
  for (const std::size_t size : {0, 63, 65}) {
    Record misnamed = provider(identity(1), kWhat, 1);
    misnamed.name.resize(size);
    sign(misnamed, identity(1), kNetwork);
    CHECK(why_not(misnamed).find("announcement") != std::string::npos);
  }
}

TEST_CASE("announcement: a withdrawal with a higher sequence wins over what it takes back") {
  const auto alice = identity(1);
  CHECK(order(withdrawal(alice, kWhat, 2), provider(alice, kWhat, 1)) > 0);
  CHECK(order(withdrawal(alice, kWhat, 2), provider(alice, kWhat, 3)) < 0);
  CHECK(equivocates(withdrawal(alice, kWhat, 2), provider(alice, kWhat, 2)));
}
