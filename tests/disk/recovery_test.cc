// Damage to the file of records, of every kind that bits and cuts do: what a node that uses the
// file says then, and what is rescued. KADMOS_DAMAGE=400 in the environment tries that many flipped
// bits, and a quarter as many cuts.
#include "lmdb/recovery.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "base/prng.h"
#include "lmdb/database.h"
#include "lmdb/storage.h"
#include "support/records.h"
#include "tests/e2e/support.h"

namespace kadmos::disk {
namespace {

using e2e::read;
using e2e::TempDir;
using e2e::write;

std::size_t rounds() {
  const char* wanted = std::getenv("KADMOS_DAMAGE");
  return wanted != nullptr ? std::strtoul(wanted, nullptr, 10) : 48;
}

// A file with what a node comes to have: names of several versions, some deleted and some that
// expired, content, small and large; and many pages that are free by now.
struct Damage {
  Damage() {
    const auto db = Database::open(path, records::kNetwork, 1 << 26).value();
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 40; ++i) {
        const std::size_t size = i % 4 == 0 ? 20'000 : i % 4 == 1 ? 3'000 : 200;
        const std::string text = std::to_string(round) + " " + std::to_string(i);
        if (i % 2 == 1 && round > 0) continue;
        Record record = i % 2 == 1 ? records::content(text + std::string(size, 'c'))
                                   : records::owned(owner, std::to_string(i),
                                                    static_cast<std::uint64_t>(round) + 1,
                                                    text + std::string(size, 'v'), records::kNoon);
        if (i % 10 == 6 && round == 2) {
          record.type = RecordType::tombstone;
          record.value.clear();
          sign(record, owner, records::kNetwork);
        }
        const Key key = key_of(record);
        StoredRecord stored{record, record.expiry, i % 3 == 0 ? Own::renewed : Own::none, 0};
        if (i % 10 == 8 && round == 2) stored = floor_of(stored);
        REQUIRE(db->apply(std::vector{Commit{1, {{key, stored}}}}).ok());
        now[key] = stored;
        ever[key].push_back(stored.record);
      }
    }
    whole = read(path);
    find_rows();
  }

  static StoredRecord floor_of(const StoredRecord& expired) {
    StoredRecord out;
    const auto content = digest(expired.record);
    out.record.type = RecordType::floor;
    out.record.owner = expired.record.owner;
    out.record.sequence = expired.record.sequence;
    out.record.value.assign(content.begin(), content.end());
    out.expiry = expired.expiry;
    return out;
  }

  // Where each record is. A floor does not say which key it is of: that stands before it.
  void find_rows() {
    const auto pages = Pages::open(path).value();
    const auto survey = pages->survey(true);
    REQUIRE(survey.trees_whole);
    REQUIRE(survey.free_list_whole);
    for (PageNumber number = 0; number < pages->count(); ++number) {
      if (survey.use[number] != Pages::Use::leaf) continue;
      const Bytes page = pages->page(number);
      for (std::size_t slot = kPageHead; slot < number_at(page, 12, 2); slot += 2) {
        const auto node = node_at(page, number_at(page, slot, 2)).value();
        if (node.key.size() != 64) continue;
        const auto inside = static_cast<std::size_t>(node.key.data() - page.data()) + 64;
        const Key key = *Key::from_bytes(node.key);
        const std::size_t before = is_floor(now.at(key)) ? 64 : 0;
        const std::size_t at =
            node.large ? pages->large_value(*node.large) : number * pages->page_size() + inside;
        rows[key] = {at - before, node.size + before};
      }
    }
    REQUIRE(rows.size() == now.size());
  }
  bool untouched(const Key& key, const std::string& file) const {
    const auto [at, size] = rows.at(key);
    return file.substr(std::min(at, file.size()), size) == whole.substr(at, size);
  }

  // What is wrong with what comes of a damaged file; empty: nothing.
  std::string judge(const std::string& file) {
    write(path, file);
    std::filesystem::remove(path + ".damaged");
    const std::string in_use = judge_use(file);
    if (!in_use.empty()) return "in use: " + in_use;
    write(path, file);
    auto recovery = Recovery::open(path, records::kNetwork);
    if (!recovery) return recovery.error().detail;
    const Recovery::Report report = (*recovery)->report();
    std::set<Key> lost;
    for (const auto& [key, why] : report.lost) lost.insert(key);
    if (const auto aside = (*recovery)->salvage(); !aside) return aside.error().detail;
    recovery->reset();
    if (read(path + ".damaged") != file) return "the old file is not as it was";
    const auto db = Database::open(path, records::kNetwork, 1 << 26);
    if (!db) return db.error().detail;
    for (const auto& [key, stored] : now) {
      const auto found = (*db)->find(key);
      if (!found) return "what was rescued cannot be read";
      const bool right = *found && (*found)->record == stored.record && (*found)->own == stored.own;
      if (untouched(key, file) && !right)
        return "an untouched record was not rescued: type " +
               std::to_string(static_cast<int>(stored.record.type)) + " of " +
               std::to_string(stored.record.value.size()) + " bytes at " +
               std::to_string(rows.at(key).first) + (*found ? ", but another" : "");
      if (*found && std::ranges::count(ever.at(key), (*found)->record) == 0) return "a wrong value";
      if (report.all_named && !*found && !lost.contains(key)) return "nothing names what is lost";
    }
    return {};
  }

