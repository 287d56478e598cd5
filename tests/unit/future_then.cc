#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "kadmos/future.h"

using namespace kadmos;

namespace {

Errc code_of(Future<int> future) {
  REQUIRE(future.ready());
  const Result<int> result = std::move(future).take();
  REQUIRE_FALSE(result.ok());
  return result.error().code;
}

// A promise whose hook counts how often it was cancelled.
struct Operation {
  Operation() {
    promise.on_cancel([this] { ++cancelled; });
  }
  Promise<int> promise;
  int cancelled = 0;
};

template <class F>
using Then = decltype(std::declval<Future<int>>().then(std::declval<F>()));

}  // namespace

TEST_CASE("a continuation runs when the promise resolves and only once") {
  Promise<int> promise;
  std::vector<int> got;
  auto waiting = promise.future().then([&](Result<int> r) { got.push_back(*r); });
  CHECK(got.empty());
  CHECK_FALSE(waiting.ready());
  promise.resolve(7);
  CHECK(got == std::vector{7});
  CHECK(waiting.ready());
  promise.resolve(8);
  CHECK(got == std::vector{7});
}

TEST_CASE("a continuation of a ready future runs at once") {
  int got = 0;
  auto done = Future<int>::resolved(7).then([&](Result<int> r) { got = *r; });
  CHECK(got == 7);
  CHECK(done.ready());
}

TEST_CASE("a future without a continuation keeps its result for take") {
  Promise<std::string> promise;
  Future<std::string> future = promise.future();
  promise.resolve(std::string("first"));
  promise.resolve(std::string("second"));
  REQUIRE(future.ready());
  CHECK(*std::move(future).take() == "first");
}

TEST_CASE("errors reach a continuation as values") {
  Promise<int> promise;
  Errc got = Errc::exception;
  auto waiting = promise.future().then([&](Result<int> r) { got = r.error().code; });
  promise.resolve(Error(Errc::not_found, "nobody holds it"));
  CHECK(got == Errc::not_found);
}

TEST_CASE("a promise that goes unresolved resolves with closed") {
  auto promise = std::make_unique<Promise<int>>();
  Future<int> future = promise->future();
  promise.reset();
  CHECK(code_of(std::move(future)) == Errc::closed);

  Promise<int> overwritten;
  Errc got = Errc::exception;
  auto waiting = overwritten.future().then([&](Result<int> r) { got = r.error().code; });
  overwritten = Promise<int>();
  CHECK(got == Errc::closed);
}

TEST_CASE("moving a promise keeps its future waiting") {
  Promise<int> promise;
  Future<int> future = promise.future();
  Promise<int> moved(std::move(promise));
  CHECK_FALSE(future.ready());
  moved.resolve(7);
  CHECK(*std::move(future).take() == 7);
}

TEST_CASE("dropping a future cancels once and its continuation never runs") {
  Operation operation;
  bool ran = false;
  {
    auto waiting = operation.promise.future().then([&](Result<int>) { ran = true; });
    CHECK(operation.cancelled == 0);
    CHECK_FALSE(operation.promise.done());
  }
  CHECK(operation.cancelled == 1);
  CHECK(operation.promise.done());
  operation.promise.resolve(7);
  CHECK_FALSE(ran);
  CHECK(operation.cancelled == 1);
}

TEST_CASE("a plain future that is dropped or overwritten cancels too") {
  Operation one;
  Operation two;
  Future<int> future = one.promise.future();
  future = two.promise.future();
  CHECK(one.cancelled == 1);
  CHECK(two.cancelled == 0);
  { Future<int> gone = std::move(future); }
  CHECK(two.cancelled == 1);
}

TEST_CASE("a cancelled future is ready with the error cancelled") {
  Operation operation;
  Future<int> future = operation.promise.future();
  future.cancel();
  CHECK(operation.cancelled == 1);
  CHECK(operation.promise.done());
  operation.promise.resolve(7);
  future.cancel();
  CHECK(operation.cancelled == 1);
  CHECK(code_of(std::move(future)) == Errc::cancelled);
  CHECK(operation.cancelled == 1);
}

TEST_CASE("cancelling or dropping what is resolved cancels nothing") {
  Operation operation;
  {
    Future<int> future = operation.promise.future();
    operation.promise.resolve(7);
    future.cancel();
    REQUIRE(future.ready());
    CHECK(operation.promise.done());
    Future<int> moved = std::move(future);
    CHECK(*std::move(moved).take() == 7);
  }
  CHECK(operation.cancelled == 0);
}

