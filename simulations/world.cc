#include "simulations/world.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace kadmos::sim {

namespace {

// How many acquaintances of a node that ended come back with it, in multiples of k: enough to count
// that many nodes, and few enough to keep of thousands of nodes that never come back.
constexpr std::size_t kKnownInK = 2;

// One number from the seed for one purpose of one node.
std::uint64_t derive(std::uint64_t seed, std::uint64_t purpose, std::uint64_t index) {
  return Prng(Prng(seed ^ (purpose << 56)).next() + index).next();
}
constexpr std::uint64_t kNetwork = 1;
constexpr std::uint64_t kIdentity = 2;
constexpr std::uint64_t kRandom = 3;
constexpr std::uint64_t kSkew = 4;

class VirtualRandom final : public Random {
 public:
  explicit VirtualRandom(Prng& prng) : prng_(prng) {}
  std::uint64_t next() override { return prng_.next(); }

 private:
  Prng& prng_;
};

}  // namespace

World::World(WorldOptions options)
    : options_(std::move(options)),
      book_(&id_of),
      network_(derive(options_.seed, kNetwork, 0), options_.network, queue_) {}

World::~World() = default;

// ---- Who is there

Identity World::identity(NodeIndex i) const {
  const auto disguise = disguises_.find(i);
  if (disguise != disguises_.end() && disguise->second.secret) {
    return Identity::from_seed(*disguise->second.secret);
  }
  Prng prng(derive(options_.seed, kIdentity, i));
  Seed seed{};
  for (Byte& byte : seed) byte = static_cast<Byte>(prng.next());
  return Identity::from_seed(seed);
}

Endpoint World::made_up_address() const {
  const std::size_t n = machines_.size() + 1;
  return Endpoint::v4(10, static_cast<Byte>(n >> 16), static_cast<Byte>(n >> 8),
                      static_cast<Byte>(n), 4000);
}

NodeIndex World::add(Config config, std::optional<Endpoint> address, Disguise disguise) {
  disguises_.emplace(static_cast<NodeIndex>(size()), std::move(disguise));
  return add(std::move(config), address);
}

NodeIndex World::add(Config config, std::optional<Endpoint> address) {
  Identity self = identity(static_cast<NodeIndex>(size()));
  const NodeIndex i = network_.add_host(self.public_key(), address ? *address : made_up_address());
  machines_.push_back(std::make_unique<Machine>(queue_, i, options_.disk_latency,
                                                Prng(derive(options_.seed, kRandom, i))));
  Machine& machine = *machines_.back();
  machine.config = std::move(config);
  machine.id = self.id();
  const std::int64_t skew = options_.clock_skew.count();
  machine.skew =
      std::chrono::milliseconds(Prng(derive(options_.seed, kSkew, i)).between(-skew, skew));
  if (const auto it = disguises_.find(i); it != disguises_.end() && it->second.skew) {
    machine.skew = *it->second.skew;
  }
  boot(i, std::move(self));
  return i;
}

void World::boot(NodeIndex i, Identity self) {
  Machine& machine = *machines_[i];
  Seams seams;
  seams.clock =
      std::make_unique<VirtualClock>(queue_, i, options_.epoch + machine.skew, machine.clock);
  seams.random = std::make_unique<VirtualRandom>(machine.random);
  seams.transport = network_.make_transport(i, machine.config);
  if (const auto it = disguises_.find(i); it != disguises_.end() && it->second.wrap) {
    seams.transport = it->second.wrap(std::move(seams.transport), i);
  }
  seams.storage = machine.disk.mount();
  auto node = Node::create(std::move(self), machine.config, std::move(seams), &book_);
  check(node.ok());
  machine.node = *std::move(node);
}

NodeIndex World::add_raw(TransportListener& listener, Config config, std::optional<PublicKey> key) {
  if (!key) key = identity(static_cast<NodeIndex>(size())).public_key();
  const NodeIndex i = network_.add_host(*key, made_up_address());
  machines_.push_back(std::make_unique<Machine>(queue_, i, Duration::zero(), Prng(0)));
  Machine& machine = *machines_.back();
  machine.id = id_of(*key);
  machine.config = std::move(config);
  machine.transport = network_.make_transport(i, machine.config);
  check(machine.transport->start(listener).ok());
  return i;
}

Node& World::node(NodeIndex i) {
  check(machines_[i]->node != nullptr);
  return *machines_[i]->node;
}

Transport& World::transport(NodeIndex i) {
  check(machines_[i]->transport != nullptr);
  return *machines_[i]->transport;
}

Config World::entering_at(NodeIndex i) const {
  Config config = options_.config;
  config.bootstrap.push_back(bootstrap(i));
  return config;
}

// ---- What befalls them

void World::crash(NodeIndex i) {
  Machine& machine = *machines_[i];
  check(machine.node != nullptr);
  network_.close(i);  // before the node can say goodbye
  machine.held.clear();
  machine.paused = false;
  if (std::exchange(machine.asleep, std::nullopt)) network_.cut(i, false);
  machine.known = machine.node->acquaintances();
  const std::size_t most = kKnownInK * static_cast<std::size_t>(machine.config.k);
  if (machine.known.size() > most) machine.known.resize(most);
  machine.known.shrink_to_fit();
  const auto dead = std::move(machine.node);
}

void World::restart(NodeIndex i, bool with_disk) {
  check(machines_[i]->node == nullptr && machines_[i]->transport == nullptr);
  if (!with_disk) wipe(i);
  boot(i, identity(i));
  Machine& machine = *machines_[i];
  machine.node->add_acquaintances(std::exchange(machine.known, {}));
}

