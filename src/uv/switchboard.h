// The switchboard: which connection carries the frames for which peer. It dials, accepts, keeps one
// connection a peer, and holds every bound on connections.
//
// Of two connections with one peer one is left, by the rules in base/connection_rules.h. Retiring
// the other loses no frame (see connection.h): what was still queued on it goes over the one that
// stays, or a new one is dialled for it. In that moment frames may overtake one another; over one
// connection they stay in order.
//
// A peer that says its last word on a connection (close_notify) still reads. While it is owed
// answers they go out before this end says its own last word, for as long as a handshake may take.
//
// Bounds. Whoever makes this node hold a connection or a handshake has a share of them, by address
// and by address group (base/shares.h). When all are in use, room is made for a newcomer at the
// cost of the group that has most of them: by what is idle there, the least recently used first,
// and otherwise by what is not, if that group has more than the newcomer's will. A frame that
// dawdles is no use. Connections with contacts of the table, and those this node dialled, go to
// strangers only beyond half of all. So whoever fills every place pays with its own.
//
// The switchboard calls its listener from its own loop turns only: what happens during send(),
// dial(), probe() and close() is kept as events. It frees itself when it was released and the loop
// has closed its last handle, so a listener may destroy the transport from inside any call.
#pragma once

#include <cstring>
#include <deque>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/connection_rules.h"
#include "base/shares.h"
#include "uv/connection.h"
#include "uv/loop.h"

namespace kadmos {

class Switchboard final : private ConnectionOwner {
 public:
  Switchboard(UvLoop& loop, const Identity& identity, const Config& config,
              TransportOptions transport_options);
  // In place of delete.
  void release();

  // As in Transport.
  Result<void> start(TransportListener& listener);
  void send(const Contact& to, ByteView frame);
  void answer(const PublicKey& to, ConnectionId over, ByteView frame);
  void dial(const Contact& to);
  void probe(const Bootstrap& where);
  void drop(const PublicKey& peer);
  Endpoints listening() const { return advertised_; }
  void add_stats(Stats& sum) const;
  void close();

 private:
  struct Entry;
  struct Link final : Connection {
    explicit Link(Switchboard& owner) : Connection(owner) {}
    ConnectionRules::Seen seen() const { return {opened, heard_at()}; }
    ConnectionId number = 0;
    Entry* entry = nullptr;          // whose key it has proved
    Entry* dials_for = nullptr;      // for whom it was dialled, until it is secured
    std::optional<Bootstrap> probe;  // to be answered
    TimePoint opened{};              // when the peer's hello was accepted
    Endpoints claimed;             // what that hello said, with the address it came from filled in
    bool client = false;           // it also said so
    Party party{};                 // whose share it is in, once it is
    Shares* counted_in = nullptr;  // inbound_ or dialled_
    bool greeting = false;         // in handshakes_
    bool wants_flush = false;
    bool replaced = false;    // by a newer one, and what it lost was told then
    bool answering = false;   // answers are among what is queued
    bool ending = false;      // the peer said its last word and is still owed answers
    bool met_itself = false;  // a dial whose other end was here, and is gone
  };
  struct Entry {
    PublicKey key;
    Endpoints verified;       // where a dial of ours met the key
    std::size_t links = 0;    // that have proved this key and are not gone
    Link* current = nullptr;  // takes the frames
    FrameQueue waiting;       // own frames, until there is a current one and room on it
    // While there is no current one: the search for an endpoint that answers.
    Link* dial = nullptr;
    std::vector<Endpoint> targets;
    std::size_t tried = 0;
    std::optional<Unreachable> failure;  // of the first target
    bool unused() const { return links == 0 && dial == nullptr && waiting.empty(); }
  };
  struct Reached {
    Bootstrap probed;
    Peer peer;
  };
  struct ProbeFailed {
    Bootstrap probed;
    Unreachable why;
  };
  struct Lost {
    PublicKey key;
    Unreachable why;
  };
  struct Twin {
    Endpoint where;
  };
  struct Crowded {
    std::string what;
  };
  using Event = std::variant<Reached, ProbeFailed, Lost, Twin, Crowded>;
  // Seeded, so that nobody makes keys that collide.
  struct KeyHash {
    std::uint64_t seed;
    std::size_t operator()(const PublicKey& key) const noexcept {
      std::uint64_t hash = seed;
      for (std::size_t i = 0; i < key.bytes.size(); i += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, key.bytes.data() + i, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 29;
      }
      return hash;
    }
  };

