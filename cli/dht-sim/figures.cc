#include "cli/dht-sim/figures.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "cli/dht-sim/spread.h"

namespace kadmos::cli {
namespace {

class Figures {
 public:
  explicit Figures(const std::vector<Json>& results)
      : results_(results), labels_(labels_of(results)) {
    double longest = 0;
    for (const Json& result : results) {
      runs_.push_back(runs_of(result));
      runs_in_all_ += runs_.back().size();
      longest = std::max(longest, number(result, "/duration_s"));
      many_ = many_ || runs_.back().size() >= kMany;
      several_ = several_ || runs_.back().size() > 1;
    }
    longest_ = longest;
    if (longest > 3 * 3600) {
      second_ = 1.0 / 3600;
      time_ = "hours";
    } else if (longest > 180) {
      second_ = 1.0 / 60;
      time_ = "minutes";
    }
  }

  std::vector<Figure> all() {
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
    return std::move(out_);
  }

 private:
  std::string band() const {
    if (!several_) return "";
    return many_ ? " Bands hold eight tenths of the runs, lines are medians."
                 : " Bands are the range over the runs, lines are medians.";
  }

  // Unless there is nothing to draw.
  void figure(Chart chart, const std::string& heading, const std::string& words) {
    std::erase_if(chart.curves, [](const Chart::Curve& curve) { return curve.points.empty(); });
    if (chart.curves.empty()) return;
    chart.title = heading;
    out_.push_back(
        {heading, words + (chart.kind == Chart::Kind::points ? "" : band()), std::move(chart)});
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
  Chart::Curve over_time(std::size_t i, const OfSlice& value, bool at_end = false) const {
    std::map<double, std::vector<double>> values;
    for (const Json* run : runs_[i]) {
      const Json& slices = run->at("slices");
      for (std::size_t n = 0; n < slices.size(); ++n) {
        const double begin = number(slices[n], "/begin_s");
        const double end =
            n + 1 < slices.size() ? number(slices[n + 1], "/begin_s") : number(*run, "/duration_s");
        if (number(slices[n], "/nodes_up") == 0) continue;  // it was not lived to its end
        if (const auto v = value(slices[n], end - begin)) {
          values[(at_end ? end : (begin + end) / 2) * second_].push_back(*v);
        }
      }
    }
    Chart::Curve out;
    for (auto& [at, list] : values) out.points.push_back({at, spread_of(std::move(list))});
    return out;
  }

  // `at_end`: of what is counted at the end of each slice.
  Chart time_chart(const std::string& y, const OfSlice& value, bool at_end = false) const {
    Chart chart;
    chart.x = "time (" + time_ + ")";
    chart.end = longest_ * second_;
    chart.y = y;
    for (std::size_t i = 0; i < results_.size(); ++i) {
      chart.curves.push_back(over_time(i, value, at_end));
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
               "The share done by a time; further left is faster. The slowest of a hundred may lie "
               "beyond the right end.");
      }
      return;
    }
    std::string said =
        "The share done by a time; further left is faster. The slowest of a "
        "hundred may lie beyond the right end.";
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
    Chart chart = time_chart(
        "replicas in place (mean)",
        [](const Json& slice, double) { return std::optional(number(slice, "/replicas")); }, true);
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
    figure(time_chart(
               "nodes up",
               [](const Json& slice, double) { return std::optional(number(slice, "/nodes_up")); },
               true),
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

  const std::vector<Json>& results_;
  std::vector<std::string> labels_;
  std::vector<Runs> runs_;
  std::size_t runs_in_all_ = 0;
  bool several_ = false;
  bool many_ = false;
  double longest_ = 0;  // of the measured times, in seconds
  double second_ = 1;   // in the unit of time axes
  std::string time_ = "seconds";
  std::vector<Figure> out_;
};

}  // namespace

// Enough digits to tell figures apart, no more.
std::string show_number(double value) {
  const double size = std::abs(value);
  if (size >= 100 || value == std::floor(value)) return fmt::format("{:.0f}", value);
  if (size < 0.1) return fmt::format("{:.2g}", value);
  return fmt::format("{:.{}f}", value, size >= 10 ? 1 : 2);
}

std::vector<std::string> labels_of(const std::vector<Json>& results) {
  // By key: what each result has, "default" where it says nothing.
  std::map<std::string, std::vector<std::string>> settings;
  for (std::size_t i = 0; i < results.size(); ++i) {
    for (const Json& json : results[i].at("settings")) {
      const auto setting = json.get<std::string>();
      const std::string key = setting.substr(0, setting.find('='));
      auto& values = settings[key];
      values.resize(results.size(), "default");
      values[i] = setting.substr(std::min(key.size() + 1, setting.size()));
    }
  }
  std::vector<std::string> out;
  for (std::size_t i = 0; i < results.size(); ++i) {
    std::string label;
    for (const auto& [key, values] : settings) {
      const bool same = std::ranges::count(values, values[0]) == std::ssize(values);
      if (same || key == "seed") continue;
      label += fmt::format("{}{}={}", label.empty() ? "" : ", ", key, values[i]);
    }
    const bool one_scenario = std::ranges::all_of(results, [&](const Json& other) {
      return other.at("scenario") == results[i].at("scenario");
    });
    if (!one_scenario || label.empty()) {
      label = results[i].at("scenario").get<std::string>() + (label.empty() ? "" : ": ") + label;
    }
    out.push_back(label);
  }
  const std::vector<std::string> plain = out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (std::ranges::count(plain, plain[i]) > 1) out[i] += fmt::format(" ({})", i + 1);
  }
  return out;
}

std::vector<Figure> figures_of(const std::vector<Json>& results) { return Figures(results).all(); }

}  // namespace kadmos::cli
