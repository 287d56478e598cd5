// lasting_bench: whether nodes stay fast. The 20,000th key from one node beside its first thousand,
// what finished lookups leave in memory, how soon a newcomer is of use, what is left when half of a
// network is killed at once, and what a value costs that is too large. Asserts nothing.
//
// Each part has networks of its own, each in a process of its own, as in swarm_bench.
#include <fmt/core.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "base/check.h"
#include "cli/common/progress_line.h"
#include "kadmos/kadmos.h"
#include "tests/bench/common/block.h"
#include "tests/bench/common/kadmos_network.h"
#include "tests/bench/common/options.h"
#include "tests/bench/common/table.h"

namespace kadmos::bench {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kBytes = 100;
constexpr std::size_t kNewcomers = 20;
constexpr std::size_t kRounds = 3;

constexpr const char* kFooter = R"(
  distinct keys  one of 64 nodes searches, puts and sets, and another gets what that one stored, one
                 after the other, each time another key; the first block of a thousand beside the
                 last. CPU ms, messages and allocations are of all nodes, an operation; p50 and p10
                 are of its times, and other work on the machine disturbs p10 least
  kept           what is in use of the process's heap after them, less what was before, a lookup
  newcomers      20 nodes enter a network of 128 one after the other: from their start until the
                 join is over and until their first set is acknowledged; each sets ten names
  half killed    of 64 nodes 32 are killed at once (SIGKILL), and the load begins; "kept" are the
                 values that a living node holds, "denied" the gets that said not_found of those
  too large      a value one byte above the cap

Examples:
  lasting_bench
  lasting_bench --k 20 --json lasting.json
  lasting_bench --operations 3000
  lasting_bench --part killed --networks 50 --gets 5000
)";

struct Options {
  int k = 8;
  std::size_t operations = 20'000;
  std::size_t killings = kRounds;
  std::size_t gets = kBlock;
  std::vector<std::string> parts = {"distinct", "newcomers", "killed", "large"};
  std::string json_file;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// Blocks of one verb, after an unmeasured one that opens connections.
template <class Begin>
Json distinct(KadmosNetwork& network, std::string_view verb, std::size_t operations, Begin begin) {
  cli::ProgressLine progress(false);
  const std::size_t blocks = std::max<std::size_t>(2, operations / kBlock);
  std::vector<Block> all;
  all.reserve(blocks);
  const auto heap = [] { return static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd); };
  const double before = heap();
  while (all.size() < blocks) {
    const std::size_t first = all.size() * kBlock;
    all.push_back(block(network, [&](std::size_t i) { return begin(first + i); }));
    if (progress.due()) {
      progress.draw(fmt::format("{}: {} of {}", verb, all.size() * kBlock, blocks * kBlock));
    }
  }
  progress.clear();
  const double kept = (heap() - before) / static_cast<double>(blocks * kBlock);
  const Block& first = all.front();
  const Block& last = all.back();
  std::size_t failed = 0;
  Json rows = Json::array();
  for (const Block& one : all) {
    failed += one.failed;
    rows.push_back(json_of(one));
  }
  fmt::print(
      "{:10} {:>16} {:>7.2f} {:>16} {:>7.2f} {:>16} {:>7.2f} {:>14} {:>14} {:>7} {:>12.0f}\n", verb,
      fmt::format("{:.3f}, {:.3f}", first.cpu, last.cpu), last.cpu / first.cpu,
      fmt::format("{:.3f}, {:.3f}", first.p50, last.p50), last.p50 / first.p50,
      fmt::format("{:.3f}, {:.3f}", first.p10, last.p10), last.p10 / first.p10,
      fmt::format("{:.1f}, {:.1f}", first.messages, last.messages),
      fmt::format("{:.0f}, {:.0f}", first.allocations, last.allocations), failed, kept);
  std::fflush(stdout);
  return {{"verb", verb}, {"blocks", rows}, {"bytes_kept", kept}};
}

