// Acquaintances: nodes that this one proved (it dialled them, and they proved their keys) and that
// are not in its table: they were lost lately, or an earlier run of this node knew them. They are
// ways back into the network. Together with the table they also tell how many nodes there were
// lately, so that a set notices when it reaches only a few of them.
//
// Whom the table keeps out for want of room is not remembered: it has k others then, and more a set
// does not want. Nor is whoever it keeps out because of the address group; and of each address
// group only a few are remembered, for one machine can run many nodes, have them proved and end
// them. So one group cannot make a network look large, nor push the ways back out.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/contact_book.h"
#include "kadmos/address_groups.h"
#include "kadmos/time.h"

namespace kadmos {

class Acquaintances {
 public:
  // For how long a node counts after it was last proved. Shorter, and a network that broke apart
  // over night would pass for a small one in the morning; longer, and one that was made smaller on
  // purpose would be complained of for days.
  static constexpr WallTime::duration kRemembered = std::chrono::hours(24);

  // How many of one address group are remembered, the local ones aside. More, and few groups make a
  // network of eight look so large that its sets reach too few; fewer, and nodes that are all with
  // one provider are few ways back.
  static constexpr std::ptrdiff_t kPerGroup = 4;

  struct Entry {
    WallTime proved{};  // for the last time
    ContactHold contact;
  };

  // Beyond `max` the one that was proved longest ago goes.
  explicit Acquaintances(std::size_t max, const AddressGroups& groups = AddressGroups::usual())
      : max_(max), groups_(&groups) {}

  // The node has counted whom it proves since `when`, at the latest.
  void begin(WallTime when) { began_ = std::min(began_, when); }

  // Replaces what is remembered of the same key. `contact` has an endpoint.
  void add(WallTime proved, ContactHold contact) {
    remove(contact->key);
    const std::uint64_t group = group_of(*contact);
    const auto alike = [&](const Entry& entry) { return group_of(*entry.contact) == group; };
    if (group != 0 && std::ranges::count_if(entries_, alike) >= kPerGroup) {
      entries_.erase(std::ranges::find_if(entries_, alike));
    }
    const auto after = std::ranges::upper_bound(entries_, proved, {}, &Entry::proved);
    entries_.insert(after, Entry{proved, std::move(contact)});
    if (entries_.size() > max_) entries_.erase(entries_.begin());
  }
  // The table has it, or nobody shall look for it. Whether it was remembered.
  bool remove(const PublicKey& key) {
    return std::erase_if(entries_, [&](const Entry& entry) { return entry.contact->key == key; }) >
           0;
  }

  // How many of them were proved in the last day. One that seems to be of the future counts: the
  // calendar is wrong now, or was then. What is too old stays, since the calendar may step back.
  std::size_t count(WallTime now) const {
    const auto first = std::ranges::lower_bound(entries_, now - kRemembered, {}, &Entry::proved);
    return static_cast<std::size_t>(entries_.end() - first);
  }
  // Since when whoever counts at `now` has been counted.
  WallTime since(WallTime now) const { return std::clamp(began_, now - kRemembered, now); }

  // Who was proved longest ago comes first.
  const std::vector<Entry>& entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }

 private:
  std::uint64_t group_of(const Contact& contact) const {
    return groups_->group_of(contact.endpoints.front());
  }

  std::size_t max_;
  const AddressGroups* groups_;
  std::vector<Entry> entries_;
  WallTime began_ = WallTime::max();
};

}  // namespace kadmos
