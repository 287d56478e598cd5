// Records: what the network stores. A record proves by itself that it belongs to its key, so it can
// be believed from anyone: immutable content hashes to its key; an owned record is signed by its
// owner, whose public key and chosen name hash to the key. An announcement is signed likewise; its
// name is the key its owner says it has something for.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "kadmos/bytes.h"
#include "kadmos/contact.h"
#include "kadmos/identity.h"
#include "kadmos/result.h"
#include "kadmos/time.h"

namespace kadmos {

enum class RecordType : std::uint8_t {
  content = 1,    // immutable: key = H(value); owner, name, sequence and signature are empty
  owned = 2,      // signed by `owner`; a higher sequence replaces a lower one
  tombstone = 3,  // an owned record that says "deleted"; its value is empty
  provider = 4,   // an announcement: its owner has what belongs to the key that is its name
  floor = 5,      // what a storage keeps of an owned record that expired, and nobody sends: its
                  // owner, its sequence and, as the value, its digest
};

struct Record {
  RecordType type = RecordType::content;
  PublicKey owner;             // all but content, and so the next two and the signature
  Bytes name;                  // at most Limits::name_bytes; of an announcement the 64 of a key
  std::uint64_t sequence = 0;  // from 1; of an announcement the ms since 1970 when it was signed
  WallTime expiry{};           // signed by the owner; of content merely a wish, capped by receivers
  Bytes value;                 // at most Limits::value_bytes
  Signature signature{};

  friend bool operator==(const Record&, const Record&) = default;
};

// Key of immutable content: SHA-512(tag || value).
Key content_key(ByteView value);
// Key of an owned name: SHA-512(tag || SHA-512(owner) || SHA-512(name)).
Key owned_key(const PublicKey& owner, ByteView name);
// Key of an announcement: the first half of the key announced, then the first half of the owner's
// id. So the announcements of one key lie side by side in the order of keys, on the nodes nearest
// to it.
Key provider_key(const Key& key, const PublicKey& owner);
// The key a record belongs to, computed from what it contains.
Key key_of(const Record& record);

// Signs `record` (whose owner becomes the identity's key) for the network called `network`: a
// record of one network never verifies in another. The layout is in docs/protocol.md.
void sign(Record& record, const Identity& owner, std::string_view network);

// Whether `record` is well-formed, belongs to `key` and, if owned, carries its owner's signature
// for `network`. Does not look at expiry or sizes. Errors: verification_failed, with the reason.
Result<void> verify(const Record& record, const Key& key, std::string_view network);

// What an announcement says. A provider without endpoints cannot be dialled, or does not know
// where.
struct Announcement {
  Key key;                 // what it provides
  bool withdrawn = false;  // not any more; then it has no endpoints
  Endpoints endpoints;
  friend bool operator==(const Announcement&, const Announcement&) = default;
};
// An announcement without owner, sequence, expiry and signature. Endpoints that nobody could dial
// are left out.
Record announcing(const Announcement& announcement);
// What `record` announces; nothing if it is no announcement or a malformed one.
std::optional<Announcement> announced(const Record& record);

// Orders two valid records of one key: which one every replica must keep. Higher sequence first;
// then, for one sequence with different contents (equivocation), the larger digest; then the later
// expiry. `equal` means neither adds anything.
std::strong_ordering order(const Record& a, const Record& b);

// The 64 bytes that settle it between contents of one sequence.
ByteArray<64> digest(const Record& record);

// Whether a and b have one sequence but different contents: their owner equivocated.
bool equivocates(const Record& a, const Record& b);

// 64 bits that differ between two versions, and between two lifetimes, of any records, by their
// signatures; never 0. For comparing what honest nodes hold, not for believing it. O(1).
std::uint64_t fingerprint(const Key& key, const Record& record);

}  // namespace kadmos
