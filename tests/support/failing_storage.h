// Memory storage whose disk fails on demand: batches that never happen, reads that give an error.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "kadmos/seams.h"

namespace kadmos {

class FailingStorage final : public Storage {
 public:
  bool fail_reads = false;
  std::set<Key> damaged;                // cannot be read until they are written again
  Errc failure = Errc::storage_failed;  // of commits; busy: the disk is full
  std::function<bool()> fail_commit = [] { return false; };
  mutable std::size_t reads = 0;
  mutable std::size_t listed = 0;  // keys that were asked for as the farthest
  std::size_t pump_at_most = static_cast<std::size_t>(-1);  // batches a pump

  FailingStorage() {
    memory_->on_committed([this](CommitId id, Result<void> result) { listener_(id, result); });
  }

  void on_committed(std::function<void(CommitId, Result<void>)> listener) override {
    listener_ = std::move(listener);
  }
  void commit(Commit commit) override { queue_.push_back(std::move(commit)); }
  void pump() override {
    for (std::size_t i = 0; i < pump_at_most && !queue_.empty(); ++i) {
      Commit commit = std::move(queue_.front());
      queue_.pop_front();
      if (fail_commit()) {
        listener_(commit.id, Error(failure, "the disk fails"));
      } else {
        for (const Write& write : commit.writes) damaged.erase(write.key);
        memory_->commit(std::move(commit));
        memory_->pump();
      }
    }
  }
  std::size_t queued() const { return queue_.size(); }
  // What is on the disk already when somebody comes to use it.
  void put(const Record& record) {
    auto listener = std::exchange(listener_, [](CommitId, const Result<void>&) {});
    memory_->commit({0, {{key_of(record), StoredRecord{record, record.expiry}}}});
    memory_->pump();
    listener_ = std::move(listener);
  }

  Result<std::optional<StoredRecord>> find(const Key& key) const override {
    ++reads;
    if (fail_reads) return Error(Errc::storage_failed, "the disk cannot be read");
    if (damaged.contains(key)) return Error(Errc::verification_failed, "the record is damaged");
    return memory_->find(key);
  }
  std::optional<Outline> outline(const Key& key) const override { return memory_->outline(key); }
  std::vector<Key> keys_after(const std::optional<Key>& after, std::size_t n) const override {
    return memory_->keys_after(after, n);
  }
  std::vector<Key> expired(WallTime wall, std::size_t n) const override {
    return memory_->expired(wall, n);
  }
  std::optional<WallTime> next_expiry() const override { return memory_->next_expiry(); }
  std::vector<Key> own_keys() const override { return memory_->own_keys(); }
  std::vector<Key> farthest(const Id& id, std::size_t n) const override {
    listed += n;
    return memory_->farthest(id, n);
  }
  Held held_of_owner(const PublicKey& owner) const override {
    return memory_->held_of_owner(owner);
  }
  Held held_of_group(std::uint64_t group) const override { return memory_->held_of_group(group); }
  std::size_t count_in(const KeyRange& range, std::uint64_t group) const override {
    return memory_->count_in(range, group);
  }
  StorageUsage usage() const override { return memory_->usage(); }
  RangeDigest digest(const KeyRange& range) const override { return memory_->digest(range); }
  std::vector<Version> versions(const KeyRange& range, std::size_t n) const override {
    return memory_->versions(range, n);
  }

 private:
  std::unique_ptr<Storage> memory_ = make_memory_storage();
  std::function<void(CommitId, Result<void>)> listener_;
  std::deque<Commit> queue_;
};

}  // namespace kadmos
