// Everything about a node that can be set, and every bound on what a peer can make grow. One place,
// so that an operator, a test and the documentation speak of the same numbers.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kadmos/address_groups.h"
#include "kadmos/contact.h"
#include "kadmos/time.h"

namespace kadmos {

// name, default, what it bounds. docs/limits.md says of each what a peer sees beyond it, what is
// counted then, and why the number is what it is. What only this node's own searches can fill
// (shortlist, penalties, acquaintances) forgets its least useful entry.
#define KADMOS_LIMITS(X)                                                                           \
  /* Wire. */                                                                                      \
  X(frame_bytes, 128 * 1024, "payload of one frame")                                               \
  X(hello_bytes, 1024, "payload of a connection's first frame")                                    \
  X(value_bytes, 64 * 1024, "value of a record")                                                   \
  X(name_bytes, 512, "name of an owned record")                                                    \
  X(contacts_per_reply, 40, "contacts in a reply; a lookup takes k of them")                       \
  /* Connections (the transport's). */                                                             \
  X(connections, 512, "connections in all")                                                        \
  X(connections_per_ip, 64, "inbound connections with one address")                                \
  X(connections_per_group, 256, "inbound connections with one address group")                      \
  X(handshakes, 128, "inbound connections that have not said hello yet")                           \
  X(queued_bytes, 1024 * 1024, "bytes that wait to be written to one peer")                        \
  X(sending_bytes, 8 * 1024 * 1024, "bytes of own requests to one peer that wait for that")        \
  X(dials, 128, "outbound connections being set up")                                               \
  /* Engine. */                                                                                    \
  X(requests_per_peer, 256, "stores of one peer that await their answer")                          \
  X(waiting_bytes, 16 * 1024 * 1024, "bytes of stores that wait for the disk, of all peers")       \
  X(bad_signatures, 8, "records of one peer in a minute that are not signed as they say")          \
  X(shortlist, 256, "candidates one lookup remembers")                                             \
  X(operations, 4096, "operations of this node's user at once")                                    \
  X(pending_rpcs, 16384, "requests of this node that await an answer")                             \
  X(table_per_group, 10, "contacts of one address group in one bucket")                            \
  X(probes, 64, "dial-backs to inbound peers at once")                                             \
  X(penalties, 4096, "peers held to be silent or wrong, remembered")                               \
  X(clock_voices, 16, "peers heard of this node's calendar")                                       \
  X(acquaintances, 128, "nodes known lately that are not in the table")                            \
  /* Storage. */                                                                                   \
  X(records, 1'000'000, "records held")                                                            \
  X(record_bytes, 1024UL * 1024 * 1024, "bytes of records held")                                   \
  X(records_per_owner, 100'000, "records held of one owner")                                       \
  X(records_per_group, 500'000, "records held that peers of one address group stored")             \
  X(record_bytes_per_owner, 512UL * 1024 * 1024, "bytes of records held of one owner")             \
  X(record_bytes_per_group, 512UL * 1024 * 1024, "bytes of records that one group's peers stored") \
  X(providers_per_key, 256, "announcements of one key; who came first stays")                      \
  X(providers_per_key_and_group, 32, "and of these by peers of one address group")                 \
  /* Watches of peers, each of one key. */                                                         \
  X(watches, 16'384, "watches of all peers")                                                       \
  X(watches_per_peer, 4096, "watches of one peer")

struct Limits {
#define KADMOS_FIELD(name, standard, help) std::size_t name = standard;  // NOLINT
  KADMOS_LIMITS(KADMOS_FIELD)
#undef KADMOS_FIELD

  // fn(const char* name, std::size_t& value, const char* help), in the order above.
  template <class Fn>
  void for_each(Fn fn) {
#define KADMOS_VISIT(name, standard, help) fn(#name, name, help);
    KADMOS_LIMITS(KADMOS_VISIT)
#undef KADMOS_VISIT
  }
};

struct Config {
  // Which network this node belongs to. Two networks never merge: hello refuses, and records are
  // signed for one network. 1 to 64 bytes.
  std::string network = "kadmos";

  int k = 20;              // replicas, bucket size, contacts in a reply
  int alpha = 3;           // lookups ask this many at once,
  int closing_alpha = 20;  // and in the closing phase this many
  // Take part without serving: it never enters others' tables and holds no replicas. A node whose
  // transport has no listener is a client whether this says so or not.
  bool client = false;

  // What to tell peers about how to reach us. Empty: what the transport listens on; an unspecified
  // address is replaced by the one the peer sees.
  Endpoints advertise;
  std::vector<Bootstrap> bootstrap;
  // Ways in will be added later (a name is still being resolved): without one, this is a node cut
  // off from its network and not a network of one.
  bool expect_network = false;

  // Time limits. A request is *slow* after an adaptive time: three of the peer's measured round
  // trips, since a connection may have to be dialled anew, and 4 deviations, but no more than three
  // times what all peers together give, and between the two bounds; a store takes twice as long and
  // 30 ms, since it waits for a disk. Others are then asked beside it. It is *given up* after what
  // was measured alone allows, without the upper bound: a search ends without it. It has *failed*
  // after rpc_timeout.
  Duration slow_floor = std::chrono::milliseconds(10);
  Duration slow_cap = std::chrono::milliseconds(1500);
  Duration slow_initial = std::chrono::milliseconds(500);  // before anything was measured
  Duration rpc_timeout = std::chrono::seconds(5);
  Duration operation_timeout = std::chrono::seconds(10);  // default deadline of an operation

  // Upkeep. Every period is jittered by up to a fifth.
  Duration refresh_interval = std::chrono::hours(1);    // a bucket without a lookup this long
  Duration sync_interval = std::chrono::hours(1);       // held records with each neighbour's
  Duration republish_interval = std::chrono::hours(6);  // own records, signed anew
  Duration bootstrap_backoff = std::chrono::milliseconds(500);  // doubles up to the next
  // A node that lost its network tries the ways in at this pause. A path that is back is found
  // within that and a dial; so it bounds how long a node stays cut off longer than its path is.
  Duration bootstrap_backoff_max = std::chrono::seconds(5);
  Duration penalty = std::chrono::seconds(30);  // doubles each time, decays as long

  // Lifetimes.
  std::chrono::milliseconds ttl = std::chrono::hours(24);          // default of set and put
  std::chrono::milliseconds ttl_max = std::chrono::hours(24 * 7);  // receivers cap at this
  std::chrono::milliseconds clock_skew = std::chrono::minutes(10);

  Limits limits;
  // By whom what the limits allow is shared out.
  AddressGroups groups;
};

}  // namespace kadmos
