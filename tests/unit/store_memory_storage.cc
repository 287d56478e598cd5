#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "kadmos/seams.h"
#include "support/readable.h"
#include "support/records.h"

using namespace kadmos;
using namespace kadmos::records;
using namespace std::chrono_literals;

namespace {

StoredRecord stored(std::string_view value, WallTime expiry = kNoon, Own own = Own::none,
                    std::uint64_t group = 0) {
  return {content(value, expiry), expiry, own, group};
}

// A storage that applies every batch at once.
struct Fixture {
  Fixture() {
    storage->on_committed([this](CommitId id, Result<void> result) {
      CHECK(result.ok());
      reported.push_back(id);
    });
  }
  void put(const Key& key, std::optional<StoredRecord> record) {
    storage->commit({++last, {{key, std::move(record)}}});
    storage->pump();
  }
  std::unique_ptr<Storage> storage = make_memory_storage();
  std::vector<CommitId> reported;
  CommitId last = 0;
};

const Key kA = readable::id(0x10);
const Key kB = readable::id(0x20);
const Key kC = readable::id(0xf0);

}  // namespace

TEST_CASE_FIXTURE(Fixture, "memory reports commits from pump and never from commit") {
  storage->commit({7, {{kA, stored("a")}}});
  storage->commit({8, {{kB, stored("b")}}});
  CHECK(reported.empty());
  CHECK(storage->usage().records == 0);
  storage->pump();
  CHECK(reported == std::vector<CommitId>{7, 8});
  CHECK(storage->usage().records == 2);
  storage->pump();
  CHECK(reported.size() == 2);
}

TEST_CASE("a commit made while memory reports another waits for the next pump") {
  const auto storage = make_memory_storage();
  std::vector<CommitId> reported;
  storage->on_committed([&](CommitId id, const Result<void>&) {
    reported.push_back(id);
    CHECK((*storage->find(kA)).has_value());
    if (id < 3) storage->commit({id + 1, {{kB, stored("b")}}});
  });
  storage->commit({1, {{kA, stored("a")}}});
  storage->pump();
  CHECK(reported == std::vector<CommitId>{1});
  storage->pump();
  storage->pump();
  CHECK(reported == std::vector<CommitId>{1, 2, 3});
}

TEST_CASE_FIXTURE(Fixture, "memory gives back what was written until it is erased") {
  put(kA, stored("a", kNoon + 1h, Own::renewed, 0));
  auto found = *storage->find(kA);
  REQUIRE(found);
  CHECK(found->record == content("a", kNoon + 1h));
  CHECK(found->expiry == kNoon + 1h);
  CHECK(found->own);
  CHECK(!*storage->find(kB));

  put(kA, stored("b", kNoon));
  CHECK(text_of((*storage->find(kA))->record.value) == "b");
  put(kA, std::nullopt);
  CHECK(!*storage->find(kA));
  put(kA, std::nullopt);
  CHECK(storage->usage().records == 0);
  CHECK(storage->usage().bytes == 0);
}

TEST_CASE_FIXTURE(Fixture, "keys come in key order from the one after") {
  for (const Key& key : {kC, kA, kB}) put(key, stored("v"));
  CHECK(storage->keys_after(std::nullopt, 9) == std::vector<Key>{kA, kB, kC});
  CHECK(storage->keys_after(std::nullopt, 2) == std::vector<Key>{kA, kB});
  CHECK(storage->keys_after(kA, 9) == std::vector<Key>{kB, kC});
  CHECK(storage->keys_after(readable::id(0x11), 1) == std::vector<Key>{kB});
  CHECK(storage->keys_after(kC, 9).empty());
}

TEST_CASE_FIXTURE(Fixture, "expired keys come earliest first up to the moment itself") {
  CHECK(!storage->next_expiry());
  put(kA, stored("a", kNoon + 2s));
  put(kB, stored("b", kNoon + 1s));
  put(kC, stored("c", kNoon + 3s));
  CHECK(storage->next_expiry() == kNoon + 1s);
  CHECK(storage->expired(kNoon + 2s, 9) == std::vector<Key>{kB, kA});
  CHECK(storage->expired(kNoon + 2s, 1) == std::vector<Key>{kB});
  CHECK(storage->expired(kNoon + 999ms, 9).empty());
  put(kB, stored("b", kNoon + 9s));
  CHECK(storage->next_expiry() == kNoon + 2s);
}

TEST_CASE_FIXTURE(Fixture, "the farthest are those that differ from the id in the highest bits") {
  CHECK(storage->farthest(kA, 3).empty());
  put(kA, stored("a"));
  put(kB, stored("b"));
  put(kC, stored("c"));
  CHECK(storage->farthest(readable::id(0x00), 9) == std::vector<Key>{kC, kB, kA});
  CHECK(storage->farthest(readable::id(0xff), 9) == std::vector<Key>{kA, kB, kC});
  CHECK(storage->farthest(readable::id(0x30), 9) == std::vector<Key>{kC, kA, kB});
  CHECK(storage->farthest(readable::id(0x00), 1) == std::vector<Key>{kC});
  CHECK(storage->farthest(readable::id(0x00), 0).empty());
}

TEST_CASE_FIXTURE(Fixture, "own records are listed apart and are never among the farthest") {
  put(kC, stored("c", kNoon, Own::renewed));
  put(kA, stored("a", kNoon, Own::renewed));
  put(kB, stored("b"));
  CHECK(storage->own_keys() == std::vector<Key>{kA, kC});
  CHECK(storage->farthest(readable::id(0x00), 9) == std::vector<Key>{kB});
  put(kC, stored("c"));
  CHECK(storage->own_keys() == std::vector<Key>{kA});
  CHECK(storage->farthest(readable::id(0x00), 9) == std::vector<Key>{kC, kB});
}

TEST_CASE_FIXTURE(Fixture, "records are counted by owner and by group") {
  const auto alice = identity(1);
  put(kA, StoredRecord{owned(alice, "a", 1, "v"), kNoon, Own::none, 5});
  put(kB, StoredRecord{owned(alice, "b", 1, "v"), kNoon, Own::none, 6});
  put(kC, stored("c", kNoon, Own::none, 5));
  CHECK(storage->held_of_owner(alice.public_key()).records == 2);
  CHECK(storage->held_of_owner(identity(2).public_key()).records == 0);
  CHECK(storage->held_of_owner(PublicKey{}).records == 0);
  CHECK(storage->held_of_group(5).records == 2);
  CHECK(storage->held_of_group(6).records == 1);
  CHECK(storage->held_of_group(0).records == 0);
  CHECK(storage->usage().bytes == 2 * (kRecordOverhead + 2) + kRecordOverhead + 1);
  put(kA, std::nullopt);
  put(kB, std::nullopt);
  CHECK(storage->held_of_owner(alice.public_key()).records == 0);
  CHECK(storage->held_of_group(5).records == 1);
  CHECK(storage->held_of_group(6).records == 0);
}
