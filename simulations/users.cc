#include "simulations/users.h"

#include <algorithm>
#include <set>

#include "ops/quorum.h"
#include "simulations/random_times.h"
#include "wire/codec.h"

namespace kadmos::sim {

namespace {

// Operations end by their deadlines; whoever looks at them does so a little later.
constexpr Duration kGrace = std::chrono::milliseconds(1);

// How far names are from being equally popular: rank^-exponent in 32.32.
std::uint64_t weight(std::size_t rank, std::uint32_t zipf) {
  if (zipf == 0) return static_cast<std::uint64_t>(kFixedOne);
  const Fixed log = log2_of(static_cast<Fixed>(rank) * kFixedOne);
  return static_cast<std::uint64_t>(exp2_of(-log * zipf / 1000)) + 1;
}

}  // namespace

Users::Users(World& world, const Scenario& scenario, Crowd& crowd, Measurements& out, Prng prng,
             Violate violate)
    : world_(world),
      scenario_(scenario),
      crowd_(crowd),
      out_(out),
      prng_(prng),
      violate_(std::move(violate)) {
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < scenario_.workload.keys; ++i) {
    ledger_.add(prng_.next());
    popularity_.push_back(sum += weight(i + std::size_t{1}, scenario_.workload.zipf));
  }
}

// ---- Work

void Users::set_names() {
  for (std::size_t i = 0; i < ledger_.size(); ++i) set(crowd_.any(prng_), i);
}

void Users::work(bool on) {
  working_ = on;
  ++shift_;
  if (!on) return;
  for (const Kind kind : {Kind::lookup, Kind::get, Kind::set}) next(kind);
}

// Each kind of work comes at random times whose rate follows the number of nodes.
void Users::next(Kind kind) {
  const Workload& work = scenario_.workload;
  const std::uint32_t rate = kind == Kind::lookup ? work.lookups
                             : kind == Kind::get  ? work.gets
                                                  : work.sets;
  if (rate == 0 || (kind != Kind::lookup && ledger_.size() == 0)) return;
  const std::uint64_t per_hour = std::uint64_t{rate} * std::max<std::size_t>(crowd_.size(), 1);
  const Duration mean = Duration(std::chrono::hours(1)) / per_hour;
  world_.after(exponential(prng_, mean), [this, kind, shift = shift_] {
    if (shift != shift_) return;
    if (const NodeIndex at = crowd_.any(prng_); !world_.paused(at)) {
      if (kind == Kind::lookup) search(at, prng_.id());
      if (kind == Kind::get) get(at, any_name());
      if (kind == Kind::set) set(at, any_name());
    }
    next(kind);
  });
}

std::size_t Users::any_name() {
  const std::uint64_t point = prng_.below(popularity_.back());
  const auto at = std::ranges::upper_bound(popularity_, point);
  return static_cast<std::size_t>(at - popularity_.begin());
}

Users::OperationId Users::add(Kind kind, NodeIndex node) {
  const OperationId id = next_++;
  Operation& op = operations_[id];
  op.kind = kind;
  op.node = node;
  op.started = world_.now();
  op.measured = measuring_;
  op.whole = splits_ == 0 && world_.now() >= healed_;
  ++running_;
  return id;
}

void Users::search(NodeIndex at, const Key& target) {
  const OperationId id = add(Kind::lookup, at);
  Operation& op = operations_[id];
  op.target = target;
  if (op.measured && lookups_++ % std::max(scenario_.sample, 1U) == 0) {
    for (const NodeIndex i : crowd_.population().closest(target, 2)) {
      if (i != at && !op.closest) op.closest = i;
    }
    if (watched_.size() <= at) watched_.resize(at + std::size_t{1});
    if (op.closest) watched_[at].push_back(id);
  }
  op.future = world_.node(at).find_node(target).then(
      [this, id](Result<Closest> result) { on_searched(id, result); });
}

void Users::get(NodeIndex at, std::size_t name) {
  const OperationId id = add(Kind::get, at);
  Operation& op = operations_[id];
  const Ledger::Name& entry = ledger_.name(name);
  op.name = name;
  op.acked = entry.acked;
  if (const auto seen = entry.seen.find(at); seen != entry.seen.end()) op.seen = seen->second;
  op.future =
      world_.node(at).get(entry.key).then([this, id](Result<Found> result) { on_got(id, result); });
}

void Users::set(NodeIndex at, std::size_t name) {
  Ledger::Name& entry = ledger_.name(name);
  if (entry.busy) return;  // an owner speaks with one voice
  entry.busy = true;
  const OperationId id = add(Kind::set, at);
  Operation& op = operations_[id];
  op.name = name;
  op.attempt = entry.attempts++;
  const std::string value = Ledger::value_of(name, op.attempt, scenario_.workload.value_bytes);
  SetOptions options;
  options.owner = &entry.owner;
  op.future = world_.node(at)
                  .set(entry.name, view_of(value), options)
                  .then([this, id](Result<Receipt> result) { on_set(id, result); });
}

