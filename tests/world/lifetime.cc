// Continuations that do to their node what they like.
#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "simulations/world.h"

namespace kadmos::sim {
namespace {

TEST_CASE("a node destroyed by a continuation ends what else was asked of it") {
  World world;
  const NodeIndex a = world.add();
  const NodeIndex b = world.add(world.entering_at(a));
  REQUIRE(world.run_until(world.node(b).join()));
  Node& node = world.node(b);
  std::vector<Errc> ended;
  std::optional<Future<Closest>> held;
  node.find_node(Id::from_top(1)).then([&](const Result<Closest>&) { world.crash(b); }).detach();
  node.find_node(Id::from_top(2))
      .then([&](const Result<Closest>& result) {
        if (!result) ended.push_back(result.error().code);
        held.reset();  // a future of a node that is being destroyed
      })
      .detach();
  held.emplace(node.find_node(Id::from_top(3)));
  world.run_for(std::chrono::seconds(5));
  CHECK(ended == std::vector{Errc::closed});
  CHECK_FALSE(held);
  CHECK_FALSE(world.running(b));
}

TEST_CASE("a continuation may ask its node again and drop what it asked before") {
  World world;
  const NodeIndex a = world.add();
  const NodeIndex b = world.add(world.entering_at(a));
  REQUIRE(world.run_until(world.node(b).join()));
  Node& node = world.node(b);
  std::optional<Future<Found>> held(node.get(Id::from_top(9)));
  bool done = false;
  node.find_node(Id::from_top(1))
      .then([&](const Result<Closest>&) {
        held.reset();
        return node.set("again", view_of("value"));
      })
      .then([&](const Result<Receipt>& receipt) { done = receipt.ok(); })
      .detach();
  CHECK(world.run_until([&] { return done; }));
  CHECK(node.stats().operations_running == 0);
}

TEST_CASE("a closed node answers every verb with closed") {
  World world;
  const NodeIndex a = world.add();
  Node& node = world.node(a);
  std::vector<Errc> codes;
  const auto note = [&](auto future) {
    std::move(future)
        .then([&](const auto& result) { codes.push_back(result.error().code); })
        .detach();
  };
  node.close();
  note(node.get(Id::from_top(1)));
  note(node.set("name", view_of("value")));
  note(node.put(view_of("value")));
  note(node.find_node(Id::from_top(1)));
  note(node.join());
  CHECK(codes == std::vector<Errc>(5, Errc::closed));
}

TEST_CASE("what cannot be stored is refused at once with nothing sent") {
  World world;
  const NodeIndex a = world.add();
  Node& node = world.node(a);
  const Limits limits;
  const std::string long_name(limits.name_bytes + 1, 'x');
  const Bytes large(limits.value_bytes + 1);
  const auto code = [](Future<Receipt> future) {
    REQUIRE(future.ready());
    return std::move(future).take().error().code;
  };
  CHECK(code(node.set("", view_of("value"))) == Errc::invalid_argument);
  CHECK(code(node.set(long_name, view_of("value"))) == Errc::too_large);
  CHECK(code(node.set("name", large)) == Errc::too_large);
  CHECK(code(node.put(large)) == Errc::too_large);
  CHECK(code(node.put(view_of("value"), {std::chrono::milliseconds(0), {}})) ==
        Errc::invalid_argument);
  CHECK(code(node.set("name", view_of("value"), {std::chrono::hours(24 * 365), {}, nullptr})) ==
        Errc::invalid_argument);
  CHECK(node.stats().operations_done == 0);
}

}  // namespace
}  // namespace kadmos::sim
