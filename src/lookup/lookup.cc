#include "lookup/lookup.h"

#include <algorithm>
#include <bit>

namespace kadmos {

Lookup::Lookup(const Id& target, const Id& self, Options options, ContactBook& book)
    : target_(target), self_(self), options_(options), book_(book) {
  // Of a usual search none moves.
  shortlist_.reserve(
      std::min(options.max, 2 * static_cast<std::size_t>(std::max(options.width, 8))));
}

void Lookup::add(ContactRef contact, int hops, bool suspect, bool verified) {
  insert(Candidate{.contact = ContactHold(book_, contact),
                   .hops = hops,
                   .suspect = suspect,
                   .verified = verified});
}

void Lookup::add(ContactRef contact, const Namer& namer, bool suspect, bool verified) {
  insert(Candidate{.contact = ContactHold(book_, contact),
                   .namers = bit_of(namer),
                   .hops = namer.hops + 1,
                   .suspect = suspect,
                   .verified = verified});
}

void Lookup::insert(Candidate candidate) {
  const ContactRef contact = candidate.contact.ref();
  if (book_.has_id(contact, self_)) return;
  candidate.top = book_.top(contact) ^ target_.top();
  if (Candidate* known = find(contact)) {
    if (improves(*known, contact, candidate.verified)) {
      candidate.top = known->top;
      candidate.retried = known->state == State::failed;
      candidate.exists = known->exists;
      *known = std::move(candidate);
    }
    return;
  }
  if (shortlist_.size() >= options_.max) {
    auto farthest = std::find_if(shortlist_.rbegin(), shortlist_.rend(),
                                 [](const Candidate& c) { return c.state == State::fresh; });
    if (farthest == shortlist_.rend() ||
        closer(target_, farthest->contact.id(), book_.id(contact))) {
      return;
    }
    shortlist_.erase(std::next(farthest).base());
  }
  shortlist_.insert(shortlist_.begin() + static_cast<std::ptrdiff_t>(place_of(contact)),
                    std::move(candidate));
}

bool Lookup::on_named(ContactRef contact, const Namer& namer) {
  if (book_.has_id(contact, self_)) return false;
  Candidate* known = find(contact);
  if (known == nullptr) return true;
  const bool open = known->state == State::fresh || known->state == State::waiting;
  if (open && known->contact.ref() == contact) known->namers |= bit_of(namer);
  return improves(*known, contact, false);
}

// Other endpoints are worth one more try if the first ones led nowhere, and are believed rather
// than those that liars named.
bool Lookup::improves(const Candidate& known, ContactRef contact, bool verified) const {
  if (known.contact.ref() == contact) {
    return known.state == State::fresh && verified && !known.verified;
  }
  if (known.state == State::failed) return !known.retried;
  return known.state == State::fresh && !known.verified && (verified || doubted(known));
}

std::optional<ContactRef> Lookup::next() {
  if (has_enough_ || waits_for_one()) return std::nullopt;
  const int limit = closing() ? std::max(options_.closing_alpha, options_.alpha) : options_.alpha;
  if (waiting_ >= limit) return std::nullopt;
  Candidate* chosen = nullptr;
  Candidate* fallback = nullptr;
  int ahead = 0;  // nearer ones that answered or may yet
  int gone = 0;   // nearer ones that did not: what they knew has to be made up for
  for (Candidate& candidate : shortlist_) {
    if (candidate.state == State::answered || candidate.state == State::waiting) ++ahead;
    if (is_slow(candidate.state) || candidate.state == State::failed) ++gone;
    if (ahead >= options_.width + (first_round_ ? gone / 2 : 0)) return std::nullopt;
    if (candidate.state != State::fresh) continue;
    if (!doubted(candidate)) {
      chosen = &candidate;
      break;
    }
    if (fallback == nullptr) fallback = &candidate;
  }
  if (chosen == nullptr && ahead < options_.width) chosen = fallback;
  if (chosen == nullptr) return std::nullopt;
  chosen->state = State::waiting;
  chosen->earlier = false;
  ++waiting_;
  ++asked_;
  return chosen->contact.ref();
}

std::optional<Lookup::Namer> Lookup::on_answer(ContactRef peer) {
  Candidate* candidate = find(peer);
  if (candidate == nullptr || candidate->state == State::fresh ||
      candidate->state == State::answered) {
    return std::nullopt;
  }
  if (candidate->state == State::waiting) --waiting_;
  candidate->state = candidate->earlier ? State::fresh : State::answered;
  candidate->exists = true;
  if (end_after_ > 0 && is_near(*candidate, end_bits_)) has_enough_ = --end_after_ == 0;
  no_longer_alone(*candidate);
  judge_namers(*candidate, false);
  candidate->verified = true;
  return Namer{candidate->hops, namers_++};
}

void Lookup::on_slow(ContactRef peer) {
  Candidate* candidate = find(peer);
  if (candidate == nullptr || candidate->state != State::waiting) return;
  candidate->state = State::slow;
  candidate->exists = candidate->exists || candidate->verified;
  no_longer_alone(*candidate);
  --waiting_;
}

void Lookup::on_given_up(ContactRef peer) {
  Candidate* candidate = find(peer);
  if (candidate == nullptr || candidate->state != State::slow) return;
  candidate->state = State::given_up;
  judge_namers(*candidate, true);
}

void Lookup::give_up_slow() {
  for (Candidate& candidate : shortlist_) {
    if (candidate.state == State::slow) candidate.state = State::given_up;
  }
}

void Lookup::on_failed(ContactRef peer, bool exists) {
  Candidate* candidate = find(peer);
  if (candidate == nullptr) return;
  if (exists) candidate->exists = true;
  if (candidate->state == State::waiting) --waiting_;
  if (candidate->state == State::waiting || is_slow(candidate->state)) {
    candidate->state = State::failed;
    no_longer_alone(*candidate);
    judge_namers(*candidate, true);
  }
}

void Lookup::ask_doubted() {
  int answered = 0;
  for (Candidate& candidate : shortlist_) {
    if (candidate.state == State::answered && ++answered >= options_.width) break;
    if (candidate.state != State::fresh || !doubted(candidate)) continue;
    if (!candidate.verified && doubted_strangers_++ >= options_.width) continue;
    candidate.suspect = false;
    candidate.namers = 0;
  }
}

void Lookup::ask_again(int width) {
  first_round_ = has_enough_ = false;
  near_bits_ = Id::kBits + 1;
  end_after_ = 0;
  options_.width = width;
  options_.alpha = static_cast<int>(options_.max);
  for (Candidate& candidate : shortlist_) {
    if (candidate.state == State::answered) {
      candidate.state = State::fresh;
      candidate.suspect = false;
    } else {
      candidate.earlier = true;
    }
  }
}

bool Lookup::awaits(ContactRef peer) const {
  const Candidate* candidate = find(peer);
  return candidate != nullptr && !candidate->earlier &&
         (candidate->state == State::waiting || is_slow(candidate->state));
}

bool Lookup::done() const {
  if (has_enough_) return true;
  int answered = 0;
  bool slow = false;
  bool suspects_left = false;
  for (const Candidate& candidate : shortlist_) {
    switch (candidate.state) {
      case State::answered:
        if (++answered >= options_.width) return true;
        break;
      case State::waiting:
        return false;
      case State::fresh:
        if (!doubted(candidate)) return false;
        suspects_left = true;
        break;
      case State::slow:
        if (first_round_) return false;
        [[fallthrough]];
      case State::given_up:
        slow = true;
        break;
      case State::failed:
        break;
    }
  }
  if (suspects_left) return false;
  // With nobody heard at all a slow peer is better than none: wait until it answers or fails.
  return answered > 0 || !slow;
}

bool Lookup::ran_dry() const {
  return !has_enough_ && waiting_ == 0 &&
         answered_count() < static_cast<std::size_t>(options_.width);
}

RecycledVector<ContactRef> Lookup::answered(std::size_t n) const {
  RecycledVector<ContactRef> out;
  for (const Candidate& candidate : shortlist_) {
    if (out.size() == n) break;
    if (candidate.state == State::answered) out.push_back(candidate.contact.ref());
  }
  return out;
}

std::size_t Lookup::answered_count() const {
  return static_cast<std::size_t>(
      std::count_if(shortlist_.begin(), shortlist_.end(),
                    [](const Candidate& c) { return c.state == State::answered; }));
}

int Lookup::hops() const {
  for (const Candidate& candidate : shortlist_) {
    if (candidate.state == State::answered) return candidate.hops;
  }
  return 0;
}

std::size_t Lookup::slow_count() const {
  return static_cast<std::size_t>(
      std::count_if(shortlist_.begin(), shortlist_.end(),
                    [](const Candidate& c) { return is_slow(c.state) && c.verified; }));
}

bool Lookup::has_slow() const {
  return std::any_of(shortlist_.begin(), shortlist_.end(),
                     [](const Candidate& c) { return is_slow(c.state); });
}

std::size_t Lookup::gone_count() const {
  return static_cast<std::size_t>(std::count_if(
      shortlist_.begin(), shortlist_.end(),
      [](const Candidate& c) { return c.state == State::given_up || c.state == State::failed; }));
}

std::size_t Lookup::existing_count() const {
  return static_cast<std::size_t>(std::count_if(shortlist_.begin(), shortlist_.end(),
                                                [](const Candidate& c) { return c.exists; }));
}

std::size_t Lookup::possible_count() const {
  return static_cast<std::size_t>(
      std::count_if(shortlist_.begin(), shortlist_.end(),
                    [this](const Candidate& c) { return c.exists || is_possible(c); }));
}

RecycledVector<ContactRef> Lookup::possible(std::size_t n) const {
  RecycledVector<ContactRef> out;
  out.reserve(n);
  for (const Candidate& candidate : shortlist_) {
    if (out.size() == n) break;
    if (is_possible(candidate)) out.push_back(candidate.contact.ref());
  }
  return out;
}

RecycledVector<ContactRef> Lookup::unasked(std::size_t n) const {
  RecycledVector<ContactRef> out;
  for (const Candidate& candidate : shortlist_) {
    if (n == 0) break;
    if (!is_possible(candidate)) continue;
    if (candidate.state == State::fresh) out.push_back(candidate.contact.ref());
    --n;
  }
  return out;
}

std::size_t Lookup::nearer_than_self() const {
  std::size_t out = 0;
  for (const Candidate& candidate : shortlist_) {
    if (closer(target_, self_, candidate.contact.id())) break;
    if (is_possible(candidate)) ++out;
  }
  return out;
}

bool Lookup::is_possible(const Candidate& candidate) const {
  return candidate.state == State::answered || candidate.state == State::waiting ||
         (candidate.state == State::fresh && !doubted(candidate));
}

std::size_t Lookup::place_of(ContactRef contact) const {
  const std::uint64_t top = book_.top(contact) ^ target_.top();
  const auto at =
      std::partition_point(shortlist_.begin(), shortlist_.end(), [&](const Candidate& candidate) {
        if (candidate.top != top) return candidate.top < top;
        return candidate.contact.ref() != contact &&
               closer(target_, candidate.contact.id(), book_.id(contact));
      });
  return static_cast<std::size_t>(at - shortlist_.begin());
}

const Lookup::Candidate* Lookup::find(ContactRef peer) const {
  const std::size_t at = place_of(peer);
  return is_at(at, peer) ? &shortlist_[at] : nullptr;
}

bool Lookup::closing() const {
  for (const Candidate& candidate : shortlist_) {
    if (candidate.state == State::answered) return true;
    if (candidate.state == State::waiting) return false;
    if (candidate.state == State::fresh && !doubted(candidate)) return false;
  }
  return false;
}

bool Lookup::is_near(const Candidate& candidate, int bits) const {
  return shared_prefix(candidate.contact.id(), target_) >= bits;
}

bool Lookup::waits_for_one() const {
  if (near_bits_ > Id::kBits) return false;
  for (const Candidate& candidate : shortlist_) {
    if (!is_near(candidate, near_bits_)) return false;
    if (candidate.state == State::waiting) return candidate.verified;
  }
  return false;
}

void Lookup::no_longer_alone(const Candidate& candidate) {
  if (near_bits_ <= Id::kBits && is_near(candidate, near_bits_)) near_bits_ = Id::kBits + 1;
}

bool Lookup::doubted(const Candidate& candidate) const {
  return candidate.suspect ||
         (!candidate.verified && candidate.namers != 0 && (candidate.namers & ~liars_) == 0);
}

void Lookup::judge_namers(Candidate& candidate, bool silent) {
  if (candidate.verified || (silent && candidate.silent)) return;
  const int lie = silent ? 1 : candidate.silent ? -2 : -1;
  candidate.silent = silent;
  for (std::uint64_t rest = candidate.namers; rest != 0; rest &= rest - 1) {
    const auto number = static_cast<std::size_t>(std::countr_zero(rest));
    const std::uint64_t bit = std::uint64_t{1} << number;
    lies_[number] = static_cast<std::int16_t>(lies_[number] + lie);
    liars_ = lies_[number] >= kLies ? liars_ | bit : liars_ & ~bit;
  }
}

}  // namespace kadmos
