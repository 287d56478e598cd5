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

void wipe(std::span<Byte> secret) { sodium_memzero(secret.data(), secret.size()); }

Seed::~Seed() { wipe(*this); }

struct Identity::Impl {
  // What the library signs with: the seed and the public key.
  using Secret = ByteArray<crypto_sign_SECRETKEYBYTES>;
  static_assert(crypto_sign_SECRETKEYBYTES == 32 + crypto_sign_PUBLICKEYBYTES);

  static void wipe_and_delete(Secret* secret) {
    wipe(*secret);
    delete secret;
  }
  static void free_guarded(Secret* secret) { sodium_free(secret); }  // which wipes it

  Impl(std::unique_ptr<Secret, void (*)(Secret*)> memory, const Seed& seed)
      : secret(std::move(memory)) {
    check(secret != nullptr &&
          crypto_sign_seed_keypair(key.bytes.data(), secret->data(), seed.data()) == 0);
    id = id_of(key);
  }

  std::unique_ptr<Secret, void (*)(Secret*)> secret;
  PublicKey key;
  Id id;
  bool locked = false;
};

Identity Identity::from_seed(const Seed& seed) {
  prepare();
  return Identity(std::make_unique<Impl>(std::unique_ptr<Impl::Secret, void (*)(Impl::Secret*)>(
                                             new Impl::Secret{}, Impl::wipe_and_delete),
                                         seed));
}

Identity Identity::guarded(const Seed& seed) {
  prepare();
  auto* memory = static_cast<Impl::Secret*>(sodium_malloc(sizeof(Impl::Secret)));
  auto impl = std::make_unique<Impl>(
      std::unique_ptr<Impl::Secret, void (*)(Impl::Secret*)>(memory, Impl::free_guarded), seed);
  // Done already, but for saying whether it was.
  impl->locked = sodium_mlock(memory, sizeof *memory) == 0;
  check(sodium_mprotect_readonly(memory) == 0);
  return Identity(std::move(impl));
}

Identity::Identity(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Identity::Identity(Identity&&) noexcept = default;
Identity& Identity::operator=(Identity&&) noexcept = default;
Identity::~Identity() = default;

const PublicKey& Identity::public_key() const { return impl_->key; }
const Id& Identity::id() const { return impl_->id; }
bool Identity::locked() const { return impl_->locked; }

Seed Identity::seed() const {
  Seed out{};
  std::copy_n(impl_->secret->begin(), out.size(), out.begin());
  return out;
}

Signature Identity::sign(ByteView message) const {
  Signature out{};
  check(crypto_sign_detached(out.data(), nullptr, message.data(), message.size(),
                             impl_->secret->data()) == 0);
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
