// The engine: the whole node as a pure state machine. It has no clock, socket, thread, future,
// callback or log, and no randomness but the seed it is given. It is told things and asked things;
// after every input the caller drains every poll_x until it gives nothing, then arms one alarm at
// next_timeout().
//
// It owns what the rooms below offer (contact references, table, suspects, record store,
// operations) and joins them: requests of ours are matched to replies by peer and id, requests of
// peers are served, operations and upkeep are driven.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/contact_book.h"
#include "base/outbox.h"
#include "base/prng.h"
#include "base/recycled.h"
#include "base/rtt.h"
#include "base/shares.h"
#include "engine/clock_voices.h"
#include "engine/offences.h"
#include "engine/rpcs.h"
#include "engine/sync_plan.h"
#include "engine/twin_watch.h"
#include "engine/upkeep.h"
#include "engine/watchers.h"
#include "kadmos/config.h"
#include "kadmos/notice.h"
#include "kadmos/seams.h"
#include "ops/requests.h"
#include "wire/messages.h"

namespace kadmos {

// A message for a peer. One that answers the peer has no endpoints, since answers never make this
// node dial, and names the connection that the request came by.
struct Transmit {
  Contact to;
  wire::Message message;
  std::optional<ConnectionId> answers{};
};
// A peer that broke the protocol; its connection is to be closed.
struct Drop {
  PublicKey peer;
};
// What the transport is to do.
using Outgoing = std::variant<Transmit, Dial, Probe, Drop>;

struct Completed {
  OpId op = 0;
  OpResult result;
};
// One of several that an operation gives before it ends.
struct Item {
  OpId op = 0;
  OpItem item;
};
using Event = std::variant<Completed, Item, Notice>;

class Engine {
 public:
  // `identity`, `storage` and `book` must outlive the engine.
  Engine(const Identity& identity, Config config, Storage& storage, ContactBook& book,
         std::uint64_t seed);

  // ---- inputs
  // Begins an operation; its end is reported by a Completed event, exactly once unless cancelled.
  // `timeout` counts from now; one of a year or more is none.
  OpId start(Now now, Request request, Duration timeout);
  // Ends an operation without an event. Unknown ids are ignored.
  void cancel(Now now, OpId op);
  // Ends every operation with Errc::closed (by events) and forgets what is pending.
  void close(Now now);
  void on_frame(Now now, const Peer& from, ByteView frame);
  void on_reached(Now now, const Bootstrap& probed, const Peer& peer);
  void on_probe_failed(Now now, const Bootstrap& probed, Unreachable why);
  void on_unreachable(Now now, const PublicKey& peer, Unreachable why);
  void on_twin(Now now, const Endpoint& where);
  void on_crowded(Now now, const std::string& what);
  void on_committed(Now now, CommitId commit, const Result<void>& result);
  void on_timeout(Now now);  // a spurious call does nothing
  void add_bootstrap(const Bootstrap& where);
  // Whom an earlier run proved: a way in, and counted among the nodes known.
  void add_acquaintance(Now now, const Acquaintance& one);
  // What this node would say now of its having `key`, signed; for a PublishRequest. Each comes
  // after all before, so that the last one counts.
  Record announce(Now now, const Key& key, bool withdrawn);
  // The own record of `key` that lapsed, signed anew. Errors: not_found, those of the storage.
  Result<PublishRequest> renewal(Now now, const Key& key);
  // How others reach this node, once the transport knows. If they cannot, it is a client, whatever
  // its config says.
  void set_endpoints(const Endpoints& endpoints) {
    endpoints_ = endpoints;
    config_.client = endpoints.empty();
  }

  // ---- outputs; any input can change them
  std::optional<Outgoing> poll_outgoing();
  std::optional<Commit> poll_commit() { return store_.poll_commit(); }
  std::optional<Event> poll_event();
  std::optional<TimePoint> next_timeout() const { return due_; }

