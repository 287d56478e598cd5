#include "uv/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace kadmos {
namespace {

// ALPN's form: a length, then the name.
constexpr unsigned char kAlpn[] = {8, 'k', 'a', 'd', 'm', 'o', 's', '/', '1'};
// Two of our certificates fit; a chain meant to fill memory does not.
constexpr long kCertificateBytes = 4096;

using KeyPair = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

// Nobody reads anything in it but the key, so all else is constant.
Certificate make_certificate(EVP_PKEY* key) {
  Certificate certificate(X509_new(), X509_free);
  X509* x = certificate.get();
  check(x != nullptr && X509_set_version(x, X509_VERSION_3) == 1);
  check(ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1);
  check(ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "20000101000000Z") == 1);
  check(ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "99991231235959Z") == 1);
  X509_NAME* name = X509_get_subject_name(x);
  check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>("kadmos"), -1, -1,
                                   0) == 1);
  check(X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key) == 1);
  check(X509_sign(x, key, nullptr) > 0);
  return certificate;
}

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned int in_size, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kAlpn, sizeof kAlpn, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// What others have left in OpenSSL's queue of errors would be taken for an error of the next call.
// Looking is cheaper than clearing.
void clear_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

bool alpn_agreed(SSL* ssl) {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &name, &size);
  return size == kAlpn[0] && std::memcmp(name, kAlpn + 1, size) == 0;
}

}  // namespace

// OpenSSL's view of the two byte strings of a stream. Unlike BIO_s_mem it reads the input where it
// lies and lets the output be moved out without a copy.
struct TlsStream::Bio {
  static TlsStream& self(BIO* bio) { return *static_cast<TlsStream*>(BIO_get_data(bio)); }

  static int write(BIO* bio, const char* data, std::size_t size, std::size_t* written) {
    Bytes& output = self(bio).output_;
    if (output.capacity() == 0) output = self(bio).spares_.take();
    const auto* bytes = reinterpret_cast<const Byte*>(data);
    output.insert(output.end(), bytes, bytes + size);
    *written = size;
    return 1;
  }
  static int read(BIO* bio, char* data, std::size_t size, std::size_t* got) {
    ByteView& input = self(bio).input_;
    *got = std::min(size, input.size());
    BIO_clear_retry_flags(bio);
    if (*got == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(data, input.data(), *got);
    input = input.subspan(*got);
    return 1;
  }
  static long control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_PUSH || command == BIO_CTRL_POP ? 1 : 0;
  }
  static const BIO_METHOD* method() {
    static const BIO_METHOD* const kMethod = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kadmos bytes");
      check(made != nullptr && BIO_meth_set_write_ex(made, write) == 1 &&
            BIO_meth_set_read_ex(made, read) == 1 && BIO_meth_set_ctrl(made, control) == 1);
      return made;
    }();
    return kMethod;
  }
};

TlsContext::TlsContext(const Identity& identity)
    : own_key_(identity.public_key()), context_(SSL_CTX_new(TLS_method())) {
  SSL_CTX* context = context_.get();
  check(context != nullptr);
  check(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  check(SSL_CTX_set_num_tickets(context, 0) == 1 && SSL_CTX_set_max_early_data(context, 0) == 1);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_cert_list(context, kCertificateBytes);
  check(SSL_CTX_set1_groups_list(context, "X25519") == 1);

  const Seed seed = identity.seed();
  const KeyPair key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()),
      EVP_PKEY_free);
  check(key != nullptr);
  const Certificate certificate = make_certificate(key.get());
  check(SSL_CTX_use_certificate(context, certificate.get()) == 1 &&
        SSL_CTX_use_PrivateKey(context, key.get()) == 1);

  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(
      context,
      [](X509_STORE_CTX* chain, void*) -> int {
        const int index = SSL_get_ex_data_X509_STORE_CTX_idx();
        const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, index));
        if (static_cast<TlsStream*>(SSL_get_app_data(ssl))->accept(chain)) return 1;
        X509_STORE_CTX_set_error(chain, X509_V_ERR_CERT_REJECTED);
        return 0;
      },
      nullptr);
  check(SSL_CTX_set_alpn_protos(context, kAlpn, sizeof kAlpn) == 0);
  SSL_CTX_set_alpn_select_cb(context, select_alpn, nullptr);
}

