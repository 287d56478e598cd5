// Framing: what is taken, what is refused, and that the cut of the stream into reads never matters.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "wire/netstring.h"

namespace kadmos::wire {
namespace {

struct Read {
  std::vector<std::string> payloads;
  std::string fault;  // empty: none
};

Read read(NetstringReader& reader, std::string_view data) {
  Read out;
  const auto fed = reader.feed(view_of(data), [&](ByteView payload) {
    out.payloads.emplace_back(text_of(payload));
    return true;
  });
  if (!fed) {
    CHECK(fed.error().code == Errc::protocol);
    out.fault = fed.error().detail;
  }
  return out;
}

Read read(std::string_view data, std::size_t max = 1000) {
  NetstringReader reader(max);
  return read(reader, data);
}

std::string framed(std::string_view payload) {
  Bytes out;
  append_netstring(out, view_of(payload));
  return std::string(text_of(out));
}

TEST_CASE("netstring: a frame is its length and colon and payload and comma") {
  CHECK(framed("hello") == "5:hello,");
  CHECK(framed("") == "0:,");
  CHECK(framed("hello world!") == "12:hello world!,");
}

TEST_CASE("netstring: appending leaves what was there") {
  Bytes out = to_bytes("1:a,");
  append_netstring(out, view_of("b"));
  CHECK(text_of(out) == "1:a,1:b,");
}

TEST_CASE("netstring: several frames in one read come in order") {
  CHECK(read("1:a,0:,2:bc,").payloads == std::vector<std::string>{"a", "", "bc"});
}

TEST_CASE("netstring: a payload may hold every byte a frame is made of") {
  CHECK(read(framed("3:a,b,")).payloads == std::vector<std::string>{"3:a,b,"});
}

TEST_CASE("netstring: frames come out the same at every split of the stream") {
  const std::string stream = "5:hello,0:,12:hello world!,1:x,";
  const std::vector<std::string> expected = {"hello", "", "hello world!", "x"};
  for (std::size_t a = 0; a <= stream.size(); ++a) {
    for (std::size_t b = a; b <= stream.size(); ++b) {
      NetstringReader reader(100);
      std::vector<std::string> payloads;
      for (const auto& part : {stream.substr(0, a), stream.substr(a, b - a), stream.substr(b)}) {
        const Read got = read(reader, part);
        REQUIRE(got.fault.empty());
        payloads.insert(payloads.end(), got.payloads.begin(), got.payloads.end());
      }
      REQUIRE(payloads == expected);
      REQUIRE_FALSE(reader.in_frame());
    }
  }
}

TEST_CASE("netstring: frames come out the same one byte a read") {
  const std::string stream = "5:hello,0:,12:hello world!,1:x,";
  NetstringReader reader(100);
  std::vector<std::string> payloads;
  for (const char& c : stream) {
    const Read got = read(reader, {&c, 1});
    REQUIRE(got.fault.empty());
    payloads.insert(payloads.end(), got.payloads.begin(), got.payloads.end());
  }
  CHECK(payloads == std::vector<std::string>{"hello", "", "hello world!", "x"});
}

TEST_CASE("netstring: every malformed frame is an error that says what is wrong") {
  struct Bad {
    const char* bytes;
    const char* fault;
  };
  const Bad cases[] = {
      {":,", "without a length"},
      {"x1:a,", "other than digits"},
      {"1x:a,", "other than digits"},
      {"-1:a,", "other than digits"},
      {"+1:a,", "other than digits"},
      {" 1:a,", "other than digits"},
      {"1 :a,", "other than digits"},
      {"0x1:a,", "other than digits"},
      {"01:a,", "leading zero"},
      {"00:,", "leading zero"},
      {"12345678:a,", "more than 7 digits"},
      {"1073741824:", "more than 7 digits"},
      {"1001:", "1001 bytes where at most 1000"},
      {"9999999:", "9999999 bytes"},
      {"1:ab", "closing comma"},
      {"1:a\n", "closing comma"},
      {"0:x", "closing comma"},
      {"GET / HTTP/1.1\r\n", "other than digits"},
      {"\x16\x03\x01", "other than digits"},
  };
  for (const Bad& bad : cases) {
    CAPTURE(bad.bytes);
    const Read whole = read(bad.bytes);
    CHECK(whole.payloads.empty());
    CHECK(whole.fault.find(bad.fault) != std::string::npos);

    NetstringReader reader(1000);
    std::string last;
    for (const char* c = bad.bytes; *c != '\0' && last.empty(); ++c)
      last = read(reader, {c, 1}).fault;
    CHECK(last == whole.fault);
  }
}

TEST_CASE("netstring: what came before a malformed frame is still delivered") {
  const Read got = read("1:a,01:b,");
  CHECK(got.payloads == std::vector<std::string>{"a"});
  CHECK_FALSE(got.fault.empty());
}

TEST_CASE("netstring: after an error the stream stays dead with the same reason") {
  NetstringReader reader(1000);
  (void)read(reader, "1:a");
  const Read first = read(reader, "b");
  CHECK_FALSE(first.fault.empty());
  CHECK(reader.buffered() == 0);
  for (const char* more : {",", "1:a,"}) {
    const Read second = read(reader, more);
    CHECK(second.payloads.empty());
    CHECK(second.fault == first.fault);
  }
}

TEST_CASE("netstring: the longest frame allowed is taken and one byte more is not") {
  CHECK(read(framed(std::string(1000, 'x'))).payloads.size() == 1);
  CHECK_FALSE(read(framed(std::string(1001, 'x'))).fault.empty());
}

TEST_CASE("netstring: a length over the cap is refused before any of its bytes are taken") {
  NetstringReader reader(1000);
  CHECK_FALSE(read(reader, "1001:").fault.empty());
  CHECK(reader.buffered() == 0);
}

TEST_CASE("netstring: a raised cap counts from the next length on") {
  NetstringReader reader(2);
  std::vector<std::string> payloads;
  const auto fed = reader.feed(view_of("2:hi,5:hello,"), [&](ByteView payload) {
    payloads.emplace_back(text_of(payload));
    reader.set_max(5);
    return true;
  });
  CHECK(fed.ok());
  CHECK(payloads == std::vector<std::string>{"hi", "hello"});
}

TEST_CASE("netstring: a claimed length reserves nothing") {
  NetstringReader reader(9'999'999);
  CHECK(read(reader, "9999999:abc").fault.empty());
  CHECK(reader.buffered() == 3);
  CHECK(reader.in_frame());
}

TEST_CASE("netstring: a reader is in a frame from its first digit to its comma") {
  NetstringReader reader(1000);
  CHECK_FALSE(reader.in_frame());
  for (const char* part : {"1", ":", "a"}) {
    (void)read(reader, part);
    CHECK(reader.in_frame());
  }
  CHECK(read(reader, ",").payloads.size() == 1);
  CHECK_FALSE(reader.in_frame());
}

TEST_CASE("netstring: a payload that is whole in the data is delivered without a copy") {
  const std::string data = "5:hello,";
  NetstringReader reader(1000);
  const void* seen = nullptr;
  REQUIRE(reader.feed(view_of(data), [&](ByteView payload) {
    seen = payload.data();
    return true;
  }));
  CHECK(seen == data.data() + 2);
}

TEST_CASE("netstring: a sink that says stop gets nothing more") {
  NetstringReader reader(1000);
  int calls = 0;
  REQUIRE(reader.feed(view_of("1:a,1:b,"), [&](ByteView) {
    ++calls;
    return false;
  }));
  CHECK(calls == 1);
}

TEST_CASE("netstring: a sink may destroy the reader and then say stop") {
  for (const char* first : {"", "3:", "3:a", "3:abc"}) {
    auto reader = std::make_unique<NetstringReader>(1000);
    REQUIRE(reader->feed(view_of(first), [](ByteView) { return true; }));
    const std::string rest = std::string("3:abc,").substr(std::string_view(first).size());
    std::string seen;
    REQUIRE(reader->feed(view_of(rest), [&](ByteView payload) {
      reader.reset();
      seen = text_of(payload);
      return false;
    }));
    CHECK(seen == "abc");
  }
}

}  // namespace
}  // namespace kadmos::wire
