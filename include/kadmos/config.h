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

// Beyond a bound a peer gets `busy` or a closed connection, and a counter of Stats goes up. What
// only this node's own searches can fill (shortlist, penalties, acquaintances) forgets its least
// useful entry.
struct Limits {
  // Wire.
  std::size_t frame_bytes = 128 * 1024;  // payload of one frame
  std::size_t hello_bytes = 1024;        // payload of a connection's first frame
  std::size_t value_bytes = 64 * 1024;   // value of a record
  std::size_t name_bytes = 512;          // name of an owned record
  std::size_t contacts_per_reply = 40;   // a reply with more is an error; a lookup takes k

  // Connections (the transport's).
  std::size_t connections = 512;            // total; the least recently used idle one goes first
  std::size_t connections_per_ip = 64;      // not counted for local addresses
  std::size_t connections_per_group = 256;  // a /24 or /48; not counted for local addresses
  std::size_t handshakes = 128;             // inbound connections that have not said hello yet
  std::size_t queued_bytes = 1024 * 1024;   // waiting to be written to one peer
  std::size_t dials = 128;                  // outbound connections being set up

  // Engine.
  std::size_t requests_per_peer = 256;  // of one peer's, unanswered (stores being committed)
  std::size_t shortlist = 256;          // candidates one lookup remembers
  std::size_t operations = 4096;        // of this node's user, at once
  std::size_t pending_rpcs = 16384;     // requests of ours that await an answer
  std::size_t table_per_group = 10;     // contacts of one address group in one bucket
  std::size_t probes = 64;              // dial-backs to inbound peers, at once
  std::size_t penalties = 4096;         // peers held to be silent or wrong, remembered
  std::size_t clock_voices = 16;        // peers heard of this node's calendar; the oldest goes
  // Nodes known lately that are not in the table. With fewer than k a node could not tell how many
  // there were; more only cost memory.
  std::size_t acquaintances = 128;

  // Storage.
  std::size_t records = 1'000'000;
  std::size_t record_bytes = 1024UL * 1024 * 1024;
  std::size_t records_per_owner = 100'000;
  std::size_t records_per_group = 500'000;  // by the storing peer's address group; not for local
  std::size_t providers_per_key = 256;      // announcements of one key; who came first stays
  std::size_t providers_per_key_and_group = 32;  // and of these by the group, as above

  // Watches of peers, each of one key.
  std::size_t watches = 16'384;
  std::size_t watches_per_peer = 4096;
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
