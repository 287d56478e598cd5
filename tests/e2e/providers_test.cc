// What provide, unprovide and find-providers promise a user, between real daemons.
#include <doctest/doctest.h>

#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

const std::string kKey = std::string(127, 'a') + "b";

TEST_CASE("who announced a key is found from another node until it takes that back") {
  Network net(3);
  CHECK(net[2].cli({"find-providers", kKey}).code == 3);
  const Ran provided = net[1].cli({"provide", kKey});
  REQUIRE_MESSAGE(provided.code == 0, provided.err);
  CHECK(provided.out.find("announced: ") != std::string::npos);
  CHECK(provided.out.find(" of 3 replicas") != std::string::npos);  // one may be slow

  const Ran found = net[2].cli({"find-providers", kKey});
  REQUIRE_MESSAGE(found.code == 0, found.err);
  CHECK(found.out == net[1].key() + "  " + net[1].listen() + "\n");
  CHECK(found.err.empty());

  REQUIRE(net[0].cli({"provide", kKey}).code == 0);
  const Json both = net[2].cli({"--json", "find-providers", kKey, "--limit", "0"}).json();
  CHECK(both.at("key") == kKey);
  CHECK(both.at("complete") == true);
  REQUIRE(both.at("providers").size() == 2);
  for (const Json& provider : both.at("providers")) {
    CHECK(provider.at("endpoints").size() == 1);
    CHECK(provider.contains("expires"));
  }
  CHECK(net[2]
            .cli({"--json", "find-providers", kKey, "--limit", "1"})
            .json()
            .at("providers")
            .size() == 1);

  const Ran withdrawn = net[1].cli({"--json", "unprovide", kKey});
  REQUIRE_MESSAGE(withdrawn.code == 0, withdrawn.err);
  CHECK(withdrawn.json().at("key") == kKey);
  CHECK(withdrawn.json().at("owner") == net[1].key());
  CHECK(net[2].cli({"find-providers", kKey}).out == net[0].key() + "  " + net[0].listen() + "\n");
}

TEST_CASE("providers are found without a daemon but not announced without one") {
  Network net(2);
  REQUIRE(net[1].cli({"provide", kKey}).code == 0);
  const Ran found = run_cli({"--bootstrap", net[0].listen(), "find-providers", kKey});
  REQUIRE_MESSAGE(found.code == 0, found.err);
  CHECK(found.out == net[1].key() + "  " + net[1].listen() + "\n");
  const Ran refused = run_cli({"--bootstrap", net[0].listen(), "provide", kKey});
  CHECK(refused.code == 2);
  CHECK(is_one_line(refused.err));
}

TEST_CASE("a daemon that restarts goes on to be found") {
  Network net(2);
  REQUIRE(net[1].cli({"provide", kKey}).code == 0);
  const std::string key = net[1].key();
  CHECK(net[1].end() == 0);
  const Daemon again(net.dir("1"), {"--bootstrap", net[0].listen()});
  CHECK(net[0].cli({"find-providers", kKey}).out.starts_with(key));
  CHECK(again.cli({"find-providers", kKey}).out.starts_with(key));
}

TEST_CASE("what is no key is wrong usage of provide and find-providers") {
  Network net(1);
  for (const std::string what : {"greeting", "", "aa"}) {
    for (const std::string command : {"provide", "unprovide", "find-providers"}) {
      const Ran ran = net[0].cli({command, what});
      CHECK(ran.code == 2);
      CHECK(is_one_line(ran.err));
    }
  }
  CHECK(net[0].cli({"find-providers", kKey, "--limit", "-1"}).code == 2);
}

}  // namespace
}  // namespace kadmos::e2e
