#include "base/contact_book.h"

#include <array>
#include <cstring>

#include "base/check.h"

namespace kadmos {

std::uint32_t ContactBook::hash_of(const Contact& contact) const {
  // Keys in hearsay are whatever the peer made up, so every byte counts and the seed decides.
  std::uint64_t hash = seed_;
  const auto mix = [&hash](std::uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 29;
  };
  std::array<std::uint64_t, 4> words{};
  std::memcpy(words.data(), contact.key.bytes.data(), sizeof words);
  for (const std::uint64_t word : words) mix(word);
  for (const Endpoint& endpoint : contact.endpoints) {
    std::array<std::uint64_t, 2> ip{};
    std::memcpy(ip.data(), endpoint.ip.data(), sizeof ip);
    mix(ip[0]);
    mix(ip[1] ^ endpoint.port);
  }
  return static_cast<std::uint32_t>(hash >> 32 ^ hash);
}

ContactRef ContactBook::intern(const Contact& contact) {
  const std::uint32_t hash = hash_of(contact);
  std::size_t at = hash & (index_.size() - 1);
  for (; index_[at].ref != kNone; at = (at + 1) & (index_.size() - 1)) {
    if (index_[at].hash != hash) continue;
    Entry& known = entry(index_[at].ref);
    if (known.contact == contact) {
      ++known.count;
      return index_[at].ref;
    }
  }
  const ContactRef ref = add(contact);
  index_[at] = {hash, ref};
  if (2 * size() > index_.size()) grow_index();
  return ref;
}

ContactRef ContactBook::add(const Contact& contact) {
  ContactRef ref = 0;
  if (free_.empty()) {
    ref = static_cast<ContactRef>(tops_.size());
    if (ref % kBlock == 0) blocks_.push_back(std::make_unique<Entry[]>(kBlock));
    tops_.push_back(0);
  } else {
    ref = free_.back();
    free_.pop_back();
  }
  entry(ref) = {hash_(contact.key), 1, contact};
  tops_[ref] = entry(ref).id.top();
  return ref;
}

void ContactBook::retain(ContactRef ref) {
  check(ref < tops_.size() && entry(ref).count > 0);
  ++entry(ref).count;
}

void ContactBook::release(ContactRef ref) {
  check(ref < tops_.size() && entry(ref).count > 0);
  Entry& gone = entry(ref);
  if (--gone.count > 0) return;
  std::size_t at = hash_of(gone.contact) & (index_.size() - 1);
  while (index_[at].ref != ref) at = (at + 1) & (index_.size() - 1);
  erase_place(at);
  free_.push_back(ref);
}

void ContactBook::grow_index() {
  std::vector<Place> old(2 * index_.size());
  old.swap(index_);
  for (const Place& place : old) {
    if (place.ref == kNone) continue;
    std::size_t at = place.hash & (index_.size() - 1);
    while (index_[at].ref != kNone) at = (at + 1) & (index_.size() - 1);
    index_[at] = place;
  }
}

// Whoever comes behind without a gap moves up, unless that is before where its hash points.
void ContactBook::erase_place(std::size_t at) {
  const std::size_t mask = index_.size() - 1;
  for (std::size_t i = (at + 1) & mask; index_[i].ref != kNone; i = (i + 1) & mask) {
    const std::size_t home = index_[i].hash & mask;
    if (((i - home) & mask) < ((i - at) & mask)) continue;
    index_[at] = index_[i];
    at = i;
  }
  index_[at] = {};
}

}  // namespace kadmos
