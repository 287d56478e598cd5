#include "tests/bench/common/table.h"

#include <fmt/core.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <utility>

namespace kadmos::bench {

void print_head() {
  fmt::print(
      "{:10} {:13} {:>6} {:8} {:>6} {:>6} {:>8} {:>8} {:>8} {:>8} {:>7} {:>8} {:>6} {:>8} {:>7}\n",
      "verb", "under way", "bytes", "others", "ops", "ok %", "p50 ms", "p90", "p99", "max", "ops/s",
      "CPU ms", "msgs", "KB", "allocs");
}

void print_row(const Work& work, Health health, const Figures& figures) {
  const double ok =
      100 * (1 - static_cast<double>(figures.failed) / static_cast<double>(figures.operations));
  fmt::print(
      "{:10} {:13} {:6} {:8} {:6} {:6.2f} {:8.2f} {:8.2f} {:8.2f} {:8.2f} {:7.0f} {:8.3f} {:6.1f} "
      "{:8.2f} {:7.0f}\n",
      name_of(work.verb), name_of(work.mode), work.bytes, name_of(health), figures.operations, ok,
      figures.p50, figures.p90, figures.p99, figures.max, figures.per_second, figures.cpu,
      figures.messages, figures.bytes / 1000, figures.allocations);
  std::fflush(stdout);
}

Json survey(Network& network, Health health, const std::vector<Work>& works) {
  Load load(network);
  std::set<std::pair<Verb, std::size_t>> filled;
  for (const Work& work : works) {
    if (work.verb != Verb::get && work.verb != Verb::latest) continue;
    const Verb stores = work.verb == Verb::get ? Verb::put : Verb::set;
    if (!network.offers(work.verb, work.bytes) || !filled.emplace(stores, work.bytes).second) {
      continue;
    }
    const Figures fill = load.fill(stores, work.bytes);
    if (fill.failed > 0) fmt::print("{} values could not be stored\n", fill.failed);
  }
  network.warm_up();
  if (health != Health::healthy && network.offers(works.front().verb, works.front().bytes)) {
    // So nodes have got used to this load, and not to that which stored the values.
    load.run(works.front());
  }
  network.spoil();
  Json rows = Json::array();
  for (const Work& work : works) {
    if (!network.offers(work.verb, work.bytes)) continue;
    const Figures figures = load.run(work);
    print_row(work, health, figures);
    Json row = json_of(work, figures);
    row["others"] = name_of(health);
    rows.push_back(std::move(row));
  }
  return rows;
}

void write_json(const std::string& file, const Json& json) {
  const std::string text = json.dump(1) + "\n";
  if (file == "-") {
    fmt::print("{}", text);
    return;
  }
  std::ofstream out(file);
  out << text;
  out.flush();
  if (out) return;
  fmt::print(stderr, "cannot write {}\n", file);
  std::exit(1);
}

}  // namespace kadmos::bench
