// A network of OpenDHT nodes for measuring: dht::Dht, the public class below its runner, each on a
// UDP socket of this bench's and all on one thread, which spares it the runner's two threads a node
// and the passing of packets between them. Plain UDP over loopback; k = 8 (fixed in OpenDHT).
//
// No limits of rate, storage or searches; values are neither signed nor encrypted. Every node
// pings every other before it begins. A get ends with the first value; a put when OpenDHT says so.
// It has no owned names whose latest version can be asked for, only signed values under RSA
// certificates beside others of the same key, so set and get latest are left out.
#pragma once

#include <opendht/dht.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/common/apart.h"
#include "tests/bench/common/load.h"

namespace kadmos::bench {

class OpendhtNetwork final : public Network {
 public:
  OpendhtNetwork(std::size_t nodes, Health health);
  ~OpendhtNetwork() override;

  std::size_t users() const override { return nodes_.size(); }
  bool offers(Verb verb, std::size_t bytes) const override {
    return (verb == Verb::put || verb == Verb::get) && bytes <= 50'000;
  }
  void start(Verb verb, std::size_t user, std::size_t item, std::size_t bytes,
             std::function<void(bool)> done) override;
  void run() override;
  void stop() override { stopped_ = true; }
  Traffic traffic() override { return traffic_; }
  void warm_up() override {}
  void spoil() override;

 private:
  class Socket;
  struct Node {
    int fd = -1;
    std::unique_ptr<dht::Dht> dht;
    dht::time_point due;
  };
  void live_apart(std::size_t nodes, const Line& line);
  void add_nodes(std::size_t count);
  std::vector<std::string> ports() const;
  void meet(const std::vector<std::string>& ports);
  void step(dht::duration at_most);
  void tell();

  Health health_;
  std::optional<Companion> companion_;  // forked before there is anything else
  int poll_ = -1;
  std::vector<Node> nodes_;
  Traffic traffic_;
  // Ended operations, told from run() and not from inside the library.
  std::vector<std::pair<std::function<void(bool)>, bool>> ended_;
  bool stopped_ = false;
};

}  // namespace kadmos::bench
