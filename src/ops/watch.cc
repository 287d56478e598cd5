// watch: the present version of a key and then every newer one, pushed by replicas.
//
// It goes in rounds. Each searches for the nodes nearest to the key and asks the r + 2 nearest that
// answer to send what becomes durable there, for the time of a lease: any acknowledged set meets r
// of the nearest, so two may be lost in the very moment of an update. The next round comes when
// half of the lease is over, so that it follows the nearest nodes as they come and go, or soon
// after a replica was lost. What the replicas hold when they are asked is the present version; it
// is given once all of them have said so, lest an old one comes first. What this node itself makes
// durable counts as well.
//
// A replica sends each version once, so several copies of each arrive. One that is not newer than
// what is known is left out before anything is verified; the rest must verify.
#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "ops/quorum.h"
#include "ops/replies.h"
#include "ops/requests.h"
#include "ops/walk.h"

namespace kadmos {
namespace {

using std::chrono::seconds;

constexpr std::uint32_t kLease = 120;  // seconds
constexpr Duration kRound = seconds(kLease) / 2;
constexpr Duration kLeastPause = std::chrono::milliseconds(100);  // between rounds after a loss;
constexpr Duration kMostPause = seconds(10);                      // it doubles up to this

class WatchOp final : public Operation {
 public:
  WatchOp(const OpEnv& env, const Key& key)
      : env_(env), key_(key), wanted_(static_cast<std::size_t>(read_quorum(env.config.k)) + 2) {}

  void start(Now now) override {
    // A disk that fails does not stop us from asking others.
    auto held = env_.store.find(now, key_);
    if (held && *held) consider(now, env_.self(), (*held)->record, nullptr);
    begin_round(now);
  }

  std::optional<Action> poll_action(Now now) override {
    while (walk_ && farewells_.empty()) {
      if (auto action = walk_->poll_action(now)) {
        const PublicKey& to = std::get<Ask>(*action).to->key;
        searched_.insert(to);
        ++owed_[to];
        return action;
      }
      Lookup& lookup = walk_->lookup();
      if (!lookup.done()) return std::nullopt;
      if (feeding() < wanted_) {
        if (auto next = ask_next()) return next;
        // Beyond those who should hold it, in place of those who refuse.
        const int width = lookup.width();
        if (width < 2 * env_.config.k &&
            lookup.answered_count() >= static_cast<std::size_t>(width)) {
          lookup.set_width(width + 1);
          continue;
        }
      }
      if (waiting()) return std::nullopt;
      end_round(now);
    }
    if (farewells_.empty()) return std::nullopt;
    ContactHold to = std::move(farewells_.front());
    farewells_.pop_front();
    ++owed_[to->key];
    parting_.insert(to->key);
    return Action(Ask{std::move(to), wire::Watch{key_, 0}});
  }

  // A peer may owe answers to a search and to a watch at once, since rounds do not wait for those
  // who are slow. What does not say by its kind which of them it answers is taken for both.
  void on_answer(Now now, const ContactHold& from, wire::Body& reply) override {
    if (const auto* watching = std::get_if<wire::Watching>(&reply)) {
      on_watching(now, from, *watching);
    } else {
      if (searched_.erase(from->key) > 0) walk_->on_answer(now, from, reply);
      if (!std::holds_alternative<wire::Nodes>(reply)) refused(from->key);
    }
    // Who owes nothing any more and has not said that it will send updates never will.
    if (on_settled(from->key)) refused(from->key);
  }
  void on_slow(Now now, const ContactHold& from) override {
    if (searched_.contains(from->key)) walk_->on_slow(now, from);
    if (const auto feed = feeds_.find(from->key); feed != feeds_.end()) feed->second.slow = true;
  }
  void on_given_up(Now, const ContactHold& from) override {
    if (searched_.contains(from->key)) walk_->on_given_up(from);
  }
  void on_failed(Now now, const ContactHold& from, Outcome outcome,
                 const std::string& detail) override {
    if (searched_.erase(from->key) > 0) walk_->on_failed(now, from, outcome, detail);
    on_settled(from->key);
    const auto feed = feeds_.find(from->key);
    if (feed != feeds_.end() && feed->second.asking) lose(now, feed);
  }

