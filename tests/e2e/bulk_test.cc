// import and export between real daemons.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "cli/common/files.h"
#include "cli/common/text.h"
#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

std::string all_bytes() {
  std::string out;
  for (int i = 0; i < 256; ++i) out += static_cast<char>(i);
  return out;
}

std::string entry(const std::string& name, const std::string& value) {
  return Json{{"name", name}, {"value", value}}.dump() + "\n";
}

std::string numbered(int begin, int end) {
  std::string out;
  for (int i = begin; i < end; ++i) out += entry(fmt::format("n{}", i), fmt::format("v{}", i));
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A pipe with a name, to which a test writes while a program reads it.
class NamedPipe {
 public:
  explicit NamedPipe(std::string path) : path_(std::move(path)) {
    REQUIRE(::mkfifo(path_.c_str(), 0600) == 0);
    fd_ = cli::Fd(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    REQUIRE(fd_.open());
  }
  const std::string& path() const { return path_; }
  void write(const std::string& text) {
    REQUIRE(::write(fd_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }

 private:
  std::string path_;
  cli::Fd fd_;
};

TEST_CASE("what one network exports another imports byte for byte") {
  Network from(3);
  Network to(3, {"--network", "elsewhere"});
  const std::string bytes = from.dir("bytes");
  write(bytes, all_bytes());
  REQUIRE(from[0].cli({"set", "greeting", "hello"}).code == 0);
  REQUIRE(from[0].cli({"set", "\xff\x01", "@" + bytes}).code == 0);
  const Ran put = from[0].cli({"put", "@" + bytes, "-q"});
  REQUIRE(put.code == 0);
  REQUIRE(from[0].cli({"set", "gone", "soon"}).code == 0);
  REQUIRE(from[0].cli({"del", "gone"}).code == 0);
  REQUIRE(from[0].cli({"provide", put.out.substr(0, 128)}).code == 0);
  REQUIRE(from[1].cli({"set", "another's", "value"}).code == 0);

  const Ran exported = from[0].cli({"export"});
  REQUIRE_MESSAGE(exported.code == 0, exported.err);
  CHECK(contains(exported.err, "3 exported, 0 failed"));
  REQUIRE(lines_of(exported.out).size() == 3);
  for (const std::string& line : lines_of(exported.out)) {
    const auto json = cli::parse_json(line);
    REQUIRE(json.ok());
    CHECK(json->contains("key"));
    CHECK(json->contains("expires"));
    CHECK(json->contains("sequence") == (json->contains("name") || json->contains("name_base64")));
  }
  const std::string file = from.dir("export");
  write(file, exported.out);
  const Ran imported = to[0].cli({"import", file});
  REQUIRE_MESSAGE(imported.code == 0, imported.err);
  CHECK(contains(imported.out, "2 set, 1 put, 0 failed, 0 skipped"));
  CHECK(imported.err.empty());
  const std::string owner = to[0].key();
  CHECK(to[1].cli({"get", "greeting", "--owner", owner}).out == "hello");
  CHECK((to[1].cli({"get", "\xff\x01", "--owner", owner}).out == all_bytes()));
  CHECK((to[2].cli({"get", put.out.substr(0, 128)}).out == all_bytes()));
}

TEST_CASE("import and export work without a daemon too") {
  Network net(3);
  const std::string key = net.dir("me.key");
  const Ran made = run_cli({"key", "new", key});
  REQUIRE(made.code == 0);
  const std::string owner = made.out.substr(0, 64);
  const std::string file = net.dir("lines");
  write(file, numbered(0, 30) + R"({"value": "content"})" + "\n");
  const Ran imported =
      run_cli({"--bootstrap", net[0].listen(), "--key", key, "--json", "import", file});
  REQUIRE_MESSAGE(imported.code == 0, imported.err);
  const auto answers = lines_of(imported.out);
  REQUIRE(answers.size() == 32);
  std::set<int> lines;
  for (std::size_t i = 0; i < 31; ++i) {
    const auto receipt = cli::parse_json(answers[i]);
    REQUIRE(receipt.ok());
    lines.insert(receipt->at("line").get<int>());
    CHECK(receipt->at("durable") >= receipt->at("quorum"));
    CHECK(receipt->at("replicas").size() == 3);
    CHECK(receipt->at("key").get<std::string>().size() == 128);
    if (receipt->at("line") != 31) CHECK(receipt->at("owner") == owner);
  }
  CHECK(lines.size() == 31);
  const auto summary = cli::parse_json(answers.back());
  REQUIRE(summary.ok());
  CHECK(summary->at("set") == 30);
  CHECK(summary->at("put") == 1);
  CHECK(summary->at("complete") == true);

  const Ran exported = run_cli(
      {"--bootstrap", net[1].listen(), "-q", "export", "n3", "n29", "nx", "--owner", owner});
  CHECK(exported.code == 3);
  CHECK(lines_of(exported.out).size() == 2);
  CHECK(is_one_line(exported.err));
  CHECK(contains(exported.err, "nx"));
  // Nobody can sign, but content needs nobody to.
  const Ran unsigned_ = run_cli({"--bootstrap", net[1].listen(), "import", file});
  CHECK(unsigned_.code == 2);
  CHECK(contains(unsigned_.out, "0 set, 1 put, 30 failed"));
  CHECK(contains(unsigned_.err, "--key"));
  CHECK(run_cli({"--bootstrap", net[1].listen(), "export"}).code == 2);
}

TEST_CASE("lines that are wrong are told by their numbers and hinder no other") {
  Network net(2);
  const std::string file = net.dir("lines");
  const std::string large(70'000, 'x');
  write(file, entry("a", "1") + "not json\n\n" + entry("b", "2") + R"({"value_base64": "?"})" +
                  "\n" + entry("c", large) + std::string(2'000'000, 'y') + "\n" +
                  R"({"name": "d", "value": "4", "ttl": "1000d"})" + "\n" +
                  R"({"name": "e", "value": "5", "ttl": "1h"})");
  const Ran ran = net[0].cli({"import", file});
  CHECK(ran.code == 2);
  CHECK(contains(ran.out, "3 set, 0 put, 5 failed"));
  const auto errors = lines_of(ran.err);
  REQUIRE(errors.size() == 5);
  for (const char* number : {"line 2:", "line 5:", "line 6:", "line 7:", "line 8:"}) {
    CHECK_MESSAGE(std::ranges::count_if(
                      errors, [&](const std::string& line) { return contains(line, number); }) == 1,
                  number);
  }
  const Json found = net[1].cli({"--json", "get", "e", "--owner", net[0].key()}).json();
  CHECK(found.at("sequence") == 1);
  // None of the two keeps it alive for longer.
  CHECK(lines_of(net[0].cli({"export"}).out).size() == 2);
  CHECK(net[0].cli({"import", net.dir("none")}).code == 1);
  CHECK(net[0].cli({"import", file, "--jobs", "0"}).code == 2);
}

TEST_CASE("an import goes on where it ended and does what changed since") {
  Network net(2);
  const std::string file = net.dir("lines");
  const std::string done = net.dir("done");
  const auto import = [&](const std::string& content) {
    write(file, content);
    return net[0].cli({"import", file, "--done", done});
  };
  const auto sequence = [&](const std::string& name) {
    return net[0].cli({"--json", "get", name}).json().at("sequence").get<int>();
  };
  Ran ran = import(numbered(0, 5) + "wrong\n");
  CHECK(ran.code == 2);
  CHECK(contains(ran.out, "5 set, 0 put, 1 failed, 0 skipped"));
  // One is mended, one changed, two come before all others.
  ran = import(numbered(6, 8) + numbered(0, 4) + entry("n4", "changed") + entry("n5", "mended"));
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "4 set, 0 put, 0 failed, 4 skipped"));
  CHECK(sequence("n0") == 1);
  CHECK(sequence("n4") == 2);
  CHECK(net[1].cli({"get", "n4", "--owner", net[0].key()}).out == "changed");
  ran = import(numbered(6, 8) + numbered(0, 4) + entry("n4", "changed") + entry("n5", "mended"));
  CHECK(contains(ran.out, "0 set, 0 put, 0 failed, 8 skipped"));

  // A line that comes again is not the same line.
  ran = import(entry("x", "A") + entry("x", "B") + entry("x", "A"));
  CHECK(contains(ran.out, "3 set"));
  CHECK(net[0].cli({"get", "x"}).out == "A");
  ran = import(entry("x", "A") + entry("x", "B") + entry("x", "A") + entry("x", "B"));
  CHECK(contains(ran.out, "1 set, 0 put, 0 failed, 3 skipped"));
  CHECK(net[0].cli({"get", "x"}).out == "B");

  // What another owner imports is not done.
  ran = net[1].cli({"import", file, "--done", done});
  CHECK(contains(ran.out, "4 set, 0 put, 0 failed, 0 skipped"));

  // A crash may leave a part of a line; a file of something else is left alone.
  write(done, read(done) + "0123");
  ran = net[0].cli({"import", file, "--done", done});
  CHECK(contains(ran.out, "0 set, 0 put, 0 failed, 4 skipped"));
  write(done, "my notes\n");
  CHECK(net[0].cli({"import", file, "--done", done}).code == 2);
  CHECK(read(done) == "my notes\n");
}

TEST_CASE("an import that is interrupted says how to go on and does") {
  Network net(2);
  const std::string done = net.dir("done");
  NamedPipe pipe(net.dir("pipe"));
  auto import = spawn_cli({"--control", net[0].control(), "import", pipe.path(), "--done", done});
  pipe.write(numbered(0, 7));
  CHECK(eventually([&] { return lines_of(read(done)).size() == 7; }));
  import.signal(SIGINT);
  CHECK(import.wait(kPatience) == 128 + SIGINT);
  CHECK(contains(import.out(), "7 set, 0 put, 0 failed"));
  CHECK(contains(import.err(), "the same command goes on"));
  const std::string file = net.dir("lines");
  write(file, numbered(0, 10));
  const Ran ran = net[0].cli({"import", file, "--done", done});
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "3 set, 0 put, 0 failed, 7 skipped"));
}

TEST_CASE("an import whose daemon ends notes what was stored and ends too") {
  Network net(2);
  const std::string done = net.dir("done");
  NamedPipe pipe(net.dir("pipe"));
  auto import = spawn_cli({"--control", net[0].control(), "import", pipe.path(), "--done", done});
  pipe.write(numbered(0, 7));
  CHECK(eventually([&] { return lines_of(read(done)).size() == 7; }));
  CHECK(net[0].end() == 0);
  pipe.write(numbered(7, 8));
  CHECK(import.wait(kPatience) == 5);
  CHECK(contains(import.out(), "7 set"));
  CHECK(contains(import.err(), "the same command goes on"));
  CHECK(lines_of(read(done)).size() == 7);
}

TEST_CASE("an import of more than fits one request is done in several") {
  Network net(2);
  std::string lines;
  for (int i = 0; i < 60; ++i) {
    lines +=
        entry(fmt::format("large {}", i), std::string(60'000, static_cast<char>('a' + i % 26)));
  }
  const std::string file = net.dir("lines");
  write(file, lines);
  const Ran ran = net[0].cli({"import", file, "--jobs", "8"});
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "60 set, 0 put, 0 failed"));
  const Ran exported = net[0].cli({"export"});
  CHECK(exported.code == 0);
  CHECK(lines_of(exported.out).size() == 60);
  CHECK(exported.out.size() > 60 * 60'000);
}

// A line as export writes it.
std::string exported(const std::string& name, const std::string& value, int sequence,
                     const Json& more = Json::object()) {
  Json out = {{"name", name}, {"value", value}, {"sequence", sequence}};
  out.update(more);
  return out.dump() + "\n";
}

TEST_CASE("an import of an older export undoes nothing unless it is forced to") {
  Network net(3);
  const auto get = [&](const std::string& name) {
    return net[1].cli({"get", name, "--owner", net[0].key()});
  };
  for (const std::string name : {"same", "changed", "deleted"}) {
    REQUIRE(net[0].cli({"set", name, "old"}).code == 0);
  }
  const Ran backup = net[0].cli({"export", "-q"});
  REQUIRE(lines_of(backup.out).size() == 3);
  for (const std::string& line : lines_of(backup.out)) CHECK(contains(line, R"("renewed":true)"));
  REQUIRE(net[0].cli({"set", "changed", "new"}).code == 0);
  REQUIRE(net[0].cli({"del", "deleted"}).code == 0);
  const std::string file = net.dir("backup");
  write(file, backup.out);

  Ran ran = net[0].cli({"import", file});
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "0 set, 0 put, 0 failed, 0 skipped, 1 unchanged, 2 older than what is"));
  CHECK(is_one_line(ran.err));
  CHECK(contains(ran.err, "--force"));
  CHECK(get("changed").out == "new");
  CHECK(get("deleted").code == 3);
  ran = net[0].cli({"-v", "import", file});
  CHECK(contains(ran.err, "not set: it was deleted with sequence 2"));
  CHECK(contains(ran.err, "not set: another value is known with sequence 2"));

  // What was passed over is not noted as done, or it could not be forced.
  const std::string done = net.dir("done");
  ran = net[0].cli({"--json", "import", file, "--done", done});
  CHECK(lines_of(read(done)).size() == 1);
  const auto answers = lines_of(ran.out);
  REQUIRE(answers.size() == 4);
  std::multiset<std::string> not_set;
  for (int i = 0; i < 3; ++i) {
    not_set.insert(
        cli::parse_json(answers[static_cast<std::size_t>(i)])->at("not_set").get<std::string>());
  }
  CHECK(not_set == std::multiset<std::string>{"newer", "newer", "unchanged"});
  CHECK(cli::parse_json(answers.back())->at("newer") == 2);
  ran = net[0].cli({"import", file, "--done", done, "--force"});
  CHECK(contains(ran.out, "2 set, 0 put, 0 failed, 1 skipped"));
  CHECK(ran.err.empty());
  CHECK(get("changed").out == "old");
  CHECK(get("deleted").out == "old");
}

