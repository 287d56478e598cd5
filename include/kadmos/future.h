// Future<T>: the one type for "a Result<T>, later". Single-threaded: a future, its promise and
// every continuation live on the thread of the loop they belong to.
//
//   node.get(key).then([](Result<Found> r) { … }).detach();     // callbacks
//   Result<Found> r = co_await node.get(key);                    // coroutines
//
// Whoever holds the future holds the operation: dropping or cancelling it ends the whole operation
// at once, and no continuation of it runs afterwards. (The idea, and the term "drop cancels", are
// KJ's.)
#pragma once

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "kadmos/once.h"
#include "kadmos/result.h"

namespace kadmos {

template <class T>
class Future;
template <class T>
class Promise;

namespace detail {

template <class T>
struct FutureState {
  std::optional<Result<T>> result;
  Once<Result<T>> continuation;
  Once<> on_cancel;
  bool dropped = false;  // no future looks at it any more

  void resolve(Result<T> value) {
    if (result || dropped) return;
    auto run = std::exchange(continuation, nullptr);
    // What on_cancel holds may own the promise, which would abandon this state: it goes only when
    // the state is final.
    if (!run) {
      result.emplace(std::move(value));
      on_cancel = nullptr;
      return;
    }
    dropped = true;
    on_cancel = nullptr;
    run(std::move(value));
  }
  void drop() {
    if (dropped) return;
    dropped = true;
    // Both may own the last reference to things whose destructors call back: move out first.
    auto gone = std::exchange(continuation, nullptr);
    auto cancel = std::exchange(on_cancel, nullptr);
    if (cancel) cancel();
  }
};

// What `then` makes of what f returns: R, Result<R> and Future<R> all become Future<R>.
template <class R>
struct Flatten {
  using type = R;
};
template <class R>
struct Flatten<Result<R>> {
  using type = R;
};
template <class R>
struct Flatten<Future<R>> {
  using type = R;
};

// The exception being handled, as an error.
inline Error caught() {
  try {
    throw;
  } catch (const std::exception& e) {
    return Error(Errc::exception, e.what());
  } catch (...) {
    return Error(Errc::exception, "something was thrown that is no std::exception");
  }
}

// f(value) as a Future, if f returns one, else as a Result. What f throws becomes an error.
template <class F, class T, class R = std::invoke_result_t<F&, Result<T>>,
          class U = typename Flatten<R>::type,
          class Out = std::conditional_t<std::is_same_v<R, Future<U>>, R, Result<U>>>
Out call(F& f, Result<T> value) {
  try {
    if constexpr (std::is_void_v<R>) {
      f(std::move(value));
      return Out();
    } else {
      return f(std::move(value));
    }
  } catch (...) {
    if constexpr (std::is_same_v<Out, Future<U>>) {
      return Out::resolved(caught());
    } else {
      return Out(caught());
    }
  }
}

}  // namespace detail

// The end that resolves. Movable. Destroyed unresolved, it resolves with Errc::closed.
template <class T>
class Promise {
 public:
  Promise() : Promise(std::make_shared<detail::FutureState<T>>()) {}
  Promise(Promise&&) noexcept = default;
  Promise& operator=(Promise other) noexcept {
    state_.swap(other.state_);  // abandons the former one when this already holds the new
    return *this;
  }
  ~Promise() { abandon(); }

  // Called at most once.
  Future<T> future() { return Future<T>(state_); }
  // Runs the continuation, if there is one, before it returns. Later calls do nothing.
  void resolve(Result<T> value) {
    if (auto state = state_) state->resolve(std::move(value));
  }
  // `hook` runs once if the future is cancelled or dropped before it is resolved.
  void on_cancel(detail::Once<> hook) {
    if (!done()) state_->on_cancel = std::move(hook);
  }
  // Nobody waits any more: it was dropped, cancelled or resolved.
  bool done() const { return !state_ || state_->dropped || state_->result.has_value(); }

 private:
  template <class>
  friend class Future;
  explicit Promise(std::shared_ptr<detail::FutureState<T>> state) : state_(std::move(state)) {}

  void abandon() {
    if (state_ && !done()) resolve(Error(Errc::closed, "abandoned before it was resolved"));
  }
  std::shared_ptr<detail::FutureState<T>> state_;
};

// The end that waits. Movable, not copyable.
template <class T>
class [[nodiscard]] Future {
 public:
  using value_type = T;

