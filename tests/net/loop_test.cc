// UvLoop: running, stopping, posting, timers, signals, names; the real clock.
#include <doctest/doctest.h>

#include <csignal>
#include <thread>

#include "kadmos/uv.h"

namespace kadmos {
namespace {

using std::chrono::milliseconds;

TEST_CASE("A loop with nothing to wait for returns") {
  UvLoop loop;
  loop.run();
}

TEST_CASE("What is posted runs in order even without anything else to wait for") {
  UvLoop loop;
  std::string order;
  loop.post([&] {
    order += 'a';
    loop.post([&] { order += 'c'; });
  });
  loop.post([&] { order += 'b'; });
  loop.run();
  CHECK(order == "abc");
}

TEST_CASE("A post from another thread runs on the loop thread") {
  UvLoop loop;
  std::thread::id ran;
  const auto patience = loop.after(std::chrono::hours(1), [] {});
  std::thread other([&] {
    loop.post([&] {
      ran = std::this_thread::get_id();
      loop.stop();
    });
  });
  loop.run();
  other.join();
  CHECK(ran == std::this_thread::get_id());
}

TEST_CASE("A thousand posts from each of four threads all run") {
  UvLoop loop;
  int count = 0;
  const auto patience = loop.after(std::chrono::hours(1), [] {});
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        loop.post([&] {
          if (++count == 4000) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (auto& thread : threads) thread.join();
  CHECK(count == 4000);
}

TEST_CASE("Stop from another thread ends a run and stop before a run ends the next one") {
  UvLoop loop;
  const auto patience = loop.after(std::chrono::hours(1), [] {});
  std::thread other([&] { loop.stop(); });
  loop.run();
  other.join();
  loop.stop();
  loop.run();
}

TEST_CASE("What is still posted when a loop ends is dropped unrun") {
  auto held = std::make_shared<bool>(false);
  {
    UvLoop loop;
    loop.post([held] { *held = true; });
  }
  CHECK(!*held);
  CHECK(held.use_count() == 1);
}

TEST_CASE("Timers ring in order and never early") {
  UvLoop loop;
  std::string order;
  const TimePoint began = loop.now();
  TimePoint rang{};
  const auto late = loop.after(milliseconds(20), [&] {
    order += 'b';
    rang = loop.now();
  });
  const auto soon = loop.after(milliseconds(5), [&] { order += 'a'; });
  loop.run();
  CHECK(order == "ab");
  CHECK(rang - began >= milliseconds(20));
}

TEST_CASE("A destroyed timer does not ring and a timer may destroy itself") {
  UvLoop loop;
  int rang = 0;
  std::unique_ptr<UvLoop::Handle> own;
  own = loop.after(milliseconds(1), [&] {
    own.reset();
    ++rang;
  });
  auto never = loop.after(milliseconds(1), [&] { rang += 100; });
  never.reset();
  loop.run();
  CHECK(rang == 1);
}

TEST_CASE("A delay beyond all time is not early") {
  UvLoop loop;
  bool rang = false;
  const auto never = loop.after(Duration::max(), [&] { rang = true; });
  const auto stop = loop.after(milliseconds(2), [&] { loop.stop(); });
  loop.run();
  CHECK(!rang);
}

TEST_CASE("A signal reaches its handler each time") {
  UvLoop loop;
  int count = 0;
  const auto patience = loop.after(std::chrono::hours(1), [] {});
  const auto handle = loop.on_signal(SIGUSR1, [&] {
    if (++count == 2) return loop.stop();
    std::raise(SIGUSR1);
  });
  std::raise(SIGUSR1);
  loop.run();
  CHECK(count == 2);
}

TEST_CASE("A signal handler alone does not keep a loop running") {
  UvLoop loop;
  const auto handle = loop.on_signal(SIGUSR1, [] {});
  loop.run();
}

TEST_CASE("Run until gives the result of a future as soon as it is there") {
  UvLoop loop;
  Promise<int> promise;
  const auto timer = loop.after(milliseconds(1), [&] { promise.resolve(7); });
  const auto patience = loop.after(std::chrono::hours(1), [] {});
  const auto result = loop.run_until(promise.future());
  REQUIRE(result.ok());
  CHECK(*result == 7);
  CHECK(*loop.run_until(Future<int>::resolved(8)) == 8);
}

TEST_CASE("Run until without anything that could resolve the future gives closed and cancels it") {
  UvLoop loop;
  Promise<int> promise;
  bool cancelled = false;
  auto future = promise.future();
  promise.on_cancel([&] { cancelled = true; });
  const auto result = loop.run_until(std::move(future));
  REQUIRE(!result.ok());
  CHECK(result.error().code == Errc::closed);
  CHECK(cancelled);
}

TEST_CASE("Run until runs a task to its end") {
  UvLoop loop;
  const auto twice = [](UvLoop& on) -> Task<int> {
    auto found = co_await on.resolve("127.0.0.1", 9);
    if (!found) co_return 0;
    co_return 2 * static_cast<int>(found->size());
  };
  const auto result = loop.run_until(twice(loop));
  REQUIRE(result.ok());
  CHECK(*result == 2);
}

TEST_CASE("Numeric addresses and local names resolve and nonsense does not") {
  UvLoop loop;
  const auto four = loop.run_until(loop.resolve("127.0.0.1", 80));
  REQUIRE(four.ok());
  CHECK(*four == std::vector{Endpoint::v4(127, 0, 0, 1, 80)});
  const auto six = loop.run_until(loop.resolve("::1", 81));
  REQUIRE(six.ok());
  CHECK(six->front().text() == "[::1]:81");
  const auto local = loop.run_until(loop.resolve("localhost", 82));
  REQUIRE(local.ok());
  CHECK(local->front().is_loopback());
  const auto nonsense = loop.run_until(loop.resolve("no such host", 83));
  REQUIRE(!nonsense.ok());
  CHECK(nonsense.error().code == Errc::io);
}

TEST_CASE("A resolution nobody waits for does no harm") {
  UvLoop loop;
  { const auto dropped = loop.resolve("localhost", 1); }
  auto cancelled = loop.resolve("localhost", 1);
  cancelled.cancel();
}

TEST_CASE("The alarm rings once and not before its time") {
  UvLoop loop;
  const auto clock = make_clock(loop);
  const TimePoint due = clock->now().at + std::chrono::microseconds(10'300);
  int rang = 0;
  TimePoint at{};
  clock->on_alarm([&] {
    ++rang;
    at = clock->now().at;
  });
  clock->set_alarm(clock->now().at + std::chrono::hours(1));
  clock->set_alarm(due);
  loop.run();
  CHECK(rang == 1);
  CHECK(at >= due);
}

TEST_CASE("An alarm in the past rings and nothing disarms") {
  UvLoop loop;
  const auto clock = make_clock(loop);
  int rang = 0;
  clock->on_alarm([&] { ++rang; });
  clock->set_alarm(TimePoint{});
  loop.run();
  CHECK(rang == 1);
  clock->set_alarm(clock->now().at + milliseconds(1));
  clock->set_alarm(std::nullopt);
  loop.run();
  CHECK(rang == 1);
}

TEST_CASE("An alarm may destroy its clock") {
  UvLoop loop;
  auto clock = make_clock(loop);
  clock->on_alarm([&] { clock.reset(); });
  clock->set_alarm(TimePoint{});
  loop.run();
  CHECK(clock == nullptr);
}

TEST_CASE("Seeds and random numbers differ") {
  CHECK(random_seed() != random_seed());
  const auto random = make_random();
  CHECK(random->next() != random->next());
}

TEST_CASE("The wall clock is this century") {
  CHECK(UvLoop::wall_now() > WallTime(std::chrono::hours(24 * 365 * 50)));
}

}  // namespace
}  // namespace kadmos
