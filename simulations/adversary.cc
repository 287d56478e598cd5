#include "simulations/adversary.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"
#include "wire/codec.h"

namespace kadmos::sim {

namespace {

using Kind = Adversaries::Kind;

constexpr int kWaysIn = 3;
// Requests of a crook itself have numbers no node uses, so it knows their answers.
constexpr std::uint64_t kOwnRequests = std::uint64_t{1} << 63;
// Made-up keys for every node there is: enough that the nearest ones to any target, many times as
// many as one reply holds, are nearer than every node.
constexpr std::size_t kFakesPerNode = 256;
constexpr std::size_t kMaxFakes = std::size_t{1} << 18;
constexpr std::size_t kRepliesOfFakes = 4;
// A ground identity has more leading bits in common with its victim than the closest of all nodes
// is likely to have; what is found in this many times the expected tries is taken as it is.
constexpr int kBitsMore = 2;
constexpr std::uint64_t kPatience = 32;

constexpr Duration kFloodPause = std::chrono::seconds(2);
constexpr std::size_t kFloodBytes = 4096;
constexpr int kFloodTries = 32;  // to come near the flooded node
constexpr Duration kEquivocationPause = std::chrono::minutes(2);
constexpr Duration kReplayPause = std::chrono::seconds(30);

Seed random_secret(Prng& prng) {
  Seed secret{};
  for (Byte& byte : secret) byte = static_cast<Byte>(prng.next());
  return secret;
}

std::optional<Id> target_of(const wire::Message& message) {
  if (const auto* node = std::get_if<wire::FindNode>(&message.body)) return node->target;
  if (const auto* value = std::get_if<wire::FindValue>(&message.body)) return value->key;
  return std::nullopt;
}

}  // namespace

// ---- One of them

class Crook final : public Transport, public TransportListener {
 public:
  Crook(Conspiracy& plot, std::unique_ptr<Transport> network, NodeIndex self)
      : plot_(plot), network_(std::move(network)), self_(self), prng_(plot.prng_.next()) {
    plot_.crooks_.push_back(this);
  }

  // ---- Transport, for the node
  Result<void> start(TransportListener& node) override {
    node_ = &node;
    if (kind() == Kind::flooders) every(kFloodPause, [this] { flood(); });
    if (kind() == Kind::equivocators) every(kEquivocationPause, [this] { equivocate(); });
    return network_->start(*this);
  }
  void send(const Contact& to, ByteView frame) override { network_->send(to, frame); }
  void answer(const PublicKey& to, ConnectionId over, ByteView frame) override {
    if (substitute_) {
      auto message = wire::decode(frame, limits());
      auto* nodes = message ? std::get_if<wire::Nodes>(&message->body) : nullptr;
      if (nodes != nullptr && to == asker_ && message->request == request_) {
        nodes->record = *substitute_;
        return network_->answer(to, over, wire::encode(*message));
      }
    }
    network_->answer(to, over, frame);
  }
  void dial(const Contact& to) override { network_->dial(to); }
  void probe(const Bootstrap& where) override { network_->probe(where); }
  void drop(const PublicKey& peer) override { network_->drop(peer); }
  Endpoints listening() const override { return network_->listening(); }
  void add_stats(Stats& stats) const override { network_->add_stats(stats); }
  void close() override {
    open_ = false;
    network_->close();
  }

  // ---- TransportListener, for the network
  void on_frame(const Peer& from, ByteView frame) override {
    const auto message = wire::decode(frame, limits());
    const bool request = message && wire::is_request(message->body);
    if (message && !request && message->request >= kOwnRequests) return;
    if (request && take(from, *message, frame)) {
      ++plot_.deeds_;
      return;
    }
    node_->on_frame(from, frame);
  }
  void on_reached(const Bootstrap& probed, const Peer& peer) override {
    node_->on_reached(probed, peer);
  }
  void on_probe_failed(const Bootstrap& probed, Unreachable why) override {
    node_->on_probe_failed(probed, why);
  }
  void on_unreachable(const PublicKey& key, Unreachable why) override {
    node_->on_unreachable(key, why);
  }
  void on_twin(const Endpoint& where) override { node_->on_twin(where); }
  bool owes(const PublicKey& peer) const override { return node_->owes(peer); }

 private:
  Kind kind() const { return plot_.scenario_.adversaries.kind; }
  const Limits& limits() const { return plot_.scenario_.config.limits; }
  World& world() { return plot_.world_; }

