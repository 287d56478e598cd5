// Storage in this process's memory: ordered containers only, one for the records and one an index.
// A batch waits in a queue until pump() applies and reports it, so that a node sees the same order
// of events as with a disk.
#include <list>
#include <map>
#include <set>
#include <utility>

#include "base/check.h"
#include "kadmos/seams.h"

namespace kadmos {
namespace {

class MemoryStorage final : public Storage {
 public:
  void on_committed(std::function<void(CommitId, Result<void>)> listener) override {
    listener_ = std::move(listener);
  }
  void commit(Commit commit) override { queue_.push_back(std::move(commit)); }
  void pump() override;

  Result<std::optional<StoredRecord>> find(const Key& key) const override;
  std::vector<Key> keys_after(const std::optional<Key>& after, std::size_t n) const override;
  std::vector<Key> expired(WallTime wall, std::size_t n) const override;
  std::optional<WallTime> next_expiry() const override;
  std::vector<Key> own_keys() const override { return {own_.begin(), own_.end()}; }
  std::vector<Key> farthest(const Id& id, std::size_t n) const override;
  std::size_t count_of_owner(const PublicKey& owner) const override;
  std::size_t count_of_group(std::uint64_t group) const override;
  StorageUsage usage() const override { return {records_.size(), bytes_}; }

 private:
  using KeyIterator = std::set<Key>::const_iterator;

  void write(const Key& key, std::optional<StoredRecord> record);
  void index(const Key& key, const StoredRecord& record);
  void unindex(const Key& key, const StoredRecord& record);
  void collect_farthest(KeyIterator first, KeyIterator last, const Id& id, std::size_t n,
                        std::vector<Key>& out) const;

  std::function<void(CommitId, Result<void>)> listener_;
  std::list<Commit> queue_;
  std::map<Key, StoredRecord> records_;
  std::set<std::pair<WallTime, Key>> by_expiry_;
  std::set<Key> own_;
  std::set<Key> others_;  // every key that is not own
  std::map<PublicKey, std::size_t> of_owner_;
  std::map<std::uint64_t, std::size_t> of_group_;
  std::size_t bytes_ = 0;
};

void MemoryStorage::pump() {
  // What the listener commits meanwhile waits for the next call.
  for (std::size_t left = queue_.size(); left > 0; --left) {
    Commit commit = std::move(queue_.front());
    queue_.pop_front();
    for (Write& one : commit.writes) write(one.key, std::move(one.record));
    check(listener_ != nullptr);
    listener_(commit.id, {});
  }
}

void MemoryStorage::write(const Key& key, std::optional<StoredRecord> record) {
  if (const auto held = records_.find(key); held != records_.end()) {
    unindex(key, held->second);
    records_.erase(held);
  }
  if (!record) return;
  index(key, *record);
  records_.emplace(key, *std::move(record));
}

void MemoryStorage::index(const Key& key, const StoredRecord& record) {
  by_expiry_.emplace(record.expiry, key);
  (record.own ? own_ : others_).insert(key);
  if (record.record.type != RecordType::content) ++of_owner_[record.record.owner];
  if (record.group != 0) ++of_group_[record.group];
  bytes_ += stored_bytes(record.record);
}

void MemoryStorage::unindex(const Key& key, const StoredRecord& record) {
  const auto drop = [](auto& counts, const auto& of) {
    const auto it = counts.find(of);
    if (--it->second == 0) counts.erase(it);
  };
  by_expiry_.erase({record.expiry, key});
  (record.own ? own_ : others_).erase(key);
  if (record.record.type != RecordType::content) drop(of_owner_, record.record.owner);
  if (record.group != 0) drop(of_group_, record.group);
  bytes_ -= stored_bytes(record.record);
}

Result<std::optional<StoredRecord>> MemoryStorage::find(const Key& key) const {
  const auto it = records_.find(key);
  return it == records_.end() ? std::nullopt : std::optional(it->second);
}

std::vector<Key> MemoryStorage::keys_after(const std::optional<Key>& after, std::size_t n) const {
  std::vector<Key> out;
  for (auto it = after ? records_.upper_bound(*after) : records_.begin();
       it != records_.end() && out.size() < n; ++it) {
    out.push_back(it->first);
  }
  return out;
}

std::vector<Key> MemoryStorage::expired(WallTime wall, std::size_t n) const {
  std::vector<Key> out;
  for (auto it = by_expiry_.begin(); it != by_expiry_.end() && it->first <= wall && out.size() < n;
       ++it) {
    out.push_back(it->second);
  }
  return out;
}

std::optional<WallTime> MemoryStorage::next_expiry() const {
  return by_expiry_.empty() ? std::nullopt : std::optional(by_expiry_.begin()->first);
}

std::vector<Key> MemoryStorage::farthest(const Id& id, std::size_t n) const {
  std::vector<Key> out;
  if (n > 0 && !others_.empty()) {
    collect_farthest(others_.begin(), std::prev(others_.end()), id, n, out);
  }
  return out;
}

// The keys of [first, last] share a prefix and first differ in the bit where these two do. The half
// whose bit differs from the id's is all of it farther than the other half, so it goes first. Each
// step descends at least one bit: 512 at worst, about log2 of the keys when those are hashes.
void MemoryStorage::collect_farthest(KeyIterator first, KeyIterator last, const Id& id,
                                     std::size_t n, std::vector<Key>& out) const {
  if (out.size() >= n) return;
  if (first == last) {
    out.push_back(*first);
    return;
  }
  const int bit = shared_prefix(*first, *last);
  Id start_of_ones = *last;
  for (int i = bit + 1; i < Id::kBits; ++i) start_of_ones.set_bit(i, false);
  const auto ones = others_.lower_bound(start_of_ones);
  if (id.bit(bit)) {
    collect_farthest(first, std::prev(ones), id, n, out);
    collect_farthest(ones, last, id, n, out);
  } else {
    collect_farthest(ones, last, id, n, out);
    collect_farthest(first, std::prev(ones), id, n, out);
  }
}

std::size_t MemoryStorage::count_of_owner(const PublicKey& owner) const {
  const auto it = of_owner_.find(owner);
  return it == of_owner_.end() ? 0 : it->second;
}

std::size_t MemoryStorage::count_of_group(std::uint64_t group) const {
  const auto it = of_group_.find(group);
  return it == of_group_.end() ? 0 : it->second;
}

}  // namespace

std::unique_ptr<Storage> make_memory_storage() { return std::make_unique<MemoryStorage>(); }

}  // namespace kadmos
