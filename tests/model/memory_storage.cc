#include <doctest/doctest.h>

#include "support/storage_model.h"

using namespace kadmos;

TEST_CASE("memory storage answers every query as a searched map does") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const auto storage = make_memory_storage();
    storage_model::run(seed, *storage, 450'000, [&](const auto&) { storage->pump(); });
  }
}
