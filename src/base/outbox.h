// A queue that is mostly empty, and has mostly one element otherwise: that one lies in place, what
// comes while it is there in a list. So it costs no allocation, and holds no memory while empty.
#pragma once

#include <optional>
#include <utility>

#include "base/recycled.h"

namespace kadmos {

template <class T>
class Outbox {
 public:
  template <class From>
  void push(From&& element) {
    if (!first_ && rest_.empty()) {
      first_.emplace(std::forward<From>(element));
    } else {
      rest_.emplace_back(std::forward<From>(element));
    }
  }
  // The oldest.
  std::optional<T> pop() {
    if (first_) return std::exchange(first_, std::nullopt);
    if (rest_.empty()) return std::nullopt;
    std::optional<T> out(std::move(rest_.front()));
    rest_.pop_front();
    return out;
  }
  bool empty() const { return !first_ && rest_.empty(); }
  void clear() {
    first_.reset();
    rest_.clear();
  }

 private:
  std::optional<T> first_;  // older than all others
  RecycledList<T> rest_;
};

}  // namespace kadmos
