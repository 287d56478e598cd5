// growth_bench: what operations cost as the network grows. Real nodes in one process as far as its
// files go, simulated ones (dht-sim) beyond; as a table and as a figure. Asserts nothing.
//
// All operations go through two nodes, which are connected with all others; the others keep as few
// connections as there are files for. One of the two stores, the other asks.
#include <fmt/core.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/common/process.h"
#include "cli/common/progress_line.h"
#include "cli/dht-sim/gnuplot.h"
#include "tests/bench/common/block.h"
#include "tests/bench/common/kadmos_network.h"
#include "tests/bench/common/options.h"
#include "tests/bench/common/table.h"
#include "tests/e2e/support.h"

namespace kadmos::bench {
namespace {

constexpr std::size_t kBytes = 100;
const std::vector<std::string> kVerbs = {"put", "set", "get", "get latest", "find node"};

constexpr const char* kFooter = R"(
Real nodes: CPU ms of all nodes and messages (requests and replies), an operation, one after the
other, over connections that are open; what all nodes do without a load was measured before and is
subtracted. Simulated: messages of nodes whose tables are as full as they can be.
100,000 simulated nodes take about 4 GB.

Examples:
  growth_bench
  growth_bench --simulated 16,64,256,1000,10000,100000 --svg growth.svg --json growth.json
)";

struct Options {
  std::vector<std::size_t> nodes = {16, 64, 256, 1000};
  std::vector<std::size_t> simulated = {16, 64, 256, 1000, 10'000};
  int k = 8;
  std::string svg_file;
  std::string json_file;
};

// Connections a node may keep so that all have a file.
std::size_t connections_for(std::size_t nodes) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  const std::size_t left = files.rlim_cur - 4 * nodes - 500;  // those of the two that are asked
  return std::max<std::size_t>(8, std::min<std::size_t>(left / nodes, 1 << 16));
}

// What a second without a load costs.
struct Background {
  double cpu = 0;
  double messages = 0;
};

Background background(KadmosNetwork& network) {
  constexpr double kSeconds = 3;
  const auto processor = processor_time();
  const Traffic traffic = network.traffic();
  network.rest(std::chrono::seconds(3));
  return {milliseconds(processor_time() - processor) / kSeconds,
          static_cast<double>(network.traffic().messages - traffic.messages) / kSeconds};
}

Json real(std::size_t nodes, int k) {
  KadmosNetwork network(
      {.nodes = nodes, .k = k, .users = 2, .connections = connections_for(nodes)});
  network.connect();
  Node& writer = network.node(0);
  Node& reader = network.node(1);
  const auto value = [](std::size_t i) { return value_of(i, kBytes); };
  const auto name = [](std::size_t i) { return std::to_string(i); };
  std::vector<Key> contents;
  std::vector<Key> names;
  for (std::size_t i = 0; i < kBlock; ++i) {
    contents.push_back(content_key(view_of(value(i))));
    names.push_back(owned_key(writer.public_key(), view_of(name(i))));
  }
  Prng prng(4);
  const Background idle = background(network);
  const std::map<std::string, std::function<Block()>> loads = {
      {"put",
       [&] {
         return block(network, [&](std::size_t i) { return writer.put(view_of(value(i))); });
       }},
      {"set",
       [&] {
         return block(network,
                      [&](std::size_t i) { return writer.set(name(i), view_of(value(i))); });
       }},
      {"get",
       [&] { return block(network, [&](std::size_t i) { return reader.get(contents[i]); }); }},
      {"get latest",
       [&] { return block(network, [&](std::size_t i) { return reader.get(names[i]); }); }},
      {"find node",
       [&] { return block(network, [&](std::size_t) { return reader.find_node(prng.id()); }); }},
  };
  Json out = {{"nodes", nodes}, {"idle_cpu_ms_s", idle.cpu}, {"idle_messages_s", idle.messages}};
  for (const std::string& verb : kVerbs) {
    Block one = loads.at(verb)();
    one.cpu -= idle.cpu * one.seconds / kBlock;
    one.messages -= idle.messages * one.seconds / kBlock;
    out[verb] = json_of(one);
  }
  return out;
}

// Messages an operation, by dht-sim. Its gets are of owned names.
Json simulated(std::size_t nodes, int k) {
  const e2e::TempDir dir;
  std::vector<std::string> arguments = {DHT_SIM, "run", "default", "--json", dir / "result"};
  const std::size_t rate = std::max<std::size_t>(1, 18'000 / nodes);  // 600 of each, or more
  for (const std::string& setting :
       {fmt::format("nodes={}", nodes), fmt::format("config.k={}", k), std::string("filled=true"),
        std::string("network.warm=true"), std::string("duration=2m"), std::string("sample=1000000"),
        fmt::format("workload.lookups={}", rate), fmt::format("workload.gets={}", rate),
        fmt::format("workload.sets={}", rate)}) {
    arguments.emplace_back("--set");
    arguments.push_back(setting);
  }
  cli::Process process(arguments);
  const auto code = process.wait(std::chrono::hours(1));
  if (code != 0) {
    fmt::print(stderr, "dht-sim failed: {}\n", process.err());
    std::exit(1);
  }
  const Json result = Json::parse(e2e::read(dir / "result"));
  const auto messages = [&](const char* kind) {
    return Json{{"messages", 2 * result.at(kind).at("rpcs_mean").get<double>()}};
  };
  // Of a set dht-sim tells how many replicas there were; before them it asks whom a get asks.
  const double set =
      messages("gets").at("messages").get<double>() + messages("sets").at("messages").get<double>();
  return {{"nodes", nodes},
          {"set", {{"messages", set}}},
          {"get latest", messages("gets")},
          {"find node", messages("lookups")}};
}

void print_row(std::string_view how, const Json& row) {
  fmt::print("{:10} {:>8}", how, row.at("nodes").get<std::size_t>());
  for (const char* field : {"messages", "cpu_ms"}) {
    for (const std::string& verb : kVerbs) {
      const bool there = row.contains(verb) && row.at(verb).contains(field);
      if (!there) {
        fmt::print(" {:>10}", "");
      } else if (field[0] == 'm') {
        fmt::print(" {:10.1f}", row.at(verb).at(field).get<double>());
      } else {
        fmt::print(" {:10.3f}", row.at(verb).at(field).get<double>());
      }
    }
  }
  fmt::print("\n");
  std::fflush(stdout);
}

// A figure of two plots, for gnuplot.
std::string script(const Json& reals, const Json& simulations) {
  std::string out =
      "set object 1 rectangle from screen 0,0 to screen 1,1 fillcolor rgb 'white' fillstyle solid "
      "noborder behind\nset multiplot layout 1,2\nset logscale x 10\nset format x '%.0f'\n"
      "set xlabel 'nodes'\nset yrange [0:*]\nset grid\nset key below Left reverse maxrows 4\n";
  const auto plot = [&](const std::string& title, const char* field, const auto& kinds) {
    std::string data;
    std::string plots;
    std::size_t colour = 0;
    for (const std::string& verb : kVerbs) {
      ++colour;
      for (const auto& [suffix, rows] : kinds) {
        std::string points;
        for (const Json& row : rows) {
          if (!row.contains(verb) || !row.at(verb).contains(field)) continue;
          points += fmt::format("{} {}\n", row.at("nodes").get<std::size_t>(),
                                row.at(verb).at(field).template get<double>());
        }
        if (points.empty()) continue;
        const std::string block = fmt::format("$d{}", colour * 10 + suffix.size() % 10);
        data += fmt::format("{} << E\n{}E\n", block, points);
        plots += fmt::format("{}{} with linespoints lc {} {} title '{}{}'",
                             plots.empty() ? "plot " : ", ", block, colour,
                             suffix.empty() ? "pt 7" : "pt 6 dt 2", verb, suffix);
      }
    }
    // The white ground would hide the first plot when the second is drawn.
    out += fmt::format("set title '{}'\n{}{}\nunset object 1\n", title, data, plots);
  };
  using Kinds = std::vector<std::pair<std::string, Json>>;
  plot("messages an operation", "messages", Kinds{{"", reals}, {", simulated", simulations}});
  plot("ms of processor an operation, all nodes", "cpu_ms", Kinds{{"", reals}});
  return out + "unset multiplot\n";
}

int run(const Options& options) {
  lift_file_limit();
  if (!options.svg_file.empty()) {
    if (const auto found = cli::find_gnuplot(); !found) {
      fmt::print(stderr, "{}\n", found.error().text());
      return 1;
    }
  }
  fmt::print("k = {}; messages, then CPU ms, of\n{:10} {:>8}", options.k, "", "nodes");
  for (int i = 0; i < 2; ++i) {
    for (const std::string& verb : kVerbs) fmt::print(" {:>10}", verb);
  }
  fmt::print("\n");
  cli::ProgressLine progress(false);
  Json reals = Json::array();
  for (const std::size_t nodes : options.nodes) {
    if (progress.due()) progress.draw(fmt::format("{} real nodes", nodes));
    reals.push_back(apart([&] { return real(nodes, options.k); }));
    progress.clear();
    print_row("real", reals.back());
  }
  Json simulations = Json::array();
  for (const std::size_t nodes : options.simulated) {
    if (progress.due()) progress.draw(fmt::format("{} simulated nodes", nodes));
    simulations.push_back(simulated(nodes, options.k));
    progress.clear();
    print_row("simulated", simulations.back());
  }
  if (!options.json_file.empty()) {
    write_json(options.json_file, {{"k", options.k}, {"real", reals}, {"simulated", simulations}});
  }
  if (options.svg_file.empty()) return 0;
  const auto figure = cli::draw(script(reals, simulations), 1000, 480);
  std::ofstream file(options.svg_file);
  if (figure) file << *figure << "\n";
  file.flush();
  if (figure && file) return 0;
  fmt::print(stderr, "{}\n", figure ? "cannot write " + options.svg_file : figure.error().text());
  return 1;
}

int main_of(int argc, char** argv) {
  Options options;
  CLI::App app("Measures what operations cost as the network grows.", "growth_bench");
  app.footer(kFooter);
  const auto sizes = [&](const char* flag, std::vector<std::size_t>& into, const char* help) {
    app.add_option(flag, into, help)
        ->delimiter(',')
        ->capture_default_str()
        ->check(CLI::Range(8, 1'000'000))
        ->type_name("N");
  };
  sizes("--nodes", options.nodes, "Sizes of networks of real nodes");
  sizes("--simulated", options.simulated, "Sizes of simulated networks");
  add_k(app, options.k);
  app.add_option("--svg", options.svg_file, "Draw the figures there")->type_name("FILE");
  add_json(app, options.json_file);
  CLI11_PARSE(app, argc, argv);
  return run(options);
}

}  // namespace
}  // namespace kadmos::bench

int main(int argc, char** argv) { return kadmos::bench::main_of(argc, argv); }
