// A daemon's life: first run, restart, and its end.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <sstream>

#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

TEST_CASE("a first run makes what it needs and keeps it private") {
  TempDir dir;
  const std::string data = dir / "not/there/yet";
  std::filesystem::create_directories(dir / "not/there");
  Daemon node(data);
  CHECK(node.id().size() == 128);
  CHECK(node.listen().starts_with("127.0.0.1:"));
  CHECK(node.listen() != "127.0.0.1:0");
  CHECK(mode_of(data) == 0700);
  CHECK(mode_of(data + "/identity.key") == 0600);
  CHECK(mode_of(data + "/control.sock") == 0600);
  CHECK(node.status().at("id") == node.id());
  CHECK(node.end() == 0);
  CHECK_FALSE(std::filesystem::exists(data + "/control.sock"));
}

TEST_CASE("a restarted node has its identity and finds back though its bootstrap is gone") {
  TempDir dir;
  Daemon first(dir / "first");
  Daemon second(dir / "second", {"--bootstrap", first.listen()});
  const std::string gone = first.listen();
  std::string id;
  {
    Daemon third(dir / "third", {"--bootstrap", gone});
    REQUIRE(eventually([&] { return third.peers() == 2 && second.peers() == 2; }));
    id = third.id();
    SUBCASE("after an orderly end") { CHECK(third.end() == 0); }
    SUBCASE("after a crash") {
      REQUIRE(eventually(
          [&] { return read(dir / "third/peers").find(second.listen()) != std::string::npos; }));
      third.process().signal(SIGKILL);
      third.process().wait(kPatience);
    }
  }
  CHECK(first.end() == 0);
  Daemon third(dir / "third", {"--bootstrap", gone});
  CHECK(third.id() == id);
  CHECK(eventually([&] { return third.peers() >= 1; }));
  CHECK(third.cli({"set", "x", "back"}).code == 0);
  CHECK(second.cli({"get", "x", "--owner", third.key()}).out == "back");
}

TEST_CASE("a node keeps trying while its bootstrap is down") {
  TempDir dir;
  std::string address;
  {
    Daemon first(dir / "first");
    address = first.listen();
    CHECK(first.end() == 0);
  }
  Daemon second(dir / "second", {"--bootstrap", address});
  CHECK(second.peers() == 0);
  Daemon first(dir / "first", {"--listen", address});
  CHECK(eventually([&] { return second.peers() == 1; }));
}

TEST_CASE("a bootstrap given by name is resolved and one that has no address does no harm") {
  TempDir dir;
  Daemon first(dir / "first");
  const std::string port = first.listen().substr(first.listen().find(':') + 1);
  Daemon second(dir / "second", {"--bootstrap", "no-such-host.invalid:4280", "--bootstrap",
                                 first.key() + "@localhost:" + port});
  CHECK(eventually([&] { return second.peers() == 1; }));
  CHECK(eventually(
      [&] { return read(second.data_dir() + ".log").find("unresolved") != std::string::npos; }));
  CHECK(second.end() == 0);
}

TEST_CASE("SIGTERM and SIGINT and SIGHUP end a node in order") {
  TempDir dir;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    Daemon node(dir / "node");
    node.process().signal(signal);
    CHECK(node.process().wait(kPatience) == 0);
  }
}

TEST_CASE("a request under way does not keep a node from ending") {
  TempDir dir;
  SilentServer silent;
  Daemon node(dir / "node");
  Process ping = spawn_cli({"--control", node.control(), "ping", silent.address()});
  REQUIRE(silent.was_dialled());
  const auto begin = std::chrono::steady_clock::now();
  CHECK(node.end() == 0);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  MESSAGE("ended after " << took.count() << " s");
  // The request alone would last longer.
  CHECK(took.count() < 4);
  CHECK(ping.wait(kPatience) == 5);
  CHECK(is_one_line(ping.err()));
}

