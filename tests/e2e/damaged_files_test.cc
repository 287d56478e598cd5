// A daemon whose data directory holds something else than it left there.
#include <doctest/doctest.h>

#include "cli/common/text.h"
#include "tests/e2e/harness.h"
#include "tests/support/damaged.h"

namespace kadmos::e2e {
namespace {

TEST_CASE("a daemon tells in one line of its log what of its peers file it cannot use") {
  TempDir dir;
  Network net(2);
  const std::string peers = dir / "node/peers";
  {
    Daemon node(dir / "node", {"--bootstrap", net[0].listen()});
    REQUIRE(eventually([&] { return node.peers() == 2; }));
    CHECK(node.end() == 0);
  }
  const std::string good = read(peers);
  std::string noise(890'000, '\0');
  Prng prng(1);
  for (char& c : noise) c = static_cast<char>(prng.next());
  const struct {
    std::string content;
    int peers;  // found again by it
  } kCases[] = {{good, 2},
                {"garbage \x1b[2J\n" + good + noise.substr(0, 1000), 2},
                {noise, 0},
                {noise.substr(0, 100), 0},
                {"", 0}};
  for (const auto& one : kCases) {
    write(peers, one.content);
    SpawnOptions options;
    options.stderr_file = dir / "log";
    {
      Daemon node(dir / "node", {}, options);
      CHECK(eventually([&] { return node.peers() >= one.peers; }));
      CHECK(node.end() == 0);
    }
    const std::string log = read(dir / "log");
    INFO(log);
    const std::size_t told = log.find("peers_damaged");
    CHECK((told == std::string::npos) == (one.content == good));
    if (told != std::string::npos) {
      CHECK(log.find(peers, told) != std::string::npos);
      CHECK(log.find("peers_damaged", told + 1) == std::string::npos);
    }
    CHECK(cli::printable_lines(log) == log);
    write(dir / "log", "");
  }
}

TEST_CASE("programs name a key file that is damaged and neither use nor replace it") {
  TempDir dir;
  const std::string key = dir / "node/identity.key";
  const Ran made = run_cli({"key", "new", key});
  REQUIRE(made.code == 0);
  const std::string good = read(key);
  int refused = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed: " << seed);
    Prng prng(seed);
    const std::string bad = damaged(good, prng);
    write(key, bad);
    const Ran shown = run_cli({"key", "show", key});
    if (shown.code == 0) {  // a space or a digit's case, by which nothing is lost
      CHECK(shown.out == made.out);
      continue;
    }
    ++refused;
    const Ran ran = run_node({"--data-dir", dir / "node", "--listen", "127.0.0.1:0"});
    for (const Ran& one : {shown, ran}) {
      CHECK(one.code == 1);
      CHECK(one.out.empty());
      CHECK(is_one_line(one.err));
      CHECK(one.err.find(key) != std::string::npos);
      CHECK(one.err.find("restore it from a backup") != std::string::npos);
    }
    CHECK((read(key) == bad));
  }
  CHECK(refused >= 45);
}

TEST_CASE("a new identity is told of in the log") {
  TempDir dir;
  { CHECK(Daemon(dir / "node").end() == 0); }
  CHECK(read(dir / "node.log").find("identity_created") != std::string::npos);
  write(dir / "node.log", "");
  { CHECK(Daemon(dir / "node").end() == 0); }
  CHECK(read(dir / "node.log").find("identity_created") == std::string::npos);
}

}  // namespace
}  // namespace kadmos::e2e
