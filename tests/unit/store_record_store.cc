// The store believes that what it is offered was verified, so these tests put records at keys a
// reader can follow by eye.
#include <doctest/doctest.h>

#include <string>
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

const Key kA = readable::id(0x10);
const Key kB = readable::id(0x20);
const Key kC = readable::id(0x40);
const Key kFar = readable::id(0xf0);

// A store of the node with id 0, so that a smaller key is a closer one.
struct Fixture {
  Fixture() {
    storage.on_committed(
        [this](CommitId id, const Result<void>& result) { store.on_committed(id, result); });
  }
  RecordStore::Verdict offer(const Key& key, const Record& record, Own own = Own::none,
                             std::uint64_t group = 0) {
    return store.offer(now, key, record, own, group);
  }
  // Hands what was accepted to the storage.
  void commit() {
    if (auto batch = store.poll_commit()) storage.commit(*std::move(batch));
  }
  // … and has it made durable.
  void settle() {
    commit();
    storage.pump();
  }
  Status put(const Key& key, const Record& record, Own own = Own::none, std::uint64_t group = 0) {
    const Status status = offer(key, record, own, group).status;
    settle();
    return status;
  }
  bool holds(const Key& key) const { return (*store.find(now, key)).has_value(); }
  std::string value(const Key& key) const {
    const auto found = *store.find(now, key);
    return found ? std::string(text_of(found->record.value)) : "nothing";
  }

  Now now{TimePoint{}, kNoon};
  Config config;
  Stats stats;
  FailingStorage storage;
  RecordStore store{config, Id{}, storage, stats};
  Identity alice = identity(1);
};

}  // namespace

// ---- Versions

TEST_CASE_FIXTURE(Fixture, "an accepted record is read only once its commit was reported") {
  const auto verdict = offer(kA, content("v"));
  CHECK(verdict.status == Status::accepted);
  REQUIRE(verdict.commit);
  CHECK(!holds(kA));
  auto batch = store.poll_commit();
  REQUIRE(batch);
  CHECK(batch->id == *verdict.commit);
  CHECK(batch->writes.size() == 1);
  CHECK(!store.poll_commit());
  storage.commit(*std::move(batch));
  CHECK(!holds(kA));
  storage.pump();
  CHECK(value(kA) == "v");
}

TEST_CASE_FIXTURE(Fixture, "everything accepted between two polls is one batch") {
  const auto first = offer(kA, content("a"));
  const auto second = offer(kB, content("b"));
  CHECK(first.commit == second.commit);
  CHECK(store.poll_commit()->writes.size() == 2);
  const auto third = offer(kC, content("c"));
  CHECK(third.commit != first.commit);
}

TEST_CASE_FIXTURE(Fixture, "a higher sequence replaces a lower one and never the other way round") {
  CHECK(put(kA, owned(alice, "n", 2, "two")) == Status::accepted);
  const auto older = offer(kA, owned(alice, "n", 1, "one"));
  CHECK(older.status == Status::superseded);
  CHECK(older.sequence == 2);
  CHECK(!older.commit);
  CHECK(put(kA, owned(alice, "n", 3, "three")) == Status::accepted);
  CHECK(value(kA) == "three");
  CHECK(put(kA, tombstone(alice, "n", 4)) == Status::accepted);
  CHECK((*store.find(now, kA))->record.type == RecordType::tombstone);
  CHECK(put(kA, owned(alice, "n", 3, "three")) == Status::superseded);
}

TEST_CASE_FIXTURE(Fixture, "a version that is still being committed decides about the next") {
  const auto two = offer(kA, owned(alice, "n", 2, "two"));
  commit();
  const auto one = offer(kA, owned(alice, "n", 1, "one"));
  CHECK(one.status == Status::superseded);
  CHECK(one.commit == two.commit);
  const auto again = offer(kA, owned(alice, "n", 2, "two"));
  CHECK(again.status == Status::extended);
  CHECK(again.commit == two.commit);
  CHECK((*store.newest(now, kA))->record.sequence == 2);
  CHECK(!holds(kA));
  storage.pump();
  CHECK(value(kA) == "two");
}

TEST_CASE_FIXTURE(Fixture, "of several versions in one batch only the last is written") {
  offer(kA, owned(alice, "n", 1, "one"));
  offer(kA, owned(alice, "n", 2, "two"));
  const auto batch = store.poll_commit();
  REQUIRE(batch);
  REQUIRE(batch->writes.size() == 1);
  CHECK(batch->writes[0].record->record.sequence == 2);
}

TEST_CASE_FIXTURE(Fixture, "the same version lives longer if its owner signed that") {
  put(kA, owned(alice, "n", 1, "v", kNoon + 1h));
  const auto longer = offer(kA, owned(alice, "n", 1, "v", kNoon + 2h));
  CHECK(longer.status == Status::extended);
  CHECK(longer.commit);
  CHECK(longer.sequence == 1);
  settle();
  const auto held = *store.find(now, kA);
  CHECK(held->expiry == kNoon + 2h);
  CHECK(held->record.expiry == kNoon + 2h);
}

TEST_CASE_FIXTURE(Fixture, "the same version again changes nothing and needs no commit") {
  put(kA, owned(alice, "n", 1, "v", kNoon + 2h));
  for (const auto expiry : {kNoon + 2h, kNoon + 1h}) {
    const auto again = offer(kA, owned(alice, "n", 1, "v", expiry));
    CHECK(again.status == Status::extended);
    CHECK(!again.commit);
  }
  CHECK(!store.poll_commit());
  CHECK((*store.find(now, kA))->expiry == kNoon + 2h);
}