TEST_CASE("a backup is restored on another machine that has the owner's key and stays") {
  Network net(3);
  REQUIRE(net[0].cli({"set", "name", "value"}).code == 0);
  REQUIRE(net[0].cli({"set", "name", "value 2"}).code == 0);
  const std::string file = net.dir("backup");
  write(file, net[0].cli({"export", "-q"}).out);
  CHECK(net[0].end() == 0);
  const std::string moved = net.dir("moved");
  REQUIRE(cli::make_directory(moved).ok());
  write(moved + "/identity.key", read(net[0].data_dir() + "/identity.key"));
  REQUIRE(::chmod((moved + "/identity.key").c_str(), 0600) == 0);
  Daemon there(moved, {"--bootstrap", net[1].listen()});
  CHECK(eventually([&] { return there.peers() >= 2; }));
  // The others hold it yet, but nobody keeps it alive.
  Ran ran = there.cli({"import", file});
  CHECK_MESSAGE(contains(ran.out, "1 set, 0 put, 0 failed"), ran.out, ran.err);
  // A conditional set is acknowledged before this node has noted on its disk that it keeps it.
  CHECK(eventually([&] { return contains(there.cli({"export", "-q"}).out, R"("renewed":true)"); }));
  ran = there.cli({"import", file});
  CHECK_MESSAGE(contains(ran.out, "0 set, 0 put, 0 failed, 0 skipped, 1 unchanged"), ran.out);
}

