#include "store/record_store.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/plant.h"
#include "store/index.h"

namespace kadmos {
namespace {

using Status = RecordStore::Status;
using Verdict = RecordStore::Verdict;

// At most so many records make room for one offer; so a store far over its limit, as one is whose
// limit was lowered, comes down in steps.
constexpr std::size_t kShed = 256;
// The pause between two tries of a full disk, and how many records go in each.
constexpr Duration kFullPause = std::chrono::seconds(1);
constexpr std::size_t kShedByDisk = 16;
// How many failures of the disk itself wait to be told: more say no more.
constexpr std::size_t kMostTold = 64;

Verdict verdict(Status status, std::string detail) {
  return {status, std::nullopt, 0, false, std::move(detail)};
}

// Gives `visit` one after the other of what `list(n)` would list first, until it returns false or
// had `most`. Lists few at a time: a full store looks for room at every offer, and needs few.
template <class List, class Visit>
void visit_first(std::size_t most, List list, Visit visit) {
  std::size_t visited = 0;
  for (std::size_t n = 4; visited < most; n *= 4) {
    const std::size_t asked = std::min(n, most);
    const std::vector<Key> keys = list(asked);
    for (; visited < keys.size(); ++visited) {
      if (!visit(keys[visited])) return;
    }
    if (keys.size() < asked) return;
  }
}

bool announces(const Record& record, const Key& key) {
  return record.type == RecordType::provider && Id::from_bytes(record.name) == key;
}

bool is_there(Now now, const StoredRecord& kept) {
  return !is_floor(kept) && kept.own != Own::lapsed && kept.expiry > now.wall;
}

// What a record becomes of which another version is held already.
Own joined(Own offered, Own held) {
  if (offered == Own::renewed || held == Own::renewed || held == Own::lapsed) return Own::renewed;
  return offered == Own::until_expiry ? offered : held;
}

Outline outline_of(const StoredRecord& kept) {
  const PublicKey* owner = owner_of(kept);
  return {kept.expiry,
          kept.own,
          kept.group,
          owner == nullptr ? PublicKey{} : *owner,
          stored_bytes(kept.record),
          is_floor(kept)};
}

}  // namespace

RecordStore::RecordStore(const Config& config, const Id& self, Storage& storage, Stats& stats)
    : config_(config), self_(self), storage_(storage), stats_(stats) {
  find_next_expiry();
}

Verdict RecordStore::offer(Now now, const Key& key, Record record, Own own, std::uint64_t group,
                           std::optional<std::uint64_t> expects) {
  Verdict out = judge(now, key, std::move(record), own, group, expects);
  if (out.status == Status::refused) ++stats_.records_refused;
  if (out.status == Status::busy) ++stats_.records_busy;
  if (out.equivocation) ++stats_.equivocations;
  return out;
}

Verdict RecordStore::judge(Now now, const Key& key, Record offered, Own own, std::uint64_t group,
                           std::optional<std::uint64_t> expects) {
  const Limits& limits = config_.limits;
  StoredRecord fresh{std::move(offered), {}, own, own == Own::none ? group : 0};
  const Record& record = fresh.record;
  if (record.expiry <= now.wall)
    return verdict(Status::refused, std::string(RecordStore::kExpired));
  if (record.value.size() > limits.value_bytes || record.name.size() > limits.name_bytes) {
    return verdict(Status::refused, "larger than a record may be");
  }
  if (const auto known = outline(key); known && known->expiry <= now.wall) drop(now, key);
  auto found = present(key);
  const bool damaged = !found && found.error().code == Errc::verification_failed;
  if (!found && !damaged) return verdict(Status::busy, found.error().text());
  const std::optional<StoredRecord> held = damaged ? std::nullopt : *std::move(found);
  if (const auto known = outline(key); damaged && known) {
    fresh.own = joined(own, known->own);
    if (fresh.own != Own::none) fresh.group = 0;
  }

  fresh.expiry = std::min(record.expiry, now.wall + config_.ttl_max + config_.clock_skew);
  if (!held) return admit(now, key, std::move(fresh), held);

  // Of an expired version the owner may not know any more, and sign its sequence anew.
  const bool equivocation = !is_floor(*held) && equivocates(record, held->record);
  if (expects && held->record.sequence > *expects) {
    return {Status::superseded, commit_of(key), held->record.sequence, equivocation,
            "a newer version than expected is known"};
  }
  if (is_floor(*held)) {
    if (order(record, held->record) < 0 && !planted(Plant::accept_older)) {
      return {Status::superseded, commit_of(key), held->record.sequence, false,
              "a newer version was held and has expired"};
    }
    return admit(now, key, std::move(fresh), std::nullopt);
  }
  fresh.own = joined(own, held->own);
  fresh.group = fresh.own == Own::none ? held->group : 0;
  if (record.sequence == held->record.sequence && !equivocation)
    return refresh(now, key, *held, fresh);
  if (order(record, held->record) < 0 && !planted(Plant::accept_older)) {
    return {Status::superseded, commit_of(key), held->record.sequence, equivocation,
            "a newer version is held"};
  }
  Verdict out = admit(now, key, std::move(fresh), held);
  out.equivocation = equivocation;
  return out;
}

// The version held is offered again: it may live longer, or become own.
Verdict RecordStore::refresh(Now now, const Key& key, const StoredRecord& held,
                             const StoredRecord& offered) {
  StoredRecord merged = offered;
  if (held.record.expiry > offered.record.expiry) merged.record = held.record;
  merged.expiry = std::max(held.expiry, offered.expiry);
  if (merged.expiry > held.expiry || merged.own != held.own) {
    if (!disk_takes_more(now, key, merged)) return verdict(Status::busy, "the disk is full");
    write(key, std::move(merged));
  }
  return {Status::extended, commit_of(key), held.record.sequence, false, {}};
}

Verdict RecordStore::admit(Now now, const Key& key, StoredRecord fresh,
                           const std::optional<StoredRecord>& held) {
  if (!disk_takes_more(now, key, fresh)) return verdict(Status::busy, "the disk is full");
  const auto taken = outline(key);  // also by what cannot be read
  const std::size_t size = stored_bytes(fresh.record);
  const std::size_t taken_size = taken ? taken->bytes : 0;
  if (fresh.own == Own::none) {
    const Held more{held ? 0U : 1U, size > taken_size ? size - taken_size : 0};
    if (auto full = over_caps(fresh, more); !full.empty()) return verdict(Status::busy, full);
    if (!taken) {
      auto full = over_provider_caps(key, fresh);
      if (!full.empty()) {
        expire(now, config_.limits.providers_per_key);
        full = over_provider_caps(key, fresh);
      }
      if (!full.empty()) {
        ++stats_.providers_full;
        return verdict(Status::busy, full);
      }
    }
    if (!make_room(now, key, fresh, {taken ? 0U : 1U, more.bytes})) {
      return verdict(Status::busy, "the store is full of records that belong here more");
    }
  }
  const std::uint64_t sequence = fresh.record.sequence;
  write(key, std::move(fresh), true);
  return {Status::accepted, commit_of(key), sequence, false, {}};
}

// What is stored, with what is under way. After a commit that failed the sum may be too low until
// those that followed it are reported, even below zero.
template <class Map, class Of>
Held RecordStore::with_ahead(const Held& stored, const Map& ahead, const Of& of) {
  const auto it = ahead.find(of);
  if (it == ahead.end()) return stored;
  const auto sum = [](std::size_t held, std::ptrdiff_t more) {
    return static_cast<std::size_t>(
        std::max<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(held) + more));
  };
  return {sum(stored.records, it->second.records), sum(stored.bytes, it->second.bytes)};
}