// ---- What came of it

std::string Users::text(const Operation& op) const {
  static constexpr const char* kNames[] = {"find_node", "get", "set"};
  std::string out = kNames[static_cast<std::size_t>(op.kind)];
  out +=
      op.kind == Kind::lookup ? " " + op.target.short_hex() : " of name " + std::to_string(op.name);
  return out + " through node " + std::to_string(op.node);
}

Verb* Users::end(Operation& op, const Error* error) {
  if (op.over) violate_("ends once", text(op) + " ended twice");
  op.over = true;
  --running_;
  op.whole = op.whole && splits_ == 0;
  const Duration elapsed = world_.now() - op.started;
  const bool aborted = error != nullptr && error->code == Errc::closed && !crowd_.is_up(op.node);
  if (!aborted && !op.excused && elapsed > scenario_.config.operation_timeout + kGrace) {
    violate_("ends by its deadline", text(op) + " took " + std::to_string(elapsed.count()) + " ns");
  }
  if (!op.measured) return nullptr;
  Verb& verb = op.kind == Kind::lookup ? out_.lookups
               : op.kind == Kind::get  ? out_.gets
                                       : out_.sets;
  if (aborted) {
    ++verb.aborted;
    return nullptr;
  }
  Slice& slice = out_.slices.back();
  ++slice.operations;
  if (error != nullptr) {
    ++verb.failed;
    ++slice.failures;
    return nullptr;
  }
  ++verb.succeeded;
  verb.elapsed.add(elapsed);
  return &verb;
}

void Users::on_searched(OperationId id, const Result<Closest>& result) {
  Operation& op = operations_.at(id);
  if (op.closest) std::erase(watched_[op.node], id);
  Verb* verb = end(op, result ? nullptr : &result.error());
  if (peace_ && result && !crowd_.has_strangers()) {
    const Population& all = crowd_.population();
    const std::size_t others = all.size() - (all.contains(world_.node(op.node).id()) ? 1 : 0);
    const std::size_t wanted = std::min(static_cast<std::size_t>(scenario_.config.k), others);
    found_at_peace_ += std::min(result->contacts.size(), wanted);
    wanted_at_peace_ += wanted;
  }
  if (verb == nullptr) return;
  verb->hops += static_cast<std::uint64_t>(result->hops);
  verb->rpcs += static_cast<std::uint64_t>(result->asked);
  out_.slices.back().hops += static_cast<std::uint64_t>(result->hops);
  if (!op.closest) return;
  const auto k = static_cast<std::size_t>(scenario_.config.k);
  std::vector<NodeIndex> found;
  for (const Contact& contact : result->contacts) {
    if (const auto i = world_.index_of(contact.key)) found.push_back(*i);
  }
  std::vector<NodeIndex> truth = crowd_.closest_of_all(op.target, k + 1);
  std::erase(truth, op.node);
  truth.resize(std::min(truth.size(), k));
  std::erase_if(truth, [this](NodeIndex i) { return !crowd_.is_up(i); });
  std::uint64_t recalled = 0;
  for (const NodeIndex i : truth) {
    recalled += static_cast<std::uint64_t>(std::ranges::count(found, i));
  }
  out_.to_recall += truth.size();
  out_.recalled += recalled;
  out_.slices.back().to_recall += truth.size();
  out_.slices.back().recalled += recalled;
}

void Users::on_got(OperationId id, const Result<Found>& result) {
  Operation& op = operations_.at(id);
  // What was never acknowledged may be missing.
  const bool expected = op.acked.has_value();
  const bool missing = !result && result.error().code == Errc::not_found;
  if (missing && !expected) op.measured = false;
  Verb* verb = end(op, result ? nullptr : &result.error());
  if (result) check_found(op, *result);
  if (missing) check_missing(op, result.error());
  if (verb == nullptr) return;
  verb->hops += static_cast<std::uint64_t>(result->hops);
  verb->rpcs += result->asked.size();
  Slice& slice = out_.slices.back();
  slice.hops += static_cast<std::uint64_t>(result->hops);
  slice.gets.add(world_.now() - op.started);
}

