// Messages to msgpack and back. Encoding always gives one form; decoding accepts exactly the arity,
// types and sizes of docs/protocol.md and nothing after them.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>

#include "kadmos/bytes.h"
#include "kadmos/config.h"
#include "kadmos/result.h"
#include "wire/messages.h"

namespace kadmos::wire {

// What is packed, a few bytes at a time, gathers on the stack, where most messages fit.
class Packed {
 public:
  Packed() = default;
  Packed(const Packed&) = delete;
  Packed& operator=(const Packed&) = delete;

  void write(const char* data, std::size_t size) {
    if (size > short_.size() - size_) return spill(data, size);
    if (size > 0) std::memcpy(short_.data() + size_, data, size);  // `data` may be null
    size_ += size;
  }
  // As long as this lives.
  ByteView bytes() const { return long_.empty() ? ByteView(short_.data(), size_) : long_; }

 private:
  void spill(const char* data, std::size_t size);

  std::array<Byte, 2048> short_;  // uninitialised
  std::size_t size_ = 0;          // of what is in it; all of it, once there is no room
  Bytes long_;                    // all that was written, from then on
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
