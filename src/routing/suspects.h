// Suspects: who was silent or wrong lately. Lookups ask them last, so one frozen peer costs a
// waiting time once and not on every operation. A suspicion ends when the peer answers, or by
// itself after a time that doubles with each offence and is forgotten after as long again. Bounded:
// beyond `max` the one that ends first goes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "kadmos/id.h"
#include "kadmos/time.h"

namespace kadmos {

class Suspects {
 public:
  Suspects(Duration first, std::size_t max) : first_(first), max_(max) {}

  // `wrong`: it did not keep silent but broke the rules, which no answer makes up for.
  void on_offence(TimePoint now, const Id& id, bool wrong = false) {
    forget_before(now);
    Duration span = first_;
    std::optional<TimePoint> failed;
    if (auto it = entries_.find(id); it != entries_.end()) {
      it->second.wrong |= wrong;
      if (now < it->second.until) return;  // one silence, several requests: one offence
      wrong = it->second.wrong;
      span = std::min(2 * it->second.span, 16 * first_);
      failed = it->second.failed;
      erase(it);
    }
    if (entries_.size() >= max_) erase(entries_.find(by_end_.begin()->second));
    entries_.emplace(id, Entry{now + span, span, failed, wrong});
    by_end_.emplace(now + 2 * span, id);
  }
  // A request sent at `sent` failed. Returns whether that is a new failure: requests that were in
  // flight together fail together and count once. One sent on the failure itself (the second
  // chance) counts anew.
  bool on_failure(TimePoint now, TimePoint sent, const Id& id) {
    on_offence(now, id);
    Entry& entry = entries_.at(id);
    if (entry.failed && *entry.failed > sent) return false;
    entry.failed = now;
    return true;
  }
  void on_answer(const Id& id) {
    if (auto it = entries_.find(id); it != entries_.end() && !it->second.wrong) erase(it);
  }
  bool suspected(TimePoint now, const Id& id) const {
    auto it = entries_.find(id);
    return it != entries_.end() && now < it->second.until;
  }
  // Suspected for more than silence.
  bool wrong(TimePoint now, const Id& id) const {
    auto it = entries_.find(id);
    return it != entries_.end() && now < it->second.until && it->second.wrong;
  }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    TimePoint until;  // remembered as long again
    Duration span;
    std::optional<TimePoint> failed{};
    bool wrong = false;
  };
  void erase(std::map<Id, Entry>::iterator it) {
    by_end_.erase({it->second.until + it->second.span, it->first});
    entries_.erase(it);
  }
  void forget_before(TimePoint now) {
    while (!by_end_.empty() && by_end_.begin()->first <= now) {
      entries_.erase(by_end_.begin()->second);
      by_end_.erase(by_end_.begin());
    }
  }

  Duration first_;
  std::size_t max_;
  std::map<Id, Entry> entries_;
  std::set<std::pair<TimePoint, Id>> by_end_;
};

}  // namespace kadmos
