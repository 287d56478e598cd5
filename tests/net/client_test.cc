// Whether a node is a client, told by its config or not.
#include <doctest/doctest.h>

#include "net/harness.h"

namespace kadmos::net {
namespace {

TEST_CASE("A node without a listener is a client and no replica though nothing says so") {
  UvLoop loop;
  auto replica = make_node(loop, Identity::from_seed(seed_of(1)), {}, listening());
  REQUIRE(replica.ok());
  Config config;
  SUBCASE("with nothing else told") {}
  SUBCASE("with an address where it could be reached if it listened") {
    config.advertise = Endpoints(Endpoint::v4(127, 0, 0, 1, 1));
  }
  config.bootstrap.push_back({(*replica)->contact().endpoints.front(), std::nullopt});
  auto silent = make_node(loop, Identity::from_seed(seed_of(2)), config, {});
  REQUIRE(silent.ok());
  CHECK((*silent)->config().client);
  CHECK((*silent)->contact().endpoints.empty());
  REQUIRE(loop.run_until((*silent)->join()).ok());
  const auto receipt = loop.run_until((*silent)->set("name", view_of("value")));
  REQUIRE(receipt.ok());
  CHECK(receipt->target == 1);
  CHECK(receipt->durable == 1);
  REQUIRE(receipt->replicas.size() == 1);
  CHECK(receipt->replicas[0].peer.key == (*replica)->public_key());
  CHECK((*replica)->contacts().empty());
}

TEST_CASE("A node without a listener that knows nobody is no network of one") {
  UvLoop loop;
  auto silent = make_node(loop, Identity::from_seed(seed_of(1)), {}, {});
  REQUIRE(silent.ok());
  const auto receipt = loop.run_until((*silent)->put(view_of("content")));
  REQUIRE_FALSE(receipt.ok());
  CHECK(receipt.error().code == Errc::unreachable);
}

}  // namespace
}  // namespace kadmos::net
