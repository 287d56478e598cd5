// The virtual network: what src/uv/ is to real nodes, without bytes on wires. It keeps the promises
// of the Transport seam (include/kadmos/seams.h) and charges for them: a dial with its TLS
// handshake costs two round trips, a kept connection nothing; frames of one connection stay in
// order.
//
// Modelled, each off unless asked for:
// - Loss. What a stream loses is sent again, after one round trip if more was on its way, else
//   after TCP's timeout (200 ms or two round trips at least), which doubles; what was sent later
//   waits for it. After `give_up` the connection breaks; its other end learns that when it next
//   sends. Dials send again as well, at first after a second, as long as their time lasts.
// - Connections that die without a word (`half_open`): both ends go on believing in them, and each
//   gives its end up when what it sent stayed unacknowledged, or by TCP's keepalive.
// - Duplicates cost a stream bytes, reordered packets up to an eighth of a round trip. A corrupted
//   one ends its connection at both ends (`closed`), since TLS notices.
// - Datagrams in place of streams (`datagram`), to try nodes beyond what TLS lets through: frames
//   are lost, come twice, late or with flipped bits. Dials stay as they are.
// - Bandwidth: each host's line up and line down is a queue of all its frames, headers included.
//   More than Limits::queued_bytes waiting for one peer break the connection (`overloaded`).
// - Partitions between sides (paths.h). What was on its way when one begins still arrives. Dials
//   across time out. A stream's frames wait, and arrive after the partition when TCP next tries;
//   after `give_up` the connection breaks. Acknowledgements are not modelled: one direction can be
//   blocked and the other goes on.
// - Clogged links: what one host sends to another leaves later.
// - Cut hosts: what they send and are sent is lost for good. Who sends gives the connection up.
// - Several hosts with one key (clones). Peers take them for one, as they must.
//
// Modelled always: refused and black-holed dials, hosts that cannot be dialled, paused hosts
// (whoever takes events from the queue holds theirs back), idle and least-recently-used connections
// that close, hello's network check, and two connections of one pair. Which of these stays is
// decided by the very rules of real transports (src/base/connection_rules.h); only where both ends
// have a connection that works is a second one not made at all. The channel's cryptography is
// modelled, not done: a host proves exactly the key it was added with.
//
// Not modelled: routes that hosts share, congestion windows, acknowledgements, kernel buffers,
// caps on connections from one address, several addresses of one host, slow or broken handshakes.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/connection_rules.h"
#include "base/prng.h"
#include "kadmos/config.h"
#include "kadmos/seams.h"
#include "simulations/event_queue.h"
#include "simulations/faults.h"
#include "simulations/host_index.h"
#include "simulations/latency.h"
#include "simulations/paths.h"

namespace kadmos::sim {

struct NetworkOptions {
  Latency latency = Latency::loopback();
  Duration dial_timeout =
      std::chrono::seconds(5);  // of a dial and its handshake that nobody answers
  Duration idle_timeout = std::chrono::minutes(5);  // a connection without a frame closes
  bool unknown_refuse = true;  // dials to addresses where no host is: refused, or no answer
  Faults faults{};             // at the start
  bool datagram = false;       // frames are lost, doubled and bent for good
  // Everybody has a connection to everybody who can be dialled: a first frame takes one one-way
  // trip, a probe one round trip.
  bool warm = false;
  std::uint64_t up = 0;  // bytes/s of each host's line; 0: no limit
  std::uint64_t down = 0;
  // How long TCP sends again before it gives a connection up (TCP_USER_TIMEOUT).
  Duration give_up = ConnectionRules::dead_after();
  // How long a connection may be silent while another with the same peer is open.
  Duration patience = std::chrono::seconds(5);
};

class Network {
 public:
  Network(std::uint64_t seed, NetworkOptions options, EventQueue& queue);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // A host proves `key` for ever, as others with that key do, and owns `address` (unique) until it
  // moves; indexes count from 0.
  NodeIndex add_host(PublicKey key, const Endpoint& address);
  std::size_t size() const { return hosts_.size(); }

  // The host's transport, speaking for `config`. It may be destroyed and made anew (a restart).
  std::unique_ptr<Transport> make_transport(NodeIndex host, const Config& config);

  // What peers see of the host: what its last transport said in hello.
  const Contact& contact(NodeIndex host) const;
  const PublicKey& key(NodeIndex host) const;
  const Endpoint& address(NodeIndex host) const;
  // The first host with this key, or the one at this address now; nothing if there is none.
  std::optional<NodeIndex> find(const PublicKey& key) const;
  std::optional<NodeIndex> find(const Endpoint& address) const;

