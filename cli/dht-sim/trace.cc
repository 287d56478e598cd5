// dht-sim trace: one search as a waterfall, from the network a scenario grows, at rest.
#include "simulations/trace.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string>

#include "cli/common/exit_code.h"
#include "cli/common/json.h"
#include "cli/common/text.h"
#include "cli/dht-sim/commands.h"
#include "cli/dht-sim/progress.h"
#include "kadmos/identity.h"
#include "simulations/simulation.h"

namespace kadmos::cli {
namespace {

constexpr int kBar = 44;  // columns of the time axis
constexpr std::uint64_t kChoice = 21;

struct Target {
  Key key;
  bool get = true;
};

// 128 digits: an id, whose neighbourhood is searched. "name:7": a name of the scenario. Any other
// text: the content itself.
Result<Target> target_of(const std::string& text, const sim::Ledger& ledger) {
  if (const auto id = Id::from_hex(text)) return Target{*id, false};
  constexpr std::string_view kName = "name:";
  if (!text.starts_with(kName)) return Target{content_key(view_of(text)), true};
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failed] = std::from_chars(text.data() + kName.size(), end, number);
  if (failed != std::errc() || rest != end || number >= ledger.size()) {
    return Error(Errc::invalid_argument,
                 fmt::format("--key {}: the scenario has names from name:0 to name:{}",
                             printable(text), static_cast<std::int64_t>(ledger.size()) - 1));
  }
  return Target{ledger.name(number).key, true};
}

double ms(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

std::string why_ended(const sim::Trace& trace, std::size_t k) {
  if (trace.error) {
    return trace.error->code == Errc::timeout ? "its deadline passed" : trace.error->text();
  }
  if (trace.local) return "the own store holds it";
  if (trace.content) return "an answer had content that fits the key";
  if (trace.get) return "enough of the closest nodes had answered to tell the latest version";
  const auto answers = std::ranges::count_if(
      trace.requests, [](const auto& r) { return r.answered && r.failure.empty(); });
  return static_cast<std::size_t>(answers) < k
             ? fmt::format("nobody was left to ask; {} had answered", answers)
             : fmt::format("the {} closest that it did not hold to be slow had answered", k);
}

std::string answer_of(const sim::TracedRequest& request) {
  if (!request.node) return "no such node";
  if (!request.arrived) return "not there before the end";
  if (!request.answered) return "no answer before the end";
  if (!request.failure.empty()) return printable(request.failure);
  return fmt::format("{} contacts{}", request.contacts, request.record ? " and the record" : "");
}

Json json_of(const sim::Trace& trace, std::size_t k) {
  Json out = {{"target", trace.target.hex()},
              {"operation", trace.get ? "get" : "find_node"},
              {"from", trace.from},
              {"elapsed_ms", ms(trace.elapsed)},
              {"hops", trace.hops},
              {"local", trace.local},
              {"slow", trace.slow},
              {"error", trace.error ? Json(name_of(trace.error->code)) : Json()},
              {"ended", why_ended(trace, k)}};
  Json& requests = out["requests"] = Json::array();
  const auto time = [](const std::optional<Duration>& at) { return at ? Json(ms(*at)) : Json(); };
  for (const sim::TracedRequest& request : trace.requests) {
    requests.push_back({{"node", request.node ? Json(*request.node) : Json()},
                        {"id", id_of(request.peer.key).hex()},
                        {"asked_ms", ms(request.asked)},
                        {"arrived_ms", time(request.arrived)},
                        {"answered_ms", time(request.answered)},
                        {"dialled", !request.open},
                        {"shared_bits", request.shared_bits},
                        {"closest", request.closest},
                        {"contacts", request.contacts},
                        {"record", request.record},
                        {"answer", answer_of(request)}});
  }
  Json& truth = out["true_closest"] = Json::array();
  for (std::size_t i = 0; i < trace.truth.size(); ++i) {
    truth.push_back({{"node", trace.truth[i]}, {"found", static_cast<bool>(trace.found[i])}});
  }
  return out;
}

class Waterfall {
 public:
  explicit Waterfall(const sim::Trace& trace) : trace_(trace) {
    const char* const no_colour = std::getenv("NO_COLOR");
    colours_ = ::isatty(STDOUT_FILENO) != 0 && (no_colour == nullptr || *no_colour == '\0');
  }

  void print(std::size_t k, const sim::World& world) const {
    fmt::print("{} {} through node {} ({})\n\n", trace_.get ? "get" : "find_node",
               trace_.target.short_hex(), trace_.from,
               id_of(world.contact(trace_.from).key).short_hex());
    fmt::print("{:>8}  {:<6} {:<12} {:>4}   0 {:>{}} ms\n", "ms", "node", "id", "bits",
               fmt::format("{:.1f}", ms(trace_.elapsed)), kBar - 5);
    for (const sim::TracedRequest& request : trace_.requests) print(request);
    fmt::print(
        "\n{} on its way, {} until the answer; bits: leading, shared with the target;\n"
        "*: closest that had answered so far; +: dialled first\n\n",
        kThere, kBack);
    print_end(k);
  }

 private:
  static constexpr const char* kThere = "─";
  static constexpr const char* kBack = "━";

  std::string coloured(const std::string& text, int colour) const {
    return colours_ && !text.empty() ? fmt::format("\x1b[{}m{}\x1b[0m", colour, text) : text;
  }

  // The column of the axis in which a time lies.
  int column(Duration at) const {
    if (trace_.elapsed <= Duration::zero()) return 0;
    const double share = ms(at) / ms(trace_.elapsed);
    return std::clamp(static_cast<int>(share * kBar), 0, kBar);
  }

  std::string bar_of(const sim::TracedRequest& request) const {
    const int begin = std::min(column(request.asked), kBar - 1);
    const int end = std::max(column(request.answered.value_or(trace_.elapsed)), begin + 1);
    const int there = std::clamp(column(request.arrived.value_or(trace_.elapsed)), begin, end);
    std::string way;
    std::string back;
    for (int i = begin; i < there; ++i) way += kThere;
    for (int i = there; i < end; ++i) back += kBack;
    const int colour = !request.answered || !request.failure.empty() ? 31
                       : request.closest                             ? 32
                                                                     : 36;
    return std::string(static_cast<std::size_t>(begin), ' ') + coloured(way, colour) +
           coloured(back, colour) + std::string(static_cast<std::size_t>(kBar - end), ' ');
  }

  void print(const sim::TracedRequest& request) const {
    fmt::print("{:>8.1f}  {:<6} {:<12} {:>4} {} {} {} {}\n", ms(request.asked),
               request.node ? fmt::format("{}", *request.node) : "?",
               id_of(request.peer.key).short_hex(), request.shared_bits,
               request.closest ? coloured("*", 32) : " ", bar_of(request), request.open ? " " : "+",
               answer_of(request));
  }

  void print_end(std::size_t k) const {
    const auto answered = std::ranges::count_if(
        trace_.requests, [](const auto& request) { return request.answered.has_value(); });
    const auto dialled =
        std::ranges::count_if(trace_.requests, [](const auto& request) { return !request.open; });
    fmt::print("ended after {:.1f} ms: {}\n", ms(trace_.elapsed), why_ended(trace_, k));
    fmt::print(
        "{} hops, {} requests ({} dialled first), {} answers; {} outlived their adaptive time\n",
        trace_.hops, trace_.requests.size(), dialled, answered, trace_.slow);
    std::string missed;
    for (std::size_t i = 0; i < trace_.truth.size(); ++i) {
      if (trace_.found[i]) continue;
      missed += fmt::format("{}{} (no. {})", missed.empty() ? "" : ", ", trace_.truth[i], i + 1);
    }
    fmt::print("of the {} nodes truly closest {} answered{}\n", trace_.truth.size(),
               std::ranges::count(trace_.found, true), missed.empty() ? "" : "; not: " + missed);
  }

  const sim::Trace& trace_;
  bool colours_ = false;
};

}  // namespace

int trace(const TraceOptions& options) {
  const auto scenario = scenario_of(options.what);
  if (!scenario) return fail(scenario.error());
  sim::Simulation simulation(*scenario);
  ProgressBar bar(options.json);
  const bool whole =
      simulation.prepare([&](const sim::Progress& progress) { return bar.show(progress); });
  bar.clear();
  if (!whole) {
    fmt::print(stderr, "dht-sim: ended before the search began\n");
    return 128 + SIGINT;
  }
  sim::World& world = simulation.world();
  auto target = target_of(options.key, simulation.ledger());
  if (!target) return fail(target.error());
  if (options.find_node) target->get = false;
  Prng prng(scenario->seed ^ (kChoice << 56));
  const sim::NodeIndex from = options.from.value_or(simulation.crowd().any(prng));
  if (!simulation.crowd().is_up(from)) {
    return fail(Error(Errc::invalid_argument,
                      fmt::format("--from {}: no such node is up; the network has {}", from,
                                  simulation.crowd().size())));
  }
  const sim::Trace traced = sim::trace(world, from, target->key, target->get);
  const auto k = static_cast<std::size_t>(scenario->config.k);
  if (options.json) {
    fmt::print("{}\n", dump(json_of(traced, k)));
  } else {
    Waterfall(traced).print(k, world);
  }
  return traced.error ? exit_code_of(traced.error->code) : kOk;
}

}  // namespace kadmos::cli