Json distinct_keys(const Options& options) {
  KadmosNetwork network({64, options.k});
  network.connect();
  network.warm_up();
  network.rest(std::chrono::seconds(31));  // so long neighbours compare what newcomers should hold
  Node& node = network.node(0);
  Node& reader = network.node(1);  // the owner itself would not have to ask anybody
  const auto value = [](std::size_t i) { return value_of(i, kBytes); };
  std::vector<Key> keys;
  keys.reserve(options.operations + kBlock);
  Prng prng(3);
  Json out = Json::array();
  fmt::print("64 nodes, k = {}: {} distinct keys from one node\n", options.k, options.operations);
  fmt::print("{:10} {:>16} {:>7} {:>16} {:>7} {:>16} {:>7} {:>14} {:>14} {:>7} {:>12}\n", "",
             "CPU: first, last", "ratio", "p50 ms", "ratio", "p10 ms", "ratio", "messages",
             "allocations", "failed", "bytes kept");
  out.push_back(distinct(network, "find node", options.operations,
                         [&](std::size_t) { return node.find_node(prng.id()); }));
  out.push_back(distinct(network, "put", options.operations, [&](std::size_t i) {
    keys.push_back(content_key(view_of(value(i))));
    return node.put(view_of(value(i)));
  }));
  out.push_back(distinct(network, "get", options.operations,
                         [&](std::size_t i) { return reader.get(keys[i]); }));
  out.push_back(distinct(network, "set", options.operations, [&](std::size_t i) {
    return node.set(std::to_string(i), view_of(value(i)));
  }));
  out.push_back(distinct(network, "get latest", options.operations, [&](std::size_t i) {
    return reader.get(owned_key(node.public_key(), view_of(std::to_string(i))));
  }));
  return out;
}

Json newcomers(int k) {
  KadmosNetwork network({128, k});
  std::vector<std::unique_ptr<Node>> all;
  std::vector<double> joined;
  std::vector<double> contacts;
  std::vector<double> contacts_later;
  std::vector<double> first_set;
  std::size_t failed = 0;
  while (all.size() < kNewcomers) {
    const auto begin = steady_clock::now();
    all.push_back(network.newcomer());
    Node& node = *all.back();
    if (!network.loop().run_until(node.join())) ++failed;
    joined.push_back(milliseconds(steady_clock::now() - begin));
    contacts.push_back(static_cast<double>(node.stats().table_size));
    for (std::size_t i = 0; i < 10; ++i) {
      const auto receipt =
          network.loop().run_until(node.set(std::to_string(i), view_of(value_of(i, kBytes))));
      if (!receipt) ++failed;
      if (i == 0) first_set.push_back(milliseconds(steady_clock::now() - begin));
    }
    contacts_later.push_back(static_cast<double>(node.stats().table_size));
  }
  const auto least = [](const std::vector<double>& of) { return *std::ranges::min_element(of); };
  const auto most = [](const std::vector<double>& of) { return *std::ranges::max_element(of); };
  fmt::print(
      "\n{} newcomers to 128 nodes, k = {}: joined after {:.1f} ms ({:.1f} at most) with {:.0f} "
      "contacts ({:.0f} at least); first set acknowledged after {:.1f} ms ({:.1f} at most); {:.0f} "
      "contacts ({:.0f} at least) after ten; {} of all {} operations failed\n",
      kNewcomers, k, median(joined), most(joined), median(contacts), least(contacts),
      median(first_set), most(first_set), median(contacts_later), least(contacts_later), failed,
      kNewcomers * 11);
  return {{"joined_ms", joined},
          {"contacts", contacts},
          {"first_set_ms", first_set},
          {"contacts_after_ten_sets", contacts_later},
          {"failed", failed}};
}

// One network of which half is killed, and one load.
Json half_killed(int k, const Work& work) {
  KadmosNetwork network({64, k, Health::refused, 2});
  Load load(network);
  const bool gets = work.verb == Verb::get || work.verb == Verb::latest;
  for (std::size_t item = 0; gets && item < kItems; ++item) {
    // With a lifetime, so that the owner, which survives, does not publish it again.
    Node& owner = network.node(item % network.users());
    const std::string value = value_of(item, work.bytes);
    PutOptions put;
    SetOptions set;
    put.ttl = set.ttl = std::chrono::hours(24);
    auto stored = work.verb == Verb::get
                      ? owner.put(view_of(value), put)
                      : owner.set(network.name_of_item(item, work.bytes), view_of(value), set);
    check(network.loop().run_until(std::move(stored)).ok());
  }
  network.warm_up();
  network.spoil();
  const Figures figures = load.run(work);
  print_row(work, Health::refused, figures);
  Json out = json_of(work, figures);
  if (!gets) return out;
  out["items"] = kItems;
  out["kept"] = network.held(work.verb, work.bytes);
  out["denied"] = network.denied();
  fmt::print("{:10} of {} values a living node held {}; {} gets denied one of those\n", "", kItems,
             out["kept"].dump(), network.denied());
  return out;
}

