// What a daemon says of a damaged disk, and what its user can do then.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>

#include "cli/common/exit_code.h"
#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

const Strings kNetwork = {"--network", "test"};

Ran look(const std::string& data_dir, const std::string& what) {
  return run_node({"--data-dir", data_dir, "--network", "test", what});
}

// Sets sixteen names, "0" to "15", of 20 KB each; a value begins with its name in brackets.
void fill(const Daemon& node, const std::string& file) {
  for (int i = 0; i < 16; ++i) {
    const std::string name = std::to_string(i);
    write(file, "<" + name + ">" + std::string(20'000, 'v'));
    REQUIRE(node.cli({"set", name, "@" + file}).code == 0);
  }
}

// Turns a bit of the value that begins so.
void damage(const std::string& path, const std::string& value) {
  std::string file = read(path);
  std::size_t hits = 0;
  for (std::size_t at = 0; (at = file.find(value, at)) != std::string::npos; ++at, ++hits) {
    file[at] = static_cast<char>(file[at] ^ 1);
  }
  REQUIRE(hits > 0);
  write(path, file);
}

// A limit of this process, which its children get, for as long as it lives.
class Limited {
 public:
  Limited(__rlimit_resource what, rlim_t most) : what_(what) {
    REQUIRE(::getrlimit(what, &before_) == 0);
    const rlimit limit{most, before_.rlim_max};
    REQUIRE(::setrlimit(what, &limit) == 0);
  }
  ~Limited() { ::setrlimit(what_, &before_); }
  Limited(const Limited&) = delete;
  Limited& operator=(const Limited&) = delete;

 private:
  __rlimit_resource what_;
  rlimit before_{};
};

TEST_CASE("get of a damaged record that nobody else has fails as storage does and is logged") {
  TempDir dir;
  {
    Daemon node(dir / "node", kNetwork);
    REQUIRE(node.cli({"set", "name", "to be damaged"}).code == 0);
    CHECK(node.end() == 0);
  }
  damage(dir / "node/records.mdb", "to be damaged");
  CHECK(look(dir / "node", "--check").code == cli::kStorage);
  Daemon node(dir / "node", kNetwork);
  const Ran ran = node.cli({"--json", "get", "name"});
  CHECK(ran.code == cli::kError);
  CHECK(ran.json().at("error").at("code") == "storage_failed");
  CHECK(node.status().at("counters").at("records_unreadable").get<int>() >= 1);
  CHECK(read(dir / "node.log").find("record_unreadable") != std::string::npos);
  CHECK(node.end() == 0);
}

TEST_CASE("an own record that is damaged is fetched from the other nodes and stays own") {
  Network net(3);
  REQUIRE(net[0].cli({"set", "name", "to be damaged"}).code == 0);
  REQUIRE(net[0].cli({"set", "other", "whole"}).code == 0);
  const std::string data_dir = net[0].data_dir();
  const std::string other = net[1].listen();
  CHECK(net[0].end() == 0);
  damage(data_dir + "/records.mdb", "to be damaged");
  Daemon again(data_dir, {"--bootstrap", other});
  REQUIRE(eventually([&] { return again.peers() > 0; }));
  CHECK(again.cli({"get", "name"}).out == "to be damaged");
  CHECK(again.end() == 0);
  CHECK(run_node({"--data-dir", data_dir, "--check"}).code == 0);
  Daemon alone(data_dir, {});
  CHECK(alone.cli({"get", "name"}).out == "to be damaged");
  const std::string exported = alone.cli({"export"}).out;  // of what is own
  CHECK(exported.find("to be damaged") != std::string::npos);
  CHECK(exported.find("whole") != std::string::npos);
}

TEST_CASE("a file of records that was cut is refused and what is left of it can be rescued") {
  TempDir dir;
  const std::string path = dir / "node/records.mdb";
  {
    Daemon node(dir / "node", kNetwork);
    fill(node, dir / "value");
    CHECK(node.end() == 0);
  }
  const Ran whole = look(dir / "node", "--check");
  CHECK(whole.code == 0);
  CHECK(whole.out.find("16 records are whole (16 own)") != std::string::npos);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  const std::string cut = read(path);
  const Ran refused =
      run_node({"--listen", "127.0.0.1:0", "--data-dir", dir / "node", "--network", "test"});
  CHECK(refused.code == cli::kError);
  CHECK(is_one_line(refused.err));
  for (const char* word : {"records.mdb", "cut short", "--check", "--salvage"}) {
    CHECK_MESSAGE(refused.err.find(word) != std::string::npos, refused.err);
  }
  CHECK(look(dir / "node", "--check").code == cli::kStorage);
  CHECK(read(path) == cut);
  const Ran salvaged = look(dir / "node", "--salvage");
  CHECK(salvaged.code == cli::kStorage);
  CHECK_MESSAGE(salvaged.out.find("rescued ") != std::string::npos, salvaged.out);
  CHECK(read(path + ".damaged") == cut);
  CHECK(look(dir / "node", "--check").code == 0);
  Daemon node(dir / "node", kNetwork);
  const int left = node.status().at("records").get<int>();
  CHECK(left > 0);
  int found = 0;
  for (int i = 0; i < 16; ++i) {
    const Ran got = node.cli({"get", std::to_string(i)});
    if (got.code == 0) ++found;
    CHECK((got.code == cli::kNotFound || got.out.starts_with("<" + std::to_string(i) + ">")));
  }
  CHECK(found == left);
}

TEST_CASE("a daemon whose file of records is cut while it runs says so and ends") {
  TempDir dir;
  const std::string path = dir / "node/records.mdb";
  Daemon node(dir / "node", kNetwork);
  fill(node, dir / "value");
  std::filesystem::resize_file(path, 16'384);
  for (int i = 0; i < 16; ++i) node.cli({"get", std::to_string(i)});
  CHECK(node.process().wait(kPatience) == cli::kStorage);
  const std::string log = read(dir / "node.log");
  CHECK_MESSAGE(log.find("records.mdb cannot be read any more") != std::string::npos, log);
}

TEST_CASE("a limit on the size of files is as a full disk") {
  TempDir dir;
  Daemon node(dir / "node", kNetwork);
  fill(node, dir / "value");
  const auto size = std::filesystem::file_size(dir / "node/records.mdb");
  const rlimit limit{size, size};
  REQUIRE(::prlimit(node.process().pid(), RLIMIT_FSIZE, &limit, nullptr) == 0);
  int failed = 0;
  for (int i = 0; i < 4; ++i) {
    failed += node.cli({"set", "more " + std::to_string(i), "@" + dir / "value"}).code == 0 ? 0 : 1;
  }
  CHECK(failed > 0);
  CHECK(node.cli({"get", "7"}).out.starts_with("<7>"));
  CHECK(read(dir / "node.log").find("ulimit -f") != std::string::npos);
  CHECK(node.end() == 0);
}

#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // need address space themselves
TEST_CASE("a daemon runs with less address space than its file may ever need") {
  TempDir dir;
  std::optional<Daemon> node;
  {
    const Limited limited(RLIMIT_AS, rlim_t{1} << 30);
    node.emplace(dir / "node", kNetwork);
  }
  CHECK(node->cli({"set", "name", "value"}).code == 0);
  CHECK(node->cli({"get", "name"}).out == "value");
  CHECK(node->end() == 0);
}
#endif

TEST_CASE("a data directory that a daemon uses is neither checked nor salvaged") {
  TempDir dir;
  Daemon node(dir / "node", kNetwork);
  for (const char* what : {"--check", "--salvage"}) {
    const Ran ran = look(dir / "node", what);
    CHECK(ran.code == cli::kError);
    CHECK(is_one_line(ran.err));
  }
  CHECK(look(dir / "none", "--check").code == cli::kError);
  CHECK(run_node({"--check", "--salvage"}).code == cli::kUsage);
}

}  // namespace
}  // namespace kadmos::e2e
