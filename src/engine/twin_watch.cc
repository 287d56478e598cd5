#include "engine/twin_watch.h"

#include <algorithm>

namespace kadmos {

void TwinWatch::on_named(TimePoint now, const Endpoint& where, std::uint64_t group) {
  std::erase_if(looked_at_, [now](const auto& one) { return one.second.until <= now; });
  const auto alike = [&](const auto& one) { return one.second.group == group; };
  if (looked_at_.size() >= kMostLookedAt) return;
  if (group != 0 && std::ranges::count_if(looked_at_, alike) >= kMostPerGroup) return;
  if (looked_at_.try_emplace(where, LookedAt{now + kLookedAt, group}).second) {
    to_look_at_.push_back(where);
  }
}

bool TwinWatch::on_twin(TimePoint now, const Endpoint& where) {
  const bool news = !twin_;
  // An address that was dialled is better than one from which somebody came.
  if (news || looked_at_.contains(where)) twin_ = where;
  last_sign_ = now;
  if (news) next_look_ = now + kLookAgain;
  return news;
}

bool TwinWatch::expire(TimePoint now) {
  if (!twin_ || now < last_sign_ + kForgotten) return false;
  looked_at_.erase(*twin_);  // whoever names it again is believed to have news
  twin_.reset();
  return true;
}

void TwinWatch::on_stood_still(TimePoint now) { last_sign_ = next_look_ = now; }

std::optional<Endpoint> TwinWatch::poll_look(TimePoint now) {
  if (!to_look_at_.empty()) {
    const Endpoint first = to_look_at_.front();
    to_look_at_.erase(to_look_at_.begin());
    return first;
  }
  if (!twin_ || now < next_look_) return std::nullopt;
  next_look_ = now + kLookAgain;
  return twin_;
}

std::optional<TimePoint> TwinWatch::next_timeout() const {
  if (!twin_) return std::nullopt;
  return std::min(next_look_, last_sign_ + kForgotten);
}

}  // namespace kadmos
