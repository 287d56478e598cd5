#include "engine/upkeep.h"

#include <algorithm>

namespace kadmos {
namespace {

constexpr Duration kFirstMeeting = std::chrono::milliseconds(250);
constexpr int kRepublishing = 8;  // at once
// Most may be fresh and only looked at, so that they end at once.
constexpr std::size_t kBatch = 64;
constexpr Duration kBatchPause = std::chrono::milliseconds(20);
// How long after it began, or stood still, a node publishes what is on its disk: that may have
// expired or be about to, and the node may not run for as long as an interval. Long enough for a
// calendar that jumped to be set right: what is signed before that lives too long or not at all.
constexpr Duration kFirstRepublish = std::chrono::seconds(5);

}  // namespace

void Upkeep::begin(TimePoint now) {
  if (begun_) return;
  begun_ = true;
  backoff_ = config_.bootstrap_backoff;
  next_enter_ = now;
  meeting_pause_ = kFirstMeeting;
  next_meeting_ = now + prng_.jittered(kFirstMeeting);
  next_check_ = now + config_.refresh_interval;
  next_round_ = now + prng_.jittered(config_.refresh_interval);
  republish_what_there_is(now);
}

void Upkeep::on_stood_still(TimePoint now) {
  if (!begun_) return;
  meeting_pause_ = kFirstMeeting;
  next_meeting_ = now;
  republish_what_there_is(now);
}

// What is published from now on needs no round so soon.
void Upkeep::republish_what_there_is(TimePoint now) {
  const auto keys = store_.own_keys();
  republish_.assign(keys.begin(), keys.end());
  renewal_pause_ = std::min(kFirstRepublish, config_.republish_interval);
  next_key_ = now + prng_.jittered(renewal_pause_);
  next_republish_ = now + prng_.jittered(config_.republish_interval);
  next_renewal_ = TimePoint::max();
  untouched_ = true;
}

void Upkeep::republish_soon(TimePoint now, const Key& key) {
  republish_.push_front(key);
  next_key_ = std::min(next_key_, now);
}

void Upkeep::on_republish_ended(TimePoint now, bool again) {
  --republishing_;
  if (again) next_renewal_ = std::min(next_renewal_, now + prng_.jittered(renewal_pause_));
}

void Upkeep::on_dead(TimePoint now) {
  next_check_ = std::min(next_check_, now + config_.refresh_interval / 10);
}

void Upkeep::on_join_ended(TimePoint now, bool ok) {
  --joining_;
  if (!ok) {
    next_enter_ = now + prng_.jittered(backoff_);
    backoff_ = std::min(2 * backoff_, config_.bootstrap_backoff_max);
    return;
  }
  backoff_ = config_.bootstrap_backoff;
  next_enter_ = now + prng_.jittered(backoff_);
  meeting_pause_ = kFirstMeeting;
  next_meeting_ = now + prng_.jittered(kFirstMeeting);
}

std::optional<Upkeep::Job> Upkeep::poll(TimePoint now) {
  if (!begun_) return std::nullopt;
  if (cut_off() && joining_ == 0 && next_enter_ <= now) {
    return Job(Enter{});
  }
  if (can_search()) {
    if (auto job = poll_search(now)) {
      searching_ = true;
      return job;
    }
  }
  if (next_check_ <= now && !table_.empty()) {
    next_check_ = now + prng_.jittered(config_.refresh_interval);
    return Job(Check{});
  }
  if (next_round_ <= now && !table_.empty()) {
    next_round_ = now + prng_.jittered(config_.refresh_interval);
    return Job(Prove{});
  }
  if (republishing_ < kRepublishing && !cut_off()) {
    if (auto key = poll_republish(now)) {
      ++republishing_;
      return Job(Republish{*key});
    }
  }
  return std::nullopt;
}

std::optional<Upkeep::Job> Upkeep::poll_search(TimePoint now) {
  if (next_meeting_ <= now) {
    meeting_pause_ = std::min(2 * meeting_pause_, config_.refresh_interval);
    next_meeting_ = now + prng_.jittered(meeting_pause_);
    return Job(Search{self_});
  }
  if (table_.next_refresh() <= now) {
    if (auto target = table_.poll_refresh(now, prng_)) return Job(Search{*target});
  }
  return std::nullopt;
}

std::optional<Key> Upkeep::poll_republish(TimePoint now) {
  // Who was cut off for so long that the next round is due makes that one instead.
  if (untouched_ && next_republish_ <= now) republish_.clear();
  if (republish_.empty()) {
    const bool all = next_republish_ <= now;
    if (!all && next_renewal_ > now) return std::nullopt;
    const auto keys = all ? store_.own_keys() : store_.own_keys(Own::lapsed);
    republish_.assign(keys.begin(), keys.end());
    if (all) next_republish_ = now + prng_.jittered(config_.republish_interval);
    next_renewal_ = TimePoint::max();
    renewal_pause_ = std::min(2 * renewal_pause_, config_.republish_interval);
  }
  if (republish_.empty() || next_key_ > now) return std::nullopt;
  if (republish_.size() % kBatch == 0) next_key_ = now + kBatchPause;
  untouched_ = false;
  const Key key = republish_.front();
  republish_.pop_front();
  return key;
}

std::optional<TimePoint> Upkeep::next_timeout() const {
  if (!begun_) return std::nullopt;
  std::optional<TimePoint> next;
  const auto consider = [&](TimePoint at) { next = next ? std::min(*next, at) : at; };
  if (cut_off() && joining_ == 0) consider(next_enter_);
  if (can_search()) {
    consider(next_meeting_);
    consider(table_.next_refresh());
  }
  if (!table_.empty()) consider(std::min(next_check_, next_round_));
  if (republishing_ < kRepublishing && !cut_off()) {
    consider(republish_.empty() ? std::min(next_republish_, next_renewal_) : next_key_);
  }
  return next;
}

}  // namespace kadmos