TEST_CASE("an import keeps lifetimes and leaves out what has expired") {
  Network net(2);
  const Json past = {{"expires", "2020-01-01T00:00:00.000Z"}};
  const Json renewed = {{"expires", "2020-01-01T00:00:00.000Z"}, {"renewed", true}};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const WallTime soon(std::chrono::duration_cast<std::chrono::milliseconds>(now) +
                      std::chrono::hours(1));
  const Json later = {{"expires", "2999-01-01T00:00:00.000Z"}};
  const std::string file = net.dir("lines");
  write(file, exported("expired", "v", 3, past) + exported("renewed", "v", 3, renewed) +
                  exported("soon", "v", 3, {{"expires", cli::show(soon)}}) +
                  exported("later", "v", 3, later) +
                  Json{{"value", "content"}, {"expires", past.at("expires")}}.dump() + "\n");
  Ran ran = net[0].cli({"import", file});
  CHECK_MESSAGE(ran.code == 0, ran.err);
  CHECK_MESSAGE(contains(ran.out, "3 set, 0 put, 0 failed, 0 skipped, 2 expired"), ran.out);
  const auto expires = [&](const std::string& name) {
    const Ran got = net[1].cli({"--json", "get", name, "--owner", net[0].key()});
    return cli::parse_time(got.json().at("expires").get<std::string>());
  };
  CHECK(net[0].cli({"get", "expired"}).code == 3);
  CHECK(*expires("soon") <= soon + std::chrono::seconds(1) + kPatience);
  CHECK(*expires("soon") > soon - std::chrono::minutes(10));
  CHECK(*expires("later") < soon + std::chrono::hours(24 * 7));
  // Only what has no lifetime is kept alive.
  const auto kept = lines_of(net[0].cli({"export", "-q"}).out);
  REQUIRE(kept.size() == 1);
  CHECK(contains(kept[0], "renewed"));
  ran = net[0].cli({"import", file, "--force"});
  CHECK(contains(ran.out, "4 set, 1 put, 0 failed, 0 skipped;"));
  CHECK(lines_of(net[0].cli({"export", "-q"}).out).size() == 5);
}

