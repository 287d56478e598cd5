// Records and identities in a line each, at a fixed moment.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "kadmos/record.h"

namespace kadmos::records {

inline constexpr std::string_view kNetwork = "test";
inline constexpr WallTime kNoon{std::chrono::milliseconds(1'700'000'000'000)};

// The identity whose seed is `n` in every byte.
inline Identity identity(Byte n) {
  Seed seed;
  seed.fill(n);
  return Identity::from_seed(seed);
}

inline Record content(std::string_view value, WallTime expiry = kNoon + std::chrono::hours(1)) {
  Record record;
  record.value = to_bytes(value);
  record.expiry = expiry;
  return record;
}

inline Record owned(const Identity& owner, std::string_view name, std::uint64_t sequence,
                    std::string_view value, WallTime expiry = kNoon + std::chrono::hours(1),
                    std::string_view network = kNetwork) {
  Record record;
  record.type = RecordType::owned;
  record.name = to_bytes(name);
  record.sequence = sequence;
  record.value = to_bytes(value);
  record.expiry = expiry;
  sign(record, owner, network);
  return record;
}

inline Record tombstone(const Identity& owner, std::string_view name, std::uint64_t sequence,
                        WallTime expiry = kNoon + std::chrono::hours(1),
                        std::string_view network = kNetwork) {
  Record record;
  record.type = RecordType::tombstone;
  record.name = to_bytes(name);
  record.sequence = sequence;
  record.expiry = expiry;
  sign(record, owner, network);
  return record;
}

// Announces `key`, or takes that back.
inline Record announcement(const Identity& owner, const Announcement& what, std::uint64_t sequence,
                           WallTime expiry, std::string_view network) {
  Record record = announcing(what);
  record.sequence = sequence;
  record.expiry = expiry;
  sign(record, owner, network);
  return record;
}
inline Record provider(const Identity& owner, const Key& key, std::uint64_t sequence,
                       const Endpoints& endpoints = {},
                       WallTime expiry = kNoon + std::chrono::hours(1),
                       std::string_view network = kNetwork) {
  return announcement(owner, {key, false, endpoints}, sequence, expiry, network);
}
inline Record withdrawal(const Identity& owner, const Key& key, std::uint64_t sequence,
                         WallTime expiry = kNoon + std::chrono::hours(1),
                         std::string_view network = kNetwork) {
  return announcement(owner, {key, true, {}}, sequence, expiry, network);
}

}  // namespace kadmos::records
