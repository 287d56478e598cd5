// Ed25519 by libsodium, which checks a signature in three fifths of OpenSSL's time and takes no key
// of small order, for which anybody could sign anything. TLS proves the same keys with OpenSSL's.
#include "kadmos/identity.h"

#include <sodium.h>

#include <algorithm>

#include "base/check.h"
#include "crypto/sha512.h"

namespace kadmos {
namespace {

// Before any other call of the library.
void prepare() {
  static const bool ready = sodium_init() >= 0;
  check(ready);
}

}  // namespace

std::optional<PublicKey> PublicKey::from_hex(std::string_view hex) {
  const auto bytes = kadmos::from_hex(hex);
  PublicKey out;
  if (!bytes || bytes->size() != out.bytes.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), out.bytes.begin());
  return out;
}

struct Identity::Impl {
  ~Impl() {
    sodium_memzero(secret.data(), secret.size());
    sodium_memzero(seed.data(), seed.size());
  }

  ByteArray<crypto_sign_SECRETKEYBYTES> secret{};  // what the library signs with
  Seed seed{};
  PublicKey key;
  Id id;
};

Identity Identity::from_seed(const Seed& seed) {
  prepare();
  auto impl = std::make_unique<Impl>();
  impl->seed = seed;
  check(crypto_sign_seed_keypair(impl->key.bytes.data(), impl->secret.data(), seed.data()) == 0);
  impl->id = id_of(impl->key);
  return Identity(std::move(impl));
}

Identity::Identity(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Identity::Identity(Identity&&) noexcept = default;
Identity& Identity::operator=(Identity&&) noexcept = default;
Identity::~Identity() = default;

const PublicKey& Identity::public_key() const { return impl_->key; }
const Id& Identity::id() const { return impl_->id; }
const Seed& Identity::seed() const { return impl_->seed; }

Signature Identity::sign(ByteView message) const {
  Signature out{};
  check(crypto_sign_detached(out.data(), nullptr, message.data(), message.size(),
                             impl_->secret.data()) == 0);
  return out;
}

Id id_of(const PublicKey& key) {
  return *Id::from_bytes(Sha512("kadmos:node:1").add(key.bytes).digest());
}

bool verify(const PublicKey& key, ByteView message, const Signature& signature) {
  prepare();
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     key.bytes.data()) == 0;
}

}  // namespace kadmos
