// Own records: announced, signed anew in time, and renewed when they lapsed.
#include <algorithm>

#include "engine/engine.h"

namespace kadmos {
namespace {

// An own record whose time is over, whether or not that was written down yet.
bool has_lapsed(Now now, const StoredRecord& own) {
  return own.own == Own::lapsed || own.expiry <= now.wall;
}

}  // namespace

// The time serves as the sequence, so that nothing need be read from the network first.
Record Engine::announce(Now now, const Key& key, bool withdrawn) {
  Record record = announcing({key, withdrawn, withdrawn ? Endpoints() : endpoints_});
  const auto time = static_cast<std::uint64_t>(now.wall.time_since_epoch().count());
  last_announced_ = std::max(last_announced_ + 1, time);
  const Key place = provider_key(key, identity_.public_key());
  last_announced_ = std::max(last_announced_, store_.last_sequence(place) + 1);
  // Or republishing might have the last word.
  if (withdrawn) store_.release(now, place, Own::none);
  record.sequence = last_announced_;
  record.expiry = now.wall + (withdrawn ? config_.ttl_max : config_.ttl);
  sign(record, identity_, config_.network);
  return record;
}

void Engine::republish(Now now, const Key& key) {
  const auto held = store_.present(key);
  if (!held && held.error().code == Errc::verification_failed) {
    // By asking for it, since a get puts back what it finds. It is published in its turn.
    begin(now, make_operation(env_, GetRequest{.key = key}), Running::Purpose::restore,
          config_.operation_timeout);
    return;
  }
  auto request = to_republish(now, key);
  if (!request) return upkeep_.on_republish_ended(now.at, false);
  // Nobody is misled by it, and few replicas are better than none. But what lapsed is signed anew
  // only if nothing newer is known, and those out of reach may know that it was deleted.
  request->accept_small = !request->lapsed;
  const auto purpose = request->lapsed ? Running::Purpose::renew : Running::Purpose::republish;
  begin(now, make_operation(env_, std::move(*request)), purpose, config_.operation_timeout);
}

void Engine::on_restored(Now now, const Result<Found>& fetched) {
  upkeep_.on_republish_ended(now.at, false);
  if (fetched) {
    notice(now, Notice::Level::info, "record_restored",
           "the own record " + key_of(fetched->record).short_hex() +
               " was damaged and has been fetched back from others");
  } else if (fetched.error().code != Errc::not_found) {  // or its deletion was found
    notice(now, Notice::Level::warning, "record_not_restored",
           "an own record stays unreadable: " + fetched.error().text());
  }
}

// Whoever asked for it. A damaged record is told of whatever the quota of notices, since that is
// done once of each.
void Engine::tell_of_unreadable(Now now) {
  while (auto one = store_.poll_unreadable()) {
    const bool own = one->own == Own::renewed || one->own == Own::until_expiry;
    if (one->why.code != Errc::verification_failed) {
      notice(now, Notice::Level::warning, "record_unreadable", one->why.text());
      continue;
    }
    events_.push(Notice{Notice::Level::warning, "record_unreadable",
                        one->why.detail + (own ? "; it is an own record, and is fetched back"
                                               : "; it is erased, so that others send it anew")});
    if (own) upkeep_.republish_soon(now.at, one->key);
  }
}

// An own record as it is to be published again, signed; none if it need not be yet or no more.
std::optional<PublishRequest> Engine::to_republish(Now now, const Key& key) {
  const auto kept = store_.present(key);
  if (!kept || !*kept) return std::nullopt;
  const StoredRecord& held = **kept;
  if (held.own != Own::renewed && held.own != Own::lapsed) return std::nullopt;
  const Record& record = held.record;
  const bool content = record.type == RecordType::content;
  const auto announcement = announced(record);
  // A deletion has been said once its tombstone outlives what it deleted; so has a withdrawal.
  const bool said =
      record.type == RecordType::tombstone || (announcement && announcement->withdrawn);
  if (said || (!content && record.owner != identity_.public_key())) {
    store_.release(now, key, Own::none);
    return std::nullopt;
  }
  if (has_lapsed(now, held)) {
    if (!forgotten(now, held.expiry)) return sign_anew(now, held);
    notice(now, Notice::Level::warning, "not_renewed",
           "the own record " + key.short_hex() +
               " expired so long ago that its deletion may be forgotten: see 'dht-cli status'");
    return std::nullopt;
  }
  // Of content anybody can say that it lives longer.
  const Duration age = now.wall - (record.expiry - config_.ttl);
  const bool fresh = !content && age < config_.republish_interval / 2 && age > -config_.clock_skew;
  const bool moved =
      announcement && announcing({announcement->key, false, endpoints_}).value != record.value;
  if (fresh && !moved) return std::nullopt;
  return sign_anew(now, held);
}

PublishRequest Engine::sign_anew(Now now, const StoredRecord& held) {
  PublishRequest out{held.record};
  if (has_lapsed(now, held)) out.lapsed = held.expiry;
  Record& record = out.record;
  if (const auto announcement = announced(record)) {
    record = announce(now, announcement->key, false);
    return out;
  }
  const bool content = record.type == RecordType::content;
  // What was signed by a calendar far ahead gives way only to a newer version.
  const WallTime expiry = now.wall + config_.ttl;
  if (!content && record.expiry > expiry + config_.clock_skew) ++record.sequence;
  record.expiry = expiry;
  if (!content) sign(record, identity_, config_.network);
  return out;
}

// Whether its deletion may have been forgotten by everybody since it was signed: a tombstone lives
// for ttl_max, and the floor it leaves for ttl_max and the skew.
bool Engine::forgotten(Now now, WallTime expired) const {
  return now.wall - (expired - config_.ttl) > 2 * config_.ttl_max + config_.clock_skew;
}

Result<PublishRequest> Engine::renewal(Now now, const Key& key) {
  const auto held = lapsed(key);
  if (!held) return held.error();
  if (!*held) {
    return Error(Errc::not_found, "no own record of that key has expired and waits to be renewed");
  }
  return sign_anew(now, **held);
}

std::vector<Key> Engine::forgotten_keys(Now now) const {
  std::vector<Key> out = store_.own_keys(Own::lapsed);
  std::erase_if(out, [&](const Key& key) { return !forgotten(now, store_.outline(key)->expiry); });
  return out;
}

Result<std::optional<StoredRecord>> Engine::lapsed(const Key& key) const {
  auto held = store_.present(key);
  if (held && *held && (*held)->own != Own::lapsed) held->reset();
  return held;
}

}  // namespace kadmos