Held RecordStore::held_of_group(std::uint64_t group) const {
  return with_ahead(storage_.held_of_group(group), groups_ahead_, group);
}

// Which cap on a party leaves no place for so much more of it; empty if none.
std::string RecordStore::over_caps(const StoredRecord& fresh, Held more) const {
  const Limits& limits = config_.limits;
  const auto over = [&](const Held& held, std::size_t records, std::size_t bytes) {
    return (more.records > 0 && held.records >= records) ||
           (more.bytes > 0 && held.bytes + more.bytes > bytes);
  };
  const PublicKey& owner = fresh.record.owner;
  if (fresh.record.type != RecordType::content) {
    const Held held = with_ahead(storage_.held_of_owner(owner), owners_ahead_, owner);
    if (over(held, limits.records_per_owner, limits.record_bytes_per_owner)) {
      return "its owner has as many records here as one may have";
    }
  }
  if (fresh.group != 0 &&
      over(held_of_group(fresh.group), limits.records_per_group, limits.record_bytes_per_group)) {
    return "your address group has stored as much here as one may";
  }
  return {};
}

// Whether what is held may go for the sake of `fresh`, as far as the shares of their groups go.
bool RecordStore::may_displace(const StoredRecord& fresh, const Outline& held) const {
  if (fresh.group == 0 || held.floor || held.group == fresh.group) return true;
  if (held.group == 0) return false;
  return held_of_group(held.group).bytes >=
         held_of_group(fresh.group).bytes + stored_bytes(fresh.record);
}

