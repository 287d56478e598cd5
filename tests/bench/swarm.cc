// swarm_bench: what operations of whole nodes cost. Builds networks of real nodes in one process on
// one loop, over TLS on loopback, puts load on them and prints what came of it. Asserts nothing.
//
// Each network is measured in a process of its own. Failing nodes live in a process beside it that
// is frozen or killed when the values are stored; for each verb there is a new network then, since
// nodes learn whom to avoid.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "tests/bench/common/kadmos_network.h"
#include "tests/bench/common/options.h"
#include "tests/bench/common/table.h"

namespace kadmos::bench {
namespace {

constexpr const char* kFooter = R"(
Each row is one load on one network:
  verb       put (immutable content), set (an owned name, always a new one), get (immutable), get
             latest (an owned name: the latest of a quorum), find node (a random id)
  under way  one by one, each through another node; 64 at once over all nodes; 64 at once, all
             through one node
  others     healthy; silent: an eighth of the nodes accepts and never answers; refused: an eighth
             is gone and dialling it is refused
  ops        operations that ended; ok %: of them succeeded; p50 to max: of all of them
  CPU ms     of all nodes together, an operation; msgs: requests and replies; KB: sent;
             allocs: calls of operator new
Connections between all nodes are open when it begins. Before nodes fail, the first load runs for as
long on the healthy network, so that the others know how soon answers come.
A node may find a value in its own store: of 64 nodes with k = 8 an eighth of the gets does.

Examples:
  swarm_bench
  swarm_bench --k 20 --json k20.json
  swarm_bench --verbs get,set --modes one --others healthy --bytes 100 --seconds 5
)";

struct Options {
  std::size_t nodes = 64;
  std::vector<int> ks = {8};
  std::vector<Verb> verbs = {Verb::put, Verb::set, Verb::get, Verb::latest, Verb::find};
  std::vector<Mode> modes = {Mode::sequential, Mode::spread, Mode::single};
  std::vector<Health> others = {Health::healthy, Health::silent, Health::refused};
  std::vector<std::size_t> bytes = {100, 10'000};
  double seconds = 0.5;
  std::string json_file;
};

// One network: what was born, and a row for each load.
Json measure(const Options& options, int k, Health health, const std::vector<Verb>& verbs) {
  KadmosNetwork network({options.nodes, k, health});
  std::vector<Work> works;
  for (const Verb verb : verbs) {
    for (const std::size_t bytes : options.bytes) {
      const bool first = bytes == options.bytes.front();
      if (!first && (verb == Verb::find || health != Health::healthy)) continue;
      for (const Mode mode : options.modes) {
        works.push_back({verb, mode, bytes, std::chrono::duration<double>(options.seconds)});
      }
    }
  }
  Json rows = survey(network, health, works);
  return {{"birth", network.birth()}, {"rows", std::move(rows)}};
}

// What a node takes that does nothing, before it has connections and with exactly 64.
Json idle(int k) {
  KadmosNetwork network({65, k});
  Json out = network.birth();
  network.connect();
  out["bytes_connected"] = network.bytes();
  out["connected"] = network.connections();
  return out;
}

int run(const Options& options) {
  lift_file_limit();
  Json all = Json::array();
  for (const int k : options.ks) {
    fmt::print("{} nodes, k = {}\n", options.nodes, k);
    print_head();
    Json birth;
    Json rows = Json::array();
    for (const Health health : options.others) {
      std::vector<std::vector<Verb>> networks = {options.verbs};
      if (health != Health::healthy) {
        networks.clear();
        for (const Verb verb : options.verbs) networks.push_back({verb});
      }
      for (const auto& verbs : networks) {
        Json result = apart([&] { return measure(options, k, health, verbs); });
        for (Json& row : result["rows"]) rows.push_back(std::move(row));
        if (birth.is_null()) birth = result["birth"];
      }
    }
    const Json memory = apart([&] { return idle(k); });
    const auto number = [](const Json& of, const char* name) { return of.at(name).get<double>(); };
    fmt::print(
        "a node, idle: {:.0f} KiB without connections, {:.0f} KiB with {:.0f}, {:.0f} KiB with "
        "{:.0f}; {} joined one after the other in {:.2f} s, the last in {:.1f} ms\n\n",
        number(memory, "bytes_unconnected") / 1024, number(memory, "bytes_idle") / 1024,
        number(memory, "connections"), number(memory, "bytes_connected") / 1024,
        number(memory, "connected"), birth.at("nodes").get<std::size_t>(),
        number(birth, "join_all_s"), number(birth, "last_join_ms"));
    all.push_back(
        {{"k", k}, {"nodes", options.nodes}, {"birth", birth}, {"idle", memory}, {"rows", rows}});
  }
  if (!options.json_file.empty()) write_json(options.json_file, all);
  return 0;
}

int main_of(int argc, char** argv) {
  Options options;
  CLI::App app("Measures what operations of whole kadmos nodes cost.", "swarm_bench");
  app.footer(kFooter);
  const auto some = [&](const char* flag, auto& into, const char* help, auto names) {
    CLI::CheckedTransformer known(std::move(names));
    known.description("");  // `help` says it better
    app.add_option(flag, into, help)->delimiter(',')->transform(known)->type_name("WHICH");
  };
  add_nodes(app, options.nodes, 100'000);
  app.add_option("--k", options.ks, "Replicas and bucket size; several: 8,20")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(1, 40))
      ->type_name("K");
  some("--verbs", options.verbs, "put, set, get, latest, find; several: put,get",
       std::map<std::string, Verb>{{"put", Verb::put},
                                   {"set", Verb::set},
                                   {"get", Verb::get},
                                   {"latest", Verb::latest},
                                   {"find", Verb::find}});
  some("--modes", options.modes, "one (by one), spread (64 over all), single (64 from one node)",
       std::map<std::string, Mode>{
           {"one", Mode::sequential}, {"spread", Mode::spread}, {"single", Mode::single}});
  some("--others", options.others, "healthy, silent, refused",
       std::map<std::string, Health>{
           {"healthy", Health::healthy}, {"silent", Health::silent}, {"refused", Health::refused}});
  app.add_option("--bytes", options.bytes, "Sizes of values; where others fail, only the first")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(32, 65'536))
      ->type_name("BYTES");
  add_seconds(app, options.seconds);
  add_json(app, options.json_file);
  CLI11_PARSE(app, argc, argv);
  return run(options);
}

}  // namespace
}  // namespace kadmos::bench

int main(int argc, char** argv) { return kadmos::bench::main_of(argc, argv); }
