// Any stream, read whole and read in pieces: both give the same payloads and the same end, memory
// stays in proportion to what has arrived, and what was read frames again to what was taken.
#include <algorithm>
#include <cstdint>

#include "allocations.h"
#include "wire/netstring.h"

namespace {

using namespace kadmos;

constexpr std::size_t kMax = 1024;

struct Outcome {
  Bytes framed;  // the payloads, framed again
  bool dead = false;
  bool in_frame = false;
};

// Feeds `stream` in pieces of `step` bytes.
Outcome read(ByteView stream, std::size_t step) {
  Outcome out;
  wire::NetstringReader reader(kMax);
  while (!stream.empty() && !out.dead) {
    const ByteView piece = stream.first(std::min(step, stream.size()));
    stream = stream.subspan(piece.size());
    out.dead = !reader.feed(piece, [&](ByteView payload) {
      wire::append_netstring(out.framed, payload);
      return true;
    });
    if (reader.buffered() > kMax) std::abort();
  }
  out.in_frame = reader.in_frame();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView stream(data, size);
  const std::size_t bound = 4096 + 16 * size;
  const Outcome whole = allocating_at_most(bound, [&] { return read(stream, size + 1); });
  if (whole.framed.size() > size) std::abort();
  if (!std::equal(whole.framed.begin(), whole.framed.end(), stream.begin())) std::abort();
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}}) {
    const Outcome pieces = allocating_at_most(bound, [&] { return read(stream, step); });
    if (pieces.framed != whole.framed || pieces.dead != whole.dead ||
        pieces.in_frame != whole.in_frame) {
      std::abort();
    }
  }
  return 0;
}
