#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <utility>

#include "kadmos/once.h"

namespace kadmos {
namespace {

using detail::Once;

// What counts those that hold it.
using Token = std::shared_ptr<int>;

TEST_CASE("a function that is called once holds what it was given until it goes") {
  const Token token = std::make_shared<int>(0);
  const auto check_held = [&](auto function) {
    {
      Once<int> once(std::move(function));
      CHECK(token.use_count() == 2);
      Once<int> moved(std::move(once));
      CHECK_FALSE(static_cast<bool>(once));
      REQUIRE(static_cast<bool>(moved));
      CHECK(token.use_count() == 2);
      moved(5);
      once = std::move(moved);
      CHECK(token.use_count() == 2);
      once = nullptr;
      CHECK(token.use_count() == 1);
    }
    CHECK(*token == 5);
    *token = 0;
  };
  SUBCASE("in place") {
    check_held([held = token](int n) { *held += n; });
  }
  SUBCASE("elsewhere if it is large") {
    check_held([held = token, more = std::array<char, 100>{}](int n) { *held += n + more[7]; });
  }
}

TEST_CASE("a function that is called once takes what cannot be copied") {
  int got = 0;
  Once<std::unique_ptr<int>> once(
      [&got, own = std::make_unique<int>(3)](std::unique_ptr<int> n) { got = *n + *own; });
  once(std::make_unique<int>(4));
  CHECK(got == 7);
}

TEST_CASE("what a function held sees the one that took its place when it goes") {
  struct Looks {
    Once<>* at;
    bool* was_there;
    Looks(Once<>* where, bool* there) : at(where), was_there(there) {}
    Looks(Looks&& other) noexcept
        : at(std::exchange(other.at, nullptr)), was_there(other.was_there) {}
    Looks& operator=(Looks&&) = delete;
    ~Looks() {
      if (at != nullptr) *was_there = static_cast<bool>(*at);
    }
    void operator()() const {}
  };
  bool was_there = true;
  Once<> once;
  once = Looks(&once, &was_there);
  once = nullptr;
  CHECK_FALSE(was_there);
}

}  // namespace
}  // namespace kadmos
