// get: the own store first, then a walk that asks for the value. Immutable content ends it with the
// first answer whose hash fits; since a key does not tell what it is of, the first node that is
// likely to hold its record is asked alone. Of an owned name the latest version among the r = k - w
// + 1 nearest answers is taken: as long as the k nearest nodes stay the same, any w replicas of an
// acknowledged set meet any r of them. Nothing found among r widens the walk to k, and
// then to those nearer whom it has reason to doubt, before it says "not found". Replicas found
// stale, and nodes found without a copy although a farther one has it, are mended after the answer.
// Who asks may want another number of answers than r, and a version that is not older than one they
// know of. A copy of this node that cannot be read is no absence: it is put back by what others
// have, and said to have failed if nobody has anything.
#include <algorithm>

#include "base/plant.h"
#include "ops/quorum.h"
#include "ops/replies.h"
#include "ops/requests.h"
#include "ops/walk.h"

namespace kadmos {
namespace {

class GetOp final : public Operation {
 public:
  GetOp(const OpEnv& env, GetRequest request)
      : env_(env),
        request_(std::move(request)),
        walk_(env, request_.key, request_.quorum.value_or(read_quorum(env.config.k)),
              wire::FindValue{request_.key}) {}

  void start(Now now) override {
    walk_.start(now, request_.via);
    auto held = env_.store.find(now, request_.key);
    if (!held) {
      unreadable_ = held.error();
      if (const auto known = env_.store.outline(request_.key)) own_ = known->own;
    }
    if (!held || !*held) {  // a disk that fails does not stop us from asking others
      // Who wants several answers or a late version asks for an owned name.
      const bool may_be_content = !request_.quorum && request_.min_sequence == 0;
      if (may_be_content) walk_.lookup().ask_one_first(env_.table.own_bits());
      return;
    }
    best_ = std::move((*held)->record);
    best_is_local_ = true;
    decided_ = ends_at_once();
  }

  std::optional<Action> poll_action(Now now) override {
    if (!repairs_.empty()) {
      Ask ask = std::move(repairs_.back());
      repairs_.pop_back();
      return Action(std::move(ask));
    }
    if (decided_) return std::nullopt;
    Lookup& lookup = walk_.lookup();
    if (!has_it() && lookup.width() < env_.config.k && lookup.done()) {
      lookup.set_width(env_.config.k);
    }
    if (!has_it() && lookup.done()) walk_.ask_all_known(now);
    return walk_.poll_action(now);
  }

  void on_answer(Now now, const ContactHold& from, wire::Body& reply) override {
    auto* nodes = std::get_if<wire::Nodes>(&reply);
    Record* record = nodes != nullptr && nodes->record ? &*nodes->record : nullptr;
    if (record != nullptr && !(best_ && *record == *best_) && !planted(Plant::skip_signature)) {
      if (auto valid = verify(*record, request_.key, env_.config.network); !valid) {
        ++env_.stats.records_invalid;
        walk_.on_invalid(now, from, valid.error().detail);
        return;
      }
    }
    if (!walk_.on_answer(now, from, reply)) return;
    if (record != nullptr && has_expired(env_, now, *record)) record = nullptr;
    if (record == nullptr) {
      answers_.push_back({from, Holds::nothing});
      return;
    }
    if (best_ && equivocates(*record, *best_)) ++env_.stats.equivocations;
    const bool same = best_ && same_version(*record);
    const bool better = !best_ || order(*record, *best_) > 0;
    if (better && !same) {
      for (Answer& answer : answers_) {
        if (answer.holds == Holds::best) answer.holds = Holds::older;
      }
    }
    answers_.push_back({from, better || same ? Holds::best : Holds::older});
    if (better) {
      best_ = std::move(*record);
      best_is_local_ = false;
      from_ = *from;
      hops_ = walk_.last_hops();
    }
    if (ends_at_once()) decided_ = true;
  }
  void on_slow(Now now, const ContactHold& from) override { walk_.on_slow(now, from); }
  void on_given_up(Now, const ContactHold& from) override { walk_.on_given_up(from); }
  void on_failed(Now now, const ContactHold& from, Outcome outcome,
                 const std::string& detail) override {
    walk_.on_failed(now, from, outcome, detail);
  }

