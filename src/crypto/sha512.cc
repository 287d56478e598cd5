#include "crypto/sha512.h"

#include <openssl/evp.h>

#include "base/check.h"

namespace kadmos {
namespace {

// Looking the algorithm up costs more than a short hash, so it is done once. Never freed: OpenSSL
// tears itself down at exit in an order of its own.
const EVP_MD* algorithm() {
  static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA512", nullptr);
  check(found != nullptr);
  return found;
}

}  // namespace

void Sha512::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha512::Sha512(std::string_view tag) : context_(EVP_MD_CTX_new()) {
  check(context_ != nullptr && EVP_DigestInit_ex2(context_.get(), algorithm(), nullptr) == 1);
  add(view_of(tag));
}

Sha512& Sha512::add(ByteView bytes) {
  check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  return *this;
}

Sha512::Digest Sha512::digest() {
  Digest out{};
  check(EVP_DigestFinal_ex(context_.get(), out.data(), nullptr) == 1);
  return out;
}

}  // namespace kadmos
