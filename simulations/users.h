// The users of a simulated network: they search, get and set through random nodes, and hold every
// answer against the ledger and the truth. What breaks a promise is reported as a violation; what
// merely fails is counted.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "simulations/crowd.h"
#include "simulations/inspection.h"
#include "simulations/ledger.h"
#include "simulations/measurements.h"

namespace kadmos::sim {

class Users {
 public:
  // Everything must outlive it. Measures into `out` once `measure(true)` was said.
  Users(World& world, const Scenario& scenario, Crowd& crowd, Measurements& out, Prng prng,
        Violate violate);

  // Sets every name once, each through a node of its own choosing; `done` ones are acknowledged.
  void set_names();
  std::size_t names_set() const { return names_set_; }

  // Work goes on by itself from now, or ends.
  void work(bool on);
  void measure(bool on) { measuring_ = on; }
  // While the network is split, what one side acknowledges the other can't know: such sets promise
  // nothing to the whole, and gets are not held to any set. Sides that were apart long enough to
  // drop each other stay so in their tables until upkeep has made them meet again, for which they
  // have one refresh interval. Splits may overlap.
  void split(bool on);
  int splits() const { return splits_; }
  // No trouble is left: searches must find as many nodes as they look for.
  void at_peace(bool on);

  std::size_t running() const { return running_; }
  const Ledger& ledger() const { return ledger_; }
  // A node stood still: its operations are not held to their deadlines.
  void excuse(NodeIndex node);
  // Reports operations that should have ended by now, and forgets those that have.
  void sweep();
  // A frame arrives: what is asked and answered of sampled lookups is seen here.
  void on_frame(NodeIndex from, NodeIndex to, ByteView frame);

 private:
  enum class Kind : std::uint8_t { lookup, get, set };
  struct Operation {
    Kind kind = Kind::lookup;
    NodeIndex node = 0;
    std::size_t name = 0;                  // of get and set
    std::optional<Ledger::Version> acked;  // of get: what was acknowledged when it began
    std::uint64_t seen = 0;                // of get: what its node had been given when it began
    std::uint32_t attempt = 0;             // of set
    Key target;                            // of lookup
    std::optional<NodeIndex> closest;      // of a sampled lookup: the truly closest other node
    std::optional<std::uint64_t> request;  // to it
    TimePoint started{};
    bool measured = false;
    bool excused = false;
    bool whole = true;  // the network was in one piece all the time, and known to be
    bool over = false;
    std::optional<Future<void>> future;
  };
  using OperationId = std::uint64_t;

  void next(Kind kind);
  OperationId add(Kind kind, NodeIndex node);
  void search(NodeIndex at, const Key& target);
  void get(NodeIndex at, std::size_t name);
  void set(NodeIndex at, std::size_t name);
  void on_searched(OperationId id, const Result<Closest>& result);
  void on_got(OperationId id, const Result<Found>& result);
  void on_set(OperationId id, const Result<Receipt>& result);
  void check_found(const Operation& op, const Found& found);
  int answers_wanted() const;
  bool not_heard(NodeIndex i, const std::vector<Asked>& asked) const;
  bool is_within_reach(const Ledger::Name& name, std::uint64_t sequence,
                       const std::vector<Asked>& asked) const;
  void check_missing(const Operation& op, const Error& error);
  // Counts an ended operation. What it gives is null for one that is not measured or was cut short
  // by its node's end; else what it belongs to.
  Verb* end(Operation& op, const Error* error);
  std::size_t any_name();
  std::string text(const Operation& op) const;

  World& world_;
  const Scenario& scenario_;
  Crowd& crowd_;
  Measurements& out_;
  Prng prng_;
  Violate violate_;
  Ledger ledger_;
  std::map<OperationId, Operation> operations_;
  OperationId next_ = 1;
  std::size_t running_ = 0;
  std::size_t names_set_ = 0;
  std::uint32_t lookups_ = 0;
  std::vector<std::uint64_t> popularity_;          // cumulative weights of names
  std::vector<std::vector<OperationId>> watched_;  // sampled lookups that run, by node
  bool working_ = false;
  std::uint64_t shift_ = 0;  // which spell of work: what an earlier one scheduled is void
  bool measuring_ = false;
  int splits_ = 0;
  TimePoint split_since_{};
  TimePoint healed_{};  // and have met
  bool peace_ = false;
  std::uint64_t found_at_peace_ = 0;
  std::uint64_t wanted_at_peace_ = 0;
};

}  // namespace kadmos::sim
