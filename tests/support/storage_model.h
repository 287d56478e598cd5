// Any storage against a std::map searched by brute force: random batches, reported at random
// moments, and every query compared after each step and within each report.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "kadmos/seams.h"
#include "store/index.h"
#include "support/readable.h"
#include "support/records.h"

namespace kadmos::storage_model {

using Model = std::map<Key, StoredRecord>;

inline StoredRecord random_record(Prng& prng) {
  StoredRecord out;
  if (prng.chance(500'000)) {
    out.record.type = RecordType::owned;
    out.record.owner = readable::key(1 + prng.below(4));
    out.record.name = Bytes(prng.below(9));
    out.record.signature[7] = static_cast<Byte>(prng.below(256));
  }
  out.record.value = Bytes(prng.below(50), static_cast<Byte>(prng.below(256)));
  out.expiry = records::kNoon + std::chrono::milliseconds(prng.below(60));
  if (prng.chance(300'000)) {
    out.own = std::array{Own::renewed, Own::until_expiry, Own::lapsed}.at(prng.below(3));
  }
  out.group = prng.below(4);
  if (prng.chance(150'000)) {
    out.record.type = RecordType::floor;
    out.record.owner = readable::key(1 + prng.below(4));
    out.own = Own::none;
    out.group = 0;
  }
  return out;
}

// Few keys, so that they are overwritten, or some more; near each other in some runs and spread in
// others.
struct Keys {
  std::uint64_t count = 60;
  bool spread = false;
};
inline Key random_key(Prng& prng, const Keys& keys) {
  const std::uint64_t n = prng.below(keys.count);
  return keys.spread ? Prng(n).id() : Id::from_top(n);
}

template <class Fn>
std::size_t count_if(const Model& model, Fn fn) {
  return static_cast<std::size_t>(std::count_if(
      model.begin(), model.end(), [&](const auto& entry) { return fn(entry.second); }));
}

inline std::vector<Key> first(std::vector<Key> keys, std::size_t n) {
  if (keys.size() > n) keys.resize(n);
  return keys;
}

inline void compare_lists(const Storage& storage, const Model& model, Prng& prng,
                          const Keys& keys) {
  const std::size_t n = prng.below(80);
  const Key after = random_key(prng, keys);
  std::vector<Key> all;
  std::vector<Key> later;
  std::vector<Key> own;
  std::vector<Key> others;
  std::vector<Key> floors;
  for (const auto& [key, record] : model) {
    if (is_floor(record)) {
      floors.push_back(key);
      continue;
    }
    (record.own == Own::none ? others : own).push_back(key);
    if (record.own == Own::lapsed) continue;
    all.push_back(key);
    if (key > after) later.push_back(key);
  }
  CHECK(storage.keys_after(std::nullopt, n) == first(all, n));
  CHECK(storage.keys_after(after, n) == first(later, n));
  CHECK(storage.own_keys() == own);

  const Id id = prng.chance(500'000) ? prng.id() : after;
  const auto farther = [&](const Key& a, const Key& b) { return (a ^ id) > (b ^ id); };
  std::sort(others.begin(), others.end(), farther);
  std::sort(floors.begin(), floors.end(), farther);
  floors.insert(floors.end(), others.begin(), others.end());
  CHECK(storage.farthest(id, n) == first(floors, n));
}

inline void compare_expiry(const Storage& storage, const Model& model, Prng& prng) {
  const auto wall = records::kNoon + std::chrono::milliseconds(prng.below(60));
  std::vector<std::pair<WallTime, Key>> order;
  for (const auto& [key, record] : model) {
    if (record.own != Own::lapsed) order.emplace_back(record.expiry, key);
  }
  std::sort(order.begin(), order.end());
  std::vector<Key> expired;
  for (const auto& [expiry, key] : order) {
    if (expiry <= wall) expired.push_back(key);
  }
  const std::size_t n = prng.below(80);
  CHECK(storage.expired(wall, n) == first(expired, n));
  CHECK(storage.next_expiry() ==
        (order.empty() ? std::nullopt : std::optional(order.front().first)));
}

inline void compare_digests(const Storage& storage, const Model& model, Prng& prng,
                            const Keys& keys) {
  const int bits = static_cast<int>(prng.below(keys.spread ? 8 : Id::kBits + 1));
  const auto range = KeyRange::around(random_key(prng, keys), bits);
  RangeDigest digest;
  std::vector<Version> versions;
  for (const auto& [key, stored] : model) {
    if (is_floor(stored) || stored.own == Own::lapsed || !range.contains(key)) continue;
    versions.push_back({key, stored.record.sequence, fingerprint(key, stored.record)});
    ++digest.records;
    digest.fingerprint ^= versions.back().fingerprint;
  }
  CHECK(storage.digest(range) == digest);
  const std::size_t n = prng.below(80);
  if (versions.size() > n) versions.resize(n);
  CHECK(storage.versions(range, n) == versions);
  CHECK(storage.count_in(range, 0) == digest.records);
  const std::uint64_t group = 1 + prng.below(5);
  std::size_t of_group = 0;
  for (const auto& [key, stored] : model) {
    const bool counts = stored.own != Own::lapsed && stored.group == group;
    if (range.contains(key) && counts) ++of_group;
  }
  CHECK(storage.count_in(range, group) == of_group);
}

inline void compare_counts(const Storage& storage, const Model& model) {
  for (std::uint64_t i = 1; i < 6; ++i) {
    const PublicKey owner = readable::key(i);
    CHECK(storage.held_of_owner(owner).records == count_if(model, [&](const StoredRecord& r) {
            return !is_floor(r) && r.record.owner == owner;
          }));
    CHECK(storage.held_of_group(i).records ==
          count_if(model, [&](const StoredRecord& r) { return r.group == i; }));
  }
  CHECK(storage.held_of_group(0).records == 0);
  std::size_t bytes = 0;
  for (const auto& entry : model) bytes += stored_bytes(entry.second.record);
  const std::size_t floors = count_if(model, [](const StoredRecord& r) { return is_floor(r); });
  CHECK(storage.usage().floors == floors);
  CHECK(storage.usage().records == model.size() - floors);
  CHECK(storage.usage().bytes == bytes);
  CHECK(storage.usage().own ==
        count_if(model, [](const StoredRecord& r) { return r.own != Own::none; }));
}

// `find` is held against the model where no write of that key is under way.
inline void compare_find(const Storage& storage, const Model& model,
                         const std::deque<Commit>& queued, const Key& key) {
  const bool changing = std::any_of(queued.begin(), queued.end(), [&](const Commit& commit) {
    return std::any_of(commit.writes.begin(), commit.writes.end(),
                       [&](const Write& write) { return write.key == key; });
  });
  const auto found = storage.find(key);
  REQUIRE(found.ok());
  if (changing) return;
  const auto it = model.find(key);
  REQUIRE(found->has_value() == (it != model.end()));
  if (!*found) return;
  CHECK((*found)->record == it->second.record);
  CHECK((*found)->expiry == it->second.expiry);
  CHECK((*found)->own == it->second.own);
  CHECK((*found)->group == it->second.group);
}

// `settle` returns when nothing is left of the commits it is given, since all are reported; it is
// called in so many of a million steps.
inline Model run(std::uint64_t seed, Storage& storage, std::uint64_t settling,
                 const std::function<void(const std::deque<Commit>&)>& settle) {
  Prng prng(seed);
  Keys keys;
  keys.spread = prng.chance(500'000);
  if (prng.chance(500'000)) keys.count = 400;
  Model model;
  std::deque<Commit> queued;
  storage.on_committed([&](CommitId id, const Result<void>& result) {
    CHECK(result.ok());
    REQUIRE_FALSE(queued.empty());
    CHECK(id == queued.front().id);
    for (const Write& write : queued.front().writes) {
      if (write.record) {
        model[write.key] = *write.record;
      } else {
        model.erase(write.key);
      }
    }
    queued.pop_front();
    compare_counts(storage, model);
  });

  for (CommitId step = 1; step <= 300; ++step) {
    Commit commit{step, {}};
    for (std::uint64_t i = prng.below(5); i > 0; --i) {
      std::optional<StoredRecord> record;
      if (!prng.chance(300'000)) record = random_record(prng);
      commit.writes.push_back({random_key(prng, keys), record});
    }
    queued.push_back(commit);
    storage.commit(std::move(commit));
    if (prng.chance(settling)) {
      settle(queued);
      CHECK(queued.empty());
    } else if (prng.chance(300'000)) {
      storage.pump();
    }
    compare_find(storage, model, queued, random_key(prng, keys));
    compare_lists(storage, model, prng, keys);
    compare_expiry(storage, model, prng);
    compare_digests(storage, model, prng, keys);
    compare_counts(storage, model);
  }
  settle(queued);
  CHECK(queued.empty());
  storage.on_committed([](CommitId, const Result<void>&) {});
  return model;
}

}  // namespace kadmos::storage_model
