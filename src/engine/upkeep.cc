#include "engine/upkeep.h"

#include <algorithm>

namespace kadmos {
namespace {

constexpr Duration kFirstMeeting = std::chrono::milliseconds(250);
constexpr Duration kTick = std::chrono::milliseconds(50);
constexpr std::size_t kBatch = 16;
constexpr int kRepublishing = 8;  // at once
constexpr int kReplicating = 64;  // stores that await an answer

}  // namespace

void Upkeep::begin(TimePoint now) {
  if (begun_) return;
  begun_ = true;
  backoff_ = config_.bootstrap_backoff;
  next_enter_ = now;
  meeting_pause_ = kFirstMeeting;
  next_meeting_ = now + prng_.jittered(kFirstMeeting);
  replicate_.next = now + prng_.jittered(config_.replicate_interval);
  republish_.next = now + prng_.jittered(config_.republish_interval);
}

void Upkeep::on_stood_still(TimePoint now) {
  if (!begun_) return;
  meeting_pause_ = kFirstMeeting;
  next_meeting_ = now;
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

void Upkeep::on_stored(TimePoint now, const Key& key) {
  // Forgetting one costs a needless replication; remembering without end would cost memory.
  if (stored_at_.size() < config_.limits.records) stored_at_[key] = now;
}

std::optional<Upkeep::Job> Upkeep::poll(TimePoint now) {
  if (!begun_) return std::nullopt;
  if (table_.empty() && has_way_in_ && joining_ == 0 && next_enter_ <= now) {
    return Job(Enter{});
  }
  if (can_search()) {
    if (auto job = poll_search(now)) {
      searching_ = true;
      return job;
    }
  }
  if (!config_.client) {
    if (!replicate_.running && replicate_.next <= now) {
      std::erase_if(stored_at_, [&](const auto& entry) {
        return entry.second + config_.replicate_interval <= now;
      });
    }
    while (replicating_ < kReplicating) {
      const auto key = poll_round(now, replicate_, config_.replicate_interval, false);
      if (!key) break;
      if (!stored_at_.contains(*key)) return Job(Replicate{*key});
    }
  }
  if (republishing_ < kRepublishing) {
    if (auto key = poll_round(now, republish_, config_.republish_interval, true)) {
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

std::optional<Key> Upkeep::poll_round(TimePoint now, Round& round, Duration interval, bool own) {
  if (round.batch.empty()) {
    if (round.next > now) return std::nullopt;
    if (own) {
      const auto keys = store_.own_keys();
      round.batch.assign(keys.begin(), keys.end());
      round.next = now + prng_.jittered(interval);
    } else {
      const auto keys = store_.keys_after(round.cursor, kBatch);
      round.batch.assign(keys.begin(), keys.end());
      round.running = keys.size() == kBatch;
      if (round.running) {
        round.cursor = keys.back();
        round.next = now + kTick;
      } else {
        round.cursor.reset();
        round.next = now + prng_.jittered(interval);
      }
    }
  }
  if (round.batch.empty()) return std::nullopt;
  const Key key = round.batch.front();
  round.batch.pop_front();
  return key;
}

std::optional<TimePoint> Upkeep::next_timeout() const {
  if (!begun_) return std::nullopt;
  std::optional<TimePoint> next;
  const auto consider = [&](TimePoint at) { next = next ? std::min(*next, at) : at; };
  if (table_.empty() && has_way_in_ && joining_ == 0) consider(next_enter_);
  if (can_search()) {
    consider(next_meeting_);
    consider(table_.next_refresh());
  }
  if (!config_.client && replicating_ < kReplicating)
    consider(replicate_.batch.empty() ? replicate_.next : TimePoint{});
  if (republishing_ < kRepublishing) {
    consider(republish_.batch.empty() ? republish_.next : TimePoint{});
  }
  return next;
}

}  // namespace kadmos
