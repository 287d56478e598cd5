// How the network's packets get there or not: see the top of network.h.
#include <algorithm>

#include "base/check.h"
#include "simulations/network.h"

namespace kadmos::sim {
namespace {

using Kind = Event::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

// TCP's, as Linux has it.
constexpr Duration kFirstTimeout = seconds(1);  // before a round trip was measured
constexpr Duration kLeastTimeout = milliseconds(200);
constexpr Duration kLongestTimeout = seconds(120);

// What is on the wire beside the payload: Ethernet's, IP's and TCP's headers of each segment, and
// TLS's and a netstring's of each frame; and what one end says in a handshake.
constexpr std::size_t kSegment = 1400;
constexpr std::size_t kOverhead = 100;
constexpr std::size_t kHandshake = 1400;

constexpr std::int64_t kSecond = 1'000'000'000;

Duration doubled(Duration wait) { return std::min(2 * wait, kLongestTimeout); }

}  // namespace

std::size_t Network::wire_bytes(const Event& event) const {
  if (event.kind == Kind::frame) {
    const std::size_t size = event.frame.size();
    return size + (1 + size / kSegment) * kOverhead;
  }
  if (options_.warm) return 0;
  return event.kind == Kind::accepted || event.kind == Kind::opened ? kHandshake : kOverhead;
}

bool Network::happens(Host& host, std::uint32_t per_million) {
  return per_million > 0 && host.prng.chance(per_million);
}

bool Network::lost(NodeIndex from, NodeIndex to, TimePoint when) {
  std::uint32_t odds = faults_.loss;
  if (faults_.bursts() &&
      (in_burst(faults_, hosts_[from]->line, when) || in_burst(faults_, hosts_[to]->line, when))) {
    odds = std::max(odds, faults_.burst_loss);
  }
  if (!happens(*hosts_[from], odds)) return false;
  ++counts_.lost;
  return true;
}

// When TCP sends a packet for the time that gets through; nothing if it gives up before.
std::optional<TimePoint> Network::persist(NodeIndex from, NodeIndex to, TimePoint first,
                                          Duration timeout) {
  TimePoint sent = first;
  while (lost(from, to, sent)) {
    sent += timeout;
    timeout = doubled(timeout);
    if (sent - first > options_.give_up) return std::nullopt;
  }
  return sent;
}

// When the last of the bytes has passed both ends' lines. The queue of the receiver's line is
// reckoned as if it stood here, since frames arrive in another order than they are sent in.
TimePoint Network::pass(Host& from, Host& to, std::size_t bytes) {
  const TimePoint now = queue_.now();
  TimePoint passed = now;
  for (Line* line : {&from.up, &to.down}) {
    if (line->rate == 0) continue;
    const auto takes =
        static_cast<std::int64_t>(bytes) * kSecond / static_cast<std::int64_t>(line->rate);
    line->free = std::max(line->free, now) + Duration(takes);
    passed = std::max(passed, line->free);
  }
  return passed;
}

// What waits in the lines' queues, at most: lines are never slower than they are.
std::size_t Network::queued(const Host& from, const Link& link) const {
  if (link.passed <= queue_.now()) return 0;
  const Host& to = *hosts_[link.peer];
  std::uint64_t rate = std::min(from.up.rate, to.down.rate);
  if (rate == 0) rate = std::max(from.up.rate, to.down.rate);
  if (rate == 0) return 0;  // unlimited since
  const auto micros = static_cast<std::uint64_t>((link.passed - queue_.now()).count()) / 1000;
  return std::min<std::uint64_t>(link.queued, micros * rate / 1'000'000);
}

std::size_t Network::backlog(NodeIndex self, const Link& link) const {
  std::size_t bytes = queued(*hosts_[self], link);
  if (stalls_.empty()) return bytes;
  const auto stall = stalls_.find({self, link.peer});
  return stall == stalls_.end() ? bytes : bytes + stall->second.bytes;
}

// Takes a dial's packet there, which may stand for several that go back and forth: `trips`.
void Network::carry_dial(Event event, int trips) {
  Host& from = *hosts_[event.from];
  Host& to = *hosts_[event.to];
  const std::size_t bytes = wire_bytes(event);
  counts_.bytes += bytes;
  if (event.kind == Kind::accepted) ++counts_.handshakes;
  if (from.cut || to.cut) return held(event);
  TimePoint at = queue_.now();
  if (!paths_.clear()) {
    if (paths_.blocked(event.from, event.to)) return held(event);
    if (trips > 1 && paths_.blocked(event.to, event.from)) return held(event);
    at = paths_.open_at(event.from, event.to, at);
  }
  at = std::max(at, pass(from, to, bytes));
  for (int i = 0; i < trips; ++i) {
    const Duration trip = options_.latency.one_way(from.position, to.position, from.prng);
    if (faults_.any()) {
      const Duration timeout = i == 0 ? kFirstTimeout : std::max(kLeastTimeout, 4 * trip);
      const auto sent = persist(event.from, event.to, at, timeout);
      if (!sent) return held(event);
      at = *sent;
    }
    at += trip;
  }
  const NodeIndex dialler = event.kind == Kind::syn ? event.from : event.to;
  const Dial* dial = find_dial(*hosts_[dialler], event.number);
  if (dial != nullptr && at > dial->deadline) return held(event);
  const NodeIndex source = event.from;
  queue_.push(at, source, std::move(event));
}

// Takes a connection's packet there, not before `earliest`. Says when it arrives, or `earliest` if
// that is not known. `link`: its connection as the sender sees it, if it still does.
TimePoint Network::carry(Event event, TimePoint earliest, Link* link) {
  const NodeIndex self = event.from;
  Host& from = *hosts_[self];
  Host& to = *hosts_[event.to];
  const TimePoint now = queue_.now();
  const bool frame = event.kind == Kind::frame;
  const bool loose = frame && options_.datagram;
  const std::size_t bytes = wire_bytes(event);
  counts_.frames += frame ? 1U : 0U;
  counts_.bytes += bytes;
  if (from.cut || to.cut) {
    ++counts_.vanished;
    if (link != nullptr) break_off(self, *link, now + options_.give_up);
    return earliest;
  }
  TimePoint leaves = now;
  if (!paths_.clear()) {
    if (paths_.blocked(self, event.to)) {
      if (loose) {
        ++counts_.vanished;
      } else {
        stall(std::move(event));
      }
      return earliest;
    }
    leaves = paths_.open_at(self, event.to, now);
  }
  if (from.up.rate != 0 || to.down.rate != 0) {
    const TimePoint passed = pass(from, to, bytes);
    if (link != nullptr) {
      link->queued = static_cast<std::uint32_t>(queued(from, *link) + bytes) & kQueuedMask;
      link->passed = passed;
    }
    leaves = std::max(leaves, passed);
  }
  const Duration trip = options_.latency.one_way(from.position, to.position, from.prng);
  if (loose) {
    scatter(std::move(event), leaves, trip);
    return earliest;
  }
  if (faults_.any()) {
    // With more on its way, the receiver's repeated acknowledgements tell of a loss soon.
    const Duration timeout = earliest > now ? 2 * trip : std::max(kLeastTimeout, 4 * trip);
    const auto sent = persist(self, event.to, leaves, timeout);
    if (!sent) {
      if (link != nullptr) break_off(self, *link, leaves + options_.give_up);
      return earliest;
    }
    leaves = *sent;
    if (happens(from, faults_.duplication)) {
      ++counts_.duplicated;
      counts_.bytes += bytes;
    }
    if (happens(from, faults_.reordering)) {
      ++counts_.reordered;
      leaves += Duration(from.prng.between(0, trip.count() / 4));
    }
    if (frame && link != nullptr && happens(from, faults_.corruption)) {
      ++counts_.corrupted;
      const TimePoint arrival = std::max(leaves + trip, earliest);
      queue_.push(arrival, self,
                  {Kind::closed, Unreachable::closed, self, event.to, event.number, {}});
      break_off(self, *link, arrival + trip);
      return arrival;
    }
  }
  const TimePoint arrival = std::max(leaves + trip, earliest);
  queue_.push(arrival, self, std::move(event));
  return arrival;
}

// A datagram: everything that can happen to it does.
void Network::scatter(Event event, TimePoint leaves, Duration trip) {
  const NodeIndex self = event.from;
  Host& from = *hosts_[self];
  if (faults_.any()) {
    if (lost(self, event.to, leaves)) return;
    if (happens(from, faults_.reordering)) {
      ++counts_.reordered;
      trip += Duration(from.prng.between(0, 2 * trip.count()));
    }
    if (happens(from, faults_.duplication)) {
      ++counts_.duplicated;
      counts_.bytes += wire_bytes(event);
      const Duration other =
          options_.latency.one_way(from.position, hosts_[event.to]->position, from.prng);
      queue_.push(leaves + other, self, event);
    }
    if (!event.frame.empty() && happens(from, faults_.corruption)) {
      ++counts_.corrupted;
      for (std::uint64_t flips = 1 + from.prng.below(3); flips > 0; --flips) {
        const std::uint64_t bit = from.prng.below(8 * event.frame.size());
        event.frame[bit / 8] = static_cast<Byte>(event.frame[bit / 8] ^ (1U << (bit % 8)));
      }
    }
  }
  queue_.push(leaves + trip, self, std::move(event));
}

// This end of the connection learns at `when` that it broke; until then it sends into the void.
void Network::break_off(NodeIndex self, Link& link, TimePoint when) {
  ++counts_.broken;
  link.broken = true;
  queue_.push(when, self, {Kind::broken, Unreachable::closed, link.peer, self, link.id, {}});
}

// ---- Partitions

void Network::stall(Event event) {
  const NodeIndex self = event.from;
  const NodeIndex peer = event.to;
  const auto [at, fresh] = stalls_.try_emplace({self, peer});
  Stall& stall = at->second;
  if (fresh) {
    stall.since = queue_.now();
    const auto since = static_cast<std::uint64_t>(stall.since.time_since_epoch().count());
    queue_.push(stall.since + options_.give_up, self, {Kind::deadline, {}, peer, self, since, {}});
  }
  ++counts_.stalled;
  stall.bytes += event.frame.size();
  stall.events.push_back(std::move(event));
}

// Packets whose way is open again leave when TCP would next have sent the first of them again.
void Network::release_stalls() {
  for (auto at = stalls_.begin(); at != stalls_.end();) {
    const auto [self, peer] = at->first;
    if (paths_.blocked(self, peer)) {
      ++at;
      continue;
    }
    Host& from = *hosts_[self];
    const Host& to = *hosts_[peer];
    const Duration typical = options_.latency.typical(from.position, to.position);
    Duration timeout = std::max(kLeastTimeout, 4 * typical);
    TimePoint sent = at->second.since;
    while (sent < queue_.now()) {
      sent += timeout;
      timeout = doubled(timeout);
    }
    Link* link = find_link(from, who_[peer], at->second.events.front().number);
    TimePoint arrival = link != nullptr ? link->arrival : TimePoint{};
    for (Event& event : at->second.events) {
      const Duration trip = options_.latency.one_way(from.position, to.position, from.prng);
      arrival = std::max(arrival, sent + trip);
      queue_.push(arrival, self, std::move(event));
    }
    if (link != nullptr) link->arrival = arrival;
    at = stalls_.erase(at);
  }
}

// The stall that began at `since` has lasted too long: the connection is broken.
void Network::give_up(NodeIndex self, NodeIndex peer, std::uint64_t since) {
  const auto at = stalls_.find({self, peer});
  if (at == stalls_.end()) return;
  const auto began = at->second.since.time_since_epoch().count();
  if (static_cast<std::uint64_t>(began) != since) return;  // another one
  const std::vector<Event> stalled = std::move(at->second.events);
  stalls_.erase(at);
  for (const Event& event : stalled) {
    if (find_link(*hosts_[self], who_[peer], event.number) == nullptr) continue;
    ++counts_.broken;
    on_closed({Kind::broken, Unreachable::closed, peer, self, event.number, {}});
  }
}

void Network::set_side(NodeIndex host, unsigned side) {
  paths_.set_side(host, side);
  release_stalls();
}

void Network::set_blocked(unsigned from, unsigned to, bool on) {
  paths_.set_blocked(from, to, on);
  release_stalls();
}

void Network::clog(NodeIndex from, NodeIndex to, TimePoint until) { paths_.clog(from, to, until); }

}  // namespace kadmos::sim
