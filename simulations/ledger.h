// What users of the simulated network know: every owned name, what was ever set under it, what was
// acknowledged with which receipt, and what each node was already given. From it follows what a
// node may answer.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kadmos/identity.h"
#include "kadmos/results.h"
#include "simulations/event_queue.h"

namespace kadmos::sim {

class Ledger {
 public:
  struct Version {  // an acknowledged set
    std::uint64_t sequence = 0;
    std::vector<NodeIndex> replicas;  // that made it durable
    int quorum = 0;
  };
  struct Name {
    Name(Identity o, Key k, std::string n) : owner(std::move(o)), key(k), name(std::move(n)) {}
    Identity owner;
    Key key;
    std::string name;
    std::uint32_t attempts = 0;               // sets begun; attempt i sets value_of(name, i)
    bool busy = false;                        // one is running: an owner speaks with one voice
    std::optional<Version> acked;             // the newest
    std::map<TimePoint, std::uint64_t> acks;  // the sequence of each, by when
    std::map<NodeIndex, std::uint64_t> seen;  // the highest sequence each node was given
  };

  // A name with an owner of its own, whose key grows from `seed`.
  std::size_t add(std::uint64_t seed);
  std::size_t size() const { return names_.size(); }
  Name& name(std::size_t i) { return names_[i]; }
  const Name& name(std::size_t i) const { return names_[i]; }

  // The text of a name's nth value, of at least `bytes`.
  static std::string value_of(std::size_t name, std::uint32_t attempt, std::uint32_t bytes);
  // What is wrong with a record that a node gave for the name: not valid for its key in `network`,
  // or of a value that was never begun to be set; empty if nothing is.
  std::string fault_in(std::size_t name, const Record& record, std::string_view network) const;

 private:
  std::vector<Name> names_;
};

}  // namespace kadmos::sim
