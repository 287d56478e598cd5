// The node: the one place where the engine meets the world. pump() moves what the engine wants out
// and only then lets futures and streams resolve; so user code never runs inside the engine, may
// call any verb, and may destroy the node.
#include "kadmos/node.h"

#include <limits>
#include <map>
#include <utility>

#include "base/contact_book.h"
#include "engine/engine.h"
#include "wire/codec.h"

namespace kadmos {

class Node::Impl final : public TransportListener {
 public:
  Impl(Identity identity, Config config, Seams seams, ContactBook* book)
      : identity_(std::move(identity)),
        seams_(std::move(seams)),
        own_book_(book == nullptr ? std::make_unique<ContactBook>(&id_of, seams_.random->next())
                                  : nullptr),
        engine_(identity_, std::move(config), *seams_.storage, book == nullptr ? *own_book_ : *book,
                seams_.random->next()) {}

  ~Impl() override {
    close();
    if (destroyed_ == nullptr) return;
    // Destroyed by a continuation: the pump below us on the stack must stop, and what it would have
    // resolved is resolved here, one at a time, since a continuation may drop other futures.
    *destroyed_ = true;
    while (auto event = engine_.poll_event()) resolve(*std::move(event));
    waiting_.clear();
  }

  Result<void> start() {
    seams_.clock->on_alarm([this] {
      engine_.on_timeout(now());
      pump();
    });
    seams_.storage->on_committed([this](CommitId id, Result<void> result) {
      if (closed_) return;
      engine_.on_committed(now(), id, result);
      pump();
    });
    if (auto started = seams_.transport->start(*this); !started) {
      closed_ = true;  // nothing to end
      return started;
    }
    engine_.set_endpoints(endpoints());
    return {};
  }

  // ---- TransportListener
  void on_frame(const Peer& from, ByteView frame) override {
    engine_.on_frame(now(), from, frame);
    pump();
  }
  void on_reached(const Bootstrap& probed, const Peer& peer) override {
    engine_.on_reached(now(), probed, peer);
    pump();
  }
  void on_probe_failed(const Bootstrap& probed, Unreachable why) override {
    engine_.on_probe_failed(now(), probed, why);
    pump();
  }
  void on_unreachable(const PublicKey& key, Unreachable why) override {
    engine_.on_unreachable(now(), key, why);
    pump();
  }

  void on_twin(const Endpoint& where) override {
    engine_.on_twin(now(), where);
    pump();
  }
  bool owes(const PublicKey& peer) const override { return engine_.owes(peer); }
  bool keeps(const PublicKey& peer) const override { return engine_.lists(peer); }
  void on_crowded(const std::string& what) override {
    engine_.on_crowded(now(), what);
    pump();
  }

  // ---- verbs
  template <class T>
  Future<T> launch(Request request, std::optional<Duration> timeout) {
    const OpId id = engine_.start(now(), std::move(request),
                                  timeout.value_or(engine_.config().operation_timeout));
    Promise<T> promise;
    Future<T> future = promise.future();
    wait(id, std::move(promise));
    return future;
  }
  // The same for an operation that gives several; `capacity` of them wait to be taken.
  template <class T>
  Stream<T> launch_stream(Request request, Duration timeout, std::size_t capacity) {
    const OpId id = engine_.start(now(), std::move(request), timeout);
    StreamSource<T> source(capacity);
    Stream<T> stream = source.stream();
    wait(id, std::move(source));
    return stream;
  }
  template <class P>
  void wait(OpId id, P promise) {
    promise.on_cancel([this, id] {
      waiting_.erase(id);
      engine_.cancel(now(), id);
      pump();
    });
    waiting_.emplace(id, std::move(promise));
    pump();
  }

  Future<Receipt> set(std::string_view name, ByteView value, bool tombstone,
                      const SetOptions& options) {
    const Limits& limits = config().limits;
    if (name.empty()) {
      return refuse(Errc::invalid_argument, "the name is empty; a record needs one");
    }
    if (name.size() > limits.name_bytes) {
      return refuse(Errc::too_large, "the name has " + std::to_string(name.size()) +
                                         " bytes; at most " + std::to_string(limits.name_bytes));
    }
    if (auto error = check_value(value, options.ttl)) return Future<Receipt>::resolved(*error);
    // A conditional set may take two.
    if (options.if_sequence.value_or(0) > std::numeric_limits<std::uint64_t>::max() - 2) {
      return refuse(Errc::invalid_argument, "no version can follow such a sequence");
    }
    // A deletion must outlive what it deletes.
    const auto ttl = tombstone ? config().ttl_max : config().ttl;
    return launch<Receipt>(
        SetRequest{to_bytes(name), to_bytes(value), tombstone, options.ttl.value_or(ttl),
                   own_for(options.ttl), options.owner, options.if_sequence, options.or_older,
                   options.via, options.accept_small},
        options.timeout);
  }