  Future(Future&&) noexcept = default;
  Future& operator=(Future other) noexcept {
    state_.swap(other.state_);  // drops the former one when this already holds the new
    return *this;
  }
  ~Future() {
    if (state_) state_->drop();
  }

  static Future resolved(Result<T> value) {
    Promise<T> promise;
    auto future = promise.future();
    promise.resolve(std::move(value));
    return future;
  }

  bool ready() const { return state_ && state_->result.has_value(); }
  // The result of a ready future, once.
  Result<T> take() && {
    auto state = std::move(state_);
    return *std::move(state->result);
  }

  // Ends the operation now; the future becomes ready with Errc::cancelled. A ready one stays as is.
  void cancel() {
    if (!state_ || state_->result) return;
    auto hook = std::exchange(state_->on_cancel, nullptr);
    state_->result.emplace(Error(Errc::cancelled, "cancelled by the caller"));
    if (hook) hook();
  }

  // Lets the operation run on with nobody watching.
  void detach() && { state_.reset(); }

  // f(Result<T>) runs when the result is there: at once if it is already, otherwise from the node's
  // pump, never from inside the engine. f may return R, Result<R>, Future<R> or void; what it
  // throws becomes Errc::exception. Dropping the future that `then` gives cancels what came before
  // it and f never runs.
  template <class F>
  auto then(F f) && -> Future<typename detail::Flatten<std::invoke_result_t<F&, Result<T>>>::type>;

  auto operator co_await() && {
    struct Awaiter {
      Future future;
      std::optional<Result<T>> result;
      bool await_ready() const noexcept { return future.ready(); }
      void await_suspend(std::coroutine_handle<> handle) {
        future.state_->continuation = [this, handle](Result<T> value) {
          result.emplace(std::move(value));
          handle.resume();
        };
      }
      Result<T> await_resume() { return result ? *std::move(result) : std::move(future).take(); }
    };
    return Awaiter{std::move(*this), std::nullopt};
  }

 private:
  friend class Promise<T>;
  template <class>
  friend class Future;
  explicit Future(std::shared_ptr<detail::FutureState<T>> state) : state_(std::move(state)) {}

  // What is made of it owns this future from now on, and `next` runs with the result.
  template <class U>
  void hand_to(detail::FutureState<U>& made, detail::Once<Result<T>> next) && {
    auto state = state_;
    made.on_cancel = [self = std::move(*this)]() mutable { Future gone = std::move(self); };
    state->continuation = std::move(next);
  }

  std::shared_ptr<detail::FutureState<T>> state_;
};

template <class T>
template <class F>
auto Future<T>::then(
    F f) && -> Future<typename detail::Flatten<std::invoke_result_t<F&, Result<T>>>::type> {
  using U = typename detail::Flatten<std::invoke_result_t<F&, Result<T>>>::type;
  struct Link : detail::FutureState<U> {  // f lies with what it makes, until it has run
    explicit Link(F&& function) : f(std::move(function)) {}
    std::optional<F> f;
  };
  struct Run {
    explicit Run(F&& function) : promise(std::make_shared<Link>(std::move(function))) {}
    Run(Run&&) noexcept = default;
    Run& operator=(Run&&) = delete;
    ~Run() {
      const auto state = promise.state_;
      if (!state) return;
      promise.abandon();
      static_cast<Link&>(*state).f.reset();
    }
    void operator()(Result<T> value) {
      auto next = detail::call(*static_cast<Link&>(*promise.state_).f, std::move(value));
      if constexpr (std::is_same_v<decltype(next), Result<U>>) {
        promise.resolve(std::move(next));
      } else if (next.ready()) {
        promise.resolve(std::move(next).take());
      } else if (!promise.done()) {  // else f dropped the future, and `next` goes with it
        const auto state = promise.state_;
        std::move(next).hand_to(*state, [later = std::move(promise)](Result<U> r) mutable {
          later.resolve(std::move(r));
        });
        static_cast<Link&>(*state).f.reset();
      }
    }
    Promise<U> promise;
  };
  Run run(std::move(f));
  Future<U> out = run.promise.future();
  if (ready()) {
    run(std::move(*this).take());
  } else {
    const auto made = run.promise.state_;
    std::move(*this).hand_to(*made, std::move(run));
  }
  return out;
}

}  // namespace kadmos
