// storage_bench [RECORDS]: how fast the storage on disk takes records of 200 bytes, each
// reported after its commit, beside raw LMDB with the same batches and no more; then, with so many
// records of 200 bytes to 10 KB, how long opening takes and how long a find, with the file in the
// page cache and without. Records are of many owners and expire at random times, as those of a
// network do. Prints, asserts nothing.
#include <fcntl.h>
#include <fmt/core.h>
#include <lmdb.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/check.h"
#include "base/prng.h"
#include "kadmos/uv.h"
#include "lmdb/database.h"
#include "tests/e2e/support.h"

namespace kadmos::bench {
namespace {

using std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t kBatch = 1000;
constexpr std::size_t kOutstanding = 4000;
constexpr std::size_t kSmall = 100'000;
constexpr std::size_t kOwners = 1000;
constexpr std::size_t kFinds = 200'000;
constexpr std::size_t kFirst = 20'000;  // of them, while much of the file is not mapped yet

StoredRecord record_of(Prng& prng, std::size_t size) {
  const auto fill = [&](auto& bytes) {
    for (Byte& byte : bytes) byte = static_cast<Byte>(prng.next());
  };
  StoredRecord out;
  out.record.value = Bytes(size);
  fill(out.record.value);
  if (prng.chance(500'000)) {  // the others are content
    Prng owner(prng.below(kOwners));
    out.record.type = RecordType::owned;
    for (Byte& byte : out.record.owner.bytes) byte = static_cast<Byte>(owner.next());
    out.record.name = Bytes(1 + prng.below(20));
    fill(out.record.name);
    out.record.sequence = 1 + prng.below(100);
    fill(out.record.signature);
    out.group = 1 + prng.below(kOwners);
  }
  constexpr auto kDay = std::chrono::milliseconds(std::chrono::hours(24));
  out.record.expiry =
      UvLoop::wall_now() + std::chrono::milliseconds(prng.between(kDay.count() / 24, kDay.count()));
  out.expiry = out.record.expiry;
  return out;
}

double stores_per_second(const std::string& path) {
  Prng prng(1);
  std::vector<Commit> commits;
  for (std::size_t i = 0; i < kSmall; ++i) {
    commits.push_back({i + 1, {{prng.id(), record_of(prng, 200)}}});
  }
  UvLoop loop;
  const auto storage = make_lmdb_storage(loop, path, {}).value();
  std::size_t given = 0;
  std::size_t reported = 0;
  const auto give = [&] {
    while (given < kSmall && given - reported < kOutstanding) {
      storage->commit(std::move(commits[given++]));
    }
  };
  storage->on_committed([&](CommitId, const Result<void>& result) {
    check(result.ok());
    if (++reported == kSmall) loop.stop();
    give();
  });
  const auto alive = loop.after(std::chrono::hours(1), [] {});
  const auto begin = steady_clock::now();
  give();
  loop.run();
  return static_cast<double>(kSmall) / Seconds(steady_clock::now() - begin).count();
}

double raw_stores_per_second(const std::string& path) {
  Prng prng(1);
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi table = 0;
  check(mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, 1UL << 32) == 0);
  check(mdb_env_open(env, path.c_str(), MDB_NOSUBDIR, 0600) == 0);
  const auto begin = steady_clock::now();
  for (std::size_t i = 0; i < kSmall; i += kBatch) {
    check(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
    check(mdb_dbi_open(txn, nullptr, 0, &table) == 0);
    for (std::size_t j = 0; j < kBatch; ++j) {
      auto key = prng.id().bytes();
      Bytes value(200);
      MDB_val at{key.size(), key.data()};
      MDB_val data{value.size(), value.data()};
      check(mdb_put(txn, table, &at, &data, 0) == 0);
    }
    check(mdb_txn_commit(txn) == 0);
  }
  const Seconds took = steady_clock::now() - begin;
  mdb_env_close(env);
  return static_cast<double>(kSmall) / took.count();
}

// Makes the kernel drop the file from its page cache; only if nobody has it open.
bool forget_cached(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool done = ::fsync(fd) == 0 && ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0;
  ::close(fd);
  return done;
}

void open_and_find(const std::string& path, const Config& config, const std::vector<Key>& keys,
                   bool cold) {
  UvLoop loop;
  const auto opening = steady_clock::now();
  const auto storage = make_lmdb_storage(loop, path, config).value();
  const double opened = Seconds(steady_clock::now() - opening).count();
  std::vector<double> times;
  for (const Key& key : keys) {
    const auto begin = steady_clock::now();
    check(storage->find(key).value().has_value());
    times.push_back(Seconds(steady_clock::now() - begin).count() * 1e6);
  }
  std::vector<double> first(times.begin(), times.begin() + std::min(times.size(), kFirst));
  std::ranges::sort(first);
  std::ranges::sort(times);
  fmt::print(
      "{}: opened in {:.2f} s with {} records; find: p50 {:.1f} us, p99 {:.1f} us; p50 of the "
      "first "
      "{}: {:.1f} us\n",
      cold ? "cold cache" : "warm cache", opened, storage->usage().records, times[times.size() / 2],
      times[times.size() * 99 / 100], first.size(), first[first.size() / 2]);
}

void large(const std::string& path, std::size_t count) {
  Prng prng(2);
  std::vector<Key> keys;
  Config config;
  config.limits.record_bytes = 64UL << 30;
  {
    const auto file = Database::open(path, config.network, 4 * config.limits.record_bytes).value();
    const auto begin = steady_clock::now();
    for (std::size_t i = 0; i < count; i += kBatch) {
      std::vector<Commit> batch;
      for (std::size_t j = 0; j < kBatch; ++j) {
        keys.push_back(prng.id());
        batch.push_back({0, {{keys.back(), record_of(prng, 200 + prng.below(9800))}}});
      }
      check(file->apply(batch).ok());
    }
    fmt::print("{} records of 200 B to 10 KB written in {:.1f} s\n", keys.size(),
               Seconds(steady_clock::now() - begin).count());
  }
  for (std::size_t i = keys.size(); i > 1; --i) std::swap(keys[i - 1], keys[prng.below(i)]);
  keys.resize(std::min(keys.size(), kFinds));
  for (const bool cold : {true, false}) {
    if (cold && !forget_cached(path)) fmt::print("the page cache keeps the file\n");
    open_and_find(path, config, keys, cold);
  }
}

}  // namespace
}  // namespace kadmos::bench

int main(int argc, char** argv) {
  using namespace kadmos;
  const e2e::TempDir dir;
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000;
  const double ours = bench::stores_per_second(dir / "records");
  const double raw = bench::raw_stores_per_second(dir / "raw");
  fmt::print("{:.0f} stores/s of 200 bytes, raw LMDB {:.0f}/s: a ratio of {:.2f}\n", ours, raw,
             ours / raw);
  bench::large(dir / "large", count);
}
