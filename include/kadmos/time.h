// Time as data. Nothing below src/uv/ can read a clock: these types have no now(). The outer world
// tells the time with every input, as a `Now`.
#pragma once

#include <chrono>

namespace kadmos {

// Monotonic time since an arbitrary start. Deadlines, timeouts and round trips use it.
struct MonotonicTime {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicTime>;
  static constexpr bool is_steady = true;
};
using TimePoint = MonotonicTime::time_point;
using Duration = MonotonicTime::duration;

// Calendar time: milliseconds since 1970-01-01 UTC. Only a record's expiry uses it, since owner and
// replica must agree on it; it may be wrong by minutes and may step.
struct CalendarTime {
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<CalendarTime>;
  static constexpr bool is_steady = false;
};
using WallTime = CalendarTime::time_point;

// One reading of both clocks.
struct Now {
  TimePoint at{};
  WallTime wall{};
};

}  // namespace kadmos
