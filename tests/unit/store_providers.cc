// Announcements in the store: how many of one key it keeps, and which. It believes that they were
// verified, so they are not signed here.
#include <doctest/doctest.h>

#include <vector>

#include "store/record_store.h"
#include "support/failing_storage.h"
#include "support/readable.h"
#include "support/records.h"

using namespace kadmos;
using namespace kadmos::records;
using namespace std::chrono_literals;
using Status = RecordStore::Status;

namespace {

const Key kWhat = content_key(view_of("what"));
const std::uint64_t kThere = Endpoint::v4(192, 0, 2, 1, 1).group();

struct Fixture {
  Fixture() {
    config.limits.providers_per_key = 4;
    config.limits.providers_per_key_and_group = 2;
    storage.on_committed(
        [this](CommitId id, const Result<void>& result) { store.on_committed(id, result); });
  }
  static Record announcement(std::uint64_t owner, std::uint64_t sequence, bool withdrawn = false,
                             const Key& key = kWhat) {
    Record record = announcing({key, withdrawn, {}});
    record.owner = readable::key(owner);
    record.sequence = sequence;
    record.expiry = kNoon + 1h;
    return record;
  }
  Status offer(const Record& record, std::uint64_t group = 0, Own own = Own::none) {
    return store.offer(now, key_of(record), record, own, group).status;
  }
  void settle() {
    if (auto batch = store.poll_commit()) storage.commit(*std::move(batch));
    storage.pump();
  }
  Status put(const Record& record, std::uint64_t group = 0, Own own = Own::none) {
    const Status status = offer(record, group, own);
    settle();
    return status;
  }
  std::size_t held(const Key& key = kWhat) const {
    return store.announcements(now, key, {}, 1000).records.size();
  }

  Now now{TimePoint{}, kNoon};
  Config config;
  Stats stats;
  FailingStorage storage;
  RecordStore store{config, Id{}, storage, stats};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "of the announcements of a key those that came first stay") {
  for (std::uint64_t i = 0; i < 4; ++i) CHECK(put(announcement(i, 1)) == Status::accepted);
  CHECK(put(announcement(4, 1)) == Status::busy);
  CHECK(stats.providers_full == 1);
  CHECK(stats.records_busy == 1);
  CHECK(held() == 4);
  // They are renewed and withdrawn as ever, and other keys have places of their own.
  CHECK(put(announcement(0, 2)) == Status::accepted);
  CHECK(put(announcement(1, 2, true)) == Status::accepted);
  const Key other = content_key(view_of("other"));
  CHECK(put(announcement(4, 1, false, other)) == Status::accepted);
  CHECK(held() == 4);
  CHECK(held(other) == 1);
}

TEST_CASE_FIXTURE(Fixture, "announcements that are being committed count as well") {
  for (std::uint64_t i = 0; i < 4; ++i) CHECK(offer(announcement(i, 1)) == Status::accepted);
  CHECK(offer(announcement(4, 1)) == Status::busy);
  storage.fail_commit = [] { return true; };
  settle();
  storage.fail_commit = [] { return false; };
  CHECK(held() == 0);
  CHECK(put(announcement(4, 1)) == Status::accepted);
}

TEST_CASE_FIXTURE(Fixture, "an address group announces no more than its share of a key") {
  CHECK(offer(announcement(0, 1), kThere) == Status::accepted);
  CHECK(put(announcement(1, 1), kThere) == Status::accepted);
  CHECK(offer(announcement(2, 1), kThere) == Status::busy);
  CHECK(stats.providers_full == 1);
  // Local peers have no share, and other groups one of their own.
  CHECK(put(announcement(2, 1), kThere + 1) == Status::accepted);
  CHECK(put(announcement(3, 1)) == Status::accepted);
  CHECK(put(announcement(4, 1), kThere + 1) == Status::busy);
  CHECK(held() == 4);
}

TEST_CASE_FIXTURE(Fixture, "expired announcements make room for new ones") {
  for (std::uint64_t i = 0; i < 4; ++i) put(announcement(i, 1));
  now.wall += 1h;
  Record fresh = announcement(4, 1);
  fresh.expiry = now.wall + 1h;
  CHECK(put(fresh) == Status::accepted);
  CHECK(stats.records_expired == 4);
  CHECK(storage.usage().records == 1);
}

TEST_CASE_FIXTURE(Fixture, "the record of the key itself takes no place of its providers") {
  const Record what = content("what");
  REQUIRE(key_of(what) == kWhat);
  CHECK(put(what) == Status::accepted);
  for (std::uint64_t i = 0; i < 4; ++i) CHECK(put(announcement(i, 1)) == Status::accepted);
  CHECK(put(announcement(4, 1)) == Status::busy);
  CHECK(held() == 4);
}

TEST_CASE_FIXTURE(Fixture, "an announcement of this node always finds its place") {
  for (std::uint64_t i = 0; i < 4; ++i) put(announcement(i, 1));
  CHECK(put(announcement(4, 1), 0, Own::renewed) == Status::accepted);
  CHECK(held() == 5);
}

TEST_CASE("a million announcements of one key leave no more than its bound") {
  Fixture f;
  f.config.limits.providers_per_key = 64;
  f.config.limits.providers_per_key_and_group = 8;
  std::size_t accepted = 0;
  std::size_t busy = 0;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) {
    const Status status = f.offer(Fixture::announcement(i, 1), i % 5);
    accepted += status == Status::accepted ? 1U : 0U;
    busy += status == Status::busy ? 1U : 0U;
    if (i % 64 == 0) f.settle();
  }
  f.settle();
  CHECK(accepted == f.config.limits.providers_per_key);
  CHECK(busy == 1'000'000 - accepted);
  CHECK(f.stats.providers_full == busy);
  CHECK(f.held() == accepted);
  for (std::uint64_t group = 1; group < 5; ++group) {
    CHECK(f.storage.held_of_group(group).records == f.config.limits.providers_per_key_and_group);
  }
}
