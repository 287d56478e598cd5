// A thousand nodes: what a node finds is what is there, in few hops, and history repeats itself.
#include <algorithm>
#include <vector>

#include "world/worlds.h"

namespace kadmos::sim {
namespace {

// Fewer where the build alone makes everything many times slower.
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
constexpr int kNodes = 1000;
#else
constexpr int kNodes = 250;
#endif

struct Outcomes {
  int failed = 0;
  int searches = 0;
  int exact = 0;     // searches whose nodes are the true k closest
  int needless = 0;  // replicas of sets besides the closest
  int lookups = 0;
  std::int64_t hops = 0;
  std::uint64_t digest = 0;
  std::uint64_t events = 0;
};

void count_hops(Outcomes& out, int hops) {
  ++out.lookups;
  out.hops += hops;
}

void count(Outcomes& out, bool exact, int hops) {
  ++out.searches;
  out.exact += exact ? 1 : 0;
  count_hops(out, hops);
}

Outcomes live(std::uint64_t seed, std::size_t nodes, int operations) {
  WorldOptions options;
  options.seed = seed;
  // Without packets that come very late: a search ends without whom it waits for in vain.
  options.network.latency = Latency::internet().with_jitter(std::chrono::milliseconds(2), 0);
  World world(options);
  grow(world, nodes);
  Prng prng(seed);
  Outcomes out;
  std::vector<Key> keys;
  for (int i = 0; i < operations; ++i) {
    const NodeIndex at = any_running(world, prng);
    const std::string name = "name " + std::to_string(i);
    const auto receipt = world.run_until(world.node(at).set(name, view_of(name)));
    keys.push_back(owned_key(world.network().key(at), view_of(name)));
    if (!receipt) {
      ++out.failed;
      MESSAGE(receipt.error().text());
      continue;
    }
    const auto closest = as_set(world.closest_running(receipt->key, 20));
    // Whoever was stored on before a nearer one was named has it too.
    const auto held = durable_replicas(world, *receipt);
    out.needless += static_cast<int>(held.size()) - 20;
    count(out, std::includes(held.begin(), held.end(), closest.begin(), closest.end()),
          receipt->hops);
  }
  for (int i = 0; i < operations; ++i) {
    const auto found = world.run_until(
        world.node(any_running(world, prng)).get(keys[static_cast<std::size_t>(i)]));
    if (!found || text(found->record) != "name " + std::to_string(i)) {
      ++out.failed;
      MESSAGE((found ? text(found->record) : found.error().text()));
      continue;
    }
    count_hops(out, found->hops);
  }
  for (int i = 0; i < operations; ++i) {
    const Id target = prng.id();
    const NodeIndex at = any_running(world, prng);
    const auto found = world.run_until(world.node(at).find_node(target));
    if (!found) {
      ++out.failed;
      continue;
    }
    auto closest = as_set(world.closest_running(target, 21));
    if (closest.erase(at) == 0) closest = as_set(world.closest_running(target, 20));
    count(out, indexes(world, found->contacts) == closest, found->hops);
  }
  out.digest = world.digest();
  out.events = world.events();
  return out;
}

TEST_CASE("a thousand nodes that joined one by one find the true closest in few hops") {
  const Outcomes out = live(1, kNodes, kNodes);
  MESSAGE(out.exact, " of ", out.searches, " searches exact, ", out.needless,
          " needless replicas, ", out.hops, " hops in ", out.lookups, " lookups, ", out.events,
          " events");
  CHECK(out.failed == 0);
  CHECK(out.exact * 100 >= out.searches * 99);
  CHECK(out.needless * 10 <= kNodes);  // one for ten sets
  CHECK(out.hops <= 3 * out.lookups);
}

TEST_CASE("the same seed is the same history and another seed is another") {
  const Outcomes first = live(2, 100, 30);
  const Outcomes second = live(2, 100, 30);
  CHECK(second.digest == first.digest);
  CHECK(second.events == first.events);
  CHECK(live(3, 100, 30).digest != first.digest);
}

}  // namespace
}  // namespace kadmos::sim