  // The process is gone, or closed its transport: peers' open connections report `closed`, dials
  // are refused until a transport starts again. No listener of the host is called any more.
  void close(NodeIndex host);
  // The host is at `address` from now on, where nobody is: its connections are half open, and dials
  // to the old address are refused. Its next hello tells the new one.
  void move(NodeIndex host, const Endpoint& address);
  // Everything to and from the host vanishes, in both directions; connections stay half open.
  void cut(NodeIndex host, bool on);
  // From now on every connection that the host has swallows what either end sends. No end is told;
  // new connections work.
  void half_open(NodeIndex host);
  // The host moves to a side, below Paths::kSides.
  void set_side(NodeIndex host, unsigned side);
  // Nothing gets from one side to the other, or all does again.
  void set_blocked(unsigned from_side, unsigned to_side, bool on);
  // What `from` sends to `to` before `until` leaves then.
  void clog(NodeIndex from, NodeIndex to, TimePoint until);
  // In bytes/s; 0: no limit.
  void set_bandwidth(NodeIndex host, std::uint64_t up, std::uint64_t down);
  // For what is sent from now on; what is on its way stays as it is.
  void set_faults(const Faults& faults) { faults_ = faults; }
  const Faults& faults() const { return faults_; }
  const NetworkCounts& counts() const { return counts_; }
  // A host behind a NAT: dials to it get no answer, its own work.
  void set_dialable(NodeIndex host, bool on);

  // Sent by the host's present or last process.
  std::uint64_t bytes_sent(NodeIndex host) const { return hosts_[host]->stats.bytes_sent; }

  // Sees each frame as a host sends it, before anything befalls it; `open`: there is a connection
  // for it. Replaces the former observer.
  void on_send(
      std::function<void(NodeIndex from, const Contact& to, ByteView frame, bool open)> fn) {
    on_send_ = std::move(fn);
  }

  // Tells the listener of `who` that a probe reached `whom`.
  void introduce(NodeIndex who, NodeIndex whom);

  // What delivering an event touches comes to the cache: its hosts, some time before; then the
  // receiver's node and connections, which the host leads to.
  void prefetch_hosts(const Event& event) const;
  void prefetch_node(const Event& event) const;
  // An event of the network's kinds is due at event.to, which is not paused.
  void deliver(Event& event);
  // The event is held back or lost: if it is part of a dial, the dialler will wait no longer than
  // its deadline. (Dials that go well need no event for theirs.)
  void held(const Event& event);

 private:
  friend class VirtualTransport;

  struct Link {  // an open connection, as one end sees it
    TimePoint opened{};
    TimePoint used{};     // last frame either way
    TimePoint heard{};    // last frame from the other end, or opened
    TimePoint arrival{};  // of the last frame sent: later ones do not overtake
    TimePoint passed{};   // when the last frame sent is through the lines' queues
    NodeIndex who = 0;    // the first host with the peer's key: whom this end takes the peer for
    NodeIndex peer = 0;   // the host at the other end
    std::uint32_t id = 0;
    std::uint32_t queued : 26 = 0;  // bytes that wait until `passed`, at most
    bool dialled : 1 = false;       // by this end
    bool current : 1 = false;       // takes the frames for the peer
    bool ending : 1 = false;        // the peer hung up politely and is still owed answers
    bool retired : 1 = false;       // hung up politely: kept for the frames still on their way here
    bool broken : 1 = false;        // and will soon be told so
    bool dead : 1 = false;          // swallows everything, and nobody was told
    ConnectionRules::Seen seen() const { return {opened, heard}; }
  };
  static_assert(sizeof(Link) == 56);
  static constexpr std::uint32_t kQueuedMask = (1U << 26) - 1;
  struct Line {
    std::uint64_t rate = 0;  // bytes/s; 0: no limit
    TimePoint free{};        // when all frames are through
  };
  struct Stall {  // what waits for a partition to end
    TimePoint since;
    std::size_t bytes = 0;
    std::vector<Event> events;
  };
  struct Counters {  // as in Stats
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    std::uint32_t connections_accepted = 0;
    std::uint32_t connections_dialled = 0;
    std::uint32_t connections_evicted = 0;
    std::uint32_t dials_failed = 0;
    std::uint32_t peers_wrong_key = 0;
    std::uint32_t peers_unread = 0;
    std::uint32_t hellos_refused = 0;
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
    explicit Host(Prng p) : prng(p) {}

