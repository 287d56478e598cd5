// What a storage answers from memory: its keys in order, by expiry and by ownness, and the counts.
// Memory storage keeps the records themselves here, the one on disk only what it must know of each.
//
// `Kept` has the members expiry, own and group, and the functions owner_of(kept) (null for content
// and floors), bytes_of(kept) (as stored_bytes counts), is_floor(kept) and version_of(key, kept).
// No unordered containers: order is part of the answers.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "kadmos/seams.h"
#include "store/sorted.h"

namespace kadmos {

inline bool is_floor(const StoredRecord& kept) { return kept.record.type == RecordType::floor; }
inline const PublicKey* owner_of(const StoredRecord& kept) {
  const bool content = kept.record.type == RecordType::content;
  return content || is_floor(kept) ? nullptr : &kept.record.owner;
}
inline std::size_t bytes_of(const StoredRecord& kept) { return stored_bytes(kept.record); }
inline Version version_of(const Key& key, const StoredRecord& kept) {
  return {key, kept.record.sequence, fingerprint(key, kept.record)};
}

template <class Kept>
class RecordIndex {
 public:
  // Makes this the index of exactly `entries`, each key once, in any order.
  void load(std::vector<std::pair<Key, Kept>> entries);
  // Replaces what was kept of `key`; nothing: erases it.
  void write(const Key& key, std::optional<Kept> kept);

  const Kept* find(const Key& key) const;
  // These are as in Storage.
  std::vector<Key> keys_after(const std::optional<Key>& after, std::size_t n) const;
  std::vector<Key> expired(WallTime wall, std::size_t n) const;
  std::optional<WallTime> next_expiry() const;
  std::vector<Key> own_keys() const;
  std::vector<Key> farthest(const Id& id, std::size_t n) const;
  Held held_of_owner(const PublicKey& owner) const { return held(of_owner_, owner); }
  Held held_of_group(std::uint64_t group) const { return held(of_group_, group); }
  std::size_t count_in(const KeyRange& range, std::uint64_t group) const;
  StorageUsage usage() const {
    const std::size_t own = own_.size() + lapsed_.size();
    return {own + others_.size(), bytes_, floors_.size(), own};
  }
  RangeDigest digest(const KeyRange& range) const;
  std::vector<Version> versions(const KeyRange& range, std::size_t n) const;

 private:
  struct Entry {
    Key key;
    Kept kept;
  };
  struct ByKey {
    using Place = Key;
    static constexpr bool kGrowsAtEnd = false;
    static const Key& place_of(const Entry& entry) { return entry.key; }
    static std::uint64_t tag_of(const Key& key) { return key.top(); }
  };
  struct ByExpiry {
    using Place = std::pair<std::uint64_t, Key>;
    static constexpr bool kGrowsAtEnd = true;
    static Place place_of(const Entry& entry) {
      const auto since_1970 =
          static_cast<std::uint64_t>(entry.kept.expiry.time_since_epoch().count());
      // The earlier, the less, before 1970 too.
      return {since_1970 ^ std::uint64_t{1} << 63, entry.key};
    }
    static std::uint64_t tag_of(const Place& place) { return place.first; }
  };
  using Map = Sorted<std::unique_ptr<Entry>, ByKey>;
  using Iterator = typename Map::Iterator;

  template <class Counts, class Of>
  static Held held(const Counts& counts, const Of& of) {
    const auto it = counts.find(of);
    return it == counts.end() ? Held{} : it->second;
  }
  Map& map_of(const Kept& kept) {
    if (kept.own == Own::lapsed) return lapsed_;
    return kept.own != Own::none ? own_ : is_floor(kept) ? floors_ : others_;
  }
  void count_in(const Kept& kept);
  std::unique_ptr<Entry> take_from(Map& map, const Key& key);
  static Iterator before(Iterator it) { return --it; }
  void forget_digests(const Key& key);
  static void collect_farthest(const Map& map, Iterator first, Iterator last, const Id& id,
                               std::size_t n, std::vector<Key>& out);

  Map own_;
  Map others_;
  Map floors_;
  Map lapsed_;
  Sorted<Entry*, ByExpiry> by_expiry_;  // all but the lapsed
  std::map<PublicKey, Held> of_owner_;
  std::map<std::uint64_t, Held> of_group_;
  std::size_t bytes_ = 0;

