// Who a node is: an Ed25519 key pair. The id of a node is derived from its public key, never
// believed, so nobody can choose or claim an id.
#pragma once

#include <compare>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kadmos/bytes.h"
#include "kadmos/id.h"
#include "kadmos/result.h"

namespace kadmos {

using Signature = ByteArray<64>;
using Seed = ByteArray<32>;

struct PublicKey {
  ByteArray<32> bytes{};

  static std::optional<PublicKey> from_hex(std::string_view hex);
  std::string hex() const { return to_hex(bytes); }
  friend auto operator<=>(const PublicKey&, const PublicKey&) = default;
  friend bool operator==(const PublicKey& a, const PublicKey& b) {
    return same_words(a.bytes, b.bytes);
  }
};

// A key pair. Movable, not copyable: one owner of a secret. Signing is deterministic (RFC 8032).
class Identity {
 public:
  // The pair that belongs to a 32-byte secret seed. The seed must come from a secure source
  // (`random_seed` of kadmos/uv.h); the core has none.
  static Identity from_seed(const Seed& seed);

  Identity(Identity&&) noexcept;
  Identity& operator=(Identity&&) noexcept;
  ~Identity();

  const PublicKey& public_key() const;
  const Id& id() const;
  // The secret, for saving it. Handle with care.
  const Seed& seed() const;

  // About 15 us.
  Signature sign(ByteView message) const;

 private:
  struct Impl;
  explicit Identity(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// SHA-512 of the public key under a domain tag.
Id id_of(const PublicKey& key);

// Whether `signature` is `key`'s over `message`, as RFC 8032 says; never for a key of small order,
// for which anybody could sign. About 40 us.
bool verify(const PublicKey& key, ByteView message, const Signature& signature);

}  // namespace kadmos
