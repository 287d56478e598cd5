// What set, get, put and del promise a user, between real daemons.
#include <doctest/doctest.h>

#include <csignal>

#include "cli/common/text.h"
#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

std::string all_bytes() {
  std::string out;
  for (int i = 0; i < 256; ++i) out += static_cast<char>(i);
  return out + out + '\n';
}

SpawnOptions stdin_from(const std::string& file) {
  SpawnOptions options;
  options.stdin_file = file;
  return options;
}

TEST_CASE("what is set on one node is got from another by the key of its owner") {
  Network net(3);
  const Ran set = net[1].cli({"set", "greeting", "hello"});
  REQUIRE_MESSAGE(set.code == 0, set.err);
  CHECK(set.out.find(" of 3 replicas") != std::string::npos);  // one may be slow
  const Ran got = net[2].cli({"get", "greeting", "--owner", net[1].key()});
  CHECK(got.code == 0);
  CHECK(got.out == "hello");
  CHECK(got.err.empty());
  // Its own name of that spelling is another one.
  CHECK(net[2].cli({"get", "greeting"}).code == 3);
}

TEST_CASE("the bytes that come out are the bytes that went in") {
  Network net(2);
  const std::string owner = net[0].key();
  const auto round_trip = [&](const Strings& set, const SpawnOptions& options) {
    const Ran ran = net[0].cli(set, options);
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const Ran got = net[1].cli({"get", "x", "--owner", owner});
    REQUIRE_MESSAGE(got.code == 0, got.err);
    return got.out;
  };
  const std::string file = net.dir("bytes");
  for (const std::string& content :
       {all_bytes(), std::string(), std::string("\n"), std::string(64 * 1024, '\0')}) {
    write(file, content);
    CHECK((round_trip({"set", "x", "-"}, stdin_from(file)) == content));
    CHECK((round_trip({"set", "x", "@" + file}, {}) == content));
  }
  // Values a shell user may write that a command line parser may take for something else.
  for (const std::string value : {"", "[a,b]", "{}", "status", "a=b", "%%", " x ", "\\n", "'q\""}) {
    CHECK(round_trip({"set", "x", value}, {}) == value);
  }
  CHECK(round_trip({"set", "x", "--", "--json"}, {}) == "--json");
}

TEST_CASE("names may be any bytes and even look like commands") {
  Network net(2);
  for (const std::string name : {"get", "status", "key", "a b", "[x]", "caf\xc3\xa9", "\xff\x01"}) {
    CHECK(net[0].cli({"set", name, "of " + name}).code == 0);
  }
  const std::string owner = net[0].key();
  for (const std::string name : {"get", "status", "key", "a b", "[x]", "caf\xc3\xa9", "\xff\x01"}) {
    CHECK(net[1].cli({"get", name, "--owner", owner}).out == "of " + name);
  }
  // A name that looks like a key is meant where an owner is.
  const std::string odd(128, 'a');
  CHECK(net[0].cli({"set", odd, "odd"}).code == 0);
  CHECK(net[1].cli({"get", odd, "--owner", owner}).out == "odd");
  CHECK(net[1].cli({"get", odd}).code == 3);
}

TEST_CASE("put prints the key that leads to the bytes") {
  Network net(2);
  const std::string file = net.dir("bytes");
  write(file, all_bytes());
  const Ran put = net[0].cli({"put", "@" + file, "--quiet"});
  REQUIRE_MESSAGE(put.code == 0, put.err);
  CHECK(put.err.empty());
  REQUIRE(put.out.size() == 129);
  const Ran got = net[1].cli({"get", put.out.substr(0, 128)});
  CHECK(got.code == 0);
  CHECK((got.out == all_bytes()));
}

TEST_CASE("what was set anew is got anew and what was deleted is not found") {
  Network net(3);
  const std::string owner = net[0].key();
  CHECK(net[0].cli({"set", "x", "one"}).code == 0);
  CHECK(net[0].cli({"set", "x", "two"}).code == 0);
  CHECK(net[2].cli({"get", "x", "--owner", owner}).out == "two");
  CHECK(net[0].cli({"del", "x"}).code == 0);
  const Ran gone = net[2].cli({"get", "x", "--owner", owner});
  CHECK(gone.code == 3);
  CHECK(gone.out.empty());
  CHECK(is_one_line(gone.err));
  CHECK(net[0].cli({"get", "x"}).code == 3);
  CHECK(net[0].cli({"set", "x", "three"}).code == 0);
  CHECK(net[2].cli({"get", "x", "--owner", owner}).out == "three");
}