  ~Switchboard() override = default;

  // ConnectionOwner
  void on_secured(Connection& connection) override;
  void on_own_key(Connection& connection) override;
  void on_hello(Connection& connection, const wire::Hello& said) override;
  void on_frame(Connection& connection, ByteView frame) override;
  void on_peer_retired(Connection& connection) override;
  void on_overdue(Connection& connection) override;
  void on_gone(Connection& connection, std::optional<Unreachable> why) override;
  void on_closed(Connection& connection) override;
  void want_flush(Connection& connection) override;
  void want_time(TimePoint when) override;

  Result<void> listen();
  void on_inbound();
  bool admit(Link& link);
  bool make_room(Link& newcomer);
  Link* fullest(const std::vector<Link*>& among, const Link& newcomer, bool (*idle)(const Link&),
                TimePoint (*since)(const Link&)) const;
  std::size_t share_of(const Link& link) const;
  bool kept(const Link& link) const;
  void count_in(Shares& shares, Link& link, const Endpoint& where);
  void end_handshake(Link& link);
  void tell_crowded(const Link& out, const Link& newcomer, std::string_view why);
  void connect(Link& link, const Endpoint& where, std::optional<PublicKey> expected);
  bool may_dial(const Endpoint& where);
  std::size_t dialling() const;

  Entry& entry_of(const PublicKey& key);
  void forget_if_unused(Entry& entry);
  void attach(Link& link);
  static bool is_other_end(const Link& inbound, const Link& dial);
  void learn(Link& link, const wire::Hello& said);
  Peer as_peer(const Link& link) const;
  void judge_all(Entry& entry);
  void judge(Entry& entry, Link& newer);
  void take_over(Entry& entry, Link& newer);
  void retire(Link& link);
  void detach_queue(Entry& entry, Link& link);
  void finish_endings();
  Link* other_open(const Entry& entry, const Link& than) const;
  Link* find_link(const Entry& entry, ConnectionId number) const;
  void use(Entry& entry, Link* link);
  bool has_room(Link& link, std::size_t bytes);
  bool has_room_for_own(const Link& link, std::size_t bytes) const;
  void refill(Entry& entry);
  void aim(Entry& entry, const Endpoints& endpoints);
  void dial_next(Entry& entry);
  void give_up(Entry& entry, Unreachable why);

  void emit(Event event);
  void tell(const Event& event);
  bool deliver_events();
  void want_turn();
  void turn();
  void sweep();
  void opened_handle(uv_handle_t* handle);
  void close_handle(uv_handle_t* handle);
  void on_handle_closed();

  TransportListener* listener_ = nullptr;
  std::optional<Endpoint> listen_;
  Endpoints advertised_;
  bool client_;
  bool closed_ = false;
  bool released_ = false;
  std::size_t handles_ = 0;  // not closed yet, connections included

  uv_tcp_t server_{};
  uv_idle_t turn_{};
  uv_timer_t sweep_{};
  bool serving_ = false;
  TimePoint sweep_at_ = TimePoint::max();

  std::unordered_map<PublicKey, Entry, KeyHash> entries_;
  Link* heard_ = nullptr;     // whose frame is being delivered: what is sent is mostly the answer
  std::vector<Link*> links_;  // not gone, oldest first
  std::vector<Link*> to_flush_;
  std::vector<Link*> flushing_;  // by turn()
  std::vector<Link*> ending_;
  ConnectionId next_number_ = 1;
  std::deque<Event> events_;
  std::vector<PublicKey> unused_;  // entries to be looked at and perhaps dropped
  Shares inbound_;                 // connections that were accepted,
  Shares dialled_;                 // that this node dialled
  Shares handshakes_;              // of those accepted, the ones whose peers have not said hello
  // Of the latest connections by which this node dialled its own key; the oldest goes first.
  std::deque<ByteArray<SSL3_RANDOM_SIZE>> own_dials_;
};

}  // namespace kadmos