TEST_CASE_FIXTURE(Fixture,
                  "of two values under one sequence every order leaves the same and is counted") {
  const Record x = owned(alice, "n", 1, "x");
  const Record y = owned(alice, "n", 1, "y");
  put(kA, x);
  const auto at_a = offer(kA, y);
  put(kB, y);
  const auto at_b = offer(kB, x);
  settle();
  CHECK(at_a.equivocation);
  CHECK(at_b.equivocation);
  CHECK(at_a.status != at_b.status);
  CHECK(value(kA) == value(kB));
  CHECK(stats.equivocations == 2);
  CHECK(!offer(kA, owned(alice, "n", 2, "z")).equivocation);
}

// ---- Commits that fail

TEST_CASE_FIXTURE(Fixture, "a failed commit never happened") {
  put(kA, owned(alice, "n", 1, "one"));
  storage.fail_commit = [] { return true; };
  CHECK(put(kA, owned(alice, "n", 2, "two")) == Status::accepted);
  CHECK(stats.commits_failed == 1);
  CHECK(value(kA) == "one");
  CHECK((*store.newest(now, kA))->record.sequence == 1);

  storage.fail_commit = [] { return false; };
  CHECK(put(kA, owned(alice, "n", 2, "two")) == Status::accepted);
  CHECK(value(kA) == "two");
}

TEST_CASE_FIXTURE(Fixture, "a commit that fails leaves the later one of the same key standing") {
  bool first = true;
  storage.fail_commit = [&] { return std::exchange(first, false); };
  offer(kA, owned(alice, "n", 1, "one"));
  commit();
  offer(kA, owned(alice, "n", 2, "two"));
  commit();
  storage.pump_at_most = 1;
  storage.pump();
  CHECK((*store.newest(now, kA))->record.sequence == 2);
  CHECK(!holds(kA));
  storage.pump();
  CHECK(value(kA) == "two");
}

TEST_CASE_FIXTURE(Fixture, "failed commits leave no trace in the counts") {
  config.limits.records = 1;
  storage.fail_commit = [] { return true; };
  for (int i = 0; i < 5; ++i) CHECK(put(kA, content("v"), Own::none, 7) == Status::accepted);
  storage.fail_commit = [] { return false; };
  CHECK(put(kB, content("w"), Own::none, 7) == Status::accepted);
  CHECK(store.usage().records == 1);
}

TEST_CASE_FIXTURE(Fixture, "a store that cannot be read is busy and says why") {
  storage.fail_reads = true;
  const auto verdict = offer(kA, content("v"));
  CHECK(verdict.status == Status::busy);
  CHECK(verdict.detail.find("cannot be read") != std::string::npos);
  CHECK(stats.records_unreadable == 1);
  CHECK(!store.find(now, kA));
  CHECK(!store.newest(now, kA));
  CHECK(stats.records_unreadable == 3);
  store.release(now, kA, Own::none);
  CHECK(!store.poll_commit());
}

TEST_CASE_FIXTURE(Fixture, "a full disk is spared for a second and then tried again") {
  storage.failure = Errc::busy;
  storage.fail_commit = [] { return true; };
  CHECK(put(kA, content("a")) == Status::accepted);
  const auto refused = offer(kB, content("b"));
  CHECK(refused.status == Status::busy);
  CHECK(refused.detail == "the disk is full");
  CHECK(offer(kB, content("b"), Own::renewed).status == Status::busy);
  now.at += 999ms;
  CHECK(offer(kB, content("b")).status == Status::busy);
  now.at += 1ms;
  CHECK(put(kB, content("b")) == Status::accepted);  // and fails
  CHECK(offer(kC, content("c")).status == Status::busy);
  CHECK(!store.poll_commit());
  CHECK(stats.commits_failed == 2);
  storage.fail_commit = [] { return false; };
  now.at += 1s;
  CHECK(put(kC, content("c")) == Status::accepted);
  CHECK(put(kB, content("b")) == Status::accepted);
}

TEST_CASE_FIXTURE(Fixture, "what a full disk holds expires and makes room") {
  storage.failure = Errc::busy;
  put(kA, content("a", kNoon + 1s));
  storage.fail_commit = [] { return true; };
  put(kB, content("b"));
  CHECK(store.next_expiry() == kNoon + 1s);
  now.wall += 1s;
  storage.fail_commit = [] { return false; };
  store.expire(now, 9);
  settle();
  CHECK(store.usage().records == 0);
  CHECK(put(kB, content("b")) == Status::accepted);
}

TEST_CASE_FIXTURE(Fixture,
                  "a full disk gives up farther records for a nearer one but no own ones") {
  storage.failure = Errc::busy;
  put(kA, content("a"));
  put(kC, content("c"));
  put(kFar, content("far"), Own::renewed);
  storage.fail_commit = [] { return true; };
  put(kB, content("b"));
  offer(kB, content("b"));
  now.at += 1s;
  CHECK(put(kB, content("b")) == Status::accepted);  // there may be room, but there is none
  CHECK(stats.records_evicted == 0);
  storage.fail_commit = [] { return false; };
  offer(kB, content("b"));
  now.at += 1s;
  CHECK(put(kB, content("b")) == Status::busy);
  CHECK(store.keys_after(std::nullopt, 9) == std::vector<Key>{kA, kFar});
  CHECK(stats.records_evicted == 1);
  CHECK(put(kB, content("b")) == Status::accepted);
  CHECK(stats.records_evicted == 1);
}