  Future<Receipt> put(ByteView value, const PutOptions& options) {
    if (auto error = check_value(value, options.ttl)) return Future<Receipt>::resolved(*error);
    Record record;
    record.value = to_bytes(value);
    record.expiry = now().wall + options.ttl.value_or(config().ttl);
    return launch<Receipt>(PublishRequest{.record = std::move(record),
                                          .own = own_for(options.ttl),
                                          .via = options.via,
                                          .accept_small = options.accept_small},
                           options.timeout);
  }

  Future<Found> get(const Key& key, const GetOptions& options) {
    if (options.quorum && (options.first || *options.quorum < 1 || *options.quorum > config().k)) {
      return Future<Found>::resolved(
          Error(Errc::invalid_argument,
                options.first ? "the first answer and a quorum exclude each other"
                              : "a quorum is of 1 to " + std::to_string(config().k) + " nodes"));
    }
    return launch<Found>(
        GetRequest{key, options.first, options.quorum, options.min_sequence, options.via},
        options.timeout);
  }

  Stream<Update> watch(const Key& key, const WatchOptions& options) {
    if (options.buffer < 1) {
      StreamSource<Update> none(1);
      none.end(Error(Errc::invalid_argument, "a buffer must have room for one version"));
      return none.stream();
    }
    return launch_stream<Update>(WatchRequest{key}, Duration::max(), options.buffer);
  }

  Future<Receipt> announce(const Key& key, bool withdrawn, const ProvideOptions& options) {
    return launch<Receipt>(PublishRequest{.record = engine_.announce(now(), key, withdrawn),
                                          .via = options.via,
                                          .accept_small = options.accept_small},
                           options.timeout);
  }

  Future<Receipt> renew(const Key& key, const RenewOptions& options) {
    auto request = engine_.renewal(now(), key);
    if (!request) return Future<Receipt>::resolved(std::move(request).error());
    request->via = options.via;
    request->accept_small = options.accept_small;
    return launch<Receipt>(*std::move(request), options.timeout);
  }

  Stream<Provider> find_providers(const Key& key, const FindProvidersOptions& options) {
    const FindProvidersRequest request{key, options.limit};
    return launch_stream<Provider>(request, options.timeout.value_or(config().operation_timeout),
                                   request.most());
  }

  void close() {
    if (std::exchange(closed_, true)) return;
    engine_.close(now());
    seams_.transport->close();
    seams_.clock->set_alarm(std::nullopt);
    pump();
  }

  // Moves everything the engine wants out, then resolves what is ready, until both are empty.
  // Called from within itself (by user code, by a seam that answers) it only asks for one more
  // turn.
  void pump() {
    again_ = true;
    if (destroyed_ != nullptr) return;
    bool destroyed = false;
    destroyed_ = &destroyed;
    while (again_) {
      again_ = false;
      flush();
      while (auto event = engine_.poll_event()) {
        resolve(*std::move(event));
        if (destroyed) return;
      }
    }
    destroyed_ = nullptr;
  }

  Config const& config() const { return engine_.config(); }
  Now now() const { return seams_.clock->now(); }
  // The transport decides whether this is a client: it has no listener then.
  Endpoints endpoints() const {
    const Endpoints listening = seams_.transport->listening();
    return listening.empty() || config().advertise.empty() ? listening : config().advertise;
  }

  Identity identity_;
  Seams seams_;
  std::unique_ptr<ContactBook> own_book_;
  Engine engine_;
  std::function<void(const Notice&)> on_notice_;

 private:
  using Waiting = std::variant<Promise<Closest>, Promise<Receipt>, Promise<Found>, Promise<Pong>,
                               Promise<Audit>, Promise<HandedOver>, StreamSource<Update>,
                               StreamSource<Provider>>;

  static Own own_for(const std::optional<std::chrono::milliseconds>& ttl) {
    return ttl ? Own::until_expiry : Own::renewed;
  }

  static Future<Receipt> refuse(Errc code, std::string detail) {
    return Future<Receipt>::resolved(Error(code, std::move(detail)));
  }

  std::optional<Error> check_value(ByteView value,
                                   std::optional<std::chrono::milliseconds> ttl) const {
    const std::size_t most = config().limits.value_bytes;
    if (value.size() > most) {
      return Error(Errc::too_large, "the value has " + std::to_string(value.size()) +
                                        " bytes; at most " + std::to_string(most) +
                                        " fit one record");
    }
    if (ttl && (*ttl <= std::chrono::milliseconds(0) || *ttl > config().ttl_max)) {
      const auto hours = std::chrono::duration_cast<std::chrono::hours>(config().ttl_max).count();
      return Error(Errc::invalid_argument,
                   "the lifetime must be above 0 and at most " + std::to_string(hours) + " h");
    }
    return std::nullopt;
  }

