#include "cli/dht-sim/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/common/text.h"

namespace kadmos::cli {
namespace {

std::string show_count(double number) {
  if (number >= 1e6) return fmt::format("{:.1f}M", number / 1e6);
  if (number >= 1e3) return fmt::format("{:.0f}k", number / 1e3);
  return fmt::format("{:.0f}", number);
}

std::string show_time(double seconds) {
  const auto s = static_cast<std::int64_t>(seconds);
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
                   : fmt::format("{}:{:02}", s / 60, s % 60);
}

}  // namespace

std::uint64_t resident_bytes() {
  std::uint64_t pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

ProgressBar::ProgressBar(bool quiet) : on_(!quiet && ::isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::clear() {
  if (drawn_) fmt::print(stderr, "\r\x1b[K");
  drawn_ = false;
}

void ProgressBar::show_runs(std::size_t done, std::size_t all) {
  const auto now = Clock::now();
  if (!on_ || now - last_ < std::chrono::milliseconds(100)) return;
  if (!drawn_) phase_began_ = now;
  last_ = now;
  drawn_ = true;
  const double elapsed = std::chrono::duration<double>(now - phase_began_).count();
  const double left = elapsed / static_cast<double>(std::max<std::size_t>(done, 1)) *
                      static_cast<double>(all - done);
  fmt::print(stderr, "\r\x1b[K{} of {} runs done  {} gone  {} left", done, all, show_time(elapsed),
             done == 0 ? "?" : show_time(left));
  std::fflush(stderr);
}

bool ProgressBar::show(const sim::Progress& progress) {
  if (Interrupt::came()) return false;
  const auto now = Clock::now();
  if (phase_ != progress.phase) {
    phase_ = progress.phase;
    phase_began_ = now;
  }
  if (!on_ || now - last_ < std::chrono::milliseconds(100)) return true;
  static Clock::time_point began = now;
  last_ = now;
  constexpr int kWidth = 20;
  const int filled = static_cast<int>(progress.done * kWidth);
  const double elapsed = std::chrono::duration<double>(now - phase_began_).count();
  const double total = std::chrono::duration<double>(now - began).count();
  const std::string left =
      progress.done > 0.01 ? show_time(elapsed / progress.done * (1 - progress.done)) : "?";
  fmt::print(stderr,
             "\r\x1b[K{:<13} [{}{}] {:3.0f}%  {} simulated  {} events/s  {} nodes  {} MB  {} left",
             progress.phase, std::string(static_cast<std::size_t>(filled), '#'),
             std::string(static_cast<std::size_t>(kWidth - filled), '.'), progress.done * 100,
             show_time(std::chrono::duration<double>(progress.simulated).count()),
             show_count(static_cast<double>(progress.events) / std::max(total, 0.1)),
             progress.nodes_up, resident_bytes() / 1'000'000, left);
  std::fflush(stderr);
  drawn_ = true;
  return true;
}

}  // namespace kadmos::cli
