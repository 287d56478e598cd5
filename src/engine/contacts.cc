// Who is in the table: what the engine concludes from whom it hears, reaches and loses. Two things
// are told apart. That a peer lives, any answer of it shows. That others find it where the table
// says, only a dial to there does; and only such contacts are passed on.
#include <algorithm>

#include "engine/engine.h"

namespace kadmos {
namespace {

Error unreachable_error(const Bootstrap& where, Unreachable why) {
  const bool other = why == Unreachable::wrong_key;
  return {other ? Errc::verification_failed : Errc::unreachable,
          where.endpoint.text() + ": " + std::string(name_of(why))};
}

// A key at an endpoint, side by side in one id: by this it is remembered where nobody was found.
Id place_of(const PublicKey& key, const Endpoint& endpoint) {
  ByteArray<Id::kBytes> bytes{};
  auto end = std::copy(key.bytes.begin(), key.bytes.end(), bytes.begin());
  end = std::copy(endpoint.ip.begin(), endpoint.ip.end(), end);
  *end++ = static_cast<Byte>(endpoint.port >> 8);
  *end = static_cast<Byte>(endpoint.port);
  return *Id::from_bytes(bytes);
}

}  // namespace

// ---- Dials that prove

void Engine::probe(Now now, OpId op, const Bootstrap& where) {
  const auto [it, fresh] = probes_.try_emplace(where, Probing{now.at});
  if (!fresh && it->second.ops.empty()) --dial_backs_;
  it->second.ops.push_back(op);
  if (fresh) outgoing_.push(Probe{where});
}

void Engine::dial_back(Now now, const Contact& peer, bool then_ask) {
  const Bootstrap where{peer.endpoints.front(), peer.key};
  const auto [it, fresh] = probes_.try_emplace(where, Probing{now.at});
  it->second.then_ask |= then_ask;
  if (!fresh) return;
  ++dial_backs_;
  outgoing_.push(Probe{where});
}

void Engine::on_reached(Now now, const Bootstrap& probed, const Peer& peer) {
  if (closed_) return;
  look_at_the_clock(now);
  if (peer.reached) {
    suspects_.on_answer(id_of(peer.contact.key));
    undialable_.on_answer(place_of(peer.contact.key, probed.endpoint));
  }
  const auto probing = probes_.extract(probed);
  if (probing && probing.mapped().ops.empty()) --dial_backs_;
  const bool asks = probing && probing.mapped().then_ask;
  on_contact(now, peer, !asks, std::nullopt);
  if (probing) probe_ended(now, probed, probing.mapped(), peer);
  if (const auto known = table_.find(id_of(peer.contact.key)); asks && known) {
    ask(now, 0, Ask{ContactHold(book_, *known), wire::Ping{}});
  }
  settle(now);
}

void Engine::on_probe_failed(Now now, const Bootstrap& probed, Unreachable why) {
  if (closed_) return;
  look_at_the_clock(now);
  const auto probing = probes_.extract(probed);
  if (probing && probing.mapped().ops.empty()) --dial_backs_;
  if (probed.key && why != Unreachable::overloaded && probing) {
    const Id id = id_of(*probed.key);
    const auto known = table_.find(id);
    const bool own = known && std::ranges::count(book_.contact(*known).endpoints, probed.endpoint);
    if (own) {
      const ContactHold contact(book_, *known);
      if (suspects_.on_failure(now.at, probing.mapped().sent, id)) on_dead(now, contact);
    } else {
      // That nobody is where an operation looked does not count against the peer, who may have
      // moved since. Whoever claims to be there, though, is not worth another dial for a while.
      if (probing.mapped().ops.empty()) {
        if (!known) suspects_.on_offence(now.at, id);
        undialable_.on_offence(now.at, place_of(*probed.key, probed.endpoint));
        // It says it has left the place that the entry names.
        if (known) dial_back(now, book_.contact(*known));
      }
    }
  }
  if (probing) probe_ended(now, probed, probing.mapped(), unreachable_error(probed, why));
  settle(now);
}

void Engine::probe_ended(Now now, const Bootstrap& where, const Probing& probing,
                         const Result<Peer>& peer) {
  for (const OpId op : probing.ops) {
    const auto it = running_.find(op);
    if (it == running_.end()) continue;
    it->second.operation->on_probed(now, where, peer);
    drive(now, op);
  }
}

// ---- Who was heard

// An authenticated peer was heard. Whom this node dialled enters the table, or its entry takes the
// endpoints where it was met. Whoever dialled this node is dialled back first, if the table has use
// for it: it is new, it has moved, or its entry has failed. A silent peer that connects is worth
// that dial too. An answer shows that an entry lives, over whichever connection it comes; asking
// proves nothing, since who asks need not answer.
void Engine::on_contact(Now now, const Peer& from, bool answered,
                        std::optional<Duration> round_trip) {
  if (from.client || from.contact.endpoints.empty()) return;
  const ContactHold contact(book_, from.contact);
  if (from.reached) {
    if (answered || table_.find(contact.id()) != contact.ref()) {
      on_reached_contact(now, contact, round_trip);
    }
    return;
  }
  if (answered) table_.on_heard(contact.id(), round_trip);
  // Where the entry says nobody may be any more, though the peer lives elsewhere.
  const auto known = table_.find(contact.id());
  if (answered && known && known != contact.ref() && !table_.find_healthy(contact.id()) &&
      dial_backs_ < config_.limits.probes) {
    dial_back(now, book_.contact(*known));
  }
  if (config_.client || dial_backs_ >= config_.limits.probes || !table_.wants(contact.ref()) ||
      suspects_.wrong(now.at, contact.id())) {
    return;
  }
  const Id place = place_of(contact->key, contact->endpoints.front());
  if (!undialable_.suspected(now.at, place)) dial_back(now, *contact);
}

void Engine::on_reached_contact(Now now, const ContactHold& contact,
                                std::optional<Duration> round_trip) {
  const auto seen = table_.on_seen(now.at, contact.ref(), round_trip);
  if (seen == RoutingTable::Seen::group_full) ++stats_.group_full;
  if (seen == RoutingTable::Seen::added) sync_plan_.on_newcomer(now.at, contact);
  if (seen == RoutingTable::Seen::updated) return;
  // Where it was before it was lost is no way in any more. That it can be dialled does not show
  // that it answers again, so it is asked before others are told of it for long.
  const bool was_lost = acquaintances_.remove(contact->key);
  if (was_lost && seen == RoutingTable::Seen::added) ask(now, 0, Ask{contact, wire::Ping{}});
}

// ---- Who was lost

// A contact that failed gets one second chance at once; one that fails that too is dead. It is
// dialled anew, since the connection it was asked over may swallow what is sent while the peer is
// well, and then asked: that it can be dialled does not show that it answers.
void Engine::on_dead(Now now, const ContactHold& peer) {
  const auto known = table_.find(peer.id());
  if (!known) {
    table_.on_failed(peer.id());  // it may wait in a replacement cache
    return;
  }
  const ContactHold contact(book_, *known);
  if (!table_.on_failed(peer.id())) return dial_back(now, *contact, true);
  ++stats_.contacts_evicted;
  upkeep_.on_dead(now.at);
  acquaintances_.add(now.wall, contact);
  has_way_in_ = true;
  if (table_.empty()) {
    notice(now, Notice::Level::warning, "table_empty",
           "every known contact is gone; trying to re-enter");
  }
}

// A contact that nothing was asked of has broken its connection, or was dialled in vain. It is
// asked at once whether it lives: it may be gone, or have started again and know nobody; and a node
// whose own address has changed, which breaks all its connections, is so known at the new one. A
// peer that breaks connections on purpose is asked once in a while.
void Engine::on_lost(Now now, const PublicKey& peer, Unreachable why) {
  if (why == Unreachable::overloaded || why == Unreachable::misbehaved) return;
  const Id id = id_of(peer);
  const auto known = table_.find(id);
  if (!known || broken_.suspected(now.at, id)) return;
  broken_.on_offence(now.at, id);
  ask(now, 0, Ask{ContactHold(book_, *known), wire::Ping{}});
}

// ---- Whether somebody else goes by this identity

// A peer that names this node itself knows it at another endpoint than it has.
void Engine::look_for_twin(Now now, const Peer& from, const wire::Body& reply) {
  const auto* nodes = std::get_if<wire::Nodes>(&reply);
  if (nodes == nullptr || config_.client) return;
  for (const Contact& contact : nodes->contacts) {
    if (contact.key != identity_.public_key()) continue;
    for (const Endpoint& where : contact.endpoints) {
      const bool own = std::find(endpoints_.begin(), endpoints_.end(), where) != endpoints_.end();
      if (!own && where.port != 0)
        twin_watch_.on_named(now.at, where, config_.groups.group_of(from.address));
    }
    return;  // another one of the same reply would only be to have more dialled
  }
}

void Engine::run_twin_watch(Now now) {
  if (twin_watch_.expire(now.at)) {
    notice(now, Notice::Level::info, "identity_free",
           "no other node was seen for a while that uses this node's identity");
  }
  while (const auto where = twin_watch_.poll_look(now.at)) {
    // By its own key, so that whoever else answers is hung up on: hearsay brings nobody in.
    outgoing_.push(Probe{Bootstrap{*where, identity_.public_key()}});
  }
}

}  // namespace kadmos
