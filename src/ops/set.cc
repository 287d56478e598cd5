// set, del, put, provide, unprovide and republishing: find the closest nodes, then store on them
// and count. A walk finds the nodes (and, for a new version, the highest sequence they hold); the
// record is signed; the target nearest of those that answered, this node among them if it is near
// enough, are asked to store. One that fails, is slow or says busy is replaced by the next nearest,
// for which the walk goes on a little further out; not for ever, since a record that so many refuse
// is refused. It ends when every node asked has answered, slow ones aside once w have made it
// durable.
//
// Nodes may know of a newer version that no walk finds, since it expired there. If they keep a new
// version from its quorum it is signed once more, with the lowest sequence that so many would take.
//
// A set that expects a sequence stores under that condition: of several that expect the same only
// one can get a quorum. The others may have reached a few replicas first, with a version of the
// same sequence that would win by its digest. Whoever sees one stores its value once more, under
// the next sequence, before it answers.
#include <algorithm>
#include <map>

#include "base/check.h"
#include "base/plant.h"
#include "ops/quorum.h"
#include "ops/replies.h"
#include "ops/requests.h"
#include "ops/walk.h"

namespace kadmos {
namespace {

// Nobody writes a name so often.
constexpr std::uint64_t kMostRaise = std::uint64_t{1} << 32;

const char* verb_of(const Record& record) {
  const auto announcement = announced(record);
  return !announcement ? "put " : announcement->withdrawn ? "unprovide " : "provide ";
}

class SetOp final : public Operation {
 public:
  SetOp(const OpEnv& env, SetRequest request)
      : env_(env),
        owner_(request.owner != nullptr ? *request.owner : env.identity),
        ttl_(request.ttl),
        own_(request.own && request.owner == nullptr),
        verb_(request.tombstone ? "del " : "set "),
        new_version_(true),
        expects_(request.if_sequence),
        key_(owned_key(owner_.public_key(), request.name)),
        walk_(env, key_, env.config.k, wire::FindValue{key_}),
        via_(std::move(request.via)) {
    record_.type = request.tombstone ? RecordType::tombstone : RecordType::owned;
    record_.owner = owner_.public_key();
    record_.name = std::move(request.name);
    record_.value = std::move(request.value);
  }
  SetOp(const OpEnv& env, PublishRequest request)
      : env_(env),
        owner_(env.identity),
        own_(request.own),
        verb_(verb_of(request.record)),
        new_version_(false),
        record_(std::move(request.record)),
        key_(key_of(record_)),
        walk_(env, key_, env.config.k, wire::FindNode{key_}),
        via_(std::move(request.via)) {}

  void start(Now now) override {
    walk_.start(now, std::exchange(via_, {}));
    if (new_version_) look_here();
  }

  std::optional<Action> poll_action(Now now) override {
    if (!storing_) return walk_.poll_action(now);
    if (lacking() <= 0) return std::nullopt;
    if (next_ >= pool_.size()) {
      walk_.lookup().set_width(static_cast<int>(walk_.lookup().answered_count()) + lacking());
      return walk_.poll_action(now);
    }
    const ContactHold& peer = pool_[next_++];
    log_.asked(now.at, peer);
    in_flight_.emplace(peer.id(), false);
    ++waiting_;
    return Action(Ask{peer, wire::Store{record_, condition()}});
  }

  void on_answer(Now now, const ContactHold& from, wire::Body& reply) override {
    const auto stored = in_flight_.find(from.id());
    if (stored == in_flight_.end()) {
      on_walk_answer(now, from, reply);
      return;
    }
    if (const auto* ok = std::get_if<wire::Stored>(&reply)) {
      settle(stored);
      on_stored(now, from.id(), *ok);
      return;
    }
    settle(stored);
    if (planted(Plant::count_refused_store)) return on_stored(now, from.id(), wire::Stored{});
    Refusal refusal = refusal_in(reply);
    log_.ended(now.at, from.id(), refusal.outcome, std::move(refusal.detail));
  }

