// The contact book: every contact anybody here knows, once. Tables, shortlists and replies hold
// 32-bit references; an id is hashed once per contact and not once per reply; a simulation shares
// one book among its nodes. Entries are counted references and go when the last one does.
//
// A contact is interned by key *and* endpoints: hearsay that gives a known key another address is
// another entry and changes nothing for those who hold the verified one.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
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
      : hash_(hash), index_(16, HashContact{seed}) {}
  ContactBook(const ContactBook&) = delete;
  ContactBook& operator=(const ContactBook&) = delete;

  // The reference of `contact`, counted once more for the caller, who must release it. Average
  // O(1).
  ContactRef intern(const Contact& contact);
  void retain(ContactRef ref);
  void release(ContactRef ref);

  // Valid until the entry's last reference is released; the address stays.
  const Contact& contact(ContactRef ref) const { return entries_[ref]->contact; }
  const Id& id(ContactRef ref) const { return entries_[ref]->id; }

  std::size_t size() const { return index_.size(); }

 private:
  struct Entry {
    Contact contact;
    Id id;
    std::uint32_t count = 0;
  };
  struct HashContact {
    std::uint64_t seed;
    std::size_t operator()(const Contact* contact) const;
  };
  struct SameContact {
    bool operator()(const Contact* a, const Contact* b) const { return *a == *b; }
  };

  Id (*hash_)(const PublicKey&);
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<ContactRef> free_;
  std::unordered_map<const Contact*, ContactRef, HashContact, SameContact> index_;
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
