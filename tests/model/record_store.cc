// The record store against a model that keeps a std::map and a list of unreported batches and
// searches both by brute force: random offers of few owners under tight bounds, time moving on,
// batches reported late, and some of them failing.
#include "store/record_store.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "store/index.h"
#include "support/failing_storage.h"
#include "support/readable.h"
#include "support/records.h"

using namespace kadmos;
using namespace std::chrono_literals;
using Status = RecordStore::Status;

namespace {

// A write as the model remembers it: with what it replaced when it was made.
struct ModelWrite {
  Key key;
  std::optional<StoredRecord> before;
  std::optional<StoredRecord> after;
};

struct Answer {
  Status status = Status::refused;
  std::uint64_t sequence = 0;
  bool equivocation = false;
};

// What a record becomes of which another version is held already.
Own joined(Own offered, Own held) {
  for (const Own either : {offered, held}) {
    if (either == Own::renewed || either == Own::lapsed) return Own::renewed;
  }
  return offered == Own::none ? held : offered;
}

class Model {
 public:
  Model(const Config& config, const Id& self) : config_(config), self_(self) {}

  Answer offer(WallTime wall, const Key& key, const Record& record, Own own, std::uint64_t group);
  void expire(WallTime wall, std::size_t budget);
  // What expired lapses, leaves a floor or is erased.
  void drop(WallTime wall, const Key& key) {
    auto held = newest(key);
    if (held->own == Own::lapsed) return;
    const RecordType type = held->record.type;
    if (type != RecordType::floor) ++expired;
    if (held->own == Own::renewed) {
      held->own = Own::lapsed;
      return write(key, held);
    }
    write(key, floor_of(wall, *held));
  }
  std::optional<StoredRecord> floor_of(WallTime wall, const StoredRecord& held) const {
    std::optional<StoredRecord> floor;
    const RecordType type = held.record.type;
    if (type == RecordType::owned || type == RecordType::tombstone) {
      const auto content = digest(held.record);
      floor.emplace();
      floor->record.type = RecordType::floor;
      floor->record.owner = held.record.owner;
      floor->record.sequence = held.record.sequence;
      floor->record.value = to_bytes(content);
      floor->expiry = wall + config_.ttl_max + config_.clock_skew;
    }
    return floor;
  }
  void release(WallTime wall, const Key& key, Own kind) {
    auto held = newest(key);
    if (!held || held->own == Own::none || held->own == kind) return;  // floors are never own
    if (held->expiry <= wall) return write(key, floor_of(wall, *held));
    held->own = kind;
    write(key, held);
  }
  void close_batch() {
    if (!batches_.empty() && !batches_.back().empty()) batches_.emplace_back();
  }
  // The oldest batch is reported.
  void report(bool ok) {
    if (ok) {
      for (const ModelWrite& w : batches_.front()) {
        durable.erase(w.key);
        if (w.after) durable[w.key] = *w.after;
      }
    }
    batches_.erase(batches_.begin());
  }
  std::optional<StoredRecord> newest(const Key& key) const {
    for (auto batch = batches_.rbegin(); batch != batches_.rend(); ++batch) {
      for (auto w = batch->rbegin(); w != batch->rend(); ++w) {
        if (w->key == key) return w->after;
      }
    }
    const auto it = durable.find(key);
    return it == durable.end() ? std::nullopt : std::optional(it->second);
  }

  std::map<Key, StoredRecord> durable;
  std::uint64_t evicted = 0;
  std::uint64_t expired = 0;

 private:
  bool pending(const Key& key) const {
    for (const auto& batch : batches_) {
      for (const ModelWrite& w : batch) {
        if (w.key == key) return true;
      }
    }
    return false;
  }
  void write(const Key& key, std::optional<StoredRecord> record) {
    if (batches_.empty()) batches_.emplace_back();
    batches_.back().push_back({key, newest(key), std::move(record)});
  }
  // The sum of weigh(record) over what is durable and what the unreported writes change.
  template <class Weigh>
  std::int64_t total(Weigh weigh) const {
    std::int64_t sum = 0;
    for (const auto& entry : durable) sum += weigh(entry.second);
    for (const auto& batch : batches_) {
      for (const ModelWrite& w : batch) {
        if (w.before) sum -= weigh(*w.before);
        if (w.after) sum += weigh(*w.after);
      }
    }
    return sum;
  }
  std::int64_t records() const {
    return total([](const StoredRecord&) { return std::int64_t{1}; });
  }
  std::int64_t bytes() const {
    return total(
        [](const StoredRecord& r) { return static_cast<std::int64_t>(stored_bytes(r.record)); });
  }
  bool capped(const StoredRecord& fresh, bool another, std::int64_t more_bytes) const;
  std::int64_t bytes_of_group(std::uint64_t group) const;
  bool make_room(WallTime wall, const Key& key, const StoredRecord& fresh,
                 std::int64_t more_records, std::int64_t more_bytes);

