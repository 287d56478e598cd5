// The routing table: the contacts this node verified itself, in k-buckets (Kademlia 2002, sections
// 2.2 and 2.4). It decides nothing about the network: it is told who was seen and who failed, and
// asked whom it knows.
//
// Invariants: every entry was reached and proved its key; a bucket covers one prefix of the id
// space and holds at most k entries, least recently seen first; only the bucket that covers the own
// id splits; a full bucket never drops an entry that has not failed twice in a row; the own id is
// never inside; an address group has at most its share of a bucket, cache included. A contact that
// finds its bucket full waits in the bucket's replacement cache (at most k, most recently seen
// last; only full buckets have one) and takes the place of an entry that died.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/contact_book.h"
#include "base/prng.h"
#include "base/recycled.h"
#include "base/rtt.h"
#include "kadmos/address_groups.h"
#include "kadmos/id.h"
#include "kadmos/time.h"

namespace kadmos {

class RoutingTable {
 public:
  struct Options {
    int k = 20;
    std::size_t per_group = 10;  // contacts of one address group in one bucket; local ones exempt
    const AddressGroups* groups = &AddressGroups::usual();  // must outlive the table
    Duration refresh_interval = std::chrono::hours(1);
    int max_failures = 2;  // in a row, and the entry goes
  };
  enum class Seen : std::uint8_t {
    added,       // new in the table
    updated,     // was there; now the most recently seen of its bucket
    cached,      // its bucket is full; it waits in the replacement cache
    group_full,  // its address group has its share of the bucket; nothing changed
    self,        // the own id; nothing changed
  };

  // A node that is busy meets others than its entries all the time.
  static constexpr Duration kCheckPause = std::chrono::seconds(10);

  RoutingTable(const Id& self, Options options, ContactBook& book);
  ~RoutingTable();
  RoutingTable(const RoutingTable&) = delete;
  RoutingTable& operator=(const RoutingTable&) = delete;

  // `contact` was dialled and proved its key, just now or when the connection was made that it was
  // heard over. An entry of the same id takes the new endpoints. Clears its failures; `round_trip`,
  // if measured, updates its estimate. Amortised O(k).
  Seen on_seen(TimePoint now, ContactRef contact, std::optional<Duration> round_trip);

  // The entry with this id answered over a connection that it had made itself: it lives and is the
  // most recently seen, but whether it can be dialled is not known, so failures stay. Unknown ids:
  // nothing happens.
  void on_heard(const Id& id, std::optional<Duration> round_trip);

  // The contact with this id did not answer, or could not be reached. Returns true if that removed
  // it (the replacement seen last, if any waits, moved up, and is to be dialled). One that only
  // waits is forgotten. Unknown ids: nothing happens.
  bool on_failed(const Id& id);

  // A full bucket's least recently seen entry that should prove itself because somebody waits in
  // the cache; nothing if no bucket asks. Each is given once until it is seen or fails. on_seen
  // (cached) can make it non-empty, once in kCheckPause, and so can on_failed while somebody waits.
  std::optional<ContactRef> poll_check();

  // Of each bucket the entry seen longest ago. Lookups may never ask it, so that only an upkeep
  // that does notices that it is gone.
  std::vector<ContactRef> oldest() const;

  // Begins a round of dials: every entry that was not reached since the last one began is to be
  // dialled, since it may answer over connections of its own for ever and be nowhere for others.
  void begin_round();
  // An entry that is to be dialled; each is given once a round. Nothing if there is none.
  std::optional<ContactRef> poll_unproved();

  // Whether to dial `contact`, which has connected by itself, would help: it is inside with other
  // endpoints or has failed, or it is not inside and its bucket has room or would split.
  bool wants(ContactRef contact) const;

  // Whether all nodes that share just as many bits with this one as `id` does may be known. Of a
  // bucket that was full or kept somebody out, at or since its last refresh, only some are.
  bool may_know_all(const Id& id) const;
  // One id for each living node as far as counting goes: those of the entries that have not failed,
  // and in place of the nodes that are missing from a bucket of which only some are known, up to k,
  // once more the id of one of them.
  std::vector<Id> census() const;

