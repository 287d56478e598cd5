// fidelity [NODES K SETS]: the same network and the same work twice, over real sockets on loopback
// and in the simulated world. What an operation costs in messages must agree to within 5 %, or
// figures of the simulator say nothing about the shipped node. Prints both; exits 1 if they differ
// or an operation failed, 77 if the system allows too few open files.
//
// Alike in both: key pairs, the order of joining, config, names, values, and through whom each
// operation goes. Not alike is time: real nodes here share one thread of a machine that may be
// busy, so nobody counts as slow in less than half a minute, or that would cost requests. Counted
// are the requests a node sends from the start of its operation to its end; each gets one reply.
// That leaves out the upkeep of all others, and of its own there is next to none meanwhile.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "kadmos/uv.h"
#include "simulations/world.h"

namespace kadmos {
namespace {

constexpr std::uint64_t kSeed = 1;
constexpr double kTolerance = 0.05;
constexpr Duration kPatience = std::chrono::seconds(30);
// Operations go through every tenth node, which keeps connections with all others; the rest keep
// fewer, because handshakes and open files are what 200 real nodes in one process are short of.
constexpr std::size_t kEveryUser = 10;
constexpr std::size_t kConnections = 60;
// Between two joins in the simulated world, about what a real one takes: the searches of upkeep
// meanwhile help to decide who gets into whose buckets.
constexpr Duration kJoinTakes = std::chrono::milliseconds(100);

struct Plan {
  std::size_t nodes = 200;
  int k = 20;
  std::size_t sets = 500;
  std::size_t gets() const { return 2 * sets; }
};

Config config_of(const Plan& plan, std::size_t node) {
  Config config;
  config.k = plan.k;
  config.slow_floor = kPatience;
  config.slow_initial = kPatience;
  config.slow_cap = kPatience;
  config.rpc_timeout = 2 * kPatience;
  config.operation_timeout = 4 * kPatience;
  if (node % kEveryUser != 0) config.limits.connections = kConnections;
  return config;
}

class Simulated {
 public:
  explicit Simulated(const Plan& plan) : plan_(plan), world_(options()) {}

  Node& add() {
    const std::size_t i = world_.size();
    Config config = config_of(plan_, i);
    if (i > 0) config.bootstrap.push_back(world_.bootstrap(0));
    return world_.node(world_.add(config));
  }
  void settle() { world_.run_for(kJoinTakes); }
  Node& node(std::size_t i) { return world_.node(static_cast<sim::NodeIndex>(i)); }
  Identity identity(std::size_t i) const { return world_.identity(static_cast<sim::NodeIndex>(i)); }
  template <class T>
  Result<T> run_until(Future<T> future) {
    return world_.run_until(std::move(future));
  }

 private:
  static sim::WorldOptions options() {
    sim::WorldOptions options;
    options.seed = kSeed;
    return options;
  }
  Plan plan_;
  sim::World world_;
};

class Real {
 public:
  // With the key pairs of the other.
  Real(const Plan& plan, const Simulated& other) : plan_(plan), other_(other) {}

  Node& add() {
    const std::size_t i = nodes_.size();
    Config config = config_of(plan_, i);
    if (i > 0) {
      const Contact entry = nodes_.front()->contact();
      config.bootstrap.push_back({entry.endpoints.front(), entry.key});
    }
    TransportOptions options;
    options.listen = Endpoint::v4(127, 0, 0, 1, 0);
    options.dial_timeout = kPatience;
    options.handshake_timeout = kPatience;
    options.frame_timeout = kPatience;
    options.write_timeout = kPatience;
    auto node = make_node(loop_, other_.identity(i), config, options);
    if (!node) {
      std::fprintf(stderr, "fidelity: %s\n", node.error().text().c_str());
      std::exit(1);
    }
    nodes_.push_back(*std::move(node));
    return *nodes_.back();
  }
  void settle() {}
  Node& node(std::size_t i) { return *nodes_[i]; }
  template <class T>
  Result<T> run_until(Future<T> future) {
    return loop_.run_until(std::move(future));
  }

