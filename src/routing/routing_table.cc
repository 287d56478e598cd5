#include "routing/routing_table.h"

#include <algorithm>

#include "base/check.h"
#include "base/plant.h"

namespace kadmos {
namespace {

bool in_group(const AddressGroups& groups, const Contact& contact, std::uint64_t group) {
  return std::any_of(contact.endpoints.begin(), contact.endpoints.end(),
                     [&](const Endpoint& e) { return groups.group_of(e) == group; });
}

}  // namespace

RoutingTable::RoutingTable(const Id& self, Options options, ContactBook& book)
    : self_(self), options_(options), book_(book), buckets_(1) {
  check(options_.k > 0 && options_.per_group > 0 && options_.max_failures > 0);
}

RoutingTable::~RoutingTable() {
  for (const Bucket& bucket : buckets_) {
    for (const Entry& e : bucket.entries) book_.release(e.contact);
    for (const ContactRef ref : bucket.waiting) book_.release(ref);
  }
}

std::size_t RoutingTable::index_of(const Id& id) const {
  return std::min(static_cast<std::size_t>(shared_prefix(self_, id)), buckets_.size() - 1);
}

const RoutingTable::Entry* RoutingTable::entry(const Id& id) const {
  for (const Entry& e : buckets_[index_of(id)].entries) {
    if (book_.has_id(e.contact, id)) return &e;
  }
  return nullptr;
}

bool RoutingTable::full(const Bucket& bucket) const {
  return bucket.entries.size() >= static_cast<std::size_t>(options_.k);
}

RoutingTable::Seen RoutingTable::on_seen(TimePoint now, ContactRef contact,
                                         std::optional<Duration> round_trip) {
  const Id& id = book_.id(contact);
  if (id == self_) return Seen::self;
  Bucket* bucket = &buckets_[index_of(id)];
  if (group_full(*bucket, contact)) {
    bucket->crowded = bucket->crowded || bucket != &buckets_.back();
    return Seen::group_full;
  }
  if (const Entry* known = entry(id)) {
    const auto at = static_cast<std::size_t>(known - bucket->entries.data());
    return update(*bucket, at, contact, round_trip);
  }
  // Ends at the latest when the last bucket has room for the only id that shares 511 bits.
  while (full(*bucket) && bucket == &buckets_.back()) {
    split_last(now);
    bucket = &buckets_[index_of(id)];
  }
  if (full(*bucket) && planted(Plant::evict_live_contact)) {
    book_.release(bucket->entries.front().contact);
    bucket->entries.erase(bucket->entries.begin());
    --size_;
  }
  if (full(*bucket)) return cache(now, *bucket, contact);
  book_.retain(contact);
  if (bucket->entries.empty()) bucket->entries.reserve(static_cast<std::size_t>(options_.k));
  bucket->entries.push_back({contact, {}, 0});
  if (round_trip) bucket->entries.back().rtt.add(*round_trip);
  ++size_;
  bucket->crowded = bucket->crowded || full(*bucket);
  return Seen::added;
}

RoutingTable::Seen RoutingTable::update(Bucket& bucket, std::size_t at, ContactRef contact,
                                        std::optional<Duration> round_trip) {
  Entry& e = touch(bucket, at, round_trip);
  book_.retain(contact);
  book_.release(std::exchange(e.contact, contact));
  e.failures = 0;
  e.proof = Proof::fresh;
  limit_waiting(bucket, contact);
  return Seen::updated;
}

// Moves the entry to the most recently seen end.
RoutingTable::Entry& RoutingTable::touch(Bucket& bucket, std::size_t at,
                                         std::optional<Duration> round_trip) {
  const auto place = bucket.entries.begin() + static_cast<std::ptrdiff_t>(at);
  std::rotate(place, place + 1, bucket.entries.end());
  if (at == 0 && bucket.check == Check::given) bucket.check = Check::idle;
  Entry& e = bucket.entries.back();
  if (round_trip) e.rtt.add(*round_trip);
  return e;
}

void RoutingTable::on_heard(const Id& id, std::optional<Duration> round_trip) {
  const Entry* known = entry(id);
  if (known == nullptr) return;
  Bucket& bucket = buckets_[index_of(id)];
  touch(bucket, static_cast<std::size_t>(known - bucket.entries.data()), round_trip);
}

RoutingTable::Seen RoutingTable::cache(TimePoint now, Bucket& bucket, ContactRef contact) {
  book_.retain(contact);
  for (std::size_t i = 0; i < bucket.waiting.size(); ++i) {
    if (book_.has_id(bucket.waiting[i], book_.id(contact))) {
      forget_waiting(bucket, i);
      break;
    }
  }
  bucket.waiting.push_back(contact);
  limit_waiting(bucket, contact);
  if (bucket.check == Check::idle && now >= bucket.next_check) {
    bucket.check = Check::wanted;
    bucket.next_check = now + kCheckPause;
  }
  check_wanted_ = check_wanted_ || bucket.check == Check::wanted;
  return Seen::cached;
}

void RoutingTable::split_last(TimePoint now) {
  const int depth = static_cast<int>(buckets_.size()) - 1;
  Bucket& far = buckets_.back();  // only full buckets that cannot split have a cache
  Bucket near;
  near.due = far.due;
  const auto middle = std::stable_partition(
      far.entries.begin(), far.entries.end(),
      [&](const Entry& e) { return book_.id(e.contact).bit(depth) != self_.bit(depth); });
  near.entries.reserve(static_cast<std::size_t>(options_.k));
  near.entries.assign(middle, far.entries.end());
  far.entries.erase(middle, far.entries.end());
  far.due = now;
  far.crowded = full(far);
  buckets_.reserve(buckets_.size() + 1);  // they are few, and nodes may be many
  buckets_.push_back(std::move(near));
  find_next_due();
}

bool RoutingTable::on_failed(const Id& id) {
  Bucket& bucket = buckets_[index_of(id)];
  for (std::size_t i = 0; i < bucket.entries.size(); ++i) {
    Entry& e = bucket.entries[i];
    if (!book_.has_id(e.contact, id)) continue;
    // If somebody waits: one failure is not yet a place, and a first entry that died rarely died
    // alone. So the first entry of now is checked next.
    if (i == 0) {
      bucket.check = Check::wanted;
      check_wanted_ = true;
    }
    if (++e.failures < options_.max_failures) return false;
    remove(bucket, i);
    return true;
  }
  for (std::size_t i = 0; i < bucket.waiting.size(); ++i) {
    if (!book_.has_id(bucket.waiting[i], id)) continue;
    forget_waiting(bucket, i);
    break;
  }
  return false;
}

void RoutingTable::remove(Bucket& bucket, std::size_t at) {
  book_.release(bucket.entries[at].contact);
  bucket.entries.erase(bucket.entries.begin() + static_cast<std::ptrdiff_t>(at));
  if (bucket.waiting.empty()) {
    --size_;
  } else {
    // Takes over the reference. It was reached before it began to wait, which may be long ago.
    bucket.entries.push_back({bucket.waiting.back(), {}, 0, Proof::due});
    any_due_ = true;
    bucket.waiting.pop_back();
  }
}

void RoutingTable::forget_waiting(Bucket& bucket, std::size_t at) {
  book_.release(bucket.waiting[at]);
  bucket.waiting.erase(bucket.waiting.begin() + static_cast<std::ptrdiff_t>(at));
}

// Whether others of one of the contact's groups fill that group's share of the entries.
bool RoutingTable::group_full(const Bucket& bucket, ContactRef contact) const {
  for (const Endpoint& endpoint : book_.contact(contact).endpoints) {
    const std::uint64_t group = options_.groups->group_of(endpoint);
    if (group == 0) continue;
    const auto others =
        std::count_if(bucket.entries.begin(), bucket.entries.end(), [&](const Entry& e) {
          return !book_.has_id(e.contact, book_.id(contact)) &&
                 in_group(*options_.groups, book_.contact(e.contact), group);
        });
    if (static_cast<std::size_t>(others) >= options_.per_group) return true;
  }
  return false;
}

// Keeps the cache within k, and the groups of `contact` (which just came in) within their share of
// the whole bucket; so moving up can break neither bound. The oldest go.
void RoutingTable::limit_waiting(Bucket& bucket, ContactRef contact) {
  if (bucket.waiting.size() > static_cast<std::size_t>(options_.k)) forget_waiting(bucket, 0);
  for (const Endpoint& endpoint : book_.contact(contact).endpoints) {
    const std::uint64_t group = options_.groups->group_of(endpoint);
    if (group == 0) continue;
    auto members = static_cast<std::size_t>(
        std::count_if(bucket.entries.begin(), bucket.entries.end(), [&](const Entry& e) {
          return in_group(*options_.groups, book_.contact(e.contact), group);
        }));
    for (std::size_t i = bucket.waiting.size(); i-- > 0;) {
      if (!in_group(*options_.groups, book_.contact(bucket.waiting[i]), group)) continue;
      if (++members > options_.per_group) forget_waiting(bucket, i);
    }
  }
}

std::optional<ContactRef> RoutingTable::poll_check() {
  if (!check_wanted_) return std::nullopt;
  for (Bucket& bucket : buckets_) {
    if (bucket.check != Check::wanted || bucket.waiting.empty()) continue;
    bucket.check = Check::given;
    return bucket.entries.front().contact;
  }
  check_wanted_ = false;
  return std::nullopt;
}

std::vector<ContactRef> RoutingTable::oldest() const {
  std::vector<ContactRef> out;
  for (const Bucket& bucket : buckets_) {
    if (!bucket.entries.empty()) out.push_back(bucket.entries.front().contact);
  }
  return out;
}

void RoutingTable::begin_round() {
  for (Bucket& bucket : buckets_) {
    for (Entry& e : bucket.entries) {
      e.proof = e.proof == Proof::fresh ? Proof::old : Proof::due;
      any_due_ = any_due_ || e.proof == Proof::due;
    }
  }
}

std::optional<ContactRef> RoutingTable::poll_unproved() {
  if (!any_due_) return std::nullopt;
  for (Bucket& bucket : buckets_) {
    for (Entry& e : bucket.entries) {
      if (e.proof != Proof::due) continue;
      e.proof = Proof::old;
      return e.contact;
    }
  }
  any_due_ = false;
  return std::nullopt;
}

bool RoutingTable::may_know_all(const Id& id) const {
  const std::size_t index = index_of(id);
  return index + 1 == buckets_.size() || !buckets_[index].crowded;
}

std::vector<Id> RoutingTable::census() const {
  std::vector<Id> out;
  out.reserve(size_);
  for (const Bucket& bucket : buckets_) {
    const std::size_t before = out.size();
    for (const Entry& e : bucket.entries) {
      if (e.failures == 0) out.push_back(book_.id(e.contact));
    }
    if (!bucket.crowded || &bucket == &buckets_.back()) continue;
    if (bucket.entries.empty()) continue;
    const auto missing = static_cast<std::size_t>(options_.k) - (out.size() - before);
    out.insert(out.end(), missing, book_.id(bucket.entries.front().contact));
  }
  return out;
}

bool RoutingTable::wants(ContactRef contact) const {
  const Id& id = book_.id(contact);
  if (id == self_) return false;
  if (const Entry* known = entry(id)) {
    if (planted(Plant::keep_old_address)) return false;
    return known->contact != contact || known->failures > 0;
  }
  const Bucket& bucket = buckets_[index_of(id)];
  if (&bucket == &buckets_.back() || !full(bucket)) return true;
  return std::ranges::any_of(bucket.waiting, [&](ContactRef waiting) {
    return waiting != contact && book_.has_id(waiting, id);
  });
}

std::optional<ContactRef> RoutingTable::find(const Id& id) const {
  const Entry* known = entry(id);
  return known != nullptr ? std::optional(known->contact) : std::nullopt;
}

std::optional<ContactRef> RoutingTable::find_healthy(const Id& id) const {
  const Entry* known = entry(id);
  return known != nullptr && known->failures == 0 ? std::optional(known->contact) : std::nullopt;
}

const Rtt* RoutingTable::rtt(const Id& id) const {
  const Entry* known = entry(id);
  return known != nullptr && known->rtt.measured() ? &known->rtt : nullptr;
}

// Appends the nearest n that `accept` takes. Buckets come one after the other in order of distance,
// each wholly nearer than the next, because of the bits of the target's distance D from self: what
// is in bucket i differs from self in bit i and what lies deeper does not, both agreeing with self
// before it. So bucket i is nearer to the target than all deeper ones if D has bit i, else farther:
// first the buckets whose bit is set, from shallow to deep, then the last, then the others back.
template <class Accept>
void RoutingTable::collect(const Id& target, std::size_t n, Accept accept,
                           RecycledVector<ContactRef>& out) const {
  const std::size_t end = out.size() + std::min(n, size_);
  out.reserve(end);
  struct Candidate {
    std::uint64_t distance;  // its first bits, which nearly always decide
    ContactRef contact;
  };
  RecycledVector<Candidate> candidates;
  candidates.reserve(static_cast<std::size_t>(options_.k));
  const auto visit = [&](const Bucket& bucket) {
    candidates.clear();
    for (const Entry& e : bucket.entries) {
      if (accept(e)) candidates.push_back({book_.top(e.contact) ^ target.top(), e.contact});
    }
    std::sort(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
      if (a.distance != b.distance) return a.distance < b.distance;
      return closer(target, book_.id(a.contact), book_.id(b.contact));
    });
    for (const Candidate& candidate : candidates) {
      if (out.size() == end) break;
      out.push_back(candidate.contact);
    }
  };
  const auto differs = [&](int bit) { return target.bit(bit) != self_.bit(bit); };
  const int last = static_cast<int>(buckets_.size()) - 1;
  for (int i = 0; i < last && out.size() < end; ++i) {
    if (differs(i)) visit(buckets_[static_cast<std::size_t>(i)]);
  }
  if (out.size() < end) visit(buckets_.back());
  for (int i = last - 1; i >= 0 && out.size() < end; --i) {
    if (!differs(i)) visit(buckets_[static_cast<std::size_t>(i)]);
  }
}

