#include "lmdb/storage.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <span>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace kadmos {
namespace {

using SteadyClock = std::chrono::steady_clock;

// A transaction begins so long after the one before, or when so many records wait: a busy disk
// shares the cost of an fsync among many, and an idle one takes a lone commit at once.
constexpr auto kGather = std::chrono::milliseconds(20);
constexpr std::size_t kBatchRecords = 1000;

bool same_version(const Key& key, const Standing& listed, const StoredRecord& found) {
  return listed.sequence == found.record.sequence &&
         listed.fingerprint == fingerprint(key, found.record);
}

}  // namespace

Result<std::unique_ptr<LmdbStorage>> LmdbStorage::open(
    std::unique_ptr<Database> database, Post post, std::function<void(const Error&)> on_broken) {
  auto standings = database->standings();
  if (!standings) return std::move(standings).error();
  std::unique_ptr<LmdbStorage> out(
      new LmdbStorage(std::move(database), std::move(post), std::move(on_broken)));
  out->index_.load(*std::move(standings));
  try {
    out->thread_ = std::thread([storage = out.get()] { storage->run(); });
  } catch (const std::system_error& failed) {
    return Error(Errc::io, std::string("cannot start the thread that writes: ") + failed.what());
  }
  return out;
}

LmdbStorage::LmdbStorage(std::unique_ptr<Database> database, Post post,
                         std::function<void(const Error&)> on_broken)
    : database_(std::move(database)), post_(std::move(post)), on_broken_(std::move(on_broken)) {}

LmdbStorage::~LmdbStorage() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void LmdbStorage::on_committed(std::function<void(CommitId, Result<void>)> listener) {
  listener_ = std::make_shared<std::function<void(CommitId, Result<void>)>>(std::move(listener));
}

void LmdbStorage::commit(Commit commit) {
  Unreported unreported{commit.id, {}};
  unreported.writes.reserve(commit.writes.size());
  for (const Write& write : commit.writes) {
    unreported.writes.emplace_back(
        write.key,
        write.record ? std::optional(standing_of(write.key, *write.record)) : std::nullopt);
  }
  unreported_.push_back(std::move(unreported));
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    const bool few = queued_records_ < kBatchRecords;
    queued_records_ += commit.writes.size();
    wake = queue_.empty() || (few && queued_records_ >= kBatchRecords);
    queue_.push_back(std::move(commit));
  }
  if (wake) wake_.notify_one();
}

std::optional<LmdbStorage::Done> LmdbStorage::next_done() {
  const std::lock_guard lock(mutex_);
  if (done_.empty()) return std::nullopt;
  Done out = std::move(done_.front());
  done_.pop_front();
  return out;
}

void LmdbStorage::pump() {
  const std::weak_ptr<LmdbStorage*> self = self_;
  while (auto done = next_done()) {
    const Unreported reported = std::move(unreported_.front());
    unreported_.pop_front();
    check(reported.id == done->id && listener_ != nullptr);
    if (done->result) {
      for (const auto& [key, standing] : reported.writes) index_.write(key, standing);
    } else if (done->result.error().code == Errc::storage_failed) {
      broke(done->result.error());
    }
    const auto listener = listener_;
    (*listener)(done->id, std::move(done->result));
    if (self.expired()) return;
  }
}

void LmdbStorage::broke(const Error& error) const {
  if (broken_) return;
  broken_ = error;
  if (on_broken_) post_([tell = std::move(on_broken_), error] { tell(error); });
}

Result<std::optional<StoredRecord>> LmdbStorage::find(const Key& key) const {
  if (broken_) return *broken_;
  const Standing* listed = index_.find(key);
  if (listed == nullptr) return std::optional<StoredRecord>();
  auto found = database_->find(key);
  if (!found && database_->panicked()) broke(found.error());
  // Only a commit under way may have erased it.
  if (found && !*found && !being_erased(key)) {
    return Error(Errc::verification_failed,
                 "the record " + key.short_hex() + " is in the index but not in the file");
  }
  if (found && *found && !same_version(key, *listed, **found) && !being_written(key)) {
    return Error(Errc::verification_failed, "the record " + key.short_hex() +
                                                " cannot be read: the file has another version "
                                                "of it than the index");
  }
  return found;
}

bool LmdbStorage::being_written(const Key& key) const {
  return std::ranges::any_of(unreported_, [&](const Unreported& commit) {
    return std::ranges::any_of(commit.writes,
                               [&](const auto& write) { return write.first == key; });
  });
}

bool LmdbStorage::being_erased(const Key& key) const {
  return std::ranges::any_of(unreported_, [&](const Unreported& commit) {
    return std::ranges::any_of(
        commit.writes, [&](const auto& write) { return write.first == key && !write.second; });
  });
}

// ---- The committing thread

void LmdbStorage::run() {
  std::optional<Error> broken;
  auto earliest = SteadyClock::now();
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return ending_ || !queue_.empty(); });
    if (queue_.empty()) return;
    wake_.wait_until(lock, earliest, [&] { return ending_ || queued_records_ >= kBatchRecords; });
    std::vector<Commit> batch = next_batch(lock);
    earliest = SteadyClock::now() + kGather;
    std::vector<Done> done;
    const auto apply = [&](std::span<const Commit> commits) {
      Result<void> result = broken ? Result<void>(*broken) : database_->apply(commits);
      if (!result && result.error().code == Errc::storage_failed) broken = result.error();
      return result;
    };
    const Result<void> all = apply(batch);
    // What a full disk cannot take together it may take in part; what only erases above all.
    const bool apart = !all && all.error().code == Errc::busy && batch.size() > 1;
    for (const Commit& commit : batch) {
      done.push_back({commit.id, apart ? apply(std::span(&commit, 1)) : all});
    }

    lock.lock();
    const bool quiet = done_.empty();
    std::ranges::move(done, std::back_inserter(done_));
    if (ending_ || !quiet) continue;
    lock.unlock();
    post_([self = std::weak_ptr<LmdbStorage*>(self_)] {
      // Held by nobody meanwhile, so that pump() notices its end.
      LmdbStorage* storage = self.expired() ? nullptr : *self.lock();
      if (storage != nullptr) storage->pump();
    });
    lock.lock();
  }
}

// Takes whole commits, up to kBatchRecords records but one at least, and unlocks.
std::vector<Commit> LmdbStorage::next_batch(std::unique_lock<std::mutex>& lock) {
  std::vector<Commit> out;
  std::size_t records = 0;
  while (!queue_.empty() &&
         (out.empty() || records + queue_.front().writes.size() <= kBatchRecords)) {
    records += queue_.front().writes.size();
    out.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_records_ -= records;
  lock.unlock();
  return out;
}

}  // namespace kadmos
