// What an operation can be asked to do, and the way to make one.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "ops/operation.h"

namespace kadmos {

// Enter the network through these endpoints, then search for the own id.
struct JoinRequest {
  std::vector<Bootstrap> bootstrap;
  // The first so many were told by the user: where another key answers than they name, nobody is
  // believed. Where another key answers than this node has met there, somebody has moved.
  std::size_t told = std::numeric_limits<std::size_t>::max();
};
// The k closest live nodes to `target`.
struct FindNodeRequest {
  Id target;
};
struct PingRequest {
  Bootstrap where;
};
//
// `via`, where there is one: contacts to ask besides those of the routing table when the walk
// begins, k of them at most. This node has reached them lately. `accept_small`: it is a success
// even if only a few of the nodes known lately can be reached.
struct GetRequest {
  Key key;
  bool first = false;
  std::optional<int> quorum{};
  std::uint64_t min_sequence = 0;
  std::vector<Contact> via{};
};
// A new version of an owned name, or its deletion. The sequence follows the highest one found.
struct SetRequest {
  Bytes name;
  Bytes value;
  bool tombstone = false;
  std::chrono::milliseconds ttl{};
  Own own = Own::renewed;           // what it becomes to this node
  const Identity* owner = nullptr;  // null: the node itself; else it must outlive the operation
  std::optional<std::uint64_t> if_sequence{};  // only as the successor of this one
  bool or_older = false;                       // even if what is found is older than that
  std::vector<Contact> via{};
  bool accept_small = false;
};
// A record that is ready: immutable content, an announcement, or an own record signed anew. `own`:
// what it becomes to this node.
struct PublishRequest {
  Record record;
  Own own = Own::renewed;
  std::vector<Contact> via{};
  // Of an own record that lapsed: since when it has expired. If the network knows a newer version
  // that is kept here instead (Errc::conflict); and unless a quorum takes it, it remains lapsed.
  std::optional<WallTime> lapsed{};
  bool accept_small = false;
};

// Make `peer` and this node hold the same in `ranges`; none inside another.
struct SyncRequest {
  Contact peer;
  std::vector<KeyRange> ranges;
};

// Every version of a key from now on, as items; it ends only when it is cancelled, or cannot begin.
struct WatchRequest {
  Key key;
};

// Those who announced `key`, up to `limit` of them; 0: all, up to kMost.
struct FindProvidersRequest {
  static constexpr std::size_t kMost = 1024;
  Key key;
  std::size_t limit = 20;

  std::size_t most() const { return limit == 0 ? kMost : std::min(limit, kMost); }
};

// Who holds `key`; `repair`: store the newest version on those who should hold it and do not.
struct AuditRequest {
  Key key;
  bool repair = false;
};

// Give the neighbours what they will keep and lack once this node is gone.
struct HandOverRequest {};

using Request =
    std::variant<JoinRequest, FindNodeRequest, PingRequest, GetRequest, SetRequest, PublishRequest,
                 SyncRequest, WatchRequest, FindProvidersRequest, AuditRequest, HandOverRequest>;

// `env` must outlive the operation. One file a verb implements these.
std::unique_ptr<Operation> make_operation(const OpEnv& env, JoinRequest request);
std::unique_ptr<Operation> make_operation(const OpEnv& env, FindNodeRequest request);
std::unique_ptr<Operation> make_operation(const OpEnv& env, PingRequest request);
std::unique_ptr<Operation> make_operation(const OpEnv& env, GetRequest request);
std::unique_ptr<Operation> make_operation(const OpEnv& env, SetRequest request);
std::unique_ptr<Operation> make_operation(const OpEnv& env, PublishRequest request);
std::unique_ptr<Operation> make_operation(const OpEnv& env, WatchRequest request);
std::unique_ptr<Operation> make_operation(const OpEnv& env, SyncRequest request);
std::unique_ptr<Operation> make_operation(const OpEnv& env, FindProvidersRequest request);
std::unique_ptr<Operation> make_operation(const OpEnv& env, AuditRequest request);
std::unique_ptr<Operation> make_operation(const OpEnv& env, HandOverRequest request);

}  // namespace kadmos
