// Storage in this process's memory. A batch waits in a queue until pump() applies and reports it,
// so that a node sees the same order of events as with a disk.
#include <utility>

#include "base/check.h"
#include "base/recycled.h"
#include "kadmos/seams.h"
#include "store/index.h"

namespace kadmos {
namespace {

class MemoryStorage final : public IndexedStorage<StoredRecord> {
 public:
  void on_committed(std::function<void(CommitId, Result<void>)> listener) override {
    listener_ = std::move(listener);
  }
  void commit(Commit commit) override { queue_.push_back(std::move(commit)); }
  void pump() override;

  Result<std::optional<StoredRecord>> find(const Key& key) const override {
    const StoredRecord* kept = index_.find(key);
    return kept == nullptr ? std::nullopt : std::optional(*kept);
  }

 private:
  std::function<void(CommitId, Result<void>)> listener_;
  RecycledList<Commit> queue_;
};

void MemoryStorage::pump() {
  // What the listener commits meanwhile waits for the next call.
  for (std::size_t left = queue_.size(); left > 0; --left) {
    Commit commit = std::move(queue_.front());
    queue_.pop_front();
    for (Write& one : commit.writes) index_.write(one.key, std::move(one.record));
    check(listener_ != nullptr);
    listener_(commit.id, {});
  }
}

}  // namespace

std::unique_ptr<Storage> make_memory_storage() { return std::make_unique<MemoryStorage>(); }

}  // namespace kadmos
