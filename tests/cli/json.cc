#include "cli/common/json.h"

#include <doctest/doctest.h>

namespace kadmos::cli {
namespace {

TEST_CASE("CBOR brings back what it was given and bytes as they were") {
  const Bytes bytes = {0, 255, 10, 0};
  const Json json = {
      {"text", "caf\xc3\xa9"}, {"bytes", binary(bytes)}, {"list", {1, -2, 0.5, true}}};
  const auto back = parse_cbor(to_cbor(json));
  REQUIRE(back);
  CHECK(*back == json);
  CHECK(Bytes(back->at("bytes").get_binary()) == bytes);
}

TEST_CASE("spoiled or endlessly nested CBOR is an error") {
  Bytes good = to_cbor({{"op", "status"}, {"value", binary(view_of("x"))}});
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    CHECK_FALSE(parse_cbor(ByteView(good).first(cut)));
  }
  good.push_back(0);
  CHECK_FALSE(parse_cbor(good));
  // Arrays of one, a million deep; of unknown length; maps; a list of four billion.
  CHECK_FALSE(parse_cbor(Bytes(1'000'000, 0x81)));
  CHECK_FALSE(parse_cbor(Bytes(1'000'000, 0x9F)));
  CHECK_FALSE(parse_cbor(Bytes(1'000'000, 0xBF)));
  CHECK_FALSE(parse_cbor(Bytes{0x9A, 0xFF, 0xFF, 0xFF, 0xFF}));
  CHECK_FALSE(parse_cbor(Bytes{0x5A, 0xFF, 0xFF, 0xFF, 0xFF}));
}

TEST_CASE("JSON text nested too deeply is an error") {
  const std::string deepest = std::string(kJsonDepth, '[') + std::string(kJsonDepth, ']');
  CHECK(parse_json(deepest));
  CHECK_FALSE(parse_json("[" + deepest + "]"));
  CHECK_FALSE(parse_json(std::string(1'000'000, '[')));
  CHECK_FALSE(parse_json("{} {}"));
  CHECK_FALSE(parse_json("\"\xff\""));
}

TEST_CASE("printed JSON is one line of UTF-8 and shows bytes in base64") {
  CHECK(dump({{"value", binary(view_of("hi\n"))}}) ==
        R"({"value":{"base64":"aGkK","utf8":"hi\n"}})");
  CHECK(dump({{"value", binary(view_of("\xff"))}}) == R"({"value":{"base64":"/w=="}})");
  CHECK(dump({{"a", {binary(view_of("")), 1}}}) == R"({"a":[{"base64":"","utf8":""},1]})");
  CHECK(dump({{"detail", "bad \xff byte"}}) == "{\"detail\":\"bad \xef\xbf\xbd byte\"}");
}

TEST_CASE("an error tells its causes and who was asked") {
  Asked asked;
  asked.outcome = Outcome::unreachable;
  asked.detail = "refused";
  Error error(Errc::unreachable, "nobody answered");
  error.operation = "get 12";
  error.asked.push_back(asked);
  const Json json = json_of(std::move(error).because(Error(Errc::io, "no route")));
  CHECK(json.at("error").at("code") == "unreachable");
  CHECK(json.at("error").at("detail") == "nobody answered: because no route");
  CHECK(json.at("error").at("operation") == "get 12");
  CHECK(json.at("error").at("asked").at(0).at("outcome") == "unreachable");
}

}  // namespace
}  // namespace kadmos::cli