  void reply(const Peer& to, std::uint64_t request, wire::Body body) {
    network_->answer(to.contact.key, to.connection,
                     wire::encode(wire::Message{request, std::move(body)}));
  }
  void demand(const Contact& of, wire::Body body) {
    ++plot_.deeds_;
    network_->send(of, wire::encode(wire::Message{kOwnRequests + requests_++, std::move(body)}));
  }
  // Says that it made durable what it threw away.
  void feign(const Peer& to, std::uint64_t request, const Record& record) {
    reply(to, request, wire::Stored{wire::StoreStatus::durable, record.sequence});
  }
  // The node answers, but with this record.
  void substitute(const Peer& from, const wire::Message& message, ByteView frame, Record record) {
    substitute_ = std::move(record);
    asker_ = from.contact.key;
    request_ = message.request;
    node_->on_frame(from, frame);
    substitute_.reset();
  }

  // Does its worst with a request; false: the node shall serve it.
  bool take(const Peer& from, const wire::Message& message, ByteView frame) {
    const auto target = target_of(message);
    const auto* value = std::get_if<wire::FindValue>(&message.body);
    const auto* store = std::get_if<wire::Store>(&message.body);
    switch (kind()) {
      case Kind::silent:
        return true;
      case Kind::delayers:
        hold_back(from, frame);
        return true;
      case Kind::colluders:
      case Kind::fabricators:
        if (store != nullptr) feign(from, message.request, store->record);
        if (target) {
          reply(from, message.request,
                wire::Nodes{kind() == Kind::colluders ? plot_.colluders(*target)
                                                      : plot_.fabricated(*target),
                            {}});
        }
        return store != nullptr || target;
      case Kind::ground:
        if (store != nullptr && key_of(store->record) == plot_.victim_) {
          feign(from, message.request, store->record);
          return true;
        }
        if (!target || *target != plot_.victim_) return false;
        reply(from, message.request, wire::Nodes{plot_.colluders(*target), {}});
        return true;
      case Kind::stale:
        if (store != nullptr) {
          const auto [kept, first] = first_.try_emplace(key_of(store->record), store->record);
          feign(from, message.request, store->record);
          if (!first) replay(kept->second);
          return true;
        }
        if (value == nullptr) return false;
        if (const auto kept = first_.find(value->key); kept != first_.end()) {
          substitute(from, message, frame, kept->second);
          return true;
        }
        return false;
      case Kind::forgers:
        if (value == nullptr && store == nullptr) return false;
        forge(from, message, frame);
        return true;
      case Kind::none:
      case Kind::flooders:
      case Kind::equivocators:
        return false;
    }
    return false;
  }

  // Once a newer version is where it belongs, offers this one to all who hold that.
  void replay(const Record& older) {
    world().after(prng_.jittered(kReplayPause), [this, older] {
      if (!open_) return;
      const auto k = static_cast<std::size_t>(plot_.scenario_.config.k);
      for (const NodeIndex i : plot_.crowd_.closest_in_place(key_of(older), k)) {
        demand(world().contact(i), wire::Store{older});
      }
    });
  }

  // Half of them so late that the asker has nearly given them up, half of them so that it just does
  // not hold them to be slow and waits.
  void hold_back(const Peer& from, ByteView frame) {
    const Config& config = plot_.scenario_.config;
    const Duration by = self_ % 2 == 0 ? config.rpc_timeout - config.rpc_timeout / 10
                                       : std::min(config.slow_cap / 2, config.rpc_timeout / 2);
    world().after(by, [this, from, held = Bytes(frame.begin(), frame.end())] {
      if (open_) node_->on_frame(from, held);
    });
  }

  void forge(const Peer& from, const wire::Message& message, ByteView frame) {
    const auto* store = std::get_if<wire::Store>(&message.body);
    const Key key = store != nullptr ? key_of(store->record) : *target_of(message);
    // Replies nobody asked for, before what was asked for: for what the asker may ask next, and one
    // from somebody it did not ask.
    reply(from, message.request + 1, wire::Nodes{{}, plot_.forged(key)});
    reply(from, message.request + 2, wire::Stored{wire::StoreStatus::durable, 1});
    if (Crook& other = *plot_.crooks_[prng_.below(plot_.crooks_.size())]; &other != this) {
      // Over whatever connection there is: this one was not asked.
      other.network_->answer(
          from.contact.key, 0,
          wire::encode(wire::Message{message.request, wire::Nodes{{}, plot_.forged(key)}}));
    }
    switch (prng_.below(4)) {
      case 0:  // a reply of another kind
        return reply(from, message.request,
                     store != nullptr ? wire::Body(wire::Nodes{{}, plot_.forged(key)})
                                      : wire::Body(wire::Stored{}));
      case 1:  // a forged record to keep
        demand(from.contact, wire::Store{plot_.forged(key)});
        [[fallthrough]];
      default:
        if (store != nullptr) return feign(from, message.request, store->record);
        substitute(from, message, frame, plot_.forged(key));
    }
  }