TEST_CASE("then gives one future of a value whatever the continuation returns") {
  static_assert(std::is_same_v<Then<std::string (*)(Result<int>)>, Future<std::string>>);
  static_assert(std::is_same_v<Then<Result<char> (*)(Result<int>)>, Future<char>>);
  static_assert(std::is_same_v<Then<Future<char> (*)(Result<int>)>, Future<char>>);
  static_assert(std::is_same_v<Then<Future<void> (*)(Result<int>)>, Future<void>>);
  static_assert(std::is_same_v<Then<Result<void> (*)(Result<int>)>, Future<void>>);
  static_assert(std::is_same_v<Then<void (*)(Result<int>)>, Future<void>>);

  Promise<int> promise;
  auto text = promise.future()
                  .then([](Result<int> r) { return *r + 1; })
                  .then([](Result<int> r) -> Result<long> { return long{*r} * 10; })
                  .then([](Result<long> r) { return Future<long>::resolved(*r + 3); })
                  .then([](Result<long> r) -> Result<std::string> { return std::to_string(*r); });
  promise.resolve(1);
  REQUIRE(text.ready());
  CHECK(*std::move(text).take() == "23");

  auto failed = Future<int>::resolved(1)
                    .then([](Result<int>) -> Result<void> { return Error(Errc::busy, "no"); })
                    .then([](Result<void> r) { return r.error().code; });
  CHECK(*std::move(failed).take() == Errc::busy);
}

TEST_CASE("a future returned by a continuation is awaited") {
  Promise<int> outer;
  Promise<std::string> inner;
  auto both = outer.future().then([&](Result<int>) { return inner.future(); });
  outer.resolve(1);
  CHECK_FALSE(both.ready());
  inner.resolve(std::string("later"));
  REQUIRE(both.ready());
  CHECK(*std::move(both).take() == "later");
}

TEST_CASE("dropping the end of a chain cancels its beginning") {
  Operation operation;
  bool ran = false;
  {
    auto end =
        operation.promise.future().then([&](Result<int> r) { return *r; }).then([&](Result<int>) {
          ran = true;
        });
  }
  CHECK(operation.cancelled == 1);
  operation.promise.resolve(7);
  CHECK_FALSE(ran);
}

TEST_CASE("cancelling the end of a chain cancels its beginning and makes the end ready") {
  Operation operation;
  auto end = operation.promise.future().then([](Result<int> r) { return *r; });
  end.cancel();
  CHECK(operation.cancelled == 1);
  CHECK(code_of(std::move(end)) == Errc::cancelled);
}

TEST_CASE("dropping the end of a chain cancels the future a continuation returned") {
  Promise<int> outer;
  Operation inner;
  {
    auto end = outer.future()
                   .then([&](Result<int>) { return inner.promise.future(); })
                   .then([](Result<int>) { FAIL("nobody waits"); });
    outer.resolve(1);
    CHECK(inner.cancelled == 0);
  }
  CHECK(inner.cancelled == 1);
  inner.promise.resolve(2);
}

TEST_CASE("a continuation may drop the future that its own then gave") {
  Promise<int> promise;
  std::optional<Future<int>> end;
  end = promise.future().then([&](Result<int> r) {
    end.reset();
    return *r;
  });
  promise.resolve(7);
  CHECK_FALSE(end);

  Promise<int> outer;
  Operation inner;
  end = outer.future().then([&](Result<int>) {
    end.reset();
    return inner.promise.future();
  });
  outer.resolve(1);
  CHECK(inner.cancelled == 1);  // nobody waits for what it returned
}

TEST_CASE("a continuation may destroy the promise that runs it") {
  auto promise = std::make_unique<Promise<int>>();
  int got = 0;
  auto waiting = promise->future().then([&](Result<int> r) {
    promise.reset();
    got = *r;
  });
  promise->resolve(7);
  CHECK(got == 7);
  CHECK(waiting.ready());

  // Also when the promise goes because another one is assigned to it.
  struct Owner {
    Promise<int> promise;
  };
  auto owner = std::make_unique<Owner>();
  auto gone = owner->promise.future().then([&](Result<int>) { owner.reset(); });
  owner->promise = Promise<int>();
  CHECK_FALSE(owner);
}

TEST_CASE("a hook may destroy the owner of a future that is overwritten") {
  struct Owner {
    Future<int> future;
  };
  Promise<int> promise;
  auto owner = std::make_unique<Owner>(Owner{promise.future()});
  promise.on_cancel([&] { owner.reset(); });
  owner->future = Future<int>::resolved(1);
  CHECK_FALSE(owner);
}

