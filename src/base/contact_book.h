// The contact book: every contact anybody here knows, once. Tables, shortlists and replies hold
// 32-bit references; an id is hashed once per contact and not once per reply; a simulation shares
// one book among its nodes. Entries are counted references and go when the last one does.
//
// Entries lie in blocks that never move. The index is a hash table with open addressing; the first
// word of each id lies in an array of its own, since it decides nearly every comparison of ids.
//
// A contact is interned by key *and* endpoints: hearsay that gives a known key another address is
// another entry and changes nothing for those who hold the verified one.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "kadmos/contact.h"
#include "kadmos/id.h"

namespace kadmos {

using ContactRef = std::uint32_t;

class ContactBook {
 public:
  // `hash` derives an id from a public key (kadmos::id_of; tests use readable ids). `seed` keeps
  // strangers from naming contacts that collide in the index.
  explicit ContactBook(Id (*hash)(const PublicKey&), std::uint64_t seed = 0)
      : hash_(hash), seed_(seed), index_(kFirstIndex) {}
  ContactBook(const ContactBook&) = delete;
  ContactBook& operator=(const ContactBook&) = delete;

  // The reference of `contact`, counted once more for the caller, who must release it. Average
  // O(1).
  ContactRef intern(const Contact& contact);
  void retain(ContactRef ref);
  void release(ContactRef ref);

  // Valid until the entry's last reference is released; the address stays.
  const Contact& contact(ContactRef ref) const { return entry(ref).contact; }
  const Id& id(ContactRef ref) const { return entry(ref).id; }
  // id(ref).top(), from closer memory.
  std::uint64_t top(ContactRef ref) const { return tops_[ref]; }
  bool has_id(ContactRef ref, const Id& id) const {
    return tops_[ref] == id.top() && entry(ref).id == id;
  }

  std::size_t size() const { return tops_.size() - free_.size(); }

 private:
  // In memory the id is one cache line; the count and a contact with one endpoint are the next.
  struct alignas(64) Entry {
    Id id;
    std::uint32_t count = 0;  // 0: free
    Contact contact;
  };
  static constexpr std::size_t kBlock = 64;
  struct Place {
    std::uint32_t hash = 0;
    ContactRef ref = kNone;
  };
  static constexpr ContactRef kNone = ~ContactRef{0};
  static constexpr std::size_t kFirstIndex = 64;  // a power of two, as all sizes

  Entry& entry(ContactRef ref) { return blocks_[ref / kBlock][ref % kBlock]; }
  const Entry& entry(ContactRef ref) const { return blocks_[ref / kBlock][ref % kBlock]; }
  std::uint32_t hash_of(const Contact& contact) const;
  ContactRef add(const Contact& contact);
  void grow_index();
  void erase_place(std::size_t at);

  Id (*hash_)(const PublicKey&);
  std::uint64_t seed_;
  std::vector<std::unique_ptr<Entry[]>> blocks_;
  std::vector<std::uint64_t> tops_;
  std::vector<ContactRef> free_;
  std::vector<Place> index_;  // at most half full
};

// A counted reference that releases itself. The book must outlive it.
class ContactHold {
 public:
  ContactHold() = default;
  ContactHold(ContactBook& book, const Contact& contact)
      : book_(&book), ref_(book.intern(contact)) {}
  ContactHold(ContactBook& book, ContactRef ref) : book_(&book), ref_(ref) { book.retain(ref); }
  ContactHold(const ContactHold& other) : book_(other.book_), ref_(other.ref_) {
    if (book_ != nullptr) book_->retain(ref_);
  }
  ContactHold(ContactHold&& other) noexcept
      : book_(std::exchange(other.book_, nullptr)), ref_(other.ref_) {}
  ContactHold& operator=(ContactHold other) noexcept {
    std::swap(book_, other.book_);
    std::swap(ref_, other.ref_);
    return *this;
  }
  ~ContactHold() {
    if (book_ != nullptr) book_->release(ref_);
  }

  explicit operator bool() const { return book_ != nullptr; }
  ContactRef ref() const { return ref_; }
  const Contact& operator*() const { return book_->contact(ref_); }
  const Contact* operator->() const { return &book_->contact(ref_); }
  const Id& id() const { return book_->id(ref_); }

 private:
  ContactBook* book_ = nullptr;
  ContactRef ref_ = 0;
};

}  // namespace kadmos