void Users::on_set(OperationId id, const Result<Receipt>& result) {
  Operation& op = operations_.at(id);
  Ledger::Name& entry = ledger_.name(op.name);
  entry.busy = false;
  Verb* verb = end(op, result ? nullptr : &result.error());
  if (!result) return;
  Ledger::Version version;
  version.sequence = result->sequence;
  version.quorum = result->quorum;
  // What counts is what the target nearest did that answered; less, if time was over while nearer
  // ones were asked.
  std::vector<Asked> answered = result->replicas;
  std::erase_if(answered, [](const Asked& asked) {
    return asked.outcome != Outcome::durable && asked.outcome != Outcome::extended &&
           asked.outcome != Outcome::superseded;
  });
  std::ranges::sort(answered, [&](const Asked& a, const Asked& b) {
    return closer(entry.key, id_of(a.peer.key), id_of(b.peer.key));
  });
  if (answered.size() > static_cast<std::size_t>(result->target)) {
    answered.erase(answered.begin() + result->target, answered.end());
  }
  for (const Asked& asked : answered) {
    if (asked.outcome == Outcome::superseded) continue;
    if (const auto i = world_.index_of(asked.peer.key)) version.replicas.push_back(*i);
  }
  if (result->durable < result->quorum ||
      version.replicas.size() < static_cast<std::size_t>(result->durable)) {
    violate_("receipts are honest", text(op) + " succeeded with " +
                                        std::to_string(result->durable) + " durable replicas of " +
                                        std::to_string(result->quorum));
  }
  // One that ended since its disk had the record may come back with it; one that did not run at all
  // while the set did cannot have said so.
  std::set<NodeIndex> living(version.replicas.begin(), version.replicas.end());
  std::erase_if(living, [&](NodeIndex i) {
    return !crowd_.ran_since(i, op.started) && !world_.cloned(i);  // or its clone may have
  });
  if (living.size() < static_cast<std::size_t>(result->durable)) {
    violate_("acknowledged sets rest on living nodes",
             text(op) + " succeeded with " + std::to_string(result->durable) +
                 " durable replicas, of which " + std::to_string(living.size()) +
                 " are different nodes that ran");
  }
  for (const NodeIndex i : version.replicas) {
    if (!crowd_.is_up(i)) continue;  // it may have lost its disk since
    if (world_.cloned(i)) continue;  // its clone may have answered
    const Stats stats = world_.node(i).stats();
    if (stats.records_evicted + stats.records_expired > 0) continue;  // or its place
    const auto held = world_.disk(i).record(entry.key);
    if (!held || held->record.sequence < version.sequence) {
      violate_("receipts are honest", text(op) + ": node " + std::to_string(i) +
                                          " is said to hold it durably and does not");
    }
  }
  if (!entry.acked) ++names_set_;
  if (op.whole) {
    entry.acks.emplace(world_.now(), version.sequence);
    entry.acked = std::move(version);
  } else if (entry.acked) {
    entry.acked->quorum = 0;  // superseded, by a version that promises less
  }
  if (verb == nullptr) return;
  verb->hops += static_cast<std::uint64_t>(result->hops);
  verb->rpcs += result->replicas.size();
}

void Users::check_found(const Operation& op, const Found& found) {
  Ledger::Name& entry = ledger_.name(op.name);
  const Record& record = found.record;
  const auto fault = ledger_.fault_in(op.name, record, scenario_.config.network);
  if (!fault.empty()) return violate_("values verify", text(op) + ": " + fault);
  std::uint64_t& seen = entry.seen[op.node];
  seen = std::max(seen, record.sequence);
  // With too few answers it is no more than it says to be; least of all if none is another's.
  const int others = found.answers - (found.local ? 1 : 0);
  if (!op.whole || found.answers < answers_wanted() || others == 0) return;
  const auto must_be = [&](const char* rule, std::uint64_t sequence, const char* why) {
    if (record.sequence >= sequence || !is_within_reach(entry, sequence, found.asked)) return;
    violate_(rule, text(op) + " gave sequence " + std::to_string(record.sequence) + ", but " +
                       std::to_string(sequence) + why);
  };
  must_be("sequences never go back", op.seen, " was given before");
  if (op.acked) must_be("acknowledged sets are read", op.acked->sequence, " was acknowledged");
}

// r, for those that there are.
int Users::answers_wanted() const {
  const auto k = static_cast<std::size_t>(scenario_.config.k);
  return read_quorum(static_cast<int>(std::min(k, crowd_.population().size())));
}

// A replica that this operation had nothing of: asked, but no answer came in time; or not asked,
// where liars may answer in such numbers that the honest are passed over.
bool Users::not_heard(NodeIndex i, const std::vector<Asked>& asked) const {
  const auto one =
      std::ranges::find(asked, world_.network().key(i), [](const Asked& a) { return a.peer.key; });
  if (one == asked.end()) return crowd_.has_strangers();
  return one->outcome == Outcome::silent || one->outcome == Outcome::unreachable;
}

