#include "cli/dht-sim/page.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include "cli/common/text.h"
#include "cli/common/version.h"
#include "cli/dht-sim/chart.h"
#include "cli/dht-sim/spread.h"

namespace kadmos::cli {
namespace {

using Runs = std::vector<const Json*>;

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1e21; --soft: #5c6470; --grid: #e3e6ea;
  --box: #f5f6f8; --fault: #8a6d00; --bad: #b3261e;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #a5478f; --c4: #b58900; --c5: #3a9bdc;
  --c6: #6b4c2a; --c7: #555; }
@media (prefers-color-scheme: dark) { :root { --paper: #15171a; --ink: #e6e8eb; --soft: #a0a7b1;
  --grid: #2f3338; --box: #1f2226; --fault: #f0c64a; --bad: #ff8a80;
  --c0: #56b4e9; --c1: #ff8a4c; --c2: #35c9a0; --c3: #e29ad0; --c4: #f0c64a; --c5: #2f7fc1;
  --c6: #c9a47c; --c7: #aaa; } }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
  max-width: 920px; margin: 0 auto; padding: 24px 20px 60px; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .2rem; }
p { margin: .3rem 0 .7rem; } .soft { color: var(--soft); }
svg { width: 100%; height: auto; display: block; }
svg text, svg tspan { font-family: system-ui, sans-serif; }
code { font: 14px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 10px;
  margin: 1.2rem 0; }
.tile { background: var(--box); border-radius: 8px; padding: 10px 14px; }
.tile b { display: block; font-size: 1.4rem; line-height: 1.3; font-weight: 600; }
.tile span { color: var(--soft); font-size: .85rem; }
.bad b { color: var(--bad); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th { text-align: left; color: var(--soft); font-weight: 600; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--grid); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.group td { color: var(--soft); padding-top: 14px; }
summary { cursor: pointer; margin-top: 2rem; font-weight: 600; }
)";

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

double number(const Json& run, const char* path) {
  return run.at(Json::json_pointer(path)).get<double>();
}

// Enough digits to tell figures apart, no more.
std::string show_number(double value) {
  const double size = std::abs(value);
  if (size >= 100 || value == std::floor(value)) return fmt::format("{:.0f}", value);
  return fmt::format("{:.{}f}", value, size >= 10 ? 1 : 2);
}

std::string show_spread(const Spread& spread, const std::string& unit) {
  std::string out = show_number(spread.median);
  if (spread.low < spread.high) {
    out += fmt::format(" <span class=\"soft\">({}–{})</span>", show_number(spread.low),
                       show_number(spread.high));
  }
  return unit.empty() ? out : out + " " + unit;
}

std::set<std::string> settings_of(const Json& result) {
  std::set<std::string> out;
  for (const Json& setting : result.at("settings")) out.insert(setting.get<std::string>());
  return out;
}

// What a result is called beside others: in what its settings differ from theirs.
std::vector<std::string> labels_of(const std::vector<Json>& results) {
  std::map<std::string, std::size_t> count;
  for (const Json& result : results) {
    for (const std::string& setting : settings_of(result)) ++count[setting];
  }
  std::vector<std::string> out;
  for (const Json& result : results) {
    std::string label;
    for (const std::string& setting : settings_of(result)) {
      if (count[setting] == results.size() || setting.starts_with("seed=")) continue;
      label += (label.empty() ? "" : ", ") + setting;
    }
    const auto name = result.at("scenario").get<std::string>();
    const bool same = std::ranges::all_of(
        results, [&](const Json& other) { return other.at("scenario") == result.at("scenario"); });
    if (!same || label.empty()) label = name + (label.empty() ? "" : ": " + label);
    out.push_back(label);
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (std::ranges::count(out, out[i]) > 1) out[i] += fmt::format(" ({})", i + 1);
  }
  return out;
}

class Page {
 public:
  explicit Page(const std::vector<Json>& results) : results_(results), labels_(labels_of(results)) {
    double longest = 0;
    for (const Json& result : results) {
      runs_.push_back(runs_of(result));
      runs_in_all_ += runs_.back().size();
      longest = std::max(longest, number(result, "/duration_s"));
      many_ = many_ || runs_.back().size() >= kMany;
      several_ = several_ || runs_.back().size() > 1;
    }
    if (longest > 3 * 3600) {
      second_ = 1.0 / 3600;
      time_ = "hours";
    } else if (longest > 180) {
      second_ = 1.0 / 60;
      time_ = "minutes";
    }
  }

  Result<std::string> text() {
    head();
    yardsticks();
    latencies();
    success();
    get_times();
    recall();
    hops();
    replicas();
    traffic();
    nodes_up();
    cost();
    adversaries();
    violations();
    all_runs();
    if (error_) return *std::move(error_);
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
        escaped(title()), kStyle, out_);
  }

 private:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  // ---- Figures

  std::string title() const {
    std::set<std::string> names;
    std::string out;
    for (const Json& result : results_) {
      const auto name = result.at("scenario").get<std::string>();
      if (names.insert(name).second) out += (out.empty() ? "" : ", ") + name;
    }
    return "dht-sim: " + out;
  }

  std::string band() const {
    if (!several_) return "";
    return many_ ? " Bands hold eight tenths of the runs, lines are medians."
                 : " Bands are the range over the runs, lines are medians.";
  }

  // Draws a figure below its heading and text; nothing if there is nothing to draw.
  void figure(Chart chart, const std::string& heading, const std::string& words) {
    std::erase_if(chart.curves, [](const Chart::Curve& curve) { return curve.points.empty(); });
    if (chart.curves.empty() || error_) return;
    chart.title = heading;
    auto svg = svg_of(chart);
    if (!svg) {
      error_ = svg.error();
      return;
    }
    add("<h2>{}</h2>\n<p>{}{}</p>\n<figure style=\"margin:0\">{}</figure>\n", heading, words,
        chart.kind == Chart::Kind::points ? "" : band(), *svg);
  }

  std::string label(std::size_t i) const { return results_.size() > 1 ? labels_[i] : ""; }

  // Shares of times: the quantiles that results keep under `path`.
  Chart::Curve shares(std::size_t i, const std::string& path) const {
    Chart::Curve out;
    const Json::json_pointer pointer(path);
    for (std::size_t percent = 0; percent <= 100; ++percent) {
      std::vector<double> values;
      for (const Json* run : runs_[i]) {
        const Json& curve = run->at(pointer);
        if (curve.size() == 101) values.push_back(curve[percent].get<double>());
      }
      if (values.empty()) return out;
      out.points.push_back({static_cast<double>(percent), spread_of(std::move(values))});
    }
    return out;
  }

  // What `value` gives of each slice, over time; nothing where it gives nothing.
  using OfSlice = std::function<std::optional<double>(const Json& slice, double seconds)>;
  Chart::Curve over_time(std::size_t i, const OfSlice& value) const {
    std::map<double, std::vector<double>> values;
    for (const Json* run : runs_[i]) {
      const Json& slices = run->at("slices");
      for (std::size_t n = 0; n < slices.size(); ++n) {
        const double begin = number(slices[n], "/begin_s");
        const double end =
            n + 1 < slices.size() ? number(slices[n + 1], "/begin_s") : number(*run, "/duration_s");
        if (number(slices[n], "/nodes_up") == 0) continue;  // it was not lived to its end
        if (const auto v = value(slices[n], end - begin)) {
          values[(begin + end) / 2 * second_].push_back(*v);
        }
      }
    }
    Chart::Curve out;
    for (auto& [at, list] : values) out.points.push_back({at, spread_of(std::move(list))});
    return out;
  }

  Chart time_chart(const std::string& y, const OfSlice& value) const {
    Chart chart;
    chart.x = "time (" + time_ + ")";
    chart.y = y;
    for (std::size_t i = 0; i < results_.size(); ++i) {
      chart.curves.push_back(over_time(i, value));
      chart.curves.back().label = label(i);
      chart.curves.back().colour = i;
    }
    add_faults(chart);
    return chart;
  }

  void add_faults(Chart& chart) const {
    std::set<std::tuple<double, double, std::string>> seen;
    for (const Json& result : results_) {
      const double all = number(result, "/duration_s");
      for (const Json& fault : result.at("faults")) {
        const double begin = number(fault, "/begin_s");
        const double end = std::clamp(number(fault, "/end_s"), begin + all / 300, all);
        const auto kind = fault.at("kind").get<std::string>();
        if (seen.emplace(begin, end, kind).second) {
          chart.spans.push_back({kind, begin * second_, end * second_});
        }
      }
    }
  }
  std::string marked() const {
    for (const Json& result : results_) {
      if (!result.at("faults").empty()) return " Shaded: while a fault lasts.";
    }
    return "";
  }

  // ---- Sections

  void tile(const std::string& what, const std::string& value, bool bad = false) {
    add("<div class=\"tile{}\"><b>{}</b><span>{}</span></div>\n", bad ? " bad" : "", value, what);
  }

  void head() {
    add("<h1>{}</h1>\n", escaped(title().substr(9)));
    if (results_.size() == 1) {
      const Json& result = results_.front();
      add("<p>{}</p>\n", escaped(result.at("summary").get<std::string>()));
    }
    for (std::size_t i = 0; i < results_.size(); ++i) head_of(i);
  }

  void head_of(std::size_t i) {
    const Json& result = results_[i];
    const Runs& runs = runs_[i];
    if (results_.size() > 1) {
      add("<h2 style=\"color:var(--c{})\">{}</h2>\n", i, escaped(labels_[i]));
    }
    add("<p class=\"soft\">{} nodes, k = {}, α = {}, {} simulated, {}{}</p>\n",
        result.at("nodes").get<std::uint64_t>(), result.at("k").get<int>(),
        result.at("alpha").get<int>(), show_length(number(result, "/simulated_s")),
        runs.size() == 1 ? fmt::format("seed {}", result.at("seed").get<std::uint64_t>())
                         : fmt::format("{} runs from seed {}", runs.size(),
                                       result.at("seed").get<std::uint64_t>()),
        result.contains("ended_early") ? "; <b>ended early</b>" : "");
    add("<div class=\"tiles\">\n");
    const auto percent = [&](const char* what, const char* verb) {
      const std::string path = fmt::format("/{}s", verb);
      if (sum(runs, path + "/succeeded") + sum(runs, path + "/failed") == 0) return;
      const Spread spread = spread_of(runs, fmt::format("/{}_success", verb));
      tile(what, fmt::format("{:.2f} %", spread.median * 100));
    };
    percent("of gets succeed", "get");
    percent("of sets succeed", "set");
    percent("of lookups succeed", "lookup");
    if (sum(runs, "/gets/succeeded") > 0) {
      tile("median get", show_number(spread_of(runs, "/get_ms/p50").median) + " ms");
    }
    if (sum(runs, "/lookups/succeeded") > 0) {
      tile("median lookup", show_number(spread_of(runs, "/lookups/ms/p50").median) + " ms");
      tile("of the true k closest found",
           fmt::format("{:.2f} %", spread_of(runs, "/recall_at_k").median * 100));
    }
    tile("bytes a second, sent by a node",
         show_number(spread_of(runs, "/bytes_per_node_s").median));
    tile("keys lost", fmt::format("{}", sum(runs, "/lost_keys")), sum(runs, "/lost_keys") > 0);
    tile("violations", fmt::format("{}", sum(runs, "/violations")), sum(runs, "/violations") > 0);
    add("</div>\n");
  }

  void yardsticks() {
    for (std::size_t i = 0; i < results_.size(); ++i) {
      const auto list = results_[i].find("yardsticks");
      if (list == results_[i].end() || list->empty()) continue;
      add("<h2>Against {}{}</h2>\n<p>A ratio above one is worse than the yardstick. What is "
          "measured pays for dials, waits for the slow and knows only what it learned; an ideal "
          "request takes one round trip and every table is full and fresh.</p>\n",
          list->front().at("source").get<std::string>().starts_with("published")
              ? "what is published"
              : "the ideal",
          results_.size() > 1 ? ": " + escaped(labels_[i]) : "");
      add("<div class=\"wide\"><table>\n<tr><th>figure</th><th class=\"n\">ideal or "
          "published</th><th class=\"n\">measured</th><th class=\"n\">ratio</th></tr>\n");
      std::string source;
      for (const Json& one : *list) {
        if (const auto said = one.at("source").get<std::string>(); said != source) {
          source = said;
          add("<tr class=\"group\"><td colspan=\"4\">{}</td></tr>\n", escaped(source));
        }
        const double value = number(one, "/value");
        const auto unit = one.at("unit").get<std::string>();
        const Spread spread = spread_of(runs_[i], one.at("path").get<std::string>());
        add("<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td "
            "class=\"n\">{}</td></tr>\n",
            escaped(one.at("figure").get<std::string>()), show_spread({value, value, value}, unit),
            show_spread(spread, unit),
            value > 0 ? fmt::format("{:.2f} ×", spread.median / value) : "");
      }
      add("</table></div>\n");
    }
  }

  void latencies() {
    struct Kind {
      const char* what;
      const char* path;
      const char* quantiles;
    };
    static constexpr Kind kKinds[] = {{"gets", "/gets/curve_ms", "/get_ms"},
                                      {"whole lookups", "/lookups/curve_ms", "/lookups/ms"},
                                      {"closest node reached", "/closest_curve_ms", "/closest_ms"}};
    const auto words = [&](const Kind& kind, std::size_t i) {
      const std::string path(kind.quantiles);
      return fmt::format("half within {} ms, nine of ten within {} ms, 99 of 100 within {} ms",
                         show_number(spread_of(runs_[i], path + "/p50").median),
                         show_number(spread_of(runs_[i], path + "/p90").median),
                         show_number(spread_of(runs_[i], path + "/p99").median));
    };
    Chart chart;
    chart.kind = Chart::Kind::shares;
    chart.x = "time (ms, logarithmic)";
    chart.y = "share done (%)";
    chart.log_x = true;
    if (results_.size() > 1) {
      for (const Kind& kind : kKinds) {
        chart.curves.clear();
        for (std::size_t i = 0; i < results_.size(); ++i) {
          chart.curves.push_back(shares(i, kind.path));
          chart.curves.back().label = labels_[i];
          chart.curves.back().colour = i;
        }
        figure(chart, fmt::format("How long it takes: {}", kind.what),
               "The share done by a time; further left is faster.");
      }
      return;
    }
    std::string said = "The share done by a time; further left is faster.";
    for (const Kind& kind : kKinds) {
      chart.curves.push_back(shares(0, kind.path));
      chart.curves.back().label = kind.what;
      chart.curves.back().colour = chart.curves.size() - 1;
      if (!chart.curves.back().points.empty()) {
        std::string name = kind.what;
        name.front() = static_cast<char>(std::toupper(name.front()));
        said += fmt::format(" {}: {}.", name, words(kind, 0));
      }
    }
    figure(chart, "How long it takes", said);
  }

  void success() {
    Chart chart = time_chart("operations that succeed (%)", [](const Json& slice, double) {
      const double all = number(slice, "/operations");
      return all > 0 ? std::optional(100 * (1 - number(slice, "/failures") / all)) : std::nullopt;
    });
    chart.from_zero = false;
    chart.top = 100;
    std::uint64_t failed = 0;
    std::uint64_t tried = 0;
    for (const Runs& runs : runs_) {
      for (const char* verb : {"/lookups", "/gets", "/sets"}) {
        failed += sum(runs, std::string(verb) + "/failed");
        tried +=
            sum(runs, std::string(verb) + "/failed") + sum(runs, std::string(verb) + "/succeeded");
      }
    }
    figure(chart, "Success",
           fmt::format("Lookups, gets and sets together: {} of {} failed.{}", failed, tried,
                       marked()));
  }

  void get_times() {
    const auto quantile = [](const char* path) {
      return [path](const Json& slice, double) {
        const double ms = number(slice, path);
        return ms > 0 ? std::optional(ms) : std::nullopt;
      };
    };
    Chart chart = time_chart("time of a get (ms)", quantile("/get_ms/p50"));
    if (results_.size() == 1) {
      chart.curves.front().label = "half of the gets";
      chart.curves.push_back(over_time(0, quantile("/get_ms/p90")));
      chart.curves.back().label = "nine of ten";
      chart.curves.back().colour = 1;
    }
    figure(chart, "Time of gets",
           (results_.size() == 1 ? "Within which time gets of each stretch were answered."
                                 : "The median get of each stretch.") +
               marked());
  }

  void recall() {
    Chart chart = time_chart("true k closest found (%)", [](const Json& slice, double) {
      const double all = number(slice, "/to_recall");
      return all > 0 ? std::optional(100 * number(slice, "/recalled") / all) : std::nullopt;
    });
    chart.from_zero = false;
    chart.top = 100;
    std::string said = "Of the k running nodes truly closest to a target, those a lookup found.";
    if (results_.size() == 1 && sum(runs_[0], "/lookups/succeeded") > 0) {
      said += fmt::format(" Overall {:.2f} %.", spread_of(runs_[0], "/recall_at_k").median * 100);
    }
    figure(chart, "Recall", said + marked());
  }

  void hops() {
    figure(time_chart("hops (mean)",
                      [](const Json& slice, double) {
                        const bool any = number(slice, "/operations") > number(slice, "/failures");
                        return any ? std::optional(number(slice, "/hops_mean")) : std::nullopt;
                      }),
           "Hops",
           "How long the chain of referrals to what was found is, over all operations." + marked());
  }

  void replicas() {
    Chart chart = time_chart("replicas in place (mean)", [](const Json& slice, double) {
      return std::optional(number(slice, "/replicas"));
    });
    const bool any = std::ranges::any_of(chart.curves, [](const Chart::Curve& curve) {
      return std::ranges::any_of(curve.points, [](const auto& p) { return p.spread.high > 0; });
    });
    if (!any) return;
    figure(chart, "Replicas",
           "Of the k nodes truly closest to a name, those that hold its acknowledged version." +
               marked());
  }

  void traffic() {
    figure(time_chart("bytes a second, sent by a node",
                      [](const Json& slice, double seconds) {
                        return std::optional(number(slice, "/bytes") / number(slice, "/nodes_up") /
                                             std::max(seconds, 1e-9));
                      }),
           "Traffic",
           "Upkeep and the users' work together, payload without TCP and TLS." + marked());
  }

  void nodes_up() {
    figure(time_chart("nodes up", [](const Json& slice,
                                     double) { return std::optional(number(slice, "/nodes_up")); }),
           "Nodes up", "How many nodes run at the end of each stretch." + marked());
  }

  Chart::Curve points(std::size_t i, const char* x, const char* y, double factor = 1) const {
    Chart::Curve out;
    for (const Json* run : runs_[i]) {
      const double value = number(*run, y) * factor;
      out.points.push_back({number(*run, x), {value, value, value}});
    }
    out.label = label(i);
    out.colour = i;
    return out;
  }

  Chart points_chart(const char* x_label, const char* x, const char* y_label, const char* y,
                     double factor = 1) const {
    Chart chart;
    chart.kind = Chart::Kind::points;
    chart.x = x_label;
    chart.y = y_label;
    for (std::size_t i = 0; i < results_.size(); ++i) {
      chart.curves.push_back(points(i, x, y, factor));
    }
    return chart;
  }

  void cost() {
    if (runs_in_all_ < 2) return;
    std::uint64_t gets = 0;
    std::uint64_t lookups = 0;
    for (const Runs& runs : runs_) {
      gets += sum(runs, "/gets/succeeded");
      lookups += sum(runs, "/lookups/succeeded");
    }
    const std::string words =
        "A point a run. Further down is faster, further left cheaper; neither figure means much "
        "without the other.";
    const char* const bytes = "bytes a second, sent by a node";
    if (gets > 0) {
      figure(points_chart(bytes, "/bytes_per_node_s", "median get (ms)", "/get_ms/p50"),
             "Cost against time: gets", words);
    }
    if (lookups > 0) {
      figure(points_chart("requests of a lookup", "/rpcs_mean", "median lookup (ms)",
                          "/lookups/ms/p50"),
             "Cost against time: lookups", words);
    }
  }

  void adversaries() {
    std::set<double> shares;
    for (const Json& result : results_) shares.insert(number(result, "/adversary_share"));
    if (shares.size() < 2) return;
    Chart chart;
    chart.x = "adversaries (% of all nodes)";
    chart.y = "operations that succeed (%)";
    chart.from_zero = false;
    chart.top = 100;
    for (const char* verb : {"get", "lookup", "set"}) {
      std::map<double, std::vector<double>> values;
      for (std::size_t i = 0; i < results_.size(); ++i) {
        if (sum(runs_[i], fmt::format("/{}s/succeeded", verb)) == 0) continue;
        for (const Json* run : runs_[i]) {
          values[number(*run, "/adversary_share") * 100].push_back(
              number(*run, fmt::format("/{}_success", verb).c_str()) * 100);
        }
      }
      Chart::Curve curve;
      for (auto& [at, list] : values) curve.points.push_back({at, spread_of(std::move(list))});
      curve.label = fmt::format("{}s", verb);
      curve.colour = chart.curves.size();
      chart.curves.push_back(std::move(curve));
    }
    figure(chart, "Adversaries", "What is left of success as more nodes are hostile.");
  }

  void violations() {
    std::uint64_t all = 0;
    for (const Runs& runs : runs_) all += sum(runs, "/violations");
    if (all == 0) return;
    add("<h2>Violations</h2>\n<p>Promises that were broken, {} in all; at most 100 a run are kept "
        "in words.</p>\n<div class=\"wide\"><table><tr><th class=\"n\">seed</th><th "
        "class=\"n\">at</th><th>rule</th><th>what</th></tr>\n",
        all);
    std::size_t shown = 0;
    for (const Runs& runs : runs_) {
      for (const Json* run : runs) {
        for (const Json& one : run->at("violation_list")) {
          if (++shown > 100) break;
          add("<tr><td class=\"n\">{}</td><td class=\"n\">{:.1f} "
              "s</td><td>{}</td><td>{}</td></tr>\n",
              run->at("seed").get<std::uint64_t>(), number(one, "/at_s"),
              escaped(one.at("rule").get<std::string>()),
              escaped(one.at("detail").get<std::string>()));
        }
      }
    }
    add("</table></div>\n");
  }

  void all_runs() {
    add("<details{}><summary>Runs and settings</summary>\n", runs_in_all_ == 1 ? " open" : "");
    add("<p>The same version of dht-sim (this is {}) gives the same run for the same scenario and "
        "seed: two runs are the same if their digests are.</p>\n",
        kVersion);
    for (std::size_t i = 0; i < results_.size(); ++i) {
      add("<p>{}", escaped(labels_[i]));
      for (const Json& setting : results_[i].at("settings")) {
        add("<br><code>{}</code>", escaped(setting.get<std::string>()));
      }
      add("</p>\n");
      add("<div class=\"wide\"><table><tr><th class=\"n\">seed</th><th>digest</th><th "
          "class=\"n\">events</th><th class=\"n\">events/s</th><th class=\"n\">memory</th><th "
          "class=\"n\">violations</th></tr>\n");
      for (const Json* run : runs_[i]) {
        add("<tr><td class=\"n\">{}</td><td><code>{}</code></td><td class=\"n\">{}</td><td "
            "class=\"n\">{:.0f}</td><td class=\"n\">{:.0f} MB</td><td class=\"n\">{}</td></tr>\n",
            run->at("seed").get<std::uint64_t>(), escaped(run->at("digest").get<std::string>()),
            run->at("events").get<std::uint64_t>(), number(*run, "/events_per_s"),
            number(*run, "/rss_bytes") / 1e6, run->at("violations").get<std::uint64_t>());
      }
      add("</table></div>\n");
      if (const auto failed = results_[i].find("failed_runs"); failed != results_[i].end()) {
        for (const Json& one : *failed) {
          add("<p>Seed {} failed: {}</p>\n", one.at("seed").get<std::uint64_t>(),
              escaped(one.at("detail").get<std::string>()));
        }
      }
    }
    add("</details>\n");
  }

  static std::uint64_t sum(const Runs& runs, const std::string& path) {
    std::uint64_t out = 0;
    for (const Json* run : runs) out += run->at(Json::json_pointer(path)).get<std::uint64_t>();
    return out;
  }
  static std::string show_length(double seconds) {
    if (seconds >= 2 * 3600) return fmt::format("{:.1f} h", seconds / 3600);
    return fmt::format("{:.1f} min", seconds / 60);
  }

  const std::vector<Json>& results_;
  std::vector<std::string> labels_;
  std::vector<Runs> runs_;
  std::size_t runs_in_all_ = 0;
  bool several_ = false;
  bool many_ = false;
  double second_ = 1;  // in the unit of time axes
  std::string time_ = "seconds";
  std::string out_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::string> page_of(const std::vector<Json>& results) { return Page(results).text(); }

}  // namespace kadmos::cli
