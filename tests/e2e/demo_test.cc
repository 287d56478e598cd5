// The demonstration, as ./dev demo runs it.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>

#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

SpawnOptions temporary_files_in(const TempDir& dir) {
  SpawnOptions options;
  options.environment = {{"TMPDIR", dir.path()}};
  return options;
}

TEST_CASE("the demonstration gets its value though two that held it were killed") {
  TempDir dir;
  const Ran ran = run({DHT_DEMO}, temporary_files_in(dir));
  CHECK_MESSAGE(ran.code == 0, ran.out << ran.err);
  CHECK(ran.err.empty());
  CHECK(ran.out.find("SIGKILL") != std::string::npos);
  CHECK(ran.out.find("ended in order") != std::string::npos);
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("a demonstration that is kept ends by Ctrl-C and leaves nothing behind") {
  TempDir dir;
  Process demo({DHT_DEMO, "--keep"}, temporary_files_in(dir));
  REQUIRE(demo.wait_for("status", kPatience));
  demo.signal(SIGINT);
  CHECK(demo.wait(kPatience) == 0);
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("a demonstration interrupted on its way stops its nodes and leaves nothing behind") {
  TempDir dir;
  Process demo({DHT_DEMO}, temporary_files_in(dir));
  REQUIRE(demo.wait_for("Starting", kPatience));
  demo.signal(SIGINT);
  CHECK(demo.wait(kPatience) == 130);
  CHECK(std::filesystem::is_empty(dir.path()));
}

}  // namespace
}  // namespace kadmos::e2e
