// peers_bench: the same load on kadmos, libtorrent's DHT and OpenDHT, in the same run, in turn, and
// the ratios. How each is set up is said in its *_network.h. Asserts nothing.
//
// kadmos proves who it talks to, encrypts and acknowledges what is durable at a quorum; the others
// send plain datagrams. All have k = 8, all nodes of a network share one thread, and each network
// is measured in a process of its own.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tests/bench/common/kadmos_network.h"
#include "tests/bench/common/options.h"
#include "tests/bench/common/table.h"
#include "tests/bench/peers/libtorrent_network.h"
#include "tests/bench/peers/opendht_network.h"

namespace kadmos::bench {
namespace {

constexpr const char* kFooter = R"(
Each round measures every library once; the ratios are of the medians over the rounds, and above 1
kadmos is better. swarm_bench --help explains the columns. Where an eighth of the nodes is silent or
refused there are always 64 operations under way, each load on a network of its own.

Examples:
  peers_bench
  peers_bench --rounds 5 --json peers.json
)";

struct Options {
  std::size_t nodes = 64;
  int rounds = 1;
  double seconds = 0.5;
  bool healthy_only = false;
  std::string json_file;
};

const std::vector<std::string> kLibraries = {"kadmos", "libtorrent", "OpenDHT"};

std::unique_ptr<Network> make(const std::string& library, std::size_t nodes, Health health) {
  if (library == "kadmos") return std::make_unique<KadmosNetwork>(Plan{nodes, 8, health});
  if (library == "libtorrent") return std::make_unique<LibtorrentNetwork>(nodes, health);
  return std::make_unique<OpendhtNetwork>(nodes, health);
}

// All rows of one library.
Json measure(const Options& options, const std::string& library) {
  const std::chrono::duration<double> time(options.seconds);
  Json rows = Json::array();
  const auto add = [&](Health health, const std::vector<Work>& works) {
    Json some = apart([&] {
      const auto network = make(library, options.nodes, health);
      return survey(*network, health, works);
    });
    for (Json& row : some) rows.push_back(std::move(row));
  };
  std::vector<Work> works;
  for (const Verb verb : {Verb::put, Verb::set, Verb::get, Verb::latest}) {
    for (const Mode mode : {Mode::sequential, Mode::spread, Mode::single}) {
      works.push_back({verb, mode, 100, time});
    }
  }
  add(Health::healthy, works);
  if (options.healthy_only) return rows;
  for (const Health health : {Health::silent, Health::refused}) {
    for (const Verb verb : {Verb::put, Verb::set, Verb::get, Verb::latest}) {
      if (library == "OpenDHT" && (verb == Verb::set || verb == Verb::latest)) continue;
      add(health, {{verb, Mode::spread, 100, time}});
    }
  }
  return rows;
}

using Series = std::map<std::string, std::vector<double>>;  // field: one value a round

double median(const Series& series, const char* field) {
  auto values = series.at(field);
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void print_ratios(std::map<std::string, std::map<std::string, Series>>& results,
                  const std::vector<std::string>& rows) {
  fmt::print(
      "\nkadmos beside them (above 1: kadmos is better)\n{:36} {:10} {:>8} {:>8} {:>8} {:>8}\n", "",
      "", "p50", "p99", "ops/s", "ops/CPU");
  for (const std::string& row : rows) {
    for (const std::string& library : kLibraries) {
      if (library == "kadmos" || !results[library].contains(row)) continue;
      const Series& ours = results["kadmos"].at(row);
      const Series& theirs = results[library].at(row);
      const auto ratio = [&](const char* field) {
        return median(theirs, field) / median(ours, field);
      };
      fmt::print("{:36} {:10} {:8.2f} {:8.2f} {:8.2f} {:8.2f}\n", row, library, ratio("p50_ms"),
                 ratio("p99_ms"), 1 / ratio("per_second"), ratio("cpu_ms"));
    }
  }
}

int run(const Options& options) {
  lift_file_limit();
  std::map<std::string, std::map<std::string, Series>> results;  // library, row
  std::vector<std::string> order;
  Json all = Json::array();
  for (int round = 0; round < options.rounds; ++round) {
    for (const std::string& library : kLibraries) {
      fmt::print("\nround {}: {}, {} nodes, k = 8\n", round + 1, library, options.nodes);
      print_head();
      for (Json& row : measure(options, library)) {
        const auto text = [&](const char* field) { return row.at(field).get<std::string>(); };
        const std::string name =
            fmt::format("{}, {}, {}", text("verb"), text("mode"), text("others"));
        if (std::ranges::find(order, name) == order.end()) order.push_back(name);
        for (const auto& [field, value] : row.items()) {
          if (value.is_number()) results[library][name][field].push_back(value.get<double>());
        }
        row["library"] = library;
        row["round"] = round + 1;
        all.push_back(std::move(row));
      }
    }
  }
  print_ratios(results, order);
  if (!options.json_file.empty()) write_json(options.json_file, all);
  return 0;
}

int main_of(int argc, char** argv) {
  Options options;
  CLI::App app("Measures kadmos beside libtorrent's DHT and OpenDHT.", "peers_bench");
  app.footer(kFooter);
  add_nodes(app, options.nodes, 200);
  add_rounds(app, options.rounds);
  add_seconds(app, options.seconds);
  app.add_flag("--healthy", options.healthy_only, "Leave out networks with failing nodes");
  add_json(app, options.json_file);
  CLI11_PARSE(app, argc, argv);
  return run(options);
}

}  // namespace
}  // namespace kadmos::bench

int main(int argc, char** argv) { return kadmos::bench::main_of(argc, argv); }
