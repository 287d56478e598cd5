#include "simulations/network.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace kadmos::sim {

using Kind = Event::Kind;

class VirtualTransport final : public Transport {
 public:
  VirtualTransport(Network& network, NodeIndex self) : network_(network), self_(self) {}
  ~VirtualTransport() override { close(); }

  Result<void> start(TransportListener& listener) override {
    network_.listen(self_, listener);
    return {};
  }
  void send(const Contact& to, ByteView frame) override {
    network_.send(self_, to, to_bytes(frame));
  }
  void dial(const Contact& to) override { network_.dial(self_, to); }
  void probe(const Bootstrap& where) override { network_.probe(self_, where); }
  void drop(const PublicKey& peer) override { network_.drop(self_, peer); }
  Endpoints listening() const override {
    if (network_.hosts_[self_]->self.client) return {};
    return Endpoints(network_.address(self_));
  }
  void add_stats(Stats& stats) const override { network_.add_stats(self_, stats); }
  void close() override { network_.close(self_); }

 private:
  Network& network_;
  NodeIndex self_;
};

namespace {

// About what a node is without what it points to. Only time depends on it.
constexpr std::size_t kNodeBytes = 2816;

void prefetch(const void* memory, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 64) {
    __builtin_prefetch(static_cast<const char*>(memory) + at);
  }
}

// Keys are random. Of an address the last bytes differ.
std::uint64_t word_of(const PublicKey& key) {
  std::uint64_t word = 0;
  std::memcpy(&word, key.bytes.data(), sizeof word);
  return word;
}
std::uint64_t word_of(const Endpoint& address) {
  std::uint64_t word = 0;
  std::memcpy(&word, address.ip.data() + 8, sizeof word);
  return word ^ address.port;
}

}  // namespace

Network::Network(std::uint64_t seed, NetworkOptions options, EventQueue& queue)
    : options_(std::move(options)),
      queue_(queue),
      prng_(seed),
      lines_(~seed),
      faults_(options_.faults) {}

Network::~Network() = default;

// ---- Hosts

NodeIndex Network::add_host(const PublicKey& key, const Endpoint& address) {
  check(!find(key) && !find(address));
  const auto index = static_cast<NodeIndex>(hosts_.size());
  hosts_.push_back(std::make_unique<Host>(Prng(prng_.next())));
  keys_.push_back(key);
  addresses_.push_back(address);
  Host& host = *hosts_.back();
  host.position = options_.latency.place(host.prng);
  host.line = Prng(lines_ + index).next();
  host.up.rate = options_.up;
  host.down.rate = options_.down;
  host.self.contact = {key, Endpoints(address)};
  by_key_.add(word_of(key), index);
  by_address_.add(word_of(address), index);
  return index;
}

std::unique_ptr<Transport> Network::make_transport(NodeIndex index, const Config& config) {
  Host& host = *hosts_[index];
  check(host.listener == nullptr);
  host.network = config.network;
  host.self.client = config.client;
  host.self.contact.endpoints =
      config.client ? Endpoints()
                    : (config.advertise.empty() ? Endpoints(address(index)) : config.advertise);
  host.max_links = config.limits.connections;
  host.max_dials = config.limits.dials;
  host.max_queued = config.limits.queued_bytes;
  host.stats = {};
  return std::make_unique<VirtualTransport>(*this, index);
}

const Contact& Network::contact(NodeIndex host) const { return hosts_[host]->self.contact; }
const PublicKey& Network::key(NodeIndex host) const { return keys_[host]; }
const Endpoint& Network::address(NodeIndex host) const { return addresses_[host]; }

std::optional<NodeIndex> Network::find(const PublicKey& key) const {
  return by_key_.find(word_of(key), [&](NodeIndex i) { return keys_[i] == key; });
}

std::optional<NodeIndex> Network::find(const Endpoint& address) const {
  return by_address_.find(word_of(address), [&](NodeIndex i) { return addresses_[i] == address; });
}

void Network::close(NodeIndex self) {
  Host& host = *hosts_[self];
  host.listener = nullptr;
  host.dials.clear();
  for (Link& link : host.links) {
    if (usable(link)) hang_up(self, link.peer, link.arrival, Kind::closed);
  }
  host.links.clear();
}