  // What a node says that starts on the file.
  std::string judge_use(const std::string& file) {
    auto opened = Database::open(path, records::kNetwork, 1 << 26);
    if (!opened) {
      const std::string& why = opened.error().detail;
      const bool clear = why.find(path) != std::string::npos &&
                         why.find("is damaged") != std::string::npos &&
                         why.find("--salvage") != std::string::npos;
      const bool foreign = why.find("another version of LMDB") != std::string::npos ||
                           why.find("belongs to the network \"") != std::string::npos ||
                           why.find("has format") != std::string::npos;
      ++refused;
      return clear || foreign ? "" : "not clear: " + why;
    }
    if (file.size() < whole.size()) return "a file that was cut is opened";
    const Database& db = **opened;
    auto storage = LmdbStorage::open(
        *std::move(opened), [](const auto&) {}, nullptr);
    if (!storage) return storage.error().detail;
    const bool told = !db.mended().empty();
    for (const auto& [key, stored] : now) {
      const auto found = (*storage)->find(key);
      if (found && !*found && !told) return "a record is not found and nothing says why";
      if (found && *found && (*found)->record != stored.record) return "a wrong value";
    }
    return {};
  }

  TempDir dir;
  std::string path = dir / "records.mdb";
  Identity owner = records::identity(7);
  std::map<Key, StoredRecord> now;
  std::map<Key, std::vector<Record>> ever;
  std::map<Key, std::pair<std::size_t, std::size_t>> rows;
  std::string whole;
  int refused = 0;
};

}  // namespace

TEST_CASE("a whole file is found whole and salvaged as it is") {
  Damage f;
  {
    const auto recovery = Recovery::open(f.path, records::kNetwork).value();
    CHECK(recovery->report().whole());
    CHECK(recovery->report().records + recovery->report().floors == f.now.size());
    CHECK(recovery->report().floors == 4);
    CHECK(recovery->report().network == records::kNetwork);
  }
  CHECK(f.judge(f.whole) == "");
  CHECK(f.refused == 0);
}

std::string flipped(std::string file, std::size_t byte, int bit) {
  file[byte] = static_cast<char>(file[byte] ^ (1 << bit));
  return file;
}

TEST_CASE("after any flipped bit no value is wrong and what was not hit is rescued") {
  Damage f;
  Prng prng(1);
  for (std::size_t i = 0; i < rounds(); ++i) {
    // Every other one in what LMDB itself needs: the first pages and those of its trees.
    std::size_t byte = prng.below(f.whole.size());
    if (i % 2 == 0) byte = byte % 2 == 0 ? byte % 8192 : byte / 4096 * 4096 + byte % 200;
    const int bit = static_cast<int>(prng.below(8));
    CAPTURE(byte);
    CAPTURE(bit);
    CHECK(f.judge(flipped(f.whole, byte, bit)) == "");
  }
}

TEST_CASE("after any flipped bit of a page with records the other records are rescued") {
  Damage f;
  Prng prng(4);
  for (std::size_t i = 0; i < rounds(); ++i) {
    // In the head of a page, the offsets of its nodes, and the heads of these.
    auto row = f.rows.begin();
    std::advance(row, static_cast<std::ptrdiff_t>(prng.below(f.rows.size())));
    const std::size_t page = row->second.first / 4096 * 4096;
    const std::size_t byte = i % 2 == 0 ? page + prng.below(64) : row->second.first - 72 + i % 8;
    const int bit = static_cast<int>(prng.below(8));
    CAPTURE(byte);
    CAPTURE(bit);
    CHECK(f.judge(flipped(f.whole, byte, bit)) == "");
  }
}

TEST_CASE("after many flipped bits at once no value is wrong and what was not hit is rescued") {
  Damage f;
  Prng prng(2);
  for (std::size_t i = 0; i < rounds() / 8; ++i) {
    CAPTURE(i);
    std::string file = f.whole;
    for (int n = 0; n < 20; ++n) {
      const std::size_t byte = prng.below(file.size());
      file = flipped(std::move(file), byte, static_cast<int>(prng.below(8)));
    }
    CHECK(f.judge(file) == "");
  }
}

TEST_CASE("of a file that was cut anywhere all is rescued that is left") {
  Damage f;
  Prng prng(3);
  for (std::size_t i = 0; i < rounds() / 4; ++i) {
    const std::size_t size = 1 + prng.below(f.whole.size() - 1);
    CAPTURE(size);
    CHECK(f.judge(f.whole.substr(0, size)) == "");
  }
  CHECK(f.refused == static_cast<int>(rounds() / 4));
}

TEST_CASE("a large value whose head is damaged takes no other record with it") {
  Damage f;
  std::size_t refused = 0;
  for (const auto& [key, row] : f.rows) {
    if (row.second < 15'000) continue;
    std::string file = f.whole;
    char& pages = file[row.first - 4];  // how many it has, says its head
    ++pages;
    write(f.path, file);
    CHECK_FALSE(Recovery::open(f.path, records::kNetwork).value()->report().whole());
    const auto db = Database::open(f.path, records::kNetwork, 1 << 26).value();
    const auto erased = db->apply(std::vector{Commit{1, {{key, std::nullopt}}}});
    REQUIRE_FALSE(erased.ok());
    CHECK(erased.error().code == Errc::storage_failed);
    CHECK(erased.error().detail.find("--salvage") != std::string::npos);
    ++refused;
  }
  CHECK(refused > 3);
}

TEST_CASE("a file that a node uses is left alone") {
  Damage f;
  const auto db = Database::open(f.path, records::kNetwork, 1 << 26).value();
  const auto recovery = Recovery::open(f.path, records::kNetwork);
  REQUIRE_FALSE(recovery.ok());
  CHECK(recovery.error().code == Errc::busy);
}

TEST_CASE("a file of another network is not salvaged for this one") {
  Damage f;
  const auto recovery = Recovery::open(f.path, "other").value();
  CHECK(recovery->report().network == records::kNetwork);
  CHECK(recovery->salvage().error().detail.find("belongs to the network") != std::string::npos);
  CHECK(read(f.path) == f.whole);
}

}  // namespace kadmos::disk