TEST_CASE("set and del with --if-seq do so only if no version is newer") {
  Network net(3);
  const std::string owner = net[0].key();
  const auto value = [&] { return net[2].cli({"get", "x", "--owner", owner}).out; };
  const auto conflicts = [&](const Strings& arguments, const std::string& found) {
    const Ran ran = net[0].cli(arguments);
    CHECK(ran.code == 1);
    CHECK(ran.out.empty());
    CHECK(is_one_line(ran.err));
    CHECK_MESSAGE(ran.err.find("sequence " + found + " was found") != std::string::npos, ran.err);
  };
  CHECK(net[0].cli({"set", "x", "one", "--if-seq", "0"}).code == 0);
  conflicts({"set", "x", "again", "--if-seq", "0"}, "1");
  CHECK(net[0].cli({"set", "x", "two", "--if-seq", "1"}).code == 0);
  conflicts({"set", "x", "behind", "--if-seq", "1"}, "2");
  conflicts({"set", "x", "ahead", "--if-seq", "3"}, "2");
  conflicts({"del", "x", "--if-seq", "1"}, "2");
  CHECK(value() == "two");
  CHECK(net[0].cli({"del", "x", "--if-seq", "2"}).code == 0);
  CHECK(net[2].cli({"get", "x", "--owner", owner}).code == 3);
  conflicts({"set", "x", "reborn", "--if-seq", "0"}, "3");
  CHECK(net[0].cli({"set", "x", "reborn", "--if-seq", "3"}).code == 0);
  CHECK(value() == "reborn");

  const Ran json = net[0].cli({"--json", "set", "x", "late", "--if-seq", "3"});
  CHECK(json.code == 1);
  CHECK(json.json().at("error").at("code") == "conflict");
  CHECK_FALSE(json.json().at("error").contains("receipt"));
  CHECK(net[0].cli({"set", "x", "no", "--if-seq", "18446744073709551615"}).code == 2);
  CHECK(net[0].cli({"set", "x", "no", "--if-seq", "-1"}).code == 2);
}

TEST_CASE("a network of one node works") {
  Network net(1);
  CHECK(net[0].cli({"set", "x", "alone"}).code == 0);
  CHECK(net[0].cli({"get", "x"}).out == "alone");
}

TEST_CASE("a value outlives two of the nodes that held it") {
  Network net(6);
  REQUIRE(net[5].cli({"set", "x", "still here"}).code == 0);
  const std::string owner = net[5].key();
  for (const std::size_t i : {1, 2}) {
    net[i].process().signal(SIGKILL);
    CHECK(net[i].process().wait(kPatience) == 128 + SIGKILL);
  }
  CHECK(net[4].cli({"get", "x", "--owner", owner}).out == "still here");
}

TEST_CASE("a program takes part by itself when it is told a bootstrap") {
  Network net(3);
  const std::string key_file = net.dir("me.key");
  const Ran created = run_cli({"key", "new", key_file});
  REQUIRE(created.code == 0);
  const std::string owner = created.out.substr(0, 64);
  CHECK(mode_of(key_file) == 0600);
  CHECK(run_cli({"key", "show", key_file}).out == owner + "\n");
  // Never replaced.
  CHECK(run_cli({"key", "new", key_file}).code == 1);
  CHECK(run_cli({"key", "show", key_file}).out == owner + "\n");

  const Strings direct = {"--bootstrap", net[0].listen()};
  const auto with = [&](Strings more) {
    more.insert(more.begin(), direct.begin(), direct.end());
    return run_cli(more);
  };
  const Ran set = with({"--key", key_file, "set", "x", "without a daemon"});
  CHECK_MESSAGE(set.code == 0, set.err);
  CHECK(with({"get", "x", "--owner", owner}).out == "without a daemon");
  CHECK(with({"--key", key_file, "get", "x"}).out == "without a daemon");
  CHECK(net[2].cli({"get", "x", "--owner", owner}).out == "without a daemon");
  CHECK(with({"--key", key_file, "set", "x", "again"}).code == 0);
  CHECK(net[1].cli({"get", "x", "--owner", owner}).out == "again");
  CHECK(with({"--key", key_file, "del", "x"}).code == 0);
  CHECK(net[2].cli({"get", "x", "--owner", owner}).code == 3);

  const Ran put = with({"put", "-q", "content"});
  CHECK(net[1].cli({"get", put.out.substr(0, 128)}).out == "content");
  CHECK(with({"ping", net[1].listen()}).code == 0);
  CHECK(with({"--json", "status"}).json().at("client").get<bool>());
  // A client leaves no trace in others' tables.
  CHECK(net[0].peers() == 2);
  CHECK(with({"set", "x", "whose?"}).code == 2);
  CHECK(with({"get", "x"}).code == 2);
  CHECK(with({"--network", "another", "get", "x", "--owner", owner}).code == 5);
  CHECK(run_cli({"--bootstrap", owner + "@" + net[0].listen(), "status"}).code != 0);
}

