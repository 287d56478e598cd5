// Two kinds of peers for the tests of the transport: honest ones (real transports on a loop of the
// test) and hostile ones (raw sockets and raw OpenSSL on a thread of their own, blocking).
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kadmos/uv.h"
#include "wire/messages.h"

namespace kadmos::net {

// Runs the loop until `done()`. False if that takes unreasonably long.
bool until(UvLoop& loop, const std::function<bool()>& done);

// The identity number n.
Seed seed_of(int n);
Endpoint loopback(std::uint16_t port = 0);
// Listening there, with deadlines that no test meets.
TransportOptions listening();

// An honest peer: a transport and what it told.
class Honest final : public TransportListener {
 public:
  Honest(UvLoop& on, int number, Config settings = {}, TransportOptions options = listening());
  Contact contact() const;
  Stats stats() const;
  void send(const Honest& to, const std::string& text) { send(to.contact(), text); }
  void send(const Contact& to, const std::string& text);
  void dial(const Contact& to);
  void probe(const Bootstrap& where);
  // Sends to `to`, again if it got lost, and waits until it has arrived.
  bool reaches(Honest& to);
  bool got(const std::string& text) const;

  void on_frame(const Peer& from, ByteView frame) override;
  void on_reached(const Bootstrap& probed, const Peer& peer) override;
  void on_probe_failed(const Bootstrap& probed, Unreachable why) override;
  void on_unreachable(const PublicKey& key, Unreachable why) override;
  void on_twin(const Endpoint& where) override { twins.push_back(where); }
  void on_crowded(const std::string& what) override { crowded.push_back(what); }
  bool owes(const PublicKey&) const override { return owing; }

  UvLoop& loop;
  Identity identity;
  Config config;
  std::unique_ptr<Transport> transport;
  std::vector<std::pair<Peer, std::string>> frames;
  std::vector<std::pair<Bootstrap, Peer>> reached;
  std::vector<std::pair<Bootstrap, Unreachable>> probes_failed;
  std::vector<std::pair<PublicKey, Unreachable>> lost;
  std::vector<Endpoint> twins;
  std::vector<std::string> crowded;
  bool owing = false;
  std::function<void(const Peer&, ByteView)> frame_hook;
  std::function<void()> event_hook;

 private:
  bool inside_call_ = false;  // the listener must not be called now
};

// Whether a newcomer still gets through to `server`.
bool still_serves(Honest& server);

// Runs `script` on a thread, and the loop until the script is over. Gives what the script gives.
template <class F>
auto meanwhile(UvLoop& loop, F script) {
  std::optional<decltype(script())> result;
  std::atomic<bool> done = false;
  std::thread thread([&] {
    result.emplace(script());
    done = true;
  });
  until(loop, [&] { return done.load(); });
  thread.join();
  return *std::move(result);
}

// A blocking socket with a deadline for each call.
class RawSocket {
 public:
  explicit RawSocket(const Endpoint& to);
  explicit RawSocket(int fd);
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;
  ~RawSocket();

  int fd() const { return fd_; }
  bool write(const std::string& bytes);
  // What the peer sends next: one segment, on loopback. Empty if it closes or says nothing.
  std::string read_some();
  // Whether the peer closes within the deadline; what it sends until then is read away.
  bool sees_close();

 private:
  int fd_ = -1;
};

// How a raw TLS end differs from an honest one.
struct Manners {
  int number = 99;              // whose key
  std::string key = "ED25519";  // or "RSA", "EC"; empty: no certificate
  int certificates = 1;
  int version = TLS1_3_VERSION;
  std::string alpn = "kadmos/1";  // empty: none
};

// A raw TLS end over a RawSocket.
class RawTls {
 public:
  RawTls(RawSocket& socket, bool server, const Manners& manners);
  RawTls(const RawTls&) = delete;
  RawTls& operator=(const RawTls&) = delete;
  ~RawTls();

  bool secured() const { return secured_; }
  bool write(const std::string& plaintext);
  void shut_down();  // close_notify
  // One byte a TLS record and a TCP segment.
  bool write_slowly(const std::string& plaintext);
  // The next whole frame; nothing when the peer closes.
  std::optional<std::string> read_frame();
  bool sees_close();

 private:
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  bool secured_ = false;
  std::string buffer_;
};

// A raw TCP listener on a free port of 127.0.0.1.
class RawListener {
 public:
  RawListener();
  RawListener(const RawListener&) = delete;
  RawListener& operator=(const RawListener&) = delete;
  ~RawListener();
  Endpoint endpoint() const { return endpoint_; }
  int accept();

 private:
  int fd_ = -1;
  Endpoint endpoint_;
};

std::string netstring(const std::string& payload);
// A framed hello as an honest peer of `network` says it.
std::string hello(const std::string& network = "kadmos", std::uint32_t version = wire::kVersion);
PublicKey key_of(int number);

}  // namespace kadmos::net
