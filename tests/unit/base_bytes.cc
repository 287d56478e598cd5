#include <doctest/doctest.h>

#include "kadmos/bytes.h"

using namespace kadmos;

TEST_CASE("hexadecimal is lower case and two digits a byte") {
  CHECK(to_hex(Bytes{0x00, 0x0f, 0xf0, 0xab}) == "000ff0ab");
  CHECK(to_hex(Bytes{}).empty());
}

TEST_CASE("hexadecimal of either case reads back to the same bytes") {
  CHECK(from_hex("000ff0ab") == Bytes{0x00, 0x0f, 0xf0, 0xab});
  CHECK(from_hex("FFaB") == Bytes{0xff, 0xab});
  CHECK(from_hex("") == Bytes{});
}

TEST_CASE("hexadecimal of odd length or with other characters is not read") {
  for (const auto* bad : {"0", "0ff", "0g", "g0", " 0", "0x", "-1", "0/", "0:", "@0", "`0"}) {
    CAPTURE(bad);
    CHECK(!from_hex(bad));
  }
}

TEST_CASE("a view of text is the same memory and copies are not") {
  const std::string text("a\0b", 3);
  CHECK(view_of(text).size() == 3);
  CHECK(static_cast<const void*>(view_of(text).data()) == text.data());
  CHECK(text_of(view_of(text)) == text);
  CHECK(to_bytes(text) == Bytes{'a', 0, 'b'});
  CHECK(to_bytes(view_of(text)) == to_bytes(text));
}