TEST_CASE("an export goes on after what its file holds") {
  Network net(2);
  const std::string file = net.dir("lines");
  write(file, numbered(0, 6));
  REQUIRE(net[0].cli({"import", file}).code == 0);
  const std::string output = net.dir("export");
  const std::string keys = net.dir("keys");
  const Strings export_keys = {"export", "--keys",  keys,        "--output",
                               output,   "--owner", net[0].key()};
  write(keys, "n0\nn1\n\nn1\n");
  Ran ran = net[1].cli(export_keys);
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(ran.out.empty());
  CHECK(contains(ran.err, "2 exported, 0 failed, 0 skipped"));
  // As if it had been ended within a line.
  write(output, read(output) + R"({"name":"n)");
  write(keys, "n0\nn1\nn2\nn3\nmissing\n");
  ran = net[1].cli(export_keys);
  CHECK(ran.code == 3);
  CHECK(contains(ran.err, "missing"));
  CHECK(contains(ran.err, "2 exported, 1 failed, 2 skipped"));
  std::set<std::string> names;
  for (const std::string& line : lines_of(read(output))) {
    const auto json = cli::parse_json(line);
    REQUIRE_MESSAGE(json.ok(), line);
    CHECK(json->at("owner") == net[0].key());
    names.insert(json->at("name").get<std::string>());
  }
  CHECK(names == std::set<std::string>{"n0", "n1", "n2", "n3"});

  for (const std::string notes : {"my notes", "my notes\n", "{\"a\": 1}\n"}) {
    write(output, notes);
    CHECK(net[1].cli(export_keys).code == 2);
    CHECK(read(output) == notes);
  }
  CHECK(net[1].cli({"export", "--keys", net.dir("none")}).code == 1);
  // Its own names, of which it has none.
  CHECK(net[1].cli({"export", "n0"}).code == 3);
  const Ran nothing = net[1].cli({"export"});
  CHECK(nothing.code == 0);
  CHECK(nothing.out.empty());
}

}  // namespace
}  // namespace kadmos::e2e
