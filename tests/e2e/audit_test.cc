// What audit promises a user, between real daemons.
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

TEST_CASE("an audit shows who holds a name and how likely it survives") {
  Network net(3);
  REQUIRE(net[0].cli({"set", "greeting", "hello"}).code == 0);
  const Ran table = net[1].cli({"audit", "greeting", "--owner", net[0].key()});
  REQUIRE_MESSAGE(table.code == 0, table.err);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(table.out.find(net[i].key().substr(0, 12) + "  " + net[i].listen()) != std::string::npos);
  }
  CHECK(table.out.find("3 of 3 nearest hold sequence 1; predicted to survive") !=
        std::string::npos);
  CHECK(table.out.find("assuming that nodes fail independently") != std::string::npos);
  CHECK(table.err.empty());

  const Json json = net[1].cli({"--json", "audit", "greeting", "--owner", net[0].key()}).json();
  CHECK(json.at("sequence") == 1);
  CHECK(json.at("target") == 3);
  CHECK(json.at("quorum") == 2);
  CHECK(json.at("holding") == 3);
  CHECK_FALSE(json.contains("value"));
  REQUIRE(json.at("replicas").size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const Json& replica = json.at("replicas").at(i);
    CHECK(replica.at("rank") == i + 1);
    CHECK(replica.at("outcome") == "found");
    CHECK(replica.at("newest") == true);
    CHECK(replica.at("sequence") == 1);
    CHECK(replica.contains("expires"));
  }
  const double loss = json.at("survival").at("loss").get<double>();
  CHECK(loss > 0);
  CHECK(json.at("survival").at("loss_unmended").get<double>() > loss);
  const Json shorter =
      net[1]
          .cli({"--json", "audit", "greeting", "--owner", net[0].key(), "--half-life", "30m"})
          .json();
  CHECK(shorter.at("survival").at("loss").get<double>() > loss);
}

TEST_CASE("an audit with --repair brings a record back to a daemon that lost it") {
  Network net(3);
  REQUIRE(net[0].cli({"set", "greeting", "hello"}).code == 0);
  CHECK(net[2].end() == 0);
  std::filesystem::remove(net[2].data_dir() + "/records.mdb");
  std::filesystem::remove(net[2].data_dir() + "/records.mdb-lock");
  const Daemon again(net[2].data_dir(),
                     {"--listen", net[2].listen(), "--bootstrap", net[0].listen()});
  REQUIRE(eventually([&] { return again.peers() == 2; }));
  Ran mended;
  CHECK(eventually([&] {  // the other may find out only now that the connection was closed
    mended = net[0].cli({"--json", "audit", "greeting", "--repair"});
    return mended.code == 0 && mended.json().at("holding") == 3;
  }));
  CHECK(again.status().at("records") == 1);
  const Json after = again.cli({"--json", "audit", "greeting", "--owner", net[0].key()}).json();
  CHECK(after.at("holding") == 3);
  for (const Json& replica : after.at("replicas")) CHECK(replica.at("newest") == true);
}

TEST_CASE("an audit of what nobody holds is not found and needs no daemon") {
  Network net(2);
  const Ran nothing = net[0].cli({"audit", "nothing"});
  CHECK(nothing.code == 3);
  CHECK(nothing.out.find("none of the 2 nearest holds anything") != std::string::npos);
  const std::string key = std::string(128, 'a');
  const Ran client = run_cli({"--bootstrap", net[0].listen(), "--json", "audit", key});
  CHECK(client.code == 3);
  CHECK(client.json().at("target") == 2);
  CHECK(client.json().at("holding") == 0);
  CHECK_FALSE(client.json().contains("survival"));
  const Ran whose = run_cli({"--bootstrap", net[0].listen(), "audit", "nothing"});
  CHECK(whose.code == 2);
  CHECK(is_one_line(whose.err));
  const Ran half_life = net[0].cli({"audit", "nothing", "--half-life", "0s"});
  CHECK(half_life.code == 2);
}

}  // namespace
}  // namespace kadmos::e2e