// The same for the caps on the announcements of one key. They all lie in one range; so may the
// record of the key itself.
std::string RecordStore::over_provider_caps(const Key& key, const StoredRecord& fresh) const {
  if (fresh.record.type != RecordType::provider) return {};
  const auto range = KeyRange::around(key, Id::kBits / 2);
  const auto itself = Id::from_bytes(fresh.record.name);
  const auto reaches = [&](std::size_t cap, std::uint64_t group) {
    const auto counted = [&](const std::optional<Outline>& one) {
      return one && !one->floor && one->own != Own::lapsed && (group == 0 || one->group == group)
                 ? 1
                 : 0;
    };
    auto held = static_cast<std::ptrdiff_t>(storage_.count_in(range, group));
    auto it = pending_.lower_bound(range.first());
    for (; it != pending_.end() && range.contains(it->first); ++it) {
      held += counted(outline(it->first)) - counted(storage_.outline(it->first));
    }
    if (itself) held -= counted(outline(*itself));
    return held >= static_cast<std::ptrdiff_t>(cap);
  };
  if (reaches(config_.limits.providers_per_key, 0)) return "its key has enough providers here";
  if (fresh.group != 0 && reaches(config_.limits.providers_per_key_and_group, fresh.group)) {
    return "its key has enough providers here that your address group announced";
  }
  return {};
}

// Makes room for so much more at `key`. False if that would cost records nearer to this node than
// `key`, or of groups that have less, with none evicted; or if it takes more than kShed, with so
// many evicted.
bool RecordStore::make_room(Now now, const Key& key, const StoredRecord& fresh, Held more) {
  const StorageUsage usage = storage_.usage();
  const auto excess = [](std::size_t stored, std::ptrdiff_t ahead, std::size_t added,
                         std::size_t bound) {
    if (added == 0) return std::ptrdiff_t{0};
    return static_cast<std::ptrdiff_t>(stored + added) + ahead - static_cast<std::ptrdiff_t>(bound);
  };
  std::ptrdiff_t records_over =
      excess(usage.records + usage.floors, records_ahead_, more.records, config_.limits.records);
  std::ptrdiff_t bytes_over =
      excess(usage.bytes, bytes_ahead_, more.bytes, config_.limits.record_bytes);
  const auto enough = [&] { return records_over <= 0 && bytes_over <= 0; };
  std::size_t left = kShed;
  // Those with a write under way, this key among them, do not help.
  const auto take = [&](const Key& candidate) {
    if (candidate == key || pending_.contains(candidate)) return false;
    const auto known = storage_.outline(candidate);
    if (!known) return false;
    --records_over;
    bytes_over -= static_cast<std::ptrdiff_t>(known->bytes);
    --left;
    return true;
  };

  if (enough()) return true;
  visit_first(
      pending_.size() + 1 + kShed, [&](std::size_t n) { return storage_.expired(now.wall, n); },
      [&](const Key& candidate) {
        // It lapses in its time, which makes no room.
        const auto known = storage_.outline(candidate);
        if (known && known->own == Own::renewed) return true;
        if (!take(candidate)) return true;
        if (!storage_.outline(candidate)->floor) ++stats_.records_expired;
        write(candidate, std::nullopt);  // a floor would be the next to go
        return !enough() && left > 0;
      });
  std::vector<std::pair<Key, bool>> victims;  // and whether it is a floor
  visit_first(
      enough() || left == 0 ? 0 : pending_.size() + 1 + left,
      [&](std::size_t n) { return storage_.farthest(self_, n); },
      [&](const Key& candidate) {
        const auto held = storage_.outline(candidate);
        const bool floor = held->floor;
        if (!floor && !closer(self_, key, candidate)) return false;
        if (may_displace(fresh, *held) && take(candidate)) victims.emplace_back(candidate, floor);
        return !enough() && left > 0;
      });
  if (!enough() && left > 0) return false;
  for (const auto& [victim, floor] : victims) {
    write(victim, std::nullopt);
    if (!floor) ++stats_.records_evicted;
  }
  return enough();
}

