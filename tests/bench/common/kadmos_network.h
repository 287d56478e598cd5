// A network of kadmos nodes for measuring: one process, one loop, TLS over loopback, storage in
// memory, limits lifted.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "kadmos/kadmos.h"
#include "tests/bench/common/apart.h"
#include "tests/bench/common/load.h"

namespace kadmos::bench {

class KadmosNetwork final : public Network {
 public:
  // An eighth of the nodes gets a process of its own unless all are to stay healthy. They join one
  // after the other, that eighth in the middle.
  KadmosNetwork(std::size_t nodes, int k, Health health);
  ~KadmosNetwork() override;

  std::size_t users() const override { return nodes_.size(); }
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

 private:
  Key key_of_item(Verb verb, std::size_t item, std::size_t bytes) const;

  Health health_;
  std::optional<Companion> companion_;  // forked before there is a loop
  UvLoop loop_;
  std::vector<std::unique_ptr<Node>> nodes_;
  // Keys are computed once, for the benches measure the nodes and not that.
  mutable std::unordered_map<std::string, Key> keys_;
  Prng prng_{2};
  double created_bytes_ = 0;  // a node, before it joined
  double joined_bytes_ = 0;   // a node, idle with its connections
  double connections_ = 0;    // a node
  double join_seconds_ = 0;   // all nodes, one after the other
  double last_join_ms_ = 0;
};

}  // namespace kadmos::bench