 private:
  Plan plan_;
  const Simulated& other_;
  UvLoop loop_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

struct Costs {
  std::uint64_t sets = 0;  // requests of all
  std::uint64_t gets = 0;
  int failed = 0;
};

template <class Network>
Costs live(const Plan& plan, Network& network) {
  Costs out;
  // Runs one operation of a node and gives the requests it took.
  const auto cost = [&](Node& node, auto start) {
    const std::uint64_t before = node.stats().requests_sent;
    std::uint64_t after = before;
    // The loop may do more before it returns.
    const auto result = network.run_until(start(node).then([&](auto ended) {
      after = node.stats().requests_sent;
      return ended;
    }));
    if (!result) {
      ++out.failed;
      std::fprintf(stderr, "fidelity: %s\n", result.error().text().c_str());
    }
    return after - before;
  };
  for (std::size_t i = 0; i < plan.nodes; ++i) {
    cost(network.add(), [](Node& node) { return node.join(); });
    network.settle();
  }
  Prng prng(kSeed);
  const auto user = [&]() -> Node& {
    return network.node(prng.below((plan.nodes + kEveryUser - 1) / kEveryUser) * kEveryUser);
  };
  std::vector<Key> keys;
  for (std::size_t i = 0; i < plan.sets; ++i) {
    Node& node = user();
    const std::string name = "name " + std::to_string(i);
    const std::string value = "value of " + name;
    keys.push_back(owned_key(node.public_key(), view_of(name)));
    out.sets += cost(node, [&](Node& n) { return n.set(name, view_of(value)); });
  }
  for (std::size_t i = 0; i < plan.gets(); ++i) {
    const Key key = keys[prng.below(keys.size())];
    out.gets += cost(user(), [&](Node& n) { return n.get(key); });
  }
  return out;
}

// Whether the costs of one operation agree; prints them.
bool agree(const char* verb, std::uint64_t real, std::uint64_t simulated, std::size_t operations) {
  const auto each = [&](std::uint64_t requests) {
    return static_cast<double>(requests) / static_cast<double>(operations);
  };
  const double ratio = static_cast<double>(real) / static_cast<double>(simulated);
  std::printf("requests a %s: %.2f real, %.2f simulated, ratio %.3f\n", verb, each(real),
              each(simulated), ratio);
  return ratio >= 1 - kTolerance && ratio <= 1 + kTolerance;
}

// Allows this process as many open files as the system lets it; false if they are too few.
bool enough_files(const Plan& plan) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  const std::size_t users = plan.nodes / kEveryUser + 1;
  return files.rlim_max >= users * plan.nodes + plan.nodes * (kConnections + 10);
}

int run(const Plan& plan) {
  std::printf("%zu nodes, k %d, %zu sets and %zu gets\n", plan.nodes, plan.k, plan.sets,
              plan.gets());
  if (!enough_files(plan)) {
    std::puts("skipped: too few open files allowed (ulimit -Hn)");
    return 77;
  }
  Simulated world(plan);
  const Costs simulated = live(plan, world);
  Real loopback(plan, world);
  const Costs real = live(plan, loopback);
  const bool sets = agree("set", real.sets, simulated.sets, plan.sets);
  const bool gets = agree("get", real.gets, simulated.gets, plan.gets());
  return sets && gets && simulated.failed + real.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace kadmos

int main(int argc, char** argv) {
  kadmos::Plan plan;
  const auto number = [&](int i, std::size_t otherwise) {
    return argc > i ? std::max(1UL, std::strtoul(argv[i], nullptr, 10)) : otherwise;
  };
  plan.nodes = number(1, plan.nodes);
  plan.k = static_cast<int>(number(2, static_cast<std::size_t>(plan.k)));
  plan.sets = number(3, plan.sets);
  return kadmos::run(plan);
}