TEST_CASE("a profile is merged field by field and read by others") {
  Network net(2);
  const std::string owner = net[0].key();
  CHECK(net[1].cli({"whois", owner}).code == 3);
  const Ran none = net[0].cli({"--json", "whoami"});
  CHECK(none.code == 0);
  CHECK_FALSE(none.json().at("published").get<bool>());
  CHECK(
      net[0].cli({"whoami", "--set", "name=Ada", "--set", "site=https://example.org/?a=b"}).code ==
      0);
  CHECK(net[0].cli({"whoami", "--set", "name=Ada L.", "--set", "mail=a@example.org"}).code == 0);
  CHECK(net[0].cli({"whoami", "--set", "mail="}).code == 0);
  const Ran whois = net[1].cli({"--json", "whois", owner});
  CHECK(whois.code == 0);
  CHECK(whois.json().at("profile") ==
        Json({{"name", "Ada L."}, {"site", "https://example.org/?a=b"}}));
  CHECK(net[1].cli({"whois", owner}).out.find("name: Ada L.\n") != std::string::npos);
}

TEST_CASE("a profile that is no JSON object or nested without end is an error and no more") {
  Network net(2);
  const std::string owner = net[0].key();
  write(net.dir("deep"), std::string(60'000, '['));
  for (const std::string& value : Strings{"[1]", "no json", "", "@" + net.dir("deep")}) {
    REQUIRE(net[0].cli({"set", "whoami", value}).code == 0);
    const Ran whois = net[1].cli({"whois", owner});
    CHECK(whois.code == 1);
    CHECK(is_one_line(whois.err));
  }
  CHECK(net[1].process().running());
}

TEST_CASE("JSON answers have the documented fields") {
  Network net(3);
  const std::string owner = net[0].key();
  const auto has = [](const Json& json, const Strings& fields) {
    for (const std::string& field : fields) CHECK_MESSAGE(json.contains(field), field);
  };
  const Json set = net[0].cli({"--json", "set", "x", "\xff\x01"}).json();
  has(set, {"key", "owner", "sequence", "expires", "target", "quorum", "durable", "hops",
            "elapsed_ms", "replicas"});
  CHECK(set.at("sequence") == 1);
  CHECK(set.at("durable") >= 2);  // a quorum; the third may be slow
  REQUIRE(set.at("replicas").size() == 3);
  for (const Json& replica : set.at("replicas")) {
    has(replica, {"key", "endpoints", "outcome", "elapsed_ms"});
    const auto outcome = replica.at("outcome").get<std::string>();
    CHECK_MESSAGE((outcome == "durable" || outcome == "silent"), outcome);
  }
  const Json got = net[1].cli({"--json", "get", "x", "--owner", owner}).json();
  has(got, {"key", "type", "owner", "name", "sequence", "expires", "value", "from", "local", "hops",
            "agreeing", "answers", "elapsed_ms", "asked"});
  CHECK(got.at("key") == set.at("key"));
  CHECK(got.at("value") == Json({{"base64", "/wE="}}));
  CHECK(got.at("name") == Json({{"base64", "eA=="}, {"utf8", "x"}}));
  const Json put = net[0].cli({"--json", "put", "text"}).json();
  has(put, {"key", "sequence", "expires", "target", "quorum", "durable", "replicas"});
  const Json status = net[0].status();
  has(status, {"id", "key", "version", "network", "client", "endpoints", "uptime_ms", "peers",
               "records", "record_bytes", "listen", "control", "data_dir", "pid", "counters"});
  CHECK(status.at("id") == net[0].id());
  CHECK(status.at("peers") == 2);
  CHECK(status.at("pid") == net[0].process().pid());
  const Json peers = net[0].cli({"--json", "peers"}).json();
  CHECK(peers.at("total") == 2);
  REQUIRE(peers.at("peers").size() == 2);
  has(peers.at("peers").at(0), {"key", "endpoints", "id", "shared_bits"});
  const Json ping = net[0].cli({"--json", "ping", net[1].listen()}).json();
  has(ping, {"key", "endpoints", "id", "elapsed_ms"});
  CHECK(ping.at("id") == net[1].id());
  const Ran missing = net[0].cli({"--json", "get", "nothing"});
  CHECK(missing.code == 3);
  has(missing.json().at("error"), {"code", "detail"});
  CHECK(missing.json().at("error").at("code") == "not_found");
}

TEST_CASE("verbose output tells what each node did on stderr and nothing of it on stdout") {
  Network net(3);
  const Ran set = net[0].cli({"-v", "set", "x", "value"});
  CHECK(set.code == 0);
  std::size_t lines = 0;
  for (std::size_t at = 0; (at = set.err.find("durable", at)) != std::string::npos; ++at) ++lines;
  CHECK(lines == 3);
  const Ran got = net[1].cli({"-v", "get", "x", "--owner", net[0].key()});
  CHECK(got.out == "value");
  CHECK(got.err.find("found") != std::string::npos);
  CHECK(net[0].cli({"--quiet", "set", "x", "value 2"}).out.empty());
}

}  // namespace
}  // namespace kadmos::e2e
