// A real node on a real disk.
#include <doctest/doctest.h>

#include "net/harness.h"
#include "tests/e2e/support.h"

namespace kadmos::net {

TEST_CASE("a node on disk finds after a restart what it set before") {
  e2e::TempDir dir;
  UvLoop loop;
  const auto start = [&] {
    auto storage = make_lmdb_storage(loop, dir / "records.mdb", {});
    REQUIRE(storage.ok());
    return make_node(loop, Identity::from_seed(seed_of(1)), {}, listening(), *std::move(storage))
        .value();
  };
  {
    const auto node = start();
    const auto receipt = loop.run_until(node->set("name", view_of("value")));
    REQUIRE(receipt.ok());
    CHECK(receipt->durable == 1);
  }
  const auto node = start();
  CHECK(node->stats().records_held == 1);
  const auto found = loop.run_until(node->get(owned_key(node->public_key(), view_of("name"))));
  REQUIRE(found.ok());
  CHECK(text_of(found->record.value) == "value");
}

}  // namespace kadmos::net
