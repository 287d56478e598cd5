// Stream<T>: the one type for "many Ts, one after the other, later". Single-threaded, as futures.
//
//   auto updates = node.watch(key);
//   while (true) {
//     Result<std::optional<Update>> next = co_await updates.next();
//     if (!next || !*next) break;                     // it failed, or ended in order
//     use(**next);
//   }
//
// Whoever holds the stream holds the operation: dropping it ends the whole operation at once. What
// was not taken yet waits in a buffer of bounded size; who never takes anything loses the oldest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "kadmos/future.h"

namespace kadmos {

template <class T>
class Stream;
template <class T>
class StreamSource;

namespace detail {

template <class T>
struct StreamState {
  std::size_t capacity = 1;
  std::deque<T> waiting;  // not taken yet
  std::uint64_t missed = 0;
  std::optional<Promise<std::optional<T>>> taker;  // of a next() that found nothing
  std::optional<Result<void>> ended;
  Once<> on_cancel;
  bool dropped = false;  // no stream looks at it any more

  bool done() const { return dropped || ended.has_value(); }
  Result<std::optional<T>> last() const {
    if (!*ended) return ended->error();
    return std::optional<T>();
  }
  // Whoever asked for the next item, if somebody still waits for it.
  std::optional<Promise<std::optional<T>>> take_taker() {
    auto out = std::exchange(taker, std::nullopt);
    if (out && out->done()) out.reset();
    return out;
  }
  void put(T item) {
    if (done()) return;
    if (auto to = take_taker()) return to->resolve(std::optional<T>(std::move(item)));
    if (waiting.size() >= capacity) {
      waiting.pop_front();
      ++missed;
    }
    waiting.push_back(std::move(item));
  }
  void end(Result<void> result) {
    if (done()) return;
    ended.emplace(std::move(result));
    // What on_cancel holds may own the source: it goes only when the state is final.
    const auto gone = std::exchange(on_cancel, nullptr);
    if (auto to = take_taker()) to->resolve(last());
  }
  void drop() {
    if (std::exchange(dropped, true)) return;
    // Each may own the last reference to things whose destructors call back: move out first.
    const auto gone = std::exchange(waiting, {});
    auto to = take_taker();
    auto cancel = std::exchange(on_cancel, nullptr);
    if (cancel && !ended) cancel();
    if (to) to->resolve(Error(Errc::cancelled, "its stream was dropped"));
  }
};

}  // namespace detail

// The end that puts items in. Movable. Destroyed before it ended, it ends with Errc::closed.
template <class T>
class StreamSource {
 public:
  // `capacity`: how many items may wait to be taken; at least 1. One more displaces the oldest,
  // which is counted as missed.
  explicit StreamSource(std::size_t capacity) : state_(std::make_shared<detail::StreamState<T>>()) {
    state_->capacity = capacity;
  }
  StreamSource(StreamSource&&) noexcept = default;
  StreamSource& operator=(StreamSource other) noexcept {
    state_.swap(other.state_);  // ends the former one when this already holds the new
    return *this;
  }
  ~StreamSource() {
    if (state_) state_->end(Error(Errc::closed, "abandoned before it ended"));
  }

  // Called at most once.
  Stream<T> stream() { return Stream<T>(state_); }
  // Runs the continuation of who waits for it, if somebody does, before it returns. Does nothing
  // once the stream has ended or was dropped.
  void put(T item) {
    if (auto state = state_) state->put(std::move(item));
  }
  // What waits to be taken is still given; then nothing, or the error.
  void end(Result<void> result) {
    if (auto state = state_) state->end(std::move(result));
  }
  // `hook` runs once if the stream is dropped before it ended.
  void on_cancel(detail::Once<> hook) {
    if (!done()) state_->on_cancel = std::move(hook);
  }
  // Nobody takes anything any more: it was dropped, or has ended.
  bool done() const { return !state_ || state_->done(); }

 private:
  std::shared_ptr<detail::StreamState<T>> state_;
};

// The end that takes items out. Movable, not copyable.
template <class T>
class [[nodiscard]] Stream {
 public:
  using value_type = T;

  Stream(Stream&&) noexcept = default;
  Stream& operator=(Stream other) noexcept {
    state_.swap(other.state_);  // drops the former one when this already holds the new
    return *this;
  }
  ~Stream() {
    if (state_) state_->drop();
  }

  // The next item; nothing once the stream has ended in order, or the error it ended with, and the
  // same again whenever it is asked then. One at a time: asked while a former future still waits,
  // it gives invalid_argument. A future that is dropped while it waits takes nothing with it; one
  // that waits when the stream is dropped ends with Errc::cancelled.
  Future<std::optional<T>> next() {
    auto& s = *state_;
    using Next = Future<std::optional<T>>;
    if (!s.waiting.empty()) {
      std::optional<T> item = std::move(s.waiting.front());
      s.waiting.pop_front();
      return Next::resolved(std::move(item));
    }
    if (s.ended) return Next::resolved(s.last());
    if (s.taker && !s.taker->done()) {
      return Next::resolved(
          Error(Errc::invalid_argument, "somebody already waits for the next item"));
    }
    s.taker.emplace();
    return s.taker->future();
  }
  // How many items the buffer lost so far because nobody took them.
  std::uint64_t missed() const { return state_->missed; }

 private:
  friend class StreamSource<T>;
  explicit Stream(std::shared_ptr<detail::StreamState<T>> state) : state_(std::move(state)) {}

  std::shared_ptr<detail::StreamState<T>> state_;
};

}  // namespace kadmos
