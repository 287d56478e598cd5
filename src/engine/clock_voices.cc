#include "engine/clock_voices.h"

#include <algorithm>

namespace kadmos {
namespace {

// The fewest voices that raise a doubt: with one, any peer whose own calendar is wrong would.
constexpr std::size_t kFewest = 2;
// How long frames may have waited in this machine while it stood still.
constexpr Duration kWaited = std::chrono::minutes(1);

}  // namespace

void ClockVoices::hear(TimePoint now, std::uint64_t who, Says says) {
  if (now < deaf_until_ || most_ == 0) return;
  auto voice = std::ranges::find(voices_, who, &Voice::who);
  if (voice == voices_.end()) {
    if (voices_.size() == most_) voices_.erase(std::ranges::min_element(voices_, {}, &Voice::at));
    voice = voices_.insert(voices_.end(), Voice{});
  } else if (says == Says::fits && voice->says != Says::fits && now - voice->at < memory_) {
    return;
  }
  *voice = {who, now, says};
}

void ClockVoices::forget(TimePoint now) {
  voices_.clear();
  deaf_until_ = now + kWaited;
}

std::optional<ClockDoubt> ClockVoices::doubt(TimePoint now) const {
  std::size_t heard = 0;
  std::size_t behind = 0;
  std::size_t ahead = 0;
  for (const Voice& voice : voices_) {
    if (now - voice.at >= memory_) continue;
    ++heard;
    behind += voice.says == Says::behind ? 1 : 0;
    ahead += voice.says == Says::ahead ? 1 : 0;
  }
  const std::size_t most = std::max(behind, ahead);
  if (most < kFewest || 2 * most <= heard) return std::nullopt;
  return ClockDoubt{ahead == most, most, heard};
}

}  // namespace kadmos
