// Keys and signatures of records. Numbers are big-endian; || joins.
//
//   content key = SHA-512("kadmos:content:1" || value)
//   owned key   = SHA-512("kadmos:owned:1" || SHA-512(owner) || SHA-512(name))
//   announcement's key = key announced, first 32 bytes || id of the owner, first 32 bytes
//   signed      = "kadmos:record:1" || u32 size of network || network || u8 type || owner (32
//   bytes)
//                 || u32 size of name || name || u64 sequence || u64 expiry (ms since 1970)
//                 || u32 size of value || value
//   digest      = SHA-512("kadmos:version:1" || u8 type || value)   (settles equivocations)
#include "kadmos/record.h"

#include <algorithm>

#include "base/recycled.h"
#include "crypto/sha512.h"

namespace kadmos {
namespace {

// What is signed, and then forgotten.
using Gathered = RecycledVector<Byte>;

void append(Gathered& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void append_number(Gathered& out, std::uint64_t number, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<Byte>(number >> (8 * i)));
}

void append_sized(Gathered& out, ByteView bytes) {
  append_number(out, bytes.size(), 4);
  append(out, bytes);
}

Gathered signed_bytes(const Record& record, std::string_view network) {
  constexpr std::string_view kTag = "kadmos:record:1";
  Gathered out;
  out.reserve(kTag.size() + network.size() + record.name.size() + record.value.size() + 64);
  append(out, view_of(kTag));
  append_sized(out, view_of(network));
  out.push_back(static_cast<Byte>(record.type));
  append(out, record.owner.bytes);
  append_sized(out, record.name);
  append_number(out, record.sequence, 8);
  append_number(out, static_cast<std::uint64_t>(record.expiry.time_since_epoch().count()), 8);
  append_sized(out, record.value);
  return out;
}

bool same_contents(const Record& a, const Record& b) {
  if (a.type == RecordType::floor || b.type == RecordType::floor) return digest(a) == digest(b);
  return a.type == b.type && a.value == b.value;
}

// What is wrong with the form of `record`; empty if nothing.
std::string_view malformed(const Record& record) {
  if (record.expiry < WallTime{}) return "its expiry is before 1970";
  switch (record.type) {
    case RecordType::content:
      if (record.owner != PublicKey{} || !record.name.empty() || record.sequence != 0 ||
          record.signature != Signature{}) {
        return "content has no owner, name, sequence or signature";
      }
      return {};
    case RecordType::tombstone:
      if (!record.value.empty()) return "a tombstone has no value";
      [[fallthrough]];
    case RecordType::owned:
      return record.sequence == 0 ? "its sequence is 0" : std::string_view{};
    case RecordType::provider:
      if (!announced(record)) return "it is no well-formed announcement";
      return record.sequence == 0 ? "its sequence is 0" : std::string_view{};
    case RecordType::floor:
      break;
  }
  return "its type is unknown";
}

}  // namespace

Key content_key(ByteView value) {
  return *Id::from_bytes(Sha512("kadmos:content:1").add(value).digest());
}

Key owned_key(const PublicKey& owner, ByteView name) {
  const auto owner_hash = Sha512().add(owner.bytes).digest();
  const auto name_hash = Sha512().add(name).digest();
  return *Id::from_bytes(Sha512("kadmos:owned:1").add(owner_hash).add(name_hash).digest());
}

Key key_of(const Record& record) {
  if (record.type == RecordType::content) return content_key(record.value);
  if (record.type == RecordType::provider) {
    // A name that is no key has no place of its own; such a record never verifies.
    if (const auto key = Id::from_bytes(record.name)) return provider_key(*key, record.owner);
  }
  return owned_key(record.owner, record.name);
}

void sign(Record& record, const Identity& owner, std::string_view network) {
  record.owner = owner.public_key();
  record.signature = owner.sign(signed_bytes(record, network));
}

Result<void> verify(const Record& record, const Key& key, std::string_view network) {
  const auto fail = [&](std::string_view why) {
    return Error(Errc::verification_failed,
                 "record for " + key.short_hex() + ": " + std::string(why));
  };
  if (const auto why = malformed(record); !why.empty()) return fail(why);
  if (key_of(record) != key) return fail("it belongs to another key");
  if (record.type != RecordType::content &&
      !verify(record.owner, signed_bytes(record, network), record.signature)) {
    return fail("its signature is not its owner's for this network");
  }
  return {};
}

ByteArray<64> digest(const Record& record) {
  ByteArray<64> out{};
  if (record.type == RecordType::floor) {
    std::copy_n(record.value.begin(), std::min(record.value.size(), out.size()), out.begin());
    return out;
  }
  const Byte type = static_cast<Byte>(record.type);
  return Sha512("kadmos:version:1").add({&type, 1}).add(record.value).digest();
}

std::strong_ordering order(const Record& a, const Record& b) {
  if (a.sequence != b.sequence) return a.sequence <=> b.sequence;
  if (!same_contents(a, b)) return digest(a) <=> digest(b);
  return a.expiry <=> b.expiry;
}

bool equivocates(const Record& a, const Record& b) {
  return a.sequence == b.sequence && !same_contents(a, b);
}

std::uint64_t fingerprint(const Key& key, const Record& record) {
  std::uint64_t out = 0;
  if (record.type == RecordType::content) {
    // Two lifetimes of one content are two versions.
    out = (key.top() ^ static_cast<std::uint64_t>(record.expiry.time_since_epoch().count())) *
          0x9e3779b97f4a7c15;
  } else {
    for (std::size_t i = 0; i < 8; ++i) out = out << 8 | record.signature[i];
  }
  return out == 0 ? 1 : out;
}

}  // namespace kadmos
