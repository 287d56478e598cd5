// A lookup for 00 by the node ff, whose candidates are named by the first byte of their id: a
// smaller name is nearer.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "lookup/lookup.h"
#include "support/readable.h"

namespace doctest {
template <>
struct StringMaker<std::vector<int>> {
  static String convert(const std::vector<int>& names) {
    std::string out;
    for (const int name : names) out += std::to_string(name) + ' ';
    return out.c_str();
  }
};
}  // namespace doctest

namespace kadmos {

struct SmallLookup {
  using Names = std::vector<int>;

  explicit SmallLookup(Lookup::Options options)
      : lookup(readable::id(0x00), readable::id(0xff), options, book) {}

  void add(std::uint8_t name, int hops = 1, bool suspect = false, std::uint16_t port = 4000) {
    const ContactHold contact(
        book, readable::contact(std::uint64_t{name} << 56, Endpoint::v4(127, 0, 0, 1, port)));
    lookup.add(contact.ref(), hops, suspect);
  }
  void add_all(const Names& names) {
    for (const int name : names) add(static_cast<std::uint8_t>(name));
  }
  void add_suspect(std::uint8_t name) { add(name, 1, true); }
  void add_verified(std::uint8_t name) { lookup.add(peer(name).ref(), 1, false, true); }

  // Whom it asks now, until it wants nobody more.
  Names ask() {
    Names out;
    while (const auto contact = lookup.next()) out.push_back(name_of(*contact));
    return out;
  }
  ContactHold peer(std::uint8_t name) {
    return {book, readable::contact(std::uint64_t{name} << 56)};
  }
  // Its hops, if the answer counts.
  std::optional<int> answer(std::uint8_t name) {
    const auto namer = lookup.on_answer(peer(name).ref());
    return namer ? std::optional(namer->hops) : std::nullopt;
  }
  // The same by one that names others.
  void answer_naming(std::uint8_t name, const Names& named) {
    const auto namer = lookup.on_answer(peer(name).ref());
    for (const int other : named) this->named(other, *namer);
  }
  void named(int name, const Lookup::Namer& namer, std::uint16_t port = 4000) {
    const ContactHold contact(book, readable::contact(static_cast<std::uint64_t>(name) << 56,
                                                      Endpoint::v4(127, 0, 0, 1, port)));
    if (lookup.on_named(contact.ref(), namer)) lookup.add(contact.ref(), namer, false, false);
  }
  void answer_all(const Names& names) {
    for (const int name : names) answer(static_cast<std::uint8_t>(name));
  }
  void slow(std::uint8_t name) { lookup.on_slow(peer(name).ref()); }
  void give_up(std::uint8_t name) { lookup.on_given_up(peer(name).ref()); }
  // It keeps silent for as long as anybody waits for it.
  void silent(std::uint8_t name) {
    slow(name);
    give_up(name);
  }
  void fail(std::uint8_t name) { lookup.on_failed(peer(name).ref()); }

  Names answered(std::size_t n = 100) const {
    Names out;
    for (const ContactRef contact : lookup.answered(n)) out.push_back(name_of(contact));
    return out;
  }
  int name_of(ContactRef contact) const { return static_cast<int>(book.id(contact).top() >> 56); }

  ContactBook book{readable::id_of_key};
  Lookup lookup;
};

}  // namespace kadmos
