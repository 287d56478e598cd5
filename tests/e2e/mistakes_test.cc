// Each mistake a user can make ends in one line on stderr, which says what to do, and in the right
// exit code.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

void check_complaint(const Ran& ran, int code, const std::string& about) {
  INFO("stderr: " << ran.err);
  CHECK(ran.code == code);
  CHECK(ran.out.empty());
  CHECK(is_one_line(ran.err));
  CHECK(ran.err.find(about) != std::string::npos);
}

TEST_CASE("wrong flags and commands are usage errors") {
  check_complaint(run_node({"--frobnicate"}), 2, "--frobnicate");
  check_complaint(run_node({"extra"}), 2, "extra");
  check_complaint(run_node({"--listen"}), 2, "--listen");
  check_complaint(run_node({"--listen", "everywhere"}), 2, "everywhere");
  check_complaint(run_node({"--advertise", "0.0.0.0:1"}), 2, "--advertise");
  check_complaint(run_node({"--bootstrap", "nokey@host:1"}), 2, "--bootstrap");
  check_complaint(run_node({"--bootstrap", "host"}), 2, "--bootstrap");
  check_complaint(run_node({"--log-level", "loud"}), 2, "loud");
  check_complaint(run_node({"--network", std::string(65, 'x')}), 2, "--network");
  check_complaint(run_node({"--k", "0"}), 2, "--k");
  check_complaint(run_node({"--storage", "tape"}), 2, "tape");
  check_complaint(run_node({"--storage-limit", "much"}), 2, "--storage-limit");
  check_complaint(run_node({"--storage-limit", "1KiB"}), 2, "1MiB");
  check_complaint(run_node({"--client", "--listen", "127.0.0.1:0"}), 2, "--client");
  check_complaint(run_cli({"--frobnicate"}), 2, "--frobnicate");
  check_complaint(run_cli({"frobnicate"}), 2, "frobnicate");
  check_complaint(run_cli({}), 2, "dht-cli --help");
  check_complaint(run_cli({"get"}), 2, "NAME");
  check_complaint(run_cli({"get", "a", "b"}), 2, "b");
  check_complaint(run_cli({"set", "name"}), 2, "VALUE");
  check_complaint(run_cli({"--timeout", "5", "status"}), 2, "--timeout");
  check_complaint(run_cli({"--timeout", "-5s", "status"}), 2, "--timeout");
  check_complaint(run_cli({"set", "a", "b", "--ttl", "soon"}), 2, "--ttl");
  check_complaint(run_cli({"get", "a", "--owner", "me"}), 2, "me");
  check_complaint(run_cli({"whois", "me"}), 2, "me");
  check_complaint(run_cli({"whoami", "--set", "name"}), 2, "name");
  check_complaint(run_cli({"ping", "somewhere"}), 2, "somewhere");
  check_complaint(run_cli({"--key", "x", "status"}), 2, "--bootstrap");
  check_complaint(run_cli({"get", std::string(513, 'n')}), 2, "512");
}

TEST_CASE("help teaches and the version is told") {
  for (const Ran& ran : {run_node({"--help"}), run_cli({"--help"}), run_cli({"set", "--help"}),
                         run_cli({"key", "new", "--help"})}) {
    CHECK(ran.code == 0);
    CHECK(ran.err.empty());
    CHECK(ran.out.find("Examples:") != std::string::npos);
  }
  CHECK(run_node({"--version"}).out.starts_with("dht-node "));
  CHECK(run_cli({"--version"}).out.starts_with("dht-cli "));
}

TEST_CASE("a port in use is named") {
  TempDir dir;
  Daemon node(dir / "node");
  const Ran ran = run_node({"--listen", node.listen(), "--data-dir", dir / "other"});
  check_complaint(ran, 1, node.listen());
  CHECK(ran.err.find("--listen") != std::string::npos);
  check_complaint(run_node({"--listen", "192.0.2.1:4280", "--data-dir", dir / "other"}), 1,
                  "192.0.2.1:4280");
}

TEST_CASE("a data directory in use is named and its owner goes on") {
  TempDir dir;
  Daemon node(dir / "node");
  const Ran ran = run_node({"--listen", "127.0.0.1:0", "--data-dir", dir / "node"});
  check_complaint(ran, 1, "in use");
  CHECK(ran.err.find("--data-dir") != std::string::npos);
  CHECK(node.status().at("id") == node.id());
}

TEST_CASE("a control socket in use is named and its owner goes on") {
  TempDir dir;
  Daemon node(dir / "node");
  check_complaint(run_node({"--listen", "127.0.0.1:0", "--data-dir", dir / "other", "--control",
                            node.control()}),
                  1, node.control());
  CHECK(node.status().at("id") == node.id());
}

