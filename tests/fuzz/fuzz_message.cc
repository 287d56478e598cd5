// Any payload: it is refused, or it is the one form of a message; and it costs memory in proportion
// to its size, never to what it claims.
#include <algorithm>
#include <cstdint>

#include "allocations.h"
#include "wire/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kadmos;
  const Limits limits;
  const ByteView payload(data, size);
  const auto message =
      allocating_at_most(4096 + 8 * size, [&] { return wire::decode(payload, limits); });
  if (!message) return 0;
  const Bytes again = wire::encode(*message);
  if (!std::equal(again.begin(), again.end(), payload.begin(), payload.end())) std::abort();
  return 0;
}
