#include "tests/bench/common/table.h"

#include <fmt/core.h>

#include <cstdlib>
#include <fstream>

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