    Position position;
    Prng prng;
    std::uint64_t line = 0;  // which bursts it has
    Line up;
    Line down;
    TransportListener* listener = nullptr;  // null: nobody there
    Peer self;                              // as hello describes it
    std::string network;
    bool dialable = true;
    bool cut = false;
    std::size_t max_links = 0;
    std::size_t max_dials = 0;
    std::size_t max_queued = 0;
    std::uint64_t next_dial = 1;  // never reused
    std::vector<Link> links;      // by who
    std::list<Dial> dials;        // oldest first; a list, because most hosts have none
    Counters stats;
  };
  // ---- Called by the transport of `self`.
  void listen(NodeIndex self, TransportListener& listener);
  void send(NodeIndex self, const Contact& to, Bytes frame);
  void answer(NodeIndex self, const PublicKey& to, ConnectionId over, Bytes frame);
  void dial(NodeIndex self, const Contact& to);
  void probe(NodeIndex self, const Bootstrap& where);
  void drop(NodeIndex self, const PublicKey& peer);
  bool warm_to(NodeIndex self, NodeIndex peer, const Contact& to) const;
  void add_stats(NodeIndex self, Stats& stats) const;

  // ---- Dials.
  Dial* dial_to(NodeIndex self, const Contact& to);
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
  void on_judged(const Event& event);
  Link& open(NodeIndex self, NodeIndex peer, std::uint32_t id, bool dialled);
  void judge(NodeIndex self, Link& link);
  void take_over(NodeIndex self, Link& newer);
  void retire(NodeIndex self, Link& link);
  void end(NodeIndex self, Link& link);
  void evict(NodeIndex self);
  void make_place(Host& host);
  bool idle(const Link& link) const;
  bool usable(const Link& link) const;
  bool works(NodeIndex self, const Link& link) const;
  static std::span<Link> links_with(Host& host, NodeIndex who);
  Link* current_link(Host& host, NodeIndex who) const;
  static Link* find_link(Host& host, NodeIndex who, std::uint64_t id);
  static void erase_link(Host& host, const Link& link);
  void put(NodeIndex self, Link& link, Bytes frame);
  void notice_astray(Host& host, const Link& chosen, const Link* asked);
  void transmit(NodeIndex self, Link& link, Event::Kind kind, Bytes frame);
  void hang_up(NodeIndex self, NodeIndex peer, std::uint64_t id, TimePoint earliest,
               Event::Kind how);
  void lose(NodeIndex self, const PublicKey& to, Unreachable why);
  Peer as_peer(NodeIndex peer, const Link& link) const;

  // ---- Packets (packets.cc).
  TimePoint carry(Event event, TimePoint earliest, Link* link = nullptr);
  void carry_dial(Event event, int trips);
  void scatter(Event event, TimePoint leaves, Duration trip);
  std::size_t wire_bytes(const Event& event) const;
  static bool happens(Host& host, std::uint32_t per_million);
  bool lost(NodeIndex from, NodeIndex to, TimePoint when);
  std::optional<TimePoint> persist(NodeIndex from, NodeIndex to, TimePoint first, Duration timeout);
  TimePoint pass(Host& from, Host& to, std::size_t bytes);
  std::size_t queued(const Host& from, const Link& link) const;
  std::size_t backlog(NodeIndex self, const Link& link) const;
  void break_off(NodeIndex self, Link& link, TimePoint when);
  void stall(Event event);
  void release_stalls();
  void give_up(NodeIndex self, NodeIndex peer, std::uint64_t since);

  std::function<void(NodeIndex, const Contact&, ByteView, bool)> on_send_;
  NetworkOptions options_;
  EventQueue& queue_;
  Prng prng_;
  std::uint64_t lines_;
  Faults faults_;
  Paths paths_;
  NetworkCounts counts_;
  std::map<std::pair<NodeIndex, NodeIndex>, Stall> stalls_;  // by sender and receiver
  std::vector<std::unique_ptr<Host>> hosts_;
  // Apart from the hosts, so that a search by them looks at little memory.
  std::vector<PublicKey> keys_;
  std::vector<Endpoint> addresses_;
  std::vector<NodeIndex> who_;  // of each host, the first with its key
  std::uint32_t next_link_ = 1;
  HostIndex by_key_;
  HostIndex by_address_;
};

}  // namespace kadmos::sim
