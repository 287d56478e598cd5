// UvLoop over uv_loop_t, and the real clock and randomness. Work posted from other threads waits in
// a locked queue and a uv_async_t wakes the loop; everything else belongs to the loop's thread.
#include "uv/loop.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include "base/check.h"
#include "uv/address.h"

namespace kadmos {

TimePoint saturating_add(TimePoint now, Duration delay) {
  delay = std::max(delay, Duration::zero());
  return delay > TimePoint::max() - now ? TimePoint::max() : now + delay;
}

namespace {

TimePoint fresh_now() { return TimePoint(std::chrono::nanoseconds(uv_hrtime())); }

uv_timer_t* new_timer(uv_loop_t* loop, void* data) {
  auto* timer = new uv_timer_t;
  check(uv_timer_init(loop, timer) == 0);
  timer->data = data;
  return timer;
}

}  // namespace

UvPtr<uv_timer_t> make_timer(UvLoop& loop, void* data) {
  return UvPtr<uv_timer_t>(new_timer(raw(loop), data));
}

void start_timer(uv_timer_t* timer, TimePoint when, uv_timer_cb callback) {
  // libuv compares whole milliseconds of the same clock, rounded down: the first of them that is
  // not before `when` is the rounded-up one. Its cached time may be old, which would ring early.
  uv_update_time(timer->loop);
  const auto due = std::chrono::ceil<std::chrono::milliseconds>(
      std::min(when, TimePoint::max() - std::chrono::milliseconds(1)).time_since_epoch());
  const auto now = uv_now(timer->loop);
  const auto target = static_cast<std::uint64_t>(std::max<std::int64_t>(due.count(), 0));
  check(uv_timer_start(timer, callback, target > now ? target - now : 0, 0) == 0);
}

// ---- UvLoop

void UvLoop::Impl::run_posted() {
  // Only what is there now: a function that posts itself again must not starve the sockets.
  std::size_t count = 0;
  {
    const std::lock_guard lock(mutex);
    count = posted.size();
  }
  for (; count > 0; --count) {
    std::function<void()> fn;
    {
      const std::lock_guard lock(mutex);
      fn = std::move(posted.front());
      posted.pop_front();
    }
    fn();
  }
}

UvLoop::UvLoop() : impl_(std::make_unique<Impl>()) {
  // Writing to a socket whose peer has gone must be an error, not the end of the process.
  struct sigaction present {};
  if (sigaction(SIGPIPE, nullptr, &present) == 0 && present.sa_handler == SIG_DFL) {
    std::signal(SIGPIPE, SIG_IGN);
  }
  check(uv_loop_init(&impl_->loop) == 0);
  impl_->async = new uv_async_t;
  impl_->async->data = impl_.get();
  check(uv_async_init(&impl_->loop, impl_->async, [](uv_async_t* async) {
          auto* impl = static_cast<Impl*>(async->data);
          impl->run_posted();
          if (impl->stopping) uv_stop(&impl->loop);
        }) == 0);
  uv_unref(reinterpret_cast<uv_handle_t*>(impl_->async));
}

UvLoop::~UvLoop() {
  check(!impl_->running);
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->closed = true;
    dropped.swap(impl_->posted);
  }
  dropped.clear();
  uv_close(reinterpret_cast<uv_handle_t*>(impl_->async),
           [](uv_handle_t* gone) { delete reinterpret_cast<uv_async_t*>(gone); });
  // What is still open was made on the loop and outlives it: a bug of the program.
  uv_walk(
      &impl_->loop, [](uv_handle_t* handle, void*) { check(uv_is_closing(handle) != 0); }, nullptr);
  while (uv_run(&impl_->loop, UV_RUN_DEFAULT) != 0) {
  }
  check(uv_loop_close(&impl_->loop) == 0);
}

void UvLoop::run() { run_while_not(false); }

void UvLoop::run_while_not(const bool& done) {
  check(!impl_->running);  // a loop cannot be run from inside one of its callbacks
  impl_->running = true;
  while (!done) {
    impl_->run_posted();
    if (done || impl_->stopping.exchange(false)) break;
    const bool alive = uv_run(&impl_->loop, UV_RUN_DEFAULT) != 0;
    const std::lock_guard lock(impl_->mutex);
    if (!alive && !impl_->stopping && impl_->posted.empty()) break;
  }
  impl_->running = false;
}

void UvLoop::wake() { uv_stop(&impl_->loop); }

void UvLoop::stop() {
  impl_->stopping = true;
  uv_async_send(impl_->async);
}

void UvLoop::post(std::function<void()> fn) {
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->closed) return;
    impl_->posted.push_back(std::move(fn));
  }
  uv_async_send(impl_->async);
}

// ---- Timers and signals

namespace {

struct After final : UvLoop::Handle {
  UvPtr<uv_timer_t> timer;
  std::function<void()> fn;
};

struct OnSignal final : UvLoop::Handle {
  UvPtr<uv_signal_t> signal;
  std::shared_ptr<std::function<void()>> fn;
};

}  // namespace

std::unique_ptr<UvLoop::Handle> UvLoop::after(Duration delay, std::function<void()> fn) {
  auto handle = std::make_unique<After>();
  handle->timer = make_timer(*this, handle.get());
  handle->fn = std::move(fn);
  start_timer(handle->timer.get(), saturating_add(now(), delay), [](uv_timer_t* timer) {
    if (timer->data == nullptr) return;
    // The function may destroy the handle.
    auto run = std::exchange(static_cast<After*>(timer->data)->fn, nullptr);
    run();
  });
  return handle;
}