Json halves(const Options& options) {
  fmt::print("\nhalf of 64 nodes killed just before, k = {}; {} networks for each load of gets\n",
             options.k, options.killings);
  print_head();
  Json out = Json::array();
  std::size_t got = 0;
  std::size_t denied = 0;
  for (const Verb verb : {Verb::get, Verb::latest, Verb::put, Verb::set}) {
    for (const Mode mode : {Mode::sequential, Mode::spread}) {
      const bool gets = verb == Verb::get || verb == Verb::latest;
      const Work work{verb, mode, kBytes, std::chrono::seconds(60),
                      gets ? options.gets : kBlock / 2};
      const std::size_t networks = gets ? options.killings : kRounds;
      for (std::size_t i = 0; i < networks; ++i) {
        out.push_back(apart([&] { return half_killed(options.k, work); }));
        if (!gets) continue;
        got += options.gets;
        denied += out.back()["denied"].get<std::size_t>();
      }
    }
  }
  fmt::print("{} gets, {} of them denied what a living node held\n", got, denied);
  return out;
}

Json too_large(int k) {
  KadmosNetwork network({16, k});
  Node& node = network.node(0);
  const std::string value(node.config().limits.value_bytes + 1, 'x');
  const Traffic before = network.traffic();
  const Block sets =
      block(network, [&](std::size_t i) { return node.set(std::to_string(i), view_of(value)); });
  const Block puts = block(network, [&](std::size_t) { return node.put(view_of(value)); });
  const std::uint64_t messages = network.traffic().messages - before.messages;
  const std::uint64_t bytes = network.traffic().bytes - before.bytes;
  fmt::print(
      "\na value of {} bytes, one above the cap: {} of {} sets and puts failed, after {:.1f} us at "
      "the median; all nodes together sent {} messages, {} bytes meanwhile\n",
      value.size(), sets.failed + puts.failed, 2 * kBlock, 1000 * std::max(sets.p50, puts.p50),
      messages, bytes);
  return {{"set", json_of(sets)}, {"put", json_of(puts)}, {"messages", messages}, {"bytes", bytes}};
}

int run(const Options& options) {
  lift_file_limit();
  Json all;
  all["k"] = options.k;
  for (const std::string& part : options.parts) {
    if (part == "distinct") all["distinct"] = apart([&] { return distinct_keys(options); });
    if (part == "newcomers") all["newcomers"] = apart([&] { return newcomers(options.k); });
    if (part == "killed") all["half_killed"] = halves(options);
    if (part == "large") all["too_large"] = apart([&] { return too_large(options.k); });
  }
  if (!options.json_file.empty()) write_json(options.json_file, all);
  return 0;
}

int main_of(int argc, char** argv) {
  Options options;
  CLI::App app("Measures whether kadmos nodes stay fast.", "lasting_bench");
  app.footer(kFooter);
  add_k(app, options.k);
  app.add_option("--operations", options.operations, "Distinct keys of each verb")
      ->capture_default_str()
      ->check(CLI::Range(2000, 1'000'000))
      ->type_name("N");
  app.add_option("--networks", options.killings, "Networks to kill half of, for each load of gets")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000))
      ->type_name("N");
  app.add_option("--gets", options.gets, "Gets from each of these")
      ->capture_default_str()
      ->check(CLI::Range(100, 1'000'000))
      ->type_name("N");
  app.add_option("--part", options.parts, "Only these parts; repeatable")
      ->check(CLI::IsMember({"distinct", "newcomers", "killed", "large"}))
      ->type_name("PART");
  add_json(app, options.json_file);
  CLI11_PARSE(app, argc, argv);
  return run(options);
}

}  // namespace
}  // namespace kadmos::bench

int main(int argc, char** argv) { return kadmos::bench::main_of(argc, argv); }