  void on_slow(Now now, const ContactHold& from) override {
    const auto stored = in_flight_.find(from.id());
    if (stored == in_flight_.end()) {
      walk_.on_slow(now, from);
      return;
    }
    if (std::exchange(stored->second, true)) return;
    --waiting_;
    ++slow_;
    log_.ended(now.at, from.id(), Outcome::silent);
  }

  void on_failed(Now now, const ContactHold& from, Outcome outcome,
                 const std::string& detail) override {
    const auto stored = in_flight_.find(from.id());
    if (stored == in_flight_.end()) {
      walk_.on_failed(now, from, outcome, detail);
      return;
    }
    settle(stored);
    log_.ended(now.at, from.id(), outcome, detail);
  }

  void on_committed(Now now, CommitId id, bool ok) override {
    if (!local_ || local_ != id) return;
    local_.reset();
    --waiting_;
    const ContactHold self(env_.book, env_.self());
    log_.ended(now.at, self.id(), ok ? Outcome::durable : Outcome::refused,
               ok ? "" : "this node's storage failed")
        .sequence = record_.sequence;
    if (ok) ++good_;
  }

  std::optional<CommitId> awaited_commit() const override { return local_; }

  std::optional<OpResult> poll_result(Now now) override {
    if (!storing_) {
      if (!walk_.lookup().done()) return std::nullopt;
      if (walk_.cut_off()) {
        return OpResult(Result<Receipt>(walk_.nobody(name())));
      }
      if (new_version_) look_here();  // another set of this node may have come first
      // Of a version that expired only the replicas may know.
      if (expects_ && highest_ > 0 && highest_ != *expects_) {
        return OpResult(Result<Receipt>(walk_.error(
            Errc::conflict, name(), instead_of_expected(highest_) + "; nothing was stored")));
      }
      begin_storing(now);
    }
    const bool more = next_ < pool_.size() || !walk_.lookup().done();
    if (waiting_ > 0 || (more && lacking() > 0)) return std::nullopt;
    if (stands()) return OpResult(Result<Receipt>(acknowledge(now)));
    // Those too slow to wait for are waited for if there is no quorum without them.
    const bool late = slow_ > 0 || walk_.lookup().slow_count() > 0;
    if (late) return std::nullopt;
    if (sign_again()) {
      sign_and_store(now);
      return poll_result(now);
    }
    const bool conflict = expects_ && superseded_ > spare();
    return OpResult(Result<Receipt>(missed(now, conflict ? Errc::conflict : Errc::quorum_not_met)));
  }

  OpResult end(Now now, Errc code) override {
    if (!storing_) {
      return Result<Receipt>(walk_.error(
          code, name(), "ended before the closest nodes were found; nothing was stored"));
    }
    if (stands()) return Result<Receipt>(acknowledge(now));
    return Result<Receipt>(missed(now, code));
  }

 private:
  std::string name() const { return verb_ + key_.short_hex(); }

  // Replicas that nobody is at work on yet, as long as it is worth asking more nodes.
  int lacking() const {
    if (static_cast<int>(next_) >= 2 * target_) return 0;
    return target_ - good_ - superseded_ - waiting_;
  }

  void on_walk_answer(Now now, const ContactHold& from, const wire::Body& reply) {
    const auto* nodes = std::get_if<wire::Nodes>(&reply);
    const Record* held = nodes != nullptr && nodes->record ? &*nodes->record : nullptr;
    // Only a record that would raise the sequence needs its signature checked.
    if (new_version_ && held != nullptr && held->sequence > highest_) {
      if (auto valid = verify(*held, key_, env_.config.network); !valid) {
        ++env_.stats.records_invalid;
        walk_.on_invalid(now, from, valid.error().detail);
        return;
      }
      highest_ = held->sequence;
    }
    const bool alive = walk_.on_answer(now, from, reply) != nullptr;
    // Too late to say where to store, but one more to store on.
    if (alive && storing_) pool_.push_back(from);
  }

