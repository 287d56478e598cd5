// The iterative lookup (Kademlia 2002, section 2.3) as a pure state machine: it is told of
// candidates, answers, slowness and failures, and says whom to ask next and when it is done. It
// sends nothing, keeps no time and holds no value.
//
// The shortlist holds candidates by distance to the target. `alpha` are asked at once until the
// nearest living candidate has answered, which means nobody asked knows anyone nearer; in this
// closing phase up to `closing_alpha` are asked at once. Nobody is asked while `width` nearer ones
// have answered or may yet, and one more for every two nearer ones that are slow or failed, since
// what those knew has to be made up for. It is done when the `width` nearest candidates that count
// have all answered, or when nobody is left to ask.
//
// Where one answer may be all that is wanted, the first candidate so near to the target that it is
// likely to have that is asked alone, if this node has reached it before; once it has answered
// without ending the search, is slow or failed, the search goes on as above.
//
// Where it is enough to know the surroundings of the target, a lookup can end once a few so near
// have answered: as long as the nodes there know each other, they name the nearest.
//
// Once done, a lookup can ask for something else (a round): those that answered are candidates
// anew, all at once, nearest first, with everybody whom they name now; those still asked for what
// went before follow when they have answered. One that is slow or fails then is replaced by one.
//
// A peer that is slow gives its slot to the next candidate. If it is nearer than the last of the
// `width` that answered, a search still waits for it until it is given up; a later round does not,
// since whoever was asked in its place does as well. A late answer is used whenever it comes. A
// suspect (somebody who was silent lately) is asked only when nobody else is left to ask. So is
// whoever was named by liars alone: a peer is taken for one when, of the strangers it named, kLies
// more have kept silent than answered. Naming nodes that do not exist thus wins a few waits, not
// the lookup. Where many nodes died at once, though, the honest look like liars and one lost packet
// makes a suspect, so a search that found nothing can have the doubted asked as well. Nobody is
// asked twice, except once more under other endpoints after the first could not be reached. The own
// id is never a candidate.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/contact_book.h"
#include "base/recycled.h"
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

  // A peer that answered: how many hops away it is, and its number among those that answered.
  struct Namer {
    int hops = 0;
    int number = 0;
  };

  // `book` must outlive the lookup.
  Lookup(const Id& target, const Id& self, Options options, ContactBook& book);

  // Asks the first candidate alone that shares at least so many bits with the target, if it is
  // verified. To be said before next().
  void ask_one_first(int near_bits) { near_bits_ = near_bits; }
  // Ends the first round when `n` that share at least so many bits with the target have answered.
  void end_near(int bits, int n) {
    end_bits_ = bits;
    end_after_ = n;
  }

  // Somebody to consider, `hops` steps away (1: from the own table). Ignored if known, if it is the
  // own id, or if the shortlist is full of nearer ones. O(shortlist).
  // `verified`: this node reached it itself before, so it exists even if it is silent now.
  void add(ContactRef contact, int hops, bool suspect, bool verified = false);
  // The same for one that a peer named, a hop further than that one.
  void add(ContactRef contact, const Namer& namer, bool suspect, bool verified);

  // A peer named somebody, who may be known already: most of what peers name is. Returns whether
  // add() has a use for it. O(log shortlist).
  bool on_named(ContactRef contact, const Namer& namer);

  // Whom to ask now; it counts as waiting from then on. Can change with every other call that is
  // not const.
  std::optional<ContactRef> next();

  // `peer` answered, in time or late. Returns nothing if it was not asked or has answered before.
  // Whom it named is for the caller to add.
  std::optional<Namer> on_answer(ContactRef peer);
  // `peer` takes long: others are asked beside it.
  void on_slow(ContactRef peer);
  // The time is over that an answer of `peer`, who is slow, should take. It may come all the same.
  void on_given_up(ContactRef peer);
  // The same for all who are slow: there is no time left to wait for them.
  void give_up_slow();
  // `peer` will not answer. `exists`: it said so.
  void on_failed(ContactRef peer, bool exists = false);

  // Lets those be asked like all others who are doubted, so that nobody has asked them, and nearer
  // than the last of the width: every verified one, and as many others as the width, once. If there
  // are any, done() is false then.
  void ask_doubted();

  // Changes how many must have answered; done() may become false.
  void set_width(int width) { options_.width = width; }
  int width() const { return options_.width; }

  // Begins a round, for `width` answers.
  void ask_again(int width);
  // `peer` is being asked, and in this round.
  bool awaits(ContactRef peer) const;

  // The nearest candidate that lives has answered: nobody asked knows anyone nearer.
  bool closing() const;
  bool done() const;
  // Fewer than the width answered, and nobody else is being waited for.
  bool ran_dry() const;
  // Up to n that answered, nearest first. References are borrowed from the lookup.
  RecycledVector<ContactRef> answered(std::size_t n) const;
  std::size_t answered_count() const;
  // Verified candidates that were asked and are slow, also those given up: nodes that exist.
  std::size_t slow_count() const;
  // Somebody is asked who has neither answered nor failed nor been slow.
  bool waits() const { return waiting_ > 0; }
  // Somebody is slow or was given up, verified or not.
  bool has_slow() const;
  // Those that were asked and failed, or were given up.
  std::size_t gone_count() const;
  // Nodes that exist, as far as anybody knows: those ever heard, and the verified that were slow,
  // also if they failed then. A network that is cut in two is no smaller.
  std::size_t existing_count() const;
  // Those, and whoever is still to be asked or to answer.
  std::size_t possible_count() const;
  // Up to n that answered or may yet, nearest first; borrowed from the lookup.
  RecycledVector<ContactRef> possible(std::size_t n) const;
  // Of these n, those that have not been asked yet; borrowed likewise.
  RecycledVector<ContactRef> unasked(std::size_t n) const;
  // How many that answered or may yet are nearer to the target than the own id.
  std::size_t nearer_than_self() const;
  // The hops of the nearest that answered; 0 if none did.
  int hops() const;
  // How many requests it cost.
  int asked() const { return asked_; }
  const Id& target() const { return target_; }

 private:
  enum class State : std::uint8_t { fresh, waiting, slow, given_up, answered, failed };
  static bool is_slow(State s) { return s == State::slow || s == State::given_up; }
  struct Candidate {
    ContactHold contact;
    std::uint64_t top = 0;     // of its distance, which decides nearly every comparison
    std::uint64_t namers = 0;  // a bit for each, by number
    int hops = 0;
    State state = State::fresh;
    bool suspect = false;
    bool verified = false;
    bool retried = false;  // asked under a second set of endpoints
    bool silent = false;   // and held against its namers
    bool exists = false;   // see existing_count()
    bool earlier = false;  // asked in a round before this one
  };
  static constexpr int kLies = 3;
  static constexpr int kNamers = 64;  // later ones are not judged

  // Where in the shortlist the candidate with the contact's id is or would be.
  std::size_t place_of(ContactRef contact) const;
  bool is_at(std::size_t place, ContactRef contact) const {
    return place != shortlist_.size() && same_id(shortlist_[place].contact.ref(), contact);
  }
  // Hardly ever looks at the ids, which lie in farther memory.
  bool same_id(ContactRef a, ContactRef b) const {
    return a == b || (book_.top(a) == book_.top(b) && book_.id(a) == book_.id(b));
  }
  const Candidate* find(ContactRef peer) const;
  Candidate* find(ContactRef peer) {
    return const_cast<Candidate*>(std::as_const(*this).find(peer));
  }
  bool is_possible(const Candidate& candidate) const;
  bool is_near(const Candidate& candidate, int bits) const;
  // The one that is asked alone is waited for.
  bool waits_for_one() const;
  // `candidate` answered, is slow or failed.
  void no_longer_alone(const Candidate& candidate);
  static std::uint64_t bit_of(const Namer& namer) {
    return namer.number < kNamers ? std::uint64_t{1} << namer.number : 0;
  }
  bool doubted(const Candidate& candidate) const;
  // Whether a known candidate had better be asked where `contact` says.
  bool improves(const Candidate& known, ContactRef contact, bool verified) const;
  // Its namers answer for whether it is there.
  void judge_namers(Candidate& candidate, bool silent);
  void insert(Candidate candidate);

  Id target_;
  Id self_;
  Options options_;
  ContactBook& book_;
  RecycledVector<Candidate> shortlist_;  // by distance
  int near_bits_ = Id::kBits + 1;        // more than there are: nobody is asked alone
  int end_bits_ = 0;
  int end_after_ = 0;        // so many more that share end_bits_; 0: does not end so
  bool has_enough_ = false;  // they have answered
  bool first_round_ = true;
  int waiting_ = 0;
  int asked_ = 0;
  int doubted_strangers_ = 0;  // that ask_doubted() let be asked
  int namers_ = 0;
  std::array<std::int16_t, kNamers> lies_{};  // of each namer: silent less answered
  std::uint64_t liars_ = 0;                   // a bit for each
};

}  // namespace kadmos
