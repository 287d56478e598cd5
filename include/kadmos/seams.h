// The four seams: what a Node needs from the world. src/uv/ and src/store/ implement them for real,
// simulations/ virtually. All calls happen on the one thread that owns the node; no implementation
// may call a listener from inside a call made to it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kadmos/contact.h"
#include "kadmos/range.h"
#include "kadmos/record.h"
#include "kadmos/result.h"
#include "kadmos/stats.h"
#include "kadmos/time.h"

namespace kadmos {

// ---- Clock: two readings and one alarm.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Now now() = 0;
  // Whom to call when the alarm rings. Set once, before set_alarm.
  virtual void on_alarm(std::function<void()> listener) = 0;
  // Rings once, at or after `when` (a time in the past: as soon as possible). Replaces the former
  // alarm; nothing disarms it.
  virtual void set_alarm(std::optional<TimePoint> when) = 0;
};

// ---- Random: where seeds come from; the core's own generators grow from it.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
};

// ---- Transport: whole frames to and from authenticated peers.
enum class Unreachable : std::uint8_t {
  refused,      // nobody listens there
  timed_out,    // the dial or the handshake took too long
  wrong_key,    // somebody else answered
  foreign,      // another network or protocol version
  misbehaved,   // broke framing or the protocol
  overloaded,   // a bound of ours: too many dials, connections or queued bytes
  closed,       // the connection ended before the frame was known to be delivered
  no_endpoint,  // the contact cannot be dialled and no connection to it is open
};
std::string_view name_of(Unreachable why);

class TransportListener {
 public:
  virtual ~TransportListener() = default;
  // A whole frame. `frame` is valid during the call only.
  virtual void on_frame(const Peer& from, ByteView frame) = 0;
  // A probe succeeded: `peer.reached` is true and its key was proved.
  virtual void on_reached(const Bootstrap& probed, const Peer& peer) = 0;
  virtual void on_probe_failed(const Bootstrap& probed, Unreachable why) = 0;
  // Frames sent to `key` may be lost. Once per broken or failed connection, not per frame.
  virtual void on_unreachable(const PublicKey& key, Unreachable why) = 0;
  // Another node proved the key of this one, so that both go by one identity. `where` is what this
  // node dialled, or the address from which the other one came. A node that reaches itself by one
  // of its own addresses is not told of that.
  virtual void on_twin(const Endpoint& /*where*/) {}
  // All places for connections are in use, and `what` had to go, or was not let in, that was in
  // use.
  virtual void on_crowded(const std::string& /*what*/) {}
  // Whether a connection with this peer is worth more than one with a stranger: it is in the table.
  virtual bool keeps(const PublicKey& /*peer*/) const { return false; }
  // Whether the peer is still owed answers to frames of its that were delivered here. The transport
  // asks when a peer has said that it will send no more, and keeps the way for answers open.
  virtual bool owes(const PublicKey& /*peer*/) const { return false; }
};

class Transport {
 public:
  virtual ~Transport() = default;
  // Begins to deliver. `hello` is what each connection says of this node.
  virtual Result<void> start(TransportListener& listener) = 0;
  // Queues a copy of one frame over the kept connection to `to.key`, dialling `to.endpoints` if
  // there is none. Never blocks. Delivery is in order and at most once; failure is reported later
  // by on_unreachable(to.key).
  virtual void send(const Contact& to, ByteView frame) = 0;
  // Queues a copy of one frame over the connection `over`, by which came what it answers; over
  // another one with `to` if that one has ended. Never dials: without a connection the frame is
  // dropped in silence, since who asked knows that its connection ended.
  virtual void answer(const PublicKey& to, ConnectionId over, ByteView frame) = 0;
  // Begins a connection with `to.key` if there is none, for a frame that may follow. Failure is
  // reported as that of a frame. Does nothing for the own key, or if half the dials that
  // Limits::dials allows are under way, so that frames find room.
  virtual void dial(const Contact& to) = 0;
  // Dials `where` even if a connection to its key is open, to prove that it can be dialled. Answers
  // once, by on_reached or on_probe_failed. The connection is kept if none to that key is open.
  virtual void probe(const Bootstrap& where) = 0;
  // Closes the connections to a peer that broke the protocol, as on_unreachable(peer, misbehaved)
  // then says. Nothing happens if there is none.
  virtual void drop(const PublicKey& peer) = 0;
  // What the transport listens on and would tell peers; empty for a client.
  virtual Endpoints listening() const = 0;
  // Adds the transport's counters.
  virtual void add_stats(Stats& stats) const = 0;
  // Sends what is queued as far as the kernel takes it, closes every connection, stops listening.
  // Calls no listener any more.
  virtual void close() = 0;
};

// ---- Storage: records on memory or disk.