TEST_CASE_FIXTURE(Fixture, "a disk that was full and has room again costs no record") {
  storage.failure = Errc::busy;
  put(kC, content("c"));
  storage.fail_commit = [] { return true; };
  put(kB, content("b"));
  storage.fail_commit = [] { return false; };
  offer(kB, content("b"));
  now.at += 1s;
  CHECK(put(kB, content("b")) == Status::accepted);
  CHECK(store.keys_after(std::nullopt, 9) == std::vector<Key>{kB, kC});
  CHECK(stats.records_evicted == 0);
}

TEST_CASE_FIXTURE(Fixture, "a damaged record is erased once it was found so") {
  put(kA, content("a"));
  put(kB, content("b"));
  storage.damaged = {kA};
  CHECK(!store.find(now, kA));
  CHECK(stats.records_unreadable == 1);
  settle();
  CHECK(store.keys_after(std::nullopt, 9) == std::vector<Key>{kB});
  CHECK(!*store.find(now, kA));
  CHECK(!store.poll_commit());
}

TEST_CASE_FIXTURE(Fixture, "a damaged record is not held against an offer and gives it its room") {
  config.limits.records = 1;
  put(kFar, owned(alice, "n", 5, "five"));
  storage.damaged = {kFar};
  CHECK(put(kFar, owned(alice, "n", 1, "one")) == Status::accepted);
  CHECK(value(kFar) == "one");
  CHECK(store.usage().records == 1);
  CHECK(offer(readable::id(0xff), content("v")).status == Status::busy);  // nothing counted twice
  CHECK(put(kA, content("a")) == Status::accepted);
  CHECK(store.usage().records == 1);
}

// ---- Lifetimes

TEST_CASE_FIXTURE(Fixture, "a record is refused from the moment it expires") {
  CHECK(offer(kA, content("v", kNoon)).status == Status::refused);
  CHECK(offer(kA, content("v", kNoon - 1h), Own::renewed).status == Status::refused);
  CHECK(stats.records_refused == 2);
  CHECK(put(kA, content("v", kNoon + 1ms)) == Status::accepted);
  CHECK(holds(kA));
  now.wall += 1ms;
  CHECK(!holds(kA));
  CHECK(!*store.newest(now, kA));
}

TEST_CASE_FIXTURE(Fixture, "a lifetime is capped at the longest allowed plus the skew of clocks") {
  const auto cap = config.ttl_max + config.clock_skew;
  put(kA, content("v", kNoon + 10 * cap));
  put(kB, content("w", kNoon + config.ttl_max + config.clock_skew / 2));
  CHECK((*store.find(now, kA))->expiry == kNoon + cap);
  CHECK((*store.find(now, kA))->record.expiry == kNoon + 10 * cap);
  CHECK((*store.find(now, kB))->expiry == kNoon + config.ttl_max + config.clock_skew / 2);
}

TEST_CASE_FIXTURE(Fixture,
                  "offering a record again moves the cap on but never past what was signed") {
  const auto cap = config.ttl_max + config.clock_skew;
  const Record record = owned(alice, "n", 1, "v", kNoon + cap + 1h);
  put(kA, record);
  now.wall += 30min;
  CHECK(put(kA, record) == Status::extended);
  CHECK((*store.find(now, kA))->expiry == kNoon + cap + 30min);
  now.wall += 10h;
  CHECK(put(kA, record) == Status::extended);
  CHECK((*store.find(now, kA))->expiry == kNoon + cap + 1h);
  now.wall += 1h;
  CHECK(!offer(kA, record).commit);
}

TEST_CASE_FIXTURE(Fixture, "what was signed to live longer than any may is not handed over") {
  const auto cap = config.ttl_max + config.clock_skew;
  put(kA, owned(alice, "n", 1, "v", kNoon + cap));
  put(kB, owned(alice, "m", 1, "v", kNoon + cap + 1ms));
  CHECK(store.to_hand_over(now, kA));
  CHECK(!store.to_hand_over(now, kB));  // each who gets it would have it for the longest time
}

TEST_CASE_FIXTURE(Fixture, "what other clocks may call expired is not handed over") {
  put(kA, owned(alice, "n", 1, "v", kNoon + config.clock_skew));
  put(kB, owned(alice, "m", 1, "v", kNoon + config.clock_skew + 1ms));
  CHECK(!store.to_hand_over(now, kA));
  CHECK(store.to_hand_over(now, kB));
}

TEST_CASE_FIXTURE(Fixture, "a shorter wish for the same content never shortens its life") {
  put(kA, content("v", kNoon + 2h));
  CHECK(put(kA, content("v", kNoon + 1h)) == Status::extended);
  CHECK((*store.find(now, kA))->expiry == kNoon + 2h);
}

