// Upkeep: what a node does without being asked. Pure: it is polled for the jobs that are due, and
// the engine carries them out. Once the node has begun to join:
//
// - enter: while the table is empty, try the ways in again, with a doubling, jittered pause;
// - meet the neighbours: search for the own id, and try one of those who were lost, soon after
//   entering and then at doubling pauses up to the refresh interval, because nodes that entered at
//   the same moment miss each other at first, and the sides of a partition forget each other;
// - refresh: a lookup in each bucket that had none for the refresh interval or at all (Kademlia,
//   section 2.3);
// - check: ping the contact of each bucket that was seen longest ago, once an interval, and sooner
//   after one was found dead: they rarely die alone;
// - prove: dial every contact that nothing else has dialled for an interval, since one that answers
//   over connections of its own may be nowhere for others;
// - republish: sign own records anew and set them, so that they live as long as their node runs:
//   soon after it began, or stood still, or its calendar jumped, those that lapsed or were signed
//   long ago, then all once an interval; and those that lapsed and could not be renewed again, at
//   doubling pauses.
//
// Lookups run one at a time, and few records are republished at once. What keeps the replicas alike
// is in sync_plan.h.
#pragma once

#include <list>
#include <optional>
#include <variant>

#include "base/prng.h"
#include "kadmos/config.h"
#include "routing/routing_table.h"
#include "store/record_store.h"

namespace kadmos {

class Upkeep {
 public:
  struct Enter {};
  struct Search {
    Id target;
  };
  struct Check {};
  struct Prove {};
  struct Republish {
    Key key;
  };
  using Job = std::variant<Enter, Search, Check, Prove, Republish>;

  // All referenced things must outlive it. `has_way_in`: there is a way in to try while the table
  // is empty.
  Upkeep(const Config& config, const Id& self, RoutingTable& table, const RecordStore& store,
         const bool& has_way_in, Prng& prng)
      : config_(config),
        self_(self),
        table_(table),
        store_(store),
        has_way_in_(has_way_in),
        prng_(prng) {}

  // The node begins to take part; before, nothing is due.
  void begin(TimePoint now);
  // The process stood still for long enough that others may have given it up, or the calendar
  // jumped: it makes itself known again. A calendar that is set right at once signs nothing.
  void on_stood_still(TimePoint now);
  // A join of the user's or of ours started or ended.
  void on_join_started() { ++joining_; }
  void on_join_ended(TimePoint now, bool ok);
  // The Search given last has ended.
  void on_search_ended() { searching_ = false; }
  // A contact was found dead.
  void on_dead(TimePoint now);
  // An own record is to be looked at before its turn.
  void republish_soon(TimePoint now, const Key& key);
  // A Republish has ended. `again`: it was of a record that lapsed, and did not renew it.
  void on_republish_ended(TimePoint now, bool again);

  // Neither entering nor searching, and each bucket was looked up lately.
  bool settled(TimePoint now) const {
    return begun_ && joining_ == 0 && !searching_ && table_.next_refresh() > now;
  }

  std::optional<Job> poll(TimePoint now);
  std::optional<TimePoint> next_timeout() const;

 private:
  bool can_search() const { return !searching_ && !table_.empty(); }
  bool cut_off() const { return table_.empty() && has_way_in_; }
  std::optional<Job> poll_search(TimePoint now);
  void republish_what_there_is(TimePoint now);
  std::optional<Key> poll_republish(TimePoint now);

  const Config& config_;
  Id self_;
  RoutingTable& table_;
  const RecordStore& store_;
  const bool& has_way_in_;
  Prng& prng_;

  bool begun_ = false;
  int joining_ = 0;
  TimePoint next_enter_{};
  Duration backoff_{};
  bool searching_ = false;
  TimePoint next_meeting_{};
  Duration meeting_pause_{};
  TimePoint next_check_{};
  TimePoint next_round_{};  // of proving
  int republishing_ = 0;
  TimePoint next_republish_{};
  TimePoint next_renewal_ = TimePoint::max();  // a round of what lapsed alone
  Duration renewal_pause_{};                   // before what could not be renewed is tried again
  std::list<Key> republish_;                   // of the round under way
  bool untouched_ = false;                     // that round, made by republish_what_there_is
  TimePoint next_key_{};                       // of them
};

}  // namespace kadmos
