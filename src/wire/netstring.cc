#include "wire/netstring.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace kadmos::wire {
namespace {

constexpr int kMaxDigits = 7;

}  // namespace

void append_netstring(Bytes& out, ByteView payload) {
  std::array<char, 24> length;
  char* end = std::to_chars(length.begin(), length.end(), payload.size()).ptr;
  *end++ = ':';
  const std::size_t size =
      out.size() + static_cast<std::size_t>(end - length.begin()) + payload.size() + 1;
  if (size > out.capacity()) out.reserve(std::max(size, 2 * out.capacity()));
  out.insert(out.end(), length.begin(), end);
  out.insert(out.end(), payload.begin(), payload.end());
  out.push_back(',');
}

Result<void> NetstringReader::die(std::string fault) {
  state_ = State::dead;
  fault_ = std::move(fault);
  buffer_ = {};
  return Error(Errc::protocol, fault_);
}

// Takes the length off the front of `data`, as far as it is there.
Result<void> NetstringReader::take_length(ByteView& data) {
  while (!data.empty()) {
    const Byte byte = data.front();
    data = data.subspan(1);
    if (byte == ':') {
      if (digits_ == 0) return die("a frame without a length");
      if (length_ > max_) {
        return die("a frame of " + std::to_string(length_) + " bytes where at most " +
                   std::to_string(max_) + " are allowed");
      }
      state_ = State::payload;
      return {};
    }
    if (byte < '0' || byte > '9') return die("a frame length with something other than digits");
    if (digits_ == 1 && length_ == 0) return die("a frame length with a leading zero");
    if (digits_ == kMaxDigits) return die("a frame length of more than 7 digits");
    ++digits_;
    length_ = length_ * 10 + (byte - Byte{'0'});
  }
  return {};
}

Result<void> NetstringReader::feed(ByteView data, const std::function<bool(ByteView)>& sink) {
  if (state_ == State::dead) return Error(Errc::protocol, fault_);
  while (!data.empty()) {
    if (state_ == State::length) {
      if (auto taken = take_length(data); !taken) return taken;
      continue;
    }
    if (state_ == State::payload && (!buffer_.empty() || data.size() <= length_)) {
      const std::size_t taken = std::min(length_ - buffer_.size(), data.size());
      buffer_.insert(buffer_.end(), data.begin(), data.begin() + static_cast<long>(taken));
      data = data.subspan(taken);
      if (buffer_.size() == length_) state_ = State::comma;
      continue;
    }
    // The rest of the frame is here: all of it unbuffered, or the comma alone.
    const std::size_t direct = state_ == State::payload ? length_ : 0;
    if (data[direct] != ',') return die("a frame without its closing comma");
    const Bytes buffered = std::exchange(buffer_, {});
    const ByteView payload = direct > 0 ? data.first(direct) : ByteView(buffered);
    data = data.subspan(direct + 1);
    state_ = State::length;
    length_ = 0;
    digits_ = 0;
    if (!sink(payload)) return {};
  }
  return {};
}

}  // namespace kadmos::wire
