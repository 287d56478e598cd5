// The record store: decides what this node keeps. It stands before the Storage seam and knows the
// rules (order of versions, lifetimes, bounds, whose turn it is to go); storage only keeps.
//
// A record offered here has been verified already (kadmos::verify). An accepted one becomes part of
// the next commit and is durable once that commit is reported; until then it decides about later
// offers for the same key and counts against the bounds, but readers do not see it.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/recycled.h"
#include "kadmos/config.h"
#include "kadmos/seams.h"
#include "kadmos/stats.h"

namespace kadmos {

class RecordStore {
 public:
  // Why a record is refused whose time is over; peers are told in these words.
  static constexpr std::string_view kExpired = "expired";

  enum class Status : std::uint8_t {
    accepted,    // newer than what was held, or the first: durable with `commit`
    extended,    // the version held, now to live longer (durable with `commit`), or as long already
                 // (`commit` empty, unless the same version is still being committed)
    superseded,  // a newer version is held (than expected, if that was said); nothing changes
    refused,     // never: expired, or too large
    busy,        // a bound is reached, the disk is full or cannot be read; what is held stays
  };
  struct Verdict {
    Status status = Status::refused;
    std::optional<CommitId> commit;  // what must become durable before this may be acknowledged;
                                     // also of a superseded one, if the newer is being committed
    std::uint64_t sequence = 0;      // of the version now held (or being committed)
    // The owner signed two contents under one sequence, and the other has not expired here.
    bool equivocation = false;
    std::string detail;
  };

  // All referenced things must outlive the store.
  RecordStore(const Config& config, const Id& self, Storage& storage, Stats& stats);

  // An owned record or tombstone that expires leaves a floor for ttl_max + clock_skew: no version
  // that comes before it is taken for so long, though that one may live longer. This holds of
  // sequence 1 too, since the owner may have signed two values under it. For readers nothing is
  // there. Floors go first when room is needed.
  //
  // Offers a verified record for `key`. `group`: the address group of the peer that stores it, 0 if
  // no cap applies; a newer version stays with the group of the first, and remains own if the first
  // is. One that is offered again, or a newer one, takes the place of a record that lapsed.
  //
  // A record whose expiry is not after now.wall is refused. Any other is kept until its expiry, but
  // no longer than ttl_max + clock_skew from now: the skew, so that an owner whose clock is ahead
  // gets the lifetime it signed. A later offer of the same version can move that cap on, never past
  // the expiry the owner signed.
  //
  // Own records are exempt from the bounds (not from those on size) and from eviction. Others may
  // evict expired records first, then those farthest from the own id if they are farther than
  // `key` and if their address group has no less stored here than the group of this one would have.
  // So no group displaces what others stored beyond an equal share; a local peer's record gives way
  // to local peers only.
  //
  // Of the announcements of one key those that came first stay; one more than the bounds allow is
  // answered busy.
  //
  // `expects`: any version known with a higher sequence supersedes the offer, floors and what is
  // being committed included. So does the very version offered: two may say the same.
  //
  // Counts records_refused, records_busy, providers_full, records_evicted and equivocations.
  Verdict offer(Now now, const Key& key, Record record, Own own, std::uint64_t group,
                std::optional<std::uint64_t> expects = std::nullopt);

  // Durable and unexpired at `now`; nothing otherwise. Storage errors are reported as they are,
  // counted in records_unreadable and told by poll_unreadable. A damaged record is told of once. It
  // is no longer held against offers, and erased with the next commit, so that others send it anew;
  // but not an own one that is alive, which stays own until it is offered again, or expires.
  Result<std::optional<StoredRecord>> find(Now now, const Key& key) const;
  // As find, but the version being committed if there is one: what the next offer is held against.
  Result<std::optional<StoredRecord>> newest(Now now, const Key& key) const;
  // As newest, but also what is expired or lapsed, or a floor.
  Result<std::optional<StoredRecord>> present(const Key& key) const;
  // The highest sequence known of a name, if its record expired or is damaged too; 0 if none.
  std::uint64_t last_sequence(const Key& key) const;

  // Up to n announcements of `key`, durable and unexpired at `now`, in the order of their keys; the
  // first one after the one whose key ends in `after`, or the first of all. What cannot be read is
  // left out and counted.
  struct Announcements {
    std::vector<Record> records;
    bool more = false;  // others may follow
  };
  Announcements announcements(Now now, const Key& key, const std::optional<ByteArray<32>>& after,
                              std::size_t n) const;

  // Erases up to `budget` expired records (through the next commit), or has them lapse if they are
  // to be renewed, and counts them in records_expired. next_expiry says when the next falls due;
  // nothing while that one is already being written, or while the last commit failed: a failing
  // disk is not asked again at once. One that is full is: erasing makes room.
  void expire(Now now, std::size_t budget);
  std::optional<WallTime> next_expiry() const { return next_expiry_; }

