// What peers let a node see of its own calendar. Pure; the engine tells it what it meets.
//
// Nobody tells the time in this protocol, but whoever handles records shows whether they live by
// its calendar. Two signs are sound as long as calendars differ by at most Config::clock_skew:
//
// - behind: a peer refuses as expired what by this node's calendar lives for longer than that yet;
// - ahead: a peer gives as living what by this node's calendar expired longer ago than that.
//
// A peer may lie or be wrong itself, so it takes two, and more than half of those that were heard
// lately. What comes from one address group counts as one voice (ClockVoices is told who that is),
// so one machine cannot raise a doubt. Anything else that is stored or found says that the calendar
// fits. Since a wrong calendar fits records that live long enough, that does not take back what the
// same peer let see before; only time does, and a change of the calendar.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/recycled.h"
#include "kadmos/notice.h"
#include "kadmos/time.h"

namespace kadmos {

class ClockVoices {
 public:
  enum class Says : std::uint8_t { fits, behind, ahead };

  // `memory`: how long a voice counts. `most`: how many are kept; one more displaces the oldest.
  ClockVoices(Duration memory, std::size_t most) : memory_(memory), most_(most) {}

  void hear(TimePoint now, std::uint64_t who, Says says);
  // The calendar was set, or the process stood still: what was heard concerns another calendar, and
  // what comes in the next minute may have been sent long ago.
  void forget(TimePoint now);

  std::optional<ClockDoubt> doubt(TimePoint now) const;

 private:
  struct Voice {
    std::uint64_t who = 0;
    TimePoint at{};
    Says says = Says::fits;
  };

  Duration memory_;
  std::size_t most_;
  RecycledVector<Voice> voices_;  // in no order: few are kept
  TimePoint deaf_until_{};
};

}  // namespace kadmos
