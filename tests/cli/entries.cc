#include "cli/common/entries.h"

#include <doctest/doctest.h>

#include "cli/common/text.h"

namespace kadmos::cli {
namespace {

using namespace std::chrono_literals;

Errc code_of(const std::string& line) {
  const auto entry = parse_entry(line);
  REQUIRE_MESSAGE(!entry.ok(), line);
  CHECK_FALSE(entry.error().detail.empty());
  return entry.error().code;
}

TEST_CASE("a line with a name is to be set and one without to be put") {
  const auto set = parse_entry(R"({"name": "greeting", "value": "hello", "ttl": "2h"})");
  REQUIRE(set.ok());
  CHECK(set->entry.name == "greeting");
  CHECK(set->entry.value == to_bytes("hello"));
  CHECK(set->entry.ttl == 2h);
  const auto put = parse_entry(R"( {"value_base64": "AP/+"} )");
  REQUIRE(put.ok());
  CHECK_FALSE(put->entry.name.has_value());
  CHECK(put->entry.value == Bytes{0x00, 0xFF, 0xFE});
  CHECK_FALSE(put->entry.ttl.has_value());
  CHECK(parse_entry(R"({"name_base64": "/w==", "value": ""})")->entry.name == "\xff");
  CHECK(parse_entry(R"({"name": "n", "value": "a\u0000b"})")->entry.value.size() == 3);
}

TEST_CASE("a line that is no entry is told what is wrong with it") {
  for (const char* line :
       {"", "hello", "[]", "{}", R"({"name": "n"})", R"({"name": 1, "value": ""})",
        R"({"name": "", "value": ""})", R"({"value": {"a": 1}})", R"({"value_base64": "Zg="})",
        R"({"value": "", "value_base64": ""})", R"({"value": "", "ttl": 5})",
        R"({"value": "", "ttl": "5"})", R"({"value": "", "tll": "5s"})", R"({"value": "")",
        R"({"value": ""} x)", "{\"value\": \"\xff\"}", R"({"value": "x", "key": "00"})"}) {
    CHECK_MESSAGE(code_of(line) == Errc::invalid_argument, line);
  }
  const std::string large(Limits().value_bytes + 1, 'x');
  CHECK(code_of(R"({"value": ")" + large + R"("})") == Errc::too_large);
  const std::string name(Limits().name_bytes + 1, 'x');
  CHECK(code_of(R"({"value": "", "name": ")" + name + R"("})") == Errc::too_large);
}

Json found(RecordType type, std::string_view name, std::string_view value) {
  Record record;
  record.type = type;
  record.name = to_bytes(name);
  record.value = to_bytes(value);
  record.sequence = type == RecordType::content ? 0 : 7;
  Found out;
  out.record = record;
  return json_of(out);
}

TEST_CASE("what is written as a line is read as it was") {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const std::string most(Limits().value_bytes, '\x01');  // the longest a text can become
  for (const std::string& bytes : {std::string("text \"\\ \n caf\xc3\xa9"), std::string(), all,
                                   std::string("\0", 1), std::string("\xff"), most}) {
    const std::string name = bytes.empty() ? "n" : bytes.substr(0, Limits().name_bytes);
    const std::string line = entry_line(found(RecordType::owned, name, bytes));
    CHECK(line.find('\n') == std::string::npos);
    CHECK(line.size() <= kLongestLine);
    const auto read = parse_entry(line);
    REQUIRE_MESSAGE(read.ok(), read.error().detail);
    CHECK((read->entry.name == name));
    CHECK((read->entry.value == to_bytes(bytes)));
    const auto put = parse_entry(entry_line(found(RecordType::content, "", bytes)));
    REQUIRE_MESSAGE(put.ok(), put.error().detail);
    CHECK_FALSE(put->entry.name.has_value());
    CHECK((put->entry.value == to_bytes(bytes)));
  }
}

TEST_CASE("what a line of an export says of its version and its time is read") {
  Json record = found(RecordType::owned, "n", "value");
  record["expires"] = show(WallTime(1'900'000'000'123ms));
  const auto read = parse_entry(entry_line(record));
  REQUIRE(read.ok());
  CHECK(read->entry.sequence == 7);
  CHECK(read->expires == WallTime(1'900'000'000'123ms));
  // Its owner renews it, so its expiry says nothing.
  record["renewed"] = true;
  CHECK_FALSE(parse_entry(entry_line(record))->expires);
  const auto content = parse_entry(entry_line(found(RecordType::content, "", "value")));
  CHECK_FALSE(content->entry.sequence);
  // What somebody wrote into the line goes first.
  const auto written = parse_entry(
      R"({"name": "n", "value": "", "ttl": "2h", "expires": "2030-01-31T23:59:59.5Z"})");
  CHECK(written->entry.ttl == 2h);
  CHECK_FALSE(written->expires);
  for (const char* field :
       {R"("sequence": 0)", R"("sequence": -1)", R"("sequence": "1")", R"("sequence": 1.5)",
        R"("expires": 1900000000)", R"("expires": "tomorrow")", R"("renewed": 1)",
        R"("renewed": "true", "expires": "2030-01-31T23:59:59Z")"}) {
    CHECK_MESSAGE(code_of(R"({"name": "n", "value": "", )" + std::string(field) + "}") ==
                      Errc::invalid_argument,
                  field);
  }
}

TEST_CASE("a value that is not what was exported under its key is refused") {
  std::string line = entry_line(found(RecordType::content, "", "value"));
  CHECK(parse_entry(line).ok());
  line.replace(line.find("value\""), 5, "value");
  line.replace(line.rfind("\"value\",") + 1, 5, "other");
  CHECK(code_of(line) == Errc::invalid_argument);
}

TEST_CASE("the beginning of a line of an export is known from other text") {
  const std::string line = entry_line(found(RecordType::owned, "n", "value"));
  for (std::size_t n = 0; n <= line.size(); ++n) CHECK(begins_entry_line(line.substr(0, n)));
  CHECK_FALSE(begins_entry_line("my notes"));
  CHECK_FALSE(begins_entry_line("{\"key"));
}

}  // namespace
}  // namespace kadmos::cli
