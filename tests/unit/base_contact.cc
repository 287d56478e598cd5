#include <doctest/doctest.h>

#include "base/contact_book.h"
#include "kadmos/contact.h"
#include "support/aborts.h"
#include "support/readable.h"

using namespace kadmos;

namespace {

const Endpoint kV4 = Endpoint::v4(192, 0, 2, 1, 4000);
const Endpoint kV6 = *Endpoint::parse("[2001:db8::1]:4000");

int hashed = 0;
Id counting_hash(const PublicKey& key) {
  ++hashed;
  return readable::id_of_key(key);
}

}  // namespace

TEST_CASE("endpoints hold one of each family with IPv4 first") {
  Endpoints both;
  CHECK(both.empty());
  CHECK(both.add(kV6));
  CHECK(both.add(kV4));
  CHECK(!both.add(Endpoint::v4(192, 0, 2, 2, 4000)));
  CHECK(!both.add(*Endpoint::parse("[2001:db8::2]:4000")));
  REQUIRE(both.size() == 2);
  CHECK(both.front() == kV4);
  CHECK(*(both.begin() + 1) == kV6);

  Endpoints other_order(kV4);
  other_order.add(kV6);
  CHECK(both == other_order);
}

TEST_CASE("a contact prints the start of its key and its first endpoint") {
  Contact contact = readable::contact(0x0102030405060708U, kV4);
  CHECK(contact.text() == "010203040506@192.0.2.1:4000");
  contact.endpoints = {};
  CHECK(contact.text() == "010203040506");
}

TEST_CASE("a contact book hashes a contact once however often it is interned") {
  hashed = 0;
  ContactBook book(&counting_hash);
  const ContactRef a = book.intern(readable::contact(1));
  CHECK(book.intern(readable::contact(1)) == a);
  CHECK(hashed == 1);
  CHECK(book.size() == 1);
  CHECK(book.contact(a) == readable::contact(1));
  CHECK(book.id(a) == Id::from_top(1));
}

TEST_CASE("hearsay of another address for a known key is another entry") {
  ContactBook book(&readable::id_of_key);
  const ContactRef verified = book.intern(readable::contact(1, kV4));
  const ContactRef hearsay = book.intern(readable::contact(1, kV6));
  CHECK(verified != hearsay);
  CHECK(book.contact(verified).endpoints.front() == kV4);
  CHECK(book.id(verified) == book.id(hearsay));
  CHECK(book.size() == 2);
}

TEST_CASE("an entry of the contact book goes with its last reference and its place is reused") {
  ContactBook book(&readable::id_of_key);
  const ContactRef a = book.intern(readable::contact(1));
  book.retain(a);
  book.intern(readable::contact(1));
  book.release(a);
  book.release(a);
  CHECK(book.size() == 1);
  book.release(a);
  CHECK(book.size() == 0);
  CHECK(book.intern(readable::contact(2)) == a);
  CHECK(book.contact(a) == readable::contact(2));
}

TEST_CASE("releasing or retaining an entry that is gone ends the program") {
  ContactBook book(&readable::id_of_key);
  const ContactRef a = book.intern(readable::contact(1));
  book.release(a);
  CHECK(aborts([&] { book.release(a); }));
  CHECK(aborts([&] { book.retain(a); }));
  CHECK(aborts([&] { book.release(a + 1); }));
}

TEST_CASE("a hold keeps its entry through copies and moves and lets go at the end") {
  ContactBook book(&readable::id_of_key);
  {
    ContactHold empty;
    CHECK(!empty);
    ContactHold first(book, readable::contact(1));
    ContactHold copy = first;
    ContactHold moved = std::move(first);
    CHECK(!first);  // NOLINT(bugprone-use-after-move): that is the promise
    CHECK(moved.ref() == copy.ref());
    CHECK(*moved == readable::contact(1));
    CHECK(moved->key == readable::key(1));
    CHECK(moved.id() == Id::from_top(1));
    moved = ContactHold(book, readable::contact(2));
    CHECK(book.size() == 2);
    copy = moved;
    CHECK(book.size() == 1);
    const ContactHold by_ref(book, copy.ref());
    CHECK(by_ref->key == readable::key(2));
  }
  CHECK(book.size() == 0);
}
