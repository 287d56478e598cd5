#include "tests/bench/peers/opendht_network.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>

#include "base/check.h"

namespace kadmos::bench {
namespace {

constexpr std::size_t kDatagram = 64 * 1024;
constexpr int kSocketBuffer = 4 << 20;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  out.sin_port = htons(port);
  return out;
}

dht::SockAddr address(std::uint16_t port) {
  const sockaddr_in in = loopback(port);
  return {reinterpret_cast<const sockaddr*>(&in), sizeof in};
}

}  // namespace

// What a node sends through; receiving is the network's.
class OpendhtNetwork::Socket final : public dht::net::DatagramSocket {
 public:
  explicit Socket(Traffic& traffic) : traffic_(traffic) {
    fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in at = loopback(0);
    socklen_t length = sizeof at;
    check(bind(fd_, reinterpret_cast<const sockaddr*>(&at), length) == 0);
    check(getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &length) == 0);
    for (const int buffer : {SO_RCVBUF, SO_SNDBUF}) {
      setsockopt(fd_, SOL_SOCKET, buffer, &kSocketBuffer, sizeof kSocketBuffer);
    }
    bound_ = address(ntohs(at.sin_port));
  }
  ~Socket() override { close(fd_); }
  int fd() const { return fd_; }

  int sendTo(const dht::SockAddr& to, const std::uint8_t* data, std::size_t size, bool) override {
    ++traffic_.messages;
    traffic_.bytes += size;
    return sendto(fd_, data, size, MSG_NOSIGNAL, to.get(), to.getLength()) < 0 ? errno : 0;
  }
  bool hasIPv4() const override { return true; }
  bool hasIPv6() const override { return false; }
  const dht::SockAddr& getBoundRef(sa_family_t family) const override {
    return family == AF_INET6 ? none_ : bound_;
  }
  void stop() override {}

 private:
  Traffic& traffic_;
  int fd_ = -1;
  dht::SockAddr bound_;
  dht::SockAddr none_;
};

OpendhtNetwork::OpendhtNetwork(std::size_t nodes, Health health) : health_(health) {
  const std::size_t apart = health == Health::healthy ? 0 : nodes / 8;
  if (apart > 0) {
    companion_.emplace([&](const Line& line) { live_apart(apart, line); });
  }
  add_nodes(nodes - apart);
  std::vector<std::string> all = ports();
  if (companion_) {
    companion_->line().say(fmt::format("{}", fmt::join(all, " ")));
    std::istringstream theirs(companion_->line().hear());
    for (std::string one; theirs >> one;) all.push_back(one);
  }
  meet(all);
}

OpendhtNetwork::~OpendhtNetwork() { close(poll_); }

void OpendhtNetwork::live_apart(std::size_t nodes, const Line& line) {
  add_nodes(nodes);
  std::vector<std::string> all = ports();
  std::istringstream theirs(line.hear());
  line.say(fmt::format("{}", fmt::join(all, " ")));
  for (std::string one; theirs >> one;) all.push_back(one);
  meet(all);
  run();
}

void OpendhtNetwork::add_nodes(std::size_t count) {
  poll_ = epoll_create1(EPOLL_CLOEXEC);
  for (std::size_t i = 0; i < count; ++i) {
    dht::Config config;
    config.node_id = dht::InfoHash::getRandom();
    config.max_req_per_sec = -1;
    config.max_peer_req_per_sec = -1;
    config.max_searches = -1;
    config.max_store_size = -1;
    config.max_store_keys = -1;
    config.public_stable = true;
    auto own = std::make_unique<Socket>(traffic_);
    Node node;
    node.fd = own->fd();
    node.dht = std::make_unique<dht::Dht>(std::move(own), config, dht::Sp<dht::Logger>());
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    check(epoll_ctl(poll_, EPOLL_CTL_ADD, node.fd, &event) == 0);
    nodes_.push_back(std::move(node));
  }
}

