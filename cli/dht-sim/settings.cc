#include "cli/dht-sim/settings.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>
#include <utility>

#include "cli/common/files.h"
#include "cli/common/text.h"

namespace kadmos::cli {
namespace {

using sim::Scenario;

// ---- Kinds of value: how each is read and written.

Error wrong(std::string_view text, const std::string& wanted) {
  return Error(Errc::invalid_argument, fmt::format("'{}' is not {}", printable(text), wanted));
}

template <class Int>
Result<Int> parse_integer(std::string_view text, std::uint64_t min, std::uint64_t max) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failed] = std::from_chars(text.data(), end, number);
  if (failed != std::errc() || rest != end || number < min || number > max) {
    return wrong(text, fmt::format("a whole number from {} to {}", min, max));
  }
  return static_cast<Int>(number);
}

Result<double> parse_number(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failed] = std::from_chars(text.data(), end, number);
  if (failed != std::errc() || rest != end || !std::isfinite(number))
    return wrong(text, "a number");
  return number;
}

// "300ms", and "0" for none. Shown in the largest unit that keeps it whole.
Result<Duration> parse_length(std::string_view text) {
  if (text == "0") return Duration::zero();
  return parse_duration(text);
}

std::string show_length(Duration length) {
  if (length == Duration::zero()) return "0";
  const std::int64_t us = std::chrono::duration_cast<std::chrono::microseconds>(length).count();
  static constexpr std::pair<std::int64_t, const char*> kUnits[] = {
      {3'600'000'000, "h"}, {60'000'000, "m"}, {1'000'000, "s"}, {1000, "ms"}};
  for (const auto& [unit, name] : kUnits) {
    if (us % unit == 0) return fmt::format("{}{}", us / unit, name);
  }
  return fmt::format("{}ms", static_cast<double>(us) / 1000);
}

// ---- Settings from places in a scenario. `at` gives the place.

template <class At>
using Place = std::remove_reference_t<std::invoke_result_t<At, Scenario&>>;

template <class At>
auto& place(At at, const Scenario& scenario) {
  return at(const_cast<Scenario&>(scenario));  // NOLINT: only read
}

template <class At>
Setting integer(std::string key, std::string help, std::uint64_t min, std::uint64_t max, At at) {
  return {std::move(key), std::move(help),
          [=](Scenario& scenario, std::string_view text) -> Result<void> {
            auto number = parse_integer<Place<At>>(text, min, max);
            if (!number) return number.error();
            at(scenario) = *number;
            return {};
          },
          [=](const Scenario& scenario) { return fmt::format("{}", place(at, scenario)); }};
}

template <class At>
Setting length(std::string key, std::string help, At at) {
  return {std::move(key), std::move(help),
          [=](Scenario& scenario, std::string_view text) -> Result<void> {
            auto parsed = parse_length(text);
            if (!parsed) return parsed.error();
            at(scenario) = std::chrono::duration_cast<Place<At>>(*parsed);
            return {};
          },
          [=](const Scenario& scenario) { return show_length(place(at, scenario)); }};
}

// A share of one, kept in parts per million.
template <class At>
Setting share(std::string key, std::string help, At at) {
  return {std::move(key), std::move(help) + ", 0 to 1",
          [=](Scenario& scenario, std::string_view text) -> Result<void> {
            auto number = parse_number(text);
            if (!number) return number.error();
            if (*number < 0 || *number > 1) return wrong(text, "a share from 0 to 1");
            at(scenario) = static_cast<sim::PerMillion>(std::llround(*number * 1e6));
            return {};
          },
          [=](const Scenario& scenario) { return fmt::format("{}", place(at, scenario) / 1e6); }};
}

// A number kept in thousandths.
template <class At>
Setting thousandths(std::string key, std::string help, double max, At at) {
  return {std::move(key), std::move(help),
          [=](Scenario& scenario, std::string_view text) -> Result<void> {
            auto number = parse_number(text);
            if (!number) return number.error();
            if (*number < 0 || *number > max) return wrong(text, fmt::format("from 0 to {}", max));
            at(scenario) = static_cast<std::uint32_t>(std::llround(*number * 1e3));
            return {};
          },
          [=](const Scenario& scenario) { return fmt::format("{}", place(at, scenario) / 1e3); }};
}

template <class At>
Setting flag(std::string key, std::string help, At at) {
  return {std::move(key), std::move(help),
          [=](Scenario& scenario, std::string_view text) -> Result<void> {
            if (text != "true" && text != "false") return wrong(text, "true or false");
            at(scenario) = text == "true";
            return {};
          },
          [=](const Scenario& scenario) { return place(at, scenario) ? "true" : "false"; }};
}

// One of some names, which stand for the enumerators from 0.
template <class At>
Setting one_of(std::string key, const std::string& help, std::vector<std::string> names, At at) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return {std::move(key), help + ": " + list,
          [=](Scenario& scenario, std::string_view text) -> Result<void> {
            const auto found = std::ranges::find(names, text);
            if (found == names.end()) return wrong(text, "one of " + list);
            at(scenario) = static_cast<Place<At>>(found - names.begin());
            return {};
          },
          [=](const Scenario& scenario) {
            return names[static_cast<std::size_t>(place(at, scenario))];
          }};
}

constexpr std::uint64_t kMaxNodes = 2'000'000;
constexpr std::size_t kMaxFaults = 64;

const std::vector<std::string> kModels = {"constant", "exponential", "weibull", "pareto"};

// A file of lengths in seconds, one a line.
Result<std::vector<Duration>> read_lengths(const std::string& path) {
  constexpr std::size_t kMaxBytes = 64UL * 1024 * 1024;
  constexpr double kMaxSeconds = 1e9;
  auto file = read_file(path, kMaxBytes);
  if (!file) return file.error();
  std::vector<Duration> out;
  std::string_view rest = text_of(*file);
  for (std::size_t line = 1; !rest.empty(); ++line) {
    const std::string_view text = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
    const auto number = parse_number(text);
    if (!number || *number <= 0 || *number > kMaxSeconds) {
      return Error(Errc::invalid_argument,
                   fmt::format("{}:{}: '{}' is not a number of seconds above 0", path, line,
                               printable(text)));
    }
    out.emplace_back(std::llround(*number * 1e9));
  }
  if (out.empty()) return Error(Errc::invalid_argument, path + ": no lengths in it");
  return out;
}

template <class At>
Setting measured_lengths(std::string key, std::string help, At at) {
  return {std::move(key), std::move(help),
          [=](Scenario& scenario, std::string_view text) -> Result<void> {
            sim::LengthOptions& lengths = at(scenario);
            lengths.measured_from = text;
            lengths.measured.reset();
            if (text.empty()) return {};
            auto read = read_lengths(lengths.measured_from);
            if (!read) return read.error();
            lengths.measured = std::make_shared<const std::vector<Duration>>(*std::move(read));
            return {};
          },
          [=](const Scenario& scenario) { return place(at, scenario).measured_from; }};
}

// Makes the latency too.
Setting latency_setting() {
  return {"network.latency",
          "round trips: internet or slow-paths (built in), loopback, or a CSV file of milliseconds "
          "between places",
          [](Scenario& scenario, std::string_view text) -> Result<void> {
            auto latency = text == "internet"     ? Result(sim::Latency::internet())
                           : text == "slow-paths" ? Result(sim::Latency::slow_paths())
                           : text == "loopback"   ? Result(sim::Latency::loopback())
                                                  : sim::Latency::from_file(std::string(text));
            if (!latency) return latency.error();
            scenario.network.latency = *std::move(latency);
            scenario.latency = text;
            return {};
          },
          [](const Scenario& scenario) { return scenario.latency; }};
}

std::vector<Setting> make_settings() {
  std::vector<Setting> all;
  const auto add = [&](Setting setting) { all.push_back(std::move(setting)); };
#define KADMOS_AT(field) \
  [](Scenario & s) -> auto& { return s.field; }
  add(integer("seed", "what all chance grows from", 0, UINT64_MAX, KADMOS_AT(seed)));
  add(integer("nodes", "nodes that the network grows to", 1, kMaxNodes, KADMOS_AT(nodes)));
  add(length("duration", "of the measured time", KADMOS_AT(duration)));
  add(length("calm", "time after it without churn and faults, in which all must converge",
             KADMOS_AT(calm)));
  add(flag("filled", "tables filled from above instead of by joins", KADMOS_AT(filled)));
  add(length("join_gap", "between two joins while the network grows", KADMOS_AT(join_gap)));
  add(length("disk_latency", "until a write is durable", KADMOS_AT(disk_latency)));
  add(length("clock_skew", "by which calendars are wrong at most, either way",
             KADMOS_AT(clock_skew)));
  add(integer("sample", "one lookup in so many is compared with the truth", 1, 1'000'000,
              KADMOS_AT(sample)));

  add(integer("config.k", "replicas, and contacts of a bucket", 1, 255, KADMOS_AT(config.k)));
  add(integer("config.alpha", "requests of a lookup at once", 1, 64, KADMOS_AT(config.alpha)));
  add(integer("config.closing_alpha", "likewise in the closing phase", 1, 255,
              KADMOS_AT(config.closing_alpha)));
  add(length("config.ttl", "lifetime of records", KADMOS_AT(config.ttl)));
  add(length("config.refresh_interval", "of a bucket without lookups",
             KADMOS_AT(config.refresh_interval)));
  add(length("config.sync_interval", "of held records", KADMOS_AT(config.sync_interval)));
  add(length("config.republish_interval", "of own records", KADMOS_AT(config.republish_interval)));
  add(length("config.rpc_timeout", "after which a request has failed",
             KADMOS_AT(config.rpc_timeout)));
  add(length("config.operation_timeout", "after which an operation ends",
             KADMOS_AT(config.operation_timeout)));
  add(length("config.slow_floor", "shortest time after which a peer is slow",
             KADMOS_AT(config.slow_floor)));
  add(length("config.slow_cap", "longest such time", KADMOS_AT(config.slow_cap)));
  add(integer("config.connections", "kept by a node at most", 1, 65535,
              KADMOS_AT(config.limits.connections)));
  add(integer("config.records", "kept by a node at most", 1, 1'000'000'000,
              KADMOS_AT(config.limits.records)));

  add(latency_setting());
  add(flag("network.warm", "connections to everybody are open already", KADMOS_AT(network.warm)));
  add(flag("network.datagram", "frames are lost, doubled and bent for good",
           KADMOS_AT(network.datagram)));
  add(share("network.undialable", "of the nodes, behind a NAT", KADMOS_AT(undialable)));
  add(share("network.loss", "of packets", KADMOS_AT(network.faults.loss)));
  add(share("network.duplication", "of packets", KADMOS_AT(network.faults.duplication)));
  add(share("network.reordering", "of packets", KADMOS_AT(network.faults.reordering)));
  add(share("network.corruption", "of packets", KADMOS_AT(network.faults.corruption)));
  add(length("network.burst_every", "a node's line fails once in that time, 0: never",
             KADMOS_AT(network.faults.burst_every)));
  add(length("network.burst_length", "for that long on average",
             KADMOS_AT(network.faults.burst_length)));
  add(share("network.burst_loss", "of packets in a burst", KADMOS_AT(network.faults.burst_loss)));
  add(integer("network.up", "bytes/s of a node's line up, 0: no limit", 0, UINT32_MAX,
              KADMOS_AT(network.up)));
  add(integer("network.down", "bytes/s of a node's line down, 0: no limit", 0, UINT32_MAX,
              KADMOS_AT(network.down)));
  add(flag("network.refuse", "dials to where nobody is are refused, else unanswered",
           KADMOS_AT(network.unknown_refuse)));

  add(integer("workload.lookups", "find_node of random targets, per node and hour", 0, 1'000'000,
              KADMOS_AT(workload.lookups)));
  add(integer("workload.gets", "gets per node and hour", 0, 1'000'000, KADMOS_AT(workload.gets)));
  add(integer("workload.sets", "sets per node and hour", 0, 1'000'000, KADMOS_AT(workload.sets)));
  add(integer("workload.watchers", "users that watch a name each", 0, 1'000'000,
              KADMOS_AT(workload.watchers)));
  add(integer("workload.keys", "owned names, set before the measured time", 0, 1'000'000,
              KADMOS_AT(workload.keys)));
  add(integer("workload.value_bytes", "size of values", 16, 65536,
              KADMOS_AT(workload.value_bytes)));
  add(thousandths("workload.zipf", "exponent of the names' popularity, 0: all alike", 4,
                  KADMOS_AT(workload.zipf)));

  add(one_of("churn.session_model", "distribution of session lengths", kModels,
             KADMOS_AT(churn.session.model)));
  add(length("churn.session", "mean session, 0: no churn", KADMOS_AT(churn.session.mean)));
  add(thousandths("churn.session_shape", "shape of weibull and pareto", 100,
                  KADMOS_AT(churn.session.shape)));
  add(measured_lengths("churn.session_file", "measured sessions instead: seconds, one a line",
                       KADMOS_AT(churn.session)));
  add(one_of("churn.pause_model", "distribution of pause lengths", kModels,
             KADMOS_AT(churn.pause.model)));
  add(length("churn.pause", "mean pause before a node comes back", KADMOS_AT(churn.pause.mean)));
  add(thousandths("churn.pause_shape", "shape of weibull and pareto", 100,
                  KADMOS_AT(churn.pause.shape)));
  add(measured_lengths("churn.pause_file", "measured pauses instead: seconds, one a line",
                       KADMOS_AT(churn.pause)));
  add(flag("churn.returning", "the same nodes come back, else new ones",
           KADMOS_AT(churn.returning)));
  add(flag("churn.keeps_disk", "nodes come back with their disks", KADMOS_AT(churn.keeps_disk)));

  add(one_of("adversaries.kind", "what adversaries do",
             {"none", "silent", "colluders", "fabricators", "stale", "forgers", "flooders",
              "ground", "delayers", "equivocators"},
             KADMOS_AT(adversaries.kind)));
  add(share("adversaries.share", "of all nodes", KADMOS_AT(adversaries.share)));
#undef KADMOS_AT
  return all;
}

// "fault.3.at" as {3, "at"}.
std::optional<std::pair<std::size_t, std::string_view>> fault_key(std::string_view key) {
  constexpr std::string_view kPrefix = "fault.";
  if (!key.starts_with(kPrefix)) return std::nullopt;
  key.remove_prefix(kPrefix.size());
  std::size_t n = 0;
  const auto [rest, failed] = std::from_chars(key.data(), key.data() + key.size(), n);
  if (failed != std::errc() || n == 0 || rest == key.data() + key.size() || *rest != '.') {
    return std::nullopt;
  }
  return std::pair(n, key.substr(static_cast<std::size_t>(rest - key.data()) + 1));
}

// The edit distance of two words.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

Error unknown(std::string_view key) {
  std::string_view nearest;
  std::size_t best = 4;
  const std::vector<Setting> faults = fault_settings(1);
  for (const auto* list : {&settings(), &faults}) {
    for (const Setting& setting : *list) {
      const std::size_t d = distance(key, setting.key);
      if (d < best) {
        best = d;
        nearest = setting.key;
      }
    }
  }
  return Error(Errc::invalid_argument,
               fmt::format("{}: no such setting{}", printable(key),
                           nearest.empty() ? "; `dht-sim list --settings` lists them"
                                           : fmt::format("; did you mean {}?", nearest)));
}

}  // namespace

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = make_settings();
  return all;
}

