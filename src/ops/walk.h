// A walk: a lookup together with the request it asks, the contacts it learns, and the log of whom
// it asked and what each did. Every verb that searches holds one.
#pragma once

#include <string>
#include <vector>

#include "base/recycled.h"
#include "lookup/lookup.h"
#include "ops/operation.h"

namespace kadmos {

// Whom an operation asked and what each did, in order of asking.
class AskLog {
 public:
  struct Entry {
    ContactHold peer;
    TimePoint since{};
    Outcome outcome = Outcome::silent;
    std::uint64_t sequence = 0;
    Duration elapsed{};
    std::string detail;
  };
  void asked(TimePoint now, const ContactHold& peer);
  // Sets what the peer did. It must have been asked.
  Entry& ended(TimePoint now, const Id& peer, Outcome outcome, std::string detail = {});
  std::size_t size() const { return entries_.size(); }
  // All, or those from `first` on.
  std::vector<Asked> entries(std::size_t first = 0) const;

 private:
  RecycledVector<Entry> entries_;
};

class Walk {
 public:
  // `request` is find_node or find_value for `target`; a later round may store. `env` must outlive
  // the walk.
  Walk(const OpEnv& env, const Id& target, int width, wire::Body request);

  // Asks those who were silent lately like all others, and not only when nobody else is left. To be
  // said before it starts.
  void ask_suspects() { asks_suspects_ = true; }
  // Starts the clock and seeds the shortlist with the k nearest of the routing table, and with the
  // first k of `via`, whom this node has reached lately.
  void start(Now now, const std::vector<Contact>& via = {});
  // One more candidate, whom this node has just reached.
  void add(Now now, const Contact& contact);
  // Whom to ask next.
  std::optional<Action> poll_action(Now now);

  // Begins a round of the lookup with another request.
  void ask_again(int width, wire::Body request);
  // Has everybody asked who is nearer than the last of the width and whom this node knows of: those
  // who came into the table since the search began (who waited in its cache, say, for a place that
  // a dead contact held), and those the lookup doubts. To be said of a lookup that is done.
  void ask_all_known(Now now);
  // How many of the nearest are to answer in this round.
  void set_width(int width);
  // A store says which nodes are known when it is sent.
  wire::Body& request() { return request_; }

  // Takes the contacts out of the reply to the request, or to that of an earlier round. False if it
  // is of another kind, which counts as the peer's failure, or changes nothing.
  bool on_answer(Now now, const ContactHold& from, const wire::Body& reply);
  void on_slow(Now now, const ContactHold& from);
  void on_given_up(const ContactHold& from) { lookup_.on_given_up(from.ref()); }
  void on_failed(Now now, const ContactHold& from, Outcome outcome, const std::string& detail);
  // What the peer said is void: it counts as failed and whom it named is not considered.
  void on_invalid(Now now, const ContactHold& from, const std::string& detail);

  Lookup& lookup() { return lookup_; }
  const Lookup& lookup() const { return lookup_; }
  AskLog& log() { return log_; }
  const AskLog& log() const { return log_; }
  // How many hops away the peer that answered last is.
  int last_hops() const { return last_hops_; }
  // How many replicas a record of this key should have: k, or all nodes if there are fewer. Nodes
  // that exist are those that answered, those known from before that are slow, and this one.
  int target() const { return target_of(lookup_.existing_count()); }
  // The same for so many other nodes.
  int target_of(std::size_t others) const;
  // Nobody answered, and this is not a network of one.
  bool cut_off() const;
  Closest closest(Now now) const;
  Duration elapsed(Now now) const { return now.at - started_; }
  // The error of an operation that ends for `code`, with whom it asked.
  Error error(Errc code, const std::string& operation, std::string detail) const;
  // The error of a walk that found nobody alive.
  Error nobody(const std::string& operation) const;

 private:
  void seed(Now now, std::size_t n);
  bool suspected(Now now, const Id& peer) const;
  void on_named(Now now, const ContactHold& heard, const Lookup::Namer& namer);

  const OpEnv& env_;
  Lookup lookup_;
  wire::Body request_;
  AskLog log_;
  TimePoint started_{};
  int last_hops_ = 0;
  bool all_seeded_ = false;
  bool asks_suspects_ = false;
};

}  // namespace kadmos
