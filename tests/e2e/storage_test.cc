// What a daemon keeps through its end, however it came.
#include <doctest/doctest.h>

#include <csignal>

#include "cli/common/exit_code.h"
#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

TEST_CASE("what was acknowledged is there after the daemon was killed") {
  TempDir dir;
  std::string content;
  {
    Daemon node(dir / "node");
    REQUIRE(node.cli({"set", "name", "first"}).code == 0);
    REQUIRE(node.cli({"set", "name", "second"}).code == 0);
    const Ran put = node.cli({"put", "content"});
    REQUIRE(put.code == 0);
    content = put.out.substr(0, 128);
    node.process().signal(SIGKILL);
    CHECK(node.process().wait(kPatience) == 128 + SIGKILL);
  }
  Daemon node(dir / "node");
  CHECK(node.status().at("records") == 2);
  CHECK(node.cli({"get", "name"}).out == "second");
  CHECK(node.cli({"get", content}).out == "content");
  CHECK(mode_of(dir / "node/records.mdb") == 0600);
  CHECK(node.end() == 0);
}

TEST_CASE("a daemon with its storage in memory forgets and leaves no file of records") {
  TempDir dir;
  {
    Daemon node(dir / "node", {"--storage", "memory"});
    REQUIRE(node.cli({"set", "name", "value"}).code == 0);
    CHECK(node.status().at("storage") == "memory");
    CHECK(node.end() == 0);
  }
  CHECK(run({"/usr/bin/test", "-e", dir / "node/records.mdb"}).code == 1);
  Daemon node(dir / "node", {"--storage", "memory"});
  CHECK(node.status().at("records") == 0);
}

TEST_CASE("storage and its limit can be given as every option can") {
  TempDir dir;
  write(dir / "config.toml", "storage = \"memory\"\nstorage-limit = \"64MiB\"\n");
  const auto status = [&](const Strings& arguments, const SpawnOptions& options) {
    Daemon node(dir / "node", arguments, options);
    const Json out = node.status();
    return out.at("storage").get<std::string>() + " " + cli::dump(out.at("storage_limit"));
  };
  SpawnOptions environment;
  environment.environment = {{"KADMOS_STORAGE", "lmdb"}, {"KADMOS_STORAGE_LIMIT", "2MiB"}};
  CHECK(status({}, {}) == "lmdb 1073741824");
  CHECK(status({"--config", dir / "config.toml"}, {}) == "memory 67108864");
  CHECK(status({"--config", dir / "config.toml"}, environment) == "lmdb 2097152");
  CHECK(status({"--storage", "memory", "--storage-limit", "3000000"}, environment) ==
        "memory 3000000");
}

TEST_CASE("a full store answers busy and stays within its limit") {
  Network net(2, {"--storage-limit", "1MiB"});
  write(net.dir("value"), std::string(60'000, 'v'));
  std::string refused;
  for (int i = 0; i < 200 && refused.empty(); ++i) {
    const Ran ran = net[0].cli({"-v", "set", std::to_string(i), "@" + net.dir("value")});
    if (ran.code != 0) refused = ran.err;
  }
  // Nearer records displace farther ones; the first that is farther than all is refused. Own ones
  // always fit, so the other node is the one that is full.
  CHECK_MESSAGE(refused.find("busy") != std::string::npos, refused);
  CHECK(net[1].status().at("record_bytes").get<std::size_t>() <= 1024 * 1024);
  CHECK(net[0].status().at("record_bytes").get<std::size_t>() > 1024 * 1024);
}

TEST_CASE("records of another network are not opened") {
  TempDir dir;
  CHECK(Daemon(dir / "node", {"--network", "one"}).end() == 0);
  const Ran ran =
      run_node({"--listen", "127.0.0.1:0", "--data-dir", dir / "node", "--network", "two"});
  CHECK(ran.code == cli::kError);
  CHECK(is_one_line(ran.err));
  CHECK(ran.err.find("\"one\"") != std::string::npos);
}

TEST_CASE("a file of records that is none is refused in one line") {
  TempDir dir;
  CHECK(Daemon(dir / "node").end() == 0);
  write(dir / "node/records.mdb", std::string(10'000, 'x'));
  const Ran ran = run_node({"--listen", "127.0.0.1:0", "--data-dir", dir / "node"});
  CHECK(ran.code == cli::kError);
  CHECK(is_one_line(ran.err));
  CHECK(ran.err.find("records.mdb") != std::string::npos);
}

TEST_CASE("a daemon whose disk fails says so and ends") {
  TempDir dir;
  {
    SpawnOptions options;
    options.environment = {{"LD_PRELOAD", FAILING_SYNC},
                           {"KADMOS_FAIL_SYNC", dir / "fail"},
                           {"ASAN_OPTIONS", "verify_asan_link_order=0"}};
    Daemon node(dir / "node", {}, options);
    REQUIRE(node.cli({"set", "name", "kept"}).code == 0);
    write(dir / "fail", "");
    CHECK(node.cli({"set", "name", "lost"}).code != 0);
    CHECK(node.process().wait(kPatience) == cli::kStorage);
    CHECK(read(dir / "node.log").find("storage_failed") != std::string::npos);
  }
  Daemon node(dir / "node");
  CHECK(node.cli({"get", "name"}).out == "kept");
}

}  // namespace
}  // namespace kadmos::e2e