std::vector<Setting> fault_settings(std::size_t n) {
  const auto at = [n](Scenario& s) -> sim::Fault& { return s.faults[n - 1]; };
  const std::string prefix = fmt::format("fault.{}.", n);
  return {
      one_of(
          prefix + "kind", "what goes wrong",
          {"none", "crash", "wipe", "leave", "pause", "cut", "partition", "one_way", "bridge",
           "packets", "clog", "flash", "bad_disk", "move", "migrate", "restart_all", "sleep",
           "half_open", "clone"},
          [at](Scenario & s) -> auto& { return at(s).kind; }),
      length(
          prefix + "at", "when, from the start of the measured time",
          [at](Scenario & s) -> auto& { return at(s).at; }),
      length(
          prefix + "lasts", "how long", [at](Scenario & s) -> auto& { return at(s).lasts; }),
      share(
          prefix + "share", "of the nodes", [at](Scenario & s) -> auto& { return at(s).share; })};
}

Result<void> apply(Scenario& scenario, std::string_view key, std::string_view text) {
  const auto in = [&](const std::vector<Setting>& list) -> Result<void> {
    const auto found = std::ranges::find(list, key, &Setting::key);
    if (found == list.end()) return unknown(key);
    if (auto parsed = found->parse(scenario, text); !parsed) {
      return Error(parsed.error().code, fmt::format("{}: {}", key, parsed.error().detail));
    }
    return {};
  };
  const auto fault = fault_key(key);
  if (!fault) return in(settings());
  const std::size_t n = fault->first;
  if (n > kMaxFaults || n > scenario.faults.size() + 1) {
    return Error(Errc::invalid_argument,
                 fmt::format("{}: the next fault is number {}", key, scenario.faults.size() + 1));
  }
  if (n > scenario.faults.size()) scenario.faults.emplace_back();
  return in(fault_settings(n));
}