TEST_CASE_FIXTURE(Fixture, "expired records are erased earliest first within the budget") {
  put(kA, content("a", kNoon + 1s));
  put(kB, content("b", kNoon + 2s), Own::until_expiry);
  put(kC, content("c", kNoon + 3s));
  CHECK(store.next_expiry() == kNoon + 1s);
  now.wall += 2s;
  store.expire(now, 1);
  settle();
  CHECK(store.usage().records == 2);
  CHECK(store.next_expiry() == kNoon + 2s);
  store.expire(now, 9);
  settle();
  CHECK(store.keys_after(std::nullopt, 9) == std::vector<Key>{kC});
  CHECK(store.own_keys().empty());
  CHECK(stats.records_expired == 2);
  store.expire(now, 9);
  CHECK(!store.poll_commit());
}

TEST_CASE_FIXTURE(Fixture, "an expired record that cannot be read is erased all the same") {
  put(kA, content("a", kNoon + 1s));
  now.wall += 2s;
  storage.fail_reads = true;
  store.expire(now, 9);
  settle();
  CHECK(store.usage().records == 0);
  CHECK(!store.next_expiry());
}

TEST_CASE_FIXTURE(Fixture, "an erasure under way is neither repeated nor waited for") {
  put(kA, content("a", kNoon + 1s));
  put(kB, content("b", kNoon + 2s));
  now.wall += 5s;
  store.expire(now, 1);
  CHECK(!store.next_expiry());
  commit();
  CHECK(!store.next_expiry());
  store.expire(now, 1);
  CHECK(stats.records_expired == 2);
  settle();
  CHECK(store.usage().records == 0);
}

TEST_CASE_FIXTURE(Fixture, "a record about to be renewed is not erased") {
  put(kA, owned(alice, "n", 1, "v", kNoon + 1s));
  offer(kA, owned(alice, "n", 1, "v", kNoon + 1h));
  commit();
  now.wall += 2s;
  CHECK(!store.next_expiry());
  store.expire(now, 9);
  CHECK(!store.poll_commit());
  storage.pump();
  CHECK(holds(kA));
  CHECK(store.next_expiry() == kNoon + 1h);
}

TEST_CASE_FIXTURE(Fixture, "after a failed commit expiry waits for one that succeeds") {
  put(kA, content("a", kNoon + 1s));
  now.wall += 2s;
  storage.fail_commit = [] { return true; };
  store.expire(now, 9);
  settle();
  CHECK(!store.next_expiry());
  storage.fail_commit = [] { return false; };
  put(kB, content("b"));
  CHECK(store.next_expiry() == kNoon + 1s);
  store.expire(now, 9);
  settle();
  CHECK(store.usage().records == 1);
}

TEST_CASE_FIXTURE(Fixture, "a record may come anew after the one before it expired") {
  put(kA, owned(alice, "n", 1, "one", kNoon + 1s), Own::until_expiry);
  now.wall += 2s;
  CHECK(put(kA, owned(alice, "n", 1, "one"), Own::none, 7) == Status::accepted);
  const auto held = *store.find(now, kA);
  CHECK(held->record.sequence == 1);
  CHECK(held->own == Own::none);
  CHECK(held->group == 7);
  CHECK(store.usage().records == 1);
  CHECK(stats.records_expired == 1);
}

// ---- Own records whose time is over

TEST_CASE_FIXTURE(Fixture, "an own record that expires is kept out of sight for its renewal") {
  put(kA, owned(alice, "n", 2, "own", kNoon + 1s), Own::renewed);
  put(kB, content("other", kNoon + 1h));
  now.wall += 48h;
  SUBCASE("as soon as it was noticed") {
    store.expire(now, 9);
    settle();
    CHECK(store.own_keys(Own::lapsed) == std::vector<Key>{kA});
    CHECK(store.own_keys(Own::renewed).empty());
    CHECK(!store.next_expiry());  // it is not due to be dropped
    store.expire(now, 9);
    CHECK(!store.poll_commit());
    CHECK(stats.records_expired == 2);
    CHECK(store.digest(KeyRange()).records == 0);
    CHECK(store.versions(KeyRange(), 9).empty());
    CHECK(store.keys_after(std::nullopt, 9).empty());
  }
  SUBCASE("and before") {}
  CHECK(!holds(kA));
  CHECK(!*store.newest(now, kA));
  CHECK(!store.to_hand_over(now, kA));
  CHECK(store.last_sequence(kA) == 2);
  CHECK((*store.present(kA))->record.value == to_bytes(view_of("own")));
  CHECK((*store.present(kA))->expiry == kNoon + 1s);
}