// Whether to write to a disk that may be full. It is tried again after a while, since others may
// have made room; if there is still none, by erasing what belongs here less than `key`.
bool RecordStore::disk_takes_more(Now now, const Key& key, const StoredRecord& fresh) {
  if (full_ == 0) return true;
  if (!next_try_) next_try_ = now.at + kFullPause;
  if (now.at < *next_try_) return false;
  next_try_ = now.at + kFullPause;
  if (full_ == 1) return true;
  std::size_t shed = 0;
  for (const Key& candidate : storage_.farthest(self_, pending_.size() + kShedByDisk)) {
    const auto held = storage_.outline(candidate);
    const bool floor = held->floor;
    if (shed == kShedByDisk || (!floor && !closer(self_, key, candidate))) break;
    if (pending_.contains(candidate) || !may_displace(fresh, *held)) continue;
    write(candidate, std::nullopt);
    if (!floor) ++stats_.records_evicted;
    ++shed;
  }
  return shed == 0;
}

bool RecordStore::drop(Now now, const Key& key) {
  const auto known = outline(key);
  if (known && known->own == Own::lapsed) return true;
  if (known && known->own == Own::renewed) {
    const auto held = present(key);
    if (!held) {
      // A disk that fails may be well again; nobody has what was damaged and has expired.
      const bool damaged = held.error().code == Errc::verification_failed;
      if (damaged) write(key, std::nullopt);
      return damaged;
    }
    lapse(key, (*held)->record, known->expiry);
  } else {
    write(key, floor_of(now, key));
  }
  if (known && !known->floor) ++stats_.records_expired;
  return true;
}

std::optional<StoredRecord> RecordStore::floor_of(Now now, const Key& key) const {
  const auto known = outline(key);
  if (!known || known->owner == PublicKey{}) return std::nullopt;  // content, or a floor
  const auto held = present(key);
  if (!held || !*held) return std::nullopt;
  const Record& record = (*held)->record;
  const bool named = record.type == RecordType::owned || record.type == RecordType::tombstone;
  if (!named) return std::nullopt;
  StoredRecord out;
  out.record.type = RecordType::floor;
  out.record.owner = record.owner;
  out.record.sequence = record.sequence;
  const auto content = kadmos::digest(record);
  out.record.value.assign(content.begin(), content.end());
  out.expiry = now.wall + config_.ttl_max + config_.clock_skew;
  return out;
}

std::uint64_t RecordStore::last_sequence(const Key& key) const {
  const auto held = present(key);
  if (held) return *held ? (*held)->record.sequence : 0;
  const auto listed = storage_.versions(KeyRange::around(key, Id::kBits), 1);
  return listed.empty() ? 0 : listed.front().sequence;
}

Result<std::optional<StoredRecord>> RecordStore::find(Now now, const Key& key) const {
  auto found = read(key);
  if (found && *found && !is_there(now, **found)) return std::optional<StoredRecord>();
  return found;
}

