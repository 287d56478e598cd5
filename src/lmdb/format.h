// The rows of the file of records, as bytes. Two tables hold each record: one by key, with all of
// it; one by expiry, with what the index in memory is made of at start, so that starting need not
// read the values. Every row ends in a checksum over its key and content, so that damage, and a row
// under the wrong key, are noticed by whoever reads it.
//
//   by key     key (64)
//              type (1) own (1) group (8) kept until (8) expiry (8) sequence (8)
//              owner (32) signature (64) name's length (2) name value checksum (8)
//   by expiry  kept until (8) key (64)
//              own (1) group (8) owner (32) weight (8) sequence (8) fingerprint
//              (8) checksum (8)
//
// Numbers are big-endian; times are milliseconds since 1970 with the sign bit turned over, so that
// their bytes sort as they do. `own` is the number of Own, in the second table 2 for a floor.
// Content has zeros for owner and signature; floors have no owner in the second table.
#pragma once

#include <optional>
#include <utility>

#include "kadmos/bytes.h"
#include "kadmos/seams.h"

namespace kadmos {

// Of the layout above. Files of a newer one are refused.
inline constexpr std::uint32_t kFormat = 2;

// What the index in memory keeps of a record on disk.
struct Standing {
  WallTime expiry{};
  std::uint64_t group = 0;
  PublicKey owner;  // all zero: content, or a floor
  std::uint64_t bytes = 0;
  Own own = Own::none;
  bool floor = false;
  std::uint64_t sequence = 0;
  std::uint64_t fingerprint = 0;

  friend bool operator==(const Standing&, const Standing&) = default;
};
Standing standing_of(const Key& key, const StoredRecord& record);
inline const PublicKey* owner_of(const Standing& kept) {
  return kept.owner == PublicKey{} ? nullptr : &kept.owner;
}
inline bool is_floor(const Standing& kept) { return kept.floor; }
inline std::size_t bytes_of(const Standing& kept) { return kept.bytes; }
inline Version version_of(const Key& key, const Standing& kept) {
  return {key, kept.sequence, kept.fingerprint};
}

namespace format {

// CRC-64/XZ of `bytes`, going on from `before`.
std::uint64_t checksum(ByteView bytes, std::uint64_t before = 0);

Bytes record_row(const Key& key, const StoredRecord& record);
// Nothing: damaged, or of another key.
std::optional<StoredRecord> parse_record(const Key& key, ByteView row);
// The same of a row whose key nobody knows: its record tells it, unless it is a floor.
std::optional<std::pair<Key, StoredRecord>> parse_lone_record(ByteView row);
// The bytes of a row, given what standing_of says the record weighs. Not of a floor.
std::size_t record_row_bytes(const Standing& standing);

ByteArray<72> expiry_key(WallTime expiry, const Key& key);
Bytes expiry_row(ByteView expiry_key, const Standing& standing);
std::optional<std::pair<Key, Standing>> parse_expiry(ByteView expiry_key, ByteView row);

}  // namespace format
}  // namespace kadmos
