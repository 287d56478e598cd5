// TLS between two identities, without a socket.
#include "uv/tls.h"

#include <doctest/doctest.h>

namespace kadmos {
namespace {

Identity identity(Byte seed) {
  Seed bytes{};
  bytes[0] = seed;
  return Identity::from_seed(bytes);
}

struct End {
  End(Byte seed, TlsStream::Role role) : context(identity(seed)), tls(context, spares, role, {}) {}

  // What `other` wrote comes here.
  void hear(End& other) {
    const Bytes ciphertext = std::exchange(other.tls.output(), {});
    tls.feed(ciphertext);
    if (tls.handshake() == TlsStream::Outcome::done) {
      std::size_t got = 0;
      while (tls.read(plain.data(), plain.size(), got) == TlsStream::Outcome::done) heard += got;
    }
    tls.keep();
  }

  Spares spares;
  TlsContext context;
  TlsStream tls;
  Bytes plain = Bytes(16 * 1024);
  std::size_t heard = 0;
};

TEST_CASE("What is written at once goes out in one record though little was written before") {
  End a(1, TlsStream::Role::client);
  End b(2, TlsStream::Role::server);
  a.tls.handshake();
  for (int i = 0; i < 3; ++i) {
    b.hear(a);
    a.hear(b);
  }
  REQUIRE(a.tls.write(Bytes(10)));
  b.hear(a);
  REQUIRE(b.heard == 10);
  REQUIRE(a.tls.write(Bytes(10'000)));
  CHECK(a.tls.output().size() == 10'000 + 22);  // header, type and tag of one record
  b.hear(a);
  CHECK(b.heard == 10'010);
}

}  // namespace
}  // namespace kadmos