void Network::cut(NodeIndex host, bool on) { hosts_[host]->cut = on; }
void Network::set_dialable(NodeIndex host, bool on) { hosts_[host]->dialable = on; }

void Network::set_bandwidth(NodeIndex host, std::uint64_t up, std::uint64_t down) {
  hosts_[host]->up.rate = up;
  hosts_[host]->down.rate = down;
}

void Network::introduce(NodeIndex who, NodeIndex whom) {
  hosts_[who]->listener->on_reached({address(whom), key(whom)}, as_peer(whom, true));
}

void Network::listen(NodeIndex self, TransportListener& listener) {
  hosts_[self]->listener = &listener;
}

void Network::add_stats(NodeIndex self, Stats& stats) const {
  const Host& host = *hosts_[self];
  for (const Link& link : host.links) stats.connections += usable(link) ? 1U : 0U;
  stats.connections_accepted += host.stats.connections_accepted;
  stats.connections_dialled += host.stats.connections_dialled;
  stats.connections_evicted += host.stats.connections_evicted;
  stats.dials_failed += host.stats.dials_failed;
  stats.peers_wrong_key += host.stats.peers_wrong_key;
  stats.peers_unread += host.stats.peers_unread;
  stats.hellos_refused += host.stats.hellos_refused;
  stats.bytes_sent += host.stats.bytes_sent;
  stats.bytes_received += host.stats.bytes_received;
}

// ---- Calls of the transport

void Network::send(NodeIndex self, const Contact& to, Bytes frame) {
  Host& host = *hosts_[self];
  if (host.listener == nullptr) return;
  const auto peer = find(to.key);
  Link* const link = peer ? find_link(host, *peer) : nullptr;
  if (on_send_) on_send_(self, to, frame, link != nullptr && usable(*link));
  if (peer) {
    if (link != nullptr) {
      if (usable(*link)) {
        if (backlog(self, *link) + frame.size() <= host.max_queued) {
          return transmit(self, *link, Kind::frame, std::move(frame));
        }
        ++host.stats.peers_unread;
        ++counts_.broken;
        hang_up(self, *peer, link->arrival, Kind::closed);
        erase_link(host, *peer);
        return lose(self, to.key, Unreachable::overloaded);
      }
      erase_link(host, *peer);
    }
    if (options_.warm && warm_to(self, *peer, to)) {
      ++host.stats.connections_dialled;
      Link& opened = open(self, *peer);
      opened.reached = true;
      transmit(self, opened, Kind::opened, {});
      return transmit(self, opened, Kind::frame, std::move(frame));
    }
  }
  Dial* const dial = dial_to(self, to);
  if (dial == nullptr) return;
  if (dial->bytes + frame.size() > host.max_queued) {
    return lose(self, to.key, Unreachable::overloaded);
  }
  dial->bytes += frame.size();
  dial->waiting.push_back(std::move(frame));
}

void Network::dial(NodeIndex self, const Contact& to) {
  Host& host = *hosts_[self];
  if (host.listener == nullptr || 2 * host.dials.size() >= host.max_dials) return;
  if (const auto peer = find(to.key)) {
    if (*peer == self) return;
    const Link* link = find_link(host, *peer);
    if ((link != nullptr && usable(*link)) || (options_.warm && warm_to(self, *peer, to))) return;
  }
  dial_to(self, to);
}

void Network::probe(NodeIndex self, const Bootstrap& where) {
  Host& host = *hosts_[self];
  if (host.listener == nullptr) return;
  Dial dial;
  dial.where = where;
  dial.probe = true;
  if (host.dials.size() < host.max_dials) return begin_dial(self, std::move(dial));
  // It fails at once, which must not be told from inside this call.
  dial.number = host.next_dial++;
  queue_.push(queue_.now(), self,
              {Kind::failed, Unreachable::overloaded, self, self, dial.number, {}});
  host.dials.push_back(std::move(dial));
}

// Whether a dial would succeed if it took no time.
bool Network::warm_to(NodeIndex self, NodeIndex peer, const Contact& to) const {
  const Host& target = *hosts_[peer];
  return peer != self && target.listener != nullptr && target.dialable && !target.self.client &&
         target.network == hosts_[self]->network && !to.endpoints.empty() &&
         to.endpoints.front() == address(peer);
}

