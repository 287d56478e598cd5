// The record store: decides what this node keeps. It stands before the Storage seam and knows the
// rules (order of versions, lifetimes, bounds, whose turn it is to go); storage only keeps.
//
// A record offered here has been verified already (kadmos::verify). An accepted one becomes part of
// the next commit and is durable once that commit is reported; until then it decides about later
// offers for the same key, but readers do not see it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kadmos/config.h"
#include "kadmos/seams.h"
#include "kadmos/stats.h"

namespace kadmos {

class RecordStore {
 public:
  enum class Status : std::uint8_t {
    accepted,    // newer than what was held, or the first: durable with `commit`
    extended,    // the version held, now to live longer (durable with `commit`), or as long already
                 // (`commit` empty, unless the same version is still being committed)
    superseded,  // a newer version is held; nothing changes
    refused,     // never: expired, lifetime or size out of bounds
    busy,        // a bound; nothing changes
  };
  struct Verdict {
    Status status = Status::refused;
    std::optional<CommitId> commit;  // what must become durable before this may be acknowledged
    std::uint64_t sequence = 0;      // of the version now held (or being committed)
    bool equivocation = false;       // the owner signed two contents under one sequence
    std::string detail;
  };

  // All referenced things must outlive the store.
  RecordStore(const Config& config, const Id& self, Storage& storage, Stats& stats);

  // Offers a verified record for `key`. `group`: the address group of the peer that stores it, 0 if
  // no cap applies. Own records are exempt from the bounds on count and from eviction; others may
  // evict expired records first, then those farthest from the own id if they are farther than `key`.
  Verdict offer(Now now, const Key& key, const Record& record, bool own, std::uint64_t group);

  // Durable and unexpired at `now`; nothing otherwise. Storage errors are reported as they are.
  Result<std::optional<StoredRecord>> find(Now now, const Key& key) const;
  // As find, but the version being committed if there is one: what the next offer is held against.
  Result<std::optional<StoredRecord>> newest(Now now, const Key& key) const;

  // Erases up to `budget` expired records (through the next commit). next_expiry says when the next
  // falls due.
  void expire(Now now, std::size_t budget);
  std::optional<WallTime> next_expiry() const;

  // Up to n keys after `after` in key order, and those of own records.
  std::vector<Key> keys_after(const std::optional<Key>& after, std::size_t n) const;
  std::vector<Key> own_keys() const;
  // The record is no longer republished, but lives on until it expires.
  void disown(Now now, const Key& key);
  StorageUsage usage() const;

  // The batch of everything accepted since the last call; nothing if there is nothing.
  std::optional<Commit> poll_commit();
  // Storage reported the commit. A failed one never happened.
  void on_committed(CommitId id, bool ok);

 private:
  struct Pending {
    CommitId commit;
    std::optional<StoredRecord> record;
  };

  const Config& config_;
  Id self_;
  Storage& storage_;
  Stats& stats_;
  std::map<Key, Pending> pending_;  // newest uncommitted write of a key
  Commit next_;
};

}  // namespace kadmos
