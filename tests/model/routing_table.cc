// The routing table against a model: a sorted list of what was seen and not failed twice since.
// Random operations with few ids (so that they meet again) and small buckets (so that they fill);
// after each, the table must agree with the model and keep its own invariants.
#include "routing/routing_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <span>

#include "support/readable.h"

using namespace kadmos;
using Seen = RoutingTable::Seen;

namespace {

struct Options {
  std::uint64_t seed = 0;
  int k = 3;
  std::size_t per_group = 2;
  int ids = 64;         // different ids that appear
  int shared_bits = 6;  // at most so many bits with the own id, so that buckets get deep
  int steps = 3000;
};

class Model {
 public:
  explicit Model(const Options& options)
      : options_(options),
        prng_(options.seed),
        self_(prng_.id().top()),
        table_(Id::from_top(self_), {.k = options.k, .per_group = options.per_group}, book_) {
    for (int i = 0; i < options.ids; ++i) {
      const auto bits =
          static_cast<int>(prng_.below(static_cast<std::uint64_t>(options.shared_bits) + 1));
      const std::uint64_t tail = prng_.next();
      tops_.push_back(bits == 0 ? tail : (self_ >> (64 - bits) << (64 - bits)) | tail >> bits);
    }
    tops_.push_back(self_);
  }

  void run() {
    for (int i = 0; i < options_.steps; ++i) {
      CAPTURE(i);
      step();
      agree();
    }
    while (!order_.empty()) fail(order_.front().top());
    CHECK(table_.empty());
    CHECK(book_.size() == 0);
  }

 private:
  struct Known {
    int failures = 0;
    Contact contact;  // as last seen
  };

  void step() {
    const std::uint64_t top = tops_[prng_.below(tops_.size())];
    const auto choice = prng_.below(100);
    if (choice < 55) {
      see(top);
    } else if (choice < 90) {
      fail(top);
    } else if (choice < 95) {
      poll_check();
    } else {
      now_ += std::chrono::minutes(10);
      table_.poll_refresh(now_, prng_);
    }
  }

  void see(std::uint64_t top) {
    // Half are local; the others come from four groups.
    const auto host = static_cast<Byte>(prng_.below(3));
    const Endpoint at = prng_.below(2) == 0
                            ? Endpoint::v4(127, 0, 0, host, 1)
                            : Endpoint::v4(8, 8, static_cast<Byte>(prng_.below(4)), host, 1);
    const Contact contact = readable::contact(top, at);
    const Id id = Id::from_top(top);
    const bool inside = entries_.contains(id);
    const ContactHold hold(book_, contact);
    const bool wanted = table_.wants(hold.ref());
    const Seen seen = table_.on_seen(now_, hold.ref(), std::nullopt);
    switch (seen) {
      case Seen::self:
        CHECK(top == self_);
        return;
      case Seen::updated:
        CHECK(inside);
        order_.erase(std::find(order_.begin(), order_.end(), id));
        break;
      case Seen::added:
        CHECK_FALSE(inside);
        CHECK(wanted);
        waiting_.erase(id);
        break;
      case Seen::cached:
        CHECK_FALSE(inside);
        CHECK_FALSE(table_.find(id));
        waiting_[id] = contact;
        return;
      case Seen::group_full:
        CHECK_FALSE(AddressGroups::usual().is_local(at));
        return;
    }
    entries_[id] = {0, contact};
    order_.push_back(id);
  }

  void fail(std::uint64_t top) {
    const Id id = Id::from_top(top);
    const auto entry = entries_.find(id);
    const std::size_t before = table_.size();
    const bool removed = table_.on_failed(id);
    if (entry == entries_.end()) {
      CHECK_FALSE(removed);
      waiting_.erase(id);
      return;
    }
    CHECK(removed == (++entry->second.failures == 2));
    if (!removed) return;
    entries_.erase(entry);
    order_.erase(std::find(order_.begin(), order_.end(), id));
    if (table_.size() == before - 1) return;
    CHECK(table_.size() == before);
    for (const ContactRef ref : table_.all()) {  // one that waited moved up
      const Id up = book_.id(ref);
      if (entries_.contains(up)) continue;
      REQUIRE(waiting_.contains(up));
      entries_[up] = {0, waiting_[up]};
      order_.push_back(up);
      waiting_.erase(up);
    }
  }

  void poll_check() {
    if (const auto ref = table_.poll_check()) {
      const Id id = book_.id(*ref);
      CHECK(entries_.contains(id));
      CHECK(bucket_of(id).front() == id);
    }
  }

  // The entries of the bucket that covers `id`, in the order they were last seen.
  std::vector<Id> bucket_of(const Id& id) const {
    const auto index = [&](const Id& other) {
      return std::min<std::size_t>(
          static_cast<std::size_t>(shared_prefix(other, Id::from_top(self_))),
          table_.buckets() - 1);
    };
    std::vector<Id> out;
    for (const Id& other : order_) {
      if (index(other) == index(id)) out.push_back(other);
    }
    return out;
  }

