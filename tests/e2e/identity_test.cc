// Two daemons with one identity, as a cloned disk makes them.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

// A daemon whose log can be read.
struct Logged {
  Logged(const TempDir& dir, const std::string& name, const Strings& arguments)
      : log(dir / (name + ".log")), daemon(dir / name, arguments, logging_to(log)) {}
  static SpawnOptions logging_to(const std::string& file) {
    SpawnOptions options;
    options.stderr_file = file;
    return options;
  }
  bool says(std::string_view what) const {
    std::ifstream file(log);
    const std::string all(std::istreambuf_iterator<char>(file), {});
    return all.find(what) != std::string::npos;
  }
  std::string log;
  Daemon daemon;
};

TEST_CASE("two daemons with one identity name each other in status and log") {
  TempDir dir;
  Network net(3);
  const Strings by = {"--bootstrap", net[0].listen()};
  Logged one(dir, "one", by);
  REQUIRE(eventually([&] { return one.daemon.peers() == 3; }));
  std::filesystem::create_directories(dir / "clone");
  std::filesystem::copy_file(dir / "one/identity.key", dir / "clone/identity.key");
  {
    Logged clone(dir, "clone", by);
    CHECK(clone.daemon.id() == one.daemon.id());
    REQUIRE(eventually([&] {
      return one.daemon.status().contains("identity_in_use") &&
             clone.daemon.status().contains("identity_in_use");
    }));
    const auto where = clone.daemon.status().at("identity_in_use").get<std::string>();
    CHECK(where.starts_with("127.0.0.1:"));
    CHECK(one.says("identity_in_use"));
    CHECK(clone.says("identity_in_use"));
    const Ran status = clone.daemon.cli({"status"});
    CHECK(status.code == 0);
    CHECK(status.out.find("key of its own") != std::string::npos);
    CHECK(clone.daemon.end() == 0);
  }
  // With a key of its own the clone is a node like any other.
  std::filesystem::remove(dir / "clone/identity.key");
  Logged another(dir, "clone", by);
  CHECK(another.daemon.id() != one.daemon.id());
  REQUIRE(eventually([&] { return another.daemon.peers() == 4; }));
  CHECK(!another.daemon.status().contains("identity_in_use"));
}

}  // namespace
}  // namespace kadmos::e2e