  const Key* watched() const override { return &key_; }
  void on_version(Now now, const Record& record) override {
    consider(now, env_.self(), record, nullptr);
  }
  bool on_update(Now now, const PublicKey& from, const Record& record) override {
    const auto feed = feeds_.find(from);
    if (feed == feeds_.end()) return false;
    const ContactHold peer = feed->second.peer;
    consider(now, *peer, record, &peer);
    return true;
  }
  void on_unreachable(Now now, const PublicKey& peer) override {
    if (const auto feed = feeds_.find(peer); feed != feeds_.end()) lose(now, feed);
  }

  std::optional<TimePoint> next_timeout() const override {
    return walk_ ? std::nullopt : next_round_;
  }
  void on_timeout(Now now) override {
    if (!walk_ && next_round_ && *next_round_ <= now.at) begin_round(now);
  }
  void on_cancelled(Now) override {
    end_walk();
    for (const auto& [key, feed] : feeds_) {
      if (!feed.left) farewells_.push_back(feed.peer);
    }
  }

  std::optional<OpItem> poll_item() override {
    if (items_.empty()) return std::nullopt;
    Update out = std::move(items_.front());
    items_.pop_front();
    return out;
  }
  std::optional<OpResult> poll_result(Now) override {
    if (!failure_) return std::nullopt;
    return OpResult(Result<void>(*failure_));
  }
  OpResult end(Now, Errc code) override {
    Error error(code, "the watch ended");
    error.operation = name();
    return Result<void>(std::move(error));
  }

 private:
  // A peer that sends us updates, was asked to, or is about to learn that it need not.
  struct Feed {
    ContactHold peer;
    int round = 0;       // in which it was asked last
    TimePoint until{};   // when its lease ends
    bool asking = true;  // it has not answered yet
    bool slow = false;   // nor in time
    bool left = false;   // others are nearer now; what it has under way is still taken
  };
  using Feeds = std::map<PublicKey, Feed>;

  std::string name() const { return "watch " + key_.short_hex(); }

  // ---- Rounds
  void begin_round(Now now) {
    ++round_;
    lost_ = false;
    began_ = now.at;
    next_round_.reset();
    walk_.emplace(env_, key_, static_cast<int>(wanted_), wire::FindNode{key_});
    walk_->start(now);
  }

  void end_walk() {
    walk_.reset();
    searched_.clear();
    tried_.clear();
  }

  // The nearest that answered and was not asked in this round.
  std::optional<Action> ask_next() {
    for (const ContactRef ref : walk_->lookup().answered(env_.config.limits.shortlist)) {
      ContactHold to(env_.book, ref);
      if (!tried_.insert(to->key).second) continue;
      Feed& feed = feeds_[to->key];
      feed = Feed{to, round_, std::max(feed.until, began_ + seconds(kLease))};
      ++owed_[to->key];
      return Action(Ask{std::move(to), wire::Watch{key_, kLease}});
    }
    return std::nullopt;
  }

  void on_watching(Now now, const ContactHold& from, const wire::Watching& watching) {
    const auto it = feeds_.find(from->key);
    if (watching.lease_s == 0) return;  // to a farewell
    if (it == feeds_.end()) {
      // It was given up meanwhile, and knows that if this answers a farewell.
      if (!parting_.contains(from->key)) farewells_.push_back(from);
      return;
    }
    Feed& feed = it->second;
    feed.asking = false;
    feed.until = now.at + seconds(watching.lease_s);
    if (watching.record) consider(now, *from, *watching.record, &from);
  }

  void end_round(Now now) {
    const std::size_t fed = feeding();
    const bool cut_off = walk_->cut_off();
    if (cut_off && round_ == 1) failure_ = walk_->nobody(name());
    end_walk();
    for (auto it = feeds_.begin(); it != feeds_.end();) {
      Feed& feed = it->second;
      if (feed.round != round_ && !feed.asking && !feed.left) {
        feed.left = true;
        farewells_.push_back(feed.peer);
      }
      it = feed.left && feed.until <= now.at ? feeds_.erase(it) : std::next(it);
    }
    if (!std::exchange(settled_, true) && best_) items_.push_back({*best_, best_from_});
    if (!std::exchange(hurried_, false)) pause_ = kLeastPause;
    next_round_ = now.at + kRound - Duration(env_.prng.below((kRound / 5).count()));
    if (cut_off || (lost_ && fed < wanted_)) hurry(now);
  }

