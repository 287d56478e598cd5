#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <type_traits>
#include <vector>

#include "kadmos/stream.h"
#include "kadmos/task.h"

using namespace kadmos;

namespace {

using Next = Future<std::optional<int>>;

// What a ready future gives; kEnd: nothing, since the stream has ended.
constexpr int kEnd = -1;
int item_of(Next next) {
  REQUIRE(next.ready());
  const auto result = std::move(next).take();
  REQUIRE(result.ok());
  return result->value_or(kEnd);
}
Errc code_of(Next next) {
  REQUIRE(next.ready());
  const auto result = std::move(next).take();
  REQUIRE_FALSE(result.ok());
  return result.error().code;
}

Task<int> sum(Stream<int> numbers) {
  int total = 0;
  while (true) {
    const auto next = co_await numbers.next();
    if (!next || !*next) break;
    total += **next;
  }
  co_return total;
}

static_assert(!std::is_copy_constructible_v<Stream<int>>);
static_assert(std::is_nothrow_move_constructible_v<Stream<int>>);

}  // namespace

TEST_CASE("items put before anybody asks are given in order") {
  StreamSource<int> source(8);
  auto stream = source.stream();
  source.put(1);
  source.put(2);
  CHECK(item_of(stream.next()) == 1);
  CHECK(item_of(stream.next()) == 2);
  CHECK_FALSE(stream.next().ready());
}

TEST_CASE("who waits for the next item gets it before put returns") {
  StreamSource<int> source(8);
  auto stream = source.stream();
  int got = 0;
  auto waiting = stream.next().then([&](Result<std::optional<int>> r) { got = **r; });
  CHECK(got == 0);
  source.put(7);
  CHECK(got == 7);
}

TEST_CASE("a continuation may ask for the next item") {
  StreamSource<int> source(8);
  auto stream = source.stream();
  std::vector<int> got;
  std::optional<Future<void>> waiting;
  std::function<void()> ask = [&] {
    waiting = stream.next().then([&](Result<std::optional<int>> r) {
      got.push_back(**r);
      if (got.size() < 3) ask();
    });
  };
  ask();
  for (const int i : {1, 2, 3, 4}) source.put(i);
  CHECK(got == std::vector{1, 2, 3});
  CHECK(item_of(stream.next()) == 4);
}

TEST_CASE("a stream that ended in order gives what was left and then nothing") {
  StreamSource<int> source(8);
  auto stream = source.stream();
  source.put(1);
  source.end({});
  CHECK(source.done());
  source.put(2);
  CHECK(item_of(stream.next()) == 1);
  CHECK(item_of(stream.next()) == kEnd);
  CHECK(item_of(stream.next()) == kEnd);
}

TEST_CASE("a stream that failed gives what was left and then its error") {
  StreamSource<int> source(8);
  auto stream = source.stream();
  source.put(1);
  source.end(Error(Errc::unreachable, "nobody is there"));
  source.end({});
  CHECK(item_of(stream.next()) == 1);
  CHECK(code_of(stream.next()) == Errc::unreachable);
  CHECK(code_of(stream.next()) == Errc::unreachable);
}

TEST_CASE("who waits when a stream ends is told") {
  StreamSource<int> source(8);
  auto stream = source.stream();
  auto next = stream.next();
  CHECK_FALSE(next.ready());
  SUBCASE("in order") {
    source.end({});
    CHECK(item_of(std::move(next)) == kEnd);
  }
  SUBCASE("with an error") {
    source.end(Error(Errc::timeout, "too late"));
    CHECK(code_of(std::move(next)) == Errc::timeout);
  }
}

TEST_CASE("a source that goes before it ended ends its stream with closed") {
  auto source = std::make_unique<StreamSource<int>>(8);
  auto stream = source->stream();
  auto next = stream.next();
  SUBCASE("destroyed") { source.reset(); }
  SUBCASE("overwritten") { *source = StreamSource<int>(8); }
  CHECK(code_of(std::move(next)) == Errc::closed);
  CHECK(code_of(stream.next()) == Errc::closed);
}

