#include "net/harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "uv/address.h"
#include "wire/codec.h"

namespace kadmos::net {

namespace {
// Longer than anything takes on the busiest machine.
constexpr Duration kPatience = std::chrono::seconds(60);
}  // namespace

bool until(UvLoop& loop, const std::function<bool()>& done) {
  const TimePoint limit = loop.now() + kPatience;
  while (!done()) {
    if (loop.now() > limit) return false;
    const auto look = loop.after(std::chrono::milliseconds(1), [&loop] { loop.stop(); });
    loop.run();
  }
  return true;
}

Seed seed_of(int n) {
  Seed seed{};
  seed[0] = static_cast<Byte>(n);
  seed[1] = static_cast<Byte>(n >> 8);
  seed[31] = 1;
  return seed;
}

PublicKey key_of(int number) { return Identity::from_seed(seed_of(number)).public_key(); }

Endpoint loopback(std::uint16_t port) { return Endpoint::v4(127, 0, 0, 1, port); }

TransportOptions listening() {
  TransportOptions options;
  options.listen = loopback();
  options.dial_timeout = options.handshake_timeout = kPatience;
  options.frame_timeout = options.write_timeout = kPatience;
  return options;
}

Honest::Honest(UvLoop& on, int number, Config settings, TransportOptions options)
    : loop(on),
      identity(Identity::from_seed(seed_of(number))),
      config(std::move(settings)),
      transport(make_tls_transport(loop, identity, config, std::move(options))) {
  check(transport->start(*this).ok());
}

Contact Honest::contact() const { return {identity.public_key(), transport->listening()}; }

Stats Honest::stats() const {
  Stats stats;
  transport->add_stats(stats);
  return stats;
}

bool Honest::got(const std::string& text) const {
  return std::any_of(frames.begin(), frames.end(),
                     [&](const auto& frame) { return frame.second == text; });
}

void Honest::send(const Contact& to, const std::string& text) {
  inside_call_ = true;
  transport->send(to, to_bytes(text));
  inside_call_ = false;
}

void Honest::dial(const Contact& to) {
  inside_call_ = true;
  transport->dial(to);
  inside_call_ = false;
}

void Honest::probe(const Bootstrap& where) {
  inside_call_ = true;
  transport->probe(where);
  inside_call_ = false;
}

bool Honest::reaches(Honest& to) {
  static int count = 0;
  const std::string text = "ping " + std::to_string(++count);
  std::size_t losses = lost.size();
  send(to, text);
  return until(loop, [&] {
    if (lost.size() > losses) {
      losses = lost.size();
      send(to, text);
    }
    return to.got(text);
  });
}

bool still_serves(Honest& server) {
  Honest newcomer(server.loop, 1000, server.config);
  return newcomer.reaches(server) && server.reaches(newcomer);
}

void Honest::on_frame(const Peer& from, ByteView frame) {
  check(!inside_call_);
  frames.emplace_back(from, text_of(frame));
  if (frame_hook) frame_hook(from, frame);
}
void Honest::on_reached(const Bootstrap& probed, const Peer& peer) {
  check(!inside_call_);
  reached.emplace_back(probed, peer);
  if (event_hook) event_hook();
}
void Honest::on_probe_failed(const Bootstrap& probed, Unreachable why) {
  check(!inside_call_);
  probes_failed.emplace_back(probed, why);
  if (event_hook) event_hook();
}
void Honest::on_unreachable(const PublicKey& key, Unreachable why) {
  check(!inside_call_);
  lost.emplace_back(key, why);
  if (event_hook) event_hook();
}

// ---- Raw sockets

namespace {

void set_deadlines(int fd) {
  const timeval limit{60, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

RawSocket::RawSocket(const Endpoint& to)
    : fd_(socket(to.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  check(fd_ >= 0);
  set_deadlines(fd_);
  const sockaddr_storage address = to_sockaddr(to);
  const socklen_t size = to.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  check(connect(fd_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
}

RawSocket::RawSocket(int fd) : fd_(fd) { set_deadlines(fd_); }

RawSocket::~RawSocket() { ::close(fd_); }

bool RawSocket::write(const std::string& bytes) {
  return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

std::string RawSocket::read_some() {
  std::string bytes(16384, 0);
  const ssize_t got = recv(fd_, bytes.data(), bytes.size(), 0);
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

bool RawSocket::sees_close() {
  char buffer[4096];
  while (true) {
    const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
    if (got > 0) continue;
    return got == 0 || errno == ECONNRESET || errno == EPIPE;
  }
}

RawListener::RawListener() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_storage address = to_sockaddr(loopback());
  check(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(sockaddr_in)) == 0);
  check(::listen(fd_, 16) == 0);
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  check(getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size) == 0);
  endpoint_ = from_sockaddr(reinterpret_cast<const sockaddr*>(&bound));
}

RawListener::~RawListener() { ::close(fd_); }

int RawListener::accept() { return accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC); }

// ---- Raw TLS

namespace {

EVP_PKEY* make_key(const Manners& manners) {
  if (manners.key == "RSA") return EVP_RSA_gen(2048);
  if (manners.key == "EC") return EVP_EC_gen("P-256");
  const Seed seed = seed_of(manners.number);
  return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size());
}

X509* make_certificate(EVP_PKEY* key) {
  X509* x = X509_new();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
  X509_gmtime_adj(X509_getm_notBefore(x), 0);
  X509_gmtime_adj(X509_getm_notAfter(x), 3600);
  X509_NAME* name = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("stranger"), -1, -1, 0);
  X509_set_issuer_name(x, name);
  X509_set_pubkey(x, key);
  const bool edwards = EVP_PKEY_get_id(key) == EVP_PKEY_ED25519;
  check(X509_sign(x, key, edwards ? nullptr : EVP_sha256()) > 0);
  return x;
}

}  // namespace

RawTls::RawTls(RawSocket& socket, bool server, const Manners& manners)
    : context_(SSL_CTX_new(TLS_method())) {
  SSL_CTX_set_min_proto_version(context_, manners.version);
  SSL_CTX_set_max_proto_version(context_, manners.version);
  SSL_CTX_set_num_tickets(context_, 0);
  if (!manners.key.empty()) {
    EVP_PKEY* key = make_key(manners);
    X509* certificate = make_certificate(key);
    check(SSL_CTX_use_certificate(context_, certificate) == 1);
    check(SSL_CTX_use_PrivateKey(context_, key) == 1);
    for (int i = 1; i < manners.certificates; ++i) SSL_CTX_add1_chain_cert(context_, certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  std::string alpn;
  if (!manners.alpn.empty()) alpn = static_cast<char>(manners.alpn.size()) + manners.alpn;
  const auto accept_any = [](X509_STORE_CTX*, void*) { return 1; };
  SSL_CTX_set_cert_verify_callback(context_, accept_any, nullptr);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  const auto* bytes = reinterpret_cast<const unsigned char*>(alpn.data());
  if (!alpn.empty()) {
    SSL_CTX_set_alpn_protos(context_, bytes, static_cast<unsigned int>(alpn.size()));
  }
  SSL_CTX_set_alpn_select_cb(
      context_,
      [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char*, unsigned int,
         void* own) -> int {
        const auto& name = *static_cast<const std::string*>(own);
        if (name.empty()) return SSL_TLSEXT_ERR_NOACK;
        *out = reinterpret_cast<const unsigned char*>(name.data()) + 1;
        *size = static_cast<unsigned char>(name.size() - 1);
        return SSL_TLSEXT_ERR_OK;
      },
      &alpn);
  ssl_ = SSL_new(context_);
  SSL_set_fd(ssl_, socket.fd());
  secured_ = (server ? SSL_accept(ssl_) : SSL_connect(ssl_)) == 1;
  ERR_clear_error();
}

RawTls::~RawTls() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  ERR_clear_error();
}

bool RawTls::write(const std::string& plaintext) {
  ERR_clear_error();
  return secured_ && SSL_write(ssl_, plaintext.data(), static_cast<int>(plaintext.size())) > 0;
}

bool RawTls::write_slowly(const std::string& plaintext) {
  return std::all_of(plaintext.begin(), plaintext.end(),
                     [&](char byte) { return write(std::string(1, byte)); });
}

void RawTls::shut_down() { SSL_shutdown(ssl_); }

std::optional<std::string> RawTls::read_frame() {
  if (!secured_) return std::nullopt;
  while (true) {
    const auto colon = buffer_.find(':');
    if (colon != std::string::npos) {
      const std::size_t size = std::stoul(buffer_.substr(0, colon));
      if (buffer_.size() >= colon + size + 2) {
        std::string payload = buffer_.substr(colon + 1, size);
        buffer_.erase(0, colon + size + 2);
        return payload;
      }
    }
    char chunk[4096];
    ERR_clear_error();
    const int got = SSL_read(ssl_, chunk, sizeof chunk);
    if (got <= 0) return std::nullopt;
    buffer_.append(chunk, static_cast<std::size_t>(got));
  }
}

bool RawTls::sees_close() {
  if (!secured_) return true;
  while (read_frame()) {
  }
  const int got = SSL_get_error(ssl_, 0);
  return got != SSL_ERROR_WANT_READ && errno != EAGAIN;
}

std::string netstring(const std::string& payload) {
  return std::to_string(payload.size()) + ":" + payload + ",";
}

std::string hello(const std::string& network, std::uint32_t version) {
  const wire::Hello said{version, network, Endpoints(), true};
  return netstring(std::string(text_of(wire::encode(said))));
}

}  // namespace kadmos::net
