// TLS 1.3 between two identities, without a socket: ciphertext goes in and comes out as bytes.
//
// A node's certificate is made in memory from its Ed25519 identity and signed by itself. The peer
// must show exactly one certificate with an Ed25519 key, and TLS makes it prove that it has the
// key; that key is who the peer is. Names, dates, issuers and extensions mean nothing and are not
// looked at. Both sides must agree on ALPN "kadmos/1". No tickets, no resumption, no early data.
//
// Half-closing is part of the contract: after shutdown() a stream still reads, and after the peer's
// close_notify it still writes.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>

#include "kadmos/bytes.h"
#include "kadmos/identity.h"
#include "uv/spare.h"

namespace kadmos {

// What all streams of one identity share.
class TlsContext {
 public:
  explicit TlsContext(const Identity& identity);

  SSL_CTX* raw() const { return context_.get(); }
  const PublicKey& own_key() const { return own_key_; }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  PublicKey own_key_;
  std::unique_ptr<SSL_CTX, Free> context_;
};

class TlsStream {
 public:
  enum class Role : Byte { client, server };
  enum class Outcome : Byte {
    done,     // the handshake is complete; or bytes were read
    starved,  // nothing more to do until more ciphertext is fed
    ended,    // the peer's close_notify: it will send no more
    failed,   // see failure(); the stream is dead
  };
  enum class Failure : Byte {
    none,
    protocol,   // not TLS 1.3, or broken, or the peer gave up on us
    identity,   // no certificate, several, or a key that is not Ed25519
    wrong_key,  // not the expected key
    foreign,    // another ALPN, or none
  };

  // `context` and `spares` must outlive the stream. With `expected`, only that key is accepted.
  TlsStream(const TlsContext& context, Spares& spares, Role role,
            std::optional<PublicKey> expected);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;
  ~TlsStream();

  // Ciphertext that came from the peer; taken up by handshake() and read(). It is borrowed until
  // keep().
  void feed(ByteView ciphertext);
  // Copies what was not taken up, before the memory that was fed goes.
  void keep();
  // Ciphertext to send; grows with every other call. The caller takes what it could send, and
  // gives the buffer to the spares once it is empty.
  Bytes& output() { return output_; }

  // Goes on with the handshake: done, starved or failed.
  Outcome handshake();
  // Decrypts up to `size` bytes into `data`; on `done`, `got` says how many.
  Outcome read(Byte* data, std::size_t size, std::size_t& got);
  // Encrypts all of `plaintext`. False: the stream is dead.
  bool write(ByteView plaintext);
  // Says close_notify: nothing will be written any more.
  void shutdown();

  Failure failure() const { return failure_; }
  // The peer's proved key; meaningful once the handshake is done. It may be this node's own.
  const PublicKey& peer_key() const { return peer_key_; }
  // What the dialling end chose at random: both ends of one connection give the same.
  ByteArray<SSL3_RANDOM_SIZE> client_random() const;

 private:
  friend class TlsContext;
  struct Bio;

  Outcome judge(int result);
  // Whether the certificate chain is one we take; notes the key or the failure.
  bool accept(X509_STORE_CTX* chain);

  const TlsContext& context_;
  Spares& spares_;
  std::optional<PublicKey> expected_;
  PublicKey peer_key_;
  Failure failure_ = Failure::none;
  ByteView input_;  // what OpenSSL has not read yet
  Bytes kept_;      // where that lies, if it is not borrowed
  Bytes output_;
  SSL* ssl_ = nullptr;
};

}  // namespace kadmos