TEST_CASE("a continuation may drop other futures whose continuations then never run") {
  Promise<int> first;
  Operation second;
  bool ran = false;
  std::optional<Future<void>> other =
      second.promise.future().then([&](Result<int>) { ran = true; });
  auto waiting = first.future().then([&](Result<int>) { other.reset(); });
  first.resolve(1);
  CHECK(second.cancelled == 1);
  second.promise.resolve(2);
  CHECK_FALSE(ran);
}

TEST_CASE("a detached operation runs on and its continuations run") {
  Operation operation;
  int got = 0;
  operation.promise.future().then([&](Result<int> r) { got = *r; }).detach();
  CHECK(operation.cancelled == 0);
  CHECK_FALSE(operation.promise.done());
  operation.promise.resolve(7);
  CHECK(got == 7);
  CHECK(operation.cancelled == 0);

  Operation plain;
  plain.promise.future().detach();
  CHECK_FALSE(plain.promise.done());
  plain.promise.resolve(7);
  CHECK(plain.promise.done());
  CHECK(plain.cancelled == 0);
  Future<int>::resolved(1).detach();
}

TEST_CASE("continuations and values need only be movable") {
  Promise<std::unique_ptr<int>> promise;
  auto waiting = promise.future().then(
      [extra = std::make_unique<int>(2)](Result<std::unique_ptr<int>> r) mutable {
        **r += *extra;
        return *std::move(r);
      });
  promise.resolve(std::make_unique<int>(5));
  REQUIRE(waiting.ready());
  CHECK(**std::move(waiting).take() == 7);
}

TEST_CASE("what a continuation throws becomes an error of what then gave") {
  Promise<int> promise;
  auto failed = promise.future().then([](Result<int>) -> int { throw std::runtime_error("mine"); });
  promise.resolve(1);  // does not throw
  REQUIRE(failed.ready());
  const auto result = std::move(failed).take();
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == Errc::exception);
  CHECK(result.error().detail == "mine");

  CHECK(code_of(Future<int>::resolved(1).then([](Result<int>) -> Future<int> {
          throw std::runtime_error("mine");
        })) == Errc::exception);
  CHECK(code_of(Future<int>::resolved(1).then([](Result<int>) -> Result<int> { throw 5; })) ==
        Errc::exception);
  auto nothing = Future<int>::resolved(1).then([](Result<int>) { throw 5; });
  CHECK(std::move(nothing).take().error().code == Errc::exception);
}

TEST_CASE("a promise kept alive by its own hook resolves with its value") {
  auto promise = std::make_shared<Promise<int>>();
  std::weak_ptr<Promise<int>> alive = promise;
  Future<int> future = promise->future();
  promise->on_cancel([promise] {});
  Promise<int>& kept = *std::exchange(promise, nullptr);
  kept.resolve(7);
  CHECK(alive.expired());
  CHECK(*std::move(future).take() == 7);

  promise = std::make_shared<Promise<int>>();
  alive = promise;
  promise->future().detach();
  promise->on_cancel([promise] {});
  Promise<int>& unwatched = *std::exchange(promise, nullptr);
  unwatched.resolve(7);
  CHECK(alive.expired());
}

TEST_CASE("a hook that resolves changes nothing and what it holds goes with it") {
  auto promise = std::make_shared<Promise<int>>();
  std::weak_ptr<Promise<int>> alive = promise;
  bool ran = false;
  std::optional<Future<void>> waiting = promise->future().then([&](Result<int>) { ran = true; });
  promise->on_cancel([promise] { promise->resolve(7); });
  promise.reset();
  CHECK_FALSE(alive.expired());
  waiting.reset();
  CHECK(alive.expired());
  CHECK_FALSE(ran);
}

TEST_CASE("a hook set when nobody waits any more is not kept") {
  const auto thing = std::make_shared<int>(1);
  Promise<int> promise;
  { Future<int> gone = promise.future(); }
  promise.on_cancel([thing] {});
  CHECK(thing.use_count() == 1);
}

TEST_CASE("a result that nobody waits for is not kept") {
  const auto thing = std::make_shared<int>(1);
  Promise<std::shared_ptr<int>> promise;
  { Future<std::shared_ptr<int>> gone = promise.future(); }
  promise.resolve(thing);
  CHECK(thing.use_count() == 1);
}

TEST_CASE("what a continuation holds goes when it ran or was dropped") {
  const auto thing = std::make_shared<int>(1);
  Promise<int> ran;
  auto waiting = ran.future().then([thing](Result<int>) {});
  CHECK(thing.use_count() == 2);
  ran.resolve(1);
  CHECK(thing.use_count() == 1);

  Promise<int> dropped;
  {
    auto gone = dropped.future().then([thing](Result<int>) {});
  }
  CHECK(thing.use_count() == 1);
}
