// A world of N real Nodes in one thread: the shipped code over virtual time, network and disks. The
// same options and the same calls give the same history, to the byte; `digest` tells histories
// apart. Tests build small worlds; a simulator builds large ones.
//
//   sim::World world({.seed = 7});
//   const auto a = world.add();
//   const auto b = world.add(world.entering_at(a));
//   world.run_until(world.node(b).join());
//
// Nothing happens outside the run functions: they take events in the order of (time, source,
// sequence), and time stands still while a node computes. Everything random grows from the seed: a
// stream for each node's own choices, others for its place and its network.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/contact_book.h"
#include "base/prng.h"
#include "kadmos/node.h"
#include "simulations/clock.h"
#include "simulations/digest.h"
#include "simulations/disk.h"
#include "simulations/event_queue.h"
#include "simulations/network.h"

namespace kadmos::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  Config config;  // what nodes have unless told otherwise
  NetworkOptions network;
  Duration disk_latency = std::chrono::microseconds(100);
  // Each node's calendar is wrong by up to this, either way.
  std::chrono::milliseconds clock_skew = std::chrono::minutes(1);
  WallTime epoch{std::chrono::hours(24 * 365 * 60)};  // the right calendar at the start
};

// What sets a node apart from the rest.
struct Disguise {
  std::optional<Seed> secret;  // of its key pair, if not the one that the world's seed gives it
  // By how much its calendar is wrong, if not by what the world's seed gives it.
  std::optional<std::chrono::milliseconds> skew;
  // Puts something between the node and its transport.
  std::function<std::unique_ptr<Transport>(std::unique_ptr<Transport>, NodeIndex)> wrap;
};

