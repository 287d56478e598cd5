// Counters of one node. A counter only grows; a gauge is the present number. `for_each` gives every
// one its name, so that logs, JSON and metrics spell them alike.
#pragma once

#include <cstdint>

namespace kadmos {

// name, what it counts
#define KADMOS_STATS(X)                                                            \
  X(requests_sent, "requests sent")                                                \
  X(requests_served, "requests of peers answered")                                 \
  X(replies_received, "replies that matched a request")                            \
  X(replies_unsolicited, "replies nobody asked for, dropped")                      \
  X(requests_slow, "requests that outlived their adaptive time")                   \
  X(requests_failed, "requests that got no answer")                                \
  X(frames_malformed, "frames that are not a valid message")                       \
  X(records_invalid, "records that failed verification")                           \
  X(records_refused, "stores refused")                                             \
  X(records_busy, "stores answered busy because of a bound")                       \
  X(providers_full, "announcements answered busy: their key has enough of them")   \
  X(records_evicted, "records dropped to make room")                               \
  X(records_expired, "records whose time was over")                                \
  X(records_unreadable, "reads of the storage that failed, or found damage")       \
  X(equivocations, "one owner, one name, one sequence, two values")                \
  X(replicas_repaired, "stale or missing replicas mended after a get")             \
  X(syncs, "comparisons with neighbours of what both hold")                        \
  X(replicas_sent, "held records sent to neighbours that lacked them")             \
  X(hand_overs_dropped, "records a neighbour lacks, not sent: too many wait")      \
  X(republished, "own records signed anew and set")                                \
  X(contacts_excess, "replies with more contacts than allowed, cut")               \
  X(contacts_evicted, "dead contacts removed from the table")                      \
  X(group_full, "contacts kept out of a bucket by the cap of their address group") \
  X(operations_refused, "operations refused: too many at once")                    \
  X(pending_full, "requests not sent: too many await an answer")                   \
  X(stores_waiting_full, "stores answered busy: too many bytes wait for the disk") \
  X(peers_shunned, "peers hung up on for records that failed verification")        \
  X(peer_requests_full, "requests answered busy: too many of one peer")            \
  X(watches_refused, "watches answered busy because of a bound")                   \
  X(updates_sent, "new versions sent to peers that watch them")                    \
  X(updates_received, "new versions sent by peers watched")                        \
  X(updates_unsolicited, "updates nobody asked for, dropped")                      \
  X(operations_done, "operations that ended, however")                             \
  X(commits_failed, "writes the storage could not make durable")                   \
  X(clock_doubts, "answers and stores by which this node's calendar is wrong")     \
  X(notices_dropped, "notices beyond 20 of one kind a minute, dropped")            \
  X(bootstraps, "attempts to enter the network")                                   \
  X(table_size, "contacts in the routing table (gauge)")                           \
  X(nodes_known, "nodes known by own experience in the last day (gauge)")          \
  X(records_held, "records held (gauge)")                                          \
  X(bytes_held, "bytes of records held (gauge)")                                   \
  X(watches_held, "keys that peers watch here (gauge)")                            \
  X(operations_running, "operations running (gauge)")                              \
  X(rpcs_pending, "requests that await an answer (gauge)")                         \
  X(connections, "open connections (gauge)")                                       \
  X(connections_accepted, "connections accepted")                                  \
  X(connections_dialled, "connections dialled")                                    \
  X(connections_refused, "inbound connections over a bound, closed")               \
  X(connections_evicted, "idle connections closed to stay in the budget")          \
  X(connections_dead, "connections given up: the peer acknowledged nothing")       \
  X(dials_failed, "dials refused, unreachable, late, or over a bound of ours")     \
  X(handshakes_failed, "TLS handshakes that failed")                               \
  X(peers_wrong_key, "peers that proved another key than expected")                \
  X(hellos_refused, "hellos of another network or version, or malformed")          \
  X(frames_bad, "netstring framing errors")                                        \
  X(peers_slow, "connections closed for sending or reading too slowly")            \
  X(peers_unread, "connections closed because the peer did not read")              \
  X(bytes_sent, "bytes of frames sent")                                            \
  X(bytes_received, "bytes of frames received")

struct Stats {
#define KADMOS_FIELD(name, help) std::uint64_t name = 0;  // NOLINT
  KADMOS_STATS(KADMOS_FIELD)
#undef KADMOS_FIELD

  // fn(const char* name, std::uint64_t value, const char* help), in the order above.
  template <class Fn>
  void for_each(Fn fn) const {
#define KADMOS_VISIT(name, help) fn(#name, name, help);
    KADMOS_STATS(KADMOS_VISIT)
#undef KADMOS_VISIT
  }
};

}  // namespace kadmos
