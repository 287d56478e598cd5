// set, del, put, provide, unprovide and republishing: find the closest nodes, then store on them
// and count.
//
// The walk asks no more than it must. For a new version: r of the nearest, which show the sequence
// of every acknowledged one. For a record that is ready: two nodes so near to the key that they are
// likely to know all replicas, and that one liar does not lead it astray. Then the record is
// signed, and a round of stores goes to the nearest known, as many as the target lacks without this
// node. Each store says which nodes are known, and each reply names those nearer that are missing,
// which are asked too: so the round ends with the very nodes that a walk to the k nearest would
// have found. Who is likely to be a replica is dialled while the last are heard, since to dial
// takes longer than to store. One that fails, is slow or says busy is replaced by the next nearest;
// not for ever, since a record that so many refuse is refused. What counts is what the target
// nearest did that answered, this node among them if it is near enough.
//
// A replica may hold a newer version that r did not show, since its set failed. It proves that with
// its reply, and the set is signed once more above all that are proven, or the older one could
// outlive it. And nodes may know of a newer version that expired. If those keep a new version from
// its quorum it is signed once more, with the lowest sequence that so many would take.
//
// A set that expects a sequence looks at all k first, and stores under that condition: of several
// that expect the same only one can get a quorum. The others may have reached a few replicas first,
// with a version of the same sequence that would win by its digest. Whoever sees one stores its
// value once more, under the next sequence, before it answers.
//
// An own record that lapsed is stored only if the network knows nothing newer: r nodes are asked
// first, as for a new version, and what replicas prove or remember counts too. A newer version
// takes its place here; else, without a quorum, it lapses again, as one that was never signed anew.
//
// A set that reaches less than half of the nodes known in the last day is no success, however many
// of those few have it durably, unless it was told to accept that: the others may live on where it
// cannot reach them. Whoever reaches nobody stores nothing, unless it was told so.
#include <algorithm>

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
// Of whoever is near a key.
constexpr int kWitnesses = 2;
// What is said of a warning that keeps a set from being a success.
constexpr const char* kTooFew = ", too few unless accept-small is given";

const char* verb_of(const Record& record) {
  const auto announcement = announced(record);
  return !announcement ? "put " : announcement->withdrawn ? "unprovide " : "provide ";
}

// "12:03". Within a day that says which moment is meant.
std::string time_of_day(WallTime time) {
  const auto minutes = std::chrono::floor<std::chrono::minutes>(time.time_since_epoch()).count();
  const auto two_digits = [](std::int64_t n) {
    return std::string(n < 10 ? "0" : "") + std::to_string(n);
  };
  return two_digits(minutes / 60 % 24) + ":" + two_digits(minutes % 60);
}

class SetOp final : public Operation {
 public:
  SetOp(const OpEnv& env, SetRequest request)
      : env_(env),
        owner_(request.owner != nullptr ? *request.owner : env.identity),
        ttl_(request.ttl),
        own_(request.owner == nullptr ? request.own : Own::none),
        verb_(request.tombstone ? "del " : "set "),
        new_version_(true),
        expects_(request.if_sequence),
        or_older_(request.or_older),
        accept_small_(request.accept_small),
        key_(owned_key(owner_.public_key(), request.name)),
        walk_(env, key_, expects_ ? env.config.k : read_quorum(env.config.k),
              wire::FindValue{key_}),
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
        lapsed_(request.lapsed),
        record_(std::move(request.record)),
        accept_small_(request.accept_small),
        key_(key_of(record_)),
        walk_(env, key_, lapsed_ ? read_quorum(env.config.k) : std::min(kWitnesses, env.config.k),
              lapsed_ ? wire::Body(wire::FindValue{key_}) : wire::FindNode{key_}),
        via_(std::move(request.via)) {}

  void start(Now now) override {
    walk_.start(now, std::exchange(via_, {}));
    if (new_version_) {
      look_here();
    } else if (!lapsed_) {
      walk_.lookup().end_near(env_.table.own_bits(), kWitnesses);
    }
  }

  std::optional<Action> poll_action(Now now) override {
    if (storing_) {
      if (refused_enough()) return std::nullopt;
      set_width();
      auto& known = std::get<wire::Store>(walk_.request()).known;
      known.clear();
      for (const ContactRef peer : nearest(env_.config.k)) known.push_back(env_.book.top(peer));
    }
    auto action = walk_.poll_action(now);
    return action || storing_ ? std::move(action) : dial_likely();
  }

