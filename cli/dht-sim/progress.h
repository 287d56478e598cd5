// A line on the terminal that says how far a run is. Nothing where stderr is no terminal.
#pragma once

#include <chrono>
#include <string>

#include "cli/common/interrupt.h"
#include "cli/common/progress_line.h"
#include "simulations/simulation.h"

namespace kadmos::cli {

class ProgressBar {
 public:
  explicit ProgressBar(bool quiet) : line_(quiet) {}

  // Draws at most ten times a second, like the others. False once SIGINT or SIGTERM has come: end
  // the run.
  bool show(const sim::Progress& progress);
  // Of several runs.
  void show_runs(std::size_t done, std::size_t all);
  void clear() { line_.clear(); }

 private:
  using Clock = std::chrono::steady_clock;
  Interrupt interrupt_;
  ProgressLine line_;
  std::string phase_;
  Clock::time_point phase_began_{};
  bool runs_shown_ = false;
};

// Memory this process holds.
std::uint64_t resident_bytes();

}  // namespace kadmos::cli
