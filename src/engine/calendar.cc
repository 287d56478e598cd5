// Whether this node's calendar is right: what the engine makes of replies and stores.

#include "engine/engine.h"

namespace kadmos {
namespace {

constexpr Duration kNoticePause = std::chrono::hours(1);

// Who speaks: an address group; on a local network the machine, where whole addresses tell apart
// who plausibly is one party; and the peer itself on this very machine, or where no address is
// known.
std::uint64_t voice_of(const AddressGroups& groups, const Peer& from) {
  const Endpoint& at = from.address;
  if (const std::uint64_t group = groups.group_of(at); group != 0) return group;
  const auto fold = [](const auto& bytes) {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) out = (out << 8 | out >> 56) ^ bytes[i];
    return out;
  };
  return at.is_unspecified() || at.is_loopback() ? fold(from.contact.key.bytes) : fold(at.ip);
}

}  // namespace

// A peer gave this record as living.
void Engine::learn_of_clock(Now now, const Peer& from, const Record& record) {
  const bool expired = record.expiry + config_.clock_skew <= now.wall;
  hear_of_clock(now, from, expired ? ClockVoices::Says::ahead : ClockVoices::Says::fits);
}

void Engine::learn_of_clock(Now now, const Peer& from, const Rpcs::Pending& request,
                            const wire::Body& reply) {
  if (const auto* nodes = std::get_if<wire::Nodes>(&reply); nodes != nullptr && nodes->record) {
    return learn_of_clock(now, from, *nodes->record);
  }
  if (!request.store) return;
  const auto* failure = std::get_if<wire::Failure>(&reply);
  if (std::holds_alternative<wire::Stored>(reply)) {
    hear_of_clock(now, from, ClockVoices::Says::fits);
  } else if (failure != nullptr && failure->detail == RecordStore::kExpired &&
             request.expiry > now.wall + config_.clock_skew) {
    hear_of_clock(now, from, ClockVoices::Says::behind);
  }
}

void Engine::hear_of_clock(Now now, const Peer& from, ClockVoices::Says says) {
  clock_voices_.hear(now.at, voice_of(config_.groups, from), says);
  if (says == ClockVoices::Says::fits) return;
  ++stats_.clock_doubts;
  const auto doubt = clock_voices_.doubt(now.at);
  if (!doubt || now.at < next_clock_notice_) return;
  next_clock_notice_ = now.at + kNoticePause;
  notice(now, Notice::Level::warning, "clock_wrong",
         std::string("the clock of this machine seems to be ") +
             (doubt->ahead ? "ahead: " : "behind: ") + std::to_string(doubt->peers) + " of " +
             std::to_string(doubt->heard) +
             (doubt->ahead ? " peers keep what has expired by it"
                           : " peers call expired what lives yet by it") +
             "; set it right (timedatectl shows whether it is kept so)");
}

}  // namespace kadmos
