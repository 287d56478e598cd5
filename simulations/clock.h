// A node's virtual clock: the world's time less what its machine has slept, a calendar that is off
// by a constant, and one alarm.
#pragma once

#include <functional>
#include <optional>

#include "kadmos/seams.h"
#include "simulations/event_queue.h"

namespace kadmos::sim {

class VirtualClock final : public Clock {
 public:
  // `slot` points to this clock while it lives.
  VirtualClock(EventQueue& queue, NodeIndex self, WallTime wall_at_zero, VirtualClock*& slot)
      : queue_(queue), self_(self), wall_at_zero_(wall_at_zero), slot_(slot) {
    slot_ = this;
  }
  ~VirtualClock() override { slot_ = nullptr; }

  Now now() override {
    const TimePoint at = queue_.now();
    return {at - slept_,
            wall_at_zero_ + std::chrono::floor<WallTime::duration>(at.time_since_epoch())};
  }
  // Its machine slept for so long until now: the calendar went on, the time that alarms go by did
  // not.
  void slept(Duration duration) { slept_ += duration; }
  void on_alarm(std::function<void()> listener) override { listener_ = std::move(listener); }

  // Nodes set their alarm after every input, nearly always to a later time. So one event is kept
  // queued, the earliest needed; when it comes too early it is queued again.
  void set_alarm(std::optional<TimePoint> when) override {
    wanted_ = when;
    if (when && (!queued_ || *when + slept_ < *queued_)) enqueue();
  }

  // The event `alarm` is due.
  void deliver() {
    if (!queued_ || *queued_ > queue_.now()) return;  // an earlier one replaced it
    queued_.reset();
    if (!wanted_) return;
    if (*wanted_ + slept_ > queue_.now()) return enqueue();
    wanted_.reset();
    const auto ring = listener_;  // it may destroy the clock
    ring();
  }

 private:
  void enqueue() {
    queued_ = std::max(*wanted_ + slept_, queue_.now());
    queue_.push(*queued_, self_, {Event::Kind::alarm, {}, self_, self_, 0, {}});
  }

  EventQueue& queue_;
  NodeIndex self_;
  WallTime wall_at_zero_;
  Duration slept_ = Duration::zero();
  VirtualClock*& slot_;
  std::optional<TimePoint> wanted_;
  std::optional<TimePoint> queued_;
  std::function<void()> listener_;
};

}  // namespace kadmos::sim
