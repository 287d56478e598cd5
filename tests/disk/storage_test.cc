// The storage on disk: what is reported when, and what happens when the disk does not do as told.
#include "lmdb/storage.h"

#include <doctest/doctest.h>
#include <lmdb.h>

#include <condition_variable>
#include <filesystem>

#include "base/check.h"
#include "disk/tap.h"
#include "store/record_store.h"
#include "support/storage_model.h"
#include "tests/e2e/support.h"

namespace kadmos::disk {
namespace {

using namespace std::chrono_literals;

// The thread that owns the storage is the test's; what is posted to it waits here.
class Posts {
 public:
  void post(std::function<void()> fn) {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(fn));
    arrived_.notify_one();
  }
  void run_one() {
    std::unique_lock lock(mutex_);
    REQUIRE(arrived_.wait_for(lock, e2e::kPatience, [&] { return !posted_.empty(); }));
    const auto fn = std::move(posted_.front());
    posted_.pop_front();
    lock.unlock();
    fn();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> posted_;
};

StoredRecord stored(std::string_view value, WallTime expiry = records::kNoon, Own own = Own::none) {
  return {records::content(value, expiry), expiry, own, 0};
}

struct Fixture {
  void open(std::size_t room = 64 * 1024 * 1024) {
    storage.reset();
    reported.clear();
    storage = LmdbStorage::open(
                  Database::open(path, "test", room).value(),
                  [this](std::function<void()> fn) { posts.post(std::move(fn)); },
                  [this](const Error& error) { broken.push_back(error); })
                  .value();
    storage->on_committed([this](CommitId id, Result<void> result) {
      reported.emplace_back(id, result.ok() ? "" : std::string(name_of(result.error().code)));
    });
  }
  void put(const Key& key, std::optional<StoredRecord> record) {
    storage->commit({++last, {{key, std::move(record)}}});
  }
  void settle() {
    while (reported.size() < last) posts.run_one();
  }
  // Puts the row of one key under another.
  void move_row(const Key& from, const Key& to) const {
    MDB_env* env = nullptr;
    MDB_txn* txn = nullptr;
    MDB_dbi table = 0;
    auto from_bytes = from.bytes();
    auto to_bytes = to.bytes();
    MDB_val old_key{from_bytes.size(), from_bytes.data()};
    MDB_val new_key{to_bytes.size(), to_bytes.data()};
    MDB_val row;
    check(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, 3) == 0);
    check(mdb_env_open(env, path.c_str(), MDB_NOSUBDIR, 0600) == 0);
    check(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
    check(mdb_dbi_open(txn, "by key", 0, &table) == 0 && mdb_get(txn, table, &old_key, &row) == 0);
    std::string copy(static_cast<const char*>(row.mv_data), row.mv_size);
    row.mv_data = copy.data();
    check(mdb_put(txn, table, &new_key, &row, 0) == 0);
    check(mdb_del(txn, table, &old_key, nullptr) == 0 && mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
  }
  std::string value_at(const Key& key) const {
    const auto found = storage->find(key);
    if (!found) return std::string(name_of(found.error().code));
    return *found ? std::string(text_of((*found)->record.value)) : "nothing";
  }

  e2e::TempDir dir;
  std::string path = dir / "records.mdb";
  Posts posts;
  CommitId last = 0;
  std::vector<std::pair<CommitId, std::string>> reported;
  std::vector<Error> broken;
  std::unique_ptr<LmdbStorage> storage;
};

const Key kA = readable::id(0x10);
const Key kB = readable::id(0x20);
const Key kC = readable::id(0xf0);
using Reported = std::vector<std::pair<CommitId, std::string>>;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "storage on disk answers every query as a searched map does") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    path = dir / std::to_string(seed);
    open();
    const auto model = storage_model::run(seed, *storage, 50'000, [&](const auto& unreported) {
      while (!unreported.empty()) posts.run_one();
    });
    // And the same after a restart.
    open();
    Prng prng(seed);
    storage_model::compare_counts(*storage, model);
    for (int i = 0; i < 20; ++i) {
      storage_model::compare_lists(*storage, model, prng, {});
      storage_model::compare_expiry(*storage, model, prng);
    }
    for (const auto& [key, record] : model) storage_model::compare_find(*storage, model, {}, key);
  }
}