TEST_CASE("a node that is told to end hands over what it holds") {
  Network net(4, {"--k", "3"});
  Strings keys;
  for (int i = 0; i < 30; ++i) {
    const Ran put = net[3].cli({"--json", "put", "content " + std::to_string(i)});
    REQUIRE(put.code == 0);
    keys.push_back(put.json().at("key").get<std::string>());
  }
  REQUIRE(net[0].status().at("records") > 0);
  CHECK(net[0].end() == 0);
  CHECK(read(net[0].data_dir() + ".log").find("handed_over") != std::string::npos);
  for (const std::string& key : keys) {
    const Json audit = net[3].cli({"--json", "audit", key}).json();
    CHECK(audit.at("target") == 3);
    CHECK(audit.at("holding") == 3);
  }
}

TEST_CASE("a second signal ends a node at once") {
  TempDir dir;
  SilentServer silent;
  Daemon node(dir / "node");
  Process ping = spawn_cli({"--control", node.control(), "ping", silent.address()});
  REQUIRE(silent.was_dialled());
  node.process().signal(SIGTERM);
  REQUIRE(eventually([&] { return read(dir / "node.log").find("ending") != std::string::npos; }));
  node.process().signal(SIGINT);
  CHECK(node.process().wait(kPatience) == 128 + SIGINT);
  // What it left behind is no obstacle.
  Daemon again(dir / "node");
  CHECK(again.end() == 0);
}

TEST_CASE("Ctrl-C ends a command and its request in the daemon with it") {
  TempDir dir;
  SilentServer silent;
  Daemon node(dir / "node");
  const auto running = [&] {
    return node.status().at("counters").at("operations_running").get<int>();
  };
  Process ping = spawn_cli({"--control", node.control(), "ping", silent.address()});
  REQUIRE(silent.was_dialled());
  CHECK(running() == 1);
  ping.signal(SIGINT);
  CHECK(ping.wait(kPatience) == 128 + SIGINT);
  CHECK(eventually([&] { return running() == 0; }));
}

TEST_CASE("the log in JSON stays JSON whatever is in it") {
  TempDir dir;
  const std::string odd = dir / "a\"b\\c\x1b[31m\xff\nd";
  SpawnOptions options;
  options.stderr_file = dir / "log";
  Daemon node(odd, {"--log-json", "--log-level", "debug"}, options);
  CHECK(node.end() == 0);
  std::istringstream lines(read(dir / "log"));
  std::string line;
  int count = 0;
  bool ended = false;
  while (std::getline(lines, line)) {
    auto parsed = cli::parse_json(line);
    REQUIRE_MESSAGE(parsed.ok(), line);
    for (const char* field : {"time", "level", "event"}) CHECK(parsed->contains(field));
    ended = ended || parsed->at("event") == "ended";
    ++count;
  }
  CHECK(count >= 3);
  CHECK(ended);
}

TEST_CASE("the log for people keeps one line a message whatever is in it") {
  TempDir dir;
  const std::string odd = dir / "a\x1b[31m\nforged";
  SpawnOptions options;
  options.stderr_file = dir / "log";
  Daemon node(odd, {}, options);
  CHECK(node.end() == 0);
  const std::string log = read(dir / "log");
  CHECK(log.find('\x1b') == std::string::npos);
  CHECK(log.find("\nforged") == std::string::npos);
  CHECK(log.find("\\x0aforged") != std::string::npos);
}

TEST_CASE("a client node listens nowhere and enters no table") {
  TempDir dir;
  Daemon server(dir / "server");
  SpawnOptions options;
  options.stderr_file = dir / "log";
  Process client(
      {DHT_NODE, "--client", "--data-dir", dir / "client", "--bootstrap", server.listen()},
      options);
  const auto line = client.line(kPatience);
  REQUIRE(line);
  CHECK(line->find(" listen=none ") != std::string::npos);
  const std::string control = dir / "client/control.sock";
  CHECK(eventually([&] {
    return run_cli({"--control", control, "--json", "status"}).json().at("peers") == 1;
  }));
  CHECK(run_cli({"--control", control, "set", "x", "from a client"}).code == 0);
  CHECK(server.peers() == 0);
  client.signal(SIGTERM);
  CHECK(client.wait(kPatience) == 0);
}

}  // namespace
}  // namespace kadmos::e2e