  // The next round comes soon; the sooner the longer ago the last one like that.
  void hurry(Now now) {
    if (std::exchange(hurried_, true)) return;
    next_round_ = std::max(now.at, began_ + pause_);
    pause_ = std::min(2 * pause_, kMostPause);
  }

  void lose(Now now, Feeds::iterator feed) {
    const bool mattered = !feed->second.left;
    feeds_.erase(feed);
    if (!mattered) return;
    lost_ = true;
    if (!walk_) hurry(now);
  }

  // A request to the peer is over. Whether that was the last.
  bool on_settled(const PublicKey& peer) {
    const auto owed = owed_.find(peer);
    if (owed == owed_.end() || --owed->second > 0) return false;
    owed_.erase(owed);
    parting_.erase(peer);
    return true;
  }

  void refused(const PublicKey& peer) {
    const auto feed = feeds_.find(peer);
    if (feed != feeds_.end() && feed->second.asking) feeds_.erase(feed);
  }

  // How many of this round send us updates or will, if they are quick.
  std::size_t feeding() const {
    return static_cast<std::size_t>(std::ranges::count_if(feeds_, [&](const auto& entry) {
      const Feed& feed = entry.second;
      return feed.round == round_ && !(feed.asking && feed.slow);
    }));
  }
  bool waiting() const {
    return std::ranges::any_of(feeds_, [&](const auto& entry) {
      const Feed& feed = entry.second;
      return feed.round == round_ && feed.asking && !feed.slow;
    });
  }

  // ---- Versions

  // A version that `from` gave. `peer`: who must be held to account for it; null: nobody, since it
  // was verified before.
  void consider(Now now, const Contact& from, const Record& record, const ContactHold* peer) {
    // Once a first version has expired nobody remembers it, and the next one is a first again.
    if (best_ && best_->sequence <= 1 && has_expired(env_, now, *best_)) best_.reset();
    if (best_ && (record == *best_ || order(record, *best_) <= 0)) return;
    if (peer != nullptr) {
      if (auto valid = verify(record, key_, env_.config.network); !valid) {
        return on_invalid(now, *peer);
      }
      if (has_expired(env_, now, record)) return;
    }
    const bool equivocation = best_ && equivocates(record, *best_);
    if (equivocation) ++env_.stats.equivocations;
    // The same version with a longer life is no news.
    const bool news = !best_ || equivocation || record.sequence != best_->sequence;
    best_ = record;
    if (news) best_from_ = from;
    if (news && settled_) items_.push_back({record, from});
  }

  // It sent what is not of this key: whatever else it sends is worth nothing.
  void on_invalid(Now now, const ContactHold& peer) {
    ++env_.stats.records_invalid;
    env_.suspects.on_offence(now.at, peer.id(), true);
    farewells_.push_back(peer);
    if (const auto feed = feeds_.find(peer->key); feed != feeds_.end()) lose(now, feed);
  }

  const OpEnv& env_;
  const Key key_;
  const std::size_t wanted_;

  int round_ = 0;
  bool lost_ = false;     // somebody in this round
  bool hurried_ = false;  // the present or next round comes of a loss
  bool settled_ = false;  // the present version was given
  TimePoint began_{};     // the round
  Duration pause_ = kLeastPause;
  std::optional<TimePoint> next_round_;
  std::optional<Walk> walk_;       // while a round goes on
  std::set<PublicKey> searched_;   // whom the walk has asked and not heard of
  std::set<PublicKey> tried_;      // whom this round has asked to send updates
  std::map<PublicKey, int> owed_;  // requests that are not over, by peer
  std::set<PublicKey> parting_;    // of them, those that were sent a farewell
  Feeds feeds_;
  std::deque<ContactHold> farewells_;  // to be told that they need not send updates any more

  std::optional<Record> best_;
  Contact best_from_;
  std::deque<Update> items_;
  std::optional<Error> failure_;
};

}  // namespace

std::unique_ptr<Operation> make_operation(const OpEnv& env, WatchRequest request) {
  return std::make_unique<WatchOp>(env, request.key);
}

}  // namespace kadmos
