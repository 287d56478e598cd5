// The file of records on a real disk: what comes back, what is refused, what is reported.
#include "lmdb/database.h"

#include <doctest/doctest.h>
#include <lmdb.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <limits>
#include <map>
#include <thread>

#include "base/check.h"
#include "disk/tap.h"
#include "support/readable.h"
#include "support/records.h"
#include "tests/e2e/support.h"

namespace kadmos::disk {
namespace {

using e2e::read;
using e2e::TempDir;
using e2e::write;
using namespace std::chrono_literals;

constexpr std::size_t kRoom = 64 * 1024 * 1024;
const Key kA = readable::id(0x10);
const Key kB = readable::id(0x20);
const Key kC = readable::id(0xf0);

StoredRecord stored(std::string_view value, WallTime expiry = records::kNoon, Own own = Own::none,
                    std::uint64_t group = 0) {
  return {records::content(value, expiry), expiry, own, group};
}

Commit put(const Key& key, std::optional<StoredRecord> record) {
  return {1, {{key, std::move(record)}}};
}

struct Fixture {
  Result<std::unique_ptr<Database>> try_open(std::string_view network = "test") {
    return Database::open(path, network, kRoom);
  }
  std::unique_ptr<Database> open() { return try_open().value(); }

  static std::string value_at(const Database& db, const Key& key) {
    const auto found = db.find(key);
    if (!found) return "error: " + found.error().detail;
    return *found ? std::string(text_of((*found)->record.value)) : "nothing";
  }
  // Turns over a bit where `text` is in the file, everywhere.
  void damage(const std::string& text) const {
    std::string file = read(path);
    std::size_t hits = 0;
    for (std::size_t at = 0; (at = file.find(text, at)) != std::string::npos; ++at, ++hits) {
      file[at] = static_cast<char>(file[at] ^ 1);
    }
    REQUIRE(hits > 0);
    write(path, file);
  }
  // The same, but only where it stands behind the byte that says whether a record is own: in the
  // index. In a record its type comes before that.
  void damage_index(const std::string& text) const {
    std::string file = read(path);
    std::size_t hits = 0;
    for (std::size_t at = 0; (at = file.find(text, at)) != std::string::npos; ++at) {
      if (file[at - 2] == 1) continue;  // a record of content
      file[at] = static_cast<char>(file[at] ^ 1);
      ++hits;
    }
    REQUIRE(hits > 0);
    write(path, file);
  }
  // Replaces an entry of the table that says what the file is.
  void set_meta(std::string name, std::string value) const {
    MDB_env* env = nullptr;
    MDB_txn* txn = nullptr;
    MDB_dbi meta = 0;
    MDB_val key{name.size(), name.data()};
    MDB_val data{value.size(), value.data()};
    check(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, 3) == 0);
    check(mdb_env_open(env, path.c_str(), MDB_NOSUBDIR, 0600) == 0);
    check(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
    check(mdb_dbi_open(txn, "meta", MDB_CREATE, &meta) == 0);
    check(mdb_put(txn, meta, &key, &data, 0) == 0 && mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
  }

  TempDir dir;
  std::string path = dir / "records.mdb";
};

}  // namespace

TEST_CASE("the checksum is the one others call CRC-64/XZ") {
  CHECK(format::checksum(view_of("123456789")) == 0x995dc9bbdf1939fa);
  const std::string text = "in two pieces, of which none is a multiple of eight";
  const auto first = format::checksum(view_of(text).first(13));
  CHECK(format::checksum(view_of(text).subspan(13), first) == format::checksum(view_of(text)));
}

TEST_CASE_FIXTURE(Fixture, "a record comes back with all its fields after the file was closed") {
  StoredRecord owned{records::owned(records::identity(1), "name", 7, "value"), records::kNoon + 5ms,
                     Own::lapsed, 0};
  const StoredRecord content = stored("content", WallTime(-3ms), Own::none, ~std::uint64_t{0});
  {
    const auto db = open();
    REQUIRE(db->apply(std::vector{put(kA, owned), put(kB, content)}).ok());
  }
  const auto db = open();
  const auto back = db->find(kA).value();
  REQUIRE(back);
  CHECK(back->record == owned.record);
  CHECK(verify(back->record, key_of(owned.record), records::kNetwork).ok());
  CHECK(back->expiry == owned.expiry);
  CHECK(back->own == Own::lapsed);
  const auto other = db->find(kB).value();
  REQUIRE(other);
  CHECK(other->record == content.record);
  CHECK(other->group == content.group);
  CHECK_FALSE(db->find(kC).value());
  const auto standings = db->standings().value();
  REQUIRE(standings.size() == 2);
  CHECK(standings[0] == std::pair(kB, standing_of(kB, content)));
  CHECK(standings[1] == std::pair(kA, standing_of(kA, owned)));
}

TEST_CASE_FIXTURE(Fixture, "what a record is to its node is read as it was written") {
  const std::vector keys = {kA, kB, kC};
  const std::vector kinds = {Own::renewed, Own::until_expiry, Own::lapsed};
  const auto db = open();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const StoredRecord record = stored("value", records::kNoon, kinds[i]);
    REQUIRE(db->apply(std::vector{put(keys[i], record)}).ok());
    CHECK((*db->find(keys[i]).value()).own == kinds[i]);
  }
  const auto standings = db->standings().value();
  CHECK(standings.size() == keys.size());
  for (const auto& [key, standing] : standings) {
    CHECK(standing.own == (*db->find(key).value()).own);
    CHECK_FALSE(standing.floor);
  }
}

TEST_CASE_FIXTURE(Fixture, "writes of one batch apply in their order") {
  const auto db = open();
  REQUIRE(db->apply(std::vector{put(kA, stored("1", records::kNoon)), put(kA, std::nullopt),
                                put(kA, stored("2", records::kNoon + 1ms)),
                                put(kA, stored("3", records::kNoon)), put(kB, stored("b")),
                                put(kB, std::nullopt), put(kC, std::nullopt)})
              .ok());
  CHECK(value_at(*db, kA) == "3");
  CHECK(value_at(*db, kB) == "nothing");
  CHECK(db->standings().value().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "the largest record fits and the smallest too") {
  const auto db = open();
  StoredRecord large = stored(std::string(64 * 1024, 'x'));
  large.record.name = Bytes(512, 'n');
  REQUIRE(db->apply(std::vector{put(kA, large), put(kB, stored(""))}).ok());
  CHECK(db->find(kA).value()->record == large.record);
  CHECK(value_at(*db, kB).empty());
}

TEST_CASE_FIXTURE(Fixture, "a file of a newer format is refused and says so") {
  open().reset();
  const std::string newer = std::to_string(kFormat + 1);
  set_meta("kadmos records", newer);
  const auto opened = try_open();
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code == Errc::storage_failed);
  CHECK(opened.error().detail.find("has format " + newer) != std::string::npos);
  CHECK(opened.error().detail.find("newer kadmos") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a file of another network is refused and says whose it is") {
  open().reset();
  const auto opened = try_open("other");
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().detail.find("\"test\"") != std::string::npos);
  CHECK(try_open().ok());
}

TEST_CASE_FIXTURE(Fixture, "what is no file of records is refused and left alone") {
  const std::string text(20'000, 't');
  write(path, text);
  CHECK(try_open().error().detail.find("something else") != std::string::npos);
  CHECK(read(path) == text);
  std::filesystem::remove(path);
  write(path, "");  // LMDB takes an empty file for a new one
  CHECK(try_open().error().detail.find("something else") != std::string::npos);
  std::filesystem::remove(path);
  set_meta("somebody", "else's");  // LMDB's, but not ours
  CHECK(try_open().error().detail.find("something else") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a file that is open is not opened a second time") {
  const auto db = open();
  const auto second = try_open();
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == Errc::busy);
}

TEST_CASE_FIXTURE(Fixture, "what a creation that was cut short left behind is in nobody's way") {
  write(path + ".new", "half a file");
  REQUIRE(open()->apply(std::vector{put(kA, stored("a"))}).ok());
  CHECK(value_at(*open(), kA) == "a");
  CHECK_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_CASE_FIXTURE(Fixture, "a damaged value is reported and not given and the others are") {
  for (const std::size_t size : {20UL, 30'000UL}) {  // within a page, and on pages of its own
    CAPTURE(size);
    const std::string value = "to be damaged" + std::string(size, '.');
    REQUIRE(open()->apply(std::vector{put(kA, stored(value)), put(kB, stored("b"))}).ok());
    damage("to be damaged");
    const auto db = open();
    const auto found = db->find(kA);
    REQUIRE_FALSE(found.ok());
    CHECK(found.error().code == Errc::verification_failed);
    CHECK(found.error().detail.find("damaged") != std::string::npos);
    CHECK(value_at(*db, kB) == "b");
    // It can be replaced, and leaves nothing behind.
    REQUIRE(db->apply(std::vector{put(kA, stored("anew", records::kNoon + 9h))}).ok());
    CHECK(value_at(*db, kA) == "anew");
    CHECK(db->standings().value().size() == 2);
    REQUIRE(db->apply(std::vector{put(kA, std::nullopt)}).ok());
    CHECK(db->standings().value().size() == 1);
  }
}

TEST_CASE_FIXTURE(Fixture, "a value under another key is not given") {
  const Key key = key_of(records::content("a"));
  REQUIRE(open()->apply(std::vector{put(key, stored("a"))}).ok());
  const auto bytes = key.bytes();
  // The key is damaged in both tables; the row of the other key is whole, but not its own.
  damage(std::string(text_of(bytes)));
  auto other = bytes;
  other[0] ^= 1;
  const auto db = open();
  CHECK_FALSE(db->find(*Key::from_bytes(other)).ok());
  CHECK(db->standings().value().empty());
  CHECK(value_at(*db, *Key::from_bytes(other)) == "nothing");
}

TEST_CASE_FIXTURE(Fixture, "a damaged index is made anew from the records and says so") {
  StoredRecord record = stored("a");
  record.group = 0x6162636465666768;  // "abcdefgh"
  StoredRecord damaged = stored("to be damaged", records::kNoon + 1ms);
  REQUIRE(open()->apply(std::vector{put(kA, record), put(kB, damaged), put(kC, stored("c"))}).ok());
  damage_index("abcdefgh");
  damage("to be damaged");
  {
    const auto db = open();
    const auto standings = db->standings().value();
    REQUIRE(standings.size() == 2);
    CHECK(standings[0] == std::pair(kA, standing_of(kA, record)));
    CHECK(standings[1] == std::pair(kC, standing_of(kC, stored("c"))));
    CHECK(db->mended() == "the index was made anew from 2 records; 1 damaged ones were erased");
    CHECK(value_at(*db, kB) == "nothing");
    REQUIRE(db->apply(std::vector{put(kA, std::nullopt)}).ok());
  }
  const auto db = open();
  CHECK(db->standings().value().size() == 1);
  CHECK(db->mended().empty());
  CHECK(value_at(*db, kC) == "c");
}

TEST_CASE_FIXTURE(Fixture, "a file of an older format gets a new index and stays readable") {
  REQUIRE(open()->apply(std::vector{put(kA, stored("a"))}).ok());
  set_meta("kadmos records", "0");
  {
    const auto db = open();
    CHECK(db->standings().value().size() == 1);
    CHECK_FALSE(db->mended().empty());
  }
  const auto db = open();
  CHECK(db->standings().value().size() == 1);
  CHECK(db->mended().empty());
  CHECK(value_at(*db, kA) == "a");
}

TEST_CASE_FIXTURE(Fixture, "a file that was cut short is reported and ends nothing") {
  {
    const auto db = open();
    for (std::uint64_t i = 0; i < 64; ++i) {
      REQUIRE(db->apply(std::vector{put(Prng(i).id(), stored(std::string(9000, 'v')))}).ok());
    }
  }
  const std::string whole = read(path);
  int reported = 0;
  for (std::size_t pages = 2; pages < whole.size() / 4096; pages += 7) {
    CAPTURE(pages);
    write(path, whole.substr(0, pages * 4096));
    const auto opened = try_open();
    if (!opened) {
      CHECK(opened.error().detail.find("damaged") != std::string::npos);
      ++reported;
      continue;
    }
    const auto standings = (*opened)->standings();
    if (!standings) {
      CHECK(standings.error().detail.find("damaged") != std::string::npos);
      ++reported;
      continue;
    }
    // The index was whole, or this says that it was not.
    CHECK((!(*opened)->mended().empty() || standings->size() == 64));
    for (std::uint64_t i = 0; i < 64; ++i) {
      const auto found = (*opened)->find(Prng(i).id());
      if (found && *found) CHECK((*found)->record.value.size() == 9000);
      if (!found) CHECK(found.error().detail.find("cannot be read") != std::string::npos);
    }
    ++reported;
  }
  CHECK(reported > 10);
}

TEST_CASE_FIXTURE(Fixture, "opening syncs the file and the directory it is in") {
  open().reset();  // and perhaps the power went before its directory was written
  const Tapped tapped(path);
  const auto db = open();
  CHECK(std::ranges::count(tap().synced, path) > 0);
  CHECK(std::ranges::count(tap().synced, dir.path()) > 0);
}

TEST_CASE_FIXTURE(Fixture, "a file that cannot be reached is not made anew") {
  std::filesystem::create_symlink("records.mdb", path);  // to itself
  const auto opened = try_open();
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code == Errc::io);
  CHECK(std::filesystem::is_symlink(path));
}

TEST_CASE_FIXTURE(Fixture, "of those that start together on one new file none undoes another") {
  for (int round = 0; round < 30; ++round) {
    TempDir fresh;
    path = fresh / "records.mdb";
    std::atomic<int> ready = 0;
    std::array<bool, 4> stored_there{};
    std::vector<std::thread> starting;
    for (std::size_t i = 0; i < stored_there.size(); ++i) {
      starting.emplace_back([&, i] {
        ++ready;
        while (ready < static_cast<int>(stored_there.size())) std::this_thread::yield();
        const auto opened = try_open();
        if (opened) {
          stored_there[i] = (*opened)->apply(std::vector{put(Prng(i).id(), stored("value"))}).ok();
        } else {
          stored_there[i] = false;
          if (opened.error().code != Errc::busy) std::abort();
        }
      });
    }
    for (std::thread& thread : starting) thread.join();
    const auto db = open();
    CHECK(std::ranges::count(stored_there, true) > 0);
    for (std::size_t i = 0; i < stored_there.size(); ++i) {
      CHECK(value_at(*db, Prng(i).id()) == (stored_there[i] ? "value" : "nothing"));
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "a file may be told to grow beyond all bounds") {
#ifndef __SANITIZE_THREAD__  // has its own idea of address space
  CHECK(Database::open(path, "test", std::numeric_limits<std::size_t>::max()).ok());
#endif
}

TEST_CASE_FIXTURE(Fixture, "a full file refuses a batch and keeps what it acknowledged") {
  const auto db = Database::open(path, "test", 1).value();  // as small as it gets
  // Batch i: sixteen large records and a small one.
  const auto key = [](std::uint64_t i, std::uint64_t j) { return Prng(17 * i + j).id(); };
  std::uint64_t kept = 0;
  std::optional<Error> full;
  while (!full && kept < 10'000) {
    std::vector<Commit> batch;
    for (std::uint64_t j = 0; j < 16; ++j) {
      batch.push_back(put(key(kept, j), stored(std::string(60'000, 'v'))));
    }
    batch.push_back(put(key(kept, 16), stored("beside")));
    if (auto applied = db->apply(batch)) {
      ++kept;
    } else {
      full = applied.error();
    }
  }
  REQUIRE(full);
  CHECK(full->code == Errc::busy);
  REQUIRE(kept > 10);
  CHECK(value_at(*db, key(kept, 0)) == "nothing");  // all of a batch or nothing
  for (std::uint64_t i = 0; i < kept; ++i) {
    REQUIRE(db->find(key(i, 0)).value().has_value());
    REQUIRE(value_at(*db, key(i, 16)) == "beside");
  }
  // Room is made by erasing, and used again.
  REQUIRE(db->apply(std::vector{put(key(0, 0), std::nullopt), put(key(0, 1), std::nullopt)}).ok());
  REQUIRE(db->apply(std::vector{put(kC, stored("small"))}).ok());
  REQUIRE(db->apply(std::vector{put(kA, stored(std::string(60'000, 'v')))}).ok());
}

TEST_CASE_FIXTURE(Fixture, "a full disk refuses a batch and another may go well") {
  const auto db = open();
  REQUIRE(db->apply(std::vector{put(kA, stored("a"))}).ok());
  const Tapped tapped(path);
  for (const int code : {ENOSPC, EDQUOT}) {
    tap().fail_pages = code;
    CHECK(db->apply(std::vector{put(kA, stored("b")), put(kB, stored("b"))}).error().code ==
          Errc::busy);
    CHECK(value_at(*db, kA) == "a");
    CHECK(value_at(*db, kB) == "nothing");
    tap().fail_pages = 0;
    CHECK(db->apply(std::vector{put(kC, stored("c"))}).ok());
    CHECK(db->standings().value().size() == 2);
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "a disk that fills up refuses a batch whether or not it can set room aside") {
  for (const bool can_reserve : {true, false}) {
    CAPTURE(can_reserve);
    TempDir fresh;
    path = fresh / "records.mdb";
    const auto db = open();
    REQUIRE(db->apply(std::vector{put(kA, stored("a"))}).ok());
    const Tapped tapped(path);
    tap().cannot_reserve = !can_reserve;
    tap().disk_ends = 12 * 1024 * 1024;  // more than is set aside already
    // Many pages in a row, which are written together, as far as they fit.
    std::size_t kept = 0;
    const auto large = [&] { return put(Prng(kept).id(), stored(std::string(60'000, 'v'))); };
    Result<void> last;
    while (kept < 1000 && (last = db->apply(std::vector{large(), put(kA, stored("b"))}))) ++kept;
    REQUIRE_FALSE(last.ok());
    CHECK(last.error().code == Errc::busy);
    CHECK(db->standings().value().size() == 1 + kept);
    CHECK(value_at(*db, kA) == (kept == 0 ? "a" : "b"));
    CHECK(db->apply(std::vector{put(kA, std::nullopt)}).ok());  // what only erases still goes
    tap().disk_ends = 0;
    CHECK(db->apply(std::vector{put(kB, stored("b"))}).ok());
    CHECK(value_at(*db, kB) == "b");
  }
}

TEST_CASE_FIXTURE(Fixture, "a sync that fails is no full disk whatever it says") {
  const auto db = open();
  REQUIRE(db->apply(std::vector{put(kA, stored("a"))}).ok());
  const Tapped tapped(path);
  tap().fail_syncs = ENOSPC;
  CHECK(db->apply(std::vector{put(kA, stored("b"))}).error().code == Errc::storage_failed);
}

TEST_CASE_FIXTURE(Fixture, "a disk that fails is told from one that is full") {
  struct Fault {
    int Tap::*what;
    int code;
  };
  for (const Fault& fault :
       {Fault{&Tap::fail_pages, EIO}, Fault{&Tap::fail_syncs, EIO}, Fault{&Tap::fail_metas, EIO}}) {
    TempDir fresh;
    path = fresh / "records.mdb";
    {
      const auto db = open();
      REQUIRE(db->apply(std::vector{put(kA, stored("a"))}).ok());
      const Tapped tapped(path);
      tap().*fault.what = fault.code;
      CHECK(db->apply(std::vector{put(kA, stored("b"))}).error().code == Errc::storage_failed);
    }
    CHECK(value_at(*open(), kA) == "a");
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "after the page that counts could not be written nothing goes any more") {
  const auto db = open();
  REQUIRE(db->apply(std::vector{put(kA, stored("a"))}).ok());
  const Tapped tapped(path);
  tap().fail_metas = ENOSPC;
  CHECK(db->apply(std::vector{put(kA, stored("b"))}).error().code == Errc::storage_failed);
  CHECK(db->panicked());
  tap().fail_metas = 0;
  CHECK(db->apply(std::vector{put(kB, stored("b"))}).error().code == Errc::storage_failed);
  CHECK_FALSE(db->find(kA).ok());
}

// Every step that LMDB takes towards the disk is remembered; then the power goes after each of
// them, with the sectors that were not synced yet written or not at random, and the file is opened
// anew.
TEST_CASE_FIXTURE(Fixture, "a crash at any step loses nothing acknowledged and tears no batch") {
  constexpr std::size_t kBatches = 40;
  Prng prng(7);
  open().reset();
  const std::string start = read(path);
  std::map<Key, std::string> state;
  std::vector<std::map<Key, std::string>> states = {state};  // after each batch
  std::vector<std::size_t> acknowledged = {0};               // how many steps had been taken then
  std::vector<Op> ops;
  {
    const auto db = open();
    const Tapped tapped(path);
    tap().recording = true;
    for (std::size_t i = 1; i <= kBatches; ++i) {
      std::vector<Commit> batch;
      for (std::uint64_t left = 1 + prng.below(6); left > 0; --left) {
        const Key key = Prng(prng.below(30)).id();
        if (prng.chance(250'000)) {
          batch.push_back(put(key, std::nullopt));
          state.erase(key);
        } else {
          const std::string value =
              std::to_string(i) + std::string(prng.chance(300'000) ? 9000 : 50, 'v');
          batch.push_back(put(key, stored(value, records::kNoon + 1ms * prng.below(1000))));
          state[key] = value;
        }
      }
      REQUIRE(db->apply(batch).ok());
      states.push_back(state);
      acknowledged.push_back(tap().ops.size());
    }
    ops = tap().ops;
  }
  const auto matches = [&](Database& db, const std::map<Key, std::string>& expected) {
    if (db.standings().value().size() != expected.size()) return false;
    return std::ranges::all_of(
        expected, [&](const auto& entry) { return value_at(db, entry.first) == entry.second; });
  };
  REQUIRE(ops.size() > 3 * kBatches);
  for (std::size_t count = 0; count <= ops.size(); ++count) {
    CAPTURE(count);
    std::size_t done = 0;
    while (done + 1 < acknowledged.size() && acknowledged[done + 1] <= count) ++done;
    std::filesystem::remove(path + "-lock");
    write(path, std::string(text_of(after_crash(to_bytes(start), ops, count, prng))));
    const auto db = open();
    const bool whole =
        matches(*db, states[done]) || (done < kBatches && matches(*db, states[done + 1]));
    CHECK(whole);
  }
}

}  // namespace kadmos::disk
