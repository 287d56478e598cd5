// floor_bench: what the kernel, TLS and signatures alone cost on this machine, without any of
// kadmos: nothing built on them can be cheaper. Then how much of that a real node takes from them:
// answers of one node, beside a bare echo of netstrings over TLS on libuv. A node alone answers
// with a value and no contacts; one among others with as many as in a network, and the echo beside
// it carries messages of the same sizes. Asserts nothing.
//
// One thread plays both ends of everything, as the nodes of swarm_bench share one; so a message
// costs what sending and receiving it cost together.
#include <arpa/inet.h>
#include <fmt/core.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "kadmos/kadmos.h"
#include "tests/bench/common/load.h"
#include "tests/bench/common/options.h"
#include "tests/bench/common/table.h"
#include "uv/loop.h"
#include "wire/codec.h"

namespace kadmos::bench {
namespace {

constexpr std::size_t kBytes = 150;  // about a request or a reply of kadmos

constexpr const char* kFooter = R"(
Each figure is the median of the rounds, which take turns. "us" is microseconds of processor time,
of both ends together.

Examples:
  floor_bench
  floor_bench --rounds 9 --json floor.json
)";

// Processor time a call of `fn` takes, in microseconds.
double cost(std::size_t times, const std::function<void()>& fn) {
  const auto begin = processor_time();
  for (std::size_t i = 0; i < times; ++i) fn();
  return milliseconds(processor_time() - begin) * 1000 / static_cast<double>(times);
}

// Two connected sockets over loopback.
class Pair {
 public:
  explicit Pair(int type) {
    const int listener = socket(AF_INET, type, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof at;
    check(bind(listener, reinterpret_cast<sockaddr*>(&at), length) == 0);
    check(getsockname(listener, reinterpret_cast<sockaddr*>(&at), &length) == 0);
    a_ = socket(AF_INET, type, 0);
    if (type == SOCK_STREAM) check(listen(listener, 1) == 0);
    check(connect(a_, reinterpret_cast<sockaddr*>(&at), length) == 0);
    b_ = listener;
    if (type == SOCK_STREAM) {
      b_ = accept(listener, nullptr, nullptr);
      close(listener);
    }
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    close(a_);
    close(b_);
  }
  int a() const { return a_; }
  int b() const { return b_; }
  // One message from a to b.
  void pass() const {
    std::array<char, kBytes> message{};
    check(send(a_, message.data(), message.size(), 0) == ssize_t{kBytes});
    check(recv(b_, message.data(), message.size(), MSG_WAITALL) == ssize_t{kBytes});
  }

 private:
  int a_ = -1;
  int b_ = -1;
};

// Signs and checks as OpenSSL does, which TLS proves keys with.
class OpensslPair {
 public:
  OpensslPair() : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")), context_(EVP_MD_CTX_new()) {
    check(key_ != nullptr && context_ != nullptr);
  }
  OpensslPair(const OpensslPair&) = delete;
  OpensslPair& operator=(const OpensslPair&) = delete;
  ~OpensslPair() {
    EVP_MD_CTX_free(context_);
    EVP_PKEY_free(key_);
  }
  Signature sign(ByteView message) const {
    Signature out{};
    std::size_t size = out.size();
    check(EVP_MD_CTX_reset(context_) == 1 &&
          EVP_DigestSignInit(context_, nullptr, nullptr, nullptr, key_) == 1 &&
          EVP_DigestSign(context_, out.data(), &size, message.data(), message.size()) == 1);
    return out;
  }
  bool verify(ByteView message, const Signature& signature) const {
    return EVP_MD_CTX_reset(context_) == 1 &&
           EVP_DigestVerifyInit(context_, nullptr, nullptr, nullptr, key_) == 1 &&
           EVP_DigestVerify(context_, signature.data(), signature.size(), message.data(),
                            message.size()) == 1;
  }

