#include <doctest/doctest.h>

#include <string>

#include "base/prng.h"
#include "kadmos/id.h"

using namespace kadmos;

namespace {

Id with_bit(int i) {
  Id id;
  id.set_bit(i, true);
  return id;
}

}  // namespace

TEST_CASE("an id is read from exactly 64 bytes or 128 digits") {
  ByteArray<64> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<Byte>(i + 1);
  const auto id = Id::from_bytes(bytes);
  REQUIRE(id);
  CHECK(id->bytes() == bytes);
  CHECK(id->top() == 0x0102030405060708U);
  CHECK(id->hex() == to_hex(bytes));
  CHECK(id->short_hex() == "010203040506");
  CHECK(Id::from_hex(id->hex()) == id);

  CHECK(!Id::from_bytes(ByteView(bytes).first(63)));
  CHECK(!Id::from_bytes(Bytes(65)));
  CHECK(!Id::from_hex(id->hex().substr(2)));
  CHECK(!Id::from_hex(id->hex() + "00"));
  CHECK(!Id::from_hex(std::string(127, '0') + "x"));
}

TEST_CASE("bits count from the most significant") {
  CHECK(with_bit(0) == Id::from_top(std::uint64_t{1} << 63));
  CHECK(with_bit(63) == Id::from_top(1));
  CHECK(with_bit(511).bytes().back() == 1);
  for (const int i : {0, 1, 63, 64, 65, 300, 511}) {
    Id id = with_bit(i);
    CHECK(id.bit(i));
    CHECK(!id.bit((i + 1) % 512));
    id.set_bit(i, false);
    CHECK(id == Id{});
  }
}

TEST_CASE("ids are ordered as big-endian numbers") {
  CHECK(with_bit(0) > with_bit(1));
  CHECK(with_bit(63) > with_bit(64));
  CHECK(with_bit(511) > Id{});
  Prng prng(1);
  for (int i = 0; i < 100; ++i) {
    const Id a = prng.id();
    const Id b = prng.id();
    CHECK((a < b) == (a.bytes() < b.bytes()));
  }
}

TEST_CASE("the shared prefix is the index of the first bit that differs") {
  Prng prng(2);
  const Id id = prng.id();
  CHECK(shared_prefix(id, id) == 512);
  for (int i = 0; i < 512; ++i) {
    Id other = prng.id();
    for (int j = 0; j < i; ++j) other.set_bit(j, id.bit(j));
    other.set_bit(i, !id.bit(i));
    CHECK(shared_prefix(id, other) == i);
    CHECK(shared_prefix(other, id) == i);
  }
}

TEST_CASE("closer says what comparing the XOR distances says") {
  Prng prng(3);
  for (int i = 0; i < 2000; ++i) {
    const Id target = prng.id();
    const Id a = prng.id();
    Id b = prng.id();
    // Long shared prefixes are rare among random ids, so they are made.
    const auto shared = static_cast<int>(prng.below(513));
    for (int j = 0; j < shared; ++j) b.set_bit(j, a.bit(j));
    CHECK(closer(target, a, b) == ((a ^ target) < (b ^ target)));
    CHECK(closer(target, b, a) == ((b ^ target) < (a ^ target)));
  }
}

TEST_CASE("no id is closer than itself and none is closer to a target than the target") {
  const Id a = Id::from_top(7);
  const Id b = Id::from_top(9);
  CHECK(!closer(a, b, b));
  CHECK(closer(a, a, b));
  CHECK(!closer(a, b, a));
}
