// Node: one member of the network, as a library. Not thread-safe: one thread owns it (its loop's).
//
// Every verb answers with a Future, or with a Stream if it answers several times. Dropping it
// cancels the operation; every operation of a Future ends exactly once and by its deadline. Results
// arrive after the node's engine has come to rest, so a continuation may call any verb, or destroy
// the node.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kadmos/config.h"
#include "kadmos/future.h"
#include "kadmos/notice.h"
#include "kadmos/results.h"
#include "kadmos/seams.h"
#include "kadmos/stream.h"

namespace kadmos {

struct SetOptions {
  // How long the record lives. Nothing: Config::ttl, and the node signs it anew in time for as long
  // as it runs. Given: exactly that long.
  std::optional<std::chrono::milliseconds> ttl;
  std::optional<Duration> timeout;  // default Config::operation_timeout
  // Sign as this owner instead of as the node. Must outlive the operation. The node does not keep
  // the key, so it cannot republish.
  const Identity* owner = nullptr;
  // Compare and set: only if no version is newer than this sequence, that of a get, a deletion's
  // receipt or a conflict; 0: only if no version is known. Else Errc::conflict. A conflict with a
  // receipt left the value on some replicas; it may become the version yet.
  std::optional<std::uint64_t> if_sequence{};
  // With if_sequence: an older version will do as well, where else it is a conflict that the one
  // expected was not found. The version set follows the one expected all the same.
  bool or_older = false;
  // Whom to ask besides those of the routing table when the search for the nearest nodes begins:
  // contacts this node reached lately, such as the replicas of a neighbouring key. The first
  // Config::k count.
  std::vector<Contact> via{};
  // Be content with however few nodes can be reached, down to this one alone, though it knew twice
  // as many in the last day (Receipt::known) or more. Else that is quorum_not_met, since most of
  // the network may live on out of reach and know nothing of it.
  bool accept_small = false;
};

struct PutOptions {
  std::optional<std::chrono::milliseconds> ttl;  // as in SetOptions
  std::optional<Duration> timeout;
  std::vector<Contact> via{};  // as in SetOptions
  bool accept_small = false;   // as in SetOptions
};

struct GetOptions {
  // Answer with the first valid record instead of the latest among r = target - w + 1 answers.
  bool first = false;
  // Of an owned name: how many nodes must have answered, this one included, instead of r; 1 to
  // Config::k. Fewer is quorum_not_met. Not with `first`.
  std::optional<int> quorum;
  // Only a version of an owned name with at least this sequence will do, such as one that a receipt
  // or a watcher spoke of. If there is only an older one, the answer is not_found, which says so.
  std::uint64_t min_sequence = 0;
  std::optional<Duration> timeout;
  std::vector<Contact> via{};  // as in SetOptions
};

struct WatchOptions {
  // How many versions wait to be taken; one more displaces the oldest (Stream::missed).
  std::size_t buffer = 64;
};

struct ProvideOptions {
  std::optional<Duration> timeout;
  std::vector<Contact> via{};  // as in SetOptions
  bool accept_small = false;   // as in SetOptions
};

struct RenewOptions {
  std::optional<Duration> timeout;
  std::vector<Contact> via{};  // as in SetOptions
  bool accept_small = false;   // as in SetOptions
};

struct FindProvidersOptions {
  std::size_t limit = 20;  // the search ends when so many are found; 0: all, up to 1024
  std::optional<Duration> timeout;
};

struct AuditOptions {
  // Store the newest version on those of the nearest nodes that lack it or hold an older one.
  bool repair = false;
  std::optional<Duration> timeout;
};

// The world a node lives in; it owns it.
struct Seams {
  std::unique_ptr<Clock> clock;
  std::unique_ptr<Random> random;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Storage> storage;
};

// Contacts known by many nodes are kept once; a simulation shares one book among its nodes.
class ContactBook;

class Node {
 public:
  // Starts the transport (errors: those of Transport::start, or invalid_argument for a config that
  // contradicts itself). `book` must outlive the node; null: the node makes its own.
  static Result<std::unique_ptr<Node>> create(Identity identity, Config config, Seams seams,
                                              ContactBook* book = nullptr);
  ~Node();

  const PublicKey& public_key() const;
  const Id& id() const;
  // How others can reach this node; endpoints are empty for a client.
  Contact contact() const;
  const Config& config() const;

  // Enters the network through Config::bootstrap and what add_bootstrap gave, then searches for the
  // own id. With none it succeeds at once: a network of one. Errors: unreachable (no entry
  // answered; the node keeps trying in the background, with backoff), timeout.
  Future<Closest> join();
  // One more way in, used whenever the table is empty.
  void add_bootstrap(const Bootstrap& bootstrap);
  // The nodes it proved lately: those of the table, nearest first, then those it lost, the last
  // first. A program that keeps them gives them to its next run, which then has as many ways in and
  // knows how many nodes there were (Receipt::known).
  std::vector<Acquaintance> acquaintances() const;
  void add_acquaintances(const std::vector<Acquaintance>& known);

