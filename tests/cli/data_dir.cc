#include "cli/common/data_dir.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "cli/common/bootstrap.h"
#include "cli/common/files.h"
#include "kadmos/uv.h"
#include "tests/e2e/support.h"
#include "tests/support/damaged.h"

namespace kadmos::cli {
namespace {

using e2e::TempDir;

// The path of everything this program has synced.
std::vector<std::string>& synced() {
  static std::vector<std::string> paths;
  return paths;
}

}  // namespace
}  // namespace kadmos::cli

// Comes before the C library's.
extern "C" int fsync(int fd) {
  kadmos::cli::synced().push_back(
      std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)));
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace kadmos::cli {
namespace {

PublicKey key_number(Byte n) {
  PublicKey key;
  key.bytes.fill(n);
  return key;
}

TEST_CASE("an identity comes back from its file") {
  TempDir dir;
  auto made = create_identity(dir / "key");
  REQUIRE(made);
  auto loaded = load_identity(dir / "key");
  REQUIRE(loaded);
  CHECK(loaded->public_key() == made->public_key());
  CHECK(e2e::mode_of(dir / "key") == 0600);
  CHECK(load_identity(dir / "none").error().code == Errc::not_found);
}

TEST_CASE("a file is replaced whole or kept and leaves nothing beside it") {
  TempDir dir;
  REQUIRE(write_file(dir / "file", view_of("one"), IfExists::fail));
  CHECK_FALSE(write_file(dir / "file", view_of("two"), IfExists::fail));
  CHECK(e2e::read(dir / "file") == "one");
  REQUIRE(write_file(dir / "file", view_of("three"), IfExists::replace));
  CHECK(e2e::read(dir / "file") == "three");
  CHECK_FALSE(write_file(dir / "no/such/place", view_of("x"), IfExists::replace));
  const std::filesystem::directory_iterator files(dir.path());
  CHECK(std::distance(begin(files), end(files)) == 1);
}

TEST_CASE("a directory that was just made is written in the one above") {
  TempDir dir;
  synced().clear();
  REQUIRE(make_directory(dir / "a/b"));
  CHECK(synced() == std::vector<std::string>{dir.path(), dir / "a"});
  REQUIRE(make_directory(dir / "a/b"));
  CHECK(synced().size() == 2);
}

TEST_CASE("a file above the bound is not read") {
  TempDir dir;
  e2e::write(dir / "file", "12345");
  CHECK(read_file(dir / "file", 5)->size() == 5);
  CHECK(read_file(dir / "file", 4).error().code == Errc::too_large);
  CHECK(read_file(dir.path(), 4).error().code == Errc::io);
  CHECK(text_of(read_beginning(dir / "file", 4)->bytes) == "1234");
  CHECK_FALSE(read_beginning(dir / "file", 4)->whole);
  CHECK(read_beginning(dir / "file", 5)->whole);
}

TEST_CASE("a lock is held by one and free when its holder is gone") {
  TempDir dir;
  {
    auto held = lock_file(dir / "lock");
    REQUIRE(held);
    CHECK(lock_file(dir / "lock").error().code == Errc::busy);
  }
  CHECK(lock_file(dir / "lock"));
}

TEST_CASE("peers come back from their file") {
  TempDir dir;
  const Endpoint four = Endpoint::v4(192, 0, 2, 1, 4280);
  const Endpoint six = *Endpoint::parse("[2001:db8::1]:4280");
  Endpoints both(four);
  both.add(six);
  const WallTime noon{std::chrono::seconds(1'700'000'000)};
  const std::vector<Acquaintance> known = {
      {{key_number(1), both}, noon},
      {{key_number(2), Endpoints(four)}, noon - std::chrono::hours(1)}};
  REQUIRE(save_peers(dir / "peers", known));
  const auto loaded = load_peers(dir / "peers");
  REQUIRE(loaded);
  CHECK(loaded->peers == known);
  CHECK(loaded->damage.empty());
}

TEST_CASE("what is no peer is passed over in a peers file and told of") {
  TempDir dir;
  const std::string file = dir / "peers";
  const Endpoint four = Endpoint::v4(192, 0, 2, 1, 4280);
  const auto says = [](const Result<RememberedPeers>& loaded, std::string_view what) {
    INFO(loaded->damage);
    return loaded->damage.find(what) != std::string::npos;
  };
  e2e::write(file, "nonsense\n\n" + key_number(3).hex() + " here 0.0.0.0:1 192.0.2.1:0\n" +
                       key_number(4).hex() + " 192.0.2.1:4280");
  // As older versions wrote it: nobody knows when it was proved.
  auto loaded = load_peers(file);
  CHECK(loaded->peers == std::vector<Acquaintance>{{{key_number(4), Endpoints(four)}, WallTime{}}});
  CHECK(says(loaded, file));
  CHECK(says(loaded, "3 of 4 lines cannot be used"));
  CHECK(says(loaded, "the 1 peers that could be read are used"));
  // A word of a later version is no damage.
  e2e::write(file, key_number(4).hex() + " 192.0.2.1:4280 color=green\n");
  CHECK(says(load_peers(file), "(damaged, or by an earlier version)"));
  std::string many;
  for (int i = 0; i < 1000; ++i) many += key_number(5).hex() + " 192.0.2.1:4280\n";
  e2e::write(file, many);
  loaded = load_peers(file);
  CHECK(loaded->peers.size() == 128);
  CHECK(says(loaded, "872 peers are more than are kept"));
  for (int i = 0; i < 9'000; ++i) many += key_number(5).hex() + " 192.0.2.1:4280\n";
  e2e::write(file, many);
  loaded = load_peers(file);
  CHECK(loaded->peers.size() == 128);
  CHECK(says(loaded, "only its first 262144 bytes were read"));
  e2e::write(file, std::string(890'000, 'x'));
  CHECK(load_peers(file)->peers.empty());
  CHECK(says(load_peers(file), "the 0 peers"));
}

TEST_CASE("every damage to a peers file is told of and none is a crash") {
  TempDir dir;
  const Endpoint here = Endpoint::v4(192, 0, 2, 1, 4280);
  std::vector<Acquaintance> known;
  for (Byte n = 1; n <= 20; ++n) {
    known.push_back({{key_number(n), Endpoints(here)}, WallTime(std::chrono::seconds(n))});
  }
  REQUIRE(save_peers(dir / "peers", known));
  const std::string good = e2e::read(dir / "peers");
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed: " << seed);
    Prng prng(seed);
    e2e::write(dir / "peers", damaged(good, prng));
    const auto loaded = load_peers(dir / "peers");
    REQUIRE(loaded);
    CHECK(loaded->damage.find(dir / "peers") != std::string::npos);
    CHECK(loaded->damage.find('\n') == std::string::npos);
    CHECK(loaded->peers.size() <= 128);
  }
}

TEST_CASE("a damaged key file is told of and left alone or is the same identity") {
  TempDir dir;
  const auto made = create_identity(dir / "key");
  REQUIRE(made);
  const std::string good = e2e::read(dir / "key");
  int refused = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed: " << seed);
    Prng prng(seed);
    const std::string bad = damaged(good, prng);
    e2e::write(dir / "key", bad);
    const auto loaded = load_identity(dir / "key");
    if (loaded) {
      CHECK(loaded->public_key() == made->public_key());
    } else {
      ++refused;
      CHECK(loaded.error().code == Errc::io);
      CHECK(loaded.error().detail.find(dir / "key") != std::string::npos);
      CHECK(loaded.error().detail.find("restore it from a backup") != std::string::npos);
    }
    CHECK(!create_identity(dir / "key"));
    CHECK((e2e::read(dir / "key") == bad));
  }
  CHECK(refused >= 45);  // but for a space or a digit's case, by which nothing is lost
}

TEST_CASE("a bootstrap is a host and a port and perhaps a key") {
  const std::string key = key_number(7).hex();
  auto named = parse_bootstrap(key + "@seed.example.org:4280");
  REQUIRE(named);
  CHECK(named->where.host == "seed.example.org");
  CHECK(named->key == key_number(7));
  CHECK_FALSE(named->numeric());
  auto numeric = parse_bootstrap(key + "@[2001:db8::1]:4280");
  REQUIRE(numeric);
  CHECK(numeric->numeric() == Bootstrap{*Endpoint::parse("[2001:db8::1]:4280"), key_number(7)});
  for (const char* bad : {"", "host", ":1", "host:", "host:0", "host:65536", "host:-1", "@host:1",
                          "ab@host:1", "host:1@", "host:1:2"}) {
    CHECK_MESSAGE(!parse_bootstrap(bad).ok(), bad);
  }
}

}  // namespace
}  // namespace kadmos::cli
