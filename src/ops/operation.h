// An operation: one verb of the user, or one job of upkeep, as a state machine: a lookup plus its
// end game. The engine starts it, feeds it what its requests met, polls what it wants done, and
// takes its result once. An operation never sends, never waits and never calls back.
//
// The engine guarantees: for each Ask exactly one of on_answer and on_failed follows, with on_slow
// and after it on_given_up at most once before it (a late answer still comes). Nothing follows once
// the result was taken; the Asks queued by then are still sent, which is how a get mends replicas
// after it answered.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/contact_book.h"
#include "base/prng.h"
#include "base/recycled.h"
#include "kadmos/config.h"
#include "kadmos/results.h"
#include "kadmos/seams.h"
#include "routing/acquaintances.h"
#include "routing/routing_table.h"
#include "routing/suspects.h"
#include "store/record_store.h"
#include "wire/messages.h"

namespace kadmos {

// What operations share; all of it outlives them.
struct OpEnv {
  const Config& config;
  const Identity& identity;
  const Endpoints& endpoints;  // how others reach this node; empty for a client
  const bool& has_way_in;      // it knows of a network; without one it is a network of one
  ContactBook& book;
  RoutingTable& table;
  const Acquaintances& acquaintances;
  Suspects& suspects;
  RecordStore& store;
  Stats& stats;
  Prng& prng;

  Contact self() const { return {identity.public_key(), endpoints}; }
  // The distinct nodes proved in the last day, this one among them if it can be a replica: as the
  // target of a set counts them.
  int known(WallTime now) const {
    const std::size_t others = table.size() + acquaintances.count(now);
    return static_cast<int>(others) + (config.client ? 0 : 1);
  }
};

// A request for one peer.
struct Ask {
  ContactHold to;
  wire::Body request;
};
// A peer who is likely to be asked soon, and had better be connected by then. The operation is not
// told how it ends: asking that peer will.
struct Dial {
  Contact to;
};
// An endpoint to dial and prove.
struct Probe {
  Bootstrap where;
};
using Action = std::variant<Ask, Dial, Probe>;

// What a comparison with a neighbour came to: it has all that this node has in these ranges.
struct Synced {
  std::vector<KeyRange> ranges;
};

// Result<void> is how an operation ends that gives items.
using OpResult = std::variant<Result<Closest>, Result<Receipt>, Result<Found>, Result<Pong>,
                              Result<Synced>, Result<Audit>, Result<HandedOver>, Result<void>>;
using OpItem = std::variant<Update, Provider>;

class Operation : public RecycledObject {
 public:
  virtual ~Operation() = default;

  virtual void start(Now now) = 0;
  // What to do next; drained after every input.
  virtual std::optional<Action> poll_action(Now now) = 0;

  // It may take out of the reply what it keeps.
  virtual void on_answer(Now now, const ContactHold& from, wire::Body& reply) = 0;
  // The peer takes long: others are to be asked beside it.
  virtual void on_slow(Now, const ContactHold& /*from*/) {}
  // By what was measured of it, it should have answered: there is no use in waiting for it.
  virtual void on_given_up(Now, const ContactHold& /*from*/) {}
  virtual void on_failed(Now now, const ContactHold& from, Outcome outcome,
                         const std::string& detail) = 0;
  virtual void on_probed(Now, const Bootstrap&, const Result<Peer>&) {}
  virtual void on_committed(Now, CommitId, bool /*ok*/) {}
  // The commit of this node's own storage it waits for; on_committed tells.
  virtual std::optional<CommitId> awaited_commit() const { return std::nullopt; }

  // The next item of an operation that gives several; drained after every input, and before its
  // result is taken.
  virtual std::optional<OpItem> poll_item() { return std::nullopt; }
  // When it wants on_timeout, besides its deadline.
  virtual std::optional<TimePoint> next_timeout() const { return std::nullopt; }
  virtual void on_timeout(Now) {}
  // The user dropped it; what it wants done then is still done, but nothing of it follows.
  virtual void on_cancelled(Now) {}

  // Of a watch: the key it watches. It is told of each newer version of it that becomes durable
  // here, of each that a peer sends unasked (false: that peer was not asked to), and of every peer
  // whose connection broke.
  virtual const Key* watched() const { return nullptr; }
  virtual void on_version(Now, const Record&) {}
  virtual bool on_update(Now, const PublicKey& /*from*/, const Record&) { return false; }
  virtual void on_unreachable(Now, const PublicKey&) {}

  // The result once it is decided; asked after every input until it gives one.
  virtual std::optional<OpResult> poll_result(Now now) = 0;
  // The result if it must end now, for `code`: timeout, cancelled or closed.
  virtual OpResult end(Now now, Errc code) = 0;
};

}  // namespace kadmos
