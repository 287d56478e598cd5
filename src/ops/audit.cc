// audit: who holds a key. A walk of width k that asks for the value and waits, beyond the slowness
// of peers, until each node that may be among the k nearest has answered or failed; those who were
// silent lately are asked like all others. Then each of these nodes is told of with what it holds,
// and, if that is wanted, the newest version is stored on those of the k nearest that answered
// without it. Where the time is over before all have answered, they count as silent; the walk
// itself must have ended.
#include <map>
#include <set>

#include "ops/quorum.h"
#include "ops/replies.h"
#include "ops/requests.h"
#include "ops/walk.h"

namespace kadmos {
namespace {

class AuditOp final : public Operation {
 public:
  AuditOp(const OpEnv& env, const AuditRequest& request)
      : env_(env),
        key_(request.key),
        repair_(request.repair),
        walk_(env, key_, env.config.k, wire::FindValue{key_}) {
    walk_.ask_suspects();
  }

  void start(Now now) override { walk_.start(now); }

  std::optional<Action> poll_action(Now now) override {
    if (!repairs_.empty()) {
      Ask ask = std::move(repairs_.back());
      repairs_.pop_back();
      return Action(std::move(ask));
    }
    if (decided_) return std::nullopt;
    return walk_.poll_action(now);
  }

  void on_answer(Now now, const ContactHold& from, wire::Body& reply) override {
    if (Asked* repair = take_repair(now, from.id())) return on_stored(*repair, reply);
    slow_.erase(from.id());
    if (decided_) return;
    const auto* nodes = std::get_if<wire::Nodes>(&reply);
    const Record* record = nodes != nullptr && nodes->record ? &*nodes->record : nullptr;
    if (record != nullptr && !(newest_ && *record == *newest_)) {
      if (auto valid = verify(*record, key_, env_.config.network); !valid) {
        ++env_.stats.records_invalid;
        return walk_.on_invalid(now, from, valid.error().detail);
      }
    }
    if (!walk_.on_answer(now, from, reply) || record == nullptr) return;
    if (has_expired(env_, now, *record)) {
      walk_.log().ended(now.at, from.id(), Outcome::absent).sequence = 0;
      return;
    }
    consider(*record);
    held_.insert_or_assign(from.id(), *record);
  }
  void on_slow(Now now, const ContactHold& from) override {
    if (storing_.contains(from.id())) return;  // it is waited for all the same
    slow_.insert(from.id());
    if (!decided_) walk_.on_slow(now, from);
  }
  void on_given_up(Now, const ContactHold& from) override {
    if (!decided_ && !storing_.contains(from.id())) walk_.on_given_up(from);
  }
  void on_failed(Now now, const ContactHold& from, Outcome outcome,
                 const std::string& detail) override {
    if (Asked* repair = take_repair(now, from.id())) {
      repair->outcome = outcome;
      repair->detail = detail;
      return;
    }
    slow_.erase(from.id());
    if (!decided_) walk_.on_failed(now, from, outcome, detail);
  }

  void on_committed(Now now, CommitId id, bool ok) override {
    if (local_ != id) return;
    local_.reset();
    Asked& repair = *take_repair(now, env_.identity.id());
    repair.outcome = ok ? Outcome::durable : Outcome::refused;
    if (!ok) repair.detail = "this node's storage failed";
  }
  std::optional<CommitId> awaited_commit() const override { return local_; }

  std::optional<OpResult> poll_result(Now now) override {
    if (!decided_) {
      if (!walk_.lookup().done() || somebody_is_late()) return std::nullopt;
      if (walk_.cut_off()) return OpResult(Result<Audit>(walk_.nobody(name())));
      decide(now);
      if (repair_) begin_repair(now);
    }
    if (!storing_.empty()) return std::nullopt;
    return OpResult(Result<Audit>(audit(now)));
  }

  OpResult end(Now now, Errc code) override {
    const bool walked = decided_ || (walk_.lookup().done() && !walk_.cut_off());
    if (code == Errc::timeout && walked) {
      if (!decided_) decide(now);
      return Result<Audit>(audit(now));
    }
    return Result<Audit>(walk_.error(code, name(),
                                     "ended before the " + std::to_string(env_.config.k) +
                                         " nodes nearest to the key were found"));
  }

 private:
  std::string name() const { return "audit " + key_.short_hex(); }

  void consider(const Record& record) {
    if (newest_ && equivocates(record, *newest_)) ++env_.stats.equivocations;
    if (!newest_ || order(record, *newest_) > 0) newest_ = record;
  }
  bool is_newest(const Record& record) const {
    return record.sequence == newest_->sequence && !equivocates(record, *newest_);
  }

  static bool answered(const Asked& asked) {
    return asked.outcome == Outcome::found || asked.outcome == Outcome::absent;
  }

  static bool has_it_now(const Asked& repair) {
    return repair.outcome == Outcome::durable || repair.outcome == Outcome::extended;
  }

  // Everybody who was asked, and this node if it can be a replica, by distance.
  std::map<Id, Asked> by_distance() const {
    std::map<Id, Asked> out;
    for (const Asked& asked : walk_.log().entries()) {
      out.insert_or_assign(id_of(asked.peer.key) ^ key_, asked);
    }
    if (!env_.config.client) {
      out[env_.identity.id() ^ key_] = {env_.self(), Outcome::absent, 0, {}, {}};
    }
    return out;
  }

