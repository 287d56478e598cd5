// Connection rules: which of several connections with one peer carries what is sent, which of them
// is retired, and when one is given up. The switchboard of real sockets and the simulated network
// both ask here, so that what is proven in simulation holds for what is shipped.
//
// The problem: a connection can die without a word. The peer lost its power, or moved to another
// network, and neither FIN nor RST says so. When that peer comes back it opens a new connection
// beside the one that only this end still believes in. Trusting the newer one at once would be
// wrong as well: two nodes that dial each other at the same moment, and every probe of a connected
// peer, make a second connection beside a perfectly good one.
//
// So nothing is believed but what was heard:
// - Frames go over the *current* connection. A newer one takes its place once the current one has
//   been silent for as long as the patience.
// - Otherwise the node with the smaller key retires the newer one at once. Its peer waits for that,
//   and judges by itself after the patience: either the current one was heard meanwhile, or the
//   newer one takes its place.
// - An answer takes the connection that its request came by, for as long as that can carry it. So
//   a peer that came back is served before any of this is settled.
// - A connection on which data stays unacknowledged for kDeadAfter is given up, and what was under
//   way fails at once. TCP itself would try for a quarter of an hour.
//
// Rejected: replacing the current connection by each newer one, because peers that probe each other
// would then exchange connections for ever, and frames overtake each other at each exchange.
#pragma once

#include "kadmos/time.h"

namespace kadmos {

class ConnectionRules {
 public:
  // What the rules know of an open connection.
  struct Seen {
    TimePoint opened{};  // when its peer had proved its key
    TimePoint heard{};   // when the last bytes came from the peer; `opened` if none did since
  };
  enum class Verdict : unsigned char {
    take_over,  // the newer connection becomes the current one, which is retired
    retire,     // the newer connection is retired
    wait,       // both stay until judged_again()
  };

  // How long sent bytes may stay unacknowledged before their connection is given up. It bounds for
  // how long a dead connection swallows frames; a path that is interrupted for less loses nothing.
  // A request fails after as long (Config::rpc_timeout), so to wait longer would help nobody. The
  // kernel counts a peer that reads nothing in all that time, its window closed, among the dead.
  static constexpr Duration kDeadAfter = std::chrono::seconds(5);
  // How long a connection may be silent before TCP asks the peer's kernel whether it is there. It
  // bounds how long a dead connection that nobody uses counts as open.
  static constexpr Duration kKeepaliveAfter = std::chrono::seconds(15);

  // How long after a connection opened an answer over it shows that the peer can be dialled. It is
  // as long as a request waits (Config::rpc_timeout), so that one that had to dial counts. Longer,
  // and a peer whose address is dead would be passed on for as long as an old connection lives.
  static constexpr Duration kProves = std::chrono::seconds(5);

  // `patience`: how long a connection may be silent while another with the same peer is open.
  // `own_key_is_smaller`: of this node's key and the peer's. Both ends know it, and so agree on who
  // decides.
  ConnectionRules(Duration patience, bool own_key_is_smaller)
      : patience_(patience), decides_(own_key_is_smaller) {}

  // What becomes of a `newer` connection beside the current one: asked when it opens and, if the
  // answer was `wait`, at judged_again().
  Verdict judge(const Seen& current, const Seen& newer, TimePoint now) const;
  TimePoint judged_again(const Seen& newer) const { return newer.opened + patience_; }
  // Whether an answer goes over the connection that its request came by, which can still carry it.
  static bool answers_as_asked();
  // Whether an answer over a connection that opened so long ago shows that the peer can be dialled.
  static bool proves(bool dialled, Duration age) { return dialled && age <= kProves; }
  // For how long sent bytes may stay unacknowledged.
  static Duration dead_after();

 private:
  Duration patience_;
  bool decides_;
};

}  // namespace kadmos
