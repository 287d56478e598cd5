// Ranges of the key space: all keys that begin with the same bits. Neighbours compare what they
// hold range by range.
#pragma once

#include <cstdint>

#include "kadmos/id.h"

namespace kadmos {

struct KeyRange {
  Key prefix;    // its bits from `bits` on are zero
  int bits = 0;  // 0: every key; Id::kBits: just `prefix`

  // The range of the keys that share the first `bits` bits with `key`.
  static KeyRange around(const Key& key, int bits) { return {key.keep(bits), bits}; }
  bool contains(const Key& key) const { return shared_prefix(prefix, key) >= bits; }
  const Key& first() const { return prefix; }
  Key last() const { return prefix.keep(bits, true); }
  // The half whose next bit is `one`. Not of a single key.
  KeyRange half(bool one) const {
    KeyRange out{prefix, bits + 1};
    out.prefix.set_bit(bits, one);
    return out;
  }

  friend auto operator<=>(const KeyRange&, const KeyRange&) = default;
  friend bool operator==(const KeyRange&, const KeyRange&) = default;
};

// What a storage holds in a range: how many records, and the XOR of their fingerprints. Two
// storages whose digests are equal hold the same versions, but for one chance in 2^64.
struct RangeDigest {
  std::uint64_t records = 0;
  std::uint64_t fingerprint = 0;
  friend bool operator==(const RangeDigest&, const RangeDigest&) = default;
};

// Which version of a record is held.
struct Version {
  Key key;
  std::uint64_t sequence = 0;
  std::uint64_t fingerprint = 0;
  friend bool operator==(const Version&, const Version&) = default;
};

}  // namespace kadmos
