#include "engine/sync_plan.h"

#include <algorithm>
#include <utility>

#include "routing/region.h"

namespace kadmos {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(200);     // between two batches of keys
constexpr std::size_t kBatch = 64;                             // of keys
constexpr Duration kNewcomerPause = std::chrono::seconds(30);  // at most
constexpr std::size_t kNewcomers = 256;                        // waiting
constexpr std::size_t kWanted = 1024;                          // records asked for, waiting
constexpr std::ptrdiff_t kWantedOfPeer = 128;                  // by one peer
constexpr int kRunning = 4;                                    // comparisons at once
constexpr int kSending = 64;                                   // stores that await an answer

}  // namespace

void SyncPlan::begin(TimePoint now) {
  if (begun_) return;
  begun_ = true;
  next_neighbour_ = now + prng_.jittered(pace());
  next_look_ = now + prng_.jittered(config_.sync_interval);
}

void SyncPlan::on_newcomer(TimePoint now, ContactHold contact) {
  if (idle() || newcomers_.size() >= kNewcomers) return;
  const auto pause = static_cast<std::uint64_t>(kNewcomerPause.count());
  newcomers_.emplace(now + Duration(prng_.below(pause)), std::move(contact));
}

void SyncPlan::on_wanted(const Key& key, const ContactHold& by) {
  const auto of_peer =
      std::ranges::count_if(wanted_, [&](const Send& send) { return send.to.ref() == by.ref(); });
  if (wanted_.size() >= kWanted || of_peer >= kWantedOfPeer) {
    ++stats_.hand_overs_dropped;
    return;
  }
  wanted_.push_back({key, by});
}

void SyncPlan::on_handed_over(const Key& key, std::uint64_t fingerprint) {
  handed_over_[key] = still_so_[key] = fingerprint;
}

bool SyncPlan::handed_over(const Key& key, std::uint64_t fingerprint) {
  const auto it = handed_over_.find(key);
  if (it == handed_over_.end() || it->second != fingerprint) return false;
  still_so_[key] = fingerprint;
  return true;
}

void SyncPlan::on_kept(const Key& key) {
  handed_over_.erase(key);
  still_so_.erase(key);
}

bool SyncPlan::idle() const { return !begun_ || config_.client || table_.empty(); }

std::size_t SyncPlan::neighbours() const {
  return std::min(table_.size(), neighbourhood(config_.k));
}

Duration SyncPlan::pace() const {
  return config_.sync_interval / static_cast<int>(std::max<std::size_t>(neighbours(), 1));
}

std::optional<SyncPlan::Job> SyncPlan::poll(TimePoint now, bool settled) {
  settled_ = settled;
  if (idle()) return std::nullopt;
  if (sending_ < kSending && !wanted_.empty()) {
    Job job = std::move(wanted_.front());
    wanted_.pop_front();
    return job;
  }
  if (running_ >= kRunning || !settled_) return std::nullopt;
  if (!newcomers_.empty() && newcomers_.begin()->first <= now) {
    Job job = Newcomer{std::move(newcomers_.begin()->second)};
    newcomers_.erase(newcomers_.begin());
    return job;
  }
  if (next_neighbour_ <= now) {
    next_neighbour_ = now + prng_.jittered(pace());
    return Neighbour{};
  }
  if (next_look_ <= now) {
    if (auto keys = next_keys(now); !keys.empty()) return Look{std::move(keys)};
  }
  return std::nullopt;
}

std::vector<Key> SyncPlan::next_keys(TimePoint now) {
  if (!looked_at_) handed_over_ = std::exchange(still_so_, {});
  auto keys = store_.keys_after(looked_at_, kBatch);
  if (keys.size() == kBatch) {
    looked_at_ = keys.back();
    next_look_ = now + kTick;
  } else {
    looked_at_.reset();
    next_look_ = now + prng_.jittered(config_.sync_interval);
  }
  return keys;
}

std::optional<TimePoint> SyncPlan::next_timeout() const {
  if (idle()) return std::nullopt;
  if (sending_ < kSending && !wanted_.empty()) return TimePoint{};
  // Either ends with an input, after which it is polled again.
  if (running_ >= kRunning || !settled_) return std::nullopt;
  TimePoint next = std::min(next_neighbour_, next_look_);
  if (!newcomers_.empty()) next = std::min(next, newcomers_.begin()->first);
  return next;
}

}  // namespace kadmos