std::unique_ptr<UvLoop::Handle> UvLoop::on_signal(int signal, std::function<void()> fn) {
  auto handle = std::make_unique<OnSignal>();
  auto* raw_signal = new uv_signal_t;
  check(uv_signal_init(&impl_->loop, raw_signal) == 0);
  handle->signal.reset(raw_signal);
  handle->fn = std::make_shared<std::function<void()>>(std::move(fn));
  raw_signal->data = handle.get();
  uv_unref(as_handle(handle->signal));
  const int failed = uv_signal_start(
      raw_signal,
      [](uv_signal_t* arrived, int) {
        if (arrived->data == nullptr) return;
        auto run = static_cast<OnSignal*>(arrived->data)->fn;
        (*run)();
      },
      signal);
  check(failed == 0);  // only a number that is no signal, or one that cannot be caught
  return handle;
}

// ---- Names

namespace {

struct Resolving {
  uv_getaddrinfo_t request{};
  Promise<std::vector<Endpoint>> promise;
  std::string host;
  std::uint16_t port = 0;
};

Error cannot_resolve(const std::string& host, int status) {
  return Error(Errc::io, "cannot resolve \"" + host + "\": " + uv_strerror(status));
}

void on_resolved(uv_getaddrinfo_t* request, int status, addrinfo* found) {
  std::unique_ptr<Resolving> self(static_cast<Resolving*>(request->data));
  std::vector<Endpoint> endpoints;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    if (info->ai_family != AF_INET && info->ai_family != AF_INET6) continue;
    Endpoint endpoint = from_sockaddr(info->ai_addr);
    endpoint.port = self->port;
    if (std::find(endpoints.begin(), endpoints.end(), endpoint) == endpoints.end()) {
      endpoints.push_back(endpoint);
    }
  }
  uv_freeaddrinfo(found);
  if (status != 0) return self->promise.resolve(cannot_resolve(self->host, status));
  if (endpoints.empty()) return self->promise.resolve(cannot_resolve(self->host, UV_EAI_NODATA));
  self->promise.resolve(std::move(endpoints));
}

}  // namespace

Future<std::vector<Endpoint>> UvLoop::resolve(const std::string& host, std::uint16_t port) {
  auto resolving = std::make_unique<Resolving>();
  resolving->host = host;
  resolving->port = port;
  resolving->request.data = resolving.get();
  auto future = resolving->promise.future();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  const int failed =
      uv_getaddrinfo(&impl_->loop, &resolving->request, on_resolved, host.c_str(), nullptr, &hints);
  if (failed != 0) {
    resolving->promise.resolve(cannot_resolve(host, failed));
    return future;
  }
  Resolving* owned_by_request = resolving.release();
  owned_by_request->promise.on_cancel([owned_by_request] {
    // Best effort: one that has begun runs on, and its answer finds nobody.
    uv_cancel(reinterpret_cast<uv_req_t*>(&owned_by_request->request));
  });
  return future;
}

// ---- Clock and randomness

TimePoint UvLoop::now() const { return fresh_now(); }

WallTime UvLoop::wall_now() {
  return WallTime(std::chrono::floor<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch()));
}

Seed random_seed() {
  Seed seed{};
  check(uv_random(nullptr, nullptr, seed.data(), seed.size(), 0, nullptr) == 0);
  return seed;
}

namespace {

class UvClock final : public Clock {
 public:
  explicit UvClock(UvLoop& loop) : timer_(make_timer(loop, this)) {}

  // A busy node asks for every frame, so the calendar is looked at once in its grain.
  Now now() override {
    const TimePoint at = fresh_now();
    if (at >= wall_until_) {
      wall_ = UvLoop::wall_now();
      wall_until_ = at + std::chrono::milliseconds(1);
    }
    return {at, wall_};
  }
  void on_alarm(std::function<void()> listener) override {
    listener_ = std::make_shared<std::function<void()>>(std::move(listener));
  }
  // Most alarms are put off before they ring, so the timer is only moved to an earlier time.
  void set_alarm(std::optional<TimePoint> when) override {
    alarm_ = when;
    if (!when) {
      armed_.reset();
      uv_timer_stop(timer_.get());
    } else if (!armed_ || *when < *armed_) {
      arm(*when);
    }
  }

 private:
  void arm(TimePoint when) {
    armed_ = when;
    start_timer(timer_.get(), when, [](uv_timer_t* timer) {
      if (timer->data != nullptr) static_cast<UvClock*>(timer->data)->on_timer();
    });
  }
  void on_timer() {
    armed_.reset();
    if (fresh_now() < *alarm_) return arm(*alarm_);
    alarm_.reset();
    // The listener may destroy the clock.
    if (auto listener = listener_) (*listener)();
  }

  UvPtr<uv_timer_t> timer_;
  std::shared_ptr<std::function<void()>> listener_;
  std::optional<TimePoint> alarm_;
  std::optional<TimePoint> armed_;  // when the timer fires
  WallTime wall_{};
  TimePoint wall_until_ = TimePoint::min();
};

class UvRandom final : public Random {
 public:
  std::uint64_t next() override {
    std::uint64_t word = 0;
    check(uv_random(nullptr, nullptr, &word, sizeof word, 0, nullptr) == 0);
    return word;
  }
};

}  // namespace

std::unique_ptr<Clock> make_clock(UvLoop& loop) { return std::make_unique<UvClock>(loop); }

std::unique_ptr<Random> make_random() { return std::make_unique<UvRandom>(); }

}  // namespace kadmos