  // What another node should hold as well: the record as find gives it, unless clocks that differ
  // by as much as they may could call it expired.
  std::optional<Record> to_hand_over(Now now, const Key& key) const;
  // As in Storage: what is durable, expired or not.
  RangeDigest digest(const KeyRange& range) const { return storage_.digest(range); }
  std::vector<Version> versions(const KeyRange& range, std::size_t n) const {
    return storage_.versions(range, n);
  }

  // Up to n keys after `after` in key order, and all of own records, or of one kind of these.
  std::vector<Key> keys_after(const std::optional<Key>& after, std::size_t n) const;
  std::vector<Key> own_keys() const;
  std::vector<Key> own_keys(Own kind) const;
  // Of what present(key) gives, or would if it could be read.
  std::optional<Outline> outline(const Key& key) const;
  // An own record is no longer republished, but lives on until it expires, as `kind`.
  void release(Now now, const Key& key, Own kind);
  // `version`, which is to be renewed, could not be: it has lapsed, and expired at `since`. Nothing
  // happens if another version is held by now.
  void lapse(const Key& key, const Record& version, WallTime since);
  StorageUsage usage() const;

  // What a read met since the last call that it could not give, whoever asked for it.
  struct Unreadable {
    Key key;
    Own own = Own::none;
    Error why;
  };
  std::optional<Unreadable> poll_unreadable();

  // The batch of everything accepted since the last call; nothing if there is nothing.
  std::optional<Commit> poll_commit();
  // Storage reported the commit. A failed one never happened (commits_failed). If the disk was full
  // (busy), stores are answered busy until something was erased, or a second is over; then those
  // farthest from the own id go first, if any are farther than what is offered. Gives the keys of
  // which it made a first or newer version durable, each once.
  RecycledVector<Key> on_committed(CommitId id, const Result<void>& result);

 private:
  struct Pending {
    CommitId commit = 0;
    std::optional<StoredRecord> record;  // nothing: being erased
    bool newer = false;                  // its commit has a newer version than was held before
  };
  // One record more or less, as the bounds count.
  struct Change {
    std::ptrdiff_t records = 0;  // +1 or -1
    std::ptrdiff_t bytes = 0;
    PublicKey owner;  // all zero: content
    std::uint64_t group = 0;
  };
  struct Batch {
    RecycledVector<Key> keys;
    RecycledVector<Key> newer;  // those of which it has a newer version
    RecycledVector<Change> changes;
  };

  Verdict judge(Now now, const Key& key, Record offered, Own own, std::uint64_t group,
                std::optional<std::uint64_t> expects);
  Verdict refresh(Now now, const Key& key, const StoredRecord& held, const StoredRecord& offered);
  Verdict admit(Now now, const Key& key, StoredRecord fresh,
                const std::optional<StoredRecord>& held);
  template <class Map, class Of>
  static Held with_ahead(const Held& stored, const Map& ahead, const Of& of);
  Held held_of_group(std::uint64_t group) const;
  std::string over_caps(const StoredRecord& fresh, Held more) const;
  bool may_displace(const StoredRecord& fresh, const Outline& held) const;
  std::string over_provider_caps(const Key& key, const StoredRecord& fresh) const;
  bool make_room(Now now, const Key& key, const StoredRecord& fresh, Held more);
  bool disk_takes_more(Now now, const Key& key, const StoredRecord& fresh);
  // What expired lapses, leaves a floor or is erased. False: it cannot be read, and stays.
  bool drop(Now now, const Key& key);
  std::optional<StoredRecord> floor_of(Now now, const Key& key) const;
  Result<std::optional<StoredRecord>> read(const Key& key) const;
  std::optional<CommitId> commit_of(const Key& key) const;
  // After every change that matters to it, since it is asked for after every input.
  void find_next_expiry();
  // Adds a write to the batch being collected.
  void write(const Key& key, std::optional<StoredRecord> record, bool newer = false);
  void count(Batch& batch, const Outline& record, int sign);
  void apply(const Change& change, int sign);

  const Config& config_;
  Id self_;
  Storage& storage_;
  Stats& stats_;
  RecycledMap<Key, Pending> pending_;     // newest write of a key that is not reported yet
  RecycledMap<CommitId, Batch> batches_;  // not reported yet; the last may still be collecting
  CommitId next_ = 1;                     // of the batch being collected
  bool failing_ = false;                  // the last commit reported failed
  int full_ = 0;                          // commits in a row that found no room on the disk
  std::optional<TimePoint> next_try_;     // of a full disk; nothing: a while from the next offer
  mutable std::set<Key> damaged_;         // found so, and not written since
  mutable std::set<Key> to_erase_;        // of them
  mutable std::deque<Unreadable> unreadable_;
  std::optional<WallTime> next_expiry_;

  // What the unreported changes add to the storage's own counts.
  std::ptrdiff_t records_ahead_ = 0;
  std::ptrdiff_t bytes_ahead_ = 0;
  struct Ahead {
    std::ptrdiff_t records = 0;
    std::ptrdiff_t bytes = 0;
    friend bool operator==(const Ahead&, const Ahead&) = default;
  };
  RecycledMap<PublicKey, Ahead> owners_ahead_;
  RecycledMap<std::uint64_t, Ahead> groups_ahead_;
};

}  // namespace kadmos
