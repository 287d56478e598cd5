// Who watches which key at this node: what peers asked to be sent as soon as it is durable here.
//
// A watch lasts as long as its lease, and ends before that when its peer says so or its connection
// breaks: updates never make a node dial. The total is bounded, and shared out by peer and by
// address group, so what watchers cost is bounded and a few cannot keep the others out; what waits
// to be written to one that does not read is the transport's to bound. An update costs O(watchers
// of its key), and nothing else knows of watchers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "base/shares.h"
#include "kadmos/config.h"
#include "kadmos/id.h"
#include "kadmos/identity.h"
#include "kadmos/time.h"

namespace kadmos {

class Watchers {
 public:
  struct Watcher {
    PublicKey peer;
    std::uint64_t request = 0;  // of the watch that began or last renewed it
  };

  explicit Watchers(const Limits& limits)
      : shares_({.total = limits.watches, .peer = limits.watches_per_peer, .leaves_room = true}) {}

  // Begins the watch of `by.peer` for `key`, or renews it, until `until`. False, with nothing
  // changed: a bound is reached.
  bool add(const Key& key, const Party& by, std::uint64_t request, TimePoint until);
  void end(const Key& key, const PublicKey& peer);
  // Ends all of a peer's.
  void forget(const PublicKey& peer);
  // Ends those whose lease is over. `next_timeout` tells when that is next.
  void expire(TimePoint now);
  std::optional<TimePoint> next_timeout() const;

  // Those of a key, by public key.
  std::vector<Watcher> of(const Key& key) const;
  std::size_t size() const { return by_key_.size(); }

 private:
  using Place = std::pair<Key, PublicKey>;
  struct Lease {
    std::uint64_t request = 0;
    TimePoint until{};
  };

  void erase(std::map<Place, Lease>::iterator it);

  Shares shares_;
  std::map<Place, Lease> by_key_;
  struct Keys {
    Party by;  // as it was when the first of them was watched
    std::set<Key> keys;
  };
  std::map<PublicKey, Keys> by_peer_;
  std::set<std::tuple<TimePoint, Key, PublicKey>> ends_;
};

}  // namespace kadmos
