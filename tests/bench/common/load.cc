#include "tests/bench/common/load.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/check.h"

namespace kadmos::bench {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

std::string_view name_of(Verb verb) {
  switch (verb) {
    case Verb::put:
      return "put";
    case Verb::set:
      return "set";
    case Verb::get:
      return "get";
    case Verb::latest:
      return "get latest";
    case Verb::find:
      return "find node";
  }
  return "";
}

std::string_view name_of(Mode mode) {
  switch (mode) {
    case Mode::sequential:
      return "one by one";
    case Mode::spread:
      return "64, all nodes";
    case Mode::single:
      return "64, one node";
  }
  return "";
}

std::string_view name_of(Health health) {
  switch (health) {
    case Health::healthy:
      return "healthy";
    case Health::silent:
      return "silent";
    case Health::refused:
      return "refused";
  }
  return "";
}

// One piece of work, until its last operation has ended.
class Load::Run {
 public:
  Run(Network& network, const Work& work, Prng& prng, std::size_t& next_item, bool fill)
      : network_(network), work_(work), prng_(prng), next_item_(next_item), fill_(fill) {
    times_.reserve(1 << 20);
  }

  void run() {
    const std::size_t window = work_.mode == Mode::sequential ? 1 : kWindow;
    for (std::size_t i = 0; i < window; ++i) next();
    if (running_ > 0) network_.run();
    check(running_ == 0);
  }
  const std::vector<nanoseconds>& times() const { return times_; }
  std::size_t failed() const { return failed_; }

 private:
  void next() {
    const auto now = steady_clock::now();
    if (started_ == work_.most || now - begin_ > work_.time) return;
    const std::size_t users = network_.users();
    const bool stores = work_.verb == Verb::put || work_.verb == Verb::set;
    std::size_t item = started_;
    if (!fill_) item = stores ? next_item_++ : prng_.below(kItems);
    std::size_t user = 0;
    if (fill_) {
      user = item % users;
    } else if (work_.mode != Mode::single) {
      user = prng_.below(users);
    }
    ++started_;
    ++running_;
    network_.start(work_.verb, user, item, work_.bytes, [this, now](bool ok) { ended(now, ok); });
  }
  void ended(steady_clock::time_point begin, bool ok) {
    times_.push_back(steady_clock::now() - begin);
    if (!ok) ++failed_;
    --running_;
    next();
    if (running_ == 0) network_.stop();
  }

  Network& network_;
  const Work& work_;
  Prng& prng_;
  std::size_t& next_item_;
  const bool fill_;
  const steady_clock::time_point begin_ = steady_clock::now();
  std::vector<nanoseconds> times_;
  std::size_t started_ = 0;
  std::size_t running_ = 0;
  std::size_t failed_ = 0;
};

Figures Load::fill(Verb verb, std::size_t bytes) {
  Work work{verb, Mode::spread, bytes, std::chrono::hours(1), kItems};
  Run run(network_, work, prng_, next_item_, true);
  run.run();
  Figures out;
  out.operations = run.times().size();
  out.failed = run.failed();
  return out;
}

Figures Load::run(const Work& work) {
  Run run(network_, work, prng_, next_item_, false);
  const Traffic traffic_before = network_.traffic();
  const std::uint64_t allocations_before = allocations();
  const auto processor_before = processor_time();
  const auto begin = steady_clock::now();
  run.run();
  const std::chrono::duration<double> took = steady_clock::now() - begin;
  const auto processor = processor_time() - processor_before;
  const std::uint64_t allocated = allocations() - allocations_before;
  const Traffic traffic = network_.traffic();

  std::vector<nanoseconds> times = run.times();
  std::ranges::sort(times);
  const double count = static_cast<double>(times.size());
  const auto at = [&](std::size_t hundredths) {
    return milliseconds(times[std::min(times.size() - 1, times.size() * hundredths / 100)]);
  };
  Figures out;
  out.operations = times.size();
  out.failed = run.failed();
  out.p50 = at(50);
  out.p90 = at(90);
  out.p99 = at(99);
  out.max = milliseconds(times.back());
  out.per_second = count / took.count();
  out.cpu = milliseconds(processor) / count;
  out.messages = static_cast<double>(traffic.messages - traffic_before.messages) / count;
  out.bytes = static_cast<double>(traffic.bytes - traffic_before.bytes) / count;
  out.allocations = static_cast<double>(allocated) / count;
  return out;
}

Json json_of(const Work& work, const Figures& figures) {
  return {{"verb", name_of(work.verb)}, {"mode", name_of(work.mode)},
          {"value_bytes", work.bytes},  {"operations", figures.operations},
          {"failed", figures.failed},   {"p50_ms", figures.p50},
          {"p90_ms", figures.p90},      {"p99_ms", figures.p99},
          {"max_ms", figures.max},      {"per_second", figures.per_second},
          {"cpu_ms", figures.cpu},      {"messages", figures.messages},
          {"bytes", figures.bytes},     {"allocations", figures.allocations}};
}

std::string value_of(std::size_t item, std::size_t bytes) {
  std::string out = fmt::format("item {} of {} bytes ", item, bytes);
  out.resize(bytes, '.');
  return out;
}

double milliseconds(nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

nanoseconds processor_time() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void lift_file_limit() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace kadmos::bench
