// Where dht-node's options come from: flags, environment, file, defaults, in this order.
#include <doctest/doctest.h>

#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

SpawnOptions environment(std::vector<std::pair<std::string, std::string>> variables) {
  SpawnOptions options;
  options.environment = std::move(variables);
  return options;
}

TEST_CASE("a flag wins over the environment and that over the file and that over the default") {
  TempDir dir;
  write(dir / "config.toml",
        "# a comment\n"
        "network = \"from-file\"\n"
        "k = 7\n"
        "log-json = true\n"
        "bootstrap = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n");
  const Strings file = {"--config", dir / "config.toml"};
  int count = 0;
  const auto network = [&](const Strings& arguments, const SpawnOptions& options) {
    // The records of a data directory are those of one network.
    Daemon node(dir / ("node" + std::to_string(++count)), arguments, options);
    auto out = node.status().at("network").get<std::string>();
    CHECK(node.end() == 0);
    return out;
  };
  Strings flag = file;
  flag.insert(flag.end(), {"--network", "from-flag"});
  const SpawnOptions from_environment = environment({{"KADMOS_NETWORK", "from-environment"}});
  CHECK(network({}, {}) == "kadmos");
  CHECK(network(file, {}) == "from-file");
  CHECK(read(dir / "node2.log").find("\"network\":\"from-file\"") != std::string::npos);
  CHECK(network(file, from_environment) == "from-environment");
  CHECK(network({}, from_environment) == "from-environment");
  CHECK(network(flag, from_environment) == "from-flag");
  CHECK(network({}, environment({{"KADMOS_CONFIG", dir / "config.toml"}})) == "from-file");
}

TEST_CASE("lists and switches can be given in the environment and in the file") {
  TempDir dir;
  Daemon first(dir / "first");
  Daemon second(dir / "second", {},
                environment({{"KADMOS_BOOTSTRAP", "127.0.0.1:1," + first.listen()},
                             {"KADMOS_LOG_JSON", "true"}}));
  CHECK(eventually([&] { return second.peers() == 1; }));
  CHECK(read(dir / "second.log").starts_with("{"));
  write(dir / "third.toml",
        "bootstrap = [\"127.0.0.1:1\", \"" + first.listen() + "\"]\nlog-json = false\n");
  Daemon third(dir / "third", {"--config", dir / "third.toml"});
  CHECK(eventually([&] { return third.peers() >= 1; }));
  CHECK_FALSE(read(dir / "third.log").starts_with("{"));
}

TEST_CASE("limits and local addresses are set by option and by file, and a mistake is named") {
  TempDir dir;
  const auto complaint = [&](const std::string& option, const std::string& value) {
    const Ran ran = run_node({option, value, "--listen", "127.0.0.1:0", "--data-dir", dir / "no"});
    CHECK(ran.code == 2);
    CHECK_MESSAGE(is_one_line(ran.err), ran.err);
    return ran.err;
  };
  CHECK(complaint("--limit", "bogus=1").find("'bogus'; docs/limits.md") != std::string::npos);
  for (const char* wrong : {"connections", "connections=", "connections=0", "connections=many"}) {
    CHECK(complaint("--limit", wrong).find("NAME=N") != std::string::npos);
  }
  CHECK(complaint("--limit", "frame_bytes=100").starts_with("dht-node: frame_bytes must hold"));
  CHECK(complaint("--local", "10.0.0.1/8").find("10.0.0.1/8") != std::string::npos);
  CHECK(complaint("--as-one", "x").find("'x'") != std::string::npos);
  write(dir / "config.toml",
        "limit = [\"connections=16\", \"watches=9\"]\nlocal = [\"none\"]\n"
        "as-one = [\"127.0.0.0/8\"]\n");
  Daemon node(dir / "node", {"--config", dir / "config.toml"});
  CHECK(node.end() == 0);
}

TEST_CASE("a mistake in the file is named") {
  TempDir dir;
  const auto complaint = [&](const std::string& content) {
    write(dir / "config.toml", content);
    const Ran ran = run_node({"--config", dir / "config.toml", "--data-dir", dir / "node"});
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK_MESSAGE(is_one_line(ran.err), ran.err);
    return ran.err;
  };
  CHECK(complaint("netwrok = \"x\"\n").find("netwrok") != std::string::npos);
  CHECK(complaint("[node]\nnetwork = \"x\"\n").find("node.network") != std::string::npos);
  CHECK(complaint("help = true\n").find("help") != std::string::npos);
  CHECK(complaint("config = \"other\"\n").find("config") != std::string::npos);
  CHECK(complaint("k = \"many\"\n").find('k') != std::string::npos);
  CHECK(complaint("network = \"a\"\nk = 3\nnetwork = \"b\"\n").find("twice") != std::string::npos);
  CHECK(complaint("network = [\"a\", \"b\"]\n").find("network") != std::string::npos);
  CHECK(complaint("network = \"a#b\"\n").find("network") != std::string::npos);
  CHECK(complaint("listen = \"nowhere\"\n").find("nowhere") != std::string::npos);
  const Ran missing = run_node({"--config", dir / "missing.toml"});
  CHECK(missing.code == 2);
  CHECK(missing.err.find("missing.toml") != std::string::npos);
}

TEST_CASE("dht-cli finds the daemon by the same environment") {
  TempDir dir;
  Daemon node(dir / "node");
  CHECK(run_cli({"status"}, environment({{"KADMOS_DATA_DIR", dir / "node"}})).code == 0);
  CHECK(run_cli({"status"}, environment({{"KADMOS_CONTROL", node.control()}})).code == 0);
  CHECK(run_cli({"--data-dir", dir / "node", "status"},
                environment({{"KADMOS_CONTROL", dir / "none.sock"}}))
            .code == 0);
  CHECK(run_cli({"status"}, environment({{"XDG_DATA_HOME", dir / "none"}})).code == 5);
}

}  // namespace
}  // namespace kadmos::e2e
