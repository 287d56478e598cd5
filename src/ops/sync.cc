// sync: brings two nodes to hold the same in some ranges of keys, at the cost of what differs. The
// digests of the ranges are compared; a range that differs is divided until both hold few records
// in it; then the versions held there are told, and the peer says which it wants and sends what it
// has more. One question at a time, and after it the stores that came of it, a few at a time; what
// is nearly settled goes first. It ends well if the peer has, in the end, all that this node has.
#include <deque>

#include "ops/replies.h"
#include "ops/requests.h"

namespace kadmos {
namespace {

constexpr int kStoring = 8;             // at once
constexpr int kQuestions = 1024;        // in all; what is left is for another time
constexpr std::size_t kWaiting = 4096;  // waiting to be compared
constexpr int kRefusals = 8;            // of stores, and it is left alone
constexpr int kStep = 4;                // bits by which a range is divided

class SyncOp final : public Operation {
 public:
  SyncOp(const OpEnv& env, SyncRequest request)
      : env_(env),
        peer_(env.book, request.peer),
        ranges_(std::move(request.ranges)),
        compare_(ranges_.rbegin(), ranges_.rend()) {}

  void start(Now) override {}

  std::optional<Action> poll_action(Now now) override {
    if (failed_ || asking_) return std::nullopt;
    if (storing_ > 0 || !wanted_.empty()) return next_store(now);
    if (compare_.empty() && list_.empty()) return std::nullopt;
    if (++questions_ > kQuestions) {
      failed_ = Error(Errc::busy, "more differs than is settled at once");
      return std::nullopt;
    }
    asking_ = true;
    return Action(Ask{peer_, list_.empty() ? next_compare() : next_list()});
  }

  void on_answer(Now, const ContactHold&, wire::Body& reply) override {
    if (!asking_) {
      on_stored(reply);
      return;
    }
    asking_ = false;
    const auto* compared = std::get_if<wire::Compared>(&reply);
    const auto* wanted = std::get_if<wire::Wanted>(&reply);
    if (compared != nullptr && !asked_.empty()) {
      on_compared(*compared);
    } else if (wanted != nullptr && asked_.empty()) {
      on_wanted(*wanted);
    } else if (asked_.empty() && std::holds_alternative<wire::Failure>(reply)) {
      incomplete_ = true;  // more is held in that range by now than a list may have
    } else {
      fail(reply);
    }
  }
  void on_failed(Now, const ContactHold&, Outcome, const std::string& detail) override {
    failed_ = Error(Errc::unreachable, detail);
  }

  std::optional<OpResult> poll_result(Now now) override {
    if (failed_) return end(now, failed_->code);
    if (asking_ || storing_ > 0 || !compare_.empty() || !list_.empty() || !wanted_.empty()) {
      return std::nullopt;
    }
    if (incomplete_) {
      fail("does not take all");
      return end(now, failed_->code);
    }
    return OpResult(Result<Synced>(Synced{std::move(ranges_)}));
  }
  OpResult end(Now, Errc code) override {
    Error error(code, failed_ ? failed_->detail : "ended early");
    error.operation = "sync with " + peer_->text();
    return Result<Synced>(std::move(error));
  }

 private:
  wire::Body next_compare() {
    wire::Compare out;
    asked_.clear();
    while (!compare_.empty() && asked_.size() < wire::Compare::kMost) {
      asked_.push_back(compare_.back());
      compare_.pop_back();
      out.parts.push_back({asked_.back(), env_.store.digest(asked_.back()).fingerprint});
    }
    return out;
  }

  void on_compared(const wire::Compared& compared) {
    for (const auto& [part, records] : compared.differences) {
      if (part >= asked_.size()) return fail("names a part that was not asked for");
      const KeyRange& range = asked_[part];
      const bool few = env_.store.digest(range).records <= wire::Versions::kMost &&
                       records <= wire::Versions::kMost;
      if (few || range.bits == Id::kBits) {
        list_.push_back(range);
      } else if (compare_.size() < kWaiting) {
        divide(range, std::min(range.bits + kStep, Id::kBits));
      } else {
        incomplete_ = true;
      }
    }
  }

  void divide(const KeyRange& range, int bits) {
    if (range.bits == bits) {
      compare_.push_back(range);
      return;
    }
    for (const bool one : {false, true}) divide(range.half(one), bits);
  }

  wire::Body next_list() {
    wire::Versions out{list_.back(), {}};
    list_.pop_back();
    asked_.clear();
    told_.clear();
    for (const Version& one : env_.store.versions(out.range, wire::Versions::kMost)) {
      told_.push_back(one.key);
      out.held.push_back({one.key.fold(), one.sequence, one.fingerprint});
    }
    return out;
  }

  void on_wanted(const wire::Wanted& wanted) {
    for (const std::uint64_t i : wanted.held) {
      if (i >= told_.size()) return fail("wants what it was not told of");
      wanted_.push_back(told_[i]);
    }
  }

  std::optional<Action> next_store(Now now) {
    while (storing_ < kStoring && !wanted_.empty()) {
      const Key key = wanted_.front();
      wanted_.pop_front();
      auto record = env_.store.to_hand_over(now, key);
      if (!record) continue;
      ++storing_;
      ++env_.stats.replicas_sent;
      return Action(Ask{peer_, wire::Store{*std::move(record)}});
    }
    return std::nullopt;
  }

  void on_stored(const wire::Body& reply) {
    --storing_;
    if (std::holds_alternative<wire::Stored>(reply)) return;
    incomplete_ = true;
    if (++refusals_ == kRefusals) fail(reply);
  }

  void fail(const wire::Body& reply) { fail(refusal_in(reply).detail); }
  void fail(std::string detail) { failed_ = Error(Errc::refused, std::move(detail)); }

  const OpEnv& env_;
  ContactHold peer_;
  std::vector<KeyRange> ranges_;
  std::vector<KeyRange> compare_;  // to be compared, the last first
  std::vector<KeyRange> list_;     // to be told version by version
  std::vector<KeyRange> asked_;    // the parts of the compare that awaits its answer
  std::vector<Key> told_;          // the versions told last
  std::deque<Key> wanted_;         // to be stored there
  int questions_ = 0;
  int storing_ = 0;
  int refusals_ = 0;
  bool incomplete_ = false;  // something is left over
  bool asking_ = false;
  std::optional<Error> failed_;
};

}  // namespace

std::unique_ptr<Operation> make_operation(const OpEnv& env, SyncRequest request) {
  return std::make_unique<SyncOp>(env, std::move(request));
}

}  // namespace kadmos
