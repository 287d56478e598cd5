#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "kadmos/task.h"

using namespace kadmos;

namespace {

// Counts how many of it are alive: what a coroutine holds while it waits.
struct Guard {
  explicit Guard(int& count) : alive(count) { ++alive; }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard() { --alive; }
  int& alive;
};

Task<int> wait_for(Future<int> future, int* steps = nullptr) {
  if (steps != nullptr) ++*steps;
  Result<int> r = co_await std::move(future);
  if (steps != nullptr) ++*steps;
  if (!r) co_return -1;
  co_return *r;
}

Task<int> guarded(Future<int> future, int& alive) {
  const Guard guard(alive);
  co_return co_await wait_for(std::move(future));
}

Task<Errc> error_of(Future<int> future) {
  const Result<int> r = co_await std::move(future);
  REQUIRE_FALSE(r.ok());
  co_return r.error().code;
}

Task<int> thrower(Future<int> future) {
  const Result<int> r = co_await std::move(future);
  CHECK(r.ok());
  throw std::runtime_error("thrown within");
}

template <class T>
T value_of(Future<T> future) {
  REQUIRE(future.ready());
  Result<T> result = std::move(future).take();
  REQUIRE(result.ok());
  return *std::move(result);
}

}  // namespace

TEST_CASE("a task runs nothing before it is started") {
  int steps = 0;
  Promise<int> promise;
  { auto never = wait_for(promise.future(), &steps); }
  CHECK(steps == 0);
  CHECK(promise.done());  // it held the future, which went with it
}

TEST_CASE("a started task runs until it waits and goes on when the future resolves") {
  int steps = 0;
  Promise<int> promise;
  Future<int> result = start(wait_for(promise.future(), &steps));
  CHECK(steps == 1);
  CHECK_FALSE(result.ready());
  promise.resolve(7);
  CHECK(steps == 2);
  CHECK(value_of(std::move(result)) == 7);
}

TEST_CASE("awaiting a ready future does not wait") {
  int steps = 0;
  Future<int> result = start(wait_for(Future<int>::resolved(7), &steps));
  CHECK(steps == 2);
  CHECK(value_of(std::move(result)) == 7);
}

TEST_CASE("a task sees errors as values") {
  CHECK(value_of(start(error_of(Future<int>::resolved(Error(Errc::busy, "no"))))) == Errc::busy);

  auto promise = std::make_unique<Promise<int>>();
  Future<Errc> result = start(error_of(promise->future()));
  promise.reset();
  CHECK(value_of(std::move(result)) == Errc::closed);

  Promise<int> pending;
  Future<int> cancelled = pending.future();
  cancelled.cancel();
  CHECK(value_of(start(error_of(std::move(cancelled)))) == Errc::cancelled);
}

TEST_CASE("a task awaited gives its value") {
  Promise<int> one;
  Promise<int> two;
  const auto sum = [](Future<int> a, Future<int> b) -> Task<int> {
    const int first = co_await wait_for(std::move(a));
    co_return first + co_await wait_for(std::move(b));
  };
  Future<int> result = start(sum(one.future(), two.future()));
  two.resolve(20);
  CHECK_FALSE(result.ready());
  one.resolve(1);
  CHECK(value_of(std::move(result)) == 21);
}

TEST_CASE("what a task throws is rethrown where it is awaited") {
  const auto catcher = [](Future<int> future) -> Task<std::string> {
    try {
      co_await thrower(std::move(future));
    } catch (const std::runtime_error& e) {
      co_return e.what();
    }
    co_return "nothing was thrown";
  };
  Promise<int> promise;
  Future<std::string> result = start(catcher(promise.future()));
  promise.resolve(1);
  CHECK(value_of(std::move(result)) == "thrown within");
}

TEST_CASE("what escapes a started task becomes the error exception") {
  Promise<int> promise;
  Future<int> result = start(thrower(promise.future()));
  promise.resolve(1);
  REQUIRE(result.ready());
  const Error error = std::move(result).take().error();
  CHECK(error.code == Errc::exception);
  CHECK(error.detail == "thrown within");

  const auto odd = []() -> Task<void> {
    throw 5;
    co_return;
  };
  Future<void> thrown = start(odd());
  REQUIRE(thrown.ready());
  CHECK(std::move(thrown).take().error().code == Errc::exception);
}