  void on_answer(Now now, const ContactHold& from, wire::Body& reply) override {
    if (planted(Plant::count_refused_store) && storing_ &&
        std::holds_alternative<wire::Failure>(reply)) {
      wire::Body accepted = wire::Stored{};
      return on_answer(now, from, accepted);
    }
    const auto* nodes = std::get_if<wire::Nodes>(&reply);
    const auto* stored = std::get_if<wire::Stored>(&reply);
    const auto* held = nodes != nullptr    ? &nodes->record
                       : stored != nullptr ? &stored->record
                                           : nullptr;
    if ((new_version_ || lapsed_) && held != nullptr && *held) {
      if (auto valid = consider(**held); !valid) {
        ++env_.stats.records_invalid;
        walk_.on_invalid(now, from, valid.error().detail);
        return;
      }
    }
    const bool counts = storing_ && walk_.lookup().awaits(from.ref());
    const bool taken = walk_.on_answer(now, from, reply);
    if (!counts) return;
    if (!taken) {
      ++refused_;
    } else if (stored->status == wire::StoreStatus::superseded) {
      claims_.push_back(stored->sequence);
    } else {
      durable_.push_back(from.ref());
    }
  }

  void on_slow(Now now, const ContactHold& from) override { walk_.on_slow(now, from); }
  void on_given_up(Now, const ContactHold& from) override { walk_.on_given_up(from); }

  void on_failed(Now now, const ContactHold& from, Outcome outcome,
                 const std::string& detail) override {
    walk_.on_failed(now, from, outcome, detail);
  }

  void on_committed(Now now, CommitId id, bool ok) override {
    if (local_ != id) return;
    end_here(now, ok ? Outcome::durable : Outcome::refused, record_.sequence,
             ok ? "" : "this node's storage failed");
  }

  std::optional<CommitId> awaited_commit() const override { return local_; }

  std::optional<OpResult> poll_result(Now now) override {
    if (!storing_) {
      if (!walk_.lookup().done()) return std::nullopt;
      const bool alone_is_enough = accept_small_ && !env_.config.client;
      if (walk_.cut_off() && !alone_is_enough) {
        return OpResult(Result<Receipt>(reached_nobody(now)));
      }
      if (new_version_) look_here();  // another set of this node may have come first
      if (newer_) return OpResult(Result<Receipt>(give_way(now)));
      // Of a version that expired only the replicas may know.
      const bool expected = !expects_ || highest_ == 0 || highest_ == *expects_ ||
                            (or_older_ && highest_ < *expects_);
      if (!expected) {
        return OpResult(Result<Receipt>(walk_.error(
            Errc::conflict, name(), instead_of_expected(highest_) + "; nothing was stored")));
      }
      begin_storing(now);
    }
    set_width();
    if (!settled()) return std::nullopt;
    if (newer_) return OpResult(Result<Receipt>(missed(now, Errc::conflict)));
    if (store_here_if_near(now)) return poll_result(now);
    const auto claimed = sequence_to_exceed();
    if (outdone_ && sign_again(now, std::max(*outdone_, claimed.value_or(0)))) {
      return poll_result(now);
    }
    if (stands()) return OpResult(acknowledge(now));
    // Those too slow to wait for are waited for if there is no quorum without them.
    if (walk_.lookup().has_slow()) return std::nullopt;
    if (claimed && sign_again(now, *claimed)) return poll_result(now);
    const bool conflict = expects_ && static_cast<int>(claims_.size()) > spare();
    return OpResult(Result<Receipt>(missed(now, conflict ? Errc::conflict : Errc::quorum_not_met)));
  }

  OpResult end(Now now, Errc code) override {
    if (!storing_) {
      return Result<Receipt>(walk_.error(
          code, name(), "ended before the closest nodes were found; nothing was stored"));
    }
    const bool outlived = newer_ || (outdone_ && !again_);
    if (stands() && !outlived) return acknowledge(now);
    return Result<Receipt>(missed(now, code));
  }

  void on_cancelled(Now) override {
    if (lapsed_ && storing_) env_.store.lapse(key_, record_, *lapsed_);
  }

 private:
  std::string name() const { return verb_ + key_.short_hex(); }