// What a record is to the node that keeps it. The numbers are those on disk, where 2 is a floor.
enum class Own : std::uint8_t {
  none = 0,          // another's: it may be evicted, and goes when it expires
  renewed = 1,       // this node's user set it without a lifetime: never evicted, republished
  until_expiry = 3,  // this node's user set it with a lifetime: never evicted before it is over
  lapsed = 4,        // was `renewed`, and expired before it could be signed anew: kept for that
};

struct StoredRecord {
  Record record;
  WallTime expiry{};  // when this replica drops it: min(record.expiry, the receiver's cap)
  Own own = Own::none;
  std::uint64_t group = 0;  // address group of the storing peer, 0 for local and exempt ones
};

struct Write {
  Key key;
  std::optional<StoredRecord> record;  // nothing: erase
};

using CommitId = std::uint64_t;

// One atomic batch: all of it becomes durable, or none.
struct Commit {
  CommitId id = 0;
  std::vector<Write> writes;
};

struct StorageUsage {
  std::size_t records = 0;  // floors aside
  std::size_t bytes = 0;    // as stored_bytes counts; of floors too
  std::size_t floors = 0;
  std::size_t own = 0;  // of the records, those of every kind of Own but none
};

// What a record weighs against Limits::record_bytes, wherever it is kept: its value, its name and a
// fixed overhead for keys, signature and indexes.
inline constexpr std::size_t kRecordOverhead = 512;
inline std::size_t stored_bytes(const Record& record) {
  // Has no signature, but a digest; so that no record that expires takes more room than before.
  if (record.type == RecordType::floor) return kRecordOverhead;
  return record.value.size() + record.name.size() + kRecordOverhead;
}

// How much a party has of what is stored.
struct Held {
  std::size_t records = 0;
  std::size_t bytes = 0;  // as stored_bytes counts
};

// What a storage knows of a record without reading it.
struct Outline {
  WallTime expiry{};
  Own own = Own::none;
  std::uint64_t group = 0;
  PublicKey owner;        // all zero: content
  std::size_t bytes = 0;  // as stored_bytes counts
  bool floor = false;
};

// Keeps records, floors and lapsed records. Floors are found, outlined, listed by expiry and among
// the farthest, and nowhere else; lapsed records are found, outlined, counted and among own_keys,
// and nowhere else: no reader sees them, and no expiry is theirs.
class Storage {
 public:
  virtual ~Storage() = default;
  // Set once, before commit. Called once per commit, in commit order, when it is durable or failed.
  // Errors: busy (there is no room for it; less may go well), storage_failed.
  virtual void on_committed(std::function<void(CommitId, Result<void>)> listener) = 0;
  // Queues a batch. `find` sees it at the latest when it is reported; everything else below changes
  // exactly then, so that whoever queues can count ahead.
  virtual void commit(Commit commit) = 0;
  // Reports what has become durable since the last call; the one place that may call the listener
  // from inside a call. The node calls it after every batch of commits. A storage that learns of
  // durability later than that reports by itself, from the loop.
  virtual void pump() = 0;

  // Reads. `find` verifies nothing; what it gives was verified when it was stored. Errors:
  // verification_failed (this record is damaged, and will be until it is written again),
  // storage_failed.
  virtual Result<std::optional<StoredRecord>> find(const Key& key) const = 0;
  // Of every record kept, also of one that cannot be read.
  virtual std::optional<Outline> outline(const Key& key) const = 0;
  // Up to n keys in key order, the first one > `after` (from the smallest if nothing).
  virtual std::vector<Key> keys_after(const std::optional<Key>& after, std::size_t n) const = 0;
  // Up to n keys whose expiry is <= `wall`, earliest first.
  virtual std::vector<Key> expired(WallTime wall, std::size_t n) const = 0;
  virtual std::optional<WallTime> next_expiry() const = 0;
  // The keys of own records of every kind, in key order.
  virtual std::vector<Key> own_keys() const = 0;
  // Up to n keys of what is not own: floors first, then records, the farthest from `id` by XOR
  // first.
  virtual std::vector<Key> farthest(const Id& id, std::size_t n) const = 0;
  // What an owner has (content has none), and what was stored by peers of a group (0: nothing).
  virtual Held held_of_owner(const PublicKey& owner) const = 0;
  virtual Held held_of_group(std::uint64_t group) const = 0;
  // How many records of a range, or only those of them stored by peers of `group` if it is not 0.
  // Costs as much time as there are.
  virtual std::size_t count_in(const KeyRange& range, std::uint64_t group) const = 0;
  virtual StorageUsage usage() const = 0;
  // What is held in a range, by its digest, and up to n versions of it in key order. A digest costs
  // O(log n) unless the range changed since it was last asked for.
  virtual RangeDigest digest(const KeyRange& range) const = 0;
  virtual std::vector<Version> versions(const KeyRange& range, std::size_t n) const = 0;
};

// Records in this process's memory: durable as long as the process lives, which is what a store
// acknowledged by it promises.
std::unique_ptr<Storage> make_memory_storage();

}  // namespace kadmos