void Network::drop(NodeIndex self, const PublicKey& peer) {
  Host& host = *hosts_[self];
  const auto index = find(peer);
  const Link* link = index ? find_link(host, *index) : nullptr;
  if (link == nullptr) return;
  if (usable(*link)) hang_up(self, *index, link->arrival, Kind::closed);
  erase_link(host, *index);
  lose(self, peer, Unreachable::misbehaved);
}

void Network::lose(NodeIndex self, const PublicKey& to, Unreachable why) {
  Event event{Kind::dropped, why, self, self, 0, Bytes(to.bytes.begin(), to.bytes.end())};
  queue_.push(queue_.now(), self, std::move(event));
}

// ---- Dials

// The dial to it that is under way, begun if there is none; null if there can be none.
Network::Dial* Network::dial_to(NodeIndex self, const Contact& to) {
  Host& host = *hosts_[self];
  for (Dial& dial : host.dials) {
    if (!dial.probe && dial.where.key == to.key) return &dial;
  }
  if (to.endpoints.empty()) {
    lose(self, to.key, Unreachable::no_endpoint);
    return nullptr;
  }
  if (host.dials.size() >= host.max_dials) {
    ++host.stats.dials_failed;
    lose(self, to.key, Unreachable::overloaded);
    return nullptr;
  }
  Dial dial;
  dial.where = {to.endpoints.front(), to.key};  // a host has one address, so the first will do
  begin_dial(self, std::move(dial));
  return &host.dials.back();
}

void Network::begin_dial(NodeIndex self, Dial dial) {
  Host& host = *hosts_[self];
  dial.number = host.next_dial++;
  dial.deadline = queue_.now() + options_.dial_timeout;
  const std::uint64_t number = dial.number;
  const auto target = find(dial.where.endpoint);
  host.dials.push_back(std::move(dial));
  if (target) {
    carry_dial({Kind::syn, {}, self, *target, number, {}}, 1);
    return;
  }
  Event event{Kind::failed, Unreachable::refused, self, self, number, {}};
  if (options_.unknown_refuse) {
    carry_dial(std::move(event), 2);
  } else {
    held(event);
  }
}

void Network::on_syn(const Event& event) {
  const Host& target = *hosts_[event.to];
  if (!target.dialable && event.from != event.to) return held(event);
  if (target.listener == nullptr || target.self.client) {
    carry_dial({Kind::failed, Unreachable::refused, event.to, event.from, event.number, {}}, 1);
  } else {
    // The rest of TCP's and TLS 1.3's two round trips.
    const int trips = options_.warm ? 1 : 3;
    carry_dial({Kind::accepted, {}, event.to, event.from, event.number, {}}, trips);
  }
}

void Network::on_accepted(const Event& event) {
  const NodeIndex self = event.to;
  const NodeIndex peer = event.from;
  Host& host = *hosts_[self];
  const Dial* pending = find_dial(host, event.number);
  if (pending == nullptr) return;  // given up
  const Host& target = *hosts_[peer];
  if (pending->where.key && *pending->where.key != key(peer)) {
    ++host.stats.peers_wrong_key;
    return fail_dial(self, event.number, Unreachable::wrong_key);
  }
  if (peer == self) return fail_dial(self, event.number, Unreachable::wrong_key);
  if (target.network != host.network) {
    ++host.stats.hellos_refused;
    ++hosts_[peer]->stats.hellos_refused;
    return fail_dial(self, event.number, Unreachable::foreign);
  }
  Dial dial = take_dial(host, event.number);
  ++host.stats.connections_dialled;
  Link* link = find_link(host, peer);
  if (link == nullptr || !usable(*link)) {
    link = &open(self, peer);
    transmit(self, *link, Kind::opened, {});
  }
  link->reached = true;
  for (Bytes& frame : dial.waiting) transmit(self, *link, Kind::frame, std::move(frame));
  if (dial.probe) host.listener->on_reached(dial.where, as_peer(peer, true));
}

