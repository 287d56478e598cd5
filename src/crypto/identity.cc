// Ed25519 through OpenSSL's EVP. OpenSSL's failures are turned here: of ours into check(), of a
// peer's bytes into false. Its error queue is left as found, since the TLS transport reads it.
#include "kadmos/identity.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>

#include "base/check.h"
#include "crypto/sha512.h"

namespace kadmos {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Free>;
using ContextPtr = std::unique_ptr<EVP_MD_CTX, Free>;

}  // namespace

std::optional<PublicKey> PublicKey::from_hex(std::string_view hex) {
  const auto bytes = kadmos::from_hex(hex);
  PublicKey out;
  if (!bytes || bytes->size() != out.bytes.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), out.bytes.begin());
  return out;
}

struct Identity::Impl {
  ~Impl() { OPENSSL_cleanse(seed.data(), seed.size()); }

  KeyPtr pair;
  Seed seed{};
  PublicKey key;
  Id id;
};

Identity Identity::from_seed(const Seed& seed) {
  auto impl = std::make_unique<Impl>();
  impl->seed = seed;
  impl->pair.reset(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  check(impl->pair != nullptr);
  std::size_t size = impl->key.bytes.size();
  check(EVP_PKEY_get_raw_public_key(impl->pair.get(), impl->key.bytes.data(), &size) == 1);
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
  const ContextPtr context(EVP_MD_CTX_new());
  check(context != nullptr &&
        EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, impl_->pair.get()) == 1);
  Signature out{};
  std::size_t size = out.size();
  check(EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()) == 1);
  return out;
}

Id id_of(const PublicKey& key) {
  return *Id::from_bytes(Sha512("kadmos:node:1").add(key.bytes).digest());
}

bool verify(const PublicKey& key, ByteView message, const Signature& signature) {
  ERR_set_mark();
  const KeyPtr pair(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()));
  const ContextPtr context(EVP_MD_CTX_new());
  const bool good =
      pair != nullptr && context != nullptr &&
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pair.get()) == 1 &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                       message.size()) == 1;
  ERR_pop_to_mark();
  return good;
}

}  // namespace kadmos
