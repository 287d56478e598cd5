#include "simulations/disk.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace kadmos::sim {

class MountedDisk final : public Storage {
 public:
  explicit MountedDisk(Disk& disk) : disk_(disk) {}
  ~MountedDisk() override { disk_.unmount(); }

  void on_committed(std::function<void(CommitId, Result<void>)> listener) override {
    disk_.listener_ = std::move(listener);
  }
  void commit(Commit commit) override { disk_.commit(std::move(commit)); }
  void pump() override { disk_.durable_->pump(); }

  Result<std::optional<StoredRecord>> find(const Key& key) const override {
    return disk_.durable_->find(key);
  }
  std::optional<Outline> outline(const Key& key) const override {
    return disk_.durable_->outline(key);
  }
  std::vector<Key> keys_after(const std::optional<Key>& after, std::size_t n) const override {
    return disk_.durable_->keys_after(after, n);
  }
  std::vector<Key> expired(WallTime wall, std::size_t n) const override {
    return disk_.durable_->expired(wall, n);
  }
  std::optional<WallTime> next_expiry() const override { return disk_.durable_->next_expiry(); }
  std::vector<Key> own_keys() const override { return disk_.durable_->own_keys(); }
  std::vector<Key> farthest(const Id& id, std::size_t n) const override {
    return disk_.durable_->farthest(id, n);
  }
  Held held_of_owner(const PublicKey& owner) const override {
    return disk_.durable_->held_of_owner(owner);
  }
  Held held_of_group(std::uint64_t group) const override {
    return disk_.durable_->held_of_group(group);
  }
  std::size_t count_in(const KeyRange& range, std::uint64_t group) const override {
    return disk_.durable_->count_in(range, group);
  }
  StorageUsage usage() const override { return disk_.durable_->usage(); }
  RangeDigest digest(const KeyRange& range) const override { return disk_.durable_->digest(range); }
  std::vector<Version> versions(const KeyRange& range, std::size_t n) const override {
    return disk_.durable_->versions(range, n);
  }

 private:
  Disk& disk_;
};

Disk::Disk(EventQueue& queue, NodeIndex self, Duration latency)
    : queue_(queue), self_(self), latency_(latency) {
  wipe();
}

std::unique_ptr<Storage> Disk::mount() {
  check(listener_ == nullptr);
  return std::make_unique<MountedDisk>(*this);
}

std::optional<StoredRecord> Disk::record(const Key& key) const {
  auto found = durable_->find(key).value();
  return found && found->record.type != RecordType::floor ? std::move(found) : std::nullopt;
}

void Disk::wipe() {
  durable_ = make_memory_storage();
  durable_->on_committed([this](CommitId id, Result<void> result) {
    if (listener_) listener_(id, std::move(result));
  });
}

void Disk::unmount() {
  listener_ = nullptr;
  pending_.clear();
}

void Disk::commit(Commit commit) {
  if (latency_ == Duration::zero() && pending_.empty() && !failing_ && !full_)
    return durable_->commit(std::move(commit));
  const std::uint64_t number = next_++;
  pending_.push_back({number, std::move(commit)});
  queue_.push(queue_.now() + latency_, self_,
              {Event::Kind::committed, {}, self_, self_, number, {}});
}

void Disk::deliver(const Event& event) {
  if (pending_.empty() || pending_.front().number != event.number) return;  // lost in a crash
  Commit commit = std::move(pending_.front().commit);
  pending_.pop_front();
  ++finished_;
  // As on a real disk, floors take the room of what they replace.
  const auto grows = [](const Write& write) {
    return write.record && write.record->record.type != RecordType::floor;
  };
  if (full_ && std::ranges::any_of(commit.writes, grows)) {
    listener_(commit.id, Error(Errc::busy, "the virtual disk is full"));
    return;
  }
  if (failing_) {
    listener_(commit.id, Error(Errc::storage_failed, "the virtual disk fails"));
    return;
  }
  durable_->commit(std::move(commit));
  durable_->pump();
}

}  // namespace kadmos::sim
