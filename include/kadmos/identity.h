// Who a node is: an Ed25519 key pair. The id of a node is derived from its public key, never
// believed, so nobody can choose or claim an id.
#pragma once

#include <compare>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kadmos/bytes.h"
#include "kadmos/id.h"
#include "kadmos/result.h"

namespace kadmos {

using Signature = ByteArray<64>;

// Overwrites a secret in a way that no compiler leaves out.
void wipe(std::span<Byte> secret);

// The secret from which a key pair follows. Each copy is wiped when it goes.
struct Seed : ByteArray<32> {
  ~Seed();
};

struct PublicKey {
  ByteArray<32> bytes{};

  static std::optional<PublicKey> from_hex(std::string_view hex);
  std::string hex() const { return to_hex(bytes); }
  friend auto operator<=>(const PublicKey&, const PublicKey&) = default;
  friend bool operator==(const PublicKey& a, const PublicKey& b) {
    return same_words(a.bytes, b.bytes);
  }
};

// A key pair. Movable, not copyable: one owner of a secret, which is in memory once, here, and
// wiped at the end. Signing is deterministic (RFC 8032).
class Identity {
 public:
  // The pair that belongs to a 32-byte secret seed. The seed must come from a secure source
  // (`random_seed` of kadmos/uv.h); the core has none.
  static Identity from_seed(const Seed& seed);
  // The same, with the secret in memory of its own, which is read-only, not swapped out, left out
  // of core dumps, and lies between pages that end the program when they are touched. It takes four
  // pages: for what a program goes by, not for a million simulated nodes.
  static Identity guarded(const Seed& seed);

  Identity(Identity&&) noexcept;
  Identity& operator=(Identity&&) noexcept;
  ~Identity();

  const PublicKey& public_key() const;
  const Id& id() const;
  // A copy of the secret, for saving it. Handle with care.
  Seed seed() const;
  // Whether the secret is never swapped out. Not unless it is guarded, nor if this process may lock
  // no memory (`ulimit -l`).
  bool locked() const;

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
