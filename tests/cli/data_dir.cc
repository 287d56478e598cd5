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

TEST_CASE("peers come back from their file and what is no peer is passed over") {
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
  CHECK(*loaded == known);
  e2e::write(dir / "peers", "nonsense\n\n" + key_number(3).hex() + " here 0.0.0.0:1 192.0.2.1:0\n" +
                                key_number(4).hex() + " 192.0.2.1:4280");
  // As older versions wrote it: nobody knows when it was proved.
  CHECK(*load_peers(dir / "peers") ==
        std::vector<Acquaintance>{{{key_number(4), Endpoints(four)}, WallTime{}}});
  std::string many;
  for (int i = 0; i < 1000; ++i) many += key_number(5).hex() + " 192.0.2.1:4280\n";
  e2e::write(dir / "peers", many);
  CHECK(load_peers(dir / "peers")->size() == 128);
  e2e::write(dir / "peers", std::string(1'000'000, 'x'));
  CHECK_FALSE(load_peers(dir / "peers"));
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
