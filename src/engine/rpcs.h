// Requests that await an answer. A reply counts only if it comes from the very peer that was asked
// *and* carries the id of the request. Each request has two deadlines: slow (adaptive) and failed;
// both live in one ordered set, so there is one earliest deadline and nothing is left behind.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/contact_book.h"
#include "kadmos/time.h"

namespace kadmos {

using OpId = std::uint64_t;  // 0: no operation, the engine itself

class Rpcs {
 public:
  struct Pending {
    ContactHold peer;
    OpId op = 0;
    TimePoint sent{};
    TimePoint slow_at{};
    TimePoint fail_at{};
    bool slow = false;
    bool postponed = false;
    bool store = false;
    bool known = false;       // a contact of the table when it was asked
    bool replicates = false;  // sent by upkeep
  };
  struct Due {
    Pending request;
    bool failed = false;  // and removed; otherwise it has just become slow
  };

  // Request ids start at `first`, so that nobody guesses them from the count.
  explicit Rpcs(std::uint64_t first) : next_(first) {}

  std::uint64_t add(Pending pending);
  // Removes and returns the request `id` if it was sent to `from`.
  std::optional<Pending> take(std::uint64_t id, const PublicKey& from);
  // Removes and returns every request to `peer`, oldest first.
  std::vector<Pending> take_all(const PublicKey& peer);
  // A request whose next deadline has passed by `now`; earliest first.
  std::optional<Due> poll_due(TimePoint now);
  // The caller itself was late by `by`, and may have answers it has not looked at: every deadline
  // moves on by that much, for each request at most once.
  void postpone(Duration by);
  // The operation's requests that are not slow yet become so at slow_at(request) if that is earlier
  // than what was set when they were sent.
  void hasten(OpId op, const std::function<TimePoint(const Pending&)>& slow_at);
  // The operation is over; its requests stay, to learn whether their peers live.
  void orphan(OpId op);

  std::optional<TimePoint> next_timeout() const;
  std::size_t size() const { return pending_.size(); }
  void clear();

 private:
  using Place = std::map<std::uint64_t, Pending>::iterator;
  Pending remove(Place place);
  static TimePoint deadline(const Pending& p) { return p.slow ? p.fail_at : p.slow_at; }

  std::uint64_t next_;
  std::map<std::uint64_t, Pending> pending_;
  std::set<std::pair<TimePoint, std::uint64_t>> deadlines_;
  std::set<std::pair<PublicKey, std::uint64_t>> by_peer_;
  std::set<std::pair<OpId, std::uint64_t>> by_op_;
};

}  // namespace kadmos