 private:
  EVP_PKEY* key_;
  EVP_MD_CTX* context_;
};

// A context of TLS 1.3 that serves with an Ed25519 certificate and asks for none.
class Tls {
 public:
  Tls() {
    EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    X509* certificate = X509_new();
    check(key != nullptr && certificate != nullptr);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    check(X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, nullptr) > 0);
    context_ = SSL_CTX_new(TLS_method());
    SSL_CTX_set_min_proto_version(context_, TLS1_3_VERSION);
    SSL_CTX_set_num_tickets(context_, 0);
    check(SSL_CTX_use_certificate(context_, certificate) == 1);
    check(SSL_CTX_use_PrivateKey(context_, key) == 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;
  ~Tls() { SSL_CTX_free(context_); }
  // An end of a connection that reads and writes memory.
  SSL* end(bool server) const {
    SSL* out = SSL_new(context_);
    SSL_set_bio(out, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    server ? SSL_set_accept_state(out) : SSL_set_connect_state(out);
    return out;
  }

 private:
  SSL_CTX* context_ = nullptr;
};

// Moves what one end wrote to what the other reads.
void carry(SSL* from, SSL* to) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(SSL_get_wbio(from), &data);
  if (size <= 0) return;
  BIO_write(SSL_get_rbio(to), data, static_cast<int>(size));
  BIO_reset(SSL_get_wbio(from));
}

double record_cost(std::size_t times) {
  const Tls tls;
  SSL* client = tls.end(false);
  SSL* server = tls.end(true);
  while (SSL_do_handshake(client) != 1 || SSL_do_handshake(server) != 1) {
    carry(client, server);
    SSL_do_handshake(server);
    carry(server, client);
  }
  std::array<char, kBytes> message{};
  const double out = cost(times, [&] {
    check(SSL_write(client, message.data(), kBytes) == int{kBytes});
    carry(client, server);
    check(SSL_read(server, message.data(), kBytes) == int{kBytes});
  });
  SSL_free(client);
  SSL_free(server);
  return out;
}

// One end of the echo: TCP on libuv, TLS, netstrings. What it writes while it reads goes out
// together.
class EchoEnd {
 public:
  EchoEnd(uv_loop_t& loop, SSL* ssl, std::function<void(std::string_view)> on_payload)
      : ssl_(ssl), on_payload_(std::move(on_payload)) {
    uv_tcp_init(&loop, &tcp_);
    tcp_.data = this;
  }
  EchoEnd(const EchoEnd&) = delete;
  EchoEnd& operator=(const EchoEnd&) = delete;
  ~EchoEnd() { SSL_free(ssl_); }

  uv_tcp_t& tcp() { return tcp_; }
  void open(int fd) {
    check(uv_tcp_open(&tcp_, fd) == 0);
    uv_tcp_nodelay(&tcp_, 1);
    uv_read_start(
        reinterpret_cast<uv_stream_t*>(&tcp_),
        [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
          auto& self = *static_cast<EchoEnd*>(handle->data);
          *buffer = uv_buf_init(self.received_.data(), self.received_.size());
        },
        [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
          if (size > 0) static_cast<EchoEnd*>(stream->data)->feed(buffer->base, size);
        });
    SSL_do_handshake(ssl_);
    flush();
  }
  bool ready() const { return SSL_is_init_finished(ssl_) == 1; }
  void write(std::string_view payload) {
    std::array<char, 8> digits{};
    const auto end = std::to_chars(digits.begin(), digits.end(), payload.size()).ptr;
    frames_.append(digits.begin(), end);
    frames_ += ':';
    frames_ += payload;
    frames_ += ',';
  }
  void flush() {
    if (!frames_.empty()) {
      check(SSL_write(ssl_, frames_.data(), static_cast<int>(frames_.size())) > 0);
      frames_.clear();
    }
    char* data = nullptr;
    const long size = BIO_get_mem_data(SSL_get_wbio(ssl_), &data);
    if (size <= 0) return;
    uv_buf_t buffer = uv_buf_init(data, static_cast<unsigned>(size));
    check(uv_try_write(reinterpret_cast<uv_stream_t*>(&tcp_), &buffer, 1) == size);
    BIO_reset(SSL_get_wbio(ssl_));
  }
  void close() { uv_close(reinterpret_cast<uv_handle_t*>(&tcp_), nullptr); }

