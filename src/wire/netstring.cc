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

void NetstringReader::die(std::string fault) {
  state_ = State::dead;
  fault_ = std::move(fault);
  buffer_ = {};
}

// Takes the length off the front of `data`, as far as it is there.
void NetstringReader::take_length(ByteView& data) {
  std::size_t length = length_;
  int digits = digits_;
  for (std::size_t at = 0; at < data.size(); ++at) {
    const Byte byte = data[at];
    if (byte == ':') {
      if (digits == 0) return die("a frame without a length");
      if (length > max_) {
        return die("a frame of " + std::to_string(length) + " bytes where at most " +
                   std::to_string(max_) + " are allowed");
      }
      data = data.subspan(at + 1);
      state_ = State::payload;
      length_ = length;
      digits_ = 0;
      return;
    }
    if (byte < '0' || byte > '9') return die("a frame length with something other than digits");
    if (digits == 1 && length == 0) return die("a frame length with a leading zero");
    if (digits == kMaxDigits) return die("a frame length of more than 7 digits");
    ++digits;
    length = length * 10 + (byte - Byte{'0'});
  }
  data = {};
  length_ = length;
  digits_ = digits;
}

Result<void> NetstringReader::feed(ByteView data, const std::function<bool(ByteView)>& sink) {
  while (true) {
    if (state_ == State::dead) return Error(Errc::protocol, fault_);
    if (data.empty()) return {};
    if (state_ == State::length) {
      take_length(data);
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
    if (data[direct] != ',') {
      die("a frame without its closing comma");
      continue;
    }
    const Bytes buffered = std::exchange(buffer_, {});
    const ByteView payload = direct > 0 ? data.first(direct) : ByteView(buffered);
    data = data.subspan(direct + 1);
    state_ = State::length;
    length_ = 0;
    if (!sink(payload)) return {};
  }
}

}  // namespace kadmos::wire