TEST_CASE("a data directory that cannot be is named") {
  TempDir dir;
  write(dir / "file", "");
  check_complaint(run_node({"--listen", "127.0.0.1:0", "--data-dir", dir / "file"}), 1, "file");
  check_complaint(run_node({"--listen", "127.0.0.1:0", "--data-dir", dir / "file/below"}), 1,
                  "file");
}

TEST_CASE("a damaged or unreadable key file is named and never replaced") {
  TempDir dir;
  const std::string file = dir / "node/identity.key";
  std::filesystem::create_directory(dir / "node");
  REQUIRE(run_cli({"key", "new", file}).code == 0);
  const std::string good = read(file);
  std::string flipped = good;
  const std::size_t digit = good.find("secret ", good.find('\n')) + 7;
  flipped[digit] = flipped[digit] == '0' ? '1' : '0';
  for (const std::string& bad :
       {flipped, good.substr(0, good.size() / 2), std::string(), good + "more\n",
        std::string(100'000, 'x'), std::string(200, '\0')}) {
    write(file, bad);
    const Ran ran = run_node({"--listen", "127.0.0.1:0", "--data-dir", dir / "node"});
    check_complaint(ran, 1, file);
    CHECK((read(file) == bad));
    check_complaint(run_cli({"key", "show", file}), 1, file);
  }
  write(file, good);
  REQUIRE(::chmod(file.c_str(), 0644) == 0);
  check_complaint(run_node({"--listen", "127.0.0.1:0", "--data-dir", dir / "node"}), 1,
                  "chmod 600");
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  check_complaint(run_node({"--listen", "127.0.0.1:0", "--data-dir", dir / "node"}), 1, file);
  check_complaint(
      run_cli({"--bootstrap", "127.0.0.1:1", "--key", dir / "missing", "set", "a", "b"}), 1,
      "missing");
  check_complaint(run_cli({"key", "show", dir / "missing"}), 1, "key new");
}

TEST_CASE("no daemon listening is said with what to do") {
  TempDir dir;
  for (const Strings& command : {Strings{"status"}, Strings{"get", "x"}, Strings{"set", "x", "y"},
                                 Strings{"peers"}, Strings{"whoami"}}) {
    Strings all = {"--control", dir / "none.sock"};
    all.insert(all.end(), command.begin(), command.end());
    const Ran ran = run_cli(all);
    check_complaint(ran, 5, dir / "none.sock");
    CHECK(ran.err.find("start dht-node") != std::string::npos);
  }
  write(dir / "file", "");
  check_complaint(run_cli({"--control", dir / "file", "status"}), 5, dir / "file");
}

TEST_CASE("a bootstrap that is down or nobody knows is named") {
  check_complaint(run_cli({"--bootstrap", "127.0.0.1:1", "status"}), 5, "--bootstrap");
  check_complaint(run_cli({"--bootstrap", "no-such-host.invalid:1", "status"}), 5,
                  "no-such-host.invalid");
  TempDir dir;
  Daemon node(dir / "node");
  check_complaint(node.cli({"ping", "127.0.0.1:1"}), 5, "127.0.0.1:1");
  check_complaint(node.cli({"ping", "no-such-host.invalid:1"}), 5, "no-such-host.invalid");
}

TEST_CASE("a value too large is refused here and at once") {
  TempDir dir;
  write(dir / "large", std::string(64 * 1024 + 1, 'x'));
  SpawnOptions from_file;
  from_file.stdin_file = dir / "large";
  SpawnOptions endless;
  endless.stdin_file = "/dev/zero";
  const Strings nobody = {"--control", dir / "none.sock", "set", "x"};
  const auto set = [&](const std::string& value, const SpawnOptions& options) {
    Strings all = nobody;
    all.push_back(value);
    return run_cli(all, options);
  };
  check_complaint(set(std::string(64 * 1024 + 1, 'x'), {}), 2, "65536");
  check_complaint(set("@" + (dir / "large"), {}), 2, "65536");
  check_complaint(set("-", from_file), 2, "65536");
  check_complaint(set("-", endless), 2, "65536");
  check_complaint(set("@" + (dir / "missing"), {}), 1, "missing");
  check_complaint(run_cli({"--control", dir / "none.sock", "put", "@" + (dir / "large")}), 2,
                  "65536");
}

TEST_CASE("a silent node is a timeout and not a hang") {
  TempDir dir;
  SilentServer silent;
  Daemon node(dir / "node");
  const Ran daemon = node.cli({"--timeout", "300ms", "ping", silent.address()});
  CHECK(daemon.code == 4);
  CHECK(is_one_line(daemon.err));
  const Ran direct = run_cli({"--timeout", "300ms", "--bootstrap", silent.address(), "status"});
  CHECK(direct.code == 4);
  CHECK(is_one_line(direct.err));
}

}  // namespace
}  // namespace kadmos::e2e
