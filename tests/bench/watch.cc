// watch_bench [NODES [SETS [VERSIONS]]]: how soon a watcher has what was set. Starts daemons,
// watches a name from a node of this process, kills three of the replicas that serve the watch, and
// sets the name again and again from another node of this process; prints how long after each set
// was acknowledged its update was there (negative: before), and whether all came once and in order.
// Then so many versions go through one watch, and the memory they leave behind is printed. Asserts
// nothing.
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "cli/common/process.h"
#include "kadmos/kadmos.h"
#include "tests/e2e/support.h"

namespace kadmos::bench {
namespace {

using cli::Process;

struct Daemon {
  Process process;
  Id id;
  Bootstrap where;
};

Daemon start_daemon(const std::string& dir, const std::string& bootstrap) {
  std::vector<std::string> argv = {DHT_NODE, "--listen", "127.0.0.1:0", "--data-dir", dir};
  if (!bootstrap.empty()) argv.insert(argv.end(), {"--bootstrap", bootstrap});
  cli::SpawnOptions options;
  options.stderr_file = dir + ".log";
  Daemon out{Process(argv, options), {}, {}};
  const std::string ready = out.process.line(e2e::kPatience).value_or("");
  const auto field = [&](const std::string& name) {
    const auto at = ready.find(" " + name + "=");
    check(at != std::string::npos);
    const auto from = at + name.size() + 2;
    return ready.substr(from, ready.find(' ', from) - from);
  };
  out.id = *Id::from_hex(field("id"));
  out.where.endpoint = *Endpoint::parse(field("listen"));
  return out;
}

std::unique_ptr<Node> enter(UvLoop& loop, const std::vector<Daemon>& daemons) {
  Config config;
  config.client = true;
  for (std::size_t i = 0; i < daemons.size() && i < 3; ++i) {
    config.bootstrap.push_back(daemons[i].where);
  }
  auto node = make_node(loop, Identity::from_seed(random_seed()), config, {}).value();
  check(loop.run_until(node->join()).ok());
  return node;
}

double milliseconds(Duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

void print(const char* what, std::vector<Duration> times) {
  std::sort(times.begin(), times.end());
  const auto at = [&](double part) {
    return milliseconds(times[static_cast<std::size_t>(part * double(times.size() - 1))]);
  };
  fmt::print("{:34} p50 {:8.2f} ms  p99 {:8.2f} ms  max {:8.2f} ms\n", what, at(0.5), at(0.99),
             at(1));
}

// What this process holds in memory.
std::size_t resident_kib() {
  const std::string status = e2e::read("/proc/self/status");
  return std::stoul(status.substr(status.find("VmRSS:") + 6));
}

// One node of this process sets, and another watches it.
void print_memory(int versions) {
  UvLoop loop;
  TransportOptions listening;
  listening.listen = Endpoint::v4(127, 0, 0, 1, 0);
  const auto setter = make_node(loop, Identity::from_seed(random_seed()), {}, listening).value();
  Config config;
  config.client = true;
  config.bootstrap.push_back({setter->contact().endpoints.front(), std::nullopt});
  const auto watcher = make_node(loop, Identity::from_seed(random_seed()), config, {}).value();
  check(loop.run_until(watcher->join()).ok());
  auto updates = watcher->watch(owned_key(setter->public_key(), view_of("name")));
  while (setter->stats().watches_held == 0) {
    check(loop.run_until(watcher->ping(config.bootstrap.front())).ok());
  }
  const TimePoint begin = loop.now();
  std::size_t early = 0;
  for (int i = 0; i < versions; ++i) {
    check(loop.run_until(setter->set("name", view_of(std::to_string(i)))).ok());
    check(loop.run_until(updates.next()).value()->record.sequence == std::uint64_t(i) + 1);
    if (i == versions / 10) early = resident_kib();
  }
  fmt::print(
      "{} versions through one watch, {:.0f} a second: {} KiB after a tenth, {} KiB at last\n",
      versions, 1000 * versions / milliseconds(loop.now() - begin), early, resident_kib());
}

int run(std::size_t nodes, int sets, int versions) {
  const e2e::TempDir dir;
  std::vector<Daemon> daemons;
  for (std::size_t i = 0; i < nodes; ++i) {
    daemons.push_back(
        start_daemon(dir / std::to_string(i), i == 0 ? "" : daemons[0].where.endpoint.text()));
  }
  UvLoop loop;
  const auto setter = enter(loop, daemons);
  const auto watcher = enter(loop, daemons);
  const Key key = owned_key(setter->public_key(), view_of("name"));
  for (int i = 0; i < 50; ++i) check(loop.run_until(setter->find_node(key)).ok());

  auto updates = watcher->watch(key);
  std::vector<std::pair<std::uint64_t, TimePoint>> arrived;
  std::optional<Future<void>> next;
  const std::function<void()> take = [&] {
    next = updates.next().then([&](Result<std::optional<Update>> update) {
      check(update.ok());
      arrived.emplace_back((*update)->record.sequence, loop.now());
      take();
    });
  };
  take();
  std::vector<Duration> round_trips;
  for (int i = 0; i < 20; ++i) {
    round_trips.push_back(loop.run_until(watcher->ping(daemons[0].where)).value().elapsed);
  }

  std::vector<std::pair<std::uint64_t, TimePoint>> acknowledged;
  const auto set_many = [&](int n) {
    for (int i = 0; i < n; ++i) {
      const auto receipt = loop.run_until(setter->set("name", view_of(std::to_string(i)))).value();
      acknowledged.emplace_back(receipt.sequence, loop.now());
    }
  };
  const auto report = [&](const char* what) {
    const TimePoint limit = loop.now() + std::chrono::seconds(5);
    const auto timer = loop.after(std::chrono::seconds(5), [] {});
    while (arrived.size() < acknowledged.size() && loop.now() < limit) {
      check(loop.run_until(watcher->ping(daemons[0].where)).ok());
    }
    std::vector<Duration> late;
    bool whole = arrived.size() == acknowledged.size();
    for (std::size_t i = 0; whole && i < arrived.size(); ++i) {
      whole = arrived[i].first == acknowledged[i].first;
      late.push_back(arrived[i].second - acknowledged[i].second);
    }
    fmt::print("{}: {} set, {} arrived, {}\n", what, acknowledged.size(), arrived.size(),
               whole ? "each once and in order" : "NOT each once and in order");
    if (!late.empty()) print("update after acknowledgement", late);
    arrived.clear();
    acknowledged.clear();
  };

  fmt::print("{} nodes on this machine\n", nodes);
  print("ping, connection included", round_trips);
  set_many(sets);
  report("before");
  std::sort(daemons.begin(), daemons.end(),
            [&](const Daemon& a, const Daemon& b) { return closer(key, a.id, b.id); });
  for (std::size_t i = 0; i < 3; ++i) daemons[i].process.signal(SIGKILL);
  daemons.erase(daemons.begin(), daemons.begin() + 3);
  set_many(sets);
  report("with the three nearest replicas killed");
  print_memory(versions);
  return 0;
}

}  // namespace
}  // namespace kadmos::bench

int main(int argc, char** argv) {
  const auto number = [&](int i, int otherwise) {
    return argc > i ? std::atoi(argv[i]) : otherwise;
  };
  return kadmos::bench::run(static_cast<std::size_t>(number(1, 12)), number(2, 100),
                            number(3, 10'000));
}
