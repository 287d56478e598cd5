#include "cli/dht-sim/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace kadmos::cli {

std::uint64_t resident_bytes() {
  std::uint64_t pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void ProgressBar::show_runs(std::size_t done, std::size_t all) {
  if (!line_.due()) return;
  const auto now = Clock::now();
  if (!std::exchange(runs_shown_, true)) phase_began_ = now;
  const double elapsed = std::chrono::duration<double>(now - phase_began_).count();
  const double left = elapsed / static_cast<double>(std::max<std::size_t>(done, 1)) *
                      static_cast<double>(all - done);
  line_.draw(fmt::format("{} of {} runs done  {} gone  {} left", done, all, show_clock(elapsed),
                         done == 0 ? "?" : show_clock(left)));
}

bool ProgressBar::show(const sim::Progress& progress) {
  if (Interrupt::came()) return false;
  const auto now = Clock::now();
  if (phase_ != progress.phase) {
    phase_ = progress.phase;
    phase_began_ = now;
  }
  if (!line_.due()) return true;
  static Clock::time_point began = now;
  const double elapsed = std::chrono::duration<double>(now - phase_began_).count();
  const double total = std::chrono::duration<double>(now - began).count();
  const std::string left =
      progress.done > 0.01 ? show_clock(elapsed / progress.done * (1 - progress.done)) : "?";
  line_.draw(fmt::format("{:<13} {}  {} simulated  {} events/s  {} nodes  {} MB  {} left",
                         progress.phase, show_part(progress.done),
                         show_clock(std::chrono::duration<double>(progress.simulated).count()),
                         show_count(static_cast<double>(progress.events) / std::max(total, 0.1)),
                         progress.nodes_up, resident_bytes() / 1'000'000, left));
  return true;
}

}  // namespace kadmos::cli
