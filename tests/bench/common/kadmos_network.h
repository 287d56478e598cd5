// A network of kadmos nodes for measuring: one process, one loop, TLS over loopback, storage in
// memory, limits lifted.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "kadmos/kadmos.h"
#include "tests/bench/common/apart.h"
#include "tests/bench/common/load.h"

namespace kadmos::bench {

struct Plan {
  std::size_t nodes = 64;
  int k = 8;
  Health health = Health::healthy;
  std::size_t one_in = 8;             // of so many nodes fails, unless all are healthy
  std::size_t users = SIZE_MAX;       // operations go through the first so many of the others
  std::size_t connections = 1 << 16;  // that a node which is no user keeps at most
};

class KadmosNetwork final : public Network {
 public:
  // Nodes that will fail get a process of their own. All join one after the other, those in the
  // middle.
  explicit KadmosNetwork(const Plan& plan);
  ~KadmosNetwork() override;

  std::size_t users() const override { return std::min(plan_.users, nodes_.size()); }
  bool offers(Verb, std::size_t) const override { return true; }
  void start(Verb verb, std::size_t user, std::size_t item, std::size_t bytes,
             std::function<void(bool)> done) override;
  void run() override { loop_.run(); }
  void stop() override { loop_.stop(); }
  Traffic traffic() override;
  // Has the nodes of this process search for each other, and so connects them.
  void warm_up() override;
  void spoil() override;

  // What it took to make and join the nodes of this process.
  Json birth() const;
  // Lets the nodes live so long without a load.
  void rest(Duration time);
  // Connects every user with every node of this process, without a search.
  void connect();
  // Present connections of a node, and the memory it takes.
  double connections() const;
  double bytes() const;
  // Under which an item is set, by user item % users().
  static std::string name_of_item(std::size_t item, std::size_t bytes);
  // How many of the items to get a node of this process holds that is not its owner.
  std::size_t held(Verb verb, std::size_t bytes) const;
  // How many gets have said not_found of what such a node held, and did not ask that one.
  std::size_t denied() const { return denied_; }

  UvLoop& loop() { return loop_; }
  Node& node(std::size_t i) { return *nodes_[i]; }
  // One more node like the others, which knows the first as its way in.
  std::unique_ptr<Node> newcomer();

 private:
  Key key_of_item(Verb verb, std::size_t item, std::size_t bytes) const;
  // Its owner keeps a copy too, which nobody but the owner would look for there.
  std::vector<PublicKey> holders(Verb verb, std::size_t item, std::size_t bytes) const;
  bool is_denied(const Error& error, Verb verb, std::size_t item, std::size_t bytes) const;

  Plan plan_;
  std::optional<Companion> companion_;  // forked before there is a loop
  UvLoop loop_;
  std::vector<std::unique_ptr<Node>> nodes_;
  // Keys are computed once, for the benches measure the nodes and not that.
  mutable std::unordered_map<std::string, Key> keys_;
  Prng prng_{2};
  std::size_t denied_ = 0;
  std::size_t bytes_before_ = 0;  // of the process
  double created_bytes_ = 0;      // a node, before it joined
  double joined_bytes_ = 0;       // a node, idle with its connections
  double connections_ = 0;        // a node
  double join_seconds_ = 0;       // all nodes, one after the other
  double last_join_ms_ = 0;
};

}  // namespace kadmos::bench