void Network::fail_dial(NodeIndex self, std::uint64_t number, Unreachable why) {
  Host& host = *hosts_[self];
  if (find_dial(host, number) == nullptr) return;
  const Dial dial = take_dial(host, number);
  ++host.stats.dials_failed;
  if (dial.probe) {
    host.listener->on_probe_failed(dial.where, why);
  } else {
    host.listener->on_unreachable(*dial.where.key, why);
  }
}

void Network::held(const Event& event) {
  if (event.kind != Kind::syn && event.kind != Kind::accepted && event.kind != Kind::failed) return;
  const NodeIndex dialler = event.kind == Kind::syn ? event.from : event.to;
  if (const Dial* dial = find_dial(*hosts_[dialler], event.number)) {
    queue_.push(dial->deadline, dialler, {Kind::deadline, {}, dialler, dialler, event.number, {}});
  }
}

Network::Dial* Network::find_dial(Host& host, std::uint64_t number) {
  for (Dial& dial : host.dials) {
    if (dial.number == number) return &dial;
  }
  return nullptr;
}

Network::Dial Network::take_dial(Host& host, std::uint64_t number) {
  const auto found = std::find_if(host.dials.begin(), host.dials.end(),
                                  [number](const Dial& dial) { return dial.number == number; });
  check(found != host.dials.end());
  Dial dial = std::move(*found);
  host.dials.erase(found);
  return dial;
}

// ---- Connections

void Network::on_opened(const Event& event) {
  Host& host = *hosts_[event.to];
  if (host.listener == nullptr) return hang_up(event.to, event.from, {}, Kind::closed);
  ++host.stats.connections_accepted;
  // Of two simultaneous dials one connection is left: the one that is there.
  const Link* link = find_link(host, event.from);
  if (link == nullptr || !usable(*link) || link->broken) open(event.to, event.from);
}

void Network::on_frame(Event& event) {
  Host& host = *hosts_[event.to];
  Link* link = find_link(host, event.from);
  // Datagrams may overtake the handshake.
  if (link == nullptr && options_.datagram && host.listener != nullptr) {
    link = &open(event.to, event.from);
  }
  if (link == nullptr) return hang_up(event.to, event.from, {}, Kind::closed);
  link->used = queue_.now();
  host.stats.bytes_received += event.frame.size();
  host.listener->on_frame(as_peer(event.from, link->reached), event.frame);
}

void Network::on_closed(const Event& event) {
  Host& host = *hosts_[event.to];
  const Link* link = find_link(host, event.from);
  // One opened after the other end hung up is another connection.
  if (link == nullptr || link->opened.time_since_epoch().count() > Duration::rep(event.number)) {
    return;
  }
  const bool was_usable = usable(*link);
  erase_link(host, event.from);
  if (was_usable) host.listener->on_unreachable(key(event.from), Unreachable::closed);
}

void Network::on_retired(const Event& event) {
  Host& host = *hosts_[event.to];
  const Link* link = find_link(host, event.from);
  if (link == nullptr || link->opened.time_since_epoch().count() > Duration::rep(event.number)) {
    return;
  }
  // Behind the last frame sent to it, the other end learns that no more will come.
  if (!link->retired) hang_up(event.to, event.from, link->arrival, Kind::retired);
  erase_link(host, event.from);
}

void Network::prefetch_hosts(const Event& event) const {
  prefetch(hosts_[event.to].get(), sizeof(Host));
  if (event.from != event.to) prefetch(hosts_[event.from].get(), sizeof(Host));
}

void Network::prefetch_node(const Event& event) const {
  const Host& host = *hosts_[event.to];
  if (host.listener == nullptr) return;
  prefetch(host.listener, kNodeBytes);
  __builtin_prefetch(host.links.data() + host.links.size() / 2);  // where a search begins
}