Result<std::optional<StoredRecord>> RecordStore::newest(Now now, const Key& key) const {
  auto found = present(key);
  if (found && *found && !is_there(now, **found)) return std::optional<StoredRecord>();
  return found;
}

std::optional<Record> RecordStore::to_hand_over(Now now, const Key& key) const {
  auto found = find(now, key);
  if (!found || !*found || (*found)->expiry <= now.wall + config_.clock_skew) return std::nullopt;
  // One that was signed to live longer than any may would be given a new life each time.
  if ((*found)->expiry < (*found)->record.expiry) return std::nullopt;
  return std::move((*found)->record);
}

Result<std::optional<StoredRecord>> RecordStore::present(const Key& key) const {
  const auto it = pending_.find(key);
  if (it != pending_.end()) return it->second.record;
  return read(key);
}

Result<std::optional<StoredRecord>> RecordStore::read(const Key& key) const {
  auto found = storage_.find(key);
  if (found) return found;
  ++stats_.records_unreadable;
  const auto known = storage_.outline(key);
  const Own own = known ? known->own : Own::none;
  const bool damaged = found.error().code == Errc::verification_failed;
  if (damaged && (pending_.contains(key) || !damaged_.insert(key).second)) return found;
  if (damaged && own != Own::renewed && own != Own::until_expiry) to_erase_.insert(key);
  if (damaged || unreadable_.size() < kMostTold) {
    unreadable_.push_back({key, own, found.error()});
  }
  return found;
}

std::optional<RecordStore::Unreadable> RecordStore::poll_unreadable() {
  if (unreadable_.empty()) return std::nullopt;
  Unreadable out = std::move(unreadable_.front());
  unreadable_.pop_front();
  return out;
}

RecordStore::Announcements RecordStore::announcements(Now now, const Key& key,
                                                      const std::optional<ByteArray<32>>& after,
                                                      std::size_t n) const {
  ByteArray<Id::kBytes> start = key.bytes();
  const auto half = start.begin() + Id::kBytes / 2;
  std::fill(half, start.end(), Byte{0});  // which no id begins with
  if (after) std::ranges::copy(*after, half);
  Announcements out;
  const auto range = KeyRange::around(key, Id::kBits / 2);
  Key last = *Id::from_bytes(start);
  while (true) {
    const std::vector<Key> keys = storage_.keys_after(last, n + 1);
    for (const Key& one : keys) {
      if (!range.contains(one)) return out;
      if (out.records.size() == n) {
        out.more = true;
        return out;
      }
      // Not the record of the key itself, nor what is announced for a key that begins alike.
      auto found = find(now, one);
      if (found && *found && announces((*found)->record, key)) {
        out.records.push_back(std::move((*found)->record));
      }
      last = one;
    }
    if (keys.size() <= n) return out;
  }
}

std::optional<Outline> RecordStore::outline(const Key& key) const {
  const auto it = pending_.find(key);
  if (it == pending_.end()) return storage_.outline(key);
  return it->second.record ? std::optional(outline_of(*it->second.record)) : std::nullopt;
}

void RecordStore::expire(Now now, std::size_t budget) {
  for (const Key& key : storage_.expired(now.wall, budget + pending_.size())) {
    if (budget == 0) break;
    if (pending_.contains(key)) continue;
    if (!drop(now, key)) return next_expiry_.reset();
    --budget;
  }
}

void RecordStore::find_next_expiry() {
  next_expiry_ = storage_.next_expiry();
  if (!next_expiry_) return;
  const auto being_written = [&] {
    const std::vector<Key> first = storage_.expired(*next_expiry_, 1);
    return first.empty() || pending_.contains(first.front());
  };
  if (failing_ || (!pending_.empty() && being_written())) next_expiry_.reset();
}

std::vector<Key> RecordStore::keys_after(const std::optional<Key>& after, std::size_t n) const {
  return storage_.keys_after(after, n);
}

std::vector<Key> RecordStore::own_keys() const { return storage_.own_keys(); }

std::vector<Key> RecordStore::own_keys(Own kind) const {
  std::vector<Key> out = storage_.own_keys();
  std::erase_if(out, [&](const Key& key) {
    const auto known = outline(key);
    return !known || known->own != kind;
  });
  return out;
}