TEST_CASE_FIXTURE(Fixture, "commits are reported on the owner's thread in their order") {
  open();
  for (int i = 0; i < 3000; ++i) put(Prng(static_cast<std::uint64_t>(i)).id(), stored("v"));
  CHECK(storage->usage().records == 0);
  CHECK(reported.empty());
  settle();
  REQUIRE(reported.size() == 3000);
  for (std::size_t i = 0; i < reported.size(); ++i)
    CHECK(reported[i] == std::pair(CommitId{i + 1}, std::string()));
  CHECK(storage->usage().records == 3000);
}

TEST_CASE_FIXTURE(Fixture, "what was committed is there when the storage is opened again") {
  open();
  put(kA, stored("a", records::kNoon + 1h, Own::renewed));
  put(kB, stored("b"));
  put(kC, stored("c"));
  put(kC, std::nullopt);
  settle();
  open();
  CHECK(value_at(kA) == "a");
  CHECK(value_at(kB) == "b");
  CHECK(value_at(kC) == "nothing");
  CHECK(storage->own_keys() == std::vector<Key>{kA});
  CHECK(storage->next_expiry() == records::kNoon);
}

TEST_CASE_FIXTURE(Fixture, "on disk an older version does not come back after a restart either") {
  const Identity alice = records::identity(1);
  const Record older = records::owned(alice, "n", 1, "older", records::kNoon + 10h);
  Config config;
  Stats stats;
  Now now{TimePoint{}, records::kNoon};
  open();
  std::optional<RecordStore> store;
  const auto begin = [&] {
    store.emplace(config, Id{}, *storage, stats);
    storage->on_committed([&](CommitId id, const Result<void>& result) {
      CHECK(result.ok());
      store->on_committed(id, result);
      reported.emplace_back(id, "");
    });
  };
  const auto make_durable = [&] {
    auto commit = store->poll_commit();
    REQUIRE(commit);
    const std::size_t before = reported.size();
    storage->commit(*std::move(commit));
    while (reported.size() == before) posts.run_one();
  };
  begin();
  store->offer(now, kA, records::owned(alice, "n", 2, "newer", records::kNoon + 1s), Own::none, 0);
  store->offer(now, kB, records::owned(alice, "m", 1, "value", records::kNoon + 10h), Own::none, 0);
  make_durable();
  store->offer(now, kB, records::tombstone(alice, "m", 2, records::kNoon + 1s), Own::none, 0);
  make_durable();
  now.wall += 1s;
  store->expire(now, 9);
  make_durable();
  store.reset();
  open();
  begin();
  CHECK(storage->usage().records == 0);
  CHECK(storage->usage().floors == 2);
  CHECK_FALSE(store->find(now, kA).value());
  CHECK(store->offer(now, kA, older, Own::none, 0).status == RecordStore::Status::superseded);
  const Record deleted = records::owned(alice, "m", 1, "value", records::kNoon + 10h);
  CHECK(store->offer(now, kB, deleted, Own::none, 0).status == RecordStore::Status::superseded);
  now.wall = *store->next_expiry();
  store->expire(now, 9);
  make_durable();
  CHECK(storage->usage().floors == 0);
}

TEST_CASE_FIXTURE(Fixture, "what is queued when the storage ends is still made durable") {
  open();
  for (int i = 0; i < 2500; ++i) put(Prng(static_cast<std::uint64_t>(i)).id(), stored("v"));
  open();
  CHECK(storage->usage().records == 2500);
  CHECK(reported.empty());
}

TEST_CASE_FIXTURE(Fixture, "a commit made within a report and the end within a report do no harm") {
  open();
  storage->on_committed([this](CommitId id, const Result<void>&) {
    reported.emplace_back(id, "");
    if (id == 1) {
      put(kB, stored("b"));
      storage->pump();
    } else {
      storage.reset();
    }
  });
  put(kA, stored("a"));
  settle();
  CHECK(reported == Reported{{1, ""}, {2, ""}});
  CHECK(storage == nullptr);
  open();
  CHECK(value_at(kB) == "b");
}

