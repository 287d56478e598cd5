// Messages to msgpack and back. Encoding always gives one form; decoding accepts exactly the arity,
// types and sizes of docs/protocol.md and nothing after them.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>

#include "kadmos/bytes.h"
#include "kadmos/config.h"
#include "kadmos/result.h"
#include "wire/messages.h"

namespace kadmos::wire {

// What is packed gathers on the stack, where most messages fit.
class Packed {
 public:
  Packed() = default;
  Packed(const Packed&) = delete;
  Packed& operator=(const Packed&) = delete;

  void write(const char* data, std::size_t size) {
    Byte* at = room(size);
    if (size > 0) std::memcpy(at, data, size);  // `data` may be null
    size_ += size;
  }
  // Where so many bytes more can be written; advance() then says up to where they were.
  Byte* room(std::size_t most) {
    if (most > room_ - size_) grow(most);
    return begin_ + size_;
  }
  void advance(const Byte* end) { size_ = static_cast<std::size_t>(end - begin_); }
  // As long as this lives.
  ByteView bytes() const { return {begin_, size_}; }

 private:
  void grow(std::size_t most);

  std::array<Byte, 2048> short_;  // uninitialised
  std::unique_ptr<Byte[]> long_;  // what did not fit, and all before it
  Byte* begin_ = short_.data();
  std::size_t size_ = 0;
  std::size_t room_ = short_.size();
};

// A message encoded, to be sent.
struct Frame : Packed {
  explicit Frame(const Message& message);
};
Bytes encode(const Message& message);
Bytes encode(const Hello& hello);

// Errors: protocol, with what was wrong. Memory used is bounded by the size of `payload`. Sizes are
// held against `limits` (name_bytes, value_bytes, contacts_per_reply).
Result<Message> decode(ByteView payload, const Limits& limits);
Result<Hello> decode_hello(ByteView payload);

}  // namespace kadmos::wire
