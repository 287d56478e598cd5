// dht-sim as users and scripts meet it: what it writes, what it complains about, how it ends.
#include <doctest/doctest.h>

#include <csignal>
#include <string>

#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

Strings sim(Strings arguments) {
  arguments.insert(arguments.begin(), DHT_SIM);
  return arguments;
}

Ran run_sim(const Strings& arguments, const SpawnOptions& options = {}) {
  return run(sim(arguments), options);
}

// The arguments of a run small enough for a test, which users keep busy.
Strings small(const Strings& more = {}) {
  Strings out = {"run", "baseline", "--nodes", "25", "--hours", "0.02", "--set", "workload.keys=5"};
  for (const char* verb : {"lookups", "gets", "sets"}) {
    out.insert(out.end(), {"--set", std::string("workload.") + verb + "=60"});
  }
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

void check_refused(const Ran& ran, int code, const Strings& about) {
  INFO("stderr: " << ran.err);
  CHECK(ran.code == code);
  CHECK(ran.out.empty());
  CHECK(is_one_line(ran.err));
  for (const std::string& text : about) CHECK(ran.err.find(text) != std::string::npos);
}

// Once it is dht-sim (and no longer a copy of this process) and has a handler for SIGINT.
bool listens_to_interrupts(const Process& process) {
  const std::string status = read("/proc/" + std::to_string(process.pid()) + "/status");
  const std::size_t caught = status.find("SigCgt:");
  return status.starts_with("Name:\tdht-sim\n") && caught != std::string::npos &&
         (std::stoull(status.substr(caught + 7), nullptr, 16) >> (SIGINT - 1) & 1U) != 0;
}

TEST_CASE("a bad scenario file is refused with its line and key") {
  const TempDir dir;
  write(dir / "key.toml", "nodes = 10\n\n[workload]\ngetz = 3\n");
  check_refused(run_sim({"run", dir / "key.toml"}), 2, {"key.toml:4", "workload.getz"});
  write(dir / "value.toml", "nodes = 10\nduration = \"soon\"\n");
  check_refused(run_sim({"run", dir / "value.toml"}), 2, {"value.toml:2", "duration", "soon"});
  write(dir / "syntax.toml", "nodes = 10\n[workload\n");
  check_refused(run_sim({"run", dir / "syntax.toml"}), 2, {"syntax.toml:2"});
  write(dir / "late.toml", "duration = \"1h\"\n[[fault]]\nkind = \"crash\"\nat = \"2h\"\n");
  check_refused(run_sim({"run", dir / "late.toml"}), 2, {"fault.1.at"});
}

TEST_CASE("an unknown scenario and bad settings are refused by name") {
  check_refused(run_sim({"run", "nonesuch"}), 3, {"nonesuch", "dht-sim list"});
  check_refused(run_sim({"run", "baseline", "--set", "nodez=3"}), 2, {"nodez", "nodes"});
  check_refused(run_sim({"run", "baseline", "--set", "nodes"}), 2, {"nodes", "key=value"});
  check_refused(run_sim({"run", "baseline", "--set", "nodes=many"}), 2, {"nodes", "many"});
  check_refused(run_sim({"run", "baseline", "--nodes", "0"}), 2, {"nodes"});
  check_refused(run_sim({"run", "baseline", "--runs", "0"}), 2, {"--runs"});
  check_refused(run_sim({"trace", "baseline", "--nodes", "5", "--key", "name:100000"}), 2,
                {"name:100000"});
  check_refused(run_sim({"trace", "baseline", "--nodes", "5", "--key", "x", "--from", "77"}), 2,
                {"--from 77"});
}

TEST_CASE("output that cannot be written is an error and not a short file") {
  for (const std::string verb : {"list", "trace baseline --nodes 9 --key name:1"}) {
    const Ran ran = run({"/bin/sh", "-c", std::string(DHT_SIM) + " " + verb + " >/dev/full"});
    INFO(verb);
    check_refused(ran, 1, {"stdout"});
  }
}

TEST_CASE("the JSON of a run has every figure that scripts rely on") {
  const Ran ran = run_sim(small({"--json", "-"}));
  INFO("stderr: " << ran.err);
  CHECK(ran.code == 0);
  const Json json = ran.json();
  REQUIRE(json.is_object());
  for (const char* key :
       {"seed", "nodes", "events", "events_per_s", "rss_bytes", "get_success", "set_success",
        "hops_mean", "rpcs_mean", "recall_at_k", "bytes_per_node_s", "lost_keys", "violations"}) {
    INFO("key: " << key);
    REQUIRE(json.contains(key));
    CHECK(json.at(key).is_number());
  }
  for (const char* key : {"closest_ms", "get_ms"}) {
    for (const char* quantile : {"p50", "p90", "p99"}) {
      CHECK(json.at(key).at(quantile).get<double>() > 0);
    }
  }
  CHECK(json.at("digest").get<std::string>().size() == 16);
  CHECK(json.at("nodes") == 25);
  CHECK(json.at("events").get<std::uint64_t>() > 1000);
  CHECK(json.at("gets").at("succeeded").get<std::uint64_t>() > 0);
}

TEST_CASE("a seed gives the same digest again and another seed another") {
  const auto digest = [](const char* seed) {
    return run_sim(small({"--seed", seed, "--json", "-"})).json().at("digest");
  };
  const Json first = digest("7");
  CHECK(first == digest("7"));
  CHECK(first != digest("8"));
}

TEST_CASE("several runs have the digests of their seeds whatever the number of processes") {
  const auto runs = [](const char* jobs) {
    return run_sim(small({"--seed", "7", "--runs", "3", "--jobs", jobs, "--json", "-"})).json();
  };
  const Json one = runs("1");
  const Json two = runs("2");
  REQUIRE(one.at("runs").size() == 3);
  REQUIRE(two.at("runs").size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(one.at("runs")[i].at("seed") == 7 + i);
    CHECK(one.at("runs")[i].at("digest") == two.at("runs")[i].at("digest"));
  }
  CHECK(one.at("digest") == one.at("runs")[0].at("digest"));
  const Json alone = run_sim(small({"--seed", "8", "--json", "-"})).json();
  CHECK(alone.at("digest") == one.at("runs")[1].at("digest"));
}

TEST_CASE("a report is one page with figures and asks for nothing from elsewhere") {
  const TempDir dir;
  const Ran ran = run_sim(small({"--runs", "2", "--html", dir / "r.html", "-q"}));
  INFO("stderr: " << ran.err);
  REQUIRE(ran.code == 0);
  const std::string page = read(dir / "r.html");
  const auto has = [&](const char* text) { return page.find(text) != std::string::npos; };
  CHECK(has("<svg"));
  CHECK(has("How long it takes"));
  CHECK(has("a perfect Kademlia"));
  CHECK(has("var(--c0)"));
  CHECK_FALSE(has("src="));
  CHECK_FALSE(has("<link"));
  CHECK_FALSE(has("<script"));
  CHECK_FALSE(has("@import"));
  CHECK(page.ends_with("</html>\n"));
}

TEST_CASE("a report without gnuplot is refused before the simulation with what to install") {
  const TempDir dir;
  SpawnOptions options;
  options.environment = {{"PATH", dir.path()}};
  // A million nodes would not be done in time.
  check_refused(
      run_sim({"run", "baseline", "--nodes", "1000000", "--html", dir / "r.html"}, options), 5,
      {"gnuplot-nox"});
}

TEST_CASE("results are compared and what is none is refused by what it lacks") {
  const TempDir dir;
  REQUIRE(run_sim(small({"--json", dir / "a.json", "-q"})).code == 0);
  REQUIRE(run_sim(small({"--set", "config.k=8", "--json", dir / "b.json", "-q"})).code == 0);

  const Ran table = run_sim({"compare", dir / "a.json", dir / "b.json"});
  CHECK(table.code == 0);
  CHECK(table.out.find("config.k") < table.out.find("get, p50"));
  const Json json = run_sim({"compare", dir / "a.json", dir / "b.json", "--json"}).json();
  REQUIRE(json.is_object());
  CHECK(json.at("settings").size() == 1);
  CHECK(json.at("settings").at("config.k").at("b") == "8");
  CHECK_FALSE(json.at("same").get<bool>());
  const Json itself = run_sim({"compare", dir / "a.json", dir / "a.json", "--json"}).json();
  CHECK(itself.at("same").get<bool>());
  for (const Json& row : itself.at("figures")) CHECK_FALSE(row.at("notable").get<bool>());

  write(dir / "list.json", "[1, 2]\n");
  write(dir / "text.json", "hello\n");
  Json less = cli::parse_json(read(dir / "a.json")).value();
  less["get_ms"].erase("p90");
  write(dir / "less.json", less.dump());
  less = cli::parse_json(read(dir / "a.json")).value();
  less["slices"][1]["bytes"] = "many";
  write(dir / "slice.json", less.dump());
  check_refused(run_sim({"compare", dir / "a.json", dir / "list.json"}), 2, {"list.json"});
  check_refused(run_sim({"compare", dir / "text.json", dir / "a.json"}), 2, {"text.json", "JSON"});
  check_refused(run_sim({"compare", dir / "a.json", dir / "less.json"}), 2, {"get_ms/p90"});
  Json many = cli::parse_json(read(dir / "a.json")).value();
  many["runs"] = Json::array({Json(many), Json(many)});
  write(dir / "many.json", many.dump());
  CHECK(run_sim({"compare", dir / "many.json", dir / "a.json"}).code == 0);
  many["runs"][1]["slices"][2]["get_ms"]["p90"] = nullptr;
  write(dir / "many.json", many.dump());
  check_refused(run_sim({"compare", dir / "many.json", dir / "a.json"}), 2,
                {"'runs/1/slices/2/get_ms/p90'"});
  check_refused(run_sim({"compare", dir / "a.json", dir / "slice.json"}), 2, {"slices/1/bytes"});
  check_refused(run_sim({"report", dir / "less.json", "--html", dir / "r.html"}), 2,
                {"get_ms/p90"});
  check_refused(run_sim({"compare", dir / "a.json", dir / "gone.json"}), 3, {"gone.json"});
}

TEST_CASE("a trace tells each request of a get and which of the truly closest answered") {
  const Ran ran = run_sim({"trace", "baseline", "--nodes", "40", "--key", "name:3", "--json"});
  INFO("stderr: " << ran.err);
  REQUIRE(ran.code == 0);
  const Json json = ran.json();
  CHECK(json.at("operation") == "get");
  REQUIRE_FALSE(json.at("requests").empty());
  double asked = 0;
  int closest = 0;
  bool record = false;
  for (const Json& request : json.at("requests")) {
    CHECK(request.at("asked_ms").get<double>() >= asked);
    asked = request.at("asked_ms").get<double>();
    record = record || request.at("record").get<bool>();
    if (request.at("answered_ms").is_null()) continue;
    CHECK(request.at("asked_ms") < request.at("arrived_ms"));
    CHECK(request.at("arrived_ms") < request.at("answered_ms"));
    CHECK(request.at("answered_ms") <= json.at("elapsed_ms"));
    if (request.at("closest").get<bool>()) ++closest;
  }
  CHECK(closest > 0);
  CHECK(record);
  CHECK(json.at("true_closest").size() == 20);
}

TEST_CASE("a traced search for nodes finds the closest and says why it ended") {
  const std::string id(128, 'a');
  const Ran ran = run_sim({"trace", "baseline", "--nodes", "40", "--key", id});
  INFO("stderr: " << ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out.find("find_node aaaaaaaaaaaa through node") != std::string::npos);
  CHECK(ran.out.find("ended after ") != std::string::npos);
  CHECK(ran.out.find("of the 20 nodes truly closest ") != std::string::npos);
  CHECK(ran.out.find('\x1b') == std::string::npos);
}

TEST_CASE("an interrupted run still says what it measured and ends with 130") {
  const TempDir dir;
  for (const char* runs : {"1", "2"}) {
    Process process(sim({"run", "baseline", "--nodes", "60", "--hours", "100000", "--runs", runs,
                         "--jobs", "2", "--json", dir / "r.json"}));
    REQUIRE(eventually([&] { return listens_to_interrupts(process); }));
    process.signal(SIGINT);
    const auto code = process.wait(kPatience);
    INFO("stderr: " << process.err());
    CHECK(code == 130);
    if (runs[0] == '1') {
      CHECK(process.err().find("ended early") != std::string::npos);
      CHECK(process.out().find("60 nodes") != std::string::npos);
      const auto json = cli::parse_json(read(dir / "r.json"));
      REQUIRE(json);
      CHECK(json->at("ended_early").get<bool>());
    }
  }
}

}  // namespace
}  // namespace kadmos::e2e
