#include "base/contact_book.h"

#include <array>
#include <cstring>

#include "base/check.h"

namespace kadmos {

std::size_t ContactBook::HashContact::operator()(const Contact* contact) const {
  // Keys in hearsay are whatever the peer made up, so every byte counts and the seed decides.
  std::uint64_t hash = seed;
  const auto mix = [&hash](std::uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 29;
  };
  std::array<std::uint64_t, 4> words{};
  std::memcpy(words.data(), contact->key.bytes.data(), sizeof words);
  for (const std::uint64_t word : words) mix(word);
  for (const Endpoint& endpoint : contact->endpoints) {
    std::array<std::uint64_t, 2> ip{};
    std::memcpy(ip.data(), endpoint.ip.data(), sizeof ip);
    mix(ip[0]);
    mix(ip[1] ^ endpoint.port);
  }
  return hash;
}

ContactRef ContactBook::intern(const Contact& contact) {
  if (auto it = index_.find(&contact); it != index_.end()) {
    ++entries_[it->second]->count;
    return it->second;
  }
  auto entry = std::make_unique<Entry>(Entry{contact, hash_(contact.key), 1});
  ContactRef ref = 0;
  if (free_.empty()) {
    ref = static_cast<ContactRef>(entries_.size());
    entries_.push_back(std::move(entry));
  } else {
    ref = free_.back();
    free_.pop_back();
    entries_[ref] = std::move(entry);
  }
  index_.emplace(&entries_[ref]->contact, ref);
  return ref;
}

void ContactBook::retain(ContactRef ref) {
  check(ref < entries_.size() && entries_[ref] != nullptr);
  ++entries_[ref]->count;
}

void ContactBook::release(ContactRef ref) {
  check(ref < entries_.size() && entries_[ref] != nullptr && entries_[ref]->count > 0);
  if (--entries_[ref]->count > 0) return;
  index_.erase(&entries_[ref]->contact);
  entries_[ref].reset();
  free_.push_back(ref);
}

}  // namespace kadmos
