// Task<T>: a coroutine that computes a T, with futures and other tasks awaited on the way.
//
//   Task<int> both(Node& node) {
//     auto a = co_await node.get(x);       // Result<Found>
//     if (!a) co_return 0;
//     co_return 1 + co_await other(node);  // awaited, a task gives its T or throws what it threw
//   }
//
// A task is lazy: nothing runs until it is awaited or given to `start`. Destroying a task that is
// suspended destroys what it awaits, and so cancels it; a task must not destroy itself while it
// runs, as by dropping the future that `start` gave for it.
#pragma once

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "kadmos/future.h"

namespace kadmos {

template <class T>
class Task;

namespace detail {

struct TaskFinal {
  bool await_ready() const noexcept { return false; }
  template <class P>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
    auto next = self.promise().next;
    return next ? next : std::noop_coroutine();
  }
  void await_resume() const noexcept {}
};

struct TaskPromiseBase {
  std::coroutine_handle<> next;
  std::exception_ptr thrown;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  TaskFinal final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { thrown = std::current_exception(); }
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U = T>  // the default is for `co_return {…}`
  void return_value(U&& u) {
    value.emplace(std::forward<U>(u));
  }
  T take() {
    if (thrown) std::rethrow_exception(thrown);
    return *std::move(value);
  }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const {
    if (thrown) std::rethrow_exception(thrown);
  }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  auto operator co_await() && {
    struct Awaiter {
      Task task;
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
        task.handle_.promise().next = caller;
        return task.handle_;
      }
      T await_resume() { return task.handle_.promise().take(); }
    };
    return Awaiter{std::move(*this)};
  }

 private:
  Handle handle_;
};

template <class T>
Task<T> detail::TaskPromise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}
inline Task<void> detail::TaskPromise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

namespace detail {

// A coroutine that nobody awaits: begins at once, frees itself.
struct Runner {
  struct promise_type {
    Runner get_return_object() noexcept {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

// Runs a task and resolves a promise with what came of it.
template <class T>
Runner run_task(Task<T> task, std::shared_ptr<Promise<T>> promise) {
  std::optional<Result<T>> result;
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      result.emplace();
    } else {
      result.emplace(co_await std::move(task));
    }
  } catch (...) {
    result.emplace(caught());
  }
  promise->resolve(*std::move(result));
}

}  // namespace detail

// Begins `task` at once, on the caller's stack, until it first waits. The future gives what it
// returns, or Errc::exception if it threw. Dropping the future destroys the task where it waits.
template <class T>
Future<T> start(Task<T> task) {
  auto promise = std::make_shared<Promise<T>>();
  Future<T> future = promise->future();
  auto runner = detail::run_task(std::move(task), promise);
  // Once done the coroutine has freed itself and the handle dangles.
  if (!promise->done()) promise->on_cancel([handle = runner.handle] { handle.destroy(); });
  return future;
}

}  // namespace kadmos
