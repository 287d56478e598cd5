// Which hosts' packets can get to which others: partitions and clogged links. Each host is on one
// side, side 0 at first, and each ordered pair of sides may be blocked. Blocking both ways makes a
// symmetric partition, one way a one-way one; a third side that is blocked to nobody is a bridge.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "kadmos/time.h"
#include "simulations/event_queue.h"

namespace kadmos::sim {

class Paths {
 public:
  static constexpr unsigned kSides = 16;

  // Nothing is blocked or clogged: no need to ask about a path.
  bool clear() const { return clear_; }

  void set_side(NodeIndex host, unsigned side) {
    check(side < kSides);
    if (host >= sides_.size()) sides_.resize(host + std::size_t{1});
    sides_[host] = static_cast<std::uint8_t>(side);
  }
  void set_blocked(unsigned from, unsigned to, bool on) {
    check(from < kSides && to < kSides);
    const auto bit = static_cast<std::uint16_t>(1U << to);
    blocked_[from] = static_cast<std::uint16_t>(on ? blocked_[from] | bit : blocked_[from] & ~bit);
    reconsider();
  }
  void clog(NodeIndex from, NodeIndex to, TimePoint until) {
    clogs_[{from, to}] = until;
    reconsider();
  }

  bool blocked(NodeIndex from, NodeIndex to) const {
    return (blocked_[side(from)] >> side(to) & 1U) != 0;
  }
  // When a packet that is sent now gets onto its way.
  TimePoint open_at(NodeIndex from, NodeIndex to, TimePoint now) {
    if (clogs_.empty()) return now;
    const auto found = clogs_.find({from, to});
    if (found == clogs_.end()) return now;
    if (found->second > now) return found->second;
    clogs_.erase(found);
    reconsider();
    return now;
  }

 private:
  unsigned side(NodeIndex host) const { return host < sides_.size() ? sides_[host] : 0; }
  void reconsider() {
    clear_ = clogs_.empty() &&
             std::all_of(blocked_.begin(), blocked_.end(), [](auto bits) { return bits == 0; });
  }

  bool clear_ = true;
  std::vector<std::uint8_t> sides_;              // missing: 0
  std::array<std::uint16_t, kSides> blocked_{};  // by sender's side, a bit for each receiver's
  std::map<std::pair<NodeIndex, NodeIndex>, TimePoint> clogs_;
};

}  // namespace kadmos::sim
