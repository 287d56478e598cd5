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
  void answer(const PublicKey& to, ConnectionId over, ByteView frame) override {
    network_.answer(self_, to, over, to_bytes(frame));
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

NodeIndex Network::add_host(PublicKey key, const Endpoint& address) {
  check(!find(address));
  const auto index = static_cast<NodeIndex>(hosts_.size());
  who_.push_back(find(key).value_or(index));
  hosts_.push_back(std::make_unique<Host>(Prng(prng_.next())));
  keys_.push_back(key);
  addresses_.push_back(address);
  Host& host = *hosts_.back();
  host.position = options_.latency.place(host.prng);
  host.line = Prng(lines_ + index).next();
  host.up.rate = options_.up;
  host.down.rate = options_.down;
  host.self.contact = {key, Endpoints(address)};
  if (who_[index] == index) by_key_.add(word_of(key), index);
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
  for (const Link& link : host.links) {
    if (usable(link) && !link.dead) hang_up(self, link.peer, link.id, link.arrival, Kind::closed);
  }
  host.links.clear();
}

void Network::half_open(NodeIndex self) {
  const auto kill = [this](NodeIndex owner, Link& link) {
    if (link.dead) return;
    link.dead = true;
    // TCP's keepalive finds it out if no frame does.
    const TimePoint silent = link.used + ConnectionRules::kKeepaliveAfter;
    queue_.push(std::max(queue_.now(), silent) + options_.give_up, owner,
                {Kind::broken, Unreachable::closed, link.peer, owner, link.id, {}});
  };
  for (Link& link : hosts_[self]->links) {
    kill(self, link);
    Link* far = find_link(*hosts_[link.peer], who_[self], link.id);
    if (far != nullptr) kill(link.peer, *far);
  }
}

// The index keeps the old place: a search compares with the present address, so nobody is found by
// it any more.
void Network::move(NodeIndex self, const Endpoint& address) {
  check(!find(address));
  half_open(self);
  const Endpoint left = std::exchange(addresses_[self], address);
  by_address_.add(word_of(address), self);
  Host& host = *hosts_[self];
  if (host.self.contact.endpoints == Endpoints(left)) {
    host.self.contact.endpoints = Endpoints(address);
  }
}

void Network::cut(NodeIndex host, bool on) { hosts_[host]->cut = on; }
void Network::set_dialable(NodeIndex host, bool on) { hosts_[host]->dialable = on; }

void Network::set_bandwidth(NodeIndex host, std::uint64_t up, std::uint64_t down) {
  hosts_[host]->up.rate = up;
  hosts_[host]->down.rate = down;
}

void Network::introduce(NodeIndex who, NodeIndex whom) {
  const Link dialled{.dialled = true};
  hosts_[who]->listener->on_reached({address(whom), key(whom)}, as_peer(whom, dialled));
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
  Link* const link = peer ? current_link(host, *peer) : nullptr;
  if (on_send_) on_send_(self, to, frame, link != nullptr);
  if (link != nullptr) {
    notice_astray(host, *link, nullptr);
    return put(self, *link, std::move(frame));
  }
  if (peer && options_.warm && warm_to(self, *peer, to)) {
    ++host.stats.connections_dialled;
    Link& opened = open(self, *peer, next_link_++, true);
    transmit(self, opened, Kind::opened, {});
    return transmit(self, opened, Kind::frame, std::move(frame));
  }
  Dial* const dial = dial_to(self, to);
  if (dial == nullptr) return;
  if (dial->bytes + frame.size() > host.max_queued) {
    return lose(self, to.key, Unreachable::overloaded);
  }
  dial->bytes += frame.size();
  dial->waiting.push_back(std::move(frame));
}

void Network::answer(NodeIndex self, const PublicKey& to, ConnectionId over, Bytes frame) {
  Host& host = *hosts_[self];
  const auto peer = find(to);
  if (host.listener == nullptr || !peer) return;
  Link* const asked = find_link(host, *peer, over);
  const bool open = asked != nullptr && (usable(*asked) || asked->ending);
  Link* const link =
      open && ConnectionRules::answers_as_asked() ? asked : current_link(host, *peer);
  if (on_send_) on_send_(self, Contact{to, {}}, frame, link != nullptr);
  if (link == nullptr) return;
  notice_astray(host, *link, open ? asked : nullptr);
  put(self, *link, std::move(frame));
  // Whether more are due is known once the listener has given all that it has.
  if (link->ending) {
    queue_.push(queue_.now(), self, {Kind::retired, {}, link->peer, self, link->id, {}});
  }
}

// Gives a frame to a connection, or breaks it if too much waits for the peer already.
void Network::put(NodeIndex self, Link& link, Bytes frame) {
  Host& host = *hosts_[self];
  if (backlog(self, link) + frame.size() <= host.max_queued) {
    return transmit(self, link, Kind::frame, std::move(frame));
  }
  ++host.stats.peers_unread;
  ++counts_.broken;
  hang_up(self, link.peer, link.id, link.arrival, Kind::closed);
  lose(self, key(link.peer), Unreachable::overloaded);
  erase_link(host, link);
}

// Whoever sees everything sees when a frame takes a dead connection although this end had heard
// from the peer on another one: the one that the frame answers, or one that is long open.
void Network::notice_astray(Host& host, const Link& chosen, const Link* asked) {
  if (!chosen.dead) return;
  const TimePoint long_ago = queue_.now() - 2 * options_.patience;
  for (const Link& other : links_with(host, chosen.who)) {
    if (other.dead || other.broken || !usable(other)) continue;
    const bool better = &other == asked || (other.opened < long_ago && other.heard > other.opened);
    if (better) ++counts_.astray;
  }
}

void Network::dial(NodeIndex self, const Contact& to) {
  Host& host = *hosts_[self];
  if (host.listener == nullptr || 2 * host.dials.size() >= host.max_dials) return;
  if (const auto peer = find(to.key)) {
    if (*peer == self) return;
    if (current_link(host, *peer) != nullptr || (options_.warm && warm_to(self, *peer, to))) return;
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
  const auto who = find(peer);
  const std::span<Link> links = who ? links_with(host, *who) : std::span<Link>();
  if (links.empty()) return;
  for (const Link& link : links) {
    if (usable(link)) hang_up(self, link.peer, link.id, link.arrival, Kind::closed);
  }
  host.links.erase(host.links.begin() + (links.data() - host.links.data()),
                   host.links.begin() + (links.data() + links.size() - host.links.data()));
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
  if (pending->where.endpoint != address(peer)) {  // it has moved since
    return fail_dial(self, event.number, Unreachable::refused);
  }
  if (who_[peer] == who_[self]) {
    if (peer != self) {
      host.listener->on_twin(address(peer));
      if (target.listener != nullptr) target.listener->on_twin(address(self));
    }
    return fail_dial(self, event.number, Unreachable::wrong_key);
  }
  if (target.network != host.network) {
    ++host.stats.hellos_refused;
    ++hosts_[peer]->stats.hellos_refused;
    return fail_dial(self, event.number, Unreachable::foreign);
  }
  Dial dial = take_dial(host, event.number);
  ++host.stats.connections_dialled;
  Link* link = current_link(host, who_[peer]);
  if (link == nullptr || !works(self, *link)) {
    Link& opened = open(self, peer, next_link_++, true);
    transmit(self, opened, Kind::opened, {});
    judge(self, opened);
    link = current_link(host, who_[peer]);
  }
  for (Bytes& frame : dial.waiting) transmit(self, *link, Kind::frame, std::move(frame));
  if (!dial.probe) return;
  // The dial made a connection, though where one works already it did not stay.
  Link dialled = *link;
  dialled.dialled = true;
  dialled.opened = queue_.now();
  host.listener->on_reached(dial.where, as_peer(peer, dialled));
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
  if (host.listener == nullptr) {
    return hang_up(event.to, event.from, event.number, {}, Kind::closed);
  }
  ++host.stats.connections_accepted;
  if (find_link(host, who_[event.from], event.number) != nullptr)
    return;  // overtaken, see on_frame
  judge(event.to, open(event.to, event.from, static_cast<std::uint32_t>(event.number), false));
}

void Network::on_frame(Event& event) {
  Host& host = *hosts_[event.to];
  Link* link = find_link(host, who_[event.from], event.number);
  // Datagrams may overtake the handshake.
  if (link == nullptr && options_.datagram && host.listener != nullptr) {
    link = &open(event.to, event.from, static_cast<std::uint32_t>(event.number), false);
  }
  if (link == nullptr) return hang_up(event.to, event.from, event.number, {}, Kind::closed);
  if (link->dead) return;
  link->used = link->heard = queue_.now();
  host.stats.bytes_received += event.frame.size();
  host.listener->on_frame(as_peer(event.from, *link), event.frame);
}

void Network::on_closed(const Event& event) {
  Host& host = *hosts_[event.to];
  const Link* link = find_link(host, who_[event.from], event.number);
  if (link == nullptr || (link->dead && event.kind == Kind::closed)) return;
  const bool at_risk = link->retired && event.kind == Kind::broken && link->used > link->heard;
  const bool carried = (usable(*link) && link->current) || at_risk;
  erase_link(host, *link);
  if (carried) host.listener->on_unreachable(key(event.from), Unreachable::closed);
}

// The peer said its last word on a connection, or (from this end itself) some of the answers that
// it is still owed have gone, or there is no more time for them.
void Network::on_retired(const Event& event) {
  Host& host = *hosts_[event.to];
  Link* link = find_link(host, who_[event.from], event.number);
  if (link == nullptr || (link->dead && !link->ending)) return;
  const bool in_time = event.why != Unreachable::timed_out;
  if (!link->retired && in_time && host.listener->owes(key(event.from))) {
    if (link->ending) return;
    link->ending = true;
    link->current = false;
    queue_.push(queue_.now() + options_.patience, event.to,
                {Kind::retired, Unreachable::timed_out, event.from, event.to, event.number, {}});
    return;
  }
  end(event.to, *link);
}

// Behind the last frame sent to it, the other end learns that no more will come.
void Network::end(NodeIndex self, Link& link) {
  if (!link.retired) hang_up(self, link.peer, link.id, link.arrival, Kind::retired);
  erase_link(*hosts_[self], link);
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
  const bool local = event.kind == Kind::deadline || event.kind == Kind::dropped ||
                     event.kind == Kind::broken || event.kind == Kind::judged;
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
    case Kind::broken:
      return on_closed(event);
    case Kind::judged:
      return on_judged(event);
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

// A new connection at this end. Whoever opens one beside another has it judged.
Network::Link& Network::open(NodeIndex self, NodeIndex peer, std::uint32_t id, bool dialled) {
  Host& host = *hosts_[self];
  const NodeIndex who = who_[peer];
  std::erase_if(host.links,
                [&](const Link& link) { return link.who == who && !link.retired && idle(link); });
  evict(self);
  make_place(host);
  const TimePoint now = queue_.now();
  const auto at = std::upper_bound(host.links.begin(), host.links.end(), who,
                                   [](NodeIndex i, const Link& link) { return i < link.who; });
  return *host.links.insert(at, {.opened = now,
                                 .used = now,
                                 .heard = now,
                                 .who = who,
                                 .peer = peer,
                                 .id = id,
                                 .dialled = dialled});
}

void Network::on_judged(const Event& event) {
  Link* link = find_link(*hosts_[event.to], who_[event.from], event.number);
  if (link != nullptr && usable(*link)) judge(event.to, *link);
}

// Applies the rules to a connection that may be beside the current one with its peer.
void Network::judge(NodeIndex self, Link& link) {
  const Link* current = current_link(*hosts_[self], link.who);
  if (current == &link) return;
  const ConnectionRules rules(options_.patience, keys_[self] < keys_[link.who]);
  switch (rules.judge(current->seen(), link.seen(), queue_.now())) {
    case ConnectionRules::Verdict::take_over:
      return take_over(self, link);
    case ConnectionRules::Verdict::retire:
      return retire(self, link);
    case ConnectionRules::Verdict::wait:
      queue_.push(rules.judged_again(link.seen()), self,
                  {Kind::judged, {}, link.peer, self, link.id, {}});
  }
}

// The current connection gives its place to `newer`. What was sent over it in vain is lost.
void Network::take_over(NodeIndex self, Link& newer) {
  Link& old = *current_link(*hosts_[self], newer.who);
  if ((old.dead || old.broken) && old.used > old.heard)
    lose(self, key(old.peer), Unreachable::closed);
  old.used = old.heard;  // so that it is told once
  old.current = false;
  newer.current = true;
  retire(self, old);
}

void Network::retire(NodeIndex self, Link& link) {
  link.retired = true;
  link.current = false;
  hang_up(self, link.peer, link.id, link.arrival, Kind::retired);
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
    retire(self, *oldest);
  }
}

bool Network::idle(const Link& link) const {
  return queue_.now() - link.used >= options_.idle_timeout;
}

bool Network::usable(const Link& link) const {
  return !link.retired && !link.ending && !idle(link);
}

// Whether the connection carries frames, as only who sees both ends can say.
bool Network::works(NodeIndex self, const Link& link) const {
  if (link.dead || link.broken) return false;
  const Link* far = find_link(*hosts_[link.peer], who_[self], link.id);
  return far != nullptr && usable(*far);
}

std::span<Network::Link> Network::links_with(Host& host, NodeIndex who) {
  auto first = std::lower_bound(host.links.begin(), host.links.end(), who,
                                [](const Link& link, NodeIndex i) { return link.who < i; });
  auto last = first;
  while (last != host.links.end() && last->who == who) ++last;
  return {first, last};
}

// The connection that takes the frames for the peer; if the last such has ended, another one does.
Network::Link* Network::current_link(Host& host, NodeIndex who) const {
  Link* other = nullptr;
  for (Link& link : links_with(host, who)) {
    if (!usable(link)) continue;
    if (link.current) return &link;
    if (other == nullptr) other = &link;
  }
  if (other != nullptr) other->current = true;
  return other;
}

Network::Link* Network::find_link(Host& host, NodeIndex who, std::uint64_t id) {
  for (Link& link : links_with(host, who)) {
    if (link.id == id) return &link;
  }
  return nullptr;
}

void Network::erase_link(Host& host, const Link& link) {
  host.links.erase(host.links.begin() + (&link - host.links.data()));
}

void Network::transmit(NodeIndex self, Link& link, Kind kind, Bytes frame) {
  link.used = queue_.now();
  hosts_[self]->stats.bytes_sent += frame.size();
  if (link.broken) return;
  if (link.dead) {
    ++counts_.vanished;
    return break_off(self, link, queue_.now() + options_.give_up);
  }
  link.arrival = carry({kind, {}, self, link.peer, link.id, std::move(frame)}, link.arrival, &link);
}

// `closed` is also what a host answers to a frame of a connection it does not have.
void Network::hang_up(NodeIndex self, NodeIndex peer, std::uint64_t id, TimePoint earliest,
                      Kind how) {
  const Link* link = find_link(*hosts_[self], who_[peer], id);
  if (link != nullptr && link->dead) return;
  carry({how, Unreachable::closed, self, peer, id, {}}, earliest);
}

Peer Network::as_peer(NodeIndex peer, const Link& link) const {
  const Host& host = *hosts_[peer];
  Peer out = host.self;
  out.address = address(peer);
  out.reached = ConnectionRules::proves(link.dialled, queue_.now() - link.opened);
  out.connection = link.id;
  if (link.dialled) {  // where it was reached counts more than what it says
    out.contact.endpoints = Endpoints(address(peer));
    for (const Endpoint& claimed : host.self.contact.endpoints) out.contact.endpoints.add(claimed);
  }
  return out;
}

}  // namespace kadmos::sim