  void flush() {
    while (auto out = engine_.poll_outgoing()) {
      if (closed_) continue;
      if (const auto* transmit = std::get_if<Transmit>(&*out)) {
        const wire::Frame frame(transmit->message);
        if (transmit->answers) {
          seams_.transport->answer(transmit->to.key, *transmit->answers, frame.bytes());
        } else {
          seams_.transport->send(transmit->to, frame.bytes());
        }
      } else if (const auto* dial = std::get_if<Dial>(&*out)) {
        seams_.transport->dial(dial->to);
      } else if (const auto* probe = std::get_if<Probe>(&*out)) {
        seams_.transport->probe(probe->where);
      } else {
        seams_.transport->drop(std::get<Drop>(*out).peer);
      }
    }
    bool committed = false;
    while (auto commit = engine_.poll_commit()) {
      seams_.storage->commit(*std::move(commit));
      committed = true;
    }
    if (committed) seams_.storage->pump();
    if (!closed_) seams_.clock->set_alarm(engine_.next_timeout());
  }

  void resolve(Event event) {
    if (auto* notice = std::get_if<Notice>(&event)) {
      const auto listener = on_notice_;  // it may replace itself, or end us
      try {
        if (listener) listener(*notice);
      } catch (...) {  // a log that fails must not stop the node
      }
      return;
    }
    if (auto* item = std::get_if<Item>(&event)) {
      const auto waiting = waiting_.find(item->op);
      if (waiting == waiting_.end()) return;
      std::visit(
          [&]<class T>(T& value) {
            std::get<StreamSource<T>>(waiting->second).put(std::move(value));
          },
          item->item);
      return;
    }
    auto& completed = std::get<Completed>(event);
    auto waiting = waiting_.extract(completed.op);
    if (!waiting) return;
    std::visit(Finish{completed.result}, waiting.mapped());
  }
  struct Finish {
    OpResult& result;
    template <class T>
    void operator()(Promise<T>& promise) const {
      promise.resolve(std::get<Result<T>>(std::move(result)));
    }
    template <class T>
    void operator()(StreamSource<T>& source) const {
      source.end(std::get<Result<void>>(std::move(result)));
    }
  };