TEST_CASE_FIXTURE(Fixture, "a full disk fails what it cannot take and nothing else") {
  open();
  put(kA, stored("a"));
  settle();
  {
    const Tapped tapped(path);
    tap().fail_pages = ENOSPC;
    put(kA, stored("b"));
    put(kB, stored("b"));
    settle();
  }
  CHECK(reported == Reported{{1, ""}, {2, "busy"}, {3, "busy"}});
  CHECK(value_at(kA) == "a");
  CHECK(storage->usage().records == 1);
  put(kC, stored("c"));
  settle();
  CHECK(reported.back() == std::pair(CommitId{4}, std::string()));
  CHECK(broken.empty());
  open();
  CHECK(value_at(kA) == "a");
  CHECK(value_at(kC) == "c");
}

TEST_CASE_FIXTURE(Fixture,
                  "a full disk takes what only erases and comes with what it cannot take") {
  open();
  put(kA, stored("a"));
  put(kB, stored("b"));
  settle();
  const Tapped tapped(path);
  tap().disk_ends = std::filesystem::file_size(path) + 64 * 1024;
  // Under way together, once something else is on its way.
  put(kC, stored("c"));
  put(Prng(1).id(), stored(std::string(60'000, 'v')));
  for (int i = 0; i < 200; ++i) {
    put(Prng(static_cast<std::uint64_t>(i)).id(), stored(std::string(60'000, 'v')));
  }
  put(kA, std::nullopt);
  settle();
  CHECK(reported[reported.size() - 2].second == "busy");
  CHECK(reported.back().second.empty());
  CHECK(value_at(kA) == "nothing");
  CHECK(value_at(kB) == "b");
}

// Lost by damage, not erased.
TEST_CASE_FIXTURE(Fixture, "a record lost from the file is never not found whatever is under way") {
  open();
  put(kA, stored("a"));
  settle();
  storage.reset();
  move_row(kA, kC);
  last = 0;
  open();
  CHECK(value_at(kA) == "verification_failed");
  put(kB, stored("b"));
  put(kA, stored("anew"));
  CHECK(value_at(kA) == "verification_failed");
  settle();
  CHECK(value_at(kA) == "anew");
}

TEST_CASE_FIXTURE(Fixture, "a disk that fails is not used again and is told of once") {
  for (int Tap::*fault : {&Tap::fail_syncs, &Tap::fail_metas, &Tap::fail_pages}) {
    path =
        dir / std::to_string(fault == &Tap::fail_syncs) + std::to_string(fault == &Tap::fail_metas);
    broken.clear();
    last = 0;
    open();
    put(kA, stored("a"));
    settle();
    {
      const Tapped tapped(path);
      tap().*fault = EIO;
      put(kA, stored("b"));
      settle();
    }
    put(kC, stored("c"));  // the disk would take it now
    settle();
    CHECK(reported == Reported{{1, ""}, {2, "storage_failed"}, {3, "storage_failed"}});
    CHECK(value_at(kA) == "storage_failed");
    if (broken.empty()) posts.run_one();
    CHECK(broken.size() == 1);
    last = 0;
    open();
    CHECK(value_at(kA) == "a");
    CHECK(value_at(kC) == "nothing");
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "a disk too full for the page that counts is told of once and not used again") {
  open();
  put(kA, stored("a"));
  settle();
  {
    const Tapped tapped(path);
    tap().fail_metas = ENOSPC;
    put(kA, stored("b"));
    settle();
  }
  CHECK(reported == Reported{{1, ""}, {2, "storage_failed"}});
  CHECK(value_at(kA) == "storage_failed");
  if (broken.empty()) posts.run_one();
  CHECK(broken.size() == 1);
}

// The disk fails under a commit, and a read comes before that is reported.
TEST_CASE_FIXTURE(Fixture, "a read that finds the disk given up tells of it once") {
  open();
  put(kA, stored("a"));
  settle();
  const Tapped tapped(path);
  tap().fail_metas = EIO;
  put(kA, stored("b"));
  REQUIRE(e2e::eventually([&] { return value_at(kA) == "storage_failed"; }));
  CHECK(reported.size() == 1);
  while (broken.empty()) posts.run_one();
  settle();
  CHECK(value_at(kA) == "storage_failed");
  CHECK(broken.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "storage whose thread cannot be started is an error") {
  auto database = Database::open(path, "test", 1 << 20).value();
  const Tapped tapped(path);
  tap().fail_threads = true;
  const auto opened = LmdbStorage::open(std::move(database), {}, {});
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code == Errc::io);
  CHECK(opened.error().detail.find("thread") != std::string::npos);
}

}  // namespace kadmos::disk
