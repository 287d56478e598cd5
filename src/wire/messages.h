// The messages of the protocol as values. One struct a message; docs/protocol.md gives their bytes.
// A request carries an id chosen by its sender; the reply repeats it, and so do updates, which are
// sent unasked to who watches a key. `Hello` opens a connection
// and belongs to the transport; every other message belongs to the engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/recycled.h"
#include "kadmos/contact.h"
#include "kadmos/range.h"
#include "kadmos/record.h"

namespace kadmos::wire {

inline constexpr std::uint32_t kVersion = 1;

using Contacts = RecycledVector<Contact>;

struct Hello {
  std::uint32_t version = kVersion;
  std::string network;
  Endpoints endpoints;  // where the sender listens; an unspecified address: "the one you see"
  bool client = false;  // must not enter tables
  friend bool operator==(const Hello&, const Hello&) = default;
};

// ---- Requests
struct Ping {
  friend bool operator==(const Ping&, const Ping&) = default;
};
struct FindNode {
  Id target;
  friend bool operator==(const FindNode&, const FindNode&) = default;
};
struct FindValue {
  Key key;
  friend bool operator==(const FindValue&, const FindValue&) = default;
};
struct Store {
  Record record;
  // Only where no version with a higher sequence than this is known.
  std::optional<std::uint64_t> expects{};
  // The nodes nearest to the record's key that the asker knows, by Id::top(): the reply is to name
  // those that are missing. Empty: it is to name nobody.
  RecycledVector<std::uint64_t> known{};
  friend bool operator==(const Store&, const Store&) = default;
};
// Announcements of a key; from the smallest key of an announcement, or from the one after that
// whose second half is `after`.
struct FindProviders {
  Key key;
  std::optional<ByteArray<32>> after;
  friend bool operator==(const FindProviders&, const FindProviders&) = default;
};
// Send me each newer version of this key from now on, for so long.
struct Watch {
  Key key;
  std::uint32_t lease_s = 0;  // at most kMaxLease; 0: no longer
  friend bool operator==(const Watch&, const Watch&) = default;
};
// What the asker holds in some ranges of keys: which of them differ?
struct Compare {
  static constexpr std::size_t kMost = 64;
  struct Part {
    KeyRange range;
    std::uint64_t fingerprint = 0;  // as in RangeDigest
    friend bool operator==(const Part&, const Part&) = default;
  };
  std::vector<Part> parts;  // 1 to kMost
  friend bool operator==(const Compare&, const Compare&) = default;
};
// All that the asker holds in one range: what of it is wanted? What it lacks comes as stores.
struct Versions {
  static constexpr std::size_t kMost = 64;
  struct Held {
    std::uint64_t tag = 0;  // Key::fold()
    std::uint64_t sequence = 0;
    std::uint64_t fingerprint = 0;
    friend bool operator==(const Held&, const Held&) = default;
  };
  KeyRange range;
  std::vector<Held> held;  // up to kMost
  friend bool operator==(const Versions&, const Versions&) = default;
};

// ---- Replies
struct Pong {
  friend bool operator==(const Pong&, const Pong&) = default;
};
// To find_node and find_value: the closest contacts the peer verified itself, nearest first, and
// for find_value the record if it holds one.
struct Nodes {
  Contacts contacts;
  std::optional<Record> record;
  friend bool operator==(const Nodes&, const Nodes&) = default;
};
enum class StoreStatus : std::uint8_t { durable = 0, extended = 1, superseded = 2 };
struct Stored {
  StoreStatus status = StoreStatus::durable;
  std::uint64_t sequence = 0;      // what the replica now holds
  Contacts contacts{};             // as in Nodes: those nearer than the last `known`, or than all
  std::optional<Record> record{};  // the version that superseded, unless it is gone by now
  friend bool operator==(const Stored&, const Stored&) = default;
};
// To watch: what the peer holds now, and for how long it will send what is newer.
struct Watching {
  std::optional<Record> record;
  std::uint32_t lease_s = 0;
  friend bool operator==(const Watching&, const Watching&) = default;
};
// To compare: which parts differ, and how many records the replica holds there.
struct Compared {
  struct Difference {
    std::uint64_t part = 0;  // from 0 on, ascending
    std::uint64_t records = 0;
    friend bool operator==(const Difference&, const Difference&) = default;
  };
  std::vector<Difference> differences;
  friend bool operator==(const Compared&, const Compared&) = default;
};
// To versions: which of the asker's the replica wants.
struct Wanted {
  std::vector<std::uint64_t> held;  // from 0 on, ascending
  friend bool operator==(const Wanted&, const Wanted&) = default;
};
enum class FailureCode : std::uint8_t {
  busy = 1,     // at a bound; try later
  refused = 2,  // never: invalid, expired, too large, not a replica
  storage = 3,  // the replica's disk failed
};
struct Failure {
  FailureCode code = FailureCode::refused;
  std::string detail;  // at most 200 bytes of text
  friend bool operator==(const Failure&, const Failure&) = default;
};
// To find_providers: contacts as in Nodes, and announcements in the order of their keys. `more`:
// others follow the last of them.
struct Providers {
  Contacts contacts;
  std::vector<Record> records;
  bool more = false;
  friend bool operator==(const Providers&, const Providers&) = default;
};

// ---- Neither: never answered
// A newer version has become durable at a peer that watches for us. The request id is that of the
// watch.
struct Update {
  Record record;
  friend bool operator==(const Update&, const Update&) = default;
};

using Body =
    std::variant<Ping, FindNode, FindValue, Store, Pong, Nodes, Stored, Failure, FindProviders,
                 Providers, Watch, Watching, Update, Compare, Versions, Compared, Wanted>;

template <class... Ts>
bool is_one_of(const Body& body) {
  return (std::holds_alternative<Ts>(body) || ...);
}
inline bool is_request(const Body& body) {
  return is_one_of<Ping, FindNode, FindValue, Store, FindProviders, Watch, Compare, Versions>(body);
}
// A request that only a node which keeps replicas can serve.
inline bool is_for_replicas(const Body& body) {
  return is_one_of<Store, Watch, Compare, Versions>(body);
}

struct Message {
  std::uint64_t request = 0;
  Body body;
  friend bool operator==(const Message&, const Message&) = default;
};

}  // namespace kadmos::wire
