// Real dht-node processes on loopback, for a while: in a temporary directory, and gone with it.
#pragma once

#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "cli/common/json.h"
#include "cli/common/process.h"

namespace kadmos::cli {

// Something did not go as it must; what() is for the reader.
struct DemoError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// Ctrl-C.
struct Interrupted {};

class Network {
 public:
  // `programs`: the directory of dht-node and dht-cli. `k`: replicas of a value.
  Network(std::string programs, int k);
  // Ends what still runs and removes the directory.
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Starts one more node, whose bootstrap is the first; or a killed one again. Nodes count from 0.
  void start(std::size_t node);
  void kill(std::size_t node);
  // Tells all to end and waits until they did, in order. False if one had to be forced.
  bool stop();

  std::size_t size() const { return nodes_.size(); }
  const std::string& id(std::size_t node) const { return nodes_[node].id; }
  const std::string& key(std::size_t node) const { return nodes_[node].key; }
  const std::string& listen(std::size_t node) const { return nodes_[node].listen; }
  const std::string& control(std::size_t node) const { return nodes_[node].control; }
  std::string cli() const { return programs_ + "/dht-cli"; }

  // Runs dht-cli against a node and gives its JSON.
  Json ask(std::size_t node, std::vector<std::string> arguments) const;
  // Which node has this public key.
  std::size_t with_key(const std::string& key) const;
  // Until `done` gives true. `what` names it if that takes too long.
  static void wait_until(const char* what, const std::function<bool()>& done);

 private:
  struct Node {
    std::string directory;
    std::string id;
    std::string key;
    std::string listen;
    std::string control;
    std::optional<Process> process;
  };

  std::string log_of(const Node& node) const;

  std::string programs_;
  int k_;
  std::string directory_;
  std::deque<Node> nodes_;
};

// Set by SIGINT, SIGTERM and SIGHUP once `catch_interrupts` was called; `check_interrupt` throws
// then.
void catch_interrupts();
bool interrupted();
void check_interrupt();

}  // namespace kadmos::cli
