// Records: what the network stores. A record proves by itself that it belongs to its key, so it can
// be believed from anyone: immutable content hashes to its key; an owned record is signed by its
// owner, whose public key and chosen name hash to the key.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

#include "kadmos/bytes.h"
#include "kadmos/identity.h"
#include "kadmos/result.h"
#include "kadmos/time.h"

namespace kadmos {

enum class RecordType : std::uint8_t {
  content = 1,    // immutable: key = H(value); owner, name, sequence and signature are empty
  owned = 2,      // signed by `owner`; a higher sequence replaces a lower one
  tombstone = 3,  // an owned record that says "deleted"; its value is empty
};

struct Record {
  RecordType type = RecordType::content;
  PublicKey owner;             // owned, tombstone
  Bytes name;                  // owned, tombstone; at most Limits::name_bytes
  std::uint64_t sequence = 0;  // owned, tombstone; from 1
  WallTime expiry{};           // signed by the owner; of content merely a wish, capped by receivers
  Bytes value;                 // at most Limits::value_bytes
  Signature signature{};       // owned, tombstone

  friend bool operator==(const Record&, const Record&) = default;
};

// Key of immutable content: SHA-512(tag || value).
Key content_key(ByteView value);
// Key of an owned name: SHA-512(tag || SHA-512(owner) || SHA-512(name)).
Key owned_key(const PublicKey& owner, ByteView name);
// The key a record belongs to, computed from what it contains.
Key key_of(const Record& record);

// Signs `record` (whose owner becomes the identity's key) for the network called `network`: a
// record of one network never verifies in another. The layout is in docs/protocol.md.
void sign(Record& record, const Identity& owner, std::string_view network);

// Whether `record` is well-formed, belongs to `key` and, if owned, carries its owner's signature
// for `network`. Does not look at expiry or sizes. Errors: verification_failed, with the reason.
Result<void> verify(const Record& record, const Key& key, std::string_view network);

// Orders two valid records of one key: which one every replica must keep. Higher sequence first;
// then, for one sequence with different contents (equivocation), the larger digest; then the later
// expiry. `equal` means neither adds anything.
std::strong_ordering order(const Record& a, const Record& b);

// Whether a and b have one sequence but different contents: their owner equivocated.
bool equivocates(const Record& a, const Record& b);

// 64 bits that differ between two versions, and between two lifetimes, of any records, by their
// signatures; never 0. For comparing what honest nodes hold, not for believing it. O(1).
std::uint64_t fingerprint(const Key& key, const Record& record);

}  // namespace kadmos