TlsStream::TlsStream(const TlsContext& context, Spares& spares, Role role,
                     std::optional<PublicKey> expected)
    : context_(context), spares_(spares), expected_(expected), ssl_(SSL_new(context.raw())) {
  check(ssl_ != nullptr);
  SSL_set_app_data(ssl_, this);
  BIO* bio = BIO_new(Bio::method());
  check(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  if (role == Role::client) {
    SSL_set_connect_state(ssl_);
  } else {
    SSL_set_accept_state(ssl_);
  }
}

TlsStream::~TlsStream() { SSL_free(ssl_); }

bool TlsStream::accept(X509_STORE_CTX* chain) {
  failure_ = Failure::identity;
  X509* certificate = X509_STORE_CTX_get0_cert(chain);
  if (certificate == nullptr || sk_X509_num(X509_STORE_CTX_get0_untrusted(chain)) != 1) {
    return false;
  }
  EVP_PKEY* key = X509_get0_pubkey(certificate);
  std::size_t size = peer_key_.bytes.size();
  if (key == nullptr || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key, peer_key_.bytes.data(), &size) != 1 ||
      size != peer_key_.bytes.size()) {
    return false;
  }
  if (expected_ && peer_key_ != *expected_) {
    failure_ = Failure::wrong_key;
    return false;
  }
  failure_ = Failure::none;
  return true;
}

ByteArray<SSL3_RANDOM_SIZE> TlsStream::client_random() const {
  ByteArray<SSL3_RANDOM_SIZE> out{};
  SSL_get_client_random(ssl_, out.data(), out.size());
  return out;
}

void TlsStream::feed(ByteView ciphertext) {
  if (input_.empty()) {
    kept_ = Bytes();
    input_ = ciphertext;
    return;
  }
  kept_.erase(kept_.begin(), kept_.end() - static_cast<std::ptrdiff_t>(input_.size()));
  kept_.insert(kept_.end(), ciphertext.begin(), ciphertext.end());
  input_ = kept_;
}

void TlsStream::keep() {
  if (input_.empty()) {
    kept_ = Bytes();
  } else if (kept_.empty()) {
    kept_ = to_bytes(input_);
    input_ = kept_;
  }
}

TlsStream::Outcome TlsStream::judge(int result) {
  const int error = SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_WANT_READ) return Outcome::starved;
  if (error == SSL_ERROR_ZERO_RETURN) return Outcome::ended;
  if (failure_ == Failure::none) {
    const int reason = ERR_GET_REASON(ERR_peek_error());
    const bool alpn = reason == SSL_R_NO_APPLICATION_PROTOCOL ||
                      reason == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL;
    failure_ = alpn ? Failure::foreign : Failure::protocol;
  }
  ERR_clear_error();
  return Outcome::failed;
}

TlsStream::Outcome TlsStream::handshake() {
  clear_errors();
  const int result = SSL_do_handshake(ssl_);
  if (result != 1) return judge(result);
  // A peer that offers no ALPN at all does not reach the selection.
  if (!alpn_agreed(ssl_)) {
    failure_ = Failure::foreign;
    return Outcome::failed;
  }
  return Outcome::done;
}

TlsStream::Outcome TlsStream::read(Byte* data, std::size_t size, std::size_t& got) {
  // OpenSSL would come to the same, but by way of a buffer of 16 KiB.
  if (input_.empty() && SSL_pending(ssl_) == 0) return Outcome::starved;
  clear_errors();
  const int result = SSL_read_ex(ssl_, data, size, &got);
  return result == 1 ? Outcome::done : judge(result);
}

bool TlsStream::write(ByteView plaintext) {
  // OpenSSL allocates and frees a buffer for the largest record it may write, each time. A smaller
  // one also lowers where it splits what is written, for good, unless that is said anew.
  constexpr std::size_t kSmallest = 512;
  const auto record =
      std::clamp<std::size_t>(plaintext.size(), kSmallest, SSL3_RT_MAX_PLAIN_LENGTH);
  check(SSL_set_max_send_fragment(ssl_, static_cast<long>(record)) == 1 &&
        SSL_set_split_send_fragment(ssl_, static_cast<long>(record)) == 1);
  clear_errors();
  std::size_t written = 0;
  const int result = SSL_write_ex(ssl_, plaintext.data(), plaintext.size(), &written);
  if (result == 1) return written == plaintext.size();
  judge(result);
  return false;
}

void TlsStream::shutdown() {
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

}  // namespace kadmos