  // Whether a slow node may yet turn out to be one of the k nearest.
  bool somebody_is_late() const {
    if (slow_.empty()) return false;
    int rank = 0;
    for (const auto& [distance, asked] : by_distance()) {
      if (slow_.contains(distance ^ key_)) return true;
      if (answered(asked) && ++rank == env_.config.k) break;
    }
    return false;
  }

  void decide(Now now) {
    decided_ = true;
    const Id& self = env_.identity.id();
    auto own = env_.store.find(now, key_);
    if (own && *own) {
      consider((*own)->record);
      held_.insert_or_assign(self, std::move((*own)->record));
    }
    for (auto& [distance, asked] : by_distance()) {
      const Id id = distance ^ key_;
      const auto held = held_.find(id);
      const bool holds = held != held_.end();
      if (out_.target == env_.config.k) {
        if (holds && is_newest(held->second)) ++out_.elsewhere;
        continue;
      }
      Replica& replica = out_.replicas.emplace_back();
      replica.state = std::move(asked);
      if (!answered(replica.state)) continue;
      replica.rank = ++out_.target;
      if (!own && id == self) replica.state.detail = own.error().detail;
      if (!holds) continue;
      replica.state.outcome = Outcome::found;
      replica.state.sequence = held->second.sequence;
      replica.expiry = held->second.expiry;
      replica.newest = is_newest(held->second);
    }
    // A client keeps what it publishes itself, though it is nobody's replica.
    if (env_.config.client && held_.contains(self) && is_newest(held_.at(self))) ++out_.elsewhere;
  }

  void begin_repair(Now now) {
    if (!newest_) return;
    for (std::size_t i = 0; i < out_.replicas.size(); ++i) {
      Replica& replica = out_.replicas[i];
      const Id id = id_of(replica.state.peer.key);
      const auto held = held_.find(id);
      const bool lacks = held == held_.end() || order(held->second, *newest_) < 0;
      if (replica.rank == 0 || !lacks) continue;
      replica.repair = Asked{replica.state.peer, Outcome::silent, 0, {}, {}};
      ++env_.stats.replicas_repaired;
      const bool here = id == env_.identity.id();
      if (here) {
        store_here(now, *replica.repair);
      } else {
        repairs_.push_back(Ask{ContactHold(env_.book, replica.state.peer), wire::Store{*newest_}});
      }
      if (!here || local_) storing_.emplace(id, Storing{i, now.at});
    }
  }

  void store_here(Now now, Asked& repair) {
    const auto verdict = env_.store.offer(now, key_, *newest_, Own::none, 0);
    repair.sequence = verdict.sequence;
    repair.detail = verdict.detail;
    using Status = RecordStore::Status;
    switch (verdict.status) {
      case Status::accepted:
      case Status::extended:
        local_ = verdict.commit;
        repair.outcome = Outcome::extended;  // unless a commit is to come
        break;
      case Status::superseded:
        repair.outcome = Outcome::superseded;
        break;
      case Status::busy:
        repair.outcome = Outcome::busy;
        break;
      case Status::refused:
        repair.outcome = Outcome::refused;
        break;
    }
  }

  // The repair under way at a node, which has ended; null if there is none.
  Asked* take_repair(Now now, const Id& id) {
    const auto at = storing_.find(id);
    if (at == storing_.end()) return nullptr;
    Asked& repair = *out_.replicas[at->second.replica].repair;
    repair.elapsed = now.at - at->second.since;
    storing_.erase(at);
    return &repair;
  }

  static void on_stored(Asked& repair, const wire::Body& reply) {
    if (const auto* stored = std::get_if<wire::Stored>(&reply)) {
      repair.sequence = stored->sequence;
      repair.outcome = outcome_of(stored->status);
      return;
    }
    Refusal refusal = refusal_in(reply);
    repair.outcome = refusal.outcome;
    repair.detail = std::move(refusal.detail);
  }

  Audit audit(Now now) {
    out_.key = key_;
    out_.newest = std::move(newest_);
    out_.quorum = write_quorum(out_.target);
    for (const Replica& replica : out_.replicas) {
      if (replica.newest || (replica.repair && has_it_now(*replica.repair))) ++out_.holding;
    }
    out_.hops = walk_.lookup().hops();
    out_.elapsed = walk_.elapsed(now);
    return std::move(out_);
  }

  struct Storing {
    std::size_t replica = 0;  // its place among the replicas
    TimePoint since{};
  };

  const OpEnv& env_;
  Key key_;
  bool repair_;
  Walk walk_;
  std::map<Id, Record> held_;  // what each node that holds anything holds
  std::optional<Record> newest_;
  std::set<Id> slow_;  // asked by the walk
  bool decided_ = false;
  Audit out_;
  std::vector<Ask> repairs_;       // to be sent
  std::map<Id, Storing> storing_;  // repairs under way, this node's own too
  std::optional<CommitId> local_;
};

}  // namespace

std::unique_ptr<Operation> make_operation(const OpEnv& env, AuditRequest request) {
  return std::make_unique<AuditOp>(env, request);
}

}  // namespace kadmos