class World {
 public:
  explicit World(WorldOptions options = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // ---- Who is there. Indexes count from 0 and are never reused.

  // A node that runs; it has not joined. `address`: where it listens, if not at one made up.
  NodeIndex add() { return add(options_.config); }
  NodeIndex add(Config config, std::optional<Endpoint> address = std::nullopt);
  NodeIndex add(Config config, std::optional<Endpoint> address, Disguise disguise);
  // A peer whose every byte the test decides: it has a transport and no node. `listener` must
  // outlive the world. `key`: whose key it proves, one made up if nothing.
  NodeIndex add_raw(TransportListener& listener, Config config,
                    std::optional<PublicKey> key = std::nullopt);
  std::size_t size() const { return machines_.size(); }

  Node& node(NodeIndex i);            // it must be running
  Transport& transport(NodeIndex i);  // of a raw peer
  Network& network() { return network_; }
  Disk& disk(NodeIndex i) { return machines_[i]->disk; }
  // The key pair a node has, made anew from its seed.
  Identity identity(NodeIndex i) const;
  const Contact& contact(NodeIndex i) const { return network_.contact(i); }
  Bootstrap bootstrap(NodeIndex i) const { return {network_.address(i), network_.key(i)}; }
  // The world's config with node i as the way in.
  Config entering_at(NodeIndex i) const;

  // ---- What befalls them.

  // The process dies at once; commits not yet durable are lost, its futures end with Errc::closed.
  void crash(NodeIndex i);
  // A crashed node starts again, with its disk or with an empty one. It has not joined.
  void restart(NodeIndex i, bool with_disk = true);
  // What a node that does not run has on its disk is gone.
  void wipe(NodeIndex i);
  // SIGSTOP and SIGCONT: its connections stay, and what comes in the meantime waits for it.
  void pause(NodeIndex i);
  void resume(NodeIndex i);
  // A laptop's lid is closed and opened again: what it is sent meanwhile is lost, no connection
  // hears of it, and of the node's time only the calendar has gone on.
  void sleep(NodeIndex i);
  void wake(NodeIndex i);
  // The node is at another address from now on: a running one lives on, with its connections
  // broken, one that crashed starts there.
  void move(NodeIndex i);
  // Another node, elsewhere, with the identity of node i and an empty disk, as if the key of i had
  // been copied. It runs and has not joined; crash() ends it.
  NodeIndex clone(NodeIndex i, Config config);
  // Whether node i was ever cloned. What its peers take for it may then be another one.
  bool cloned(NodeIndex i) const { return machines_[i]->cloned; }
  // Whether the node, or a clone of it, has ever been at this address and is no more.
  bool has_left(NodeIndex i, const Endpoint& address) const;
  bool paused(NodeIndex i) const { return machines_[i]->paused; }
  bool running(NodeIndex i) const { return machines_[i]->node != nullptr; }

  // `who` learns, as after a dial that went well, that it reached `whom`. No message is sent.
  void introduce(NodeIndex who, NodeIndex whom) { network_.introduce(who, whom); }

  // ---- Time.

  TimePoint now() const { return queue_.now(); }
  // The right calendar; nodes' own may be off.
  WallTime wall() const;
  void run_for(Duration duration);
  // Until the condition holds, looked at after every event; false if `limit` passed first.
  bool run_until(const std::function<bool()>& condition, Duration limit = std::chrono::minutes(10));
  // Until the future is ready. Errc::timeout if `limit` passed first: an operation that did not
  // end.
  template <class T>
  Result<T> run_until(Future<T> future, Duration limit = std::chrono::minutes(10));
  // Runs fn in the world at a later time.
  void after(Duration delay, std::function<void()> fn);

  // ---- What can be seen from outside.

  std::uint64_t digest() const { return digest_.value(); }
  std::uint64_t events() const { return events_; }
  // Sees each frame as it arrives; replaces the former observer.
  void on_frame(std::function<void(NodeIndex from, NodeIndex to, ByteView frame)> observer) {
    observer_ = std::move(observer);
  }
  // The k running nodes, clients excepted, truly closest to a key, nearest first. O(N).
  std::vector<NodeIndex> closest_running(const Key& key, std::size_t k) const;
  std::optional<NodeIndex> index_of(const PublicKey& key) const { return network_.find(key); }

 private:
  struct Machine {
    Machine(EventQueue& queue, NodeIndex i, Duration disk_latency, Prng prng)
        : disk(queue, i, disk_latency), random(prng) {}

    Config config;
    Id id;
    std::chrono::milliseconds skew{};
    Disk disk;
    Prng random;
    VirtualClock* clock = nullptr;         // the node's, while it runs
    std::unique_ptr<Transport> transport;  // of a raw peer
    std::unique_ptr<Node> node;
    std::vector<Acquaintance> known;  // on its disk, as a daemon keeps them
    bool paused = false;
    bool cloned = false;
    std::list<Event> held;            // came while paused
    std::optional<TimePoint> asleep;  // since when
    std::vector<Endpoint> left;       // where it has been
  };

  void boot(NodeIndex i, Identity self);
  Endpoint made_up_address() const;
  bool step(TimePoint limit);
  void dispatch(Event& event);
  void release(NodeIndex i);

  WorldOptions options_;
  ContactBook book_;
  EventQueue queue_;
  Network network_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::map<NodeIndex, Disguise> disguises_;
  std::map<std::uint64_t, std::function<void()>> actions_;  // by number
  std::uint64_t next_action_ = 0;
  std::function<void(NodeIndex, NodeIndex, ByteView)> observer_;
  Digest digest_;
  std::uint64_t events_ = 0;
};

template <class T>
Result<T> World::run_until(Future<T> future, Duration limit) {
  std::optional<Result<T>> result;
  const auto waiting =
      std::move(future).then([&result](Result<T> value) { result.emplace(std::move(value)); });
  const TimePoint end = now() + limit;
  while (!result && step(end)) {
  }
  if (!result) return Error(Errc::timeout, "the world waited too long for it");
  return *std::move(result);
}

}  // namespace kadmos::sim