 private:
  void feed(const char* data, ssize_t size) {
    BIO_write(SSL_get_rbio(ssl_), data, static_cast<int>(size));
    if (!ready()) SSL_do_handshake(ssl_);
    int got = 0;
    while (ready() && (got = SSL_read(ssl_, plain_.data(), static_cast<int>(plain_.size()))) > 0) {
      stream_.append(plain_.data(), static_cast<std::size_t>(got));
    }
    std::size_t at = 0;
    while (true) {
      const auto colon = stream_.find(':', at);
      if (colon == std::string::npos) break;
      std::size_t length = 0;
      std::from_chars(stream_.data() + at, stream_.data() + colon, length);
      if (stream_.size() < colon + 2 + length) break;
      on_payload_(std::string_view(stream_).substr(colon + 1, length));
      at = colon + 2 + length;
    }
    stream_.erase(0, at);
    flush();
  }

  uv_tcp_t tcp_{};
  SSL* ssl_;
  std::function<void(std::string_view)> on_payload_;
  std::array<char, 64 * 1024> received_{};
  std::array<char, 16 * 1024> plain_{};
  std::string stream_;
  std::string frames_;  // to go out together
};

struct Sizes {
  std::size_t request = kBytes;
  std::size_t reply = kBytes;
};

// Messages a second of processor time, there and back, so many under way.
double echo_rate(const Sizes& sizes, std::size_t rounds, std::size_t window) {
  const Tls tls;
  uv_loop_t loop{};
  uv_loop_init(&loop);
  const std::string request(sizes.request, 'x');
  const std::string reply(sizes.reply, 'x');
  std::size_t echoed = 0;
  std::size_t sent = 0;
  std::unique_ptr<EchoEnd> client;
  std::unique_ptr<EchoEnd> server;
  server = std::make_unique<EchoEnd>(loop, tls.end(true),
                                     [&](std::string_view) { server->write(reply); });
  client = std::make_unique<EchoEnd>(loop, tls.end(false), [&](std::string_view) {
    ++echoed;
    if (sent++ < rounds) client->write(request);
    if (echoed == rounds) uv_stop(&loop);
  });
  const Pair sockets(SOCK_STREAM);
  server->open(dup(sockets.b()));
  client->open(dup(sockets.a()));
  while (!client->ready() || !server->ready()) uv_run(&loop, UV_RUN_ONCE);
  const auto begin = processor_time();
  for (; sent < window; ++sent) client->write(request);
  client->flush();
  uv_run(&loop, UV_RUN_DEFAULT);
  const double took = milliseconds(processor_time() - begin) / 1000;
  client->close();
  server->close();
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  return 2 * static_cast<double>(rounds) / took;
}

// Asks one node for a value it holds, and counts the answers: a transport without a node.
class Asker final : public TransportListener {
 public:
  Asker(UvLoop& loop, const Key& key, std::size_t contacts)
      : loop_(loop), key_(key), contacts_(contacts) {
    Config config;
    config.client = true;
    transport_ = make_tls_transport(loop, Identity::from_seed(random_seed()), config, {});
    check(transport_->start(*this).ok());
  }
  double rate(const Endpoint& node, std::size_t rounds, std::size_t window) {
    rounds_ = rounds;
    transport_->probe({node, {}});
    loop_.run();
    const auto begin = processor_time();
    while (sent_ < window) ask();
    loop_.run();
    return 2 * static_cast<double>(rounds) / (milliseconds(processor_time() - begin) / 1000);
  }

