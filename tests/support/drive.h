// The pair driver: engines joined directly, without nodes, transports or sockets. Frames wait in
// one queue and arrive after `latency` of virtual time; probes are answered; disks are memory that
// can fail or wait. The cheapest test of the engine there is, and one that can drop, delay and
// forge.
//
//   Drive net;
//   const auto a = net.add(), b = net.add();
//   net.meet(a, b);
//   auto receipt = net.run<Receipt>(a, net.set("name", "value"));
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "support/failing_storage.h"
#include "support/records.h"
#include "wire/codec.h"

namespace kadmos {

class Drive {
 public:
  using Host = std::size_t;
  struct Sent {
    Host from = 0;
    Host to = 0;
    wire::Message message;
    Endpoints at;  // where it was to be dialled if need be
  };

  static constexpr TimePoint kStart{std::chrono::hours(100)};
  static constexpr Duration kLatency = std::chrono::milliseconds(10);  // one way

  static Config config() {
    Config out;
    out.network = records::kNetwork;
    out.k = 4;
    return out;
  }

  // ---- Who is there. Host i listens on 127.0.0.1, port 4000 + i, and has the seed i + 1.
  Host add(Config config = Drive::config()) {
    const Host i = add_raw(config.client);
    Place& place = *places_[i];
    place.storage.on_committed([this, i](CommitId id, Result<void> result) {
      places_[i]->engine->on_committed(now(), id, result);
    });
    place.engine =
        std::make_unique<Engine>(place.identity, std::move(config), place.storage, book_, 1000 + i);
    if (!place.client) place.engine->set_endpoints(contact(i).endpoints);
    return i;
  }
  std::vector<Host> add_many(std::size_t n, const Config& config = Drive::config()) {
    std::vector<Host> out;
    while (out.size() < n) out.push_back(add(config));
    return out;
  }
  // A peer without an engine: what it says is up to the test.
  Host add_raw(bool client = false) {
    places_.push_back(std::make_unique<Place>(static_cast<Byte>(places_.size() + 1), client));
    return places_.size() - 1;
  }
  Engine& engine(Host i) { return *places_[i]->engine; }
  FailingStorage& storage(Host i) { return places_[i]->storage; }
  const Identity& identity(Host i) const { return places_[i]->identity; }
  const Id& id(Host i) const { return places_[i]->identity.id(); }
  Stats stats(Host i) const { return places_[i]->engine->stats(); }
  Endpoint endpoint(Host i) const {
    return Endpoint::v4(127, 0, 0, 1, static_cast<std::uint16_t>(4000 + i));
  }
  Contact contact(Host i) const {
    return {identity(i).public_key(), places_[i]->client ? Endpoints() : Endpoints(endpoint(i))};
  }
  Bootstrap bootstrap(Host i) const { return {endpoint(i), identity(i).public_key()}; }
  bool knows(Host i, Host other) { return engine(i).table().find(id(other)).has_value(); }
  // Hosts from the nearest to `key` to the farthest.
  std::vector<Host> by_distance(const Key& key, std::vector<Host> hosts) const {
    std::sort(hosts.begin(), hosts.end(),
              [&](Host a, Host b) { return closer(key, id(a), id(b)); });
    return hosts;
  }

  // ---- What befalls them.

  // `a` has reached `b`, so b is in its table if there is room.
  void meet_one(Host a, Host b) {
    dialled_.insert({a, b});
    reached(a, bootstrap(b), as_seen(a, b));
  }
  void meet(Host a, Host b) {
    meet_one(a, b);
    meet_one(b, a);
  }
  void meet_all(const std::vector<Host>& hosts) {
    for (const Host a : hosts) {
      for (const Host b : hosts) {
        if (a != b) meet_one(a, b);
      }
    }
  }
  // What is sent to it vanishes.
  void freeze(Host i, bool on = true) { places_[i]->frozen = on; }
  // It cannot be reached, and who tries is told.
  void take_down(Host i, bool on = true) { places_[i]->down = on; }
  // Looks at each frame; gives how much longer than kLatency it takes, or nothing to drop it.
  std::function<std::optional<Duration>(const Sent&)> on_send;
  // Gives what the host is sent besides a reply of its own: raw hosts answer by it.
  std::function<std::optional<wire::Body>(const Sent&)> raw_answer;

