// rolling_restart [NODES [GAP [TERM|KILL [LIMIT]]]]: real daemons of which all but the first end by
// that signal, one after the other, and start again GAP seconds later on the same directory and
// another port. After the last each must list every other where it is now and nowhere else, and a
// client's set through each must be for min(k, NODES) replicas. Then the first, which was the way
// in of all, is killed, and the same must hold among the others. They have LIMIT seconds to list
// each other; a set is tried again for longer, since on a busy machine who is slow is not waited
// for. Prints how long it took, and how many of the sets all replicas had durably at the first try;
// exits 1 at the first that did not come true.
#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <map>

#include "cli/common/json.h"
#include "cli/common/process.h"
#include "cli/common/text.h"
#include "kadmos/kadmos.h"
#include "tests/e2e/support.h"
#include "uv/control.h"

namespace kadmos::e2e {
namespace {

using cli::Json;
using cli::Process;
using cli::SpawnOptions;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Plan {
  std::size_t nodes = 8;
  milliseconds gap{0};
  int signal = SIGTERM;
  milliseconds limit{5'000};
};

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "rolling_restart: {}\n", why);
  std::exit(1);
}

class Rolling {
 public:
  explicit Rolling(const Plan& plan) : plan_(plan) {
    for (std::size_t i = 0; i < plan_.nodes; ++i) start(i);
    limit_ = kPatience;
    await("all know all");
    limit_ = plan_.limit;
  }

  void roll() {
    for (std::size_t i = 1; i < plan_.nodes; ++i) {
      Node& node = nodes_.at(i);
      node.process.signal(plan_.signal);
      if (!node.process.wait(kPatience)) fail(fmt::format("node {} did not end", i));
      nodes_.erase(i);
      ::poll(nullptr, 0, static_cast<int>(plan_.gap.count()));
      start(i);
    }
  }
  void kill_first() {
    nodes_.at(0).process.signal(SIGKILL);
    nodes_.at(0).process.wait(kPatience);
    nodes_.erase(0);
  }

  // Every node lists every other where it is, and sets through each go to as many as there are.
  void await(const std::string& what) {
    const auto until = [&](milliseconds limit, const std::function<std::string()>& wrong) {
      const auto begin = steady_clock::now();
      for (std::string why = wrong(); !why.empty(); why = wrong()) {
        if (steady_clock::now() - begin > limit) fail(what + ": " + why);
        ::poll(nullptr, 0, 20);
      }
      return cli::show(steady_clock::now() - begin);
    };
    const std::string listed = until(limit_, [&] { return out_of_touch(); });
    std::size_t at_once = 0;
    for (const auto& [i, node] : nodes_) {
      if (out_of_reach(node, true).empty()) {
        ++at_once;
      } else {
        until(kPatience, [&] { return out_of_reach(node, false); });
      }
    }
    fmt::print("{}: listed after {}; of {} sets through each, {} were durable on all at once\n",
               what, listed, nodes_.size(), at_once);
    std::fflush(stdout);
  }

 private:
  struct Node {
    Process process;
    std::string listen;
    std::string key;
  };

  void start(std::size_t i) {
    const std::string data = dir_ / fmt::format("node{}", i);
    std::vector<std::string> argv = {DHT_NODE, "--listen",    "127.0.0.1:0", "--data-dir",
                                     data,     "--log-level", "warning"};
    if (i > 0) argv.insert(argv.end(), {"--bootstrap", nodes_.at(0).listen});
    SpawnOptions options;
    options.stderr_file = data + ".log";
    Process process(argv, options);
    const std::string line = process.line(kPatience).value_or("");
    const std::size_t at = line.find("listen=");
    if (at == std::string::npos) fail("a node did not start: " + read(data + ".log"));
    Node node{std::move(process), line.substr(at + 7, line.find(' ', at) - at - 7), {}};
    node.key = ask(i, {{"op", "status"}}).at("key").get<std::string>();
    nodes_.emplace(i, std::move(node));
  }

  Json ask(std::size_t i, const Json& request) {
    const std::string socket = dir_ / fmt::format("node{}/control.sock", i);
    auto reply = loop_.run_until(control_request(loop_, socket, cli::to_cbor(request)));
    if (!reply) fail(reply.error().text());
    return cli::parse_cbor(*reply).value();
  }

  // The first that a node lists nowhere or where it is not; nothing if all is well. Who is gone may
  // be listed until it is missed.
  std::string out_of_touch() {
    for (const auto& [i, node] : nodes_) {
      std::map<std::string, std::string> listed;
      const Json answer = ask(i, {{"op", "peers"}});
      for (const Json& peer : answer.at("peers")) {
        listed[peer.at("key").get<std::string>()] = peer.at("endpoints").dump();
      }
      for (const auto& [j, other] : nodes_) {
        if (i == j) continue;
        const auto it = listed.find(other.key);
        if (it == listed.end()) return fmt::format("node {} does not list node {}", i, j);
        if (it->second != Json::array({other.listen}).dump()) {
          return fmt::format("node {} lists node {} at {}, not at {}", i, j, it->second,
                             other.listen);
        }
      }
    }
    return {};
  }

  // What is wrong with a set by a client that knows this node only. Who is slow on a busy machine
  // is not waited for, and a client takes a stranger that is slow for one that may not exist.
  std::string out_of_reach(const Node& node, bool on_all) {
    Process client({DHT_CLI, "--json", "--bootstrap", node.listen, "--key",
                    dir_ / "node0/identity.key", "set", "moved", fmt::format("value {}", ++sets_)});
    if (!client.wait(kPatience)) fail("a client did not end");
    const Json receipt = Json::parse(client.out(), nullptr, false);
    const auto most = std::min<std::size_t>(static_cast<std::size_t>(Config().k), nodes_.size());
    if (!receipt.is_object()) return "a client's set: " + client.err();
    const auto holding = receipt.value(on_all ? "durable" : "target", std::size_t{0});
    if (holding == most && !receipt.contains("error")) return {};
    return fmt::format("a set by way of {} is not for {} replicas: {}", node.listen, most,
                       cli::dump(receipt));
  }

  Plan plan_;
  milliseconds limit_{};
  TempDir dir_;
  UvLoop loop_;
  std::map<std::size_t, Node> nodes_;  // that run
  int sets_ = 0;
};

}  // namespace
}  // namespace kadmos::e2e

int main(int argc, char** argv) {
  using namespace kadmos::e2e;
  const auto seconds = [&](int i) {
    return std::chrono::seconds(std::strtol(argv[i], nullptr, 10));
  };
  Plan plan;
  if (argc > 1) plan.nodes = std::strtoul(argv[1], nullptr, 10);
  if (argc > 2) plan.gap = seconds(2);
  if (argc > 3) plan.signal = std::string(argv[3]) == "KILL" ? SIGKILL : SIGTERM;
  if (argc > 4) plan.limit = seconds(4);
  Rolling rolling(plan);
  rolling.roll();
  rolling.await("all were found again");
  rolling.kill_first();
  rolling.await("without the first all know all");
  return 0;
}
