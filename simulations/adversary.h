// The adversaries of a simulation. Each is a real node, which joins, searches, is verified and
// passed on like any other; but between it and the network sits a crook that sees every frame that
// comes in and swallows, delays, answers or doctors what it likes, and speaks up by itself.
//
// They conspire: each knows all the others, whoever is there, and every name with what its
// owner signed for another network. What they cannot do is what the channel and the mathematics
// forbid: prove a key that is not theirs, or sign for an owner of this network.
//
// All that they choose at random grows from one stream; a scenario without them draws nothing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "simulations/crowd.h"
#include "simulations/ledger.h"
#include "simulations/scenario.h"
#include "simulations/world.h"
#include "wire/messages.h"

namespace kadmos::sim {

class Crook;

class Conspiracy {
 public:
  // All must outlive it, but the world only until it was told to `end`.
  Conspiracy(World& world, const Scenario& scenario, Crowd& crowd, const Ledger& ledger, Prng prng);
  ~Conspiracy();
  Conspiracy(const Conspiracy&) = delete;
  Conspiracy& operator=(const Conspiracy&) = delete;

  // How many of a scenario's nodes are adversaries. Two nodes at least are honest.
  static std::uint32_t count(const Scenario& scenario);
  // One more, not joined.
  NodeIndex add();
  // It enters through nodes of the crowd.
  void join(NodeIndex i);
  // All of them close their nodes and are silent.
  void end();

  const std::vector<NodeIndex>& members() const { return members_; }
  // What was answered falsely, swallowed, held back or sent unasked, by all.
  std::uint64_t deeds() const { return deeds_; }
  // The key that `ground` identities are next to.
  const Key& victim() const { return victim_; }
  // Names with two values of one sequence.
  const std::vector<Key>& equivocated() const { return equivocated_; }

 private:
  friend class Crook;

  std::optional<Seed> secret();
  std::size_t most_contacts() const;
  wire::Contacts colluders(const Id& target) const;
  wire::Contacts fabricated(const Id& target);
  void fabricate();
  // A record of `key` that must not be believed; another lie each time.
  Record forged(const Key& key);

  World& world_;
  const Scenario& scenario_;
  Crowd& crowd_;
  const Ledger& ledger_;
  Prng prng_;
  Key victim_;
  std::vector<NodeIndex> members_;
  std::vector<Crook*> crooks_;  // of each member; the world owns them
  std::vector<Future<void>> joining_;
  Population ids_;
  std::vector<Contact> fakes_;  // made-up contacts
  Population fake_ids_;         // and their places, by index
  std::map<Key, std::size_t> names_;
  std::vector<Key> equivocated_;
  std::uint64_t lies_ = 0;
  std::uint64_t deeds_ = 0;
};

}  // namespace kadmos::sim
