// Lookups over random networks, against brute force. A network is a few hundred nodes that each
// know the true k closest to themselves and some random others, dead ones included. A lookup runs
// over virtual time: the living answer after a while, laggards after they were given up as slow,
// the silent never, those that are down fail at once. Seeded, so a failure can be replayed.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/prng.h"
#include "lookup/lookup.h"
#include "support/readable.h"

namespace kadmos {
namespace {

enum class Kind : std::uint8_t { living, laggard, silent, down };

struct Mix {  // per million
  std::uint32_t laggard = 0;
  std::uint32_t silent = 0;
  std::uint32_t down = 0;
};

constexpr int kSlowAfter = 500;  // milliseconds
constexpr int kFailAfter = 5000;

struct Outcome {
  std::vector<std::size_t> answered;  // nodes, nearest first
  int asked = 0;
  int hops = 0;
  bool ended = false;
  bool asked_twice = false;
  bool asked_self = false;
  int ended_at = 0;
};

class Network {
 public:
  Network(std::uint64_t seed, std::size_t size, int k, Mix mix) : prng_(seed), k_(k) {
    for (std::size_t i = 0; i < size; ++i) {
      Node node;
      node.top = prng_.next();
      const auto draw = static_cast<std::uint32_t>(prng_.below(1'000'000));
      if (draw < mix.laggard) {
        node.kind = Kind::laggard;
      } else if (draw < mix.laggard + mix.silent) {
        node.kind = Kind::silent;
      } else if (draw < mix.laggard + mix.silent + mix.down) {
        node.kind = Kind::down;
      }
      by_top_[node.top] = i;
      nodes_.push_back(node);
    }
    for (std::size_t i = 0; i < size; ++i) {
      nodes_[i].known = closest(nodes_[i].top, static_cast<std::size_t>(k_) + 1, false);
      std::erase(nodes_[i].known, i);
      for (int n = 0; n < 3 * k_; ++n) nodes_[i].known.push_back(any());
    }
  }

  std::size_t any() { return prng_.below(nodes_.size()); }
  std::uint64_t random() { return prng_.next(); }

  // The truth: the n nodes closest to `target`, of those that can answer in time or of all.
  std::vector<std::size_t> closest(std::uint64_t target, std::size_t n, bool living,
                                   std::optional<std::size_t> except = std::nullopt) const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if ((!living || nodes_[i].kind == Kind::living) && i != except) out.push_back(i);
    }
    return nearest(std::move(out), target, n);
  }

  Outcome search(std::size_t from, std::uint64_t target) {
    Outcome out;
    ContactBook book{readable::id_of_key};
    Lookup lookup(Id::from_top(target), Id::from_top(nodes_[from].top),
                  {.width = k_, .alpha = 3, .max = 256}, book);
    const auto add = [&](std::size_t node, int hops) {
      const ContactHold contact(book, readable::contact(nodes_[node].top));
      lookup.add(contact.ref(), hops, false);
    };
    const auto named = [&](std::size_t node, const Lookup::Namer& namer) {
      const ContactHold contact(book, readable::contact(nodes_[node].top));
      if (lookup.on_named(contact.ref(), namer)) lookup.add(contact.ref(), namer, false, false);
    };
    std::vector<bool> asked(nodes_.size(), false);
    std::multimap<int, std::pair<Event, std::size_t>> events;
    int now = 0;
    const auto ask = [&] {
      while (const auto contact = lookup.next()) {
        const std::size_t node = by_top_.at(book.id(*contact).top());
        out.asked_twice = out.asked_twice || asked[node];
        out.asked_self = out.asked_self || node == from;
        asked[node] = true;
        const auto in = static_cast<int>(prng_.below(100));
        switch (nodes_[node].kind) {
          case Kind::living:
            events.emplace(now + in, std::pair(Event::answer, node));
            break;
          case Kind::laggard:
            events.emplace(now + kSlowAfter, std::pair(Event::slow, node));
            events.emplace(now + kSlowAfter + 10 * in, std::pair(Event::answer, node));
            break;
          case Kind::silent:
            events.emplace(now + kSlowAfter, std::pair(Event::slow, node));
            events.emplace(now + kFailAfter, std::pair(Event::fail, node));
            break;
          case Kind::down:
            events.emplace(now + in, std::pair(Event::fail, node));
            break;
        }
      }
    };
    for (const std::size_t node : nearest(nodes_[from].known, target, static_cast<std::size_t>(k_)))
      add(node, 1);
    ask();
    while (!lookup.done() && !events.empty()) {
      now = events.begin()->first;
      const auto [event, node] = events.begin()->second;
      events.erase(events.begin());
      const ContactHold peer(book, readable::contact(nodes_[node].top));
      if (event == Event::slow) {
        lookup.on_slow(peer.ref());
        lookup.on_given_up(peer.ref());
      } else if (event == Event::fail) {
        lookup.on_failed(peer.ref());
      } else if (const auto namer = lookup.on_answer(peer.ref())) {
        for (const std::size_t other :
             nearest(nodes_[node].known, target, static_cast<std::size_t>(k_)))
          named(other, *namer);
      }
      ask();
    }
    out.ended = lookup.done();
    out.ended_at = now;
    out.asked = lookup.asked();
    out.hops = lookup.hops();
    for (const ContactRef contact : lookup.answered(static_cast<std::size_t>(k_))) {
      out.answered.push_back(by_top_.at(book.id(contact).top()));
    }
    return out;
  }