TEST_CASE("a source that is moved goes on") {
  StreamSource<int> first(8);
  auto stream = first.stream();
  StreamSource<int> second = std::move(first);
  second.put(1);
  CHECK(item_of(stream.next()) == 1);
  CHECK_FALSE(second.done());
}

TEST_CASE("beyond its capacity a stream loses the oldest and counts it") {
  StreamSource<int> source(3);
  auto stream = source.stream();
  for (int i = 1; i <= 1'000'000; ++i) source.put(i);
  CHECK(stream.missed() == 999'997);
  CHECK(item_of(stream.next()) == 999'998);
  CHECK(item_of(stream.next()) == 999'999);
  CHECK(item_of(stream.next()) == 1'000'000);
  source.put(1'000'001);
  CHECK(item_of(stream.next()) == 1'000'001);
  CHECK(stream.missed() == 999'997);
}

TEST_CASE("dropping a stream cancels what it stood for once") {
  int cancelled = 0;
  StreamSource<int> source(8);
  std::optional<Stream<int>> stream = source.stream();
  source.on_cancel([&] { ++cancelled; });
  source.put(1);
  CHECK_FALSE(source.done());
  stream.reset();
  CHECK(cancelled == 1);
  CHECK(source.done());
  source.put(2);
  source.end({});
  CHECK(cancelled == 1);
}

TEST_CASE("dropping a stream that has ended cancels nothing") {
  int cancelled = 0;
  StreamSource<int> source(8);
  std::optional<Stream<int>> stream = source.stream();
  source.on_cancel([&] { ++cancelled; });
  source.end({});
  stream.reset();
  CHECK(cancelled == 0);
}

TEST_CASE("assigning another stream drops the former") {
  int cancelled = 0;
  StreamSource<int> a(8);
  StreamSource<int> b(8);
  a.on_cancel([&] { ++cancelled; });
  auto stream = a.stream();
  stream = b.stream();
  CHECK(cancelled == 1);
  b.put(2);
  CHECK(item_of(stream.next()) == 2);
}

TEST_CASE("who waits when the stream is dropped is told that it was cancelled") {
  StreamSource<int> source(8);
  std::optional<Stream<int>> stream = source.stream();
  auto next = stream->next();
  stream.reset();
  CHECK(code_of(std::move(next)) == Errc::cancelled);
}

TEST_CASE("a future that is dropped while it waits takes no item with it") {
  StreamSource<int> source(8);
  auto stream = source.stream();
  { auto dropped = stream.next(); }
  source.put(1);
  CHECK(item_of(stream.next()) == 1);
  CHECK_FALSE(source.done());
}

TEST_CASE("only one at a time may wait for the next item") {
  StreamSource<int> source(8);
  auto stream = source.stream();
  auto first = stream.next();
  CHECK(code_of(stream.next()) == Errc::invalid_argument);
  source.put(1);
  CHECK(item_of(std::move(first)) == 1);
}

TEST_CASE("a continuation may drop the stream and its source") {
  auto source = std::make_unique<StreamSource<int>>(8);
  std::optional<Stream<int>> stream = source->stream();
  source->on_cancel([&] { source.reset(); });
  int got = 0;
  stream->next()
      .then([&](Result<std::optional<int>> r) {
        got = **r;
        stream.reset();
      })
      .detach();
  source->put(1);
  CHECK(got == 1);
  CHECK(source == nullptr);
}

TEST_CASE("a coroutine takes item after item") {
  StreamSource<int> source(8);
  source.put(1);
  Future<int> total = start(sum(source.stream()));
  source.put(2);
  source.put(4);
  CHECK_FALSE(total.ready());
  source.end({});
  REQUIRE(total.ready());
  CHECK(*std::move(total).take() == 7);
}

TEST_CASE("dropping a coroutine that waits drops its stream") {
  int cancelled = 0;
  StreamSource<int> source(8);
  source.on_cancel([&] { ++cancelled; });
  { auto total = start(sum(source.stream())); }
  CHECK(cancelled == 1);
}
