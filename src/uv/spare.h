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
  Bytes take() {
    if (count_ == 0) return {};
    Bytes out = std::move(buffers_[--count_]);
    kept_ -= out.capacity();
    return out;
  }
  // Takes back what take() gave and leaves it without memory. What would be too much is freed.
  void give(Bytes& bytes) {
    Bytes used = std::move(bytes);
    if (used.capacity() == 0 || used.capacity() > kKept - kept_ || count_ == buffers_.size())
      return;
    used.clear();
    kept_ += used.capacity();
    buffers_[count_++] = std::move(used);
  }

 private:
  static constexpr std::size_t kKept = 256 * 1024;

  std::array<Bytes, 64> buffers_;  // a turn may well write to so many connections
  std::size_t count_ = 0;
  std::size_t kept_ = 0;  // bytes they have room for
};

}  // namespace kadmos
