// dht-demo [--keep]: what kadmos is for, in ten seconds. Starts eight real nodes, sets a value
// through one, gets it through another, kills two of those that hold it, and gets it again.
#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "cli/common/text.h"
#include "cli/dht-demo/network.h"

namespace kadmos::cli {
namespace {

constexpr std::size_t kNodes = 8;
// Fewer than nodes, so that it matters who holds a value.
constexpr int kReplicas = 4;
constexpr const char* kName = "greeting";
constexpr const char* kValue = "hello from kadmos";

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

void step(const std::string& line) {
  static const bool colour = ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  say(colour ? "\n\x1b[1m" + line + "\x1b[0m" : "\n" + line);
}

// 2: "nodes 1 and 5"; 3: "nodes 1, 5 and 6". Nodes count from 1 here.
std::string list_of(const std::vector<std::size_t>& nodes) {
  std::string out = nodes.size() == 1 ? "node " : "nodes ";
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (i > 0) out += i + 1 == nodes.size() ? " and " : ", ";
    out += std::to_string(nodes[i] + 1);
  }
  return out;
}

std::string count_of_hops(const Json& answer) {
  const int hops = answer.at("hops").get<int>();
  return fmt::format("{} {}", hops, hops == 1 ? "hop" : "hops");
}

void start_all(Network& network) {
  const auto begin = std::chrono::steady_clock::now();
  step(fmt::format("1. Starting {} nodes on this machine; the first is the others' way in.",
                   kNodes));
  for (std::size_t i = 0; i < kNodes; ++i) network.start(i);
  network.wait_until("for the nodes to know each other", [&] {
    for (std::size_t i = 0; i < kNodes; ++i) {
      if (network.ask(i, {"status"}).at("peers").get<int>() < kReplicas) return false;
    }
    return true;
  });
  const Duration took = std::chrono::steady_clock::now() - begin;
  for (std::size_t i = 0; i < kNodes; ++i) {
    const auto peers = network.ask(i, {"status"}).at("peers").get<int>();
    say(fmt::format("   node {}  {}…  {}  knows {} others", i + 1, network.id(i).substr(0, 12),
                    network.listen(i), peers));
  }
  say(fmt::format("   All are in the network after {}.", show(took)));
}

// Sets the value; gives the nodes that hold it.
std::vector<std::size_t> set(const Network& network, std::size_t setter) {
  step(fmt::format("2. Setting \"{}\" to \"{}\" through node {}.", kName, kValue, setter + 1));
  const Json receipt = network.ask(setter, {"set", kName, kValue});
  std::vector<std::size_t> holders;
  for (const Json& replica : receipt.at("replicas")) {
    const auto outcome = replica.at("outcome").get<std::string>();
    if (outcome == "durable" || outcome == "extended") {
      holders.push_back(network.with_key(replica.at("key").get<std::string>()));
    }
  }
  std::ranges::sort(holders);
  say(fmt::format("   It is kept by {}, the closest to its key {}….", list_of(holders),
                  receipt.at("key").get<std::string>().substr(0, 12)));
  say(fmt::format("   {} of {} replicas are durable ({} needed), {}, {:.1f} ms.",
                  receipt.at("durable").get<int>(), receipt.at("target").get<int>(),
                  receipt.at("quorum").get<int>(), count_of_hops(receipt),
                  receipt.at("elapsed_ms").get<double>()));
  return holders;
}

void get(const Network& network, std::size_t reader, const std::string& owner, bool holds) {
  const Json found = network.ask(reader, {"get", kName, "--owner", owner});
  const auto value = found.at("value").value("utf8", "");
  if (value != kValue) throw DemoError("got something else: " + value);
  const std::size_t from = network.with_key(found.at("from").at("key").get<std::string>());
  say(fmt::format(
      "   Got \"{}\" from node {}{}; {} nodes answered, {}, {:.1f} ms.", value, from + 1,
      holds ? "" : fmt::format(", though node {} holds no replica", reader + 1),
      found.at("answers").get<int>(), count_of_hops(found), found.at("elapsed_ms").get<double>()));
  say("   Its owner's signature fits.");
}

void keep(Network& network, const std::vector<std::size_t>& dead) {
  step(fmt::format("5. Starting {} again, under their old identities.", list_of(dead)));
  for (const std::size_t node : dead) network.start(node);
  say("   The network stays up until Ctrl-C. Try in another terminal:");
  say(fmt::format("\n   export KADMOS_CONTROL={}", network.control(2)));
  const std::string cli = network.cli();
  for (const char* command : {"status", "peers", "get greeting -v", "set colour blue -v",
                              "put 'found by its hash'", "whoami --set name=Ada"}) {
    say(fmt::format("   {} {}", cli, command));
  }
  say("   and through another node:");
  say(fmt::format("   {} --control {} get colour --owner {}", cli, network.control(6),
                  network.key(2)));
  while (!interrupted()) ::poll(nullptr, 0, 100);
}

int demonstrate(const std::string& programs, bool keep_up) {
  Network network(programs, kReplicas);
  try {
    start_all(network);
    const std::size_t setter = 2;
    const std::string& owner = network.key(setter);
    const auto holders = set(network, setter);
    const auto holds = [&](std::size_t node) { return std::ranges::count(holders, node) > 0; };
    std::vector<std::size_t> readers;
    for (std::size_t i = 0; i < kNodes; ++i) {
      if (i != setter && !holds(i)) readers.push_back(i);
    }
    if (readers.size() < 2) throw DemoError("too many nodes hold the value");
    step(fmt::format("3. Getting it through node {}.", readers[0] + 1));
    get(network, readers[0], owner, false);

    std::vector<std::size_t> dead;
    for (const std::size_t node : holders) {
      // The setter keeps publishing; the first node is the way in.
      if (node != setter && node != 0 && dead.size() < 2) dead.push_back(node);
    }
    step(fmt::format("4. Killing {}, which hold it (SIGKILL), and getting it through node {}.",
                     list_of(dead), readers[1] + 1));
    for (const std::size_t node : dead) network.kill(node);
    get(network, readers[1], owner, false);
    if (keep_up) keep(network, dead);
  } catch (const Interrupted&) {
    if (!keep_up) {
      network.stop();
      say("\nInterrupted; all nodes are stopped.");
      return 130;
    }
  } catch (const DemoError& e) {
    fmt::print(stderr, "dht-demo: {}\n", e.what());
    return 1;
  }
  step("Stopping.");
  if (!network.stop()) {
    fmt::print(stderr, "dht-demo: a node did not end in order\n");
    return 1;
  }
  say("   All nodes ended in order; nothing is left behind.");
  return 0;
}

}  // namespace
}  // namespace kadmos::cli

int main(int argc, char** argv) {
  using namespace kadmos::cli;
  const bool keep_up = argc == 2 && std::string_view(argv[1]) == "--keep";
  if (argc > 1 && !keep_up) {
    fmt::print(stderr, "usage: dht-demo [--keep]\n");
    return 2;
  }
  catch_interrupts();
  const std::string programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  try {
    return demonstrate(programs, keep_up);
  } catch (const std::exception& e) {
    fmt::print(stderr, "dht-demo: {}\n", e.what());
    return 1;
  }
}
