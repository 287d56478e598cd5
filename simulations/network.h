// The virtual network: what src/uv/ is to real nodes, without bytes on wires. It keeps the promises
// of the Transport seam (include/kadmos/seams.h) and charges for them: a dial with its TLS
// handshake costs two round trips, a kept connection nothing; frames of one connection stay in
// order.
//
// The channel's cryptography is modelled, not done: a host proves exactly the key it was added
// with. Modelled too: refused and black-holed dials, hosts that cannot be dialled, paused hosts
// (whoever takes events from the queue holds theirs back), idle and least-recently-used connections
// that close, hello's network check. Not modelled yet: loss, bandwidth, kernel buffers that fill
// up.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/prng.h"
#include "kadmos/config.h"
#include "kadmos/seams.h"
#include "simulations/event_queue.h"
#include "simulations/latency.h"

namespace kadmos::sim {

struct NetworkOptions {
  Latency latency = Latency::loopback();
  Duration dial_timeout =
      std::chrono::seconds(5);  // of a dial and its handshake that nobody answers
  Duration idle_timeout = std::chrono::minutes(5);  // a connection without a frame closes
  bool unknown_refuse = true;  // dials to addresses where no host ever was: refused, or no answer
};

class Network {
 public:
  Network(std::uint64_t seed, NetworkOptions options, EventQueue& queue);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // A host owns `key` and `address` (both unique) for ever; indexes count from 0.
  NodeIndex add_host(const PublicKey& key, const Endpoint& address);
  std::size_t size() const { return hosts_.size(); }

  // The host's transport, speaking for `config`. It may be destroyed and made anew (a restart).
  std::unique_ptr<Transport> make_transport(NodeIndex host, const Config& config);

  // What peers see of the host: what its last transport said in hello.
  const Contact& contact(NodeIndex host) const;
  const PublicKey& key(NodeIndex host) const;
  const Endpoint& address(NodeIndex host) const;
  // The host with this key; nothing if there never was one.
  std::optional<NodeIndex> find(const PublicKey& key) const;

  // The process is gone, or closed its transport: peers' open connections report `closed`, dials
  // are refused until a transport starts again. No listener of the host is called any more.
  void close(NodeIndex host);
  // Everything to and from the host vanishes, in both directions; connections stay half open.
  void cut(NodeIndex host, bool on);
  // A host behind a NAT: dials to it get no answer, its own work.
  void set_dialable(NodeIndex host, bool on);

  // Tells the listener of `who` that a probe reached `whom`.
  void introduce(NodeIndex who, NodeIndex whom);

  // An event of the network's kinds is due at event.to, which is not paused.
  void deliver(Event& event);
  // The event is held back or lost: if it is part of a dial, the dialler will wait no longer than
  // its deadline. (Dials that go well need no event for theirs.)
  void held(const Event& event);

 private:
  friend class VirtualTransport;

  struct Link {  // an open connection, as one end sees it
    TimePoint opened;
    TimePoint used;     // last frame either way
    TimePoint arrival;  // of the last frame sent: later ones do not overtake
    NodeIndex peer = 0;
    bool reached = false;
    bool retired = false;  // hung up politely: kept for the frames still on their way here
  };
  struct Dial {
    std::uint64_t number = 0;
    Bootstrap where;
    bool probe = false;
    TimePoint deadline;
    std::size_t bytes = 0;
    std::vector<Bytes> waiting;  // frames, if not a probe
  };
  struct Host {
    Host(const PublicKey& k, const Endpoint& a, Prng p) : key(k), address(a), prng(p) {}

    PublicKey key;
    Endpoint address;
    Position position;
    Prng prng;
    TransportListener* listener = nullptr;  // null: nobody there
    Peer self;                              // as hello describes it
    std::string network;
    bool dialable = true;
    bool cut = false;
    std::size_t max_links = 0;
    std::size_t max_dials = 0;
    std::size_t max_queued = 0;
    std::uint64_t next_dial = 1;  // never reused
    std::vector<Link> links;      // by peer
    std::vector<Dial> dials;      // oldest first
    Stats stats;
  };
  struct HashKey {
    std::size_t operator()(const PublicKey& key) const;
  };

  // ---- Called by the transport of `self`.
  void listen(NodeIndex self, TransportListener& listener);
  void send(NodeIndex self, const Contact& to, Bytes frame);
  void probe(NodeIndex self, const Bootstrap& where);
  void drop(NodeIndex self, const PublicKey& peer);
  void add_stats(NodeIndex self, Stats& stats) const;

  // ---- Dials.
  void begin_dial(NodeIndex self, Dial dial);
  void on_syn(const Event& event);
  void on_accepted(const Event& event);
  void fail_dial(NodeIndex self, std::uint64_t number, Unreachable why);
  static Dial* find_dial(Host& host, std::uint64_t number);
  static Dial take_dial(Host& host, std::uint64_t number);

  // ---- Connections.
  void on_opened(const Event& event);
  void on_frame(Event& event);
  void on_closed(const Event& event);
  void on_retired(const Event& event);
  Link& open(NodeIndex self, NodeIndex peer);
  void evict(NodeIndex self);
  bool idle(const Link& link) const;
  bool usable(const Link& link) const;
  static Link* find_link(Host& host, NodeIndex peer);
  static void erase_link(Host& host, NodeIndex peer);
  void transmit(NodeIndex self, Link& link, Event::Kind kind, Bytes frame);
  void hang_up(NodeIndex self, NodeIndex peer, TimePoint earliest, Event::Kind how);
  void lose(NodeIndex self, const PublicKey& to, Unreachable why);
  Peer as_peer(NodeIndex peer, bool reached) const;

  // Puts an event on its way for `trips` one-way times, to arrive not before `earliest`; says when.
  TimePoint carry(Event event, int trips, TimePoint earliest = {});

  NetworkOptions options_;
  EventQueue& queue_;
  Prng prng_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::unordered_map<PublicKey, NodeIndex, HashKey> by_key_;
  std::map<Endpoint, NodeIndex> by_address_;
};

}  // namespace kadmos::sim
