// Two nodes with one identity, as a cloned disk makes them.
#include "tests/world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// A node at another address with the key of node `of`.
NodeIndex add_twin(World& world, NodeIndex of, NodeIndex way_in) {
  Disguise disguise;
  disguise.secret = world.identity(of).seed();
  return world.add(world.entering_at(way_in), std::nullopt, std::move(disguise));
}

TEST_CASE("both nodes with one identity know it within a minute and say so") {
  World world;
  grow(world, 20);
  const NodeIndex twin = add_twin(world, 7, 3);
  std::vector<std::string> said;
  for (const NodeIndex i : {NodeIndex{7}, twin}) {
    world.node(i).on_notice([&](const Notice& notice) {
      if (notice.what == "identity_in_use") said.push_back(notice.detail);
    });
  }
  const auto joined = world.node(twin).join();
  world.run_for(minutes(1));
  CHECK(world.node(7).twin() == world.network().address(twin));
  CHECK(world.node(twin).twin() == world.network().address(7));
  CHECK(said.size() == 2);
  SUBCASE("and no more once one of them is gone") {
    world.crash(twin);
    world.run_for(minutes(2));
    CHECK(!world.node(7).twin());
  }
}

TEST_CASE("a node that moved is no twin of itself") {
  World world;
  grow(world, 20);
  for (const NodeIndex i : {NodeIndex{4}, NodeIndex{7}}) {
    world.crash(i);
    world.restart(i);
    const auto joined = world.node(i).join();
    world.run_for(minutes(2));
    CHECK(!world.node(i).twin());
  }
}

}  // namespace
}  // namespace kadmos::sim
