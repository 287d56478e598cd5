// A line on the terminal that is drawn over itself, to say how far something is. Nothing where
// stderr is no terminal.
#pragma once

#include <chrono>
#include <string>

namespace kadmos::cli {

class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Whether to draw now: ten times a second at most.
  bool due();
  void draw(const std::string& text);
  // Before anything else is written to stderr.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool on_;
  bool drawn_ = false;
  Clock::time_point last_{};
};

// "[########............]  40%"
std::string show_part(double part);
// "812", "12k", "1.5M"
std::string show_count(double number);
// "0:42", "1:02:03"
std::string show_clock(double seconds);

}  // namespace kadmos::cli
