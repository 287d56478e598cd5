#include "base/connection_rules.h"

#include "base/plant.h"

namespace kadmos {

ConnectionRules::Verdict ConnectionRules::judge(const Seen& current, const Seen& newer,
                                                TimePoint now) const {
  const bool may_take_over = decides_ || !planted(Plant::keep_dead_connection);
  if (may_take_over && now - current.heard >= patience_) return Verdict::take_over;
  return decides_ || now >= judged_again(newer) ? Verdict::retire : Verdict::wait;
}

bool ConnectionRules::answers_as_asked() { return !planted(Plant::keep_dead_connection); }

Duration ConnectionRules::dead_after() {
  // As long as Linux sends again by itself.
  return planted(Plant::keep_dead_connection) ? std::chrono::minutes(15) : kDeadAfter;
}

}  // namespace kadmos
