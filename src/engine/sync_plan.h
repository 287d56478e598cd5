// The plan of comparing: with whom this node compares what they both hold, and when. Pure, like
// Upkeep: it is polled for the jobs that are due, and the engine carries them out.
//
// - Each neighbour that keeps keys this node keeps too is compared with once an interval, one after
//   the other; each does the same, so any two meet twice, and what one of k replicas lacks is
//   noticed soon after by the first of the others to come by.
// - A newcomer among the neighbours is compared with after a short pause, to hand it what it should
//   hold; the pauses differ, so that one does the work and the others find it done.
// - Once an interval each record is looked at: if this node is no longer one of the k nearest, the
//   nearest is asked whether it has the record, until that was so once. Whoever is one of the
//   nearest goes on from there. The record stays to its expiry, in case this node comes back into
//   its place.
// - What a peer asked for in a comparison is sent to it.
//
// Who holds nothing compares as well: only a node itself can tell that it is one of the nearest to
// a key if many are about as far away. Nothing is due while the table is not settled: a node that
// has just entered knows few others, and would think itself one of the nearest to every key. Little
// goes on at once.
#pragma once

#include <list>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "base/contact_book.h"
#include "base/prng.h"
#include "kadmos/config.h"
#include "routing/routing_table.h"
#include "store/record_store.h"

namespace kadmos {

class SyncPlan {
 public:
  struct Neighbour {};  // the next of them
  struct Newcomer {
    ContactHold contact;
  };
  struct Look {
    std::vector<Key> keys;
  };
  struct Send {
    Key key;
    ContactHold to;
  };
  using Job = std::variant<Neighbour, Newcomer, Look, Send>;

  // All referenced things must outlive it.
  SyncPlan(const Config& config, const RoutingTable& table, const RecordStore& store, Stats& stats,
           Prng& prng)
      : config_(config), table_(table), store_(store), stats_(stats), prng_(prng) {}

  // The node begins to take part; before, nothing is due.
  void begin(TimePoint now);
  // A contact entered the table.
  void on_newcomer(TimePoint now, ContactHold contact);
  // A peer wants to be sent what is held of `key`. Beyond a bound it is not; the next comparison
  // finds it lacking again.
  void on_wanted(const Key& key, const ContactHold& by);
  // A comparison began, or ended.
  void on_begun() { ++running_; }
  void on_ended() { --running_; }
  // A Send was sent, or answered or lost.
  void on_sent() { ++sending_; }
  void on_send_ended() { --sending_; }
  // Of a key looked at: one of its nearest has this version; whether that was so; this node keeps
  // it (again).
  void on_handed_over(const Key& key, std::uint64_t fingerprint);
  bool handed_over(const Key& key, std::uint64_t fingerprint);
  void on_kept(const Key& key);

  // How many of the contacts nearest to this node may keep what it keeps.
  std::size_t neighbours() const;

  // `settled`: the table is as complete as it gets.
  std::optional<Job> poll(TimePoint now, bool settled);
  std::optional<TimePoint> next_timeout() const;

 private:
  bool idle() const;
  Duration pace() const;
  std::vector<Key> next_keys(TimePoint now);

  const Config& config_;
  const RoutingTable& table_;
  const RecordStore& store_;
  Stats& stats_;
  Prng& prng_;

  bool begun_ = false;
  bool settled_ = false;  // when it was last polled
  TimePoint next_neighbour_{};
  TimePoint next_look_{};
  std::optional<Key> looked_at_;  // the last key of the round under way
  std::multimap<TimePoint, ContactHold> newcomers_;
  std::list<Send> wanted_;
  int running_ = 0;
  int sending_ = 0;
  // Forgotten at the start of a round, unless seen since the last one.
  std::map<Key, std::uint64_t> handed_over_;
  std::map<Key, std::uint64_t> still_so_;  // those seen
};

}  // namespace kadmos
