#include "engine/engine.h"

#include <algorithm>

#include "base/plant.h"
#include "wire/codec.h"

namespace kadmos {
namespace {

constexpr std::size_t kMaxBootstrap = 256;
constexpr std::size_t kExpireBatch = 64;
constexpr int kNotices = 20;  // of one kind in a period
constexpr Duration kNoticePeriod = std::chrono::minutes(1);
constexpr Duration kExpirePause = std::chrono::milliseconds(20);  // between two batches
constexpr Duration kCommitting = std::chrono::milliseconds(30);   // what a store takes besides
constexpr Duration kFullPause = std::chrono::seconds(1);          // of a full disk
constexpr Duration kStoodStill = std::chrono::minutes(1);
// A calendar that jumps, or went on while a laptop slept, rings no alarm. Who has own records looks
// at it so often, so that they are soon renewed.
constexpr Duration kCalendarLook = std::chrono::seconds(30);
// The first day of 2020: before this was written, and after what an unset clock shows.
constexpr WallTime kSurelyPast{std::chrono::hours(24 * 18262)};
constexpr Duration kForever = std::chrono::hours(24 * 365);  // a timeout this long is none

}  // namespace

Engine::Engine(const Identity& identity, Config config, Storage& storage, ContactBook& book,
               std::uint64_t seed)
    : identity_(identity),
      config_(std::move(config)),
      has_way_in_(config_.expect_network || !config_.bootstrap.empty()),
      book_(book),
      prng_(seed),
      table_(identity.id(),
             {.k = config_.k,
              .per_group = config_.limits.table_per_group,
              .groups = &config_.groups,
              .refresh_interval = config_.refresh_interval},
             book),
      acquaintances_(config_.limits.acquaintances, config_.groups),
      suspects_(config_.penalty, config_.limits.penalties),
      undialable_(config_.penalty, config_.limits.penalties),
      broken_(config_.penalty, config_.limits.penalties),
      store_(config_, identity.id(), storage, stats_),
      env_{config_,        identity_, endpoints_, has_way_in_, book_, table_,
           acquaintances_, suspects_, store_,     stats_,      prng_},
      upkeep_(config_, identity.id(), table_, store_, has_way_in_, prng_),
      sync_plan_(config_, table_, store_, stats_, prng_),
      rpcs_(prng_.next() >> 16),
      unmeasured_(config_.slow_initial),
      clock_voices_(2 * config_.sync_interval, config_.limits.clock_voices),
      waiting_({.total = config_.limits.waiting_bytes, .leaves_room = true}),
      offences_(config_.limits.bad_signatures, config_.limits.penalties) {}

// ---- inputs

OpId Engine::start(Now now, Request request, Duration timeout) {
  look_at_the_clock(now);
  auto purpose = Running::Purpose::user;
  if (auto* join = std::get_if<JoinRequest>(&request)) {
    purpose = Running::Purpose::user_join;
    if (join->bootstrap.empty()) *join = ways_in(now);
    upkeep_.begin(now.at);
    sync_plan_.begin(now.at);
  }
  auto operation = std::visit([&](auto& r) { return make_operation(env_, std::move(r)); }, request);
  if (closed_ || running_.size() >= config_.limits.operations) {
    if (!closed_) ++stats_.operations_refused;
    const OpId id = next_op_++;
    events_.push(Completed{id, operation->end(now, closed_ ? Errc::closed : Errc::busy)});
    find_due();
    return id;
  }
  const OpId id = begin(now, std::move(operation), purpose, timeout);
  settle(now);
  return id;
}

void Engine::cancel(Now now, OpId op) {
  const auto it = running_.find(op);
  if (it == running_.end()) return;
  if (it->second.purpose == Running::Purpose::user_join) upkeep_.on_join_ended(now.at, false);
  const Key* watched = it->second.operation->watched();
  // What another watch of the key has begun goes on.
  if (watched == nullptr || watches_->ours.count(*watched) == 1) {
    it->second.operation->on_cancelled(now);
    act(now, op);
  }
  take(op);
  settle(now);
}

void Engine::close(Now now) {
  closed_ = true;
  for (auto& [id, running] : running_) {
    if (running.purpose == Running::Purpose::renew) running.operation->on_cancelled(now);
    if (running.purpose != Running::Purpose::user && running.purpose != Running::Purpose::user_join)
      continue;
    events_.push(Completed{id, running.operation->end(now, Errc::closed)});
  }
  stats_.operations_done += running_.size();
  running_.clear();
  deadlines_.clear();
  wakes_.clear();
  watches_.reset();
  rpcs_.clear();
  probes_.clear();
  unanswered_.clear();
  unanswered_of_.clear();
  awaited_.clear();
  outgoing_.clear();
  find_due();
}

void Engine::on_frame(Now now, const Peer& from, ByteView frame) {
  if (closed_) return;
  look_at_the_clock(now);
  if (offences_.shunned(now.at, from.contact.key)) {
    outgoing_.push(Drop{from.contact.key});
    return find_due();
  }
  auto message = wire::decode(frame, config_.limits);
  if (!message) {
    ++stats_.frames_malformed;
    misbehaved(now, from, "frame_malformed", message.error().detail);
    settle(now);
    return;
  }
  if (wire::is_request(message->body)) {
    serve(now, from, *message);
    on_contact(now, from, false, std::nullopt);
  } else if (const auto* update = std::get_if<wire::Update>(&message->body)) {
    on_update(now, from, *update);
  } else {
    on_reply(now, from, *message);
  }
  settle(now);
}

void Engine::on_unreachable(Now now, const PublicKey& peer, Unreachable why) {
  if (closed_) return;
  look_at_the_clock(now);
  const auto requests = rpcs_.take_all(peer);
  for (const Rpcs::Pending& request : requests) {
    if (why != Unreachable::overloaded) blame(now, request);  // a bound of ours is not its fault
    fail(now, request, Outcome::unreachable, std::string(name_of(why)));
  }
  if (requests.empty()) on_lost(now, peer, why);
  if (watches_) lose_watches(now, peer);
  settle(now);
}

void Engine::on_twin(Now now, const Endpoint& where) {
  if (closed_) return;
  look_at_the_clock(now);
  if (twin_watch_.on_twin(now.at, where)) {
    notice(now, Notice::Level::warning, "identity_in_use",
           "another node, at " + where.text() +
               ", uses this node's identity, and peers take the two for one: each is unreachable "
               "by turns. Stop one of them and give it a data directory with a key of its own");
  }
  settle(now);
}

void Engine::on_crowded(Now now, const std::string& what) {
  if (closed_) return;
  notice(now, Notice::Level::warning, "connections_full", what);
  find_due();
}

void Engine::on_committed(Now now, CommitId commit, const Result<void>& result) {
  if (closed_) return;
  look_at_the_clock(now);
  const auto newer = store_.on_committed(commit, result);
  if (!result && result.error().code == Errc::busy) next_expire_ = now.at + kFullPause;
  if (!result) {
    notice(now, Notice::Level::warning, "commit_failed", result.error().text());
  }
  const auto [first, last] = unanswered_.equal_range(commit);
  for (auto it = first; it != last; ++it) {
    Unanswered& waiting = it->second;
    waiting_.give(waiting.by, waiting.bytes);
    if (auto of = unanswered_of_.find(waiting.peer); of != unanswered_of_.end()) {
      if (--of->second == 0) unanswered_of_.erase(of);
    }
    if (result) {
      if (waiting.reply.status == wire::StoreStatus::superseded) {
        waiting.reply.record = readable(now, waiting.key);
      }
      answer(waiting.peer, waiting.connection, waiting.request, std::move(waiting.reply));
    } else {
      const bool full = result.error().code == Errc::busy;
      answer(waiting.peer, waiting.connection, waiting.request,
             wire::Failure{full ? wire::FailureCode::busy : wire::FailureCode::storage,
                           "the record could not be made durable"});
    }
  }
  unanswered_.erase(first, last);
  RecycledVector<OpId> ops;
  const auto [from, to] = awaited_.equal_range(commit);
  for (auto it = from; it != to; ++it) ops.push_back(it->second);
  awaited_.erase(from, to);
  for (const OpId op : ops) {
    const auto it = running_.find(op);
    if (it == running_.end()) continue;
    it->second.operation->on_committed(now, commit, result.ok());
    drive(now, op);
  }
  on_newer(now, newer);
  settle(now);
}

// Whoever has not called for long after it was asked to stood still. When a laptop sleeps, only the
// calendar goes on. It may also be set, ahead or back.
void Engine::look_at_the_clock(Now now) {
  const bool late = due_ && now.at - *due_ > kStoodStill;
  const Duration slept = (now.wall - last_look_.wall) - (now.at - last_look_.at);
  const bool first = last_look_.wall == WallTime{};
  const bool jumped = slept > kStoodStill || slept < -kStoodStill;
  if (late || (!first && jumped)) {
    upkeep_.on_stood_still(now.at);
    clock_voices_.forget(now.at);
    twin_watch_.on_stood_still(now.at);
  }
  if (first) acquaintances_.begin(now.wall);
  last_look_ = now;
}

void Engine::on_timeout(Now now) {
  if (closed_) return;
  look_at_the_clock(now);
  if (const auto due = rpcs_.next_timeout(); due && now.at - *due > config_.slow_floor) {
    // This process stood still. What its peers said meanwhile has not been read yet, so the silence
    // is ours, not theirs.
    rpcs_.postpone(now.at - *due + config_.slow_floor);
  }
  while (auto due = rpcs_.poll_due(now.at)) {
    if (due->stage == Rpcs::Stage::failed) {
      blame(now, *due);
      fail(now, *due, Outcome::silent, "no answer");
      continue;
    }
    const bool slow = due->stage == Rpcs::Stage::slow;
    if (slow) {
      ++stats_.requests_slow;
    } else {
      suspects_.on_offence(now.at, due->peer.id());
    }
    if (const auto it = running_.find(due->op); it != running_.end()) {
      Operation& operation = *it->second.operation;
      slow ? operation.on_slow(now, due->peer) : operation.on_given_up(now, due->peer);
      drive(now, due->op);
    }
  }
  while (!deadlines_.empty() && deadlines_.begin()->first <= now.at) {
    const OpId op = deadlines_.begin()->second;
    finish(now, op, running_.at(op).operation->end(now, Errc::timeout));
  }
  while (!wakes_.empty() && wakes_.begin()->first <= now.at) {
    const OpId op = wakes_.begin()->second;
    running_.at(op).operation->on_timeout(now);
    drive(now, op);
  }
  if (watches_) watches_->peers.expire(now.at);
  settle(now);
}

void Engine::add_bootstrap(const Bootstrap& where) {
  if (bootstrap_.size() < kMaxBootstrap) bootstrap_.insert(where);
  has_way_in_ = true;
  find_due();
}

void Engine::add_acquaintance(Now now, const Acquaintance& one) {
  look_at_the_clock(now);
  if (one.contact.key == identity_.public_key() || one.contact.endpoints.empty()) return;
  if (table_.find(id_of(one.contact.key))) return;
  // A calendar of years ago is that of a machine whose clock has not been set yet. By it all that
  // was known would be as old, and be forgotten once it is right.
  const bool unset = now.wall < kSurelyPast;
  const WallTime proved = unset ? one.proved : std::min(one.proved, now.wall);
  acquaintances_.begin(proved);
  acquaintances_.add(proved, ContactHold(book_, one.contact));
  has_way_in_ = true;
  find_due();
}

// ---- outputs

std::optional<Outgoing> Engine::poll_outgoing() {
  if (outgoing_.empty()) return poll_push();
  return outgoing_.pop();
}

std::optional<Event> Engine::poll_event() { return events_.pop(); }

Stats Engine::stats() const {
  Stats out = stats_;
  out.table_size = table_.size();
  out.nodes_known = static_cast<std::uint64_t>(env_.known(last_look_.wall));
  out.records_held = store_.usage().records;
  out.bytes_held = store_.usage().bytes;
  if (watches_) out.watches_held = watches_->peers.size();
  out.operations_running = running_.size();
  out.rpcs_pending = rpcs_.size();
  return out;
}

// ---- operations

OpId Engine::begin(Now now, std::unique_ptr<Operation> operation, Running::Purpose purpose,
                   Duration timeout) {
  const OpId id = next_op_++;
  const TimePoint deadline = timeout < kForever ? now.at + timeout : TimePoint::max();
  if (timeout < kForever && !planted(Plant::forget_deadline)) deadlines_.emplace(deadline, id);
  if (purpose == Running::Purpose::user_join || purpose == Running::Purpose::enter) {
    ++stats_.bootstraps;
    upkeep_.on_join_started();
  }
  Running& running = running_[id] = Running{std::move(operation), deadline, {}, purpose};
  if (const Key* key = running.operation->watched()) begin_watch(*key, id);
  running.operation->start(now);
  drive(now, id);
  return id;
}

// Carries out what the operation wants until it rests, and ends it if it has its result.
void Engine::drive(Now now, OpId id) {
  Operation& op = *running_.at(id).operation;
  act(now, id);
  for (bool acted = true; acted; acted = act(now, id)) {
    while (auto item = op.poll_item()) events_.push(Item{id, *std::move(item)});
    if (auto result = op.poll_result(now)) {
      act(now, id);
      finish(now, id, *std::move(result));
      return;
    }
  }
  if (const auto commit = op.awaited_commit()) {
    const auto [first, last] = awaited_.equal_range(*commit);
    const bool known =
        std::any_of(first, last, [&](const auto& entry) { return entry.second == id; });
    if (!known) awaited_.emplace(*commit, id);
  }
  wake(id);
}

// Carries out what the operation wants now. Whether that was anything.
bool Engine::act(Now now, OpId id) {
  Operation& op = *running_.at(id).operation;
  bool acted = false;
  while (auto action = op.poll_action(now)) {
    acted = true;
    if (auto* request = std::get_if<Ask>(&*action)) {
      ask(now, id, std::move(*request));
    } else if (auto* dial = std::get_if<Dial>(&*action)) {
      outgoing_.push(std::move(*dial));
    } else {
      probe(now, id, std::get<Probe>(*action).where);
    }
  }
  return acted;
}

// Arranges for the operation's next on_timeout.
void Engine::wake(OpId id) {
  Running& running = running_.at(id);
  const auto when = running.operation->next_timeout();
  if (when == running.wake) return;
  if (running.wake) wakes_.erase({*running.wake, id});
  if (when) wakes_.emplace(*when, id);
  running.wake = when;
}

// The operation is over.
Engine::Running Engine::take(OpId id) {
  auto node = running_.extract(id);
  Running& running = node.mapped();
  deadlines_.erase({running.deadline, id});
  if (running.wake) wakes_.erase({*running.wake, id});
  if (const Key* key = running.operation->watched()) end_watch(*key, id);
  rpcs_.orphan(id);
  ++stats_.operations_done;
  return std::move(running);
}

void Engine::finish(Now now, OpId id, OpResult result) {
  const Running running = take(id);
  const bool ok = std::visit([](const auto& r) { return r.ok(); }, result);
  switch (running.purpose) {
    case Running::Purpose::search:
      upkeep_.on_search_ended();
      return;
    case Running::Purpose::republish:
    case Running::Purpose::renew:
      upkeep_.on_republish_ended(now.at, !ok && running.purpose == Running::Purpose::renew);
      if (ok) ++stats_.republished;
      return;
    case Running::Purpose::restore:
      on_restored(now, std::get<Result<Found>>(result));
      return;
    case Running::Purpose::sync:
      on_synced(result);
      return;
    case Running::Purpose::enter:
    case Running::Purpose::user_join:
      upkeep_.on_join_ended(now.at, ok);
      if (!ok) {
        notice(now, Notice::Level::warning, "join_failed",
               std::get<Result<Closest>>(result).error().text() + "; trying again in a while");
      } else if (table_.empty()) {
        notice(now, Notice::Level::info, "alone", "no other node is known");
      } else {
        notice(now, Notice::Level::info, "joined",
               "entered the network; the table holds " + std::to_string(table_.size()));
      }
      if (running.purpose == Running::Purpose::enter) return;
      break;
    case Running::Purpose::user:
      break;
  }
  events_.push(Completed{id, std::move(result)});
}

// Every way in, in another order each time, since the first of them may all be dead: those that
// were told and those who were lost within a day, then those who were lost before.
JoinRequest Engine::ways_in(Now now) {
  std::vector<Bootstrap> out = config_.bootstrap;
  out.insert(out.end(), bootstrap_.begin(), bootstrap_.end());
  const std::size_t told = out.size();
  const auto& lost = acquaintances_.entries();
  const auto lately = static_cast<std::ptrdiff_t>(lost.size() - acquaintances_.count(now.wall));
  std::size_t first = 0;
  const auto shuffle = [&] {
    for (std::size_t i = out.size(); i > first + 1; --i) {
      std::swap(out[i - 1], out[first + prng_.below(i - first)]);
    }
    first = out.size();
  };
  const auto add = [&](auto begin, auto end) {
    for (; begin != end; ++begin) {
      for (const Endpoint& where : begin->contact->endpoints) {
        out.push_back({where, begin->contact->key});
      }
    }
    shuffle();
  };
  add(lost.begin() + lately, lost.end());
  add(lost.begin(), lost.begin() + lately);
  return {std::move(out), told};
}

// A search for the own id that also tries one of those who were lost, and a few of all ways in.
// After a partition each side has dropped the other from its tables, and the lost may be gone for
// good by then; so they find together again.
std::unique_ptr<Operation> Engine::meeting(Now now) {
  std::vector<Bootstrap> ways = ways_in(now).bootstrap;
  if (const auto& lost = acquaintances_.entries(); !lost.empty()) {
    const Contact& one = *lost[prng_.below(lost.size())].contact;
    ways.insert(ways.begin(), Bootstrap{one.endpoints.front(), one.key});
  }
  ways.resize(std::min(ways.size(), static_cast<std::size_t>(config_.alpha)));
  return make_operation(env_, JoinRequest{std::move(ways)});
}

void Engine::run_upkeep(Now now) {
  while (auto job = upkeep_.poll(now.at)) {
    if (std::holds_alternative<Upkeep::Enter>(*job)) {
      begin(now, make_operation(env_, ways_in(now)), Running::Purpose::enter,
            config_.operation_timeout);
    } else if (const auto* search = std::get_if<Upkeep::Search>(&*job)) {
      auto operation = search->target == identity_.id()
                           ? meeting(now)
                           : make_operation(env_, FindNodeRequest{search->target});
      begin(now, std::move(operation), Running::Purpose::search, config_.operation_timeout);
    } else if (std::holds_alternative<Upkeep::Check>(*job)) {
      std::vector<ContactHold> oldest;
      for (const ContactRef contact : table_.oldest()) oldest.emplace_back(book_, contact);
      for (ContactHold& contact : oldest) ask(now, 0, Ask{std::move(contact), wire::Ping{}});
    } else if (std::holds_alternative<Upkeep::Prove>(*job)) {
      table_.begin_round();
    } else {
      republish(now, std::get<Upkeep::Republish>(*job).key);
    }
  }
}

// What follows from any input: contacts to check, upkeep that fell due, records that expired.
void Engine::settle(Now now) {
  while (const auto contact = table_.poll_check()) {
    ask(now, 0, Ask{ContactHold(book_, *contact), wire::Ping{}});
  }
  run_twin_watch(now);
  run_upkeep(now);
  // At most half of the dial-backs, so that who connects finds room.
  while (2 * dial_backs_ < config_.limits.probes) {
    const auto contact = table_.poll_unproved();
    if (!contact) break;
    dial_back(now, book_.contact(*contact));
  }
  run_sync(now);
  expiry_due_.reset();
  if (const auto expiry = store_.next_expiry()) {
    if (*expiry <= now.wall && next_expire_ <= now.at) {
      store_.expire(now, kExpireBatch);
      next_expire_ = now.at + kExpirePause;
    }
    expiry_due_ = std::max<TimePoint>(now.at + (*expiry - now.wall), next_expire_);
  }
  if (store_.usage().own > 0) {
    const TimePoint look = now.at + kCalendarLook;
    expiry_due_ = std::min(expiry_due_.value_or(look), look);
  }
  tell_of_unreadable(now);
  find_due();
}

void Engine::find_due() {
  due_.reset();
  if (closed_) return;
  due_ = rpcs_.next_timeout();
  const auto consider = [&](std::optional<TimePoint> at) {
    if (at) due_ = due_ ? std::min(*due_, *at) : *at;
  };
  if (!deadlines_.empty()) consider(deadlines_.begin()->first);
  if (!wakes_.empty()) consider(wakes_.begin()->first);
  if (watches_) consider(watches_->peers.next_timeout());
  consider(upkeep_.next_timeout());
  consider(sync_plan_.next_timeout());
  consider(twin_watch_.next_timeout());
  consider(expiry_due_);
}

// ---- requests of ours

void Engine::ask(Now now, OpId op, Ask request, bool wanted) {
  if (rpcs_.size() >= config_.limits.pending_rpcs) {
    ++stats_.pending_full;
    if (op != 0) {
      running_.at(op).operation->on_failed(now, request.to, Outcome::busy,
                                           "too many requests of this node await an answer");
    }
    return;
  }
  ++stats_.requests_sent;
  const auto* stores = std::get_if<wire::Store>(&request.request);
  const bool store = stores != nullptr;
  Rpcs::Pending pending;
  pending.peer = request.to;
  pending.op = op;
  pending.sent = now.at;
  pending.store = store;
  const Patience patience = patience_for(pending);
  pending.slow_at = now.at + patience.slow;
  pending.give_up_at = now.at + patience.give_up;
  pending.fail_at = std::max(now.at + config_.rpc_timeout, pending.give_up_at);
  pending.known = table_.find(request.to.id()).has_value();
  if (store) pending.expiry = stores->record.expiry;
  pending.wanted = wanted;
  if (wanted) sync_plan_.on_sent();
  const std::uint64_t id = rpcs_.add(std::move(pending));
  // Who is asked may have moved since the operation heard of it.
  const ContactRef to = table_.find_healthy(request.to.id()).value_or(request.to.ref());
  outgoing_.push(Transmit{book_.contact(to), wire::Message{id, std::move(request.request)}});
}

// How long an answer may take, by what was measured.
Engine::Patience Engine::patience_for(const Rpcs::Pending& request) const {
  // Dialling takes two round trips more, and the floor is for what a dial costs besides. A search
  // ends without the peer three quarters of a round trip later: it may be farther away than most.
  Duration slow = config_.slow_initial;
  Duration give_up = unmeasured_;
  if (any_rtt_.measured()) {
    slow = 3 * any_rtt_.timeout() + config_.slow_floor;
    give_up += slow + any_rtt_.timeout() * 3 / 4;
  }
  Duration store{};
  if (const Rtt* own = table_.rtt(request.peer.id()); own != nullptr && own->measured()) {
    // Its connection may have closed in idleness. A peer is rarely measured, so one bad moment of
    // long ago may still be in its estimate, but not in that of all.
    const Duration expected = own->timeout() + 2 * own->mean();
    slow = std::min(slow, expected);
    give_up = std::min(give_up, expected);
    if (request.store) store = slow + kCommitting;
  } else if (request.store) {
    // It may not even exist, so less patience: another takes its place, and it counts if it answers
    // after all.
    store = any_store_.measured() ? any_store_.timeout() : kCommitting;
  }
  return {std::clamp(slow + store, config_.slow_floor, config_.slow_cap),
          std::clamp(give_up + store, config_.slow_floor,
                     std::max(config_.slow_cap, config_.rpc_timeout))};
}

void Engine::fail(Now now, const Rpcs::Pending& request, Outcome outcome,
                  const std::string& detail) {
  ++stats_.requests_failed;
  if (request.wanted) sync_plan_.on_send_ended();
  const auto it = running_.find(request.op);
  if (it == running_.end()) return;
  it->second.operation->on_failed(now, request.peer, outcome, detail);
  drive(now, request.op);
}

void Engine::blame(Now now, const Rpcs::Pending& request) {
  if (suspects_.on_failure(now.at, request.sent, request.peer.id())) on_dead(now, request.peer);
}

void Engine::on_reply(Now now, const Peer& from, wire::Message& message) {
  const auto pending = rpcs_.take(message.request, from.contact.key);
  if (!pending) {
    ++stats_.replies_unsolicited;
    if (planted(Plant::believe_unsolicited)) {
      ++stats_.replies_received;
      on_contact(now, from, true, std::nullopt);
      if (!running_.empty()) {
        running_.begin()->second.operation->on_answer(now, ContactHold(book_, from.contact),
                                                      message.body);
      }
    }
    return;
  }
  ++stats_.replies_received;
  learn_of_clock(now, from, *pending, message.body);
  if (pending->wanted) sync_plan_.on_send_ended();
  const Duration elapsed = now.at - pending->sent;
  // A store waits for a disk too, a stranger may have had to be dialled first, and if it took
  // longer than a request can, this process stood still.
  const bool measures = pending->known && !pending->store && elapsed <= config_.rpc_timeout;
  if (pending->store && pending->known && elapsed <= config_.rpc_timeout) any_store_.add(elapsed);
  if (measures) {
    any_rtt_.add(elapsed);
    unmeasured_ /= 2;
    // What was learned since they were sent counts for those that were sent with this one.
    rpcs_.hasten(pending->op, [&](const Rpcs::Pending& other) {
      const Patience patience = patience_for(other);
      // Not in the past, which would look as if this process had stood still.
      return Rpcs::Deadlines{std::max(now.at, other.sent + patience.slow),
                             std::max(now.at, other.sent + patience.give_up)};
    });
  }
  suspects_.on_answer(pending->peer.id());
  on_contact(now, from, true, measures ? std::optional(elapsed) : std::nullopt);
  look_for_twin(now, from, message.body);
  const auto it = running_.find(pending->op);
  if (it == running_.end()) return;
  it->second.operation->on_answer(now, pending->peer, message.body);
  drive(now, pending->op);
}

void Engine::misbehaved(Now now, const Peer& from, std::string_view what,
                        const std::string& detail) {
  suspects_.on_offence(now.at, id_of(from.contact.key), true);
  notice(now, Notice::Level::warning, what, from.contact.text() + ": " + detail);
  outgoing_.push(Drop{from.contact.key});
}

// Bounded for each kind, since peers cause some of them and a log costs disk.
void Engine::notice(Now now, Notice::Level level, std::string_view what, std::string detail) {
  Quota& quota = notices_[what];
  if (now.at >= quota.renewed + kNoticePeriod) quota = Quota{now.at, 0};
  if (++quota.used > kNotices) {
    ++stats_.notices_dropped;
    return;
  }
  events_.push(Notice{level, what, std::move(detail)});
}

}  // namespace kadmos