StorageUsage RecordStore::usage() const { return storage_.usage(); }

void RecordStore::release(Now now, const Key& key, Own kind) {
  const auto held = present(key);
  if (!held || !*held || (*held)->own == Own::none || (*held)->own == kind) return;
  if ((*held)->expiry <= now.wall) return write(key, floor_of(now, key));
  StoredRecord released = **held;
  released.own = kind;
  write(key, std::move(released));
}

void RecordStore::lapse(const Key& key, const Record& version, WallTime since) {
  const auto held = present(key);
  if (!held || !*held || (*held)->own != Own::renewed) return;
  StoredRecord lapsed = **held;
  const bool same = lapsed.record.sequence == version.sequence;
  if (!same || equivocates(lapsed.record, version)) return;
  lapsed.own = Own::lapsed;
  lapsed.expiry = since;
  write(key, std::move(lapsed));
}

std::optional<Commit> RecordStore::poll_commit() {
  while (!to_erase_.empty()) {
    const Key key = to_erase_.extract(to_erase_.begin()).value();
    if (!pending_.contains(key) && storage_.outline(key)) write(key, std::nullopt);
  }
  const auto it = batches_.find(next_);
  if (it == batches_.end()) return std::nullopt;
  Commit out{next_++, {}};
  out.writes.reserve(it->second.keys.size());
  for (const Key& key : it->second.keys) out.writes.push_back({key, pending_.at(key).record});
  return out;
}

RecycledVector<Key> RecordStore::on_committed(CommitId id, const Result<void>& result) {
  auto batch = batches_.extract(id);
  check(!batch.empty() && id < next_);
  for (const Key& key : batch.mapped().keys) {
    const auto it = pending_.find(key);
    if (it != pending_.end() && it->second.commit == id) pending_.erase(it);
  }
  for (const Change& change : batch.mapped().changes) apply(change, -1);
  const bool full = !result && result.error().code == Errc::busy;
  full_ = full ? full_ + 1 : 0;
  failing_ = !result && !full;
  next_try_.reset();
  if (!result) ++stats_.commits_failed;
  find_next_expiry();
  return result ? std::move(batch.mapped().newer) : RecycledVector<Key>();
}

std::optional<CommitId> RecordStore::commit_of(const Key& key) const {
  const auto it = pending_.find(key);
  return it == pending_.end() ? std::nullopt : std::optional(it->second.commit);
}

void RecordStore::write(const Key& key, std::optional<StoredRecord> record, bool newer) {
  damaged_.erase(key);
  Batch& batch = batches_[next_];
  const auto held = outline(key);
  const bool may_be_next = next_expiry_ && held && held->expiry == *next_expiry_;
  if (held) count(batch, *held, -1);
  if (record) count(batch, outline_of(*record), +1);
  const auto [it, added] = pending_.try_emplace(key);
  const bool first = added || it->second.commit != next_;
  if (first) batch.keys.push_back(key);
  const bool listed = !first && it->second.newer;
  if (newer && !listed) batch.newer.push_back(key);
  it->second = {next_, std::move(record), newer || listed};
  if (may_be_next) find_next_expiry();
}

void RecordStore::count(Batch& batch, const Outline& record, int sign) {
  batch.changes.push_back(
      {sign, sign * static_cast<std::ptrdiff_t>(record.bytes), record.owner, record.group});
  apply(batch.changes.back(), +1);
}

void RecordStore::apply(const Change& change, int sign) {
  const auto add = [&](auto& counts, const auto& of) {
    const auto it = counts.try_emplace(of).first;
    it->second.records += sign * change.records;
    it->second.bytes += sign * change.bytes;
    if (it->second == Ahead{}) counts.erase(it);
  };
  records_ahead_ += sign * change.records;
  bytes_ahead_ += sign * change.bytes;
  if (change.owner != PublicKey{}) add(owners_ahead_, change.owner);
  if (change.group != 0) add(groups_ahead_, change.group);
}

}  // namespace kadmos