  // ---- looking
  const Config& config() const { return config_; }
  // Where another node uses this node's identity, as far as is known.
  std::optional<Endpoint> twin() const { return twin_watch_.twin(); }
  // Whether a store of this peer still waits for its commit, and so for its answer.
  bool owes(const PublicKey& peer) const { return unanswered_of_.contains(peer); }
  // Whether the peer is in the table.
  bool lists(const PublicKey& peer) const { return table_.find(id_of(peer)).has_value(); }
  const RoutingTable& table() const { return table_; }
  const Contact& contact(ContactRef ref) const { return book_.contact(ref); }
  const Acquaintances& acquaintances() const { return acquaintances_; }
  Stats stats() const;
  Result<std::optional<StoredRecord>> held(Now now, const Key& key) const {
    return store_.find(now, key);
  }
  std::vector<Key> own_keys(Own kind) const { return store_.own_keys(kind); }
  std::optional<ClockDoubt> clock_doubt(Now now) const { return clock_voices_.doubt(now.at); }
  // Own records that lapsed so long ago that they are not renewed by themselves.
  std::vector<Key> forgotten_keys(Now now) const;
  // The own record of `key` if it lapsed; nothing otherwise.
  Result<std::optional<StoredRecord>> lapsed(const Key& key) const;

 private:
  struct Running {
    std::unique_ptr<Operation> operation;
    TimePoint deadline{};
    std::optional<TimePoint> wake{};  // when it wants to be told the time
    enum class Purpose : std::uint8_t {
      user,
      user_join,
      enter,
      search,
      republish,
      renew,    // republish what lapsed
      restore,  // fetch back an own record that is damaged
      sync
    } purpose{};
  };
  struct Quota {
    TimePoint renewed{};
    int used = 0;
  };
  struct Probing {
    TimePoint sent{};
    std::vector<OpId> ops{};  // that await it; none: a dial-back
    bool then_ask = false;    // whether the peer answers, too, for it has failed to
  };
  // A store that waits for its commit before it is answered.
  struct Unanswered {
    PublicKey peer;
    ConnectionId connection = 0;
    std::uint64_t request = 0;
    Key key;
    wire::Stored reply;     // without the record, which is in the store by then
    Party by;               // whose share of waiting_ it has,
    std::size_t bytes = 0;  // and how much
  };
  // A version that became durable, and who has not been sent it yet.
  struct Push {
    Record record;
    std::vector<Watchers::Watcher> to;
  };
  // All that watches need. Most nodes of a simulation never have one.
  struct Watches {
    explicit Watches(const Limits& limits) : peers(limits) {}
    Watchers peers;
    std::list<Push> pushes;
    std::multimap<Key, OpId> ours;  // operations that watch
  };

  // operations (engine.cc)
  OpId begin(Now now, std::unique_ptr<Operation> operation, Running::Purpose purpose,
             Duration timeout);
  void drive(Now now, OpId op);
  bool act(Now now, OpId op);
  Running take(OpId op);
  void wake(OpId op);
  void finish(Now now, OpId op, OpResult result);
  JoinRequest ways_in(Now now);
  std::unique_ptr<Operation> meeting(Now now);
  void look_at_the_clock(Now now);
  void learn_of_clock(Now now, const Peer& from, const Record& record);
  void learn_of_clock(Now now, const Peer& from, const Rpcs::Pending& request,
                      const wire::Body& reply);
  void hear_of_clock(Now now, const Peer& from, ClockVoices::Says says);
  void run_upkeep(Now now);
  void settle(Now now);
  void find_due();

  // own records (own.cc)
  void republish(Now now, const Key& key);
  void on_restored(Now now, const Result<Found>& fetched);
  void tell_of_unreadable(Now now);
  std::optional<PublishRequest> to_republish(Now now, const Key& key);
  PublishRequest sign_anew(Now now, const StoredRecord& held);
  bool forgotten(Now now, WallTime expired) const;

  // comparing with neighbours (sync.cc)
  void run_sync(Now now);
  void sync_with_next(Now now);
  bool sync_with(Now now, const Contact& peer, const std::vector<Id>& known);
  void begin_sync(Now now, const Contact& peer, std::vector<KeyRange> ranges);
  bool keeps(const Key& key) const;
  void look_for_strays(Now now, const std::vector<Key>& keys);
  void on_synced(const OpResult& result);
  wire::Body serve_compare(const wire::Compare& compare) const;
  wire::Body serve_versions(const Peer& from, const wire::Versions& theirs);

  // requests of ours (engine.cc)
  void ask(Now now, OpId op, Ask ask, bool wanted = false);
  void fail(Now now, const Rpcs::Pending& request, Outcome outcome, const std::string& detail);
  struct Patience {
    Duration slow;     // then others are asked beside the peer
    Duration give_up;  // then nobody waits for it
  };
  Patience patience_for(const Rpcs::Pending& request) const;
  void on_reply(Now now, const Peer& from, wire::Message& message);
  void blame(Now now, const Rpcs::Pending& request);

