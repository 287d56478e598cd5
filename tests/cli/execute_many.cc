// The requests for many keys, asked of a node that is a network of its own.
#include "cli/common/execute_many.h"

#include <doctest/doctest.h>

#include <map>

#include "kadmos/kadmos.h"

namespace kadmos::cli {
namespace {

struct Asking {
  Asking() {
    const TransportOptions loopback{.listen = Endpoint::v4(127, 0, 0, 1, 0)};
    auto made = make_node(loop, Identity::from_seed(random_seed()), {}, loopback);
    REQUIRE(made.ok());
    node = *std::move(made);
  }
  // The last answer; those before are in `answers`.
  Json ask(const Json& request) {
    CHECK(goes_on(request));
    answers.clear();
    Service service{*node};
    const auto emit = [this](Json answer) {
      CHECK(answer.erase("more") == 1);
      answers.push_back(std::move(answer));
      if (answers.size() == most) return Future<void>::resolved(Error(Errc::closed, "gone"));
      return Future<void>::resolved({});
    };
    auto last = loop.run_until(execute(service, request, emit));
    REQUIRE(last.ok());
    return *std::move(last);
  }
  std::map<std::size_t, Json> by_index() const {
    std::map<std::size_t, Json> out;
    for (const Json& answer : answers) out[answer.at("index").get<std::size_t>()] = answer;
    CHECK(out.size() == answers.size());
    return out;
  }
  static std::string code(const Json& answer) {
    return answer.at("error").at("code").get<std::string>();
  }

  UvLoop loop;
  std::unique_ptr<Node> node;
  std::vector<Json> answers;
  std::size_t most = 0;  // then whoever asks is gone
};

Json entries(std::size_t n) {
  Json out = Json::array();
  for (std::size_t i = 0; i < n; ++i) {
    const std::string text = std::to_string(i);
    out.push_back({{"name", binary(view_of(text))}, {"value", binary(view_of("v" + text))}});
  }
  return out;
}

TEST_CASE("each of many inputs is answered by itself and the last answer is empty") {
  Asking it;
  Json input = entries(30);
  input[4].erase("name");
  input[5]["ttl_ms"] = 60'000U;
  input[6]["name"] = binary(view_of(""));
  CHECK(it.ask({{"op", "set_many"}, {"entries", input}, {"at_once", 3U}}) == Json::object());
  const auto receipts = it.by_index();
  REQUIRE(receipts.size() == 30);
  const std::string owner = it.node->public_key().hex();
  CHECK(it.code(receipts.at(6)) == "invalid_argument");
  CHECK(receipts.at(4).at("key") == content_key(view_of("v4")).hex());
  CHECK_FALSE(receipts.at(4).contains("owner"));
  CHECK(receipts.at(7).at("owner") == owner);
  CHECK(receipts.at(7).at("durable") == 1);
  CHECK_FALSE(receipts.at(7).contains("replicas"));

  const Json wanted = {{{"key", receipts.at(4).at("key")}},
                       {{"name", binary(view_of("7"))}},
                       {{"name", binary(view_of("nobody set this"))}}};
  CHECK(it.ask({{"op", "get_many"}, {"entries", wanted}, {"replicas", true}}) == Json::object());
  const auto found = it.by_index();
  REQUIRE(found.size() == 3);
  CHECK(found.at(0).at("value") == binary(view_of("v4")));
  CHECK(found.at(1).at("value") == binary(view_of("v7")));
  CHECK(found.at(1).contains("asked"));
  CHECK(it.code(found.at(2)) == "not_found");

  const Json keys = {{{"key", receipts.at(4).at("key")}}, {{"key", receipts.at(7).at("key")}}};
  CHECK(it.ask({{"op", "provide_many"}, {"entries", keys}}) == Json::object());
  const auto provided = it.by_index();
  REQUIRE(provided.size() == 2);
  CHECK(provided.at(1).at("key") == receipts.at(7).at("key"));
  CHECK(provided.at(1).at("announcement") ==
        provider_key(*Key::from_hex(keys[1].at("key").get<std::string>()), it.node->public_key())
            .hex());
}

TEST_CASE("a node names the keys it published but not those it deleted or provides") {
  Asking it;
  it.ask({{"op", "set_many"}, {"entries", entries(1500)}});
  REQUIRE(it.loop.run_until(it.node->del("3")).ok());
  REQUIRE(it.loop.run_until(it.node->provide(content_key(view_of("x")))).ok());
  CHECK(it.ask({{"op", "own"}}) == Json::object());
  CHECK(it.answers.size() == 2);
  std::size_t keys = 0;
  for (const Json& answer : it.answers) keys += answer.at("keys").size();
  CHECK(keys == 1499);
}

TEST_CASE("what is no request for many is refused as a whole") {
  Asking it;
  const auto refused = [&](const Json& request) {
    const Json last = it.ask(request);
    CHECK(it.answers.empty());
    return it.code(last);
  };
  CHECK(refused({{"op", "set_many"}, {"entries", entries(kMostInputs + 1)}}) == "too_large");
  CHECK(refused({{"op", "set_many"}}) == "invalid_argument");
  CHECK(refused({{"op", "set_many"}, {"entries", "all"}}) == "invalid_argument");
  CHECK(refused({{"op", "set_many"}, {"entries", Json::array({{{"name", "text"}}})}}) ==
        "invalid_argument");
  CHECK(refused({{"op", "get_many"}, {"entries", Json::array({{{"key", "00"}}})}}) ==
        "invalid_argument");
  CHECK(refused({{"op", "get_many"}, {"entries", Json::array()}, {"at_once", -1}}) ==
        "invalid_argument");
  CHECK(it.ask({{"op", "set_many"}, {"entries", entries(kMostInputs)}}) == Json::object());
  CHECK(it.answers.size() == kMostInputs);
}

TEST_CASE("a request for many ends when nobody takes its answers") {
  Asking it;
  it.most = 3;
  it.ask({{"op", "set_many"}, {"entries", entries(500)}, {"at_once", 1U}});
  CHECK(it.answers.size() == 3);
  CHECK(it.node->stats().operations_running == 0);
}

}  // namespace
}  // namespace kadmos::cli
