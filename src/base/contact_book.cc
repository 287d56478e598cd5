#include "base/contact_book.h"

#include <cstring>

#include "base/check.h"

namespace kadmos {

std::size_t ContactBook::HashContact::operator()(const Contact* contact) const {
  // The key is a point on a curve, so eight of its bytes are as good as a hash; whoever grinds keys
  // to collide pays 2^n work for n bits and gets one slow bucket.
  std::uint64_t word = 0;
  std::memcpy(&word, contact->key.bytes.data(), sizeof word);
  for (const Endpoint& endpoint : contact->endpoints) {
    word = word * 31 + endpoint.port;
    word = word * 31 + endpoint.ip[15];
  }
  return word;
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
