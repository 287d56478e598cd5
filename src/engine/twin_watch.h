// Twin watch: notices that another node goes by this node's identity, as happens when a disk with a
// data directory is cloned. Peers take two such nodes for one that moves to and fro, so each is
// unreachable by turns and neither sees why. Pure: it is told what peers say and what transports
// prove, and polled for endpoints to dial.
//
// A peer names a node that asks to that node itself if its table has it at other endpoints than
// the node says. Whoever is so told of itself dials there. If its own key is proved by somebody
// else, both ends of that connection know (TransportListener::on_twin), and both say so until no
// sign of the other came for kForgotten; the one that dialled looks again every kLookAgain.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "kadmos/endpoint.h"
#include "kadmos/time.h"

namespace kadmos {

class TwinWatch {
 public:
  // How often a twin that is known is dialled again. More seldom than kForgotten, so that one lost
  // dial does not end the warning.
  static constexpr Duration kLookAgain = std::chrono::seconds(30);
  // For how long a twin is reported after the last sign of it.
  static constexpr Duration kForgotten = std::chrono::seconds(75);
  // How long an endpoint that peers gave for this node is not dialled again. It bounds the dials
  // that peers can cause, with the next constant.
  static constexpr Duration kLookedAt = std::chrono::minutes(10);
  // Endpoints looked at and remembered. Beyond that none is dialled until one is forgotten.
  static constexpr std::size_t kMostLookedAt = 16;
  // Of those, how many on the word of peers of one address group, the local ones aside. More, and
  // one machine's nodes could name so many places that the twin's finds no room.
  static constexpr std::ptrdiff_t kMostPerGroup = 4;

  // A peer of an address group (0: a local one) says that this node is at `where`, which is none of
  // its own endpoints.
  void on_named(TimePoint now, const Endpoint& where, std::uint64_t group);
  // Another node proved this node's key. Whether that is news.
  bool on_twin(TimePoint now, const Endpoint& where);
  // No sign could be seen meanwhile: a twin that is known is looked at once more before it may be
  // forgotten.
  void on_stood_still(TimePoint now);
  // Forgets a twin of which there was no sign for long. Whether one was forgotten.
  bool expire(TimePoint now);
  // An endpoint to dial, whoever answers there.
  std::optional<Endpoint> poll_look(TimePoint now);
  std::optional<TimePoint> next_timeout() const;
  // Where the twin was met last.
  std::optional<Endpoint> twin() const { return twin_; }

 private:
  struct LookedAt {
    TimePoint until{};        // it is remembered
    std::uint64_t group = 0;  // of the peer that said so
  };
  std::map<Endpoint, LookedAt> looked_at_;
  std::vector<Endpoint> to_look_at_;  // of those; no more of them
  std::optional<Endpoint> twin_;
  TimePoint last_sign_{};
  TimePoint next_look_{};
};

}  // namespace kadmos