  void look_here() { highest_ = std::max(highest_, env_.store.last_sequence(key_)); }

  void begin_storing(Now now) {
    storing_ = true;
    hops_ = walk_.lookup().hops();
    for (const ContactRef contact : walk_.lookup().answered(env_.config.limits.shortlist)) {
      pool_.emplace_back(env_.book, contact);
    }
    target_ = walk_.target();
    if (expects_) highest_ = *expects_;
    sign_and_store(now);
  }

  void sign_and_store(Now now) {
    const bool member = !env_.config.client;
    if (new_version_) {
      record_.sequence = highest_ + 1;
      record_.expiry = now.wall + ttl_;
      sign(record_, owner_, env_.config.network);
    }
    const auto last = static_cast<std::size_t>(target_) - 1;
    const bool near =
        member && (pool_.size() <= last || closer(key_, env_.identity.id(), pool_[last].id()));
    store_locally(now, near);
  }

  // Of the stores: what a replica may hold. Nobody comes between, the second time either.
  std::optional<std::uint64_t> condition() const {
    return expects_ ? std::optional(record_.sequence - 1) : std::nullopt;
  }
  // How many replicas may do without it.
  int spare() const { return target_ - write_quorum(target_); }
  // A replica has another version of the sequence expected next.
  bool rivalled() const {
    return expects_ && !again_ && std::ranges::count(claims_, record_.sequence) > 0;
  }
  bool stands() const { return good_ >= write_quorum(target_) && !rivalled(); }

  // Whether a higher sequence would make the quorum, or outdo rivals; then everybody is to be asked
  // again, once.
  bool sign_again() {
    if (!new_version_ || again_) return false;
    if (expects_) {
      if (good_ < write_quorum(target_)) return false;
      highest_ = record_.sequence;
    } else if (const auto claim = sequence_to_exceed()) {
      highest_ = *claim;
    } else {
      return false;
    }
    again_ = true;
    next_ = 0;
    good_ = superseded_ = 0;
    claims_.clear();
    log_ = {};
    return true;
  }

  // What less than a quorum claims to hold does not count, nor what would use the sequences up: any
  // peer can claim any.
  std::optional<std::uint64_t> sequence_to_exceed() {
    const auto needed = static_cast<std::size_t>(write_quorum(target_) - good_);
    if (claims_.size() < needed) return std::nullopt;
    std::ranges::sort(claims_);
    const std::uint64_t claim = claims_[needed - 1];
    if (claim < record_.sequence || claim - record_.sequence > kMostRaise) return std::nullopt;
    return claim;
  }

  // An own record is kept here in any case, to be republished, unless it may come to a conflict; it
  // counts if this node is a replica.
  void store_locally(Now now, bool counts) {
    const bool own = own_ && !expects_;
    if (!counts && !own) return;
    const auto verdict = env_.store.offer(now, key_, record_, own, 0, condition());
    if (!counts) return;
    const ContactHold self(env_.book, env_.self());
    log_.asked(now.at, self);
    using Status = RecordStore::Status;
    if (verdict.status == Status::accepted || verdict.status == Status::extended) {
      if (verdict.commit) {
        local_ = verdict.commit;
        ++waiting_;
      } else {
        ++good_;
        log_.ended(now.at, self.id(), Outcome::extended).sequence = verdict.sequence;
      }
      return;
    }
    const Outcome outcome = verdict.status == Status::superseded ? Outcome::superseded
                            : verdict.status == Status::busy     ? Outcome::busy
                                                                 : Outcome::refused;
    if (outcome == Outcome::superseded) {
      ++superseded_;
      claims_.push_back(verdict.sequence);
    }
    log_.ended(now.at, self.id(), outcome, verdict.detail).sequence = verdict.sequence;
  }

