// Requests that await an answer. A reply counts only if it comes from the very peer that was asked
// *and* carries the id of the request. Each request has three deadlines, one after the other: it is
// slow, it is given up (an answer is still welcome, but nobody waits for it), and it has failed.
//
// Ids count up, so requests lie in one array by id, from the oldest that awaits an answer.
// Deadlines lie in a heap; one that no longer counts stays there until it comes to the top.
//
// Through the array run chains, one for each hash of an operation and one for each of a peer: a
// request links to the one before it. Who is over stays linked until a walk comes by and takes it
// out. So what concerns an operation or a peer looks at its own requests and a few of others,
// however many are pending. Peers can make keys that collide; all that costs is a walk over theirs.
//
// While nothing is pending no memory is held.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "base/contact_book.h"
#include "base/recycled.h"
#include "kadmos/time.h"

namespace kadmos {

using OpId = std::uint64_t;  // 0: no operation, the engine itself

class Rpcs {
 public:
  enum class Stage : std::uint8_t { fresh, slow, given_up, failed };
  struct Pending {
    ContactHold peer;
    OpId op = 0;
    TimePoint sent{};
    TimePoint slow_at{};
    TimePoint give_up_at{};  // not before slow_at
    TimePoint fail_at{};     // not before give_up_at
    Stage stage = Stage::fresh;
    bool postponed = false;
    bool store = false;
    bool known = false;   // a contact of the table when it was asked
    bool wanted = false;  // a record its peer asked for in a comparison
    WallTime expiry{};    // of the record, if it is a store
  };

  // Request ids start at `first`, so that nobody guesses them from the count.
  explicit Rpcs(std::uint64_t first) : next_(first) {}

  std::uint64_t add(Pending pending);
  // Removes and returns the request `id` if it was sent to `from`.
  std::optional<Pending> take(std::uint64_t id, const PublicKey& from);
  // Removes and returns every request to `peer`, oldest first.
  std::vector<Pending> take_all(const PublicKey& peer);
  // A request whose next deadline has passed by `now`, in the stage it has just come to; earliest
  // first. One that has failed is removed.
  std::optional<Pending> poll_due(TimePoint now);
  // The caller itself was late by `by`, and may have answers it has not looked at: every deadline
  // moves on by that much, for each request at most once.
  void postpone(Duration by);
  // The operation's requests become slow, and are given up, at what `soonest` says if that is
  // earlier than what was set when they were sent. What has passed already stays as it was.
  struct Deadlines {
    TimePoint slow;
    TimePoint give_up;
  };
  void hasten(OpId op, const std::function<Deadlines(const Pending&)>& soonest);
  // The operation is over; its requests stay, to learn whether their peers live.
  void orphan(OpId op);

  std::optional<TimePoint> next_timeout() const;
  std::size_t size() const { return size_; }
  void clear();
  // Requests looked at so far for one operation or peer: what that costs.
  std::uint64_t looked_at() const { return looked_at_; }

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  struct Chained {
    std::uint64_t by_op = kNone;  // ids
    std::uint64_t by_peer = kNone;
  };
  struct Request : Pending {
    Chained before;
  };
  using Deadline = std::pair<TimePoint, std::uint64_t>;  // and whose

  Request* at(std::uint64_t id);    // over or not
  Request* find(std::uint64_t id);  // pending
  Pending remove(Request& request);
  void await(const Request& request);
  void drop_stale_deadlines();
  std::uint64_t id_of(const Request& request) const {
    return next_ - static_cast<std::uint64_t>(requests_.data() + requests_.size() - &request);
  }
  static TimePoint deadline(const Pending& p) {
    if (p.stage == Stage::fresh) return p.slow_at;
    return p.stage == Stage::slow ? p.give_up_at : p.fail_at;
  }

  void link(Request& request);
  void add_chains();
  Chained& newest(std::uint64_t hash) { return newest_[hash & (newest_.size() - 1)]; }
  template <class Keep>
  void walk(std::uint64_t Chained::*chain, std::uint64_t hash, Keep keep);

  std::uint64_t next_;
  RecycledVector<Request> requests_;    // the last has id next_ - 1; those without a peer are over
  std::size_t over_ = 0;                // at the front
  std::size_t size_ = 0;                // of those that are pending
  RecycledVector<Deadline> deadlines_;  // a heap, earliest first; that one counts
  RecycledVector<Chained> newest_;      // of each chain; as many as a power of two
  std::uint64_t looked_at_ = 0;
};

}  // namespace kadmos