  RecycledMap<OpId, Waiting> waiting_;
  bool closed_ = false;
  bool again_ = false;
  bool* destroyed_ = nullptr;  // set while pumping
};

namespace {

std::optional<Error> contradiction(const Config& config) {
  const auto invalid = [](std::string detail) {
    return Error(Errc::invalid_argument, std::move(detail));
  };
  if (config.network.empty() || config.network.size() > 64) {
    return invalid("the network's name must have 1 to 64 bytes");
  }
  if (config.alpha < 1) return invalid("alpha must be at least 1");
  if (config.closing_alpha < 1) return invalid("closing_alpha must be at least 1");
  if (config.k < 1 || static_cast<std::size_t>(config.k) > config.limits.contacts_per_reply) {
    return invalid("k must be between 1 and " + std::to_string(config.limits.contacts_per_reply));
  }
  if (config.limits.penalties < 1 || config.limits.table_per_group < 1 ||
      config.limits.shortlist < static_cast<std::size_t>(config.k) ||
      config.limits.acquaintances < static_cast<std::size_t>(config.k)) {
    return invalid(
        "penalties and table_per_group must be at least 1, shortlist and acquaintances at least k");
  }
  const Limits& limits = config.limits;
  constexpr std::size_t kFraming = 1024;  // what a message has besides value and name, at most
  constexpr std::size_t kLargestFrame = 9'999'999;  // seven digits
  if (limits.frame_bytes > kLargestFrame ||
      limits.frame_bytes < limits.value_bytes + limits.name_bytes + kFraming) {
    return invalid("frame_bytes must hold value_bytes, name_bytes and " + std::to_string(kFraming) +
                   " more, and be at most " + std::to_string(kLargestFrame));
  }
  if (config.slow_floor > config.slow_cap) return invalid("slow_floor is above slow_cap");
  if (config.ttl > config.ttl_max) return invalid("ttl is above ttl_max");
  return std::nullopt;
}

}  // namespace

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::~Node() = default;

Result<std::unique_ptr<Node>> Node::create(Identity identity, Config config, Seams seams,
                                           ContactBook* book) {
  if (auto error = contradiction(config)) return *std::move(error);
  auto impl =
      std::make_unique<Impl>(std::move(identity), std::move(config), std::move(seams), book);
  if (auto started = impl->start(); !started) return std::move(started).error();
  return std::unique_ptr<Node>(new Node(std::move(impl)));
}

const PublicKey& Node::public_key() const { return impl_->identity_.public_key(); }
const Id& Node::id() const { return impl_->identity_.id(); }
Contact Node::contact() const { return {public_key(), impl_->endpoints()}; }
const Config& Node::config() const { return impl_->config(); }

Future<Closest> Node::join() { return impl_->launch<Closest>(JoinRequest{}, std::nullopt); }

void Node::add_bootstrap(const Bootstrap& bootstrap) {
  impl_->engine_.add_bootstrap(bootstrap);
  impl_->pump();
}

std::vector<Acquaintance> Node::acquaintances() const {
  std::vector<Acquaintance> out;
  for (Contact& contact : contacts()) out.push_back({std::move(contact), impl_->now().wall});
  const auto& lost = impl_->engine_.acquaintances().entries();
  for (auto one = lost.rbegin(); one != lost.rend(); ++one) {
    out.push_back({*one->contact, one->proved});
  }
  return out;
}
void Node::add_acquaintances(const std::vector<Acquaintance>& known) {
  for (const Acquaintance& one : known) impl_->engine_.add_acquaintance(impl_->now(), one);
  impl_->pump();
}

Future<Receipt> Node::set(std::string_view name, ByteView value, const SetOptions& options) {
  return impl_->set(name, value, false, options);
}
Future<Receipt> Node::del(std::string_view name, const SetOptions& options) {
  return impl_->set(name, {}, true, options);
}
Future<Receipt> Node::put(ByteView value, const PutOptions& options) {
  return impl_->put(value, options);
}
Future<Found> Node::get(const Key& key, const GetOptions& options) {
  return impl_->get(key, options);
}
Stream<Update> Node::watch(const Key& key, const WatchOptions& options) {
  return impl_->watch(key, options);
}
Future<Receipt> Node::provide(const Key& key, const ProvideOptions& options) {
  return impl_->announce(key, false, options);
}
Future<Receipt> Node::unprovide(const Key& key, const ProvideOptions& options) {
  return impl_->announce(key, true, options);
}
Future<Receipt> Node::renew(const Key& key, const RenewOptions& options) {
  return impl_->renew(key, options);
}
Stream<Provider> Node::find_providers(const Key& key, const FindProvidersOptions& options) {
  return impl_->find_providers(key, options);
}
Future<Audit> Node::audit(const Key& key, const AuditOptions& options) {
  return impl_->launch<Audit>(AuditRequest{key, options.repair}, options.timeout);
}
Future<HandedOver> Node::hand_over(Duration timeout) {
  return impl_->launch<HandedOver>(HandOverRequest{}, timeout);
}
Future<Closest> Node::find_node(const Id& target) {
  return impl_->launch<Closest>(FindNodeRequest{target}, std::nullopt);
}
Future<Pong> Node::ping(const Bootstrap& where) {
  return impl_->launch<Pong>(PingRequest{where}, std::nullopt);
}

std::vector<Contact> Node::contacts() const {
  std::vector<Contact> out;
  const RoutingTable& table = impl_->engine_.table();
  for (const ContactRef ref : table.closest(id(), table.size())) {
    out.push_back(impl_->engine_.contact(ref));
  }
  return out;
}

Result<std::optional<Record>> Node::held(const Key& key) const {
  auto held = impl_->engine_.held(impl_->now(), key);
  if (!held) return std::move(held).error();
  if (!*held) return std::optional<Record>();
  return std::optional((*held)->record);
}

std::vector<Key> Node::own_keys(Own kind) const { return impl_->engine_.own_keys(kind); }
bool Node::owns(const Key& key) const {
  const auto held = impl_->engine_.held(impl_->now(), key);
  return held && *held && (*held)->own == Own::renewed;
}

std::optional<ClockDoubt> Node::clock_doubt() const {
  return impl_->engine_.clock_doubt(impl_->now());
}

std::vector<Key> Node::forgotten_keys() const {
  return impl_->engine_.forgotten_keys(impl_->now());
}

Result<std::optional<StoredRecord>> Node::lapsed(const Key& key) const {
  return impl_->engine_.lapsed(key);
}

Stats Node::stats() const {
  Stats stats = impl_->engine_.stats();
  impl_->seams_.transport->add_stats(stats);
  return stats;
}

std::optional<Endpoint> Node::twin() const { return impl_->engine_.twin(); }

void Node::on_notice(std::function<void(const Notice&)> listener) {
  impl_->on_notice_ = std::move(listener);
}

void Node::close() { impl_->close(); }

}  // namespace kadmos