  std::optional<OpResult> poll_result(Now now) override {
    if (!decided_) {
      if (!walk_.lookup().done()) return std::nullopt;
      // Too few to meet every acknowledged set, or nothing at all: those who are slow are waited
      // for after all, since one of them may have it.
      const int wanted = request_.quorum.value_or(read_quorum(walk_.target()));
      const bool too_few = answered() < wanted;
      if (walk_.lookup().slow_count() > 0 && (!has_it() || too_few)) return std::nullopt;
      decided_ = true;
      if (request_.quorum && too_few && (best_ || !walk_.cut_off())) {
        return OpResult(Result<Found>(walk_.error(Errc::quorum_not_met, name(),
                                                  std::to_string(answered()) + " nodes answered, " +
                                                      std::to_string(wanted) + " were asked for")));
      }
    }
    if (!best_) {
      if (walk_.cut_off()) {
        Error nobody = walk_.nobody(name());
        nobody.detail = also_unreadable(std::move(nobody.detail));
        return OpResult(Result<Found>(std::move(nobody)));
      }
      return OpResult(Result<Found>(
          walk_.error(unreadable_ ? Errc::storage_failed : Errc::not_found, name(),
                      also_unreadable("none of the " + std::to_string(answers_.size()) +
                                      " nodes that answered holds it"))));
    }
    plan_repairs();
    restore_here(now);
    if (!has_it()) {
      return OpResult(Result<Found>(
          walk_.error(Errc::not_found, name(),
                      "the latest version found has sequence " + std::to_string(best_->sequence) +
                          ", older than " + std::to_string(request_.min_sequence))));
    }
    if (best_->type == RecordType::tombstone) {
      return OpResult(Result<Found>(
          walk_.error(Errc::not_found, name(),
                      "its owner deleted it with sequence " + std::to_string(best_->sequence))));
    }
    return OpResult(Result<Found>(found(now)));
  }

  OpResult end(Now now, Errc code) override {
    walk_.lookup().give_up_slow();
    if (code == Errc::timeout) {
      if (auto result = poll_result(now)) return *std::move(result);
    }
    std::string detail = "answered " + std::to_string(answers_.size()) + " of " +
                         std::to_string(walk_.lookup().asked()) + " nodes asked";
    if (best_) {
      detail += "; the latest version so far has sequence " + std::to_string(best_->sequence);
    }
    return Result<Found>(walk_.error(code, name(), also_unreadable(std::move(detail))));
  }

 private:
  // What a node has, next to the best version so far.
  enum class Holds : std::uint8_t { nothing, older, best };
  struct Answer {
    ContactHold from;
    Holds holds = Holds::nothing;
  };

  std::string name() const { return "get " + request_.key.short_hex(); }

  // What was asked for: a version that is new enough.
  bool has_it() const {
    return best_ &&
           (best_->type == RecordType::content || best_->sequence >= request_.min_sequence);
  }
  bool ends_at_once() const {
    return has_it() && (request_.first || best_->type == RecordType::content);
  }
  // Nodes whose answer counts, this one among them.
  int answered() const { return static_cast<int>(answers_.size()) + (env_.config.client ? 0 : 1); }

  // The last thing it does: what it found goes with it.
  Found found(Now now) {
    Found out;
    out.record = *std::move(best_);
    out.local = best_is_local_;
    out.from = best_is_local_ ? env_.self() : from_;
    out.hops = best_is_local_ ? 0 : hops_;
    out.elapsed = walk_.elapsed(now);
    out.asked = walk_.log().entries();
    out.answers = static_cast<int>(answers_.size()) + (best_is_local_ ? 1 : 0);
    out.agreeing = best_is_local_ ? 1 : 0;
    for (const Answer& answer : answers_) {
      if (answer.holds == Holds::best) ++out.agreeing;
    }
    return out;
  }

  bool same_version(const Record& record) const {
    return record.sequence == best_->sequence && !equivocates(record, *best_);
  }

  // `detail`, and before it what this node's own copy lacks.
  std::string also_unreadable(std::string detail) const {
    return unreadable_ ? unreadable_->detail + " on this node; " + std::move(detail) : detail;
  }

  // What this node held and cannot read any more is put back. Own stays own.
  void restore_here(Now now) {
    if (!unreadable_) return;
    const Own own = own_ == Own::lapsed ? Own::renewed : own_;
    env_.store.offer(now, request_.key, *best_, own, 0);
  }

  // A node nearer than somebody who has a copy should have one too; one with an older version must.
  void plan_repairs() {
    std::optional<Id> farthest_holder;
    for (const Answer& answer : answers_) {
      if (answer.holds == Holds::nothing) continue;
      const Id distance = answer.from.id() ^ request_.key;
      if (!farthest_holder || *farthest_holder < distance) farthest_holder = distance;
    }
    for (const Answer& answer : answers_) {
      const bool stale = answer.holds == Holds::older;
      const bool missing = answer.holds == Holds::nothing && farthest_holder &&
                           (answer.from.id() ^ request_.key) < *farthest_holder;
      if (!stale && !missing) continue;
      ++env_.stats.replicas_repaired;
      repairs_.push_back(Ask{answer.from, wire::Store{*best_}});
    }
  }

  const OpEnv& env_;
  GetRequest request_;
  Walk walk_;
  RecycledVector<Answer> answers_;
  RecycledVector<Ask> repairs_;
  std::optional<Record> best_;
  bool best_is_local_ = false;
  std::optional<Error> unreadable_;  // the own copy
  Own own_ = Own::none;              // which that is
  Contact from_;
  int hops_ = 0;
  bool decided_ = false;
};

}  // namespace

std::unique_ptr<Operation> make_operation(const OpEnv& env, GetRequest request) {
  return std::make_unique<GetOp>(env, std::move(request));
}

}  // namespace kadmos
