#include "cli/dht-sim/page.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include "cli/common/text.h"
#include "cli/common/version.h"
#include "cli/dht-sim/figures.h"
#include "cli/dht-sim/spread.h"

namespace kadmos::cli {
namespace {

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
figure { margin: 0; }
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

std::string show_spread(const Spread& spread, const std::string& unit) {
  std::string out = show_number(spread.median);
  if (spread.low < spread.high) {
    out += fmt::format(" <span class=\"soft\">({}–{})</span>", show_number(spread.low),
                       show_number(spread.high));
  }
  return unit.empty() ? out : out + " " + unit;
}

class Page {
 public:
  explicit Page(const std::vector<Json>& results) : results_(results), labels_(labels_of(results)) {
    for (const Json& result : results) runs_.push_back(runs_of(result));
  }

  Result<std::string> text() {
    head();
    yardsticks();
    for (const Figure& figure : figures_of(results_)) {
      auto svg = svg_of(figure.chart);
      if (!svg) return svg;
      add("<h2>{}</h2>\n<p>{}</p>\n<figure>{}</figure>\n", escaped(figure.heading),
          escaped(figure.words), *svg);
    }
    violations();
    all_runs();
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
        "dht-sim: " + escaped(names()), kStyle, out_);
  }

 private:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  std::string names() const {
    std::set<std::string> names;
    std::string out;
    for (const Json& result : results_) {
      const auto name = result.at("scenario").get<std::string>();
      if (names.insert(name).second) out += (out.empty() ? "" : ", ") + name;
    }
    return out;
  }

  void tile(const std::string& what, const std::string& value, bool bad = false) {
    add("<div class=\"tile{}\"><b>{}</b><span>{}</span></div>\n", bad ? " bad" : "", value, what);
  }

  void head() {
    add("<h1>{}</h1>\n", escaped(names()));
    if (results_.size() == 1) {
      add("<p>{}</p>\n", escaped(results_[0].at("summary").get<std::string>()));
      add("<p class=\"soft\">{}</p>\n<div class=\"tiles\">\n", size_of(0));
      for (const Fact& fact : facts_of(0)) {
        add("<div class=\"tile{}\"><b>{}</b><span>{}</span></div>\n", fact.bad ? " bad" : "",
            fact.value, fact.what);
      }
      add("</div>\n");
      return;
    }
    for (std::size_t i = 0; i < results_.size(); ++i) {
      add("<p><b style=\"color:var(--c{})\">{}</b><br><span class=\"soft\">{}</span></p>\n", i,
          escaped(labels_[i]), size_of(i));
    }
    std::vector<std::vector<Fact>> columns;
    for (std::size_t i = 0; i < results_.size(); ++i) columns.push_back(facts_of(i));
    add("<div class=\"wide\"><table>\n");
    for (std::size_t row = 0; row < columns.front().size(); ++row) {
      add("<tr><td>{}</td>", columns.front()[row].what);
      for (std::size_t i = 0; i < columns.size(); ++i) {
        add("<td class=\"n\" style=\"color:var(--c{})\">{}</td>", i, columns[i][row].value);
      }
      add("</tr>\n");
    }
    add("</table></div>\n");
  }

  std::string size_of(std::size_t i) const {
    const Json& result = results_[i];
    const auto seed = result.at("seed").get<std::uint64_t>();
    return fmt::format("{} nodes, k = {}, α = {}, {} simulated, {}{}",
                       result.at("nodes").get<std::uint64_t>(), result.at("k").get<int>(),
                       result.at("alpha").get<int>(), show_length(number(result, "/simulated_s")),
                       runs_[i].size() == 1
                           ? fmt::format("seed {}", seed)
                           : fmt::format("{} runs from seed {}", runs_[i].size(), seed),
                       result.contains("ended_early") ? "; <b>ended early</b>" : "");
  }

  struct Fact {
    std::string what;
    std::string value;
    bool bad = false;
  };
  // The same rows for every result.
  std::vector<Fact> facts_of(std::size_t i) const {
    const Runs& runs = runs_[i];
    const auto verb = [&](const char* name) {
      return sum(runs, fmt::format("/{}s/succeeded", name)) +
                 sum(runs, fmt::format("/{}s/failed", name)) >
             0;
    };
    const auto median = [&](const char* path) { return spread_of(runs, path).median; };
    const auto percent = [&](const char* what, const char* path, bool any) {
      return Fact{what, any ? fmt::format("{:.2f} %", median(path) * 100) : "–"};
    };
    const auto time = [&](const char* what, const char* path, bool any) {
      return Fact{what, any ? show_number(median(path)) + " ms" : "–"};
    };
    const auto none = [&](const char* what, const char* path) {
      const std::uint64_t count = sum(runs, path);
      return Fact{what, fmt::format("{}", count), count > 0};
    };
    return {percent("of gets succeed", "/get_success", verb("get")),
            percent("of sets succeed", "/set_success", verb("set")),
            percent("of lookups succeed", "/lookup_success", verb("lookup")),
            time("median get", "/get_ms/p50", verb("get")),
            time("median lookup", "/lookups/ms/p50", verb("lookup")),
            percent("of the true k closest found", "/recall_at_k", verb("lookup")),
            {"hops of a lookup", verb("lookup") ? show_number(median("/hops_mean")) : "–"},
            {"bytes a second, sent by a node", show_number(median("/bytes_per_node_s"))},
            none("keys lost", "/lost_keys"),
            none("violations", "/violations")};
  }

  void yardsticks() {
    bool any = false;
    for (std::size_t i = 0; i < results_.size(); ++i) {
      const auto list = results_[i].find("yardsticks");
      if (list == results_[i].end() || list->empty()) continue;
      if (!any) {
        add("<h2>Against the ideal, and what is published</h2>\n<p>A ratio above one is worse than "
            "the yardstick. What is measured pays for dials, waits for the slow and knows only "
            "what it learned; an ideal request takes one round trip and every table is full and "
            "fresh.</p>\n");
      }
      any = true;
      if (results_.size() > 1) {
        add("<p><b style=\"color:var(--c{})\">{}</b></p>\n", i, escaped(labels_[i]));
      }
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
            show_spread(spread, unit), value > 0 ? show_number(spread.median / value) + " ×" : "");
      }
      add("</table></div>\n");
    }
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
    add("<details{}><summary>Runs and settings</summary>\n",
        runs_.size() == 1 && runs_[0].size() == 1 ? " open" : "");
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

  static std::string show_length(double seconds) {
    if (seconds >= 2 * 3600) return fmt::format("{:.1f} h", seconds / 3600);
    return fmt::format("{:.1f} min", seconds / 60);
  }

  const std::vector<Json>& results_;
  std::vector<std::string> labels_;
  std::vector<Runs> runs_;
  std::string out_;
};

}  // namespace

Result<std::string> page_of(const std::vector<Json>& results) { return Page(results).text(); }

}  // namespace kadmos::cli
