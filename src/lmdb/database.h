// The file of records: one LMDB environment of three tables (by key, by expiry, and "meta", which
// says what the file is). It knows the format and nothing of queues, threads or loops.
//
// LMDB copies what it changes and writes the page that makes a transaction count last, after an
// fsync; so a crash at any moment leaves the last transaction whose apply() succeeded, or the one
// under way, whole. It has no checksums, the rows do: what fails them is reported and never given.
// Room on the disk is set aside before a transaction writes, and some more for those that erase.
//
// One thread may read and, at the same time, one (the same or another) apply.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kadmos/seams.h"
#include "lmdb/format.h"

namespace kadmos {

// So that a file made or renamed in the directory of `path` stays so after a crash.
Result<void> sync_directory_of(const std::string& path);

class Database {
 public:
  // Opens the file at `path`, or makes it, with `path`-lock beside it. `room`: how large the file
  // may grow; one that is nearly so large already gets more, and where there is too little address
  // space any gets less. What is in it then is on the disk, also if whoever had it last was killed.
  // All pages but the values are looked at, since LMDB trusts them: a file that is cut short or
  // whose trees are damaged is refused. Errors: busy (open elsewhere), io (the file system's),
  // storage_failed (damaged, not ours, a newer format, another network's).
  static Result<std::unique_ptr<Database>> open(const std::string& path, std::string_view network,
                                                std::size_t room);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // All there is, by expiry. An index that is damaged, or of an older format, is made anew from the
  // records, without those that are damaged themselves. Once, before apply(). Errors: busy (the
  // disk is too full for that), storage_failed.
  Result<std::vector<std::pair<Key, Standing>>> standings();
  // What standings() had to mend, for people; empty: nothing.
  const std::string& mended() const;
  // As of the last apply() that succeeded. Errors: verification_failed (what is read is damaged),
  // storage_failed (it cannot be read).
  Result<std::optional<StoredRecord>> find(const Key& key) const;
  // Makes the commits durable, in order and in one transaction. Errors: busy (the disk or the file
  // is full: nothing happened, another may go well), storage_failed (nobody knows what the disk has
  // now; whoever goes on would promise what it cannot keep).
  Result<void> apply(std::span<const Commit> commits);
  // LMDB has given up on the file: nothing can be read or written any more.
  bool panicked() const;

 private:
  struct Lmdb;
  static Result<void> create(const std::string& path, std::string_view network, std::size_t room);
  explicit Database(std::unique_ptr<Lmdb> lmdb);
  std::unique_ptr<Lmdb> lmdb_;
};

}  // namespace kadmos