  // Nobody asks more than twice the replicas wanted to store what they refuse.
  bool refused_enough() const { return refused_ > env_.config.k; }
  // Everybody asked to store has answered, failed or is slow.
  bool settled() const {
    const Lookup& lookup = walk_.lookup();
    return !local_ && (lookup.done() || (refused_enough() && !lookup.waits()));
  }

  // Before it stores, while others are still heard: whoever is likely to be a replica, once.
  std::optional<Action> dial_likely() {
    if (!walk_.lookup().closing()) return std::nullopt;
    const auto k = static_cast<std::size_t>(env_.config.k);
    if (dialled_.size() == 2 * k) return std::nullopt;
    for (const ContactRef peer : walk_.lookup().unasked(k)) {
      if (std::ranges::count(dialled_, peer) > 0) continue;
      dialled_.push_back(peer);
      return Action(Dial{env_.book.contact(peer)});
    }
    return std::nullopt;
  }

  // A version of the name that a peer holds. Only if it is newer than what is known need its
  // signature be checked.
  Result<void> consider(const Record& held) {
    if (lapsed_) {
      if (order(held, newer_ ? *newer_ : record_) <= 0 || !is_newer(held)) return {};
      if (auto valid = verify(held, key_, env_.config.network); !valid) return valid;
      newer_ = held;
      return {};
    }
    if (storing_ ? expects_ || held.sequence < record_.sequence : held.sequence <= highest_) {
      return {};
    }
    if (auto valid = verify(held, key_, env_.config.network); !valid) return valid;
    if (!storing_) {
      highest_ = held.sequence;
    } else if (order(held, record_) > 0) {
      outdone_ = std::max(outdone_.value_or(0), held.sequence);
    }
    return {};
  }

  // A version, and not the same one signed to live longer.
  bool is_newer(const Record& held) const {
    return held.sequence > record_.sequence || equivocates(held, record_);
  }

  void look_here() { highest_ = std::max(highest_, env_.store.last_sequence(key_)); }

  void begin_storing(Now now) {
    storing_ = true;
    hops_ = walk_.lookup().hops();
    if (expects_) highest_ = *expects_;
    sign_and_store(now);
  }

  void sign_and_store(Now now) {
    if (new_version_) {
      record_.sequence = highest_ + 1;
      record_.expiry = now.wall + ttl_;
      sign(record_, owner_, env_.config.network);
    }
    stores_from_ = walk_.log().size();
    walk_.ask_again(env_.config.k, wire::Store{record_, condition()});
    if (!store_here_if_near(now) && own_ != Own::none && !keeps_later()) {
      env_.store.offer(now, key_, record_, own_, 0);
    }
  }

  // Whoever may still answer may be a replica too.
  int target() const { return walk_.target_of(walk_.lookup().possible_count()); }
  // It is own only once a quorum has it.
  bool keeps_later() const { return expects_ || lapsed_; }
  // Of the stores: what a replica may hold. Nobody comes between, the second time either.
  std::optional<std::uint64_t> condition() const {
    return expects_ ? std::optional(record_.sequence - 1) : std::nullopt;
  }
  // How many replicas may do without it.
  int spare() const { return target() - write_quorum(target()); }
  // Up to n of those that answered or may yet, nearest first.
  RecycledVector<ContactRef> nearest(int n) const {
    return walk_.lookup().possible(static_cast<std::size_t>(n));
  }
  // How many of the target nearest have made it durable, those included that may still answer.
  int good() const {
    int left = target();
    int out = 0;
    bool here = counts_here();
    for (const ContactRef peer : nearest(left)) {
      if (here && closer(key_, env_.identity.id(), env_.book.id(peer))) {
        out += durable_here() ? 1 : 0;
        here = false;
        --left;
      }
      if (left-- == 0) return out;
      out += static_cast<int>(std::ranges::count(durable_, peer));
    }
    return out + (here && left > 0 && durable_here() ? 1 : 0);
  }
  // A replica has another version of the sequence expected next.
  bool rivalled() const {
    return expects_ && !again_ && std::ranges::count(claims_, record_.sequence) > 0;
  }
  bool stands() const { return good() >= write_quorum(target()) && !rivalled(); }

  // Signs it once more, above `sequence`, for everybody.
  bool sign_again(Now now, std::uint64_t sequence) {
    if (!new_version_ || std::exchange(again_, true)) return false;
    highest_ = sequence;
    refused_ = 0;
    here_.reset();
    durable_.clear();
    claims_.clear();
    sign_and_store(now);
    return true;
  }