void World::wipe(NodeIndex i) {
  machines_[i]->disk.wipe();
  machines_[i]->known.clear();
}

void World::pause(NodeIndex i) { machines_[i]->paused = true; }

void World::resume(NodeIndex i) {
  // Whatever arrives before this is due comes before it, so the order stays.
  after(Duration::zero(), [this, i] {
    if (!machines_[i]->asleep) release(i);  // else it wakes up when its time has come
  });
}

void World::release(NodeIndex i) {
  Machine& machine = *machines_[i];
  machine.paused = false;
  // A node that is paused again on the way keeps the rest.
  while (!machine.paused && !machine.held.empty()) {
    Event event = std::move(machine.held.front());
    machine.held.pop_front();
    dispatch(event);
  }
}

void World::sleep(NodeIndex i) {
  if (machines_[i]->asleep) return;
  machines_[i]->asleep = now();
  network_.cut(i, true);
  pause(i);
}

void World::wake(NodeIndex i) {
  after(Duration::zero(), [this, i] {
    Machine& machine = *machines_[i];
    if (!machine.asleep) return;  // it died in its sleep
    machine.clock->slept(now() - *std::exchange(machine.asleep, std::nullopt));
    release(i);  // while it is cut off, so that what it was sent is lost
    network_.cut(i, false);
  });
}

void World::move(NodeIndex i) {
  Endpoint address = network_.address(i);
  machines_[i]->left.push_back(address);
  do ++address.port;
  while (network_.find(address) || has_left(i, address));
  network_.move(i, address);
}

NodeIndex World::clone(NodeIndex i, Config config) {
  Disguise disguise;
  disguise.secret = identity(i).seed();
  const NodeIndex twin = add(std::move(config), std::nullopt, std::move(disguise));
  machines_[i]->cloned = true;
  machines_[i]->left.push_back(network_.address(twin));  // sooner or later
  return twin;
}

bool World::has_left(NodeIndex i, const Endpoint& address) const {
  return std::ranges::find(machines_[i]->left, address) != machines_[i]->left.end();
}

// ---- Time

WallTime World::wall() const {
  return options_.epoch + std::chrono::floor<WallTime::duration>(now().time_since_epoch());
}

void World::after(Duration delay, std::function<void()> fn) {
  actions_.emplace(next_action_, std::move(fn));
  queue_.push(now() + delay, kOutside, {Event::Kind::action, {}, 0, 0, next_action_++, {}});
}

void World::run_for(Duration duration) {
  const TimePoint end = now() + duration;
  while (step(end)) {
  }
}

bool World::run_until(const std::function<bool()>& condition, Duration limit) {
  const TimePoint end = now() + limit;
  while (!condition()) {
    if (!step(end)) return condition();
  }
  return true;
}

// Takes one event that is due by `limit`; if there is none, it is `limit` now.
bool World::step(TimePoint limit) {
  if (queue_.empty() || queue_.next() > limit) {
    queue_.advance(limit);
    return false;
  }
  if (queue_.peek().kind != Event::Kind::action) network_.prefetch_node(queue_.peek());
  Event event = queue_.pop();
  ++events_;
  // While this one is carried out, what the next needs comes to the cache.
  if (!queue_.empty() && queue_.peek().kind != Event::Kind::action) {
    const Event& next = queue_.peek();
    network_.prefetch_hosts(next);
    __builtin_prefetch(&machines_[next.to]->node);
    for (std::size_t i = 0; i < next.frame.size(); i += 64) __builtin_prefetch(&next.frame[i]);
  }
  if (event.kind == Event::Kind::action) {
    const auto action = actions_.extract(event.number);
    action.mapped()();
    return true;
  }
  if (machines_[event.to]->paused) {
    network_.held(event);
    machines_[event.to]->held.push_back(std::move(event));
    return true;
  }
  dispatch(event);
  return true;
}

void World::dispatch(Event& event) {
  digest_.add(static_cast<std::uint64_t>(now().time_since_epoch().count()));
  digest_.add(std::uint64_t{event.from} << 32 | event.to);
  digest_.add(static_cast<std::uint64_t>(event.kind) << 8 | static_cast<std::uint64_t>(event.why));
  digest_.add(event.frame);
  switch (event.kind) {
    case Event::Kind::alarm:
      if (VirtualClock* clock = machines_[event.to]->clock) clock->deliver();
      return;
    case Event::Kind::committed:
      return machines_[event.to]->disk.deliver(event);
    case Event::Kind::frame:
      if (observer_) observer_(event.from, event.to, event.frame);
      [[fallthrough]];
    default:
      return network_.deliver(event);
  }
}

// ---- What can be seen from outside

std::vector<NodeIndex> World::closest_running(const Key& key, std::size_t k) const {
  std::vector<NodeIndex> found;
  for (NodeIndex i = 0; i < machines_.size(); ++i) {
    if (machines_[i]->node != nullptr && !machines_[i]->config.client) found.push_back(i);
  }
  k = std::min(k, found.size());
  std::partial_sort(
      found.begin(), found.begin() + static_cast<std::ptrdiff_t>(k), found.end(),
      [&](NodeIndex a, NodeIndex b) { return closer(key, machines_[a]->id, machines_[b]->id); });
  found.resize(k);
  return found;
}

}  // namespace kadmos::sim