  // ---- What it does by itself
  void every(Duration pause, std::function<void()> what) {
    world().after(prng_.jittered(pause), [this, pause, what = std::move(what)]() mutable {
      if (!open_) return;
      what();
      every(pause, std::move(what));
    });
  }

  // One more large record for somebody in its table: of ever new owners anywhere, or content made
  // so that its key is near to the one who shall keep it.
  void flood() {
    const std::vector<Contact> known = world().node(self_).contacts();
    if (known.empty()) return;
    const Contact& to = known[prng_.below(known.size())];
    Record record;
    record.value.resize(std::min(kFloodBytes, limits().value_bytes));
    record.expiry = world().wall() + plot_.scenario_.config.ttl;
    const auto vary = [&] {
      const std::uint64_t word = prng_.next();
      for (std::size_t i = 0; i < 8; ++i) record.value[i] = static_cast<Byte>(word >> (8 * i));
    };
    vary();
    if (prng_.below(2) == 0) {
      record.type = RecordType::owned;
      record.name = to_bytes("flood");
      record.sequence = 1;
      sign(record, Identity::from_seed(random_secret(prng_)), plot_.scenario_.config.network);
    } else {
      const Id near = id_of(to.key);
      Bytes best = record.value;
      Key best_key = content_key(best);
      for (int i = 0; i < kFloodTries; ++i) {
        vary();
        const Key key = content_key(record.value);
        if (!closer(near, key, best_key)) continue;
        best_key = key;
        best = record.value;
      }
      record.value = std::move(best);
    }
    demand(to, wire::Store{std::move(record)});
  }

  // Its own name with two values of one sequence: every other of the closest nodes gets one.
  void equivocate() {
    const Identity owner = world().identity(self_);
    const Config& config = plot_.scenario_.config;
    Record faces[2];
    ++sequence_;
    for (int i = 0; i < 2; ++i) {
      faces[i].type = RecordType::owned;
      faces[i].name = to_bytes("two-faced");
      faces[i].value = to_bytes(i == 0 ? "yes" : "no");
      faces[i].sequence = sequence_;
      faces[i].expiry = world().wall() + config.ttl;
      sign(faces[i], owner, config.network);
    }
    const Key key = key_of(faces[0]);
    if (sequence_ == 1) plot_.equivocated_.push_back(key);
    std::size_t n = 0;
    for (const NodeIndex i :
         plot_.crowd_.closest_in_place(key, static_cast<std::size_t>(config.k))) {
      demand(world().contact(i), wire::Store{faces[n++ % 2]});
    }
  }

  Conspiracy& plot_;
  std::unique_ptr<Transport> network_;
  NodeIndex self_;
  Prng prng_;
  TransportListener* node_ = nullptr;
  bool open_ = true;
  std::uint64_t requests_ = 0;
  std::uint64_t sequence_ = 0;
  std::map<Key, Record> first_;  // of stale: the first version of everything
  // While the node serves a request whose record the crook chooses: it, who asks, and the number.
  std::optional<Record> substitute_;
  PublicKey asker_;
  std::uint64_t request_ = 0;
};

// ---- All of them

Conspiracy::Conspiracy(World& world, const Scenario& scenario, Crowd& crowd, const Ledger& ledger,
                       Prng prng)
    : world_(world), scenario_(scenario), crowd_(crowd), ledger_(ledger), prng_(prng) {
  if (count(scenario) == 0) return;
  victim_ = ledger.size() > 0 ? ledger.name(0).key : prng_.id();
  if (scenario.adversaries.kind == Kind::fabricators) fabricate();
  if (scenario.adversaries.kind == Kind::forgers) {
    for (std::size_t i = 0; i < ledger.size(); ++i) names_.emplace(ledger.name(i).key, i);
  }
}

Conspiracy::~Conspiracy() = default;

std::uint32_t Conspiracy::count(const Scenario& scenario) {
  if (scenario.adversaries.kind == Kind::none || scenario.nodes < 3) return 0;
  const auto wanted = std::uint64_t{scenario.nodes} * scenario.adversaries.share / 1'000'000;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, scenario.nodes - 2));
}

NodeIndex Conspiracy::add() {
  Disguise disguise;
  disguise.secret = secret();
  disguise.wrap = [this](std::unique_ptr<Transport> network, NodeIndex self) {
    return std::make_unique<Crook>(*this, std::move(network), self);
  };
  const NodeIndex i = world_.add(scenario_.config, std::nullopt, std::move(disguise));
  members_.push_back(i);
  ids_.add(world_.node(i).id(), i);
  crowd_.note_stranger(i);
  return i;
}