void Network::deliver(Event& event) {
  Host& host = *hosts_[event.to];
  const bool local = event.kind == Kind::deadline || event.kind == Kind::dropped;
  if (host.cut && !local) return held(event);
  switch (event.kind) {
    case Kind::syn:
      return on_syn(event);
    case Kind::accepted:
      return on_accepted(event);
    case Kind::failed:
      return fail_dial(event.to, event.number, event.why);
    case Kind::deadline:
      if (event.from != event.to) return give_up(event.to, event.from, event.number);
      return fail_dial(event.to, event.number, Unreachable::timed_out);
    case Kind::opened:
      return on_opened(event);
    case Kind::frame:
      return on_frame(event);
    case Kind::closed:
      return on_closed(event);
    case Kind::retired:
      return on_retired(event);
    case Kind::dropped: {
      PublicKey key;
      std::copy(event.frame.begin(), event.frame.end(), key.bytes.begin());
      if (host.listener != nullptr) host.listener->on_unreachable(key, event.why);
      return;
    }
    default:
      check(false);
  }
}

Network::Link& Network::open(NodeIndex self, NodeIndex peer) {
  Host& host = *hosts_[self];
  if (find_link(host, peer) != nullptr) erase_link(host, peer);
  evict(self);
  make_place(host);
  const auto at = std::lower_bound(host.links.begin(), host.links.end(), peer,
                                   [](const Link& link, NodeIndex i) { return link.peer < i; });
  return *host.links.insert(at, {.opened = queue_.now(), .used = queue_.now(), .peer = peer});
}

// Keeps the memory of connections that closed long ago small. A little later than they close, since
// the other end may still send.
void Network::make_place(Host& host) {
  if (host.links.size() < host.links.capacity()) return;
  std::erase_if(host.links, [this](const Link& link) {
    return queue_.now() - link.used >= options_.idle_timeout + options_.dial_timeout;
  });
  const std::size_t wanted = host.links.size() + host.links.size() / 4 + 4;
  if (wanted > host.links.capacity()) host.links.reserve(wanted);
}

// For one more open connection, at the cost of the one that was not used for longest.
void Network::evict(NodeIndex self) {
  Host& host = *hosts_[self];
  if (host.links.size() < host.max_links) return;
  std::erase_if(host.links, [this](const Link& link) { return idle(link); });
  for (;;) {
    std::size_t open = 0;
    Link* oldest = nullptr;
    for (Link& link : host.links) {
      if (!usable(link)) continue;
      ++open;
      if (oldest == nullptr || link.used < oldest->used) oldest = &link;
    }
    if (open < host.max_links || oldest == nullptr) return;
    ++host.stats.connections_evicted;
    oldest->retired = true;
    hang_up(self, oldest->peer, oldest->arrival, Kind::retired);
  }
}

bool Network::idle(const Link& link) const {
  return queue_.now() - link.used >= options_.idle_timeout;
}

bool Network::usable(const Link& link) const { return !link.retired && !idle(link); }

Network::Link* Network::find_link(Host& host, NodeIndex peer) {
  const auto at = std::lower_bound(host.links.begin(), host.links.end(), peer,
                                   [](const Link& link, NodeIndex i) { return link.peer < i; });
  return at != host.links.end() && at->peer == peer ? &*at : nullptr;
}

void Network::erase_link(Host& host, NodeIndex peer) {
  const Link* link = find_link(host, peer);
  host.links.erase(host.links.begin() + (link - host.links.data()));
}

void Network::transmit(NodeIndex self, Link& link, Kind kind, Bytes frame) {
  link.used = queue_.now();
  hosts_[self]->stats.bytes_sent += frame.size();
  if (link.broken) return;
  link.arrival = carry({kind, {}, self, link.peer, 0, std::move(frame)}, link.arrival, &link);
}

// `closed` is also what a host answers to a frame of a connection it does not have.
void Network::hang_up(NodeIndex self, NodeIndex peer, TimePoint earliest, Kind how) {
  const auto when = static_cast<std::uint64_t>(queue_.now().time_since_epoch().count());
  carry({how, Unreachable::closed, self, peer, when, {}}, earliest);
}

Peer Network::as_peer(NodeIndex peer, bool reached) const {
  const Host& host = *hosts_[peer];
  Peer out = host.self;
  out.address = address(peer);
  out.reached = reached;
  if (reached) {  // where it was reached counts more than what it says
    out.contact.endpoints = Endpoints(address(peer));
    for (const Endpoint& claimed : host.self.contact.endpoints) out.contact.endpoints.add(claimed);
  }
  return out;
}

}  // namespace kadmos::sim
