// A network of libtorrent's DHT nodes (BEP 5 and BEP 44) for measuring: a session each, all on one
// io_context and so on one thread, plain UDP over loopback, k = 8 (fixed in libtorrent).
//
// As fair as its public settings allow: no rate limits (for sending, 8 kB/s by default, and for
// receiving, which bans peers), no restrictions of addresses or ids, aggressive lookups as by
// default, room for all items, large socket buffers, and nothing of BitTorrent besides: no
// trackers, no TCP or uTP, no local discovery. Every node is told of every other before it begins.
// What an owned (mutable) item needs signed is signed by OpenSSL, which is faster than libtorrent's
// own. "get latest" ends with the answer it calls authoritative; a get of an immutable item with
// the first that fits.
#pragma once

#include <libtorrent/session.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "kadmos/identity.h"
#include "tests/bench/common/apart.h"
#include "tests/bench/common/load.h"

namespace kadmos::bench {

class LibtorrentNetwork final : public Network {
 public:
  LibtorrentNetwork(std::size_t nodes, Health health);
  ~LibtorrentNetwork() override;

  std::size_t users() const override { return nodes_.size(); }
  bool offers(Verb verb, std::size_t bytes) const override {
    return verb != Verb::find && bytes <= 900;  // BEP 44: 1000 bytes encoded
  }
  void start(Verb verb, std::size_t user, std::size_t item, std::size_t bytes,
             std::function<void(bool)> done) override;
  void run() override;
  void stop() override { stopped_ = true; }
  Traffic traffic() override;
  void warm_up() override {}
  void spoil() override;

 private:
  struct Node {
    std::unique_ptr<lt::session> session;
    std::string endpoint;  // "address port"
    // What waits for an alert, by the verb and the key or the name.
    std::multimap<std::string, std::function<void(bool)>> waiting;
    std::optional<Traffic> traffic;
  };
  void live_apart(std::size_t nodes, const Line& line);
  void add_nodes(std::size_t count, int host);
  void meet(const std::vector<std::string>& endpoints);
  void run_for(std::chrono::milliseconds time);
  void take_alerts(Node& node);
  void take(Node& node, const lt::alert& alert);
  static void end(Node& node, const std::string& what, bool ok);

  Health health_;
  std::optional<Companion> companion_;  // forked before there is anything else
  lt::io_context loop_;
  std::vector<std::unique_ptr<Node>> nodes_;
  Identity owner_;
  std::unordered_map<std::size_t, lt::sha1_hash> keys_;  // of items that were put
  bool stopped_ = false;
};

}  // namespace kadmos::bench