  void on_stored(Now now, const Id& from, const wire::Stored& reply) {
    Outcome outcome = Outcome::durable;
    switch (reply.status) {
      case wire::StoreStatus::durable:
        ++good_;
        break;
      case wire::StoreStatus::extended:
        outcome = Outcome::extended;
        ++good_;
        break;
      case wire::StoreStatus::superseded:
        outcome = Outcome::superseded;
        ++superseded_;
        claims_.push_back(reply.sequence);
        break;
    }
    log_.ended(now.at, from, outcome).sequence = reply.sequence;
  }

  void settle(std::map<Id, bool>::iterator stored) {
    if (stored->second) {
      --slow_;
    } else {
      --waiting_;
    }
    in_flight_.erase(stored);
  }

  Receipt acknowledge(Now now) {
    if (expects_ && own_) env_.store.offer(now, key_, record_, true, 0);
    // It is to live as long as was said, and an earlier version not to outlive it.
    if (new_version_ && !own_) env_.store.disown(now, key_);
    return receipt(now);
  }

  Receipt receipt(Now now) const {
    Receipt out;
    out.key = key_;
    out.sequence = record_.sequence;
    out.expiry = record_.expiry;
    out.target = target_;
    out.quorum = write_quorum(target_);
    out.durable = good_;
    out.hops = hops_;
    out.elapsed = walk_.elapsed(now);
    out.replicas = log_.entries();
    return out;
  }

  // "sequence 7 was found where 5 was expected".
  std::string instead_of_expected(std::uint64_t found) const {
    return "sequence " + std::to_string(found) + " was found where " + std::to_string(*expects_) +
           " was expected";
  }

  Error missed(Now now, Errc code) {
    Receipt what = receipt(now);
    std::string detail;
    if (code == Errc::conflict) {
      // Some may claim too much, as many as may fail.
      std::ranges::sort(claims_);
      const auto at = claims_.size() - 1 - static_cast<std::size_t>(spare());
      detail = instead_of_expected(claims_[at]) + "; ";
    }
    detail += "durable on " + std::to_string(what.durable) + " of " + std::to_string(what.target) +
              " nodes, " + std::to_string(what.quorum) + " needed";
    if (superseded_ > 0) detail += "; " + std::to_string(superseded_) + " hold a newer version";
    Error error(code, std::move(detail));
    error.operation = name();
    error.asked = what.replicas;
    error.receipt = std::make_shared<const Receipt>(std::move(what));
    return error;
  }

  const OpEnv& env_;
  const Identity& owner_;
  std::chrono::milliseconds ttl_{};
  bool own_;
  std::string verb_;
  bool new_version_;
  std::optional<std::uint64_t> expects_;
  Record record_;
  Key key_;
  Walk walk_;
  std::vector<Contact> via_;

  std::uint64_t highest_ = 0;
  bool storing_ = false;
  int hops_ = 0;
  int target_ = 0;
  std::vector<ContactHold> pool_;  // those that answered, nearest first
  std::size_t next_ = 0;           // the first of them not asked to store yet
  std::map<Id, bool> in_flight_;   // store requests; true: slow
  std::optional<CommitId> local_;  // this node's own commit, if it is awaited
  int waiting_ = 0;                // in flight and not slow, the local commit included
  int slow_ = 0;
  int good_ = 0;  // durable or extended
  int superseded_ = 0;
  std::vector<std::uint64_t> claims_;  // the sequences of those versions
  bool again_ = false;                 // signed once more, because of them
  AskLog log_;
};

}  // namespace

std::unique_ptr<Operation> make_operation(const OpEnv& env, SetRequest request) {
  return std::make_unique<SetOp>(env, std::move(request));
}
std::unique_ptr<Operation> make_operation(const OpEnv& env, PublishRequest request) {
  return std::make_unique<SetOp>(env, std::move(request));
}

}  // namespace kadmos