// So few of the k closest nodes lack the version that they are too few to answer a get alone.
bool Users::is_within_reach(const Ledger::Name& name, std::uint64_t sequence,
                            const std::vector<Asked>& asked) const {
  const auto closest =
      crowd_.closest_of_all(name.key, static_cast<std::size_t>(scenario_.config.k));
  const auto lacking = std::ranges::count_if(closest, [&](NodeIndex i) {
    if (!crowd_.is_up(i) || world_.paused(i)) return true;  // an adversary, or it stands still
    const auto held = world_.disk(i).record(name.key);
    return not_heard(i, asked) || !held || held->record.sequence < sequence;
  });
  return lacking < read_quorum(static_cast<int>(closest.size()));
}

void Users::check_missing(const Operation& op, const Error& error) {
  const Ledger::Name& entry = ledger_.name(op.name);
  if (!op.acked || !op.whole || op.excused || op.acked->quorum == 0) return;
  // With too few answers it is no more than it says to be.
  const auto answered = std::ranges::count(error.asked, Outcome::absent, &Asked::outcome);
  if (answered < answers_wanted()) return;
  const auto closest =
      crowd_.closest_in_place(entry.key, static_cast<std::size_t>(scenario_.config.k));
  int gone = 0;
  for (const NodeIndex i : op.acked->replicas) {
    const auto held = world_.disk(i).record(entry.key);
    const bool holds = held && held->record.sequence >= op.acked->sequence;
    // An adversary may say that it keeps it, and be as good as gone.
    const bool there = crowd_.is_up(i) && !world_.paused(i) && !not_heard(i, error.asked);
    if (!holds || !there || std::ranges::find(closest, i) == closest.end()) ++gone;
  }
  if (gone >= op.acked->quorum) return;
  std::string replicas;
  for (const NodeIndex i : op.acked->replicas) replicas += " " + std::to_string(i);
  std::string asked;
  for (const Asked& one : error.asked) {
    const auto i = world_.index_of(one.peer.key);
    asked += " " + (i ? std::to_string(*i) : "nobody") + " " + std::string(name_of(one.outcome));
  }
  violate_("acknowledged sets are read", text(op) + ": " + error.detail + ", though only " +
                                             std::to_string(gone) + " of the replicas" + replicas +
                                             " are gone; asked:" + asked);
}

void Users::split(bool on) {
  splits_ += on ? 1 : -1;
  if (on) {
    if (splits_ == 1) split_since_ = world_.now();
    for (auto& [id, op] : operations_) op.whole = false;
    return;
  }
  // A contact that fails twice is dropped.
  if (world_.now() - split_since_ < 2 * scenario_.config.rpc_timeout) return;
  healed_ = world_.now() + scenario_.config.refresh_interval;
}

void Users::at_peace(bool on) {
  peace_ = on;
  // A few may go without those who are slow.
  if (!on && found_at_peace_ * 20 < wanted_at_peace_ * 17) {
    violate_("searches find k", "in peace they found " + std::to_string(found_at_peace_) + " of " +
                                    std::to_string(wanted_at_peace_) + " nodes, less than 85 %");
  }
}

void Users::excuse(NodeIndex node) {
  for (auto& [id, op] : operations_) {
    if (op.node == node) op.excused = true;
  }
}

void Users::sweep() {
  for (auto it = operations_.begin(); it != operations_.end();) {
    Operation& op = it->second;
    const Duration elapsed = world_.now() - op.started;
    if (!op.over && !op.excused && elapsed > scenario_.config.operation_timeout + kGrace) {
      violate_("ends by its deadline", text(op) + " has not ended");
      op.excused = true;
    }
    it = op.over ? operations_.erase(it) : std::next(it);
  }
}

// ---- The closest node of a sampled lookup

void Users::on_frame(NodeIndex from, NodeIndex to, ByteView frame) {
  const auto watched = [this](NodeIndex i) { return i < watched_.size() && !watched_[i].empty(); };
  if (!watched(from) && !watched(to)) return;
  const auto message = wire::decode(frame, scenario_.config.limits);
  if (!message) return;
  const auto* request = std::get_if<wire::FindNode>(&message->body);
  const NodeIndex asker = request != nullptr ? from : to;
  if (!watched(asker)) return;
  for (const OperationId id : watched_[asker]) {
    Operation& op = operations_.at(id);
    if (request != nullptr && to == *op.closest && request->target == op.target) {
      op.request = message->request;
    } else if (request == nullptr && from == *op.closest && op.request == message->request) {
      out_.closest.add(world_.now() - op.started);
      op.request.reset();
    }
  }
}

}  // namespace kadmos::sim
