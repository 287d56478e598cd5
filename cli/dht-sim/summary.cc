#include "cli/dht-sim/summary.h"

#include <fmt/core.h>

#include <iterator>

#include "cli/dht-sim/spread.h"

namespace kadmos::cli {
namespace {

constexpr std::size_t kViolationsShown = 20;

class Summary {
 public:
  explicit Summary(const Json& result) : result_(result), runs_(runs_of(result)) {}

  std::string text() {
    const auto seed = result_.at("seed").get<std::uint64_t>();
    line("{}: {} nodes, {}", result_.at("scenario").get<std::string>(),
         result_.at("nodes").get<std::uint64_t>(),
         runs_.size() == 1 ? fmt::format("seed {}", seed)
                           : fmt::format("{} runs from seed {}; medians ({} of runs)", runs_.size(),
                                         seed, runs_.size() >= kMany ? "8 tenths" : "range"));
    verb("lookups");
    if (sum(runs_, "/lookups/succeeded") > 0) {
      row("closest node reached", quantiles("/closest_ms"));
      row("true closest found", number("/recall_at_k", 100, 2, " %"));
    }
    verb("gets");
    verb("sets");
    row("traffic", number("/bytes_per_node_s", 1, 1, " bytes/s a node"));
    if (sum(runs_, "/joins_failed") > 0) row("joins that failed", count("/joins_failed"));
    if (sum(runs_, "/adversaries") > 0) {
      row("adversaries", number("/adversaries", 1, 0, ", ") + number("/deeds", 1, 0, " deeds"));
    }
    row("keys lost", count("/lost_keys"));
    row("events", fmt::format("{} in {}: {}", count("/events"), number("/seconds", 1, 1, " s"),
                              number("/events_per_s", 1, 0, " a second")));
    row("memory", number("/rss_bytes", 1e-6, 0, " MB"));
    if (runs_.size() == 1) row("digest", result_.at("digest").get<std::string>());
    violations();
    return std::move(out_);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }
  void row(const std::string& name, const std::string& value) { line("  {:<26} {}", name, value); }

  std::string number(const std::string& path, double factor, int digits, const char* unit) const {
    const Spread spread = spread_of(runs_, path);
    std::string out = fmt::format("{:.{}f}", spread.median * factor, digits);
    if (runs_.size() > 1) {
      out += fmt::format(" ({:.{}f}–{:.{}f})", spread.low * factor, digits, spread.high * factor,
                         digits);
    }
    return out + unit;
  }
  std::string count(const std::string& path) const { return fmt::format("{}", sum(runs_, path)); }
  std::string quantiles(const std::string& path) const {
    return number(path + "/p50", 1, 0, " / ") + number(path + "/p90", 1, 0, " / ") +
           number(path + "/p99", 1, 0, " ms");
  }

  void verb(const std::string& name) {
    const std::string path = "/" + name;
    const std::uint64_t tried = sum(runs_, path + "/succeeded") + sum(runs_, path + "/failed");
    const std::uint64_t aborted = sum(runs_, path + "/aborted");
    if (tried + aborted == 0) return;
    const std::string success = "/" + name.substr(0, name.size() - 1) + "_success";
    const std::string share = tried > 0 ? number(success, 100, 2, " %") + "  " : "";
    row(name + " that succeeded", share + fmt::format("of {}", tried));
    if (aborted > 0) row("", fmt::format("{} more cut short by their node's end", aborted));
    if (sum(runs_, path + "/succeeded") == 0) return;
    row("  p50 / p90 / p99", quantiles(path + "/ms"));
    row("  hops, requests",
        number(path + "/hops_mean", 1, 2, ", ") + number(path + "/rpcs_mean", 1, 1, ""));
  }

  void violations() {
    row("violations", count("/violations"));
    std::size_t shown = 0;
    for (const Json* run : runs_) {
      for (const Json& one : run->at("violation_list")) {
        if (++shown > kViolationsShown) return line("    …");
        const std::string seed =
            runs_.size() == 1 ? "" : fmt::format("seed {}, ", run->at("seed").get<std::uint64_t>());
        line("    {}{:.1f} s  {}: {}", seed, one.at("at_s").get<double>(),
             one.at("rule").get<std::string>(), one.at("detail").get<std::string>());
      }
    }
  }

  const Json& result_;
  Runs runs_;
  std::string out_;
};

}  // namespace

std::string summary_of(const Json& result) { return Summary(result).text(); }

}  // namespace kadmos::cli
