// Offences: who sends records whose signatures do not fit. To find that out costs this node three
// times what signing costs the sender, and a forger pays nothing. So after few of them in a minute
// a peer is hung up on and not served for a while, twice as long each time. A forger that comes
// back with another key pays a handshake for it, which costs more than the few checks.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>

#include "kadmos/identity.h"
#include "kadmos/time.h"

namespace kadmos {

class Offences {
 public:
  // The first time that a peer is not served. Doubles each time, and is forgotten after as long.
  static constexpr Duration kFirst = std::chrono::minutes(1);
  static constexpr Duration kLongest = std::chrono::hours(1);
  static constexpr Duration kPeriod = std::chrono::minutes(1);

  // `most`: bad signatures of one peer in a minute. `remembered`: peers; beyond that any goes.
  Offences(std::size_t most, std::size_t remembered) : most_(most), remembered_(remembered) {}

  // Whether the peer is to be hung up on.
  bool on_bad_signature(TimePoint now, const PublicKey& peer) {
    std::erase_if(peers_, [now](const auto& one) { return one.second.forgotten <= now; });
    if (peers_.size() >= remembered_ && !peers_.contains(peer)) peers_.erase(peers_.begin());
    Entry& entry = peers_[peer];
    if (now - entry.since >= kPeriod || entry.bad == 0) {
      entry.since = now;
      entry.bad = 0;
    }
    entry.forgotten = std::max(entry.forgotten, now + kPeriod);
    if (++entry.bad < most_) return false;
    entry.bad = 0;
    entry.span = entry.span == Duration{} ? kFirst : std::min(2 * entry.span, kLongest);
    entry.until = now + entry.span;
    entry.forgotten = entry.until + entry.span;
    return true;
  }
  bool shunned(TimePoint now, const PublicKey& peer) const {
    if (peers_.empty()) return false;
    const auto it = peers_.find(peer);
    return it != peers_.end() && now < it->second.until;
  }
  std::size_t size() const { return peers_.size(); }

 private:
  struct Entry {
    TimePoint since{};  // when the minute began
    std::size_t bad = 0;
    TimePoint until{};  // not served
    Duration span{};
    TimePoint forgotten{};
  };

  std::size_t most_;
  std::size_t remembered_;
  std::map<PublicKey, Entry> peers_;
};

}  // namespace kadmos
