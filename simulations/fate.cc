#include "simulations/fate.h"

#include <algorithm>
#include <utility>

namespace kadmos::sim {

namespace {
// Left of any crowd, so that there is a network to speak of.
constexpr std::size_t kSurvivors = 2;
// Sides of a divided network. Whoever comes later is near.
constexpr unsigned kNear = 0;
constexpr unsigned kFar = 1;
constexpr unsigned kBridge = 2;
constexpr PerMillion kBridges = 100'000;
// How long a node that ends in order hands over what it holds, as dht-node has it.
constexpr Duration kHandOver = std::chrono::seconds(2);
// Within which both of two nodes with one identity must say so.
constexpr Duration kToNoticeTwins = std::chrono::minutes(1);
// Ways of one node clogged at once.
constexpr std::uint64_t kMaxClogged = 100;
}  // namespace

Fate::Fate(World& world, const Scenario& scenario, Crowd& crowd, Users& users, Prng churn,
           Prng faults, Violate violate)
    : world_(world),
      scenario_(scenario),
      crowd_(crowd),
      users_(users),
      churn_(churn),
      faults_(faults),
      violate_(std::move(violate)),
      sessions_(scenario.churn.session),
      pauses_(scenario.churn.pause) {}

void Fate::begin() {
  striking_ = true;
  // Packets suffer all the time, unless the scenario says when.
  const bool at_times = std::ranges::any_of(
      scenario_.faults, [](const Fault& f) { return f.kind == Fault::Kind::packets; });
  if (!at_times) world_.network().set_faults(scenario_.network.faults);
  if (scenario_.churn.session.on()) {
    const std::vector<NodeIndex> all = crowd_.up();
    for (const NodeIndex i : all) begin_session(i);
  }
  for (const Fault& fault : scenario_.faults) {
    world_.after(fault.at, [this, &fault] {
      if (striking_) strike(fault);
    });
  }
}

void Fate::end() {
  striking_ = false;
  world_.network().set_faults({});
  while (!undo_.empty()) {
    const auto undo = std::move(undo_.begin()->second);
    undo_.erase(undo_.begin());
    undo();
  }
}

void Fate::undo_after(Duration lasts, std::function<void()> undo) {
  const std::uint64_t number = next_undo_++;
  undo_.emplace(number, std::move(undo));
  world_.after(lasts, [this, number] {
    auto found = undo_.extract(number);
    if (found) found.mapped()();
  });
}

// ---- Churn

void Fate::begin_session(NodeIndex i) {
  const std::uint64_t life = crowd_.lives(i);
  world_.after(sessions_.draw(churn_), [this, i, life] {
    if (!striking_ || !crowd_.is_up(i) || crowd_.lives(i) != life) return;
    if (crowd_.size() <= kSurvivors) return begin_session(i);
    crowd_.end(i, !scenario_.churn.keeps_disk);
    undo_after(pauses_.draw(churn_), [this, i] {
      NodeIndex next = i;
      if (scenario_.churn.returning) {
        crowd_.start(i);
      } else {
        next = crowd_.add();
      }
      if (striking_) begin_session(next);
    });
  });
}

// ---- Faults

void Fate::strike(const Fault& fault) {
  using Kind = Fault::Kind;
  std::vector<NodeIndex> struck = crowd_.some(fault.share, faults_);
  switch (fault.kind) {
    case Kind::none:
      return;
    case Kind::crash:
    case Kind::wipe:
    case Kind::leave:
    case Kind::move:
      return take_down(struck, fault);
    case Kind::pause:
      for (const NodeIndex i : struck) {
        users_.excuse(i);
        world_.pause(i);
      }
      return undo_after(fault.lasts, [this, struck] {
        for (const NodeIndex i : struck) {
          users_.excuse(i);
          if (crowd_.is_up(i)) world_.resume(i);
        }
      });
    case Kind::cut:
    case Kind::partition:
    case Kind::one_way:
    case Kind::bridge:
      return divide(struck, fault);
    case Kind::packets:
      world_.network().set_faults(scenario_.network.faults);
      return undo_after(fault.lasts, [this] { world_.network().set_faults({}); });
    case Kind::clog:
      return clog(fault);
    case Kind::flash:
      for (std::size_t n = struck.size(); n > 0; --n) {
        const NodeIndex i = crowd_.add();
        if (scenario_.churn.session.on()) begin_session(i);
      }
      return;
    case Kind::bad_disk:
      for (const NodeIndex i : struck) world_.disk(i).set_failing(true);
      return undo_after(fault.lasts, [this, struck] {
        for (const NodeIndex i : struck) world_.disk(i).set_failing(false);
      });
    case Kind::migrate:
      for (const NodeIndex i : struck) {
        users_.excuse(i);
        world_.move(i);
      }
      return;
    case Kind::restart_all:
      return restart_all(fault);
    case Kind::half_open:
      for (const NodeIndex i : struck) world_.network().half_open(i);
      return;
    case Kind::clone:
      return clone(struck.empty() ? crowd_.any(faults_) : struck.front(), fault);
    case Kind::sleep:
      for (const NodeIndex i : struck) {
        users_.excuse(i);
        world_.sleep(i);
      }
      return undo_after(fault.lasts, [this, struck] {
        for (const NodeIndex i : struck) {
          users_.excuse(i);
          world_.wake(i);
        }
      });
  }
}

// Peers take the two for one, so nothing is promised meanwhile but that both say so in time.
void Fate::clone(NodeIndex i, const Fault& fault) {
  const NodeIndex twin = crowd_.clone(i);
  const std::uint64_t life = crowd_.lives(i);
  users_.split(true);
  const int splits = users_.splits();
  world_.after(kToNoticeTwins, [this, i, twin, life, splits] {
    // Where something else is wrong they may be kept from it.
    const bool other_trouble = users_.splits() != splits || splits > 1 ||
                               world_.network().faults().any() || scenario_.network.datagram ||
                               scenario_.undialable > 0 || crowd_.has_strangers();
    if (other_trouble || !world_.running(twin) || !crowd_.is_up(i) || crowd_.lives(i) != life ||
        world_.paused(i) || crowd_.size() < 3) {
      return;
    }
    for (const NodeIndex one : {i, twin}) {
      if (world_.node(one).twin()) continue;
      violate_("twins know of each other", "node " + std::to_string(one) + " does not say after " +
                                               "a minute that another one has its identity");
    }
  });
  undo_after(fault.lasts, [this, twin] {
    world_.crash(twin);
    users_.split(false);
  });
}

// Half of them crash, half hand over what they hold before they end.
void Fate::restart_all(const Fault& fault) {
  std::vector<NodeIndex> order = crowd_.some(1'000'000, faults_);
  if (!order.empty()) order.pop_back();
  for (std::size_t n = 0; n < order.size(); ++n) {
    const Duration at =
        fault.lasts * static_cast<Duration::rep>(n) / static_cast<Duration::rep>(order.size());
    const bool moves = faults_.chance(fault.share);
    const bool in_order = faults_.below(2) == 0;
    world_.after(at, [this, i = order[n], moves, in_order] {
      if (!striking_ || !crowd_.is_up(i)) return;
      if (!in_order || world_.paused(i)) return restart(i, moves);
      const std::uint64_t life = crowd_.lives(i);
      auto ended = world_.node(i).hand_over(kHandOver).then([this, i, moves, life](const auto&) {
        world_.after({}, [this, i, moves, life] {
          if (crowd_.is_up(i) && crowd_.lives(i) == life) restart(i, moves);
        });
      });
      ending_.insert_or_assign(i, std::move(ended));
    });
  }
}

void Fate::restart(NodeIndex i, bool moves) {
  crowd_.end(i);
  if (moves) world_.move(i);
  crowd_.start(i);
  if (striking_ && scenario_.churn.session.on()) begin_session(i);
}

void Fate::take_down(const std::vector<NodeIndex>& nodes, const Fault& fault) {
  std::vector<NodeIndex> down;
  for (const NodeIndex i : nodes) {
    if (crowd_.size() <= kSurvivors) break;
    crowd_.end(i, fault.kind == Fault::Kind::wipe);
    down.push_back(i);
  }
  if (fault.kind == Fault::Kind::leave) return;
  undo_after(fault.lasts, [this, down, moves = fault.kind == Fault::Kind::move] {
    for (const NodeIndex i : down) {
      if (moves) world_.move(i);
      crowd_.start(i);
      if (striking_ && scenario_.churn.session.on()) begin_session(i);
    }
  });
}

void Fate::divide(const std::vector<NodeIndex>& side, const Fault& fault) {
  Network& network = world_.network();
  if (fault.kind == Fault::Kind::cut) {
    users_.split(true);
    for (const NodeIndex i : side) network.cut(i, true);
    return undo_after(fault.lasts, [this, side] {
      for (const NodeIndex i : side) world_.network().cut(i, false);
      users_.split(false);
    });
  }
  if (std::exchange(divided_, true)) return;  // in two is enough
  users_.split(true);
  for (const NodeIndex i : side) network.set_side(i, kFar);
  std::vector<NodeIndex> moved = side;
  if (fault.kind == Fault::Kind::bridge) {
    for (const NodeIndex i : crowd_.some(kBridges, faults_)) {
      network.set_side(i, kBridge);
      moved.push_back(i);
    }
  }
  network.set_blocked(kNear, kFar, true);
  network.set_blocked(kFar, kNear, fault.kind != Fault::Kind::one_way);
  undo_after(fault.lasts, [this, moved] {
    world_.network().set_blocked(kNear, kFar, false);
    world_.network().set_blocked(kFar, kNear, false);
    for (const NodeIndex i : moved) world_.network().set_side(i, kNear);
    users_.split(false);
    divided_ = false;
  });
}

// Every node's way to so many random others. What waits there cannot be let go sooner, so it is
// known from the start when the calm begins.
void Fate::clog(const Fault& fault) {
  const Duration lasts = std::min(fault.lasts, scenario_.duration - fault.at);
  users_.split(true);  // between many pairs, it is
  undo_after(lasts, [this] { users_.split(false); });
  const TimePoint until = world_.now() + lasts;
  const std::vector<NodeIndex>& up = crowd_.up();
  const std::uint64_t others =
      std::min(std::uint64_t{fault.share} * up.size() / 1'000'000 + 1, kMaxClogged);
  for (const NodeIndex from : up) {
    for (std::uint64_t n = 0; n < others; ++n) {
      world_.network().clog(from, crowd_.any(faults_), until);
    }
  }
}

}  // namespace kadmos::sim