TEST_CASE_FIXTURE(Fixture, "an own record with a lifetime is never evicted but ends with it") {
  put(kFar, content("far", kNoon + 1h), Own::until_expiry);
  for (std::uint64_t i = 1; i < 40; ++i) put(Id::from_top(i), content("near"));
  CHECK(holds(kFar));
  now.wall += 1h;
  store.expire(now, 99);
  settle();
  CHECK(store.own_keys().empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "a lapsed record gives way to itself signed anew and to newer versions") {
  put(kA, owned(alice, "n", 2, "own", kNoon + 1s), Own::renewed);
  now.wall = kNoon + 48h;
  store.expire(now, 9);
  settle();
  const auto later = now.wall + 1h;
  SUBCASE("but not to an older one") {
    const auto verdict = offer(kA, owned(alice, "n", 1, "older", later));
    CHECK(verdict.status == Status::superseded);
    CHECK(verdict.sequence == 2);
    settle();
    CHECK(store.own_keys(Own::lapsed) == std::vector<Key>{kA});
    CHECK(!holds(kA));
    return;
  }
  SUBCASE("signed anew") { put(kA, owned(alice, "n", 2, "own", later), Own::renewed); }
  SUBCASE("signed anew, by a peer") { put(kA, owned(alice, "n", 2, "own", later), Own::none, 7); }
  SUBCASE("newer") { put(kA, owned(alice, "n", 3, "newer", later), Own::none, 7); }
  CHECK(store.own_keys(Own::renewed) == std::vector<Key>{kA});
  CHECK(store.own_keys(Own::lapsed).empty());
  CHECK((*store.find(now, kA))->expiry == later);
  CHECK((*store.find(now, kA))->group == 0);
}

TEST_CASE_FIXTURE(Fixture, "what could not be renewed lapses again as of when it expired") {
  const Record once = owned(alice, "n", 2, "own", kNoon + 1s);
  put(kA, once, Own::renewed);
  now.wall = kNoon + 48h;
  put(kA, owned(alice, "n", 2, "own", now.wall + 1h), Own::renewed);
  SUBCASE("it does") {
    store.lapse(kA, once, kNoon + 1s);
    settle();
    CHECK(!holds(kA));
    CHECK((*store.present(kA))->expiry == kNoon + 1s);
    CHECK(store.own_keys(Own::lapsed) == std::vector<Key>{kA});
  }
  SUBCASE("unless a newer version came meanwhile") {
    put(kA, owned(alice, "n", 3, "newer", now.wall + 1h));
    store.lapse(kA, once, kNoon + 1s);
    settle();
    CHECK(value(kA) == "newer");
  }
}

TEST_CASE_FIXTURE(Fixture, "a lapsed record that is released is dropped and leaves a floor") {
  put(kA, owned(alice, "n", 2, "own", kNoon + 1s), Own::renewed);
  now.wall += 48h;
  store.expire(now, 9);
  settle();
  store.release(now, kA, Own::none);
  settle();
  CHECK(store.own_keys().empty());
  CHECK(store.usage().floors == 1);
}

TEST_CASE_FIXTURE(Fixture, "an own record on a disk that fails for a while is not lost") {
  put(kA, owned(alice, "n", 1, "own", kNoon + 1s), Own::renewed);
  now.wall += 48h;
  storage.fail_reads = true;
  store.expire(now, 9);
  CHECK(!store.poll_commit());
  CHECK(!store.next_expiry());  // it is not asked again at once
  storage.fail_reads = false;
  put(kB, content("b", now.wall + 1h));  // the next commit goes well
  store.expire(now, 9);
  settle();
  CHECK(store.own_keys(Own::lapsed) == std::vector<Key>{kA});
}

// ---- Floors

TEST_CASE_FIXTURE(Fixture,
                  "an older version that lives longer does not come back after the newer expired") {
  const Record older = owned(alice, "n", 1, "older", kNoon + 10h);
  put(kA, older, Own::until_expiry);
  put(kA, owned(alice, "n", 2, "newer", kNoon + 1s), Own::until_expiry);
  now.wall += 1s;
  SUBCASE("offered before it was erased") {}
  SUBCASE("offered later") {
    store.expire(now, 9);
    settle();
    CHECK(stats.records_expired == 1);
  }
  const auto verdict = offer(kA, older);
  CHECK(verdict.status == Status::superseded);
  CHECK(verdict.sequence == 2);
  settle();
  CHECK(!holds(kA));
  CHECK(!*store.newest(now, kA));
  CHECK(store.last_sequence(kA) == 2);
  CHECK(store.keys_after(std::nullopt, 9).empty());
  CHECK(store.own_keys().empty());
  CHECK(store.usage().records == 0);
  CHECK(store.usage().floors == 1);
  CHECK(storage.held_of_owner(alice.public_key()).records == 0);
  CHECK(put(kA, owned(alice, "n", 3, "newest")) == Status::accepted);
  CHECK(value(kA) == "newest");
  CHECK(store.usage().floors == 0);
  CHECK(stats.records_expired == 1);
}

TEST_CASE_FIXTURE(Fixture, "a deleted name does not come back when its tombstone has expired") {
  put(kA, owned(alice, "n", 1, "value", kNoon + 10h));
  put(kA, tombstone(alice, "n", 2, kNoon + 1s));
  now.wall += 1s;
  store.expire(now, 9);
  settle();
  CHECK(put(kA, owned(alice, "n", 1, "value", kNoon + 10h)) == Status::superseded);
  CHECK(!holds(kA));
}

TEST_CASE_FIXTURE(Fixture,
                  "the version that expired may come back if its owner signed it for longer") {
  Record larger = owned(alice, "n", 2, "x", kNoon + 1h);
  Record smaller = owned(alice, "n", 2, "y", kNoon + 1h);
  if (order(larger, smaller) < 0) std::swap(larger, smaller);
  Record shorter = larger;
  SUBCASE("the same") {
    shorter.expiry = kNoon + 1s;
    put(kA, shorter);
    now.wall += 1s;
    CHECK(offer(kA, smaller).status == Status::superseded);
    CHECK(put(kA, larger) == Status::accepted);
  }
  SUBCASE("another that comes after it") {
    shorter = smaller;
    shorter.expiry = kNoon + 1s;
    put(kA, shorter);
    now.wall += 1s;
    const auto verdict = offer(kA, larger);
    CHECK(verdict.status == Status::accepted);
    CHECK(!verdict.equivocation);  // the owner may have forgotten the one that expired
    settle();
  }
  CHECK(holds(kA));
}

TEST_CASE_FIXTURE(Fixture, "the loser of two first versions does not come back after the winner") {
  Record winner = owned(alice, "n", 1, "x", kNoon + 1h);
  Record loser = owned(alice, "n", 1, "y", kNoon + 1h);
  if (order(winner, loser) < 0) std::swap(winner, loser);
  winner.expiry = kNoon + 1s;
  SUBCASE("which was seen") { put(kA, loser); }
  SUBCASE("which was not seen") {}
  put(kA, winner);
  now.wall += 1s;
  SUBCASE("and expired") {
    store.expire(now, 9);
    settle();
  }
  CHECK(!holds(kA));
  const auto again = offer(kA, loser);
  CHECK(again.status == Status::superseded);
  CHECK(again.sequence == 1);
  settle();
  CHECK(!holds(kA));
  CHECK(put(kA, owned(alice, "n", 2, "z")) == Status::accepted);
}

TEST_CASE_FIXTURE(Fixture, "content leaves no floor") {
  put(kA, content("v", kNoon + 1s));
  now.wall += 1s;
  store.expire(now, 9);
  settle();
  CHECK(store.usage().floors == 0);
  CHECK(!store.next_expiry());
}

TEST_CASE_FIXTURE(Fixture, "a floor goes when no record from before could still live") {
  put(kA, owned(alice, "n", 2, "v", kNoon + 1s));
  now.wall += 1s;
  store.expire(now, 9);
  settle();
  CHECK(store.next_expiry() == now.wall + config.ttl_max + config.clock_skew);
  now.wall = *store.next_expiry();
  store.expire(now, 9);
  settle();
  CHECK(store.usage().floors == 0);
  CHECK(store.usage().bytes == 0);
  CHECK(stats.records_expired == 1);
  CHECK(put(kA, owned(alice, "n", 1, "v", now.wall + 1h)) == Status::accepted);
}

TEST_CASE_FIXTURE(Fixture, "floors go first when room is needed and are bounded with the records") {
  config.limits.records = 3;
  put(kA, owned(alice, "a", 2, "v", kNoon + 1s));
  put(kB, content("b"));
  put(kC, content("c"));
  now.wall += 1s;
  store.expire(now, 9);
  settle();
  CHECK(store.usage().floors == 1);
  CHECK(put(kFar, content("far")) == Status::accepted);
  CHECK(store.usage().floors == 0);
  CHECK(store.usage().records == 3);
  CHECK(stats.records_evicted == 0);
  CHECK(put(readable::id(0xff), content("farther")) == Status::busy);
}

// ---- Own records

TEST_CASE_FIXTURE(Fixture, "own records stay own when a peer brings a newer version") {
  put(kA, owned(alice, "n", 1, "one"), Own::renewed);
  CHECK(store.own_keys() == std::vector<Key>{kA});
  put(kA, owned(alice, "n", 2, "two"), Own::none, 7);
  CHECK(store.own_keys() == std::vector<Key>{kA});
  CHECK((*store.find(now, kA))->group == 0);
}

TEST_CASE_FIXTURE(Fixture, "a held record becomes own when this node sets it") {
  put(kA, content("v"), Own::none, 7);
  const auto verdict = offer(kA, content("v"), Own::renewed);
  CHECK(verdict.status == Status::extended);
  CHECK(verdict.commit);
  settle();
  CHECK(store.own_keys() == std::vector<Key>{kA});
  CHECK(storage.held_of_group(7).records == 0);
}

TEST_CASE_FIXTURE(Fixture, "a disowned record is kept but no longer own") {
  put(kA, content("v"), Own::renewed);
  store.release(now, kA, Own::none);
  settle();
  CHECK(store.own_keys().empty());
  CHECK(value(kA) == "v");
  store.release(now, kA, Own::none);
  store.release(now, kB, Own::none);
  CHECK(!store.poll_commit());
}

// ---- Bounds

TEST_CASE_FIXTURE(Fixture, "a value or name above its cap is refused even if own") {
  config.limits.value_bytes = 4;
  config.limits.name_bytes = 2;
  CHECK(offer(kA, content("12345")).status == Status::refused);
  CHECK(offer(kA, content("12345"), Own::renewed).status == Status::refused);
  CHECK(offer(kA, owned(alice, "abc", 1, "v")).status == Status::refused);
  CHECK(stats.records_refused == 3);
  CHECK(offer(kA, content("1234")).status == Status::accepted);
  CHECK(offer(kB, owned(alice, "ab", 1, "v")).status == Status::accepted);
}

TEST_CASE_FIXTURE(Fixture, "a full store gives up its farthest record for a closer one only") {
  config.limits.records = 2;
  put(kA, content("a"));
  put(kFar, content("far"));
  CHECK(put(readable::id(0xff), content("farther")) == Status::busy);
  CHECK(stats.records_busy == 1);
  CHECK(holds(kFar));
  CHECK(put(kB, content("b")) == Status::accepted);
  CHECK(!holds(kFar));
  CHECK(holds(kA));
  CHECK(stats.records_evicted == 1);
  CHECK(store.usage().records == 2);
}

TEST_CASE_FIXTURE(Fixture, "a full store gives up expired records before live ones") {
  config.limits.records = 2;
  put(kA, content("a", kNoon + 1s));
  put(kFar, content("far"));
  now.wall += 2s;
  CHECK(put(readable::id(0xff), content("farther")) == Status::accepted);
  CHECK(holds(kFar));
  CHECK(stats.records_evicted == 0);
  CHECK(stats.records_expired == 1);
}

TEST_CASE_FIXTURE(Fixture, "records not yet durable count against the bound") {
  config.limits.records = 2;
  CHECK(offer(kA, content("a")).status == Status::accepted);
  commit();
  CHECK(offer(kB, content("b")).status == Status::accepted);
  CHECK(offer(kFar, content("far")).status == Status::busy);
  settle();
  CHECK(offer(kFar, content("far")).status == Status::busy);
  CHECK(store.usage().records == 2);
}

TEST_CASE_FIXTURE(Fixture, "two records never take the place of one that is going already") {
  config.limits.records = 2;
  put(kC, content("c"));
  put(kFar, content("far"));
  CHECK(offer(kB, content("b")).status == Status::accepted);
  commit();
  CHECK(offer(kA, content("a")).status == Status::accepted);
  settle();
  CHECK(store.keys_after(std::nullopt, 9) == std::vector<Key>{kA, kB});
  CHECK(stats.records_evicted == 2);
}

TEST_CASE_FIXTURE(Fixture, "a large record may take the place of several small ones") {
  config.limits.record_bytes = 10 * (kRecordOverhead + 1);
  for (std::uint64_t i = 0; i < 10; ++i) {
    REQUIRE(put(Id::from_top(0x8000 + i), content(std::to_string(i))) == Status::accepted);
  }
  const std::string large(3 * kRecordOverhead, 'x');
  CHECK(put(kFar, content(large)) == Status::busy);
  CHECK(store.usage().records == 10);
  CHECK(put(Id::from_top(1), content(large)) == Status::accepted);
  CHECK(stats.records_evicted == 4);
  CHECK(store.usage().bytes <= config.limits.record_bytes);
  CHECK(holds(Id::from_top(0x8005)));
  CHECK(!holds(Id::from_top(0x8006)));
}

TEST_CASE_FIXTURE(Fixture, "a store far over its limit comes down in steps and reads none of it") {
  for (std::uint64_t i = 0; i < 1000; ++i)
    put(Id::from_top(0x8000 + i), content(std::to_string(i)));
  config.limits.records = 100;
  int steps = 0;
  storage.reads = 0;
  for (; put(Id::from_top(1), content("a")) == Status::busy; ++steps) {
    REQUIRE(steps < 10);
    CHECK(store.usage().records >= 1000 - 256 * static_cast<std::size_t>(steps + 1));
  }
  CHECK(steps == 3);
  CHECK(storage.reads == 4);
  CHECK(store.usage().records == 100);
  CHECK(holds(Id::from_top(0x8000 + 98)));
}

TEST_CASE_FIXTURE(Fixture, "a full store lists few of its records to find the one that goes") {
  config.limits.records = 1000;
  for (std::uint64_t i = 0; i < 1000; ++i)
    put(Id::from_top(0x8000 + i), content(std::to_string(i)));
  storage.listed = 0;
  CHECK(put(kFar, content("far")) == Status::busy);
  CHECK(put(Id::from_top(1), content("near")) == Status::accepted);
  CHECK(storage.listed > 0);
  CHECK(storage.listed <= 20);
}

TEST_CASE_FIXTURE(Fixture, "a large record takes the place of as many others as it needs") {
  config.limits.record_bytes = 100 * (kRecordOverhead + 2);
  for (std::uint64_t i = 0; i < 100; ++i) put(Id::from_top(0x8000 + i), content("xx"));
  const std::string large(50 * kRecordOverhead, 'x');
  CHECK(put(Id::from_top(1), content(large)) == Status::accepted);
  CHECK(store.usage().bytes <= config.limits.record_bytes);
  CHECK(holds(Id::from_top(0x8000 + 48)));
  CHECK(!holds(Id::from_top(0x8000 + 49)));
}

TEST_CASE_FIXTURE(Fixture, "a newer version that is larger must find room too") {
  config.limits.record_bytes = 2 * kRecordOverhead + 10;
  put(kA, owned(alice, "a", 1, "12345"));
  put(kB, owned(alice, "b", 1, ""));
  CHECK(put(kB, owned(alice, "b", 2, "12345")) == Status::busy);
  CHECK(put(kB, owned(alice, "b", 3, "123")) == Status::accepted);
  CHECK(put(kA, owned(alice, "a", 2, "123456")) == Status::accepted);
  CHECK(!holds(kB));
}

TEST_CASE_FIXTURE(Fixture, "a full store still takes newer versions of what it holds") {
  config.limits.records = 1;
  config.limits.records_per_owner = 1;
  config.limits.records_per_group = 1;
  put(kA, owned(alice, "n", 1, "v"), Own::none, 7);
  CHECK(put(kA, owned(alice, "n", 2, "w"), Own::none, 7) == Status::accepted);
  CHECK(value(kA) == "w");
}

TEST_CASE_FIXTURE(Fixture, "own records are neither bounded nor evicted") {
  config.limits.records = 1;
  config.limits.record_bytes = 1;
  config.limits.records_per_owner = 1;
  CHECK(put(kA, owned(alice, "a", 1, "v"), Own::renewed) == Status::accepted);
  CHECK(put(kFar, owned(alice, "far", 1, "v"), Own::renewed) == Status::accepted);
  CHECK(put(readable::id(0x01), content("close")) == Status::busy);
  CHECK(holds(kA));
  CHECK(holds(kFar));
  CHECK(stats.records_evicted == 0);
}

TEST_CASE_FIXTURE(Fixture, "one owner fills no more than its share") {
  config.limits.records_per_owner = 2;
  CHECK(put(kA, owned(alice, "a", 1, "v")) == Status::accepted);
  CHECK(offer(kB, owned(alice, "b", 1, "v")).status == Status::accepted);
  const auto third = offer(kC, owned(alice, "c", 1, "v"));
  CHECK(third.status == Status::busy);
  CHECK(third.detail.find("owner") != std::string::npos);
  CHECK(put(kC, owned(identity(2), "c", 1, "v")) == Status::accepted);
  CHECK(put(kFar, content("v")) == Status::accepted);
}

TEST_CASE_FIXTURE(Fixture,
                  "one address group fills no more than its share under however many keys") {
  config.limits.records_per_group = 3;
  Byte seed = 1;
  std::uint64_t top = 0;
  const auto store_as_somebody_new = [&](std::uint64_t group) {
    return put(Id::from_top(++top), owned(identity(seed++), "n", 1, "v"), Own::none, group);
  };
  const auto there = Endpoint::v4(192, 0, 2, 1, 1).group();
  for (int i = 0; i < 3; ++i) CHECK(store_as_somebody_new(there) == Status::accepted);
  CHECK(store_as_somebody_new(there) == Status::busy);
  CHECK(put(Id::from_top(99), content("v"), Own::none, there) == Status::busy);
  CHECK(stats.records_busy == 2);
  // Another group has a share of its own, and local peers have no cap.
  CHECK(store_as_somebody_new(Endpoint::v4(198, 51, 100, 1, 1).group()) == Status::accepted);
  for (int i = 0; i < 5; ++i) CHECK(store_as_somebody_new(0) == Status::accepted);
  CHECK(storage.held_of_group(there).records == 3);
}

TEST_CASE_FIXTURE(Fixture, "an owner and an address group have a share of the bytes as well") {
  const std::size_t one = stored_bytes(owned(alice, "a", 1, "v"));
  SUBCASE("an owner") {
    config.limits.record_bytes_per_owner = 2 * one;
    CHECK(put(kA, owned(alice, "a", 1, "v")) == Status::accepted);
    CHECK(put(kB, owned(alice, "b", 1, "v")) == Status::accepted);
    CHECK(put(kC, owned(alice, "c", 1, "v")) == Status::busy);
    CHECK(put(kB, owned(alice, "b", 2, "w")) == Status::accepted);
    CHECK(put(kB, owned(alice, "b", 3, "longer")) == Status::busy);  // a newer version, too
    CHECK(put(kC, content("v")) == Status::accepted);
  }
  SUBCASE("a group, of which content counts as well") {
    config.limits.record_bytes_per_group = 2 * one;
    CHECK(put(kA, owned(alice, "a", 1, "v"), Own::none, 7) == Status::accepted);
    CHECK(put(kB, owned(identity(2), "b", 1, "v"), Own::none, 7) == Status::accepted);
    CHECK(put(kC, content("v"), Own::none, 7) == Status::busy);
    CHECK(put(kC, content("v"), Own::none, 8) == Status::accepted);
  }
}

TEST_CASE_FIXTURE(Fixture, "a group displaces what others stored up to an equal share only") {
  const std::size_t one = stored_bytes(content("v"));
  config.limits.record_bytes = 4 * one;
  CHECK(put(kFar, content("v"), Own::none, 7) == Status::accepted);
  for (std::uint64_t top : {0x50, 0x60, 0x70}) {
    CHECK(put(readable::id(top), content("v"), Own::none, 8) == Status::accepted);
  }
  // Nearer than all, but its group has most: it displaces its own.
  CHECK(put(kA, content("v"), Own::none, 8) == Status::accepted);
  CHECK(value(kFar) == "v");
  CHECK(value(readable::id(0x70)) == "nothing");
  // A group that has less may displace the farthest of those that have no less than it will.
  CHECK(put(kB, content("v"), Own::none, 9) == Status::accepted);
  CHECK(value(kFar) == "nothing");
  CHECK(put(readable::id(0x21), content("v"), Own::none, 9) == Status::accepted);
  CHECK(value(readable::id(0x60)) == "nothing");
  // What local peers stored stays, and they may displace anybody's.
  CHECK(put(readable::id(0x30), content("v"), Own::none, 0) == Status::accepted);
  CHECK(value(readable::id(0x50)) == "nothing");
  CHECK(put(readable::id(0x01), content("v"), Own::none, 10) == Status::accepted);
  CHECK(value(readable::id(0x30)) == "v");
}

TEST_CASE_FIXTURE(Fixture,
                  "an address group cannot shift its records onto another by renewing them") {
  const auto mine = std::uint64_t{7};
  put(kA, owned(alice, "n", 1, "v"), Own::none, mine);
  put(kA, owned(alice, "n", 2, "v"), Own::none, 8);
  put(kA, owned(alice, "n", 2, "v", kNoon + 2h), Own::none, 8);
  CHECK(storage.held_of_group(mine).records == 1);
  CHECK(storage.held_of_group(8).records == 0);
}