  // Digests of ranges with more than kFew records and a multiple of kStep bits, as they were asked
  // for since a record in them changed: a tree of which a change forgets one branch.
  static constexpr std::size_t kFew = 32;
  static constexpr int kStep = 4;
  mutable std::map<KeyRange, RangeDigest> digests_;
  mutable int deepest_ = 0;  // bits of any range of digests_
};

// A storage that answers from such an index all but `find`; what changes it is for the derived one.
template <class Kept>
class IndexedStorage : public Storage {
 public:
  std::optional<Outline> outline(const Key& key) const override {
    const Kept* kept = index_.find(key);
    if (kept == nullptr) return std::nullopt;
    const PublicKey* owner = owner_of(*kept);
    return Outline{kept->expiry,    kept->own,
                   kept->group,     owner == nullptr ? PublicKey{} : *owner,
                   bytes_of(*kept), is_floor(*kept)};
  }
  std::vector<Key> keys_after(const std::optional<Key>& after, std::size_t n) const override {
    return index_.keys_after(after, n);
  }
  std::vector<Key> expired(WallTime wall, std::size_t n) const override {
    return index_.expired(wall, n);
  }
  std::optional<WallTime> next_expiry() const override { return index_.next_expiry(); }
  std::vector<Key> own_keys() const override { return index_.own_keys(); }
  std::vector<Key> farthest(const Id& id, std::size_t n) const override {
    return index_.farthest(id, n);
  }
  Held held_of_owner(const PublicKey& owner) const override { return index_.held_of_owner(owner); }
  Held held_of_group(std::uint64_t group) const override { return index_.held_of_group(group); }
  std::size_t count_in(const KeyRange& range, std::uint64_t group) const override {
    return index_.count_in(range, group);
  }
  StorageUsage usage() const override { return index_.usage(); }
  RangeDigest digest(const KeyRange& range) const override { return index_.digest(range); }
  std::vector<Version> versions(const KeyRange& range, std::size_t n) const override {
    return index_.versions(range, n);
  }

 protected:
  RecordIndex<Kept> index_;
};

// In order, each insertion at the end: a million entries take a fraction of a second.
template <class Kept>
void RecordIndex<Kept>::load(std::vector<std::pair<Key, Kept>> entries) {
  *this = {};
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Entry*> order;
  order.reserve(entries.size());
  for (auto& [key, kept] : entries) {
    count_in(kept);
    auto entry = std::make_unique<Entry>(Entry{key, std::move(kept)});
    if (entry->kept.own != Own::lapsed) order.push_back(entry.get());
    map_of(entry->kept).insert(std::move(entry));
  }
  std::sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) {
    return ByExpiry::place_of(*a) < ByExpiry::place_of(*b);
  });
  for (Entry* entry : order) by_expiry_.insert(entry);
}

template <class Kept>
void RecordIndex<Kept>::write(const Key& key, std::optional<Kept> kept) {
  forget_digests(key);
  std::unique_ptr<Entry> entry;
  for (Map* map : {&others_, &own_, &floors_, &lapsed_}) {
    if (!entry) entry = take_from(*map, key);
  }
  if (!kept) return;
  if (!entry) entry = std::make_unique<Entry>(Entry{key, {}});
  entry->kept = *std::move(kept);
  count_in(entry->kept);
  if (entry->kept.own != Own::lapsed) by_expiry_.insert(entry.get());
  map_of(entry->kept).insert(std::move(entry));
}

template <class Kept>
void RecordIndex<Kept>::count_in(const Kept& kept) {
  const std::size_t bytes = bytes_of(kept);
  const auto add = [bytes](Held& held) {
    ++held.records;
    held.bytes += bytes;
  };
  if (const PublicKey* owner = owner_of(kept)) add(of_owner_[*owner]);
  if (kept.group != 0) add(of_group_[kept.group]);
  bytes_ += bytes;
}

template <class Kept>
auto RecordIndex<Kept>::take_from(Map& map, const Key& key) -> std::unique_ptr<Entry> {
  const Iterator it = map.find(key);
  if (it == map.end()) return nullptr;
  const Kept& kept = it->kept;
  const std::size_t bytes = bytes_of(kept);
  const auto drop = [bytes](auto& counts, const auto& of) {
    const auto counted = counts.find(of);
    counted->second.bytes -= bytes;
    if (--counted->second.records == 0) counts.erase(counted);
  };
  if (const PublicKey* owner = owner_of(kept)) drop(of_owner_, *owner);
  if (kept.group != 0) drop(of_group_, kept.group);
  bytes_ -= bytes;
  if (kept.own != Own::lapsed) by_expiry_.erase(by_expiry_.find(ByExpiry::place_of(*it)));
  return map.erase(it);
}

template <class Kept>
const Kept* RecordIndex<Kept>::find(const Key& key) const {
  for (const Map* map : {&others_, &own_, &floors_, &lapsed_}) {
    if (const auto it = map->find(key); it != map->end()) return &it->kept;
  }
  return nullptr;
}

template <class Kept>
std::vector<Key> RecordIndex<Kept>::keys_after(const std::optional<Key>& after,
                                               std::size_t n) const {
  const auto start = [&](const Map& map) { return after ? map.upper_bound(*after) : map.begin(); };
  auto own = start(own_);
  auto other = start(others_);
  std::vector<Key> out;
  while (out.size() < n && (own != own_.end() || other != others_.end())) {
    const bool own_first = other == others_.end() || (own != own_.end() && own->key < other->key);
    out.push_back((own_first ? own : other)->key);
    ++(own_first ? own : other);
  }
  return out;
}