std::vector<std::string> differences(const Scenario& scenario) {
  std::vector<std::string> out;
  Scenario defaults;
  defaults.faults.resize(scenario.faults.size());
  const auto compare = [&](const std::vector<Setting>& list) {
    for (const Setting& setting : list) {
      const std::string value = setting.show(scenario);
      if (value != setting.show(defaults)) out.push_back(setting.key + "=" + value);
    }
  };
  compare(settings());
  for (std::size_t n = 1; n <= scenario.faults.size(); ++n) compare(fault_settings(n));
  return out;
}

Result<void> validate(const Scenario& scenario) {
  const auto wrong_setting = [](const std::string& detail) {
    return Error(Errc::invalid_argument, detail);
  };
  const auto& churn = scenario.churn;
  using Model = sim::LengthOptions::Model;
  for (const auto& [name, lengths] :
       {std::pair("session", churn.session), std::pair("pause", churn.pause)}) {
    if (lengths.model == Model::pareto && lengths.shape <= 1000) {
      return wrong_setting(
          fmt::format("churn.{}_shape: a pareto needs more than 1, else it has no "
                      "mean",
                      name));
    }
    if (lengths.model == Model::weibull && lengths.shape < 200) {
      return wrong_setting(fmt::format("churn.{}_shape: a weibull needs at least 0.2", name));
    }
  }
  if (scenario.duration <= Duration::zero()) return wrong_setting("duration: must be above 0");
  if (scenario.config.slow_floor > scenario.config.slow_cap) {
    return wrong_setting("config.slow_floor is above config.slow_cap");
  }
  for (const auto interval : {scenario.config.refresh_interval, scenario.config.sync_interval,
                              scenario.config.republish_interval}) {
    if (interval < std::chrono::seconds(1)) {
      return wrong_setting("config: an interval of upkeep must be at least 1s");
    }
  }
  for (std::size_t n = 1; n <= scenario.faults.size(); ++n) {
    if (scenario.faults[n - 1].at >= scenario.duration) {
      return wrong_setting(fmt::format("fault.{}.at: after the measured time, which lasts {}", n,
                                       show_length(scenario.duration)));
    }
  }
  return {};
}

}  // namespace kadmos::cli
