// Spare buffers of a loop: what carries bytes for a moment is used again for the next ones, so that
// a message costs no allocation and no idle connection holds a buffer.
#pragma once

#include <array>
#include <utility>

#include "kadmos/bytes.h"

namespace kadmos {

class Spares {
 public:
  // An empty buffer, which may have room already.
  Bytes take() { return count_ > 0 ? std::move(buffers_[--count_]) : Bytes(); }
  // Takes back what take() gave and leaves it without memory. What is too large, or one too many,
  // is freed.
  void give(Bytes& bytes) {
    Bytes used = std::move(bytes);
    if (used.capacity() == 0 || used.capacity() > kLargest || count_ == kKept) return;
    used.clear();
    buffers_[count_++] = std::move(used);
  }

 private:
  static constexpr std::size_t kKept = 16;
  static constexpr std::size_t kLargest = 16 * 1024;

  std::array<Bytes, kKept> buffers_;
  std::size_t count_ = 0;
};

}  // namespace kadmos