void Conspiracy::join(NodeIndex i) {
  for (int way = 0; way < kWaysIn; ++way) {
    world_.node(i).add_bootstrap(world_.bootstrap(crowd_.any(prng_)));
  }
  joining_.push_back(world_.node(i).join().then([](Result<Closest>) {}));
}

void Conspiracy::end() {
  for (const NodeIndex i : members_) world_.node(i).close();
}

// The secret of the next one, if it is not the one the world would give it.
std::optional<Seed> Conspiracy::secret() {
  // More than a reply can name are no use.
  const std::size_t enough = 2 * static_cast<std::size_t>(scenario_.config.k);
  if (scenario_.adversaries.kind != Kind::ground || members_.size() >= enough) {
    return std::nullopt;
  }
  const auto bits = static_cast<int>(std::bit_width(scenario_.nodes)) + kBitsMore;
  const std::uint64_t most = kPatience << bits;
  Seed secret = random_secret(prng_);
  for (std::uint64_t i = 0; i < most; ++i) {
    if (shared_prefix(Identity::from_seed(secret).id(), victim_) >= bits) break;
    secret = random_secret(prng_);
  }
  return secret;
}

wire::Contacts Conspiracy::colluders(const Id& target) const {
  wire::Contacts out;
  for (const NodeIndex i : ids_.closest(target, most_contacts())) out.push_back(world_.contact(i));
  return out;
}

void Conspiracy::fabricate() {
  const std::size_t many = std::min(kMaxFakes, kFakesPerNode * scenario_.nodes);
  for (std::size_t i = 0; i < many; ++i) {
    Contact fake;
    for (Byte& byte : fake.key.bytes) byte = static_cast<Byte>(prng_.next());
    const std::uint64_t where = prng_.next();
    fake.endpoints.add(Endpoint::v4(203, static_cast<Byte>(where), static_cast<Byte>(where >> 8),
                                    static_cast<Byte>(where >> 16), 4000));
    fake_ids_.add(id_of(fake.key), static_cast<NodeIndex>(i));
    fakes_.push_back(fake);
  }
}

// More are cut off by whoever asked, or taken for malformed.
std::size_t Conspiracy::most_contacts() const {
  return std::min(static_cast<std::size_t>(scenario_.config.k),
                  scenario_.config.limits.contacts_per_reply);
}

// As many contacts as a reply may hold, all next to the target and none of them true: of four two
// are made-up keys where nobody is, one a made-up key where a node is, and one the key of a node
// that really is next to the target, where it is not.
wire::Contacts Conspiracy::fabricated(const Id& target) {
  const std::size_t size = most_contacts();
  std::vector<NodeIndex> near = fake_ids_.closest(target, kRepliesOfFakes * size);
  const std::vector<NodeIndex> real = crowd_.population().closest(target, size / 4);
  wire::Contacts out;
  for (std::size_t n = 0; n < size && n < near.size(); ++n) {
    std::swap(near[n], near[n + prng_.below(near.size() - n)]);
    Contact fake = fakes_[near[n]];
    if (n % 4 == 1) {
      fake.endpoints = Endpoints(world_.contact(crowd_.any(prng_)).endpoints.front());
    }
    if (n % 4 == 3 && n / 4 < real.size()) fake.key = world_.contact(real[n / 4]).key;
    out.push_back(fake);
  }
  return out;
}

Record Conspiracy::forged(const Key& key) {
  const auto name = names_.find(key);
  const std::uint64_t lie = name == names_.end() ? 0 : lies_++ % 4;
  const Identity mine = world_.identity(members_.front());
  Record record;
  record.type = RecordType::owned;
  record.sequence = 1'000'000;
  record.expiry = world_.wall() + scenario_.config.ttl;
  record.value = to_bytes("a lie");
  if (lie == 0) {  // well signed, but by another owner and so of another key
    record.name = to_bytes("name 0");
    sign(record, mine, scenario_.config.network);
    return record;
  }
  const Ledger::Name& truth = ledger_.name(name->second);
  record.name = to_bytes(truth.name);
  if (lie == 1) {  // signed by another in the owner's name
    sign(record, mine, scenario_.config.network);
    record.owner = truth.owner.public_key();
  } else if (lie == 2) {  // what the owner said in another network
    sign(record, truth.owner, scenario_.config.network + "-test");
  } else {  // the owner's words, twisted
    record.value = to_bytes("a truth");
    sign(record, truth.owner, scenario_.config.network);
    record.value = to_bytes("a lie");
  }
  return record;
}

}  // namespace kadmos::sim