  // who is in the table (contacts.cc)
  void probe(Now now, OpId op, const Bootstrap& where);
  void probe_ended(Now now, const Bootstrap& where, const Probing& probing,
                   const Result<Peer>& peer);
  void dial_back(Now now, const Contact& peer, bool then_ask = false);
  void on_contact(Now now, const Peer& from, bool answered, std::optional<Duration> round_trip);
  void on_reached_contact(Now now, const ContactHold& contact, std::optional<Duration> round_trip);
  void on_dead(Now now, const ContactHold& peer);
  void on_lost(Now now, const PublicKey& peer, Unreachable why);
  void look_for_twin(Now now, const Peer& from, const wire::Body& reply);
  void run_twin_watch(Now now);

  // requests of peers (serve.cc)
  void serve(Now now, const Peer& from, wire::Message& message);
  std::optional<Record> readable(Now now, const Key& key);
  wire::Contacts closest_for(const Peer& from, const Id& target) const;
  wire::Contacts missing_from(const Peer& from, const Key& key, const wire::Store& store) const;
  std::optional<wire::Body> serve_store(Now now, const Peer& from, std::uint64_t request,
                                        wire::Store& store);
  wire::Body serve_watch(Now now, const Peer& from, std::uint64_t request,
                         const wire::Watch& watch);
  void answer(const PublicKey& peer, ConnectionId over, std::uint64_t request, wire::Body&& body);
  void misbehaved(Now now, const Peer& from, std::string_view what, const std::string& detail);

  // watches (watching.cc)
  void on_newer(Now now, std::span<const Key> keys);
  void on_update(Now now, const Peer& from, const wire::Update& update);
  std::optional<Outgoing> poll_push();
  void begin_watch(const Key& key, OpId op);
  void end_watch(const Key& key, OpId op);
  void lose_watches(Now now, const PublicKey& peer);
  Watches& watches();

  void notice(Now now, Notice::Level level, std::string_view what, std::string detail);

  const Identity& identity_;
  Config config_;
  Endpoints endpoints_;
  bool has_way_in_;
  ContactBook& book_;
  Prng prng_;
  Stats stats_;
  RoutingTable table_;
  Acquaintances acquaintances_;
  Suspects suspects_;
  // Keys that were dialled back in vain lately, with the endpoint: not tried again for a while.
  Suspects undialable_;
  Suspects broken_;  // peers asked lately because their connection had broken
  RecordStore store_;
  OpEnv env_;
  Upkeep upkeep_;
  SyncPlan sync_plan_;
  TwinWatch twin_watch_;
  std::optional<Id> synced_;  // how far the neighbour compared with last is
  Rpcs rpcs_;
  CrowdRtt any_rtt_;  // of all peers together: the guess for one never measured
  // What any_rtt_ may be short by, since few were measured: halves with each measurement, so the
  // first peers, who may be the nearest by chance, do not make those of a slow path look silent.
  Duration unmeasured_;
  CrowdRtt any_store_;  // what stores take, with the replica's commit

  RecycledMap<OpId, Running> running_;
  RecycledSet<std::pair<TimePoint, OpId>> deadlines_;
  RecycledSet<std::pair<TimePoint, OpId>> wakes_;
  OpId next_op_ = 1;
  std::map<Bootstrap, Probing> probes_;
  std::size_t dial_backs_ = 0;     // of them
  std::set<Bootstrap> bootstrap_;  // added, besides the configured
  Now last_look_{};                // at the clocks
  ClockVoices clock_voices_;
  TimePoint next_clock_notice_{};  // not before
  RecycledMultimap<CommitId, Unanswered> unanswered_;
  RecycledMap<PublicKey, std::size_t> unanswered_of_;
  Shares waiting_;  // bytes of what is unanswered
  Offences offences_;
  RecycledMultimap<CommitId, OpId> awaited_;  // by operations
  std::unique_ptr<Watches> watches_;          // null before the first

  std::uint64_t last_announced_ = 0;  // sequence
  std::optional<TimePoint> expiry_due_;
  std::optional<TimePoint> due_;  // the earliest of all, found after every input
  std::map<std::string_view, Quota> notices_;
  TimePoint next_expire_{};  // not before: a batch a pause, however fast the storage is

  Outbox<Outgoing> outgoing_;
  Outbox<Event> events_;
  bool closed_ = false;
};

}  // namespace kadmos