  void agree() {
    // Every entry was seen, did not fail twice since, and none is missing.
    REQUIRE(table_.size() == entries_.size());
    std::vector<Id> by_bucket;
    for (std::size_t i = 0; i < table_.buckets(); ++i) {
      Id inside = Id::from_top(self_);
      if (i + 1 < table_.buckets())
        inside.set_bit(static_cast<int>(i), !inside.bit(static_cast<int>(i)));
      const std::vector<Id> bucket = bucket_of(inside);
      CHECK(bucket.size() <= static_cast<std::size_t>(options_.k));
      check_groups(bucket);
      by_bucket.insert(by_bucket.end(), bucket.begin(), bucket.end());
    }
    CHECK(ids(table_.all()) == by_bucket);  // least recently seen first
    for (const auto& [id, known] : entries_) {
      const auto ref = table_.find(id);
      REQUIRE(ref);
      CHECK(book_.contact(*ref) == known.contact);
    }
    CHECK(book_.size() <=
          entries_.size() + table_.buckets() * static_cast<std::size_t>(options_.k));
    check_closest();
  }

  void check_groups(const std::vector<Id>& bucket) {
    std::map<std::uint64_t, std::size_t> groups;
    for (const Id& id : bucket) {
      const Endpoint& at = entries_[id].contact.endpoints.front();
      const std::uint64_t group = AddressGroups::usual().group_of(at);
      if (group != 0) CHECK(++groups[group] <= options_.per_group);
    }
  }

  void check_closest() {
    const Id target =
        prng_.below(3) == 0 ? prng_.id() : Id::from_top(tops_[prng_.below(tops_.size())]);
    const std::size_t n = prng_.below(entries_.size() + 3);
    const auto brute_force = [&](auto take) {
      std::vector<Id> out;
      for (const auto& [id, known] : entries_) {
        if (take(known)) out.push_back(id);
      }
      std::sort(out.begin(), out.end(),
                [&](const Id& a, const Id& b) { return (a ^ target) < (b ^ target); });
      return out;
    };
    std::vector<Id> every = brute_force([](const Known&) { return true; });
    std::vector<Id> healthy = brute_force([](const Known& known) { return known.failures == 0; });
    std::vector<Id> healthy_first = healthy;
    const auto failing = brute_force([](const Known& known) { return known.failures != 0; });
    healthy_first.insert(healthy_first.end(), failing.begin(), failing.end());
    for (auto* list : {&every, &healthy, &healthy_first}) list->resize(std::min(n, list->size()));
    CHECK(ids(table_.closest(target, n)) == every);
    CHECK(ids(table_.closest(target, n, true)) == healthy_first);
    CHECK(ids(table_.closest_healthy(target, n)) == healthy);
  }

  std::vector<Id> ids(std::span<const ContactRef> refs) const {
    std::vector<Id> out;
    out.reserve(refs.size());
    for (const ContactRef ref : refs) out.push_back(book_.id(ref));
    return out;
  }

  Options options_;
  Prng prng_;
  std::uint64_t self_;
  std::vector<std::uint64_t> tops_;
  ContactBook book_{readable::id_of_key};
  RoutingTable table_;
  TimePoint now_{std::chrono::hours(1)};
  std::map<Id, Known> entries_;
  std::vector<Id> order_;          // of entries_, least recently seen first
  std::map<Id, Contact> waiting_;  // may list some that the table forgot
};

}  // namespace

TEST_CASE("a table of small buckets agrees with the model under random operations") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Model({.seed = seed}).run();
  }
}

TEST_CASE("a table of one contact a bucket agrees with the model") {
  Model({.seed = 21, .k = 1, .per_group = 1, .ids = 40, .shared_bits = 30}).run();
}

TEST_CASE("a table of the usual bucket size agrees with the model") {
  for (std::uint64_t seed = 31; seed <= 33; ++seed) {
    CAPTURE(seed);
    Model({.seed = seed, .k = 20, .per_group = 10, .ids = 400, .shared_bits = 8, .steps = 2000})
        .run();
  }
}

TEST_CASE("closest is exact for whole random ids of any depth") {
  Prng prng(7);
  const Id self = prng.id();
  ContactBook book([](const PublicKey& key) {
    Prng from(key.bytes[0] * 256U + key.bytes[1]);  // 65536 ids, all 512 bits random
    return from.id();
  });
  RoutingTable table(self, {}, book);
  for (int i = 0; i < 5000; ++i) {
    Contact contact;
    contact.key.bytes[0] = static_cast<Byte>(i / 256);
    contact.key.bytes[1] = static_cast<Byte>(i % 256);
    const ContactHold hold(book, contact);
    table.on_seen({}, hold.ref(), std::nullopt);
  }
  REQUIRE(table.size() > 100);
  for (int i = 0; i < 300; ++i) {
    Id target = prng.id();
    const auto shared = prng.below(14);
    for (int bit = 0; bit < static_cast<int>(shared); ++bit) target.set_bit(bit, self.bit(bit));
    std::vector<ContactRef> expected = table.all();
    std::sort(expected.begin(), expected.end(), [&](ContactRef a, ContactRef b) {
      return (book.id(a) ^ target) < (book.id(b) ^ target);
    });
    expected.resize(20);
    CHECK(std::ranges::equal(table.closest(target, 20), expected));
  }
}

TEST_CASE("a table gives back every reference to the contact book") {
  ContactBook book(readable::id_of_key);
  {
    Prng prng(9);
    RoutingTable table(Id::from_top(0), {.k = 2}, book);
    for (int i = 0; i < 500; ++i) {
      const ContactHold hold(book, readable::contact(prng.next() >> prng.below(10)));
      table.on_seen({}, hold.ref(), std::nullopt);
      if (i % 3 == 0) table.on_failed(hold.id());
    }
    CHECK(book.size() > table.size());  // some wait
    CHECK(table.size() > 5);
  }
  CHECK(book.size() == 0);
}
