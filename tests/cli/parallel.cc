#include "cli/dht-sim/parallel.h"

#include <doctest/doctest.h>
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace kadmos::cli {
namespace {

bool no_child_is_left() { return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD; }

TEST_CASE("each seed gives its result in the order of seeds whatever the number of processes") {
  for (const unsigned jobs : {1U, 3U, 200U}) {
    std::vector<std::uint64_t> squares;
    const bool all = for_each_seed(
        {5, 100, jobs},
        [](std::uint64_t seed) {
          return Json{{"square", seed * seed}};
        },
        [&](std::uint64_t seed, const Result<Json>& result) {
          REQUIRE(result);
          CHECK(seed == 5 + squares.size());
          squares.push_back(result->at("square").get<std::uint64_t>());
          return true;
        });
    CHECK(all);
    REQUIRE(squares.size() == 100);
    CHECK(squares.front() == 25);
    CHECK(squares.back() == 104 * 104);
    CHECK(no_child_is_left());
  }
}

TEST_CASE("a result larger than a pipe arrives whole") {
  const std::string large(3'000'000, 'x');
  const auto job = [&](std::uint64_t) { return Json(large); };
  CHECK(for_each_seed({1, 2, 2}, job, [&](std::uint64_t, const Result<Json>& result) {
    REQUIRE(result);
    CHECK(result->get<std::string>() == large);
    return true;
  }));
}

TEST_CASE("a child that crashes is an error of its seed with what it said") {
  const auto job = [](std::uint64_t seed) -> Json {
    if (seed == 2) {
      fmt::print(stderr, "what was wrong\n");
      std::signal(SIGABRT, SIG_DFL);  // not the test runner's handler
      std::abort();
    }
    if (seed == 3) ::_exit(7);
    if (seed == 4) throw std::runtime_error("thrown");
    return seed;
  };
  std::vector<std::string> errors;
  CHECK(for_each_seed({1, 5, 2}, job, [&](std::uint64_t seed, const Result<Json>& result) {
    CHECK(result.ok() == (seed == 1 || seed == 5));
    if (!result) errors.push_back(result.error().detail);
    return true;
  }));
  REQUIRE(errors.size() == 3);
  CHECK(errors[0].find("signal 6") != std::string::npos);
  CHECK(errors[0].find("what was wrong") != std::string::npos);
  CHECK(errors[1].find("failed") != std::string::npos);
  CHECK(errors[2].find("thrown") != std::string::npos);
}

TEST_CASE("the children are gone when the first result is enough") {
  const auto job = [](std::uint64_t seed) -> Json {
    while (seed > 1) ::pause();
    return seed;
  };
  CHECK_FALSE(
      for_each_seed({1, 50, 4}, job, [](std::uint64_t, const Result<Json>&) { return false; }));
  CHECK(no_child_is_left());
}

TEST_CASE("waiting for children can be given up") {
  const auto job = [](std::uint64_t) -> Json {
    for (;;) ::pause();
  };
  const auto on_seed = [](std::uint64_t, const Result<Json>&) { return true; };
  CHECK_FALSE(for_each_seed({1, 2, 2}, job, on_seed, [] { return false; }));
  CHECK(no_child_is_left());
}

}  // namespace
}  // namespace kadmos::cli
