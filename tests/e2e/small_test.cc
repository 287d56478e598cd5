// A network most of which is gone: who is left, and remembers the others.
#include <doctest/doctest.h>

#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

bool tells(const Ran& ran, const std::string& what) {
  INFO("stderr: " << ran.err);
  CHECK(is_one_line(ran.err));
  return ran.err.find(what) != std::string::npos;
}

TEST_CASE("a set says how many of the nodes known lately it reached, and fails if they are few") {
  Network net(8);
  const auto end = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) CHECK(net[i].end() == 0);
  };
  Daemon& last = net[7];
  const Ran all = last.cli({"--json", "set", "x", "among eight"});
  CHECK(all.code == 0);
  CHECK(all.err.empty());
  CHECK(all.json().at("known") == 8);
  CHECK_FALSE(all.json().contains("warning"));

  end(0, 4);
  const Ran half = last.cli({"--json", "set", "x", "among four"});
  CHECK(half.code == 0);
  CHECK(tells(half, "reached 4 of 8 nodes known since "));
  CHECK(half.json().at("target") == 4);
  CHECK(half.json().at("warning").get<std::string>().starts_with("reached 4 of 8 nodes"));

  end(4, 5);
  const Ran few = last.cli({"--json", "set", "x", "among three"});
  CHECK(few.code == 4);
  CHECK(tells(few, "reached 3 of 8 nodes known since "));
  const Json error = few.json().at("error");
  CHECK(error.at("code") == "quorum_not_met");
  CHECK(error.at("receipt").at("target") == 3);
  CHECK(error.at("receipt").at("known") == 8);
  CHECK(error.at("receipt").at("durable") >= 2);

  end(5, 7);
  const Ran alone = last.cli({"set", "x", "alone"});
  CHECK(alone.code == 4);
  CHECK(tells(alone, "reached 1 of 8 nodes known since "));
  const std::string key = std::string(128, '0');
  for (const Strings& command :
       {Strings{"set", "x", "alone"}, Strings{"put", "content"}, Strings{"provide", key},
        Strings{"unprovide", key}, Strings{"del", "y"}}) {
    INFO("command: " << command[0]);
    CHECK(last.cli(command).code == 4);
    Strings accepting = command;
    accepting.push_back("--accept-small");
    const Ran accepted = last.cli(accepting);
    CHECK(accepted.code == 0);
    CHECK(accepted.err.find("reached 1 of 8 nodes known since ") != std::string::npos);
  }
  CHECK(last.cli({"get", "x"}).out == "alone");
  SpawnOptions lines;
  lines.stdin_file = net.dir("lines");
  write(lines.stdin_file, "{\"value\": \"a\"}\n{\"name\": \"b\", \"value\": \"c\"}\n");
  CHECK(last.cli({"import"}, lines).code == 4);
  const Ran imported = last.cli({"import", "--accept-small"}, lines);
  CHECK(imported.code == 0);
  CHECK(tells(imported, "import: reached 1 of 8 nodes known since "));

  CHECK(last.end() == 0);
  Daemon again(last.data_dir());
  const Ran restarted = again.cli({"set", "x", "alone still"});
  CHECK(restarted.code == 4);
  CHECK(tells(restarted, "reached 1 of 8 nodes known since "));
}

TEST_CASE("a network that never had more than one node has nobody to miss") {
  Network net(1);
  const Ran set = net[0].cli({"--json", "set", "x", "alone"});
  CHECK(set.code == 0);
  CHECK(set.err.empty());
  CHECK(set.json().at("target") == 1);
  CHECK(set.json().at("known") == 1);
  CHECK_FALSE(set.json().contains("warning"));
}

TEST_CASE("a restarted node tries those as well that it had lost before") {
  Network net(3);
  const std::string lost = net[1].listen();
  CHECK(net[1].end() == 0);
  REQUIRE(net[0].cli({"set", "x", "y"}).code == 0);  // which makes it notice
  REQUIRE(eventually([&] { return net[0].peers() == 1; }));
  CHECK(net[0].end() == 0);
  CHECK(read(net[0].data_dir() + "/peers").find(lost) != std::string::npos);
  CHECK(net[2].end() == 0);
  Daemon back(net[1].data_dir(), {"--listen", lost});
  Daemon again(net[0].data_dir());
  CHECK(eventually([&] { return again.peers() == 1; }));
}

}  // namespace
}  // namespace kadmos::e2e
