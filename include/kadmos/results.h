// What operations answer: receipts and findings that say which node did what.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kadmos/contact.h"
#include "kadmos/id.h"
#include "kadmos/record.h"
#include "kadmos/time.h"

namespace kadmos {

// What a peer that was asked did.
enum class Outcome : std::uint8_t {
  stored,       // a replica took it, not yet durably
  durable,      // a replica made it durable
  extended,     // it had the same version; it now lives as long as ours, durably
  superseded,   // it holds a newer version (`sequence`)
  refused,      // it said no (`detail`)
  busy,         // it is at a bound
  unreachable,  // could not be dialled, or did not prove its key
  silent,       // reached perhaps, but no answer in time
  found,        // answered a get with a valid record (`sequence`)
  absent,       // answered a get: it holds nothing
  invalid,      // answered with something that failed verification
};
std::string_view name_of(Outcome outcome);

struct Asked {
  Contact peer;
  Outcome outcome = Outcome::silent;
  std::uint64_t sequence = 0;  // where the outcome says so
  Duration elapsed{};          // from asking to the outcome
  std::string detail;          // the peer's or the transport's words; may be empty
};

// What became of a set, put or del.
struct Receipt {
  Key key;
  std::uint64_t sequence = 0;  // 0 for immutable content
  WallTime expiry{};           // as signed
  int target = 0;              // replicas wanted: min(k, nodes found alive)
  int quorum = 0;              // w = ceil(2/3 target): what OK promises
  // Of the `target` nearest that answered, or were still being asked when time was over, how many
  // have it durably.
  int durable = 0;
  // The distinct nodes that this node proved in the last 24 h, itself among them unless it is a
  // client, and since when it counts them: no longer than that. A target below min(k, known) says
  // that nodes are missing; below half of that a set is no success, see SetOptions::accept_small.
  int known = 0;
  WallTime known_since{};
  // For people, if nodes are missing: "reached 1 of 8 nodes known since 12:03 UTC". Else empty.
  std::string warning;
  int hops = 0;  // depth of the lookup that found the replicas
  Duration elapsed{};
  // One entry a node asked, this node included if it is a replica. More than the target if some
  // were slow or refused, or nearer ones were found late; those may have it durably (durable or
  // extended) as well.
  std::vector<Asked> replicas;
};

// What a get found.
struct Found {
  Record record;
  Contact from;        // who gave the version returned; this node's own contact if local
  bool local = false;  // answered from this node's own store
  int hops = 0;        // 0 if local
  int agreeing = 0;    // answers that had exactly this version
  int answers = 0;     // valid answers counted, "absent" included
  Duration elapsed{};
  std::vector<Asked> asked;
};

// What a join or a plain search for nodes found.
struct Closest {
  Key target;
  std::vector<Contact> contacts;  // nearest first; only nodes that answered
  int hops = 0;
  int asked = 0;  // requests it cost
  Duration elapsed{};
};

// One of the nodes nearest to a key, and what it holds.
struct Replica {
  int rank = 0;         // among those that answered; 1: the nearest to the key; 0: did not answer
  Asked state;          // found (with the sequence), absent, or why it did not answer
  WallTime expiry{};    // of the version found
  bool newest = false;  // that is the newest of all found
  std::optional<Asked> repair;  // what became of storing the newest version there; silent: no word
};

// Who holds a key, as far as the nodes that answered tell.
struct Audit {
  Key key;
  std::optional<Record> newest;  // a tombstone if it was deleted; nothing: nobody holds anything
  int target = 0;     // the nearest nodes that answered, this one included if it is one: up to k
  int quorum = 0;     // w = ceil(2/3 target): what an acknowledged set had
  int holding = 0;    // those of them that hold the newest version, repaired ones too
  int elsewhere = 0;  // farther nodes asked on the way that hold it too
  int hops = 0;
  Duration elapsed{};
  // The target nearest, and those who did not answer but are nearer than the last of them; nearest
  // first.
  std::vector<Replica> replicas;
};

struct Pong {
  Contact peer;
  Duration elapsed{};
};

// What a node that is about to leave gave to those who will hold its records without it.
struct HandedOver {
  int neighbours = 0;  // that were to have some of them
  int complete = 0;    // those of them that have all they were to have
  Duration elapsed{};
};

// Somebody who announced that it has what belongs to a key.
struct Provider {
  Contact contact;    // without endpoints if it told of none and this node knows of none
  WallTime expiry{};  // until when it said so
};

// One version of a record that is watched.
struct Update {
  Record record;  // a tombstone says that its owner deleted it
  Contact from;   // who gave it; this node's own contact if its own store did
};

}  // namespace kadmos
