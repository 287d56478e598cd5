// Frames that wait for a connection, as netstrings already, so that what waits is what will be
// encrypted. They lie in batches of whole frames: each is encrypted at once, and those that are not
// can still go over another connection.
#pragma once

#include <utility>
#include <vector>

#include "uv/spare.h"
#include "wire/netstring.h"

namespace kadmos {

class FrameQueue {
 public:
  struct Batch {
    Bytes netstrings;
    std::size_t payload = 0;  // bytes of the frames alone
  };
  // A batch that has so many bytes takes no more frames.
  static constexpr std::size_t kBatch = 64 * 1024;

  bool empty() const { return bytes() == 0; }
  std::size_t bytes() const { return full_bytes_ + last_.netstrings.size(); }

  void add(ByteView frame, Spares& spares) {
    if (last_.netstrings.size() >= kBatch) close_last();
    if (last_.netstrings.capacity() == 0) last_.netstrings = spares.take();
    wire::append_netstring(last_.netstrings, frame);
    last_.payload += frame.size();
  }
  // All of another queue, after what is here.
  void add(FrameQueue&& other) {
    if (!last_.netstrings.empty()) close_last();
    for (Batch& batch : other.full_) full_.push_back(std::move(batch));
    full_bytes_ += other.full_bytes_;
    last_ = std::exchange(other, {}).last_;
  }
  // The bytes of the first batch; 0 if there is none.
  std::size_t next() const {
    return full_.empty() ? last_.netstrings.size() : full_.front().netstrings.size();
  }
  void add(Batch&& batch) {
    if (!last_.netstrings.empty()) close_last();
    last_ = std::move(batch);
  }
  // The first batch.
  Batch take() {
    if (full_.empty()) return std::exchange(last_, {});
    Batch first = std::move(full_.front());
    full_.erase(full_.begin());
    full_bytes_ -= first.netstrings.size();
    if (full_.empty()) full_ = std::vector<Batch>();
    return first;
  }

 private:
  void close_last() {
    full_bytes_ += last_.netstrings.size();
    full_.push_back(std::exchange(last_, {}));
  }

  std::vector<Batch> full_;
  std::size_t full_bytes_ = 0;
  Batch last_;
};

}  // namespace kadmos
