// Contacts whose ids a reader follows by eye: the first eight bytes of the public key are the top
// of the id, and the rest is zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/contact_book.h"

namespace kadmos::readable {

inline Id id_of_key(const PublicKey& key) {
  std::uint64_t top = 0;
  for (std::size_t i = 0; i < 8; ++i) top = top << 8 | key.bytes[i];
  return Id::from_top(top);
}

inline PublicKey key(std::uint64_t top) {
  PublicKey out;
  for (std::size_t i = 0; i < 8; ++i) out.bytes[i] = static_cast<Byte>(top >> (56 - 8 * i));
  return out;
}

// The id whose first byte is `first`: 0x80 differs from 0x00 in the first bit, 0x40 in the second.
inline Id id(std::uint8_t first) { return Id::from_top(std::uint64_t{first} << 56); }

// At a local address, which no group cap counts.
inline Contact contact(std::uint64_t top, Endpoint at = Endpoint::v4(127, 0, 0, 1, 4000)) {
  return {key(top), Endpoints(at)};
}

}  // namespace kadmos::readable