 private:
  enum class Event : std::uint8_t { slow, fail, answer };
  struct Node {
    std::uint64_t top = 0;
    Kind kind = Kind::living;
    std::vector<std::size_t> known;
  };

  std::vector<std::size_t> nearest(std::vector<std::size_t> of, std::uint64_t target,
                                   std::size_t n) const {
    std::sort(of.begin(), of.end(), [&](std::size_t a, std::size_t b) {
      return (nodes_[a].top ^ target) < (nodes_[b].top ^ target);
    });
    of.erase(std::unique(of.begin(), of.end()), of.end());
    if (of.size() > n) of.resize(n);
    return of;
  }

  Prng prng_;
  int k_;
  std::vector<Node> nodes_;
  std::map<std::uint64_t, std::size_t> by_top_;
};

struct Tally {
  int lookups = 0;
  int exact = 0;
  int most_asked = 0;
  int most_hops = 0;
  int latest = 0;
};

constexpr int kWidth = 10;

// 200 lookups over four networks; what must always hold is checked here.
Tally run(Mix mix) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    Network network(seed, 300, kWidth, mix);
    for (int i = 0; i < 50; ++i) {
      const std::size_t from = network.any();
      const std::uint64_t target = network.random();
      CAPTURE(target);
      const Outcome outcome = network.search(from, target);
      REQUIRE(outcome.ended);
      CHECK_FALSE(outcome.asked_twice);
      CHECK_FALSE(outcome.asked_self);
      ++tally.lookups;
      if (outcome.answered == network.closest(target, kWidth, true, from)) ++tally.exact;
      tally.most_asked = std::max(tally.most_asked, outcome.asked);
      tally.most_hops = std::max(tally.most_hops, outcome.hops);
      tally.latest = std::max(tally.latest, outcome.ended_at);
    }
  }
  return tally;
}

}  // namespace

TEST_CASE("lookups in a healthy network find exactly the k closest") {
  const Tally tally = run({});
  CHECK(tally.exact == tally.lookups);
  CHECK(tally.most_asked <= 3 * kWidth);
  CHECK(tally.most_hops <= 6);
}

TEST_CASE("lookups past silent and failing nodes find the k closest of the living") {
  const Tally tally = run({.silent = 150'000, .down = 150'000});
  CHECK(tally.exact >= tally.lookups * 98 / 100);
  CHECK(tally.most_asked <= 5 * kWidth);
}

TEST_CASE("a lookup waits for no silent node until it fails") {
  const Tally tally = run({.silent = 300'000});
  CHECK(tally.exact >= tally.lookups * 95 / 100);
  CHECK(tally.latest < kFailAfter);
}

TEST_CASE("lookups end among laggards and answer with whom they heard") {
  const Tally tally = run({.laggard = 300'000, .silent = 100'000});
  CHECK(tally.lookups == 200);
  CHECK(tally.most_asked <= 5 * kWidth);
  CHECK(tally.latest < kFailAfter);
}

TEST_CASE("lookups end when nobody is alive") {
  const Tally tally = run({.silent = 500'000, .down = 500'000});
  CHECK(tally.lookups == 200);
  CHECK(tally.most_asked <= 3 * kWidth);
}

}  // namespace kadmos