  // A frame from `from`, as it is, now.
  void inject(Host to, Host from, const wire::Message& message) {
    inject(to, from, wire::encode(message));
  }
  void inject(Host to, Host from, const Bytes& frame) { inject(to, as_seen(to, from), frame); }
  void inject(Host to, const Peer& from, const Bytes& frame) {
    if (const auto host = find(from.contact.key)) dialled_.insert({*host, to});  // or it could not
    engine(to).on_frame(now(), from, frame);
    drain(to);
  }
  void break_connection(Host at, Host to, Unreachable why = Unreachable::closed) {
    engine(at).on_unreachable(now(), identity(to).public_key(), why);
    drain(at);
  }
  // What the transport says of a probe.
  void reached(Host at, const Bootstrap& probed, const Peer& peer) {
    engine(at).on_reached(now(), probed, peer);
    drain(at);
  }
  void probe_failed(Host at, const Bootstrap& probed, Unreachable why) {
    engine(at).on_probe_failed(now(), probed, why);
    drain(at);
  }
  // How `a` sees `b`.
  Peer as_seen(Host a, Host b) const {
    return {contact(b), places_[b]->client, dialled_.contains({a, b}), places_[b]->address};
  }
  void set_address(Host i, const Endpoint& address) { places_[i]->address = address; }

  // ---- Operations.
  SetRequest set(std::string_view name, std::string_view value) const {
    SetRequest out;
    out.name = to_bytes(name);
    out.value = to_bytes(value);
    out.ttl = std::chrono::hours(24);
    return out;
  }
  PublishRequest put(std::string_view value) const {
    return {records::content(value, wall() + std::chrono::hours(24)), Own::renewed};
  }
  Key key(Host owner, std::string_view name) const {
    return owned_key(identity(owner).public_key(), view_of(name));
  }

  OpId start(Host i, Request request, Duration timeout = std::chrono::seconds(10)) {
    const OpId op = engine(i).start(now(), std::move(request), timeout);
    drain(i);
    return op;
  }
  void cancel(Host i, OpId op) {
    engine(i).cancel(now(), op);
    drain(i);
  }
  void close(Host i) {
    engine(i).close(now());
    drain(i);
  }
  bool ended(Host i, OpId op) const { return places_[i]->results.contains(op); }
  template <class T>
  Result<T> result(Host i, OpId op) const {
    REQUIRE(ended(i, op));
    return std::get<Result<T>>(places_[i]->results.at(op));
  }
  // What an operation has given so far.
  template <class T>
  std::vector<T> items(Host i, OpId op) const {
    std::vector<T> out;
    const auto given = places_[i]->items.find(op);
    if (given == places_[i]->items.end()) return out;
    for (const OpItem& item : given->second) out.push_back(std::get<T>(item));
    return out;
  }
  template <class T>
  Result<T> run(Host i, Request request, Duration timeout = std::chrono::seconds(10)) {
    const OpId op = start(i, std::move(request), timeout);
    run_until([&] { return ended(i, op); });
    return result<T>(i, op);
  }

  // ---- Time.
  Now now() const { return {at_, wall()}; }
  WallTime wall() const {
    return records::kNoon +
           std::chrono::duration_cast<std::chrono::milliseconds>(at_ - kStart + ahead_);
  }
  // Sets everybody's calendar so far ahead of time.
  void set_calendar(Duration ahead) { ahead_ = ahead; }
  // Until nothing is under way: no frame, no request, no operation.
  void drive() {
    run_until([&] { return idle(); });
  }
  bool idle() const {
    return queue_.empty() && std::all_of(places_.begin(), places_.end(), [](const auto& place) {
             if (!place->engine) return true;
             const Stats stats = place->engine->stats();
             return stats.rpcs_pending == 0 && stats.operations_running == 0;
           });
  }
  void run_for(Duration duration) {
    const TimePoint end = at_ + duration;
    while (step(end)) {
    }
    at_ = end;
  }
  // Time passes and nobody gets to do anything.
  void stall(Duration duration) { at_ += duration; }
  // Until the condition holds; a test that waits an hour in vain fails.
  void run_until(const std::function<bool()>& condition) {
    const TimePoint end = at_ + std::chrono::hours(1);
    while (!condition() && step(end)) {
    }
    REQUIRE(condition());
  }
  // Lets the disk of `i` do what was held up by storage(i).pump_at_most = 0.
  void commit(Host i) {
    storage(i).pump_at_most = static_cast<std::size_t>(-1);
    storage(i).pump();
    drain(i);
  }