  // Signs `value` under `name` with the next sequence and stores it on the closest nodes. Ok means
  // at least Receipt::quorum replicas made it durable. The node republishes it while it runs.
  // Errors: too_large, invalid_argument, quorum_not_met (with the receipt; some replicas may have
  // it, or most of the nodes known in the last day are out of reach, see SetOptions::accept_small),
  // timeout, unreachable (it knows of a network but has yet to reach anybody there), conflict (see
  // SetOptions::if_sequence).
  Future<Receipt> set(std::string_view name, ByteView value, const SetOptions& options = {});
  // Deletes an owned name: a signed tombstone with the next sequence, which lives for
  // Config::ttl_max unless told otherwise, to outlive what it deletes. Errors as set.
  Future<Receipt> del(std::string_view name, const SetOptions& options = {});
  // Stores immutable content under its hash, `content_key(value)`.
  Future<Receipt> put(ByteView value, const PutOptions& options = {});
  // Reads the own store, then the network. Immutable content: the first answer that fits. Owned
  // names (`owned_key(owner, name)`): the latest among enough answers to meet every acknowledged
  // set, as long as the k closest nodes are the same. If nobody else can be reached, this node's
  // own copy (Found::local). Errors: not_found (which never proves absence), timeout, unreachable,
  // with whom it asked. If it knows a node that is likely to hold the record it asks that alone
  // first, which tells content from a name: with GetOptions::quorum, which only names have, several
  // are asked at once.
  Future<Found> get(const Key& key, const GetOptions& options = {});
  // The present version, if there is one, then each newer one as soon as it is durable at a replica
  // or here, tombstones too: in order, each once. A version that arrives after a newer one is left
  // out. It goes on until the stream is dropped, through the loss of replicas and of the network;
  // errors: unreachable (nobody could be reached at the start), busy, closed, invalid_argument.
  Stream<Update> watch(const Key& key, const WatchOptions& options = {});
  // Announces that this node has what belongs to `key`, with its endpoints (none of a client, or of
  // an unspecified address it listens on: see Config::advertise), and does so anew while it runs.
  // Receipt::key is that of the announcement. Errors as set.
  Future<Receipt> provide(const Key& key, const ProvideOptions& options = {});
  // Takes that back, with a withdrawal that lives for Config::ttl_max. Errors as set.
  Future<Receipt> unprovide(const Key& key, const ProvideOptions& options = {});
  // Signs an own record anew that expired so long ago that the node does not do so by itself (see
  // forgotten_keys), and publishes it, unless the network knows a newer version: that is kept as
  // the own one then (Errc::conflict). Errors: not_found (no such record), those of set.
  Future<Receipt> renew(const Key& key, const RenewOptions& options = {});
  // Those who announced `key`, each once, as they are found; it ends when there are enough or the
  // nodes nearest to the key were asked. None does not prove that nobody has it. Errors: timeout,
  // unreachable.
  Stream<Provider> find_providers(const Key& key, const FindProvidersOptions& options = {});
  // Which of the nodes nearest to a key hold it, and which version. Waits for slow ones, at most
  // until its time is over; the answer then counts them as silent, and nothing is repaired any
  // more. Errors: timeout (before the nearest were found), unreachable.
  Future<Audit> audit(const Key& key, const AuditOptions& options = {});
  // For a node that is about to close: gives those who will be among the k nearest to its records
  // without it what they lack. Ok even if not all was given by the deadline; HandedOver tells.
  Future<HandedOver> hand_over(Duration timeout);
  // The k closest live nodes to a target.
  Future<Closest> find_node(const Id& target);
  // Proves that somebody lives at an endpoint, and who.
  Future<Pong> ping(const Bootstrap& where);

  // The routing table, nearest to this node first.
  std::vector<Contact> contacts() const;
  // What this node itself holds of a key; nobody is asked. Errors: storage_failed.
  Result<std::optional<Record>> held(const Key& key) const;
  // The keys of the records it keeps for its user, in their order: those it publishes anew, since
  // they were set, put, deleted or provided here without a lifetime; those with a lifetime; or
  // those that expired before they could be published anew (no reader sees them until they are).
  std::vector<Key> own_keys(Own kind = Own::renewed) const;
  // Of the last kind, those signed longer than twice Config::ttl_max and the clock skew ago. Nobody
  // may know any more that they were deleted or replaced, so only `renew` publishes them.
  std::vector<Key> forgotten_keys() const;
  // The own record of `key` if it expired and is not published anew yet. Errors: storage_failed,
  // verification_failed.
  Result<std::optional<StoredRecord>> lapsed(const Key& key) const;
  // Whether this node publishes the record of `key` anew.
  bool owns(const Key& key) const;
  // Whether this node's calendar seems to be wrong, as far as its peers let it see: nothing while
  // they do not. A calendar that is ahead is noticed only by records that it takes for expired, and
  // one that is behind only by records of this node that others take for expired; so not one that
  // is wrong by less than records still live.
  std::optional<ClockDoubt> clock_doubt() const;
  Stats stats() const;
  // Where another node was met lately that proves this node's key. Peers take the two for one that
  // moves to and fro, so each is unreachable by turns; whoever runs them should give one of them a
  // key of its own. Nothing: none was met for over a minute.
  std::optional<Endpoint> twin() const;
  // Called for each notice; replaces the former listener.
  void on_notice(std::function<void(const Notice&)> listener);

  // Ends every operation with Errc::closed, flushes and closes the transport. Later calls of a verb
  // give Errc::closed.
  void close();

 private:
  class Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kadmos