std::vector<std::string> OpendhtNetwork::ports() const {
  std::vector<std::string> out;
  for (const Node& node : nodes_) {
    out.push_back(std::to_string(node.dht->getSocket()->getPort(AF_INET)));
  }
  return out;
}

void OpendhtNetwork::meet(const std::vector<std::string>& all) {
  const std::vector<std::string> own = ports();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    for (const std::string& port : all) {
      if (port == own[i]) continue;
      nodes_[i].dht->pingNode(address(static_cast<std::uint16_t>(std::stoi(port))));
    }
    nodes_[i].due = {};
    step({});
  }
  const auto end = dht::clock::now() + std::chrono::seconds(3);
  while (dht::clock::now() < end) step(std::chrono::milliseconds(10));
}

void OpendhtNetwork::spoil() {
  if (health_ == Health::silent) companion_->freeze();
  if (health_ == Health::refused) companion_->kill();
}

void OpendhtNetwork::start(Verb verb, std::size_t user, std::size_t item, std::size_t bytes,
                           std::function<void(bool)> done) {
  Node& node = nodes_[user];
  const std::string value = value_of(item, bytes);
  const auto key = dht::InfoHash::get(value);
  if (verb == Verb::put) {
    node.dht->put(
        key,
        std::make_shared<dht::Value>(reinterpret_cast<const std::uint8_t*>(value.data()),
                                     value.size()),
        dht::DoneCallbackSimple([this, done](bool ok) { ended_.emplace_back(done, ok); }));
  } else {
    // Ends with the first value or, without one, with the search.
    const auto told = std::make_shared<bool>(false);
    const auto end = [this, done, told](bool ok) {
      if (!std::exchange(*told, true)) ended_.emplace_back(done, ok);
    };
    node.dht->get(
        key, dht::GetCallback([end, bytes](const std::vector<std::shared_ptr<dht::Value>>& all) {
          if (all.empty()) return true;
          end(all.front()->data.size() == bytes);
          return false;
        }),
        dht::DoneCallbackSimple([end](bool) { end(false); }));
  }
  node.due = {};  // at once
}

void OpendhtNetwork::run() {
  stopped_ = false;
  while (true) {
    tell();
    if (stopped_) return;
    step(std::chrono::seconds(1));
  }
}

void OpendhtNetwork::tell() {
  while (!ended_.empty()) {
    auto ended = std::exchange(ended_, {});
    for (auto& [done, ok] : ended) done(ok);
  }
}

// Lets every node do what is due and read what arrived, after waiting for that.
void OpendhtNetwork::step(dht::duration at_most) {
  auto now = dht::clock::now();
  auto next = now + at_most;
  for (Node& node : nodes_) {
    if (node.due <= now) node.due = node.dht->periodic(nullptr, 0, dht::SockAddr(), now);
    next = std::min(next, node.due);
  }
  if (!ended_.empty()) next = now;
  std::array<epoll_event, 64> ready{};
  now = dht::clock::now();
  const auto wait =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::max(dht::duration{}, next - now));
  timespec timeout{};
  timeout.tv_sec = wait.count() / 1'000'000'000;
  timeout.tv_nsec = wait.count() % 1'000'000'000;
  const int count = epoll_pwait2(poll_, ready.data(), ready.size(), &timeout, nullptr);
  static std::array<std::uint8_t, kDatagram> datagram;
  for (int i = 0; i < count; ++i) {
    Node& node = nodes_[ready[static_cast<std::size_t>(i)].data.u64];
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const ssize_t size = recvfrom(node.fd, datagram.data(), datagram.size(), 0,
                                  reinterpret_cast<sockaddr*>(&from), &length);
    if (size <= 0) continue;
    node.due = node.dht->periodic(datagram.data(), static_cast<std::size_t>(size),
                                  dht::SockAddr(from, length), dht::clock::now());
  }
}

}  // namespace kadmos::bench