  // ---- What was seen.
  std::vector<Sent> sent;  // every frame, dropped ones too
  template <class Body>
  std::vector<Sent> sent_of(std::optional<Host> from = std::nullopt,
                            std::optional<Host> to = std::nullopt) const {
    std::vector<Sent> out;
    for (const Sent& one : sent) {
      if (from && one.from != *from) continue;
      if (to && one.to != *to) continue;
      if (std::holds_alternative<Body>(one.message.body)) out.push_back(one);
    }
    return out;
  }
  // What `from` last answered `to`.
  std::optional<wire::Body> last_answer(Host from, Host to) const {
    for (auto it = sent.rbegin(); it != sent.rend(); ++it) {
      if (it->from == from && it->to == to && !wire::is_request(it->message.body))
        return it->message.body;
    }
    return std::nullopt;
  }
  std::vector<Bootstrap> probed(Host i) const { return places_[i]->probed; }
  std::vector<PublicKey> dialled(Host i) const { return places_[i]->dialled; }
  std::vector<PublicKey> dropped(Host i) const { return places_[i]->dropped; }
  std::vector<Notice> notices(Host i) const { return places_[i]->notices; }
  bool noticed(Host i, std::string_view what) const { return times_noticed(i, what) > 0; }
  std::size_t times_noticed(Host i, std::string_view what) const {
    const auto& all = places_[i]->notices;
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const Notice& n) { return n.what == what; }));
  }

 private:
  struct Place {
    Place(Byte seed, bool is_client) : identity(records::identity(seed)), client(is_client) {}

    Identity identity;
    bool client;
    Endpoint address;
    FailingStorage storage;
    std::unique_ptr<Engine> engine;
    bool frozen = false;
    bool down = false;
    std::map<OpId, OpResult> results;
    std::map<OpId, std::vector<OpItem>> items;
    std::vector<Notice> notices;
    std::vector<Bootstrap> probed;
    std::vector<PublicKey> dialled;
    std::vector<PublicKey> dropped;
  };

  // Moves out what an engine wants until it rests, as Node::pump does.
  void drain(Host i) {
    Place& place = *places_[i];
    for (bool again = true; std::exchange(again, false);) {
      while (auto out = place.engine->poll_outgoing()) carry(i, *std::move(out));
      while (auto commit = place.engine->poll_commit()) {
        place.storage.commit(*std::move(commit));
        again = true;
      }
      place.storage.pump();
    }
    while (auto event = place.engine->poll_event()) {
      if (auto* notice = std::get_if<Notice>(&*event)) {
        place.notices.push_back(std::move(*notice));
        continue;
      }
      if (auto* item = std::get_if<Item>(&*event)) {
        place.items[item->op].push_back(std::move(item->item));
        continue;
      }
      auto& completed = std::get<Completed>(*event);
      CHECK_MESSAGE(place.results.emplace(completed.op, std::move(completed.result)).second,
                    "an operation ended twice");
    }
  }

  void carry(Host from, Outgoing out) {
    if (auto* transmit = std::get_if<Transmit>(&out)) {
      transmit_to(from, *std::move(transmit));
    } else if (auto* dial = std::get_if<Dial>(&out)) {
      places_[from]->dialled.push_back(dial->to.key);
    } else if (auto* probe = std::get_if<Probe>(&out)) {
      places_[from]->probed.push_back(probe->where);
      later(kLatency, [this, from, where = probe->where] { answer_probe(from, where); });
    } else {
      places_[from]->dropped.push_back(std::get<Drop>(out).peer);
    }
  }

  void transmit_to(Host from, Transmit transmit) {
    const auto to = find(transmit.to.key);
    if (!to || places_[*to]->down) {
      if (!failing_.insert({from, transmit.to.key}).second) return;
      later(kLatency, [this, from, key = transmit.to.key] {
        failing_.erase({from, key});
        engine(from).on_unreachable(now(), key, Unreachable::refused);
        drain(from);
      });
      return;
    }
    auto message = wire::decode(wire::encode(transmit.message), Limits{});
    REQUIRE(message.ok());
    const bool connected = dialled_.contains({from, *to}) || dialled_.contains({*to, from});
    REQUIRE((connected || !transmit.to.endpoints.empty()));  // answers never make us dial
    if (!connected) dialled_.insert({from, *to});
    sent.push_back({from, *to, *std::move(message), transmit.to.endpoints});
    const std::optional<Duration> extra = on_send ? on_send(sent.back()) : Duration::zero();
    if (!extra) return;
    later(kLatency + *extra, [this, one = sent.back()] { arrive(one); });
  }

  void arrive(const Sent& one) {
    Place& place = *places_[one.to];
    if (place.frozen) return;
    if (place.engine) return inject(one.to, one.from, one.message);
    if (!raw_answer) return;
    if (auto body = raw_answer(one)) {
      later(kLatency, [this, one, reply = wire::Message{one.message.request, *std::move(body)}] {
        inject(one.from, one.to, reply);
      });
    }
  }

  void answer_probe(Host from, const Bootstrap& where) {
    std::optional<Host> to;
    for (Host i = 0; i < places_.size(); ++i) {
      if (endpoint(i) == where.endpoint && !places_[i]->client) to = i;
    }
    if (to && places_[*to]->frozen) return;  // the test answers, or nobody does
    if (!to || places_[*to]->down) {
      probe_failed(from, where, Unreachable::refused);
    } else if (where.key && *where.key != identity(*to).public_key()) {
      probe_failed(from, where, Unreachable::wrong_key);
    } else {
      dialled_.insert({from, *to});
      reached(from, where, as_seen(from, *to));
    }
  }

  std::optional<Host> find(const PublicKey& key) const {
    for (Host i = 0; i < places_.size(); ++i) {
      if (identity(i).public_key() == key) return i;
    }
    return std::nullopt;
  }

  void later(Duration in, std::function<void()> what) {
    queue_.emplace(std::pair(at_ + in, next_++), std::move(what));
  }

  // Runs whatever is due first, if that is not after `end`.
  bool step(TimePoint end) {
    std::optional<TimePoint> first;
    std::optional<Host> alarm;
    if (!queue_.empty()) first = queue_.begin()->first.first;
    for (Host i = 0; i < places_.size(); ++i) {
      if (!places_[i]->engine) continue;
      const auto timeout = places_[i]->engine->next_timeout();
      if (timeout && (!first || *timeout < *first)) {
        first = *timeout;
        alarm = i;
      }
    }
    if (!first || *first > end) return false;
    stuck_ = *first > at_ ? 0 : stuck_ + 1;
    REQUIRE_MESSAGE(stuck_ < 100'000, "time stands still");
    at_ = std::max(at_, *first);
    if (alarm) {
      engine(*alarm).on_timeout(now());
      drain(*alarm);
    } else {
      const auto what = std::move(queue_.begin()->second);
      queue_.erase(queue_.begin());
      what();
    }
    return true;
  }

  ContactBook book_{&id_of};
  std::vector<std::unique_ptr<Place>> places_;
  std::set<std::pair<Host, Host>> dialled_;
  std::set<std::pair<Host, PublicKey>> failing_;  // told soon
  std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> queue_;
  std::uint64_t next_ = 0;
  TimePoint at_ = kStart;
  Duration ahead_{};  // of the calendar
  int stuck_ = 0;
};

}  // namespace kadmos