template <class Kept>
std::vector<Key> RecordIndex<Kept>::expired(WallTime wall, std::size_t n) const {
  std::vector<Key> out;
  for (const Entry& entry : by_expiry_) {
    if (out.size() == n || entry.kept.expiry > wall) break;
    out.push_back(entry.key);
  }
  return out;
}

template <class Kept>
std::optional<WallTime> RecordIndex<Kept>::next_expiry() const {
  if (by_expiry_.empty()) return std::nullopt;
  return by_expiry_.begin()->kept.expiry;
}

template <class Kept>
std::vector<Key> RecordIndex<Kept>::own_keys() const {
  std::vector<Key> out;
  for (const Entry& entry : own_) out.push_back(entry.key);
  const auto lapsed = static_cast<std::ptrdiff_t>(out.size());
  for (const Entry& entry : lapsed_) out.push_back(entry.key);
  std::inplace_merge(out.begin(), out.begin() + lapsed, out.end());
  return out;
}

template <class Kept>
std::vector<Key> RecordIndex<Kept>::farthest(const Id& id, std::size_t n) const {
  std::vector<Key> out;
  for (const Map* map : {&floors_, &others_}) {
    if (!map->empty()) {
      collect_farthest(*map, map->begin(), before(map->end()), id, n, out);
    }
  }
  return out;
}

template <class Kept>
std::size_t RecordIndex<Kept>::count_in(const KeyRange& range, std::uint64_t group) const {
  std::size_t out = 0;
  for (const Map* map : {&own_, &others_}) {
    auto it = map->lower_bound(range.first());
    for (; it != map->end() && range.contains(it->key); ++it) {
      if (group == 0 || it->kept.group == group) ++out;
    }
  }
  return out;
}

template <class Kept>
std::vector<Version> RecordIndex<Kept>::versions(const KeyRange& range, std::size_t n) const {
  std::vector<Version> out;
  auto own = own_.lower_bound(range.first());
  auto other = others_.lower_bound(range.first());
  const auto inside = [&](const Map& map, Iterator it) {
    return it != map.end() && range.contains(it->key);
  };
  while (out.size() < n) {
    const bool has_own = inside(own_, own);
    const bool has_other = inside(others_, other);
    if (!has_own && !has_other) break;
    const bool own_first = !has_other || (has_own && own->key < other->key);
    Iterator& next = own_first ? own : other;
    out.push_back(version_of(next->key, next->kept));
    ++next;
  }
  return out;
}

template <class Kept>
RangeDigest RecordIndex<Kept>::digest(const KeyRange& range) const {
  RangeDigest out;
  if (range.bits % kStep == 0) {
    if (const auto known = digests_.find(range); known != digests_.end()) return known->second;
  }
  const auto few = versions(range, kFew + 1);
  if (few.size() <= kFew) {
    for (const Version& version : few) out.fingerprint ^= version.fingerprint;
    out.records = few.size();
    return out;
  }
  const int bits = (range.bits / kStep + 1) * kStep;
  for (std::optional<Key> next = few.front().key; next && range.contains(*next);) {
    const auto part = KeyRange::around(*next, bits);
    const RangeDigest of_part = digest(part);
    out.records += of_part.records;
    out.fingerprint ^= of_part.fingerprint;
    const auto after = keys_after(part.last(), 1);
    next = after.empty() ? std::nullopt : std::optional(after.front());
  }
  if (range.bits % kStep == 0) {
    digests_.emplace(range, out);
    deepest_ = std::max(deepest_, range.bits);
  }
  return out;
}

template <class Kept>
void RecordIndex<Kept>::forget_digests(const Key& key) {
  if (digests_.empty()) return;
  for (int bits = 0; bits <= deepest_; bits += kStep) digests_.erase(KeyRange::around(key, bits));
}

// The keys of [first, last] share a prefix and first differ in the bit where these two do. The half
// whose bit differs from the id's is all of it farther than the other half, so it goes first. Each
// step descends at least one bit: 512 at worst, about log2 of the keys when those are hashes.
template <class Kept>
void RecordIndex<Kept>::collect_farthest(const Map& map, Iterator first, Iterator last,
                                         const Id& id, std::size_t n, std::vector<Key>& out) {
  if (out.size() >= n) return;
  if (first == last) {
    out.push_back(first->key);
    return;
  }
  const int bit = shared_prefix(first->key, last->key);
  const Iterator ones = map.lower_bound(last->key.keep(bit + 1), first, last);
  if (id.bit(bit)) {
    collect_farthest(map, first, before(ones), id, n, out);
    collect_farthest(map, ones, last, id, n, out);
  } else {
    collect_farthest(map, ones, last, id, n, out);
    collect_farthest(map, first, before(ones), id, n, out);
  }
}

}  // namespace kadmos
