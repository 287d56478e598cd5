// Lives through one small history and prints its digest. Builds of any optimisation, compiler or
// library must print the same. Run: digest [SEED [NODES]]
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/prng.h"
#include "simulations/world.h"

namespace {

using namespace kadmos;  // NOLINT(google-build-using-namespace)

std::string live(std::uint64_t seed, std::size_t nodes) {
  sim::WorldOptions options;
  options.seed = seed;
  options.network.latency = sim::Latency::internet();
  sim::World world(options);
  Prng prng(seed);
  const auto any = [&] {
    for (;;) {
      const auto i = static_cast<sim::NodeIndex>(prng.below(world.size()));
      if (world.running(i)) return i;
    }
  };
  int good = 0;
  int bad = 0;
  const auto count = [&](bool ok) { ++(ok ? good : bad); };

  for (std::size_t i = 0; i < nodes; ++i) {
    const auto node = i == 0 ? world.add() : world.add(world.entering_at(0));
    count(world.run_until(world.node(node).join()).ok());
  }
  std::vector<Key> keys;
  for (int i = 0; i < 100; ++i) {
    const auto at = any();
    const std::string name = std::to_string(i);
    keys.push_back(owned_key(world.network().key(at), view_of(name)));
    count(world.run_until(world.node(at).set(name, view_of("value " + name))).ok());
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i % 5 == 1) world.crash(any());
    if (i % 5 == 2) world.pause(any());
    if (i % 10 == 3) {
      for (sim::NodeIndex j = 0; j < world.size(); ++j) {
        world.resume(j);
        if (!world.running(j)) world.restart(j, i % 20 == 3);
      }
    }
    const auto at = any();
    count(world.run_until(world.node(at).get(keys[i])).ok());
    if (i % 7 == 0) world.run_for(std::chrono::minutes(11));
  }
  char line[128];
  std::snprintf(line, sizeof line, "digest %016llx events %llu good %d bad %d",
                static_cast<unsigned long long>(world.digest()),
                static_cast<unsigned long long>(world.events()), good, bad);
  return line;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const std::size_t nodes = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 100;
  std::puts(live(seed, nodes).c_str());
}
