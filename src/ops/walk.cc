#include "ops/walk.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/plant.h"
#include "ops/replies.h"

namespace kadmos {

void AskLog::asked(TimePoint now, const ContactHold& peer) {
  entries_.push_back({peer, now, Outcome::silent, 0, {}, {}});
}

AskLog::Entry& AskLog::ended(TimePoint now, const Id& peer, Outcome outcome, std::string detail) {
  std::size_t i = entries_.size();
  do {
    check(i-- > 0);
  } while (entries_[i].peer.id() != peer);
  Entry& entry = entries_[i];
  entry.outcome = outcome;
  entry.elapsed = now - entry.since;
  entry.detail = std::move(detail);
  return entry;
}

std::vector<Asked> AskLog::entries(std::size_t first) const {
  std::vector<Asked> out;
  out.reserve(entries_.size() - first);
  for (std::size_t i = first; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    out.push_back({*entry.peer, entry.outcome, entry.sequence, entry.elapsed, entry.detail});
  }
  return out;
}

Walk::Walk(const OpEnv& env, const Id& target, int width, wire::Body request)
    : env_(env),
      lookup_(target, env.identity.id(),
              {.width = planted(Plant::one_less_than_k) ? width - 1 : width,
               .alpha = env.config.alpha,
               .closing_alpha = env.config.closing_alpha,
               .max = env.config.limits.shortlist},
              env.book),
      request_(std::move(request)) {}

void Walk::start(Now now, const std::vector<Contact>& via) {
  started_ = now.at;
  env_.table.on_lookup(now.at, lookup_.target());
  const auto k = static_cast<std::size_t>(env_.config.k);
  seed(now, k);
  for (std::size_t i = 0; i < std::min(via.size(), k); ++i) add(now, via[i]);
}

void Walk::seed(Now now, std::size_t n) {
  for (const ContactRef contact : env_.table.closest(lookup_.target(), n, true)) {
    lookup_.add(contact, 1, suspected(now, env_.book.id(contact)), true);
  }
}

bool Walk::suspected(Now now, const Id& peer) const {
  return !asks_suspects_ && env_.suspects.suspected(now.at, peer);
}

void Walk::add(Now now, const Contact& contact) {
  const ContactHold one(env_.book, contact);
  lookup_.add(one.ref(), 1, suspected(now, one.id()), true);
}

void Walk::on_named(Now now, const ContactHold& heard, const Lookup::Namer& namer) {
  if (!lookup_.on_named(heard.ref(), namer)) return;
  // What we verified ourselves beats what we are told, unless it has failed since.
  const auto known = env_.table.find_healthy(heard.id());
  lookup_.add(known.value_or(heard.ref()), namer, suspected(now, heard.id()), known.has_value());
}

std::optional<Action> Walk::poll_action(Now now) {
  auto next = lookup_.next();
  if (!next && lookup_.ran_dry() && !std::exchange(all_seeded_, true)) {
    // The nearest are gone: begin again from all that are known.
    seed(now, env_.config.limits.shortlist);
    next = lookup_.next();
  }
  if (!next) return std::nullopt;
  ContactHold peer(env_.book, *next);
  log_.asked(now.at, peer);
  return std::optional<Action>(std::in_place, Ask{std::move(peer), request_});
}

void Walk::ask_again(int width, wire::Body request) {
  lookup_.ask_again(width);
  set_width(width);
  request_ = std::move(request);
}

void Walk::ask_all_known(Now now) {
  seed(now, env_.config.limits.shortlist);
  set_width(env_.config.k + static_cast<int>(lookup_.gone_count()));
  lookup_.ask_doubted();
}

void Walk::set_width(int width) {
  lookup_.set_width(planted(Plant::one_less_than_k) ? width - 1 : width);
}

bool Walk::on_answer(Now now, const ContactHold& from, const wire::Body& reply) {
  const auto* nodes = std::get_if<wire::Nodes>(&reply);
  const auto* stored = std::get_if<wire::Stored>(&reply);
  const bool stores = std::holds_alternative<wire::Store>(request_);
  const bool fits =
      stored != nullptr ? stores : nodes != nullptr && !(stores && lookup_.awaits(from.ref()));
  if (!fits) {
    const Refusal refusal = refusal_in(reply);
    lookup_.on_failed(from.ref(), true);
    log_.ended(now.at, from.id(), refusal.outcome, refusal.detail);
    return false;
  }
  const auto namer = lookup_.on_answer(from.ref());
  if (!namer) return false;
  last_hops_ = namer->hops;
  if (nodes != nullptr) {
    log_.ended(now.at, from.id(), nodes->record ? Outcome::found : Outcome::absent).sequence =
        nodes->record ? nodes->record->sequence : 0;
  } else {
    log_.ended(now.at, from.id(), outcome_of(stored->status)).sequence = stored->sequence;
  }
  const wire::Contacts& named = nodes != nullptr ? nodes->contacts : stored->contacts;
  const auto cap = static_cast<std::size_t>(env_.config.k);
  if (named.size() > cap) ++env_.stats.contacts_excess;
  const std::size_t count = std::min(named.size(), cap);
  // All of them first: so the processor fetches several from memory at once.
  RecycledVector<ContactHold> heard;
  heard.reserve(count);
  for (std::size_t i = 0; i < count; ++i) heard.emplace_back(env_.book, named[i]);
  for (const ContactHold& contact : heard) on_named(now, contact, *namer);
  return true;
}

void Walk::on_slow(Now now, const ContactHold& from) {
  lookup_.on_slow(from.ref());
  log_.ended(now.at, from.id(), Outcome::silent);
}

void Walk::on_failed(Now now, const ContactHold& from, Outcome outcome, const std::string& detail) {
  lookup_.on_failed(from.ref());
  log_.ended(now.at, from.id(), outcome, detail);
}

void Walk::on_invalid(Now now, const ContactHold& from, const std::string& detail) {
  env_.suspects.on_offence(now.at, from.id(), true);
  on_failed(now, from, Outcome::invalid, detail);
}

int Walk::target_of(std::size_t others) const {
  return std::min(env_.config.k, static_cast<int>(others) + (env_.config.client ? 0 : 1));
}

Closest Walk::closest(Now now) const {
  Closest out{lookup_.target(), {}, lookup_.hops(), lookup_.asked(), elapsed(now)};
  for (const ContactRef contact : lookup_.answered(static_cast<std::size_t>(env_.config.k))) {
    out.contacts.push_back(env_.book.contact(contact));
  }
  return out;
}

bool Walk::cut_off() const {
  const bool alone = !env_.config.client && !env_.has_way_in && lookup_.asked() == 0;
  return lookup_.answered_count() == 0 && !alone;
}

Error Walk::error(Errc code, const std::string& operation, std::string detail) const {
  Error error(code, std::move(detail));
  error.operation = operation;
  error.asked = log_.entries();
  return error;
}

Error Walk::nobody(const std::string& operation) const {
  if (lookup_.asked() > 0) {
    return error(Errc::unreachable, operation,
                 "none of the " + std::to_string(lookup_.asked()) + " nodes asked answered");
  }
  return error(Errc::unreachable, operation,
               env_.has_way_in
                   ? "this node is not in its network at present; it keeps trying to enter"
                   : "no other node is known; join a network first");
}

}  // namespace kadmos