  // What less than a quorum claims to hold does not count, nor what would use the sequences up: any
  // peer can claim any.
  std::optional<std::uint64_t> sequence_to_exceed() {
    const int needed = write_quorum(target()) - good();
    if (expects_) return needed <= 0 ? std::optional(record_.sequence) : std::nullopt;
    if (needed <= 0) return std::nullopt;
    if (static_cast<int>(claims_.size()) < needed) return std::nullopt;
    std::ranges::sort(claims_);
    const std::uint64_t claim = claims_[static_cast<std::size_t>(needed) - 1];
    if (claim < record_.sequence || claim - record_.sequence > kMostRaise) return std::nullopt;
    return claim;
  }

  bool is_near() const {
    return walk_.lookup().nearer_than_self() < static_cast<std::size_t>(env_.config.k);
  }
  // Others that are to answer: one less if this node is one of the k nearest and does its part.
  void set_width() { walk_.set_width(env_.config.k - (counts_here() && is_near() ? 1 : 0)); }

  // This node is a replica if fewer than k others are nearer. Returns whether it has just become
  // one. Whom a liar named may have kept it from being one at first.
  bool store_here_if_near(Now now) {
    if (here_ || env_.config.client || !is_near()) return false;
    const auto verdict =
        env_.store.offer(now, key_, record_, keeps_later() ? Own::none : own_, 0, condition());
    const ContactHold self(env_.book, env_.self());
    walk_.log().asked(now.at, self);
    here_ = Outcome::stored;
    using Status = RecordStore::Status;
    switch (verdict.status) {
      case Status::accepted:
      case Status::extended:
        local_ = verdict.commit;
        if (!local_) end_here(now, Outcome::extended, verdict.sequence, {});
        break;
      case Status::superseded:
        claims_.push_back(verdict.sequence);
        end_here(now, Outcome::superseded, verdict.sequence, {});
        break;
      case Status::refused:
      case Status::busy:
        end_here(now, verdict.status == Status::busy ? Outcome::busy : Outcome::refused,
                 verdict.sequence, verdict.detail);
        break;
    }
    return true;
  }

  bool counts_here() const {
    return here_ && *here_ != Outcome::refused && *here_ != Outcome::busy;
  }
  bool durable_here() const { return here_ == Outcome::durable || here_ == Outcome::extended; }
  void end_here(Now now, Outcome outcome, std::uint64_t sequence, std::string detail) {
    local_.reset();
    here_ = outcome;
    const Id& self = env_.identity.id();
    walk_.log().ended(now.at, self, outcome, std::move(detail)).sequence = sequence;
  }

  // Whether less than half of the nodes known lately were reached, of as many as a set wants.
  bool is_small(Now now) const {
    return 2 * target() < std::min(env_.config.k, env_.known(now.wall));
  }

  // A quorum of those reached has it durably.
  Result<Receipt> acknowledge(Now now) {
    if (is_small(now) && !accept_small_) return missed(now, Errc::quorum_not_met);
    if (keeps_later() && own_ != Own::none) env_.store.offer(now, key_, record_, own_, 0);
    // It is to live as long as was said, and an earlier version not to outlive it.
    if (own_ == Own::until_expiry || (new_version_ && own_ == Own::none)) {
      env_.store.release(now, key_, own_);
    }
    return receipt(now);
  }

  // The network knows a newer version than the own one that lapsed: that is kept instead.
  Error give_way(Now now) {
    env_.store.offer(now, key_, *newer_, Own::none, 0);
    // A deletion has been said: whoever said it saw to that.
    if (newer_->type == RecordType::tombstone) env_.store.release(now, key_, Own::none);
    return walk_.error(
        Errc::conflict, name(),
        "a newer version, of sequence " + std::to_string(newer_->sequence) + ", is in the network");
  }

  Receipt receipt(Now now) const {
    Receipt out;
    out.key = key_;
    out.sequence = record_.sequence;
    out.expiry = record_.expiry;
    out.target = target();
    out.quorum = write_quorum(out.target);
    out.durable = good();
    out.known = env_.known(now.wall);
    out.known_since = env_.acquaintances.since(now.wall);
    out.warning = warning_of(out);
    out.hops = hops_;
    out.elapsed = walk_.elapsed(now);
    out.replicas = walk_.log().entries(stores_from_);
    return out;
  }

