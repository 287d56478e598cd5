// Netstring framing (D. J. Bernstein, 1997): "<length>:<payload>,". Stricter than the original: the
// length has 1 to 7 digits, no leading zero but "0" itself, no sign, no space.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "kadmos/bytes.h"
#include "kadmos/result.h"

namespace kadmos::wire {

// Appends one frame to `out`.
void append_netstring(Bytes& out, ByteView payload);

// Cuts a byte stream into payloads. Never allocates for a length above the cap; buffers at most one
// frame. After an error the stream is dead: every later call gives the error again.
class NetstringReader {
 public:
  explicit NetstringReader(std::size_t max_payload) : max_(max_payload) {}

  // The cap for frames whose length is not parsed yet.
  void set_max(std::size_t max_payload) { max_ = max_payload; }

  // Feeds bytes; calls `sink` for each whole payload (valid during the call). `sink` returns false
  // to stop, after which the rest of `data` is dropped and the reader must not be fed again;
  // before it returns false it may also destroy the reader.
  // Errors: protocol, with the reason.
  Result<void> feed(ByteView data, const std::function<bool(ByteView)>& sink);

  // Whether a frame has begun and is not whole yet, and how many bytes of it are here.
  bool in_frame() const { return state_ != State::length || digits_ > 0; }
  std::size_t buffered() const { return buffer_.size(); }

 private:
  enum class State : Byte { length, payload, comma, dead };

  std::size_t max_;
  State state_ = State::length;
  std::size_t length_ = 0;
  int digits_ = 0;
  Bytes buffer_;
  std::string fault_;  // why the stream is dead

  void die(std::string fault);
  void take_length(ByteView& data);
};

}  // namespace kadmos::wire
