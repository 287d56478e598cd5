#include "uv/switchboard.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "uv/address.h"
#include "wire/codec.h"

namespace kadmos {
namespace {

constexpr int kBacklog = 512;
constexpr std::size_t kTargets = 8;  // endpoints tried for one peer
// Connections by which this node dialled itself, remembered until their other ends are secured. One
// forgotten sooner would be taken for another node's.
constexpr std::size_t kOwnDials = 64;
constexpr Duration kSweepGrain = std::chrono::milliseconds(10);

Switchboard& self(void* data) { return *static_cast<Switchboard*>(data); }

bool contains(const Endpoints& endpoints, const Endpoint& one) {
  return std::find(endpoints.begin(), endpoints.end(), one) != endpoints.end();
}

Error cannot_listen(const Endpoint& where, int status) {
  const std::string text = "cannot listen on " + where.text() + ": ";
  if (status == UV_EADDRINUSE) {
    return Error(Errc::address_in_use, text + "another program listens there; choose another port");
  }
  return Error(Errc::io, text + uv_strerror(status));
}

}  // namespace

Switchboard::Switchboard(UvLoop& loop, const Identity& identity, const Config& config,
                         TransportOptions transport_options)
    : ConnectionOwner(loop, identity, config, std::move(transport_options)),
      advertised_(config.advertise),
      client_(config.client || !options.listen),
      entries_(0, KeyHash{make_random()->next()}),
      inbound_({.address = limits.connections_per_ip, .group = limits.connections_per_group}),
      dialled_({.address = limits.connections_per_ip, .group = limits.connections_per_group}),
      handshakes_({.total = limits.handshakes}) {}

void Switchboard::release() {
  close();
  released_ = true;
  if (handles_ == 0) delete this;
}

// ---- Starting and ending

Result<void> Switchboard::start(TransportListener& listener) {
  check(listener_ == nullptr && !closed_);
  uv_loop_t* loop = raw(uv_loop);
  check(uv_idle_init(loop, &turn_) == 0 && uv_timer_init(loop, &sweep_) == 0);
  opened_handle(reinterpret_cast<uv_handle_t*>(&turn_));
  opened_handle(reinterpret_cast<uv_handle_t*>(&sweep_));
  listener_ = &listener;
  if (client_) {
    advertised_ = {};
  } else if (auto listening = listen(); !listening) {
    close();
    return listening;
  }
  const wire::Hello said{wire::kVersion, network, advertised_, client_};
  wire::append_netstring(hello, wire::encode(said));
  return {};
}

Result<void> Switchboard::listen() {
  const Endpoint where = *options.listen;
  const sockaddr_storage address = to_sockaddr(where);
  check(uv_tcp_init(raw(uv_loop), &server_) == 0);
  opened_handle(reinterpret_cast<uv_handle_t*>(&server_));
  serving_ = true;
  int failed = uv_tcp_bind(&server_, reinterpret_cast<const sockaddr*>(&address), 0);
  if (failed == 0) {
    failed = uv_listen(reinterpret_cast<uv_stream_t*>(&server_), kBacklog,
                       [](uv_stream_t* server, int status) {
                         if (status == 0) self(server->data).on_inbound();
                       });
  }
  sockaddr_storage bound{};
  int size = sizeof bound;
  if (failed == 0) {
    failed = uv_tcp_getsockname(&server_, reinterpret_cast<sockaddr*>(&bound), &size);
  }
  if (failed != 0) return cannot_listen(where, failed);
  if (advertised_.empty()) {
    advertised_.add(from_sockaddr(reinterpret_cast<const sockaddr*>(&bound)));
  }
  return {};
}

void Switchboard::close() {
  if (closed_) return;
  closed_ = true;
  heard_ = nullptr;
  if (listener_ == nullptr) return;
  events_.clear();
  // No close_notify: we shall not read what the peers have sent us, and they must know.
  for (Link* link : std::exchange(links_, {})) link->close_after_writing();
  if (serving_) close_handle(reinterpret_cast<uv_handle_t*>(&server_));
  close_handle(reinterpret_cast<uv_handle_t*>(&turn_));
  close_handle(reinterpret_cast<uv_handle_t*>(&sweep_));
  entries_.clear();
}

void Switchboard::opened_handle(uv_handle_t* handle) {
  handle->data = this;
  ++handles_;
}

void Switchboard::close_handle(uv_handle_t* handle) {
  uv_close(handle, [](uv_handle_t* gone) { self(gone->data).on_handle_closed(); });
}

void Switchboard::on_handle_closed() {
  --handles_;
  if (released_ && handles_ == 0) delete this;
}

void Switchboard::on_closed(Connection& connection) {
  delete static_cast<Link*>(&connection);
  on_handle_closed();
}

void Switchboard::add_stats(Stats& sum) const {
  sum.connections_accepted += stats.connections_accepted;
  sum.connections_dialled += stats.connections_dialled;
  sum.connections_refused += stats.connections_refused;
  sum.connections_evicted += stats.connections_evicted;
  sum.connections_dead += stats.connections_dead;
  sum.dials_failed += stats.dials_failed;
  sum.handshakes_failed += stats.handshakes_failed;
  sum.peers_wrong_key += stats.peers_wrong_key;
  sum.hellos_refused += stats.hellos_refused;
  sum.frames_bad += stats.frames_bad;
  sum.peers_slow += stats.peers_slow;
  sum.peers_unread += stats.peers_unread;
  sum.bytes_sent += stats.bytes_sent;
  sum.bytes_received += stats.bytes_received;
  sum.connections += static_cast<std::uint64_t>(
      std::count_if(links_.begin(), links_.end(), [](const Link* link) { return link->open(); }));
}

// ---- Frames and probes

void Switchboard::send(const Contact& to, ByteView frame) {
  if (closed_) return;
  check(listener_ != nullptr && frame.size() <= limits.frame_bytes);
  if (to.key == tls.own_key()) return emit(Lost{to.key, Unreachable::wrong_key});
  Entry& entry = entry_of(to.key);
  Link* link = entry.current;
  if (link != nullptr && entry.waiting.empty() && has_room_for_own(*link, frame.size())) {
    if (link->queued() == 0) link->answering = false;
    return link->enqueue(frame);
  }
  // What this node wants to send is no reason to hang up on anybody: it waits for room.
  if (entry.waiting.bytes() + frame.size() > limits.sending_bytes) {
    if (link != nullptr) return emit(Lost{entry.key, Unreachable::overloaded});
    return give_up(entry, Unreachable::overloaded);
  }
  entry.waiting.add(frame, uv_loop.impl().spares);
  if (link != nullptr) return link->want_room();
  aim(entry, to.endpoints);
  if (entry.dial == nullptr) dial_next(entry);
}

// Own requests leave half of what may wait on a connection to answers.
bool Switchboard::has_room_for_own(const Link& link, std::size_t bytes) const {
  return link.queued() == 0 || link.queued() + bytes <= limits.queued_bytes / 2;
}

// Moves what waits for room on the peer's connection there, as far as there is some.
void Switchboard::refill(Entry& entry) {
  Link* link = entry.current;
  while (link != nullptr && !entry.waiting.empty() && link->carries() &&
         has_room_for_own(*link, entry.waiting.next())) {
    if (link->queued() == 0) link->answering = false;
    link->enqueue(entry.waiting.take());
  }
}

void Switchboard::answer(const PublicKey& to, ConnectionId over, ByteView frame) {
  if (closed_) return;
  check(listener_ != nullptr && frame.size() <= limits.frame_bytes);
  Link* link = heard_;
  if (link == nullptr || link->number != over) {
    const auto known = entries_.find(to);
    if (known == entries_.end()) return;
    link = find_link(known->second, over);
    if (link == nullptr || !link->carries() || !ConnectionRules::answers_as_asked()) {
      link = known->second.current;
    }
  }
  if (link == nullptr || !link->carries()) link = link != nullptr ? link->entry->current : nullptr;
  if (link == nullptr || !has_room(*link, frame.size())) return;
  link->answering = true;
  link->enqueue(frame);
}

// Or else it is closed.
bool Switchboard::has_room(Link& link, std::size_t bytes) {
  if (link.queued() + bytes <= limits.queued_bytes) return true;
  ++stats.peers_unread;
  link.close(Unreachable::overloaded);
  return false;
}

void Switchboard::dial(const Contact& to) {
  if (closed_ || to.key == tls.own_key()) return;
  check(listener_ != nullptr);
  Entry& entry = entry_of(to.key);
  if (entry.current != nullptr) return;
  if (entry.dial == nullptr && 2 * dialling() >= limits.dials) return forget_if_unused(entry);
  aim(entry, to.endpoints);
  if (entry.dial == nullptr) dial_next(entry);
}

void Switchboard::probe(const Bootstrap& where) {
  if (closed_) return;
  check(listener_ != nullptr);
  if (!may_dial(where.endpoint)) return emit(ProbeFailed{where, Unreachable::overloaded});
  auto* link = new Link(*this);
  link->probe = where;
  connect(*link, where.endpoint, where.key);
}

void Switchboard::drop(const PublicKey& peer) {
  for (Link* link : std::vector<Link*>(links_)) {
    if (link->entry != nullptr && link->entry->key == peer) {
      link->close(Unreachable::misbehaved);
    }
  }
}

void Switchboard::on_frame(Connection& connection, ByteView frame) {
  auto& link = static_cast<Link&>(connection);
  if (!deliver_events() || link.phase() == Connection::Phase::gone) return;
  const Peer from = as_peer(link);
  heard_ = &link;
  listener_->on_frame(from, frame);
  heard_ = nullptr;
}

// ---- Dialling

bool Switchboard::may_dial(const Endpoint& where) {
  if (dialling() < limits.dials && !dialled_.full(Party::at(groups, where))) return true;
  ++stats.dials_failed;
  return false;
}

std::size_t Switchboard::dialling() const {
  const auto count = std::count_if(links_.begin(), links_.end(), [](const Link* link) {
    return link->dialled() && link->phase() != Connection::Phase::open;
  });
  return static_cast<std::size_t>(count);
}

void Switchboard::connect(Link& link, const Endpoint& where, std::optional<PublicKey> expected) {
  link.number = next_number_++;
  ++handles_;
  links_.push_back(&link);
  ++stats.connections_dialled;
  count_in(dialled_, link, where);
  link.dial(where, expected);
}

// Adds to the endpoints that will be tried, in order of arrival; begins anew if none is being
// tried.
void Switchboard::aim(Entry& entry, const Endpoints& endpoints) {
  if (entry.dial == nullptr) {
    entry.targets.clear();
    entry.tried = 0;
    entry.failure.reset();
  }
  for (const Endpoint& endpoint : endpoints) {
    const bool known =
        std::find(entry.targets.begin(), entry.targets.end(), endpoint) != entry.targets.end();
    if (known || entry.targets.size() >= kTargets) continue;
    if (endpoint.port == 0 || endpoint.is_unspecified()) continue;
    entry.targets.push_back(endpoint);
  }
}

void Switchboard::dial_next(Entry& entry) {
  if (entry.tried == entry.targets.size()) {
    return give_up(entry, entry.failure.value_or(Unreachable::no_endpoint));
  }
  const Endpoint where = entry.targets[entry.tried++];
  if (!may_dial(where)) return give_up(entry, Unreachable::overloaded);
  auto* link = new Link(*this);
  link->dials_for = &entry;
  entry.dial = link;
  connect(*link, where, entry.key);
}

void Switchboard::give_up(Entry& entry, Unreachable why) {
  entry.waiting = {};
  emit(Lost{entry.key, why});
  if (Link* dial = std::exchange(entry.dial, nullptr)) {
    dial->dials_for = nullptr;
    dial->close(why);
  }
  forget_if_unused(entry);
}

// ---- Accepting, and the bounds

void Switchboard::on_inbound() {
  auto* link = new Link(*this);
  link->number = next_number_++;
  ++handles_;
  links_.push_back(link);
  link->accept(reinterpret_cast<uv_stream_t*>(&server_));
  if (admit(*link)) {
    ++stats.connections_accepted;
  } else {
    ++stats.connections_refused;
    link->close(Unreachable::overloaded);
  }
}

// How many connections the group of a link has made. A local one stands for itself, and so does one
// that this node dialled.
std::size_t Switchboard::share_of(const Link& link) const {
  return link.dialled() ? 1 : std::max<std::size_t>(1, inbound_.of_group(link.party));
}

// Whose place is given to the newcomer: of the group that has most, if that is not less than the
// newcomer's own will have, the idle one that `since` says has been so for longest; else, if that
// group has more, one that is not idle. Null if there is none.
Switchboard::Link* Switchboard::fullest(const std::vector<Link*>& among, const Link& newcomer,
                                        bool (*idle)(const Link&),
                                        TimePoint (*since)(const Link&)) const {
  const std::size_t own = newcomer.dialled() ? 0 : share_of(newcomer);
  Link* out = nullptr;
  std::tuple<std::size_t, bool, TimePoint> best;
  for (Link* link : among) {
    const std::size_t share = share_of(*link);
    if (link == &newcomer || share < own || (share == own && !idle(*link))) continue;
    const std::tuple rank(~share, !idle(*link), since(*link));
    if (out != nullptr && best < rank) continue;
    out = link;
    best = rank;
  }
  return out;
}

void Switchboard::count_in(Shares& shares, Link& link, const Endpoint& where) {
  link.party = Party::at(groups, where);
  link.counted_in = &shares;
  shares.take(link.party);
}

bool Switchboard::admit(Link& link) {
  if (inbound_.full(Party::at(groups, link.remote()))) return false;
  count_in(inbound_, link, link.remote());
  if (handshakes_.full(link.party)) {
    // Honest handshakes are quick to say something, and quick to end.
    std::vector<Link*> setting_up;
    for (Link* each : links_) {
      if (each->greeting) setting_up.push_back(each);
    }
    Link* out = fullest(
        setting_up, link, [](const Link& each) { return each.silent(); },
        [](const Link& each) { return each.began_at(); });
    if (out == nullptr) return false;
    ++stats.connections_refused;
    tell_crowded(*out, link, "a handshake");
    out->close(Unreachable::overloaded);
  }
  handshakes_.take(link.party);
  link.greeting = true;
  return true;
}

void Switchboard::end_handshake(Link& link) {
  if (std::exchange(link.greeting, false)) handshakes_.give(link.party);
}

// Whether a connection is worth more to this node than what a stranger wants.
bool Switchboard::kept(const Link& link) const {
  return link.dialled() || (link.entry != nullptr && listener_->keeps(link.entry->key));
}

// For one more open connection.
bool Switchboard::make_room(Link& newcomer) {
  const auto open =
      std::count_if(links_.begin(), links_.end(), [](const Link* link) { return link->open(); });
  if (static_cast<std::size_t>(open) <= limits.connections) return true;
  std::vector<Link*> kept_ones;
  std::vector<Link*> strangers;
  for (Link* link : links_) {
    if (link->open() && link != &newcomer) (kept(*link) ? kept_ones : strangers).push_back(link);
  }
  const auto idle = [](const Link& each) { return each.idle(); };
  const auto since = [](const Link& each) { return each.used_at(); };
  Link* out = fullest(strangers, newcomer, idle, since);
  if (out == nullptr && (kept(newcomer) || 2 * kept_ones.size() > limits.connections)) {
    out = fullest(kept_ones, newcomer, idle, since);
  }
  if (out == nullptr) return false;
  ++stats.connections_evicted;
  if (!out->idle() || out->receiving()) tell_crowded(*out, newcomer, "a connection");
  retire(*out);
  return true;
}

void Switchboard::tell_crowded(const Link& out, const Link& newcomer, std::string_view why) {
  emit(Crowded{std::string(why) + " of " + out.remote().text() + ", whose address group has " +
               std::to_string(share_of(out)) + ", made room for " + newcomer.remote().text() +
               ": all are in use"});
}

// ---- One connection a peer

Switchboard::Entry& Switchboard::entry_of(const PublicKey& key) {
  Entry& entry = entries_[key];
  entry.key = key;
  return entry;
}

// Not at once, since a caller further up may still hold it.
void Switchboard::forget_if_unused(Entry& entry) {
  if (!entry.unused()) return;
  unused_.push_back(entry.key);
  want_turn();
}

void Switchboard::attach(Link& link) {
  if (link.entry != nullptr) return;
  link.entry = &entry_of(link.peer_key());
  ++link.entry->links;
}

void Switchboard::on_secured(Connection& connection) {
  auto& link = static_cast<Link&>(connection);
  attach(link);
  if (Entry* entry = std::exchange(link.dials_for, nullptr)) {
    entry->dial = nullptr;
    if (entry->current == nullptr) use(*entry, &link);
  }
}

// Either another node has this node's identity, or this node has dialled itself. Then the other end
// is one of its own connections: the dialling end is done first, and known when the other one is.
void Switchboard::on_own_key(Connection& connection) {
  auto& link = static_cast<Link&>(connection);
  const auto random = link.client_random();
  bool itself = false;
  if (link.dialled()) {
    itself = link.met_itself || std::any_of(links_.begin(), links_.end(), [&](const Link* other) {
               return is_other_end(*other, link);
             });
    own_dials_.push_back(random);
    if (own_dials_.size() > kOwnDials) own_dials_.pop_front();
  } else {
    itself = std::find(own_dials_.begin(), own_dials_.end(), random) != own_dials_.end();
  }
  if (!itself) emit(Twin{link.remote()});
}

// Whether a dial whose handshake is under way is of the connection that `inbound` is or was the
// accepted end of. Nothing but the bytes of the handshake says so: a relay may stand between them,
// and let go of either end when it likes.
bool Switchboard::is_other_end(const Link& inbound, const Link& dial) {
  return !inbound.dialled() && dial.dialled() && dial.phase() == Connection::Phase::securing &&
         inbound.client_random() == dial.client_random();
}

void Switchboard::on_hello(Connection& connection, const wire::Hello& said) {
  auto& link = static_cast<Link&>(connection);
  attach(link);
  end_handshake(link);
  Entry& entry = *link.entry;
  if (other_open(entry, link) == nullptr && !make_room(link)) {
    ++stats.connections_refused;
    return link.close(Unreachable::overloaded);
  }
  learn(link, said);
  if (link.probe) {
    emit(Reached{*link.probe, as_peer(link)});
    link.probe.reset();
  }
  if (entry.current == nullptr) use(entry, &link);
  judge_all(entry);
}

void Switchboard::learn(Link& link, const wire::Hello& said) {
  link.opened = uv_loop.now();
  link.client = said.client;
  for (Endpoint endpoint : said.endpoints) {
    if (endpoint.port == 0) continue;
    if (endpoint.is_unspecified()) endpoint.ip = link.remote().ip;
    link.claimed.add(endpoint);
  }
  if (!link.dialled()) return;
  // Of another family than the peer names now, it may be there still; else it has moved since.
  Endpoints verified(link.remote());
  for (const Endpoint& endpoint : link.entry->verified) {
    const bool contradicted =
        std::any_of(link.claimed.begin(), link.claimed.end(),
                    [&](const Endpoint& claim) { return claim.is_v4() == endpoint.is_v4(); });
    if (!contradicted || contains(link.claimed, endpoint)) verified.add(endpoint);
  }
  link.entry->verified = verified;
}

// Who is at the far end of a connection. Where this node has met the key is all that counts, once
// it has; but a peer that says of itself that it is elsewhere has not been met there yet.
Peer Switchboard::as_peer(const Link& link) const {
  const Endpoints& verified = link.entry->verified;
  const auto met = [&](const Endpoint& endpoint) { return contains(verified, endpoint); };
  const bool proves = ConnectionRules::proves(link.dialled(), uv_loop.now() - link.opened);
  Peer peer{{link.entry->key, {}}, link.client, proves, link.remote(), link.number};
  const bool there = link.dialled() || link.claimed.empty() ||
                     std::any_of(link.claimed.begin(), link.claimed.end(), met);
  if (link.dialled()) peer.contact.endpoints.add(link.remote());
  for (const Endpoint& endpoint : there ? verified : link.claimed) {
    peer.contact.endpoints.add(endpoint);
  }
  return peer;
}

void Switchboard::judge_all(Entry& entry) {
  for (Link* link : std::vector<Link*>(links_)) {
    if (link->entry == &entry && link->open()) judge(entry, *link);
  }
}

void Switchboard::judge(Entry& entry, Link& newer) {
  // A current one that is still greeting may come to nothing; all are judged when it opens.
  if (entry.current == nullptr || entry.current == &newer || !entry.current->open()) return;
  if (newer.ending || !newer.open()) return;
  const ConnectionRules rules(options.handshake_timeout, tls.own_key() < entry.key);
  switch (rules.judge(entry.current->seen(), newer.seen(), uv_loop.now())) {
    case ConnectionRules::Verdict::take_over:
      return take_over(entry, newer);
    case ConnectionRules::Verdict::retire:
      return retire(newer);
    case ConnectionRules::Verdict::wait:
      return newer.retire_at(rules.judged_again(newer.seen()));
  }
}

// The current connection has been silent, which it may be because nothing was asked. If the peer's
// kernel has not acknowledged what was written, that is lost, and told now: later it would be taken
// for a loss of what goes over the new connection.
void Switchboard::take_over(Entry& entry, Link& newer) {
  Link& old = *entry.current;
  old.replaced = true;
  if (old.unacknowledged()) emit(Lost{entry.key, Unreachable::closed});
  use(entry, &newer);
  retire(old);
}

Switchboard::Link* Switchboard::other_open(const Entry& entry, const Link& than) const {
  for (Link* link : links_) {
    if (link != &than && link->entry == &entry && link->open() && !link->ending) return link;
  }
  return nullptr;
}

Switchboard::Link* Switchboard::find_link(const Entry& entry, ConnectionId number) const {
  if (entry.current != nullptr && entry.current->number == number) return entry.current;
  for (Link* link : links_) {
    if (link->number == number && link->entry == &entry) return link;
  }
  return nullptr;
}

void Switchboard::use(Entry& entry, Link* link) {
  entry.current = link;
  if (link == nullptr) return;
  refill(entry);
}

// Moves what `link` has not encrypted yet to wherever the peer's frames go from now on.
void Switchboard::detach_queue(Entry& entry, Link& link) {
  FrameQueue frames = link.take_queue();
  if (entry.current == &link) use(entry, other_open(entry, link));
  if (frames.empty()) return;
  if (entry.current != nullptr) {
    if (has_room(*entry.current, frames.bytes())) entry.current->enqueue(std::move(frames));
    return;
  }
  entry.waiting.add(std::move(frames));
  aim(entry, as_peer(link).contact.endpoints);
  if (entry.dial == nullptr) dial_next(entry);
}

void Switchboard::retire(Link& link) {
  Entry& entry = *link.entry;
  link.retire();
  detach_queue(entry, link);
  // A peer that never lets go must not keep more than its share.
  const auto bound = static_cast<std::ptrdiff_t>(std::max<std::size_t>(8, limits.connections / 4));
  const auto retired = [](const Link* each) { return each->retired(); };
  if (std::count_if(links_.begin(), links_.end(), retired) <= bound) return;
  Link* oldest = *std::min_element(links_.begin(), links_.end(), [](const Link* a, const Link* b) {
    return a->retired() && (!b->retired() || a->retired_since() < b->retired_since());
  });
  oldest->close(Unreachable::closed);
}

// What the peer is owed still goes out here, for it reads on: the answers that wait for a disk, and
// those that were queued when its last word came. Requests go elsewhere; it would not answer them.
void Switchboard::on_peer_retired(Connection& connection) {
  auto& link = static_cast<Link&>(connection);
  const bool answers = link.answering && link.queued() > 0;
  if (!answers && !listener_->owes(link.entry->key)) return retire(link);
  if (!answers) {
    detach_queue(*link.entry, link);
  } else if (link.entry->current == &link) {
    use(*link.entry, other_open(*link.entry, link));
  }
  link.ending = true;
  link.retire_at(uv_loop.now() + options.handshake_timeout / 2);  // the peer waits no longer
  ending_.push_back(&link);
}

// Retires the connections whose peers have been sent what they were owed.
void Switchboard::finish_endings() {
  for (Link* link : std::vector<Link*>(ending_)) {
    if (link->queued() == 0 && !listener_->owes(link->entry->key)) retire(*link);
  }
  std::erase_if(ending_, [](const Link* link) { return link->retired(); });
}

void Switchboard::on_overdue(Connection& connection) {
  auto& link = static_cast<Link&>(connection);
  const bool unused = uv_loop.now() >= link.used_at() + options.idle_timeout;
  if (unused || link.ending) return retire(link);
  judge(*link.entry, link);
}

void Switchboard::on_gone(Connection& connection, std::optional<Unreachable> why) {
  if (closed_) return;
  auto& link = static_cast<Link&>(connection);
  std::erase(links_, &link);
  std::erase(to_flush_, &link);
  std::erase(ending_, &link);
  if (heard_ == &link) heard_ = nullptr;
  end_handshake(link);
  if (link.counted_in != nullptr) link.counted_in->give(link.party);
  const Unreachable reason = why.value_or(Unreachable::closed);
  if (link.probe) emit(ProbeFailed{*link.probe, reason});
  if (Entry* entry = link.dials_for) {
    entry->dial = nullptr;
    if (!entry->failure) entry->failure = reason;
    if (entry->current == nullptr) dial_next(*entry);
    return;
  }
  if (link.entry == nullptr) {
    for (Link* other : links_) other->met_itself |= is_other_end(link, *other);
    return;
  }
  Entry& entry = *link.entry;
  --entry.links;
  if (entry.current == &link) {
    emit(Lost{entry.key, reason});
    FrameQueue frames = link.take_queue();
    use(entry, other_open(entry, link));
    if (entry.current != nullptr && !frames.empty() && has_room(*entry.current, frames.bytes())) {
      entry.current->enqueue(std::move(frames));
    }
  } else if (link.retired() && !link.replaced && why && link.frames_at_risk()) {
    emit(Lost{entry.key, reason});
  }
  forget_if_unused(entry);
}

// ---- Events, turns and time

void Switchboard::emit(Event event) {
  events_.push_back(std::move(event));
  want_turn();
}

void Switchboard::want_turn() {
  uv_idle_start(&turn_, [](uv_idle_t* idle) { self(idle->data).turn(); });
}

void Switchboard::want_flush(Connection& connection) {
  auto& link = static_cast<Link&>(connection);
  if (closed_ || std::exchange(link.wants_flush, true)) return;
  to_flush_.push_back(&link);
  want_turn();
}

void Switchboard::tell(const Event& event) {
  if (const auto* reached = std::get_if<Reached>(&event)) {
    listener_->on_reached(reached->probed, reached->peer);
  } else if (const auto* failed = std::get_if<ProbeFailed>(&event)) {
    listener_->on_probe_failed(failed->probed, failed->why);
  } else if (const auto* lost = std::get_if<Lost>(&event)) {
    listener_->on_unreachable(lost->key, lost->why);
  } else if (const auto* twin = std::get_if<Twin>(&event)) {
    listener_->on_twin(twin->where);
  } else if (const auto* crowded = std::get_if<Crowded>(&event)) {
    listener_->on_crowded(crowded->what);
  }
}

// False if the transport was closed meanwhile.
bool Switchboard::deliver_events() {
  while (!closed_ && !events_.empty()) {
    const Event event = std::move(events_.front());
    events_.pop_front();
    tell(event);
  }
  return !closed_;
}

void Switchboard::turn() {
  if (!deliver_events()) return;
  // Connections that end during this are freed in a later turn.
  flushing_.swap(to_flush_);
  for (Link* link : flushing_) {
    link->wants_flush = false;
    link->flush();
    if (closed_) return;
    if (link->phase() != Connection::Phase::gone && link->entry != nullptr &&
        link->entry->current == link) {
      refill(*link->entry);
    }
  }
  flushing_.clear();
  finish_endings();
  for (const PublicKey& key : std::exchange(unused_, {})) {
    const auto found = entries_.find(key);
    if (found != entries_.end() && found->second.unused()) entries_.erase(found);
  }
  if (events_.empty() && to_flush_.empty()) uv_idle_stop(&turn_);
}

void Switchboard::want_time(TimePoint when) {
  if (closed_ || when >= sweep_at_) return;
  sweep_at_ = when;
  start_timer(&sweep_, when, [](uv_timer_t* timer) { self(timer->data).sweep(); });
}

void Switchboard::sweep() {
  const TimePoint now = uv_loop.now();
  sweep_at_ = TimePoint::max();
  for (Link* link : std::vector<Link*>(links_)) {
    link->on_time(now);
    if (closed_) return;
  }
  TimePoint next = TimePoint::max();
  for (const Link* link : links_) next = std::min(next, link->deadline());
  if (next != TimePoint::max()) want_time(std::max(next, now + kSweepGrain));
}

}  // namespace kadmos
