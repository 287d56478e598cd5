// silent_peers [NODES FROZEN OPERATIONS]: real nodes of which some are frozen (SIGSTOP: they accept
// and never answer). Sets and gets through the others must still be quick. Prints the times of the
// operations; exits 1 if one failed or the 99th percentile is beyond what even a busy machine
// should need.
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

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
using std::chrono::steady_clock;

// What an idle machine must reach, and what a busy one must not exceed.
constexpr Duration kGoal = std::chrono::milliseconds(300);
constexpr Duration kBusyBound = std::chrono::seconds(2);

struct Times {
  std::vector<Duration> all;
  int failed = 0;

  Duration percentile(std::size_t hundredths) const {
    return all[std::min(all.size() - 1, all.size() * hundredths / 100)];
  }
  void print(const char* verb) {
    std::ranges::sort(all);
    fmt::print("{}: {} done, {} failed, p50 {}, p90 {}, p99 {}, worst {}\n", verb, all.size(),
               failed, cli::show(percentile(50)), cli::show(percentile(90)),
               cli::show(percentile(99)), cli::show(all.back()));
    std::fflush(stdout);
  }
};

class Bench {
 public:
  Bench(std::size_t nodes, std::size_t frozen) {
    for (std::size_t i = 0; i < nodes; ++i) {
      const std::string name = dir_ / fmt::format("node{}", i);
      std::vector<std::string> argv = {DHT_NODE, "--listen",    "127.0.0.1:0", "--data-dir",
                                       name,     "--log-level", "warning"};
      if (i > 0) argv.insert(argv.end(), {"--bootstrap", entry_});
      SpawnOptions options;
      options.stderr_file = name + ".log";
      processes_.emplace_back(argv, options);
      const std::string line = processes_.back().line(kPatience).value_or("");
      const std::size_t at = line.find("listen=");
      if (at == std::string::npos) fail("a node did not start: " + read(name + ".log"));
      if (i == 0) entry_ = line.substr(at + 7, line.find(' ', at) - at - 7);
      sockets_.push_back(name + "/control.sock");
      keys_.push_back(ask(i, {{"op", "status"}}).at("key").get<std::string>());
    }
    const std::uint64_t enough = std::min<std::uint64_t>(nodes - 1, 20);
    for (std::size_t i = 0; i < nodes; ++i) {
      const bool joined = eventually([&] {
        return ask(i, {{"op", "status"}}).at("peers").get<std::uint64_t>() >= enough;
      });
      if (!joined) fail("a node did not find the others");
    }
    // Spread over the order of joining; the entry, which all know, among them.
    for (std::size_t i = 0; i < frozen; ++i) {
      const std::size_t node = i * nodes / frozen;
      processes_[node].signal(SIGSTOP);
      is_frozen_.resize(nodes);
      is_frozen_[node] = true;
    }
    is_frozen_.resize(nodes);
    for (std::size_t i = 0; i < nodes; ++i) {
      if (!is_frozen_[i]) healthy_.push_back(i);
    }
  }

  // Operation i goes through node i, and is got back through another.
  void set(std::size_t i, Times& times) {
    const std::string value = fmt::format("value {}", i);
    time(times, healthy_[i % healthy_.size()],
         {{"op", "set"}, {"name", name(i)}, {"value", cli::binary(view_of(value))}});
  }
  void get(std::size_t i, Times& times) {
    const std::string& owner = keys_[healthy_[i % healthy_.size()]];
    time(times, healthy_[(i * 7 + 3) % healthy_.size()],
         {{"op", "get"}, {"name", name(i)}, {"owner", owner}});
  }

 private:
  static Json name(std::size_t i) { return cli::binary(view_of(fmt::format("name {}", i))); }

  [[noreturn]] static void fail(const std::string& why) {
    fmt::print(stderr, "silent_peers: {}\n", why);
    std::exit(1);
  }

  Json ask(std::size_t node, const Json& request) {
    auto reply = loop_.run_until(control_request(loop_, sockets_[node], cli::to_cbor(request)));
    if (!reply) fail(reply.error().text());
    return cli::parse_cbor(*reply).value();
  }

  void time(Times& times, std::size_t node, const Json& request) {
    const auto begin = steady_clock::now();
    const Json answer = ask(node, request);
    times.all.push_back(steady_clock::now() - begin);
    if (times.all.back() > kGoal) explain(node, times.all.back(), answer);
    if (!answer.contains("error")) return;
    ++times.failed;
    fmt::print(stderr, "node {}: {}\n", node, cli::dump(answer));
  }

  // Who kept a slow operation waiting.
  static void explain(std::size_t node, Duration took, const Json& answer) {
    fmt::print("slow: {} through node {}:", cli::show(took), node);
    for (const char* field : {"asked", "replicas"}) {
      if (!answer.contains(field)) continue;
      for (const Json& asked : answer.at(field)) {
        if (asked.at("elapsed_ms").get<double>() < 20 && asked.at("outcome") != "silent") continue;
        fmt::print(" {} {:.0f} ms,", asked.at("outcome").get<std::string>(),
                   asked.at("elapsed_ms").get<double>());
      }
    }
    fmt::print(" in all {}\n", answer.contains("replicas") ? answer.at("replicas").size() : 0);
  }

  TempDir dir_;
  UvLoop loop_;
  std::string entry_;
  std::vector<Process> processes_;
  std::vector<std::string> sockets_;
  std::vector<std::string> keys_;
  std::vector<bool> is_frozen_;
  std::vector<std::size_t> healthy_;
};

}  // namespace
}  // namespace kadmos::e2e

int main(int argc, char** argv) {
  using namespace kadmos::e2e;
  const auto number = [&](int i, std::size_t otherwise) {
    return argc > i ? std::strtoul(argv[i], nullptr, 10) : otherwise;
  };
  const std::size_t nodes = number(1, 64);
  const std::size_t frozen = number(2, 8);
  const std::size_t operations = number(3, 200);
  Bench bench(nodes, frozen);
  fmt::print("{} nodes, {} of them frozen\n", nodes, frozen);
  Times sets;
  Times gets;
  for (std::size_t i = 0; i < operations; ++i) bench.set(i, sets);
  sets.print("set");
  for (std::size_t i = 0; i < operations; ++i) bench.get(i, gets);
  gets.print("get");
  const auto worst = std::max(sets.percentile(99), gets.percentile(99));
  return sets.failed + gets.failed == 0 && worst <= kBusyBound ? 0 : 1;
}