TEST_CASE("dropping the future of a task destroys it where it waits and cancels what it awaits") {
  int alive = 0;
  int cancelled = 0;
  Promise<int> promise;
  promise.on_cancel([&] { ++cancelled; });
  {
    Future<int> result = start(guarded(promise.future(), alive));
    CHECK(alive == 1);
    CHECK(cancelled == 0);
  }
  CHECK(alive == 0);
  CHECK(cancelled == 1);
  promise.resolve(7);
}

TEST_CASE("cancelling the future of a task destroys it and makes the future ready") {
  int alive = 0;
  Promise<int> promise;
  Future<int> result = start(guarded(promise.future(), alive));
  result.cancel();
  CHECK(alive == 0);
  CHECK(promise.done());
  REQUIRE(result.ready());
  CHECK(std::move(result).take().error().code == Errc::cancelled);
}

TEST_CASE("dropping a chain that ends in a task destroys the task") {
  int alive = 0;
  Promise<int> promise;
  {
    auto end =
        start(guarded(promise.future(), alive)).then([](Result<int>) { FAIL("nobody waits"); });
    CHECK(alive == 1);
  }
  CHECK(alive == 0);
  CHECK(promise.done());
}

TEST_CASE("a task may be what a continuation returns") {
  int alive = 0;
  Promise<int> outer;
  Promise<int> inner;
  auto end =
      outer.future().then([&](Result<int>) { return start(guarded(inner.future(), alive)); });
  outer.resolve(1);
  CHECK(alive == 1);
  inner.resolve(7);
  CHECK(alive == 0);
  CHECK(value_of(std::move(end)) == 7);
}

TEST_CASE("a detached task runs to its end and frees what it holds") {
  int alive = 0;
  Promise<int> promise;
  start(guarded(promise.future(), alive)).detach();
  CHECK(alive == 1);
  CHECK_FALSE(promise.done());
  promise.resolve(7);
  CHECK(alive == 0);
}

TEST_CASE("a task that ended is gone when its continuation drops everything") {
  int alive = 0;
  Promise<int> promise;
  std::optional<Future<void>> end;
  end = start(guarded(promise.future(), alive)).then([&](Result<int> r) {
    CHECK(*r == 7);
    CHECK(alive == 0);
    end.reset();
  });
  promise.resolve(7);
  CHECK_FALSE(end);
}

TEST_CASE("a task dropped by another continuation never resumes") {
  int steps = 0;
  Promise<int> first;
  Promise<int> second;
  std::optional<Future<int>> task = start(wait_for(second.future(), &steps));
  auto dropper = first.future().then([&](Result<int>) { task.reset(); });
  first.resolve(1);
  second.resolve(2);
  CHECK(steps == 1);
}

TEST_CASE("a task may destroy the promise it was waiting for") {
  auto promise = std::make_unique<Promise<int>>();
  const auto destroyer = [](std::unique_ptr<Promise<int>>& mine) -> Task<int> {
    const Result<int> r = co_await mine->future();
    mine.reset();
    co_return *r;
  };
  Future<int> result = start(destroyer(promise));
  promise->resolve(7);
  CHECK_FALSE(promise);
  CHECK(value_of(std::move(result)) == 7);
}

TEST_CASE("a void task and a task of what only moves give what they should") {
  const auto nothing = [](bool& ran) -> Task<void> {
    ran = true;
    co_return;
  };
  const auto awaits = [&](bool& ran) -> Task<std::unique_ptr<int>> {
    co_await nothing(ran);
    co_return std::make_unique<int>(7);
  };
  bool ran = false;
  CHECK(*value_of(start(awaits(ran))) == 7);
  CHECK(ran);
  Future<void> done = start(nothing(ran));
  REQUIRE(done.ready());
  CHECK(std::move(done).take().ok());
}

TEST_CASE("a task may return a braced value") {
  struct Point {
    int x;
    int y;
  };
  const auto point = []() -> Task<Point> { co_return {1, 2}; };
  CHECK(value_of(start(point())).y == 2);
}

TEST_CASE("overwriting a task destroys the former one") {
  Promise<int> one;
  Promise<int> two;
  Task<int> task = wait_for(one.future());
  task = wait_for(two.future());
  CHECK(one.done());
  CHECK_FALSE(two.done());
  Task<int> moved = std::move(task);
  two.resolve(7);
  CHECK(value_of(start(std::move(moved))) == 7);
}