  // "reached 1 of 8 nodes known since 12:03 UTC"; nothing if it reached as many as there are, or as
  // it wants.
  std::string warning_of(const Receipt& receipt) const {
    if (receipt.target >= std::min(env_.config.k, receipt.known)) return {};
    std::string of = std::to_string(receipt.known) + " nodes";
    if (receipt.known > env_.config.k) {
      of = std::to_string(env_.config.k) + " nodes wanted, of " + std::to_string(receipt.known);
    }
    return "reached " + std::to_string(receipt.target) + " of " + of + " known since " +
           time_of_day(receipt.known_since) + " UTC";
  }

  // None of the others answered, if there are any. Whoever knew some lately says how many of them
  // it reached: itself.
  Error reached_nobody(Now now) const {
    Error error = walk_.nobody(name());
    Receipt what = receipt(now);
    if (env_.config.client || what.known < 2) return error;
    what.target = what.quorum = 1;
    what.warning = warning_of(what);
    error.code = Errc::quorum_not_met;
    error.detail = what.warning + kTooFew + "; nothing was stored, since " + error.detail;
    error.receipt = std::make_shared<const Receipt>(std::move(what));
    return error;
  }

  // "sequence 7 was found where 5 was expected".
  std::string instead_of_expected(std::uint64_t found) const {
    return "sequence " + std::to_string(found) + " was found where " + std::to_string(*expects_) +
           " was expected";
  }

  Error missed(Now now, Errc code) {
    if (lapsed_) env_.store.lapse(key_, record_, *lapsed_);
    if (newer_) return give_way(now);
    Receipt what = receipt(now);
    std::string detail;
    if (is_small(now) && !accept_small_) detail = what.warning + kTooFew + "; ";
    if (code == Errc::conflict) {
      // Some may claim too much, as many as may fail.
      std::ranges::sort(claims_);
      const auto at = claims_.size() - 1 - static_cast<std::size_t>(spare());
      detail += instead_of_expected(claims_[at]) + "; ";
    }
    detail += "durable on " + std::to_string(what.durable) + " of " + std::to_string(what.target) +
              " nodes, " + std::to_string(what.quorum) + " needed";
    const auto expired = std::ranges::count_if(what.replicas, [](const Asked& one) {
      return one.outcome == Outcome::refused && one.detail == RecordStore::kExpired;
    });
    if (expired > 0) {
      detail +=
          "; " + std::to_string(expired) + " call it expired: is the clock of this machine behind?";
    }
    if (!claims_.empty()) {
      detail += "; " + std::to_string(claims_.size()) + " hold a newer version";
    }
    Error error(code, std::move(detail));
    error.operation = name();
    error.asked = what.replicas;
    error.receipt = std::make_shared<const Receipt>(std::move(what));
    return error;
  }

  const OpEnv& env_;
  const Identity& owner_;
  std::chrono::milliseconds ttl_{};
  Own own_;
  std::string verb_;
  bool new_version_;
  std::optional<WallTime> lapsed_;  // an own record that lapsed then
  std::optional<std::uint64_t> expects_;
  bool or_older_ = false;
  Record record_;
  bool accept_small_;
  Key key_;
  Walk walk_;
  std::vector<Contact> via_;

  std::uint64_t highest_ = 0;
  RecycledVector<ContactRef> dialled_;  // only compared
  bool storing_ = false;
  int hops_ = 0;
  std::size_t stores_from_ = 0;           // the first store in the log of the walk
  std::vector<ContactRef> durable_;       // replicas, held by the lookup
  std::vector<std::uint64_t> claims_;     // the sequences of replicas that hold a newer version
  std::optional<std::uint64_t> outdone_;  // the highest of those that were proven
  int refused_ = 0;
  std::optional<Outcome> here_;    // if this node is a replica; stored: not durable yet
  std::optional<CommitId> local_;  // its own commit, if it is awaited
  bool again_ = false;             // signed once more
  std::optional<Record> newer_;    // than one that lapsed
};

}  // namespace

std::unique_ptr<Operation> make_operation(const OpEnv& env, SetRequest request) {
  return std::make_unique<SetOp>(env, std::move(request));
}
std::unique_ptr<Operation> make_operation(const OpEnv& env, PublishRequest request) {
  return std::make_unique<SetOp>(env, std::move(request));
}

}  // namespace kadmos
