// A virtual network and nothing else: hosts whose every frame a test decides.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulations/network.h"

namespace kadmos::sim {

inline constexpr Duration kOneWay = std::chrono::milliseconds(10);

// One host, which writes down all it hears.
struct Ear final : TransportListener {
  void on_frame(const Peer& from, ByteView frame) override {
    heard.push_back(std::string(text_of(frame)));
    last = from;
    at = queue->now();
  }
  void on_reached(const Bootstrap&, const Peer& peer) override {
    heard.push_back("reached");
    last = peer;
    at = queue->now();
  }
  void on_probe_failed(const Bootstrap&, Unreachable why) override {
    heard.push_back("probe " + std::string(name_of(why)));
    at = queue->now();
  }
  void on_unreachable(const PublicKey& key, Unreachable why) override {
    heard.push_back(std::string(name_of(why)));
    last.contact.key = key;
    at = queue->now();
  }

  EventQueue* queue = nullptr;
  NodeIndex index = 0;
  std::unique_ptr<Transport> transport;
  std::vector<std::string> heard;
  Peer last;
  TimePoint at{};
};

using Heard = std::vector<std::string>;

inline NetworkOptions even_options() {
  NetworkOptions options;
  options.latency = Latency::even(kOneWay);
  // TCP as it is by itself: most tests are about other things than giving a connection up.
  options.give_up = std::chrono::minutes(15);
  return options;
}

// Hosts that are all 10 ms apart; their keys are 1, 2, 3, …
struct Wires {
  explicit Wires(NetworkOptions options = even_options(), std::uint64_t seed = 1)
      : network(seed, options, queue) {}

  Ear& add(const Config& config = {}) {
    const auto n = static_cast<Byte>(ears.size() + 1);
    PublicKey key;
    key.bytes[0] = n;
    ears.push_back(std::make_unique<Ear>());
    Ear& ear = *ears.back();
    ear.queue = &queue;
    ear.index = network.add_host(key, Endpoint::v4(10, 0, 0, n, 4000));
    start(ear, config);
    return ear;
  }
  void start(Ear& ear, const Config& config = {}) {
    ear.transport = network.make_transport(ear.index, config);
    REQUIRE(ear.transport->start(ear).ok());
  }
  void send(Ear& from, const Ear& to, std::string_view text) {
    from.transport->send(network.contact(to.index), to_bytes(text));
  }
  void dial(Ear& from, const Ear& to) { from.transport->dial(network.contact(to.index)); }
  void probe(Ear& from, const Ear& to) {
    from.transport->probe({network.address(to.index), network.key(to.index)});
  }
  void run_for(Duration duration) {
    const TimePoint end = queue.now() + duration;
    while (!queue.empty() && queue.next() <= end) {
      Event event = queue.pop();
      network.deliver(event);
    }
    queue.advance(end);
  }
  void settle() {
    while (!queue.empty()) {
      Event event = queue.pop();
      network.deliver(event);
    }
  }
  static std::int64_t ms(TimePoint at) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
  }
  Stats stats(const Ear& ear) const {
    Stats stats;
    ear.transport->add_stats(stats);
    return stats;
  }

  EventQueue queue;
  Network network;
  std::vector<std::unique_ptr<Ear>> ears;
};

}  // namespace kadmos::sim