  void on_frame(const Peer&, ByteView frame) override {
    if (answered_++ == 0) {
      const auto reply = wire::decode(frame, Limits{});
      check(reply.ok());
      const auto* nodes = std::get_if<wire::Nodes>(&reply->body);
      check(nodes != nullptr && nodes->record && nodes->contacts.size() == contacts_);
    }
    if (sent_ < rounds_) ask();
    if (answered_ == rounds_) loop_.stop();
  }
  void on_reached(const Bootstrap&, const Peer& peer) override {
    node_ = peer.contact;
    loop_.stop();
  }
  void on_probe_failed(const Bootstrap&, Unreachable) override { check(false); }
  void on_unreachable(const PublicKey&, Unreachable) override { check(false); }

 private:
  void ask() { transport_->send(node_, wire::Frame({++sent_, wire::FindValue{key_}}).bytes()); }

  UvLoop& loop_;
  Key key_;
  std::size_t contacts_;  // that a reply is to have
  std::unique_ptr<Transport> transport_;
  Contact node_;
  std::size_t rounds_ = 0;
  std::size_t sent_ = 0;
  std::size_t answered_ = 0;
};

constexpr int kK = 8;

// Runs until none of them has dialled for a second. Nodes that have just met go on to meet the
// others, and the handshakes would be counted.
void wait_for_rest(UvLoop& loop, const std::vector<std::unique_ptr<Node>>& nodes) {
  const auto dialled = [&] {
    std::uint64_t sum = 0;
    for (const auto& node : nodes) sum += node->stats().connections_dialled;
    return sum;
  };
  std::uint64_t before = 0;
  do {
    before = dialled();
    const auto second = loop.after(std::chrono::seconds(1), [&] { loop.stop(); });
    loop.run();
  } while (dialled() != before);
}

// Of a node among so many others.
double node_rate(std::size_t others, std::size_t rounds, std::size_t window) {
  UvLoop loop;
  Config config;
  config.k = kK;
  config.limits.requests_per_peer = 1 << 16;
  TransportOptions options;
  options.listen = Endpoint::v4(127, 0, 0, 1, 0);
  std::vector<std::unique_ptr<Node>> nodes;
  const auto add = [&] {
    nodes.push_back(make_node(loop, Identity::from_seed(random_seed()), config, options).value());
    check(loop.run_until(nodes.back()->join()).ok());
    config.bootstrap = {{nodes.front()->contact().endpoints.front(), {}}};
  };
  while (nodes.size() <= others) add();
  const Node& node = *nodes.front();
  const auto contacts = std::min<std::size_t>(others, kK);
  while (node.contacts().size() < contacts) uv_run(raw(loop), UV_RUN_ONCE);
  const std::string value = value_of(0, 100);
  check(loop.run_until(nodes.front()->put(view_of(value))).ok());
  wait_for_rest(loop, nodes);
  Asker asker(loop, content_key(view_of(value)), contacts);
  return asker.rate(node.contact().endpoints.front(), rounds, window);
}

// What a find_value and the reply of a node among others take.
Sizes sizes_among_others() {
  constexpr std::uint64_t kRequest = 100'000;
  wire::Nodes nodes;
  nodes.contacts.assign(kK, Contact{{}, Endpoints(Endpoint::v4(127, 0, 0, 1, 40'000))});
  nodes.record.emplace();
  nodes.record->value = Bytes(100);
  nodes.record->expiry = UvLoop::wall_now();
  return {wire::encode({kRequest, wire::FindValue{}}).size(),
          wire::encode({kRequest, std::move(nodes)}).size()};
}

struct Line {
  const char* name;
  const char* unit;
  std::function<double()> measure;
  std::vector<double> values{};
  double median() {
    std::ranges::sort(values);
    return values[values.size() / 2];
  }
};

int run(int rounds, const std::string& json_file) {
  const Pair udp(SOCK_DGRAM);
  const Pair tcp(SOCK_STREAM);
  const Identity identity = Identity::from_seed({});
  const Bytes message(200);
  const Signature signature = identity.sign(message);
  const OpensslPair openssl;
  const Signature by_openssl = openssl.sign(message);
  constexpr std::size_t kMany = 50'000;
  constexpr std::size_t kFew = 1000;
  const Sizes sizes = sizes_among_others();
  std::vector<Line> lines = {
      {"UDP message", "us", [&] { return cost(kMany, [&] { udp.pass(); }); }},
      {"message over a kept TCP connection", "us",
       [&] { return cost(kMany, [&] { tcp.pass(); }); }},
      {"TLS record, sealed and opened", "us", [&] { return record_cost(kMany); }},
      {"Ed25519 sign", "us", [&] { return cost(kFew, [&] { identity.sign(message); }); }},
      {"Ed25519 verify", "us",
       [&] {
         return cost(kFew, [&] { check(verify(identity.public_key(), message, signature)); });
       }},
      {"bare echo, 1 under way", "msgs/CPU s", [&] { return echo_rate({}, kMany / 5, 1); }},
      {"bare echo, 64 under way", "msgs/CPU s", [&] { return echo_rate({}, 4 * kMany, 64); }},
      {"find_value at a node alone, 1", "msgs/CPU s", [&] { return node_rate(0, kMany / 5, 1); }},
      {"find_value at a node alone, 64", "msgs/CPU s", [&] { return node_rate(0, 2 * kMany, 64); }},
      {"echo of what follows, 1 under way", "msgs/CPU s",
       [&] { return echo_rate(sizes, kMany / 5, 1); }},
      {"echo of what follows, 64 under way", "msgs/CPU s",
       [&] { return echo_rate(sizes, 4 * kMany, 64); }},
      {"find_value at a node among others, 1", "msgs/CPU s",
       [&] { return node_rate(2 * kK, kMany / 5, 1); }},
      {"find_value at a node among others, 64", "msgs/CPU s",
       [&] { return node_rate(2 * kK, 2 * kMany, 64); }},
      {"Ed25519 sign, by OpenSSL", "us",
       [&] { return cost(kFew, [&] { openssl.sign(message); }); }},
      {"Ed25519 verify, by OpenSSL", "us",
       [&] { return cost(kFew, [&] { check(openssl.verify(message, by_openssl)); }); }},
  };
  for (int round = 0; round < rounds; ++round) {
    for (Line& line : lines) line.values.push_back(line.measure());
  }
  Json json = Json::array();
  for (Line& line : lines) {
    fmt::print("{:38} {:12.2f} {}\n", line.name, line.median(), line.unit);
    json.push_back({{"name", line.name}, {"unit", line.unit}, {"median", line.median()}});
  }
  const auto median = [&](std::size_t i) { return lines[i].median(); };
  fmt::print(
      "a node alone reaches {:.2f} of the echo of {} bytes with 1 under way, {:.2f} with 64\n",
      median(7) / median(5), kBytes, median(8) / median(6));
  fmt::print("one among others reaches {:.2f} of the echo of {} and {} bytes, {:.2f} with 64\n",
             median(11) / median(9), sizes.request, sizes.reply, median(12) / median(10));
  fmt::print(
      "one signature and 8 checks, the floor of a set with k = 8: {:.3f} ms, by OpenSSL {:.3f}\n",
      (median(3) + 8 * median(4)) / 1000, (median(13) + 8 * median(14)) / 1000);
  if (!json_file.empty()) write_json(json_file, json);
  return 0;
}

int main_of(int argc, char** argv) {
  int rounds = 5;
  std::string json_file;
  CLI::App app("Measures what the kernel, TLS and signatures alone cost.", "floor_bench");
  app.footer(kFooter);
  add_rounds(app, rounds);
  add_json(app, json_file);
  CLI11_PARSE(app, argc, argv);
  return run(rounds, json_file);
}

}  // namespace
}  // namespace kadmos::bench

int main(int argc, char** argv) { return kadmos::bench::main_of(argc, argv); }
