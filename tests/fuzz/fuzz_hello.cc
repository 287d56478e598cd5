// Any payload as the first of a connection: refused, or the one form of a hello.
#include <algorithm>
#include <cstdint>

#include "allocations.h"
#include "wire/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kadmos;
  const ByteView payload(data, size);
  const auto hello = allocating_at_most(4096, [&] { return wire::decode_hello(payload); });
  if (!hello) return 0;
  const Bytes again = wire::encode(*hello);
  if (!std::equal(again.begin(), again.end(), payload.begin(), payload.end())) std::abort();
  return 0;
}