  // The entry's contact as verified; nothing if the id is not inside.
  std::optional<ContactRef> find(const Id& id) const;
  // Likewise, but nothing if it has failed since it was verified.
  std::optional<ContactRef> find_healthy(const Id& id) const;
  // The estimate of an entry; null if unknown or never measured. Valid until the next change.
  const Rtt* rtt(const Id& id) const;

  // Up to n entries nearest to target, nearest first, exactly as a sort of the whole table would
  // give; entries that failed once come only after all that did not (when `healthy_first`).
  // References are borrowed: retain what is kept beyond the next change. O(buckets + n log n).
  RecycledVector<ContactRef> closest(const Id& target, std::size_t n,
                                     bool healthy_first = false) const;
  // The same for a reply to a peer: entries without failures only.
  RecycledVector<ContactRef> closest_healthy(const Id& target, std::size_t n) const;

  // Every entry, bucket by bucket from the farthest, least recently seen first.
  std::vector<ContactRef> all() const;
  std::size_t size() const { return size_; }
  std::size_t buckets() const { return buckets_.size(); }
  // How many bits those share with the own id who are in its bucket: where ids are spread evenly,
  // who shares as many with a key is likely to be one of the k nearest to it.
  int own_bits() const { return static_cast<int>(buckets_.size()) - 1; }
  bool empty() const { return size_ == 0; }

  // Refresh (section 2.3): a lookup for `target` keeps its bucket fresh.
  void on_lookup(TimePoint now, const Id& target);
  // When the first bucket falls due; TimePoint::max() while the table is empty. A bucket that was
  // never looked up is due at once, also one just split off: so a join, which looks up the own id,
  // goes on to refresh what lies farther away, as the paper asks.
  TimePoint next_refresh() const;
  // A random id inside a bucket that is due at `now`, which then counts as looked up; it falls due
  // again after the (jittered) interval.
  std::optional<Id> poll_refresh(TimePoint now, Prng& prng);

 private:
  // When an entry was last reached by a dial: since the last round began, before, or so long ago
  // that it is to be dialled.
  enum class Proof : std::uint8_t { fresh, old, due };
  struct Entry {
    ContactRef contact;
    Rtt rtt;
    std::uint8_t failures = 0;
    Proof proof = Proof::fresh;
  };
  static_assert(sizeof(Entry) <= 16);
  enum class Check : std::uint8_t { idle, wanted, given };  // of a bucket's first entry
  struct Bucket {
    std::vector<Entry> entries;       // least recently seen first
    std::vector<ContactRef> waiting;  // the replacement cache, most recently seen last
    TimePoint due{};                  // for a refresh
    TimePoint next_check{};           // not before
    Check check = Check::idle;
    bool crowded = false;  // was full, or kept somebody out, since its last refresh
  };

  std::size_t index_of(const Id& id) const;
  const Entry* entry(const Id& id) const;
  bool full(const Bucket& bucket) const;
  Seen update(Bucket& bucket, std::size_t at, ContactRef contact,
              std::optional<Duration> round_trip);
  Entry& touch(Bucket& bucket, std::size_t at, std::optional<Duration> round_trip);
  Seen cache(TimePoint now, Bucket& bucket, ContactRef contact);
  void split_last(TimePoint now);
  void find_next_due();
  void remove(Bucket& bucket, std::size_t at);
  void forget_waiting(Bucket& bucket, std::size_t at);
  bool group_full(const Bucket& bucket, ContactRef contact) const;
  void limit_waiting(Bucket& bucket, ContactRef contact);
  template <class Accept>
  void collect(const Id& target, std::size_t n, Accept accept,
               RecycledVector<ContactRef>& out) const;

  Id self_;
  Options options_;
  ContactBook& book_;
  std::vector<Bucket> buckets_;  // [i] shares i bits with self; the last shares i or more
  std::size_t size_ = 0;
  TimePoint next_due_{};       // of all buckets
  bool check_wanted_ = false;  // perhaps; if not, no bucket needs to be looked at
  bool any_due_ = false;       // perhaps; if not, no entry is to be dialled
};

}  // namespace kadmos