RecycledVector<ContactRef> RoutingTable::closest(const Id& target, std::size_t n,
                                                 bool healthy_first) const {
  RecycledVector<ContactRef> out;
  if (healthy_first) {
    collect(
        target, n, [](const Entry& e) { return e.failures == 0; }, out);
    collect(
        target, n - out.size(), [](const Entry& e) { return e.failures != 0; }, out);
  } else {
    collect(
        target, n, [](const Entry&) { return true; }, out);
  }
  return out;
}

RecycledVector<ContactRef> RoutingTable::closest_healthy(const Id& target, std::size_t n) const {
  RecycledVector<ContactRef> out;
  collect(
      target, n, [](const Entry& e) { return e.failures == 0; }, out);
  return out;
}

std::vector<ContactRef> RoutingTable::all() const {
  std::vector<ContactRef> out;
  out.reserve(size_);
  for (const Bucket& bucket : buckets_) {
    for (const Entry& e : bucket.entries) out.push_back(e.contact);
  }
  return out;
}

void RoutingTable::on_lookup(TimePoint now, const Id& target) {
  buckets_[index_of(target)].due = now + options_.refresh_interval;
  find_next_due();
}

TimePoint RoutingTable::next_refresh() const { return empty() ? TimePoint::max() : next_due_; }

void RoutingTable::find_next_due() {
  next_due_ =
      std::min_element(buckets_.begin(), buckets_.end(), [](const Bucket& a, const Bucket& b) {
        return a.due < b.due;
      })->due;
}

std::optional<Id> RoutingTable::poll_refresh(TimePoint now, Prng& prng) {
  if (next_refresh() > now) return std::nullopt;
  const auto due = std::find_if(buckets_.begin(), buckets_.end(),
                                [&](const Bucket& bucket) { return bucket.due <= now; });
  due->due = now + prng.jittered(options_.refresh_interval);
  due->crowded = full(*due);  // for the lookup to fill it again if there are more
  find_next_due();
  const int depth = static_cast<int>(due - buckets_.begin());
  Id id = prng.id();
  for (int i = 0; i < depth; ++i) id.set_bit(i, self_.bit(i));
  if (&*due != &buckets_.back()) id.set_bit(depth, !self_.bit(depth));
  return id;
}

}  // namespace kadmos
