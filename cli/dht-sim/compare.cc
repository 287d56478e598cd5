// dht-sim compare: two results beside each other, what differs in their settings first.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "cli/common/exit_code.h"
#include "cli/dht-sim/commands.h"
#include "cli/dht-sim/figures.h"
#include "cli/dht-sim/result_file.h"
#include "cli/dht-sim/spread.h"

namespace kadmos::cli {
namespace {

struct Row {
  const char* name;
  const char* path;
  const char* unit;
  // From this ratio on, either way, a difference of single runs is worth a look.
  double notable;
};

// What is worth a look depends on how much a figure differs from seed to seed.
constexpr Row kRows[] = {{"gets that succeed", "/get_success", "", 1.001},
                         {"sets that succeed", "/set_success", "", 1.001},
                         {"lookups that succeed", "/lookup_success", "", 1.001},
                         {"recall at k", "/recall_at_k", "", 1.001},
                         {"get, p50", "/get_ms/p50", "ms", 1.05},
                         {"get, p90", "/get_ms/p90", "ms", 1.05},
                         {"get, p99", "/get_ms/p99", "ms", 1.1},
                         {"closest reached, p50", "/closest_ms/p50", "ms", 1.05},
                         {"closest reached, p90", "/closest_ms/p90", "ms", 1.05},
                         {"closest reached, p99", "/closest_ms/p99", "ms", 1.1},
                         {"lookup, p50", "/lookups/ms/p50", "ms", 1.05},
                         {"lookup, p99", "/lookups/ms/p99", "ms", 1.1},
                         {"hops of a lookup", "/hops_mean", "", 1.03},
                         {"requests of a lookup", "/rpcs_mean", "", 1.03},
                         {"bytes/s a node", "/bytes_per_node_s", "", 1.03},
                         {"joins that failed", "/joins_failed", "", 1},
                         {"keys lost", "/lost_keys", "", 1},
                         {"violations", "/violations", "", 1},
                         {"events", "/events", "", 1.03},
                         {"events/s", "/events_per_s", "", 1.1},
                         {"memory", "/rss_bytes", "bytes", 1.1}};

// Several runs each: the ranges do not meet. Else: by the row's measure.
bool is_notable(const Row& row, const Spread& a, const Spread& b, bool several) {
  if (a.median == b.median) return false;
  if (several) return a.high < b.low || b.high < a.low;
  const double low = std::min(a.median, b.median);
  const double high = std::max(a.median, b.median);
  return low <= 0 || high / low >= row.notable;
}

std::set<std::string> settings_of(const Json& result) {
  std::set<std::string> out;
  for (const Json& setting : result.at("settings")) out.insert(setting.get<std::string>());
  return out;
}

// The settings that only one of two results has, by key: what it is in a and in b, null for the
// default.
Json settings_between(const Json& a, const Json& b) {
  Json out = Json::object();
  const auto in_a = settings_of(a);
  const auto in_b = settings_of(b);
  const auto note = [&](const std::set<std::string>& mine, const std::set<std::string>& others,
                        const char* side) {
    for (const std::string& setting : mine) {
      if (others.contains(setting)) continue;
      const std::size_t equals = std::min(setting.find('='), setting.size());
      Json& entry = out[setting.substr(0, equals)];
      if (entry.is_null()) entry = {{"a", nullptr}, {"b", nullptr}};
      entry[side] = setting.substr(std::min(equals + 1, setting.size()));
    }
  };
  note(in_a, in_b, "a");
  note(in_b, in_a, "b");
  return out;
}

Json comparison_of(const Json& a, const Json& b) {
  Json out = {{"a", {{"scenario", a.at("scenario")}, {"digest", a.at("digest")}}},
              {"b", {{"scenario", b.at("scenario")}, {"digest", b.at("digest")}}},
              {"same", a.at("digest") == b.at("digest")},
              {"settings", settings_between(a, b)}};
  const Runs runs_a = runs_of(a);
  const Runs runs_b = runs_of(b);
  out["a"]["runs"] = runs_a.size();
  out["b"]["runs"] = runs_b.size();
  if (runs_a.size() != runs_b.size()) out["same"] = false;  // only the first digest is compared
  Json& figures = out["figures"] = Json::array();
  for (const Row& row : kRows) {
    const Spread in_a = spread_of(runs_a, row.path);
    const Spread in_b = spread_of(runs_b, row.path);
    figures.push_back(
        {{"figure", row.name},
         {"path", row.path},
         {"unit", row.unit},
         {"a", in_a.median},
         {"b", in_b.median},
         {"ratio", in_a.median == 0 ? Json() : Json(in_b.median / in_a.median)},
         {"difference", in_b.median - in_a.median},
         {"notable", is_notable(row, in_a, in_b, runs_a.size() > 1 && runs_b.size() > 1)}});
  }
  return out;
}

std::string shown(const Json& value) {
  return value.is_null() ? "default" : value.get<std::string>();
}

std::string show(double value) {
  if (std::abs(value) < 1 && value != 0) return fmt::format("{:.4f}", value);
  return show_number(value);
}

void print(const Json& comparison, const CompareOptions& options) {
  const auto head = [&](const char* side, const std::string& file) {
    const Json& one = comparison.at(side);
    fmt::print("{}: {}  {}, digest {}{}\n", side, file, one.at("scenario").get<std::string>(),
               one.at("digest").get<std::string>(),
               one.at("runs").get<std::size_t>() > 1
                   ? fmt::format(", medians of {} runs", one.at("runs").get<std::size_t>())
                   : "");
  };
  head("a", options.a);
  head("b", options.b);
  if (comparison.at("same").get<bool>()) fmt::print("the same run: their digests are equal\n");
  for (const auto& [key, sides] : comparison.at("settings").items()) {
    fmt::print("  {:<28} {:>12}  {:>12}\n", key, shown(sides.at("a")), shown(sides.at("b")));
  }
  fmt::print("\n  {:<22} {:>12} {:>12} {:>8} {:>12}\n", "", "a", "b", "b/a", "b-a");
  bool any = false;
  for (const Json& row : comparison.at("figures")) {
    const auto unit = row.at("unit").get<std::string>();
    const bool notable = row.at("notable").get<bool>();
    any = any || notable;
    fmt::print(
        "{} {:<22} {:>12} {:>12} {:>8} {:>12}\n", notable ? "*" : " ",
        row.at("figure").get<std::string>() + (unit.empty() ? "" : " (" + unit + ")"),
        show(row.at("a").get<double>()), show(row.at("b").get<double>()),
        row.at("ratio").is_null() ? "–" : fmt::format("{:.3f}", row.at("ratio").get<double>()),
        show(row.at("difference").get<double>()));
  }
  if (!any) return;
  const bool several = comparison.at("a").at("runs").get<std::size_t>() > 1 &&
                       comparison.at("b").at("runs").get<std::size_t>() > 1;
  fmt::print("\n* {}\n", several ? "the ranges over the runs do not meet"
                                 : "more than another seed usually changes; several runs (--runs) "
                                   "say more");
}

}  // namespace

int compare(const CompareOptions& options) {
  const auto a = load_result(options.a);
  if (!a) return fail(a.error());
  const auto b = load_result(options.b);
  if (!b) return fail(b.error());
  const Json comparison = comparison_of(*a, *b);
  if (options.json) {
    fmt::print("{}\n", dump(comparison));
  } else {
    print(comparison, options);
  }
  return kOk;
}

}  // namespace kadmos::cli
