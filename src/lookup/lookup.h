// The iterative lookup (Kademlia 2002, section 2.3) as a pure state machine: it is told of
// candidates, answers, slowness and failures, and says whom to ask next and when it is done. It
// sends nothing, keeps no time and holds no value.
//
// The shortlist holds candidates by distance to the target. `alpha` are asked at once until the
// nearest living candidate has answered, which means nobody asked knows anyone nearer; in this
// closing phase up to `closing_alpha`, but no more than `width`, are asked at once. It is done when
// the `width` nearest candidates that count have all answered, or when nobody is left to ask.
//
// A peer that is slow stops counting: its slot goes to the next candidate and completion no longer
// waits for it, but a late answer is used. A suspect (somebody who was silent lately) is asked only
// when nobody else is left to ask. Nobody is asked twice, except once more under other endpoints
// after the first could not be reached. The own id is never a candidate.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/contact_book.h"
#include "kadmos/id.h"

namespace kadmos {

class Lookup {
 public:
  struct Options {
    int width = 20;  // how many of the nearest must have answered
    int alpha = 3;
    int closing_alpha = 20;
    std::size_t max = 256;  // candidates remembered; the farthest unasked goes first
  };

  // `book` must outlive the lookup.
  Lookup(const Id& target, const Id& self, Options options, ContactBook& book);

  // Somebody to consider, `hops` steps away (1: from the own table). Ignored if known, if it is the
  // own id, or if the shortlist is full of nearer ones. O(shortlist).
  // `verified`: this node reached it itself before, so it exists even if it is silent now.
  void add(ContactRef contact, int hops, bool suspect, bool verified = false);

  // False if add would change nothing because of who it is: the own id, or known already. Most of
  // what peers name is.
  bool considers(const Id& id);

  // Whom to ask now; it counts as waiting from then on. Can change with every other call that is
  // not const.
  std::optional<ContactRef> next();

  // `peer` answered, in time or late. Returns how many hops away it is, or nothing if it was not
  // asked or has answered before. Whom it named is for the caller to add, with hops + 1.
  std::optional<int> on_answer(const Id& peer);
  // `peer` outlived its adaptive time.
  void on_slow(const Id& peer);
  // `peer` will not answer.
  void on_failed(const Id& peer);

  // Changes how many must have answered; done() may become false.
  void set_width(int width) { options_.width = width; }
  int width() const { return options_.width; }

  bool done() const;
  // Up to n that answered, nearest first. References are borrowed from the lookup.
  std::vector<ContactRef> answered(std::size_t n) const;
  std::size_t answered_count() const;
  // Verified candidates that were asked and are slow: nodes that exist, though nobody waits for
  // them.
  std::size_t slow_count() const;
  // The hops of the nearest that answered; 0 if none did.
  int hops() const;
  // How many requests it cost.
  int asked() const { return asked_; }
  const Id& target() const { return target_; }

 private:
  enum class State : std::uint8_t { fresh, waiting, slow, answered, failed };
  struct Candidate {
    ContactHold contact;
    std::uint64_t top = 0;  // of its distance, which decides nearly every comparison
    int hops = 0;
    State state = State::fresh;
    bool suspect = false;
    bool verified = false;
    bool retried = false;  // asked under a second set of endpoints
  };
  using Place = std::vector<Candidate>::iterator;

  // Where the candidate with this id is or would be.
  Place place_of(const Id& id);
  bool is_at(Place place, const Id& id) const {
    return place != shortlist_.end() && place->contact.id() == id;
  }
  Candidate* find(const Id& peer);
  bool closing() const;

  Id target_;
  Id self_;
  Options options_;
  ContactBook& book_;
  std::vector<Candidate> shortlist_;  // by distance
  int waiting_ = 0;
  int asked_ = 0;
};

}  // namespace kadmos