  const Config& config_;
  Id self_;
  std::vector<std::vector<ModelWrite>> batches_;  // the last one is still collecting
};

std::int64_t Model::bytes_of_group(std::uint64_t group) const {
  const auto bytes = total([&](const StoredRecord& r) {
    return r.group == group ? static_cast<std::int64_t>(stored_bytes(r.record)) : 0;
  });
  return std::max<std::int64_t>(0, bytes);
}

bool Model::capped(const StoredRecord& fresh, bool another, std::int64_t more_bytes) const {
  const Limits& limits = config_.limits;
  const auto over = [&](std::int64_t records, std::int64_t bytes, std::size_t max_records,
                        std::size_t max_bytes) {
    return (another && records >= static_cast<std::int64_t>(max_records)) ||
           (more_bytes > 0 &&
            std::max<std::int64_t>(0, bytes) + more_bytes > static_cast<std::int64_t>(max_bytes));
  };
  const auto is_owners = [&](const StoredRecord& r) {
    return !is_floor(r) && r.record.owner == fresh.record.owner;
  };
  const auto of_owner = total([&](const StoredRecord& r) { return std::int64_t{is_owners(r)}; });
  const auto bytes_of_owner = total([&](const StoredRecord& r) {
    return is_owners(r) ? static_cast<std::int64_t>(stored_bytes(r.record)) : 0;
  });
  const auto of_group =
      total([&](const StoredRecord& r) { return std::int64_t{r.group == fresh.group}; });
  const bool owned = fresh.record.type != RecordType::content;
  return (owned && over(of_owner, bytes_of_owner, limits.records_per_owner,
                        limits.record_bytes_per_owner)) ||
         (fresh.group != 0 && over(of_group, bytes_of_group(fresh.group), limits.records_per_group,
                                   limits.record_bytes_per_group));
}

bool Model::make_room(WallTime wall, const Key& key, const StoredRecord& fresh,
                      std::int64_t more_records, std::int64_t more_bytes) {
  const auto max_records = static_cast<std::int64_t>(config_.limits.records);
  const auto max_bytes = static_cast<std::int64_t>(config_.limits.record_bytes);
  const auto fits = [&](std::int64_t records, std::int64_t bytes) {
    return (more_records == 0 || records + more_records <= max_records) &&
           (more_bytes == 0 || bytes + more_bytes <= max_bytes);
  };

  std::vector<std::pair<WallTime, Key>> dead;
  for (const auto& [k, r] : durable) {
    const bool stays = r.own == Own::renewed || r.own == Own::lapsed;
    if (r.expiry <= wall && !pending(k) && !stays) dead.emplace_back(r.expiry, k);
  }
  std::sort(dead.begin(), dead.end());
  for (const auto& [expiry, k] : dead) {
    if (fits(records(), bytes())) return true;
    if (!is_floor(durable.at(k))) ++expired;
    write(k, std::nullopt);
  }

  std::vector<Key> candidates;
  for (const auto& [k, r] : durable) {
    if (r.own != Own::none || pending(k)) continue;
    if (fresh.group != 0 && !is_floor(r) && r.group != fresh.group) {
      const auto wanted =
          bytes_of_group(fresh.group) + static_cast<std::int64_t>(stored_bytes(fresh.record));
      if (r.group == 0 || bytes_of_group(r.group) < wanted) continue;
    }
    if ((is_floor(r) && k != key) || (k ^ self_) > (key ^ self_)) candidates.push_back(k);
  }
  std::sort(candidates.begin(), candidates.end(), [&](const Key& a, const Key& b) {
    return std::pair(is_floor(durable.at(a)), a ^ self_) >
           std::pair(is_floor(durable.at(b)), b ^ self_);
  });
  std::int64_t freed_records = 0;
  std::int64_t freed_bytes = 0;
  std::size_t needed = 0;
  while (!fits(records() - freed_records, bytes() - freed_bytes)) {
    if (needed == candidates.size()) return false;
    ++freed_records;
    freed_bytes += static_cast<std::int64_t>(stored_bytes(durable.at(candidates[needed++]).record));
  }
  for (std::size_t i = 0; i < needed; ++i) {
    if (!is_floor(durable.at(candidates[i]))) ++evicted;
    write(candidates[i], std::nullopt);
  }
  return true;
}

Answer Model::offer(WallTime wall, const Key& key, const Record& record, Own own,
                    std::uint64_t group) {
  if (record.expiry <= wall) return {Status::refused};
  if (record.value.size() > config_.limits.value_bytes) return {Status::refused};
  auto held = newest(key);
  if (held && held->expiry <= wall) {
    drop(wall, key);
    held = newest(key);
  }
  const std::optional<StoredRecord> floor = held && is_floor(*held) ? held : std::nullopt;
  if (floor) held.reset();
  StoredRecord fresh{record, std::min(record.expiry, wall + config_.ttl_max + config_.clock_skew),
                     held ? joined(own, held->own) : own, held ? held->group : group};
  if (fresh.own != Own::none) fresh.group = 0;

  Answer answer{Status::accepted, record.sequence, false};
  if (held && held->record.sequence == record.sequence) {
    const bool same = held->record.type == record.type && held->record.value == record.value;
    if (same) {
      const bool better = fresh.expiry > held->expiry || fresh.own != held->own;
      if (held->record.expiry > record.expiry) fresh.record = held->record;
      fresh.expiry = std::max(fresh.expiry, held->expiry);
      if (better) write(key, fresh);
      return {Status::extended, record.sequence, false};
    }
    answer.equivocation = true;
  }
  if (floor && std::pair(record.sequence, digest(record)) <
                   std::pair(floor->record.sequence, digest(floor->record))) {
    return {Status::superseded, floor->record.sequence, answer.equivocation};
  }
  if (held && order(record, held->record) < 0) {
    return {Status::superseded, held->record.sequence, answer.equivocation};
  }
  if (fresh.own == Own::none) {
    const auto size = static_cast<std::int64_t>(stored_bytes(record));
    const auto& taken = held ? held : floor;
    const auto grows = taken ? size - static_cast<std::int64_t>(stored_bytes(taken->record)) : size;
    const auto more = std::max<std::int64_t>(0, grows);
    if (capped(fresh, !held, more) || !make_room(wall, key, fresh, taken ? 0 : 1, more)) {
      return {Status::busy, 0, answer.equivocation};
    }
  }
  write(key, fresh);
  return answer;
}

void Model::expire(WallTime wall, std::size_t budget) {
  std::vector<std::pair<WallTime, Key>> dead;
  for (const auto& [k, r] : durable) {
    const bool due = r.expiry <= wall && r.own != Own::lapsed;
    if (due && !pending(k)) dead.emplace_back(r.expiry, k);
  }
  std::sort(dead.begin(), dead.end());
  for (std::size_t i = 0; i < std::min(budget, dead.size()); ++i) {
    drop(wall, dead[i].second);
  }
}

// ---- The run

// Key n belongs to name n of owner n mod 4, or holds content if that is 0.
Record random_record(Prng& prng, std::uint64_t n, WallTime wall) {
  Record record;
  record.value = Bytes(prng.below(4) * 200);
  if (n % 4 != 0) {
    record.type = RecordType::owned;
    record.owner = readable::key(n % 4);
    record.sequence = 1 + prng.below(5);
    if (!record.value.empty()) record.value[0] = static_cast<Byte>(prng.below(2));
    if (record.value.empty() && prng.chance(500'000)) record.type = RecordType::tombstone;
  } else {
    record.value = Bytes(n * 30);
  }
  record.expiry = wall + std::chrono::milliseconds(prng.between(-5, 200));
  return record;
}

struct Options {
  bool own = true;        // some records are this node's
  bool failures = false;  // some commits fail
};

// What must hold whatever the model says: no bound is ever passed.
void check_bounds(const Storage& storage, const Limits& limits) {
  REQUIRE(storage.usage().records + storage.usage().floors <= limits.records);
  REQUIRE(storage.usage().bytes <= limits.record_bytes);
  for (std::uint64_t i = 1; i < 4; ++i) {
    REQUIRE(storage.held_of_owner(readable::key(i)).records <= limits.records_per_owner);
    REQUIRE(storage.held_of_group(i).records <= limits.records_per_group);
  }
}

void run(std::uint64_t seed, Options options) {
  Prng prng(seed);
  Config config;
  config.ttl_max = 100ms;
  config.clock_skew = 10ms;
  config.limits.value_bytes = 800;
  config.limits.records = 8 + prng.below(8);
  config.limits.record_bytes = config.limits.records * (kRecordOverhead + 200 + prng.below(200));
  config.limits.records_per_owner = 4 + prng.below(4);
  config.limits.records_per_group = 4 + prng.below(4);
  config.limits.record_bytes_per_owner = 2000 + prng.below(4000);
  config.limits.record_bytes_per_group = 2000 + prng.below(4000);
  const Id self = prng.id();

  Stats stats;
  FailingStorage storage;
  RecordStore store(config, self, storage, stats);
  Model model(config, self);
  storage.pump_at_most = 1;
  storage.fail_commit = [&] { return options.failures && prng.chance(200'000); };
  storage.on_committed([&](CommitId id, const Result<void>& result) {
    store.on_committed(id, result);
    model.report(result.ok());
  });

  Now now{TimePoint{}, records::kNoon};
  std::uint64_t accepted = 0;
  std::size_t floors = 0;
  std::size_t lapses = 0;
  for (int step = 0; step < 2000; ++step) {
    const std::uint64_t n = prng.below(30);
    const Key key = Prng(n).id();
    switch (prng.below(10)) {
      case 0:
        now.wall += std::chrono::milliseconds(prng.below(15));
        break;
      case 1: {
        const std::size_t budget = prng.below(4);
        store.expire(now, budget);
        model.expire(now.wall, budget);
        break;
      }
      case 2: {
        const Own kind = prng.chance(500'000) ? Own::none : Own::until_expiry;
        store.release(now, key, kind);
        model.release(now.wall, key, kind);
        break;
      }
      case 3:
      case 4:
        if (auto batch = store.poll_commit()) {
          storage.commit(*std::move(batch));
          model.close_batch();
        }
        break;
      case 5:
        storage.pump();
        break;
      default: {
        const Record record = random_record(prng, n, now.wall);
        Own own = Own::none;
        if (options.own && prng.chance(100'000)) {
          own = prng.chance(300'000) ? Own::until_expiry : Own::renewed;
        }
        const std::uint64_t group = prng.below(4);
        const auto verdict = store.offer(now, key, record, own, group);
        const Answer answer = model.offer(now.wall, key, record, own, group);
        REQUIRE(verdict.status == answer.status);
        REQUIRE(verdict.equivocation == answer.equivocation);
        if (answer.status != Status::refused && answer.status != Status::busy) {
          REQUIRE(verdict.sequence == answer.sequence);
        }
        if (answer.status == Status::accepted) {
          REQUIRE(verdict.commit);
          ++accepted;
        }
        break;
      }
    }

    const auto newest = *store.newest(now, key);
    auto expected = model.newest(key);
    const bool lapsed = expected && expected->own == Own::lapsed;
    if (expected && (lapsed || is_floor(*expected) || expected->expiry <= now.wall)) {
      expected.reset();
    }
    REQUIRE(newest.has_value() == expected.has_value());
    if (newest) {
      REQUIRE(newest->record == expected->record);
      REQUIRE(newest->expiry == expected->expiry);
      REQUIRE(newest->own == expected->own);
      REQUIRE(newest->group == expected->group);
    }
    std::vector<Key> keys;
    std::size_t held_floors = 0;
    for (const auto& [one, held] : model.durable) {
      held_floors += is_floor(held) ? 1 : 0;
      lapses += held.own == Own::lapsed ? 1 : 0;
      if (!is_floor(held) && held.own != Own::lapsed) keys.push_back(one);
    }
    REQUIRE(storage.usage().floors == held_floors);
    floors = std::max(floors, storage.usage().floors);
    REQUIRE(store.keys_after(std::nullopt, 99) == keys);
    REQUIRE(stats.records_evicted == model.evicted);
    REQUIRE(stats.records_expired == model.expired);
    if (!options.own && !options.failures) check_bounds(storage, config.limits);
  }
  // A run that is refused everything, or is never full, proves nothing.
  CHECK(accepted > 100);
  CHECK(floors > 0);
  CHECK((lapses > 0) == options.own);
  CHECK(stats.records_busy > 0);
  CHECK(stats.records_evicted > 0);
  CHECK(stats.records_expired > 0);
  CHECK(stats.equivocations > 0);
  CHECK((stats.commits_failed > 0) == options.failures);
}

}  // namespace

TEST_CASE("the record store decides as a brute-force model does while commits are under way") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    run(seed, {});
  }
}

TEST_CASE("the record store decides as a brute-force model does while commits fail") {
  for (std::uint64_t seed = 101; seed <= 130; ++seed) {
    CAPTURE(seed);
    run(seed, {.failures = true});
  }
}

TEST_CASE("without own records no bound of the record store is ever passed") {
  for (std::uint64_t seed = 201; seed <= 230; ++seed) {
    CAPTURE(seed);
    run(seed, {.own = false});
  }
}
