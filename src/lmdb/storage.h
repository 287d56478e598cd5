// Storage on disk. A thread makes commits durable, as many as come along in one transaction and
// fsync; everything else happens on the thread that owns the storage, and the two meet in two
// queues. What the storage answers from is an index in memory, which changes exactly when a commit
// is reported; only records themselves are read from the file, by `find`.
//
// A disk that is full fails a batch and no more. One that fails otherwise is not trusted again: no
// commit succeeds and nothing is found from then on, and `on_broken` says so.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "kadmos/seams.h"
#include "lmdb/database.h"
#include "store/index.h"

namespace kadmos {

class LmdbStorage final : public IndexedStorage<Standing> {
 public:
  // Runs a function on the thread that owns the storage, later. Called from any thread.
  using Post = std::function<void(std::function<void()>)>;

  // `on_broken` is called once, by `post`; null: nobody wants to know.
  static Result<std::unique_ptr<LmdbStorage>> open(std::unique_ptr<Database> database, Post post,
                                                   std::function<void(const Error&)> on_broken);
  // Makes durable what is queued, and reports it no more.
  ~LmdbStorage() override;

  void on_committed(std::function<void(CommitId, Result<void>)> listener) override;
  void commit(Commit commit) override;
  void pump() override;

  Result<std::optional<StoredRecord>> find(const Key& key) const override;

 private:
  struct Done {
    CommitId id = 0;
    Result<void> result;
  };
  // What a commit that is not reported yet will change in the index.
  struct Unreported {
    CommitId id = 0;
    std::vector<std::pair<Key, std::optional<Standing>>> writes;
  };

  LmdbStorage(std::unique_ptr<Database> database, Post post,
              std::function<void(const Error&)> on_broken);
  std::optional<Done> next_done();
  void broke(const Error& error) const;
  bool being_written(const Key& key) const;
  bool being_erased(const Key& key) const;

  // The committing thread.
  void run();
  std::vector<Commit> next_batch(std::unique_lock<std::mutex>& lock);

  const std::unique_ptr<Database> database_;
  const Post post_;
  mutable std::function<void(const Error&)> on_broken_;
  std::shared_ptr<std::function<void(CommitId, Result<void>)>> listener_;
  std::deque<Unreported> unreported_;
  mutable std::optional<Error> broken_;  // found by a commit or by a read
  // What is posted may run when the storage is gone, or be the end of it.
  std::shared_ptr<LmdbStorage*> self_ = std::make_shared<LmdbStorage*>(this);

  std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_.
  std::deque<Commit> queue_;
  std::size_t queued_records_ = 0;
  std::deque<Done> done_;
  bool ending_ = false;

  std::thread thread_;
};

}  // namespace kadmos
