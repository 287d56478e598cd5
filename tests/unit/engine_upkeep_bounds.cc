// Bounds of upkeep that only its own interface shows.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "engine/upkeep.h"
#include "support/failing_storage.h"
#include "support/readable.h"
#include "support/records.h"

using namespace kadmos;
using std::chrono::hours;

namespace {

constexpr TimePoint kStart{hours(100)};

struct Fixture {
  explicit Fixture(const Config& c) : config(c) { upkeep.begin(kStart); }

  Record add(int i) {
    Record record = records::content(std::to_string(i));
    storage.put(record);
    return record;
  }
  template <class Job>
  std::vector<Key> jobs(TimePoint now) {
    std::vector<Key> out;
    while (auto job = upkeep.poll(now)) out.push_back(std::get<Job>(*job).key);
    return out;
  }

  Config config;
  Stats stats;
  FailingStorage storage;
  ContactBook book{readable::id_of_key};
  Prng prng{1};
  bool has_way_in = false;
  RoutingTable table{readable::id(0), {}, book};
  RecordStore store{config, readable::id(0), storage, stats};
  Upkeep upkeep{config, readable::id(0), table, store, has_way_in, prng};
};

}  // namespace

TEST_CASE("few own records are given to be republished at once") {
  Fixture f(Config{});
  FailingStorage& storage = f.storage;
  storage.on_committed(
      [&](CommitId id, const Result<void>& result) { f.store.on_committed(id, result); });
  for (int i = 0; i < 20; ++i) {
    const Record record = records::content(std::to_string(i));
    f.store.offer({kStart, records::kNoon}, key_of(record), record, Own::renewed, 0);
  }
  storage.commit(*f.store.poll_commit());
  storage.pump();
  REQUIRE(f.store.own_keys().size() == 20);
  const TimePoint due = kStart + hours(8);
  std::vector<Key> given;
  while (auto job = f.upkeep.poll(due)) {
    if (auto* republish = std::get_if<Upkeep::Republish>(&*job)) given.push_back(republish->key);
  }
  CHECK(given.size() == 8);
  CHECK_FALSE(f.upkeep.next_timeout());
  while (given.size() < 20) {
    f.upkeep.on_republish_ended(due, false);
    CHECK(*f.upkeep.next_timeout() <= due);
    const auto next = f.jobs<Upkeep::Republish>(due);
    REQUIRE(next.size() == 1);
    given.push_back(next[0]);
  }
  f.upkeep.on_republish_ended(due, false);
  CHECK(f.jobs<Upkeep::Republish>(due).empty());
  CHECK(std::set<Key>(given.begin(), given.end()).size() == 20);
}

TEST_CASE("nothing is republished while the network cannot be reached") {
  Fixture f(Config{});
  f.storage.on_committed(
      [&](CommitId id, const Result<void>& result) { f.store.on_committed(id, result); });
  const Record record = records::content("content");
  f.store.offer({kStart, records::kNoon}, key_of(record), record, Own::renewed, 0);
  f.storage.commit(*f.store.poll_commit());
  f.storage.pump();
  f.has_way_in = true;
  f.upkeep.on_join_started();
  CHECK_FALSE(f.upkeep.poll(kStart + hours(8)));
  CHECK_FALSE(f.upkeep.next_timeout());
  f.has_way_in = false;  // a network of one after all
  CHECK(f.jobs<Upkeep::Republish>(kStart + hours(8)).size() == 1);
}

TEST_CASE("own records are looked at a few at a time") {
  Fixture f(Config{});
  f.storage.on_committed(
      [&](CommitId id, const Result<void>& result) { f.store.on_committed(id, result); });
  for (int i = 0; i < 200; ++i) {
    const Record record = records::content(std::to_string(i));
    f.store.offer({kStart, records::kNoon}, key_of(record), record, Own::renewed, 0);
  }
  f.storage.commit(*f.store.poll_commit());
  f.storage.pump();
  TimePoint now = kStart + hours(8);
  std::size_t given = 0;
  int rounds = 0;
  for (; given < 200 && rounds < 10; ++rounds) {
    while (f.upkeep.poll(now)) {
      ++given;
      f.upkeep.on_republish_ended(now, false);  // at once
    }
    const auto next = f.upkeep.next_timeout();
    REQUIRE(next);
    CHECK(*next > now);
    now = *next;
  }
  CHECK(given == 200);
  CHECK(rounds >= 4);
}
