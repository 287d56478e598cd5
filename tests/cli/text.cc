#include "cli/common/text.h"

#include <doctest/doctest.h>

#include "cli/common/json.h"

namespace kadmos::cli {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a duration is a positive number with its unit") {
  CHECK(*parse_duration("300ms") == Duration(300ms));
  CHECK(*parse_duration("5s") == Duration(5s));
  CHECK(*parse_duration("1.5m") == Duration(90s));
  CHECK(*parse_duration("2h") == Duration(2h));
  CHECK(*parse_duration("7d") == Duration(168h));
  for (const char* bad : {"", "5", "s", "5 s", "5sec", "-5s", "0s", "+5s", "1e3s", "nan s", "infs",
                          "0.0001ms", "99999999999d", "5s ", "0x5s"}) {
    CHECK_MESSAGE(!parse_duration(bad).ok(), bad);
  }
}

TEST_CASE("a size is a positive number of bytes or has a unit") {
  CHECK(*parse_size("1") == 1);
  CHECK(*parse_size("1048577") == 1048577);
  CHECK(*parse_size("64KiB") == 65536);
  CHECK(*parse_size("1.5MiB") == 1572864);
  CHECK(*parse_size("1GiB") == 1UL << 30);
  CHECK(*parse_size("1024TiB") == 1UL << 50);
  CHECK(*parse_size("2kB") == 2000);
  CHECK(*parse_size("3GB") == 3'000'000'000);
  for (const char* bad : {"", "GiB", "1 GiB", "1G", "-1", "0", "+1", "1e9", "nan", "inf", "0.5",
                          "1025TiB", "99999999999999999999", "1GiB ", "0x10"}) {
    CHECK_MESSAGE(!parse_size(bad).ok(), bad);
  }
}

TEST_CASE("what a terminal is given has no control characters and is UTF-8") {
  CHECK(printable("plain caf\xc3\xa9 \xf0\x9f\x98\x80") == "plain caf\xc3\xa9 \xf0\x9f\x98\x80");
  CHECK(printable("a\nb\x1b[31m\x7f") == "a\\x0ab\\x1b[31m\\x7f");
  CHECK(printable(std::string_view("\0", 1)) == "\\x00");
  // U+009B, which some terminals take for ESC [.
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");
  CHECK(printable("\xc2\xa0") == "\xc2\xa0");
  CHECK(printable("\xff"
                  "a") == "\\xffa");
}

TEST_CASE("what turns the direction of writing or ends a line is shown as bytes") {
  CHECK(printable("a\xe2\x80\xae"
                  "b") == "a\\xe2\\x80\\xaeb");
  for (const char* bad : {"\xe2\x80\xa8", "\xe2\x80\xaa", "\xe2\x81\xa6", "\xe2\x81\xa9"}) {
    CHECK(printable(bad).starts_with("\\xe2"));
  }
  for (const char* good : {"\xe2\x80\xa7", "\xe2\x80\xaf", "\xe2\x81\xa5", "\xe2\x81\xaa"}) {
    CHECK(printable(good) == good);
  }
  CHECK(printable_lines("a\tb\nc\r") == "a\tb\nc\\x0d");
}

TEST_CASE("JSON shows control characters that it would let stand and means the same") {
  const std::string text = "\x1b\x7f\xc2\x9b\xe2\x80\xae caf\xc3\xa9\n";
  const std::string json = dump(Json(text));
  CHECK(json == "\"\\u001b\\u007f\\u009b\\u202e caf\xc3\xa9\\n\"");
  CHECK(parse_json(json).value() == text);
}

TEST_CASE("UTF-8 is what the standard calls well-formed") {
  for (const char* good : {"", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xef\xbf\xbf",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    CHECK(is_utf8(good));
  }
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80",
                          "\xe2\x82", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                          "\xc3"
                          "a",
                          "\xf0\x9f\x98"}) {
    CHECK_FALSE(is_utf8(bad));
  }
}

TEST_CASE("base64 is that of RFC 4648") {
  CHECK(base64(view_of("")).empty());
  CHECK(base64(view_of("f")) == "Zg==");
  CHECK(base64(view_of("fo")) == "Zm8=");
  CHECK(base64(view_of("foo")) == "Zm9v");
  CHECK(base64(view_of("foob")) == "Zm9vYg==");
  CHECK(base64(view_of("fooba")) == "Zm9vYmE=");
  CHECK(base64(view_of("foobar")) == "Zm9vYmFy");
  CHECK(base64(view_of("\xff\xfe\xfd")) == "//79");
}

TEST_CASE("of base64 only what it would be written as is read") {
  Bytes bytes;
  for (int n = 0; n < 260; ++n) {
    const auto read = from_base64(base64(bytes));
    REQUIRE(read.has_value());
    REQUIRE(*read == bytes);
    bytes.push_back(static_cast<Byte>(n * 7));
  }
  CHECK(*from_base64("//79") == to_bytes("\xff\xfe\xfd"));
  for (const char* bad : {"Z", "Zg", "Zg=", "Zg===", "Zm8", "Zh==", "Zm9=", "=", "====", "Z===",
                          "Zm9v\n", "Zm9v Zg=", "Zg==Zg==", "Zm-_", "Zm\xff=", " Zm9"}) {
    CHECK_MESSAGE(!from_base64(bad).has_value(), bad);
  }
}

TEST_CASE("a time is shown in UTC to the millisecond") {
  CHECK(show(WallTime(0ms)) == "1970-01-01T00:00:00.000Z");
  CHECK(show(WallTime(1'893'456'000'042ms)) == "2030-01-01T00:00:00.042Z");
  CHECK_FALSE(show(WallTime::max()).empty());
  CHECK(show(Duration(1'500us)) == "1.50 ms");
  CHECK(show(Duration(2'345ms)) == "2.3 s");
}

TEST_CASE("a time is read as it is shown") {
  for (const std::int64_t ms : {0LL, 951'782'399'999LL, 1'893'456'000'042LL, 4'102'444'799'000LL}) {
    const WallTime time{std::chrono::milliseconds(ms)};
    CHECK(parse_time(show(time)) == time);
  }
  CHECK(parse_time("2030-01-01T00:00:00Z") == WallTime(1'893'456'000'000ms));
  CHECK(parse_time("2030-01-01T00:00:00.5Z") == WallTime(1'893'456'000'500ms));
  for (const char* other :
       {"", "Z", "2030-01-01", "2030-01-01T00:00:00", "2030-01-01T00:00:00.Z",
        "2030-01-01T00:00:00.1234Z", "2030-02-30T00:00:00Z", "2030-01-01T24:00:00Z",
        "2030-01-01 00:00:00Z", "2030-01-01T00:00:00+00:00", "x030-01-01T00:00:00Z"}) {
    CHECK_MESSAGE(!parse_time(other), other);
  }
}

}  // namespace
}  // namespace kadmos::cli
