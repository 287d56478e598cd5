// A set of pointers in an order, up to 64 of them side by side, behind a tree of where these chunks
// begin. A search reads a little of one chunk and, but where tags are equal, nothing of what is
// pointed to; so it finds in caches what a tree with a node for each would have in none of them.
// An insertion or erasure moves one chunk's pointers, at worst two chunks', however many there are.
//
// `Order` has a type Place, whose default is least of all; place_of(thing), which no two have in
// common; tag_of(place), 64 bits that are never less for a later place; and kGrowsAtEnd, whether
// most that comes in is after all that is here.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

namespace kadmos {

// `Pointer` may own. `kMost`, of a chunk, is at least 4.
template <class Pointer, class Order, std::size_t kMost = 64>
class Sorted {
  struct Slot {
    std::uint64_t tag;
    Pointer thing;
  };
  using Chunk = std::vector<Slot>;  // not empty
  using Place = typename Order::Place;
  // By a place that is not after its first and after all of the chunk before: the least of all for
  // the first chunk.
  using Chunks = std::map<Place, Chunk>;

 public:
  // Until the next insertion or erasure.
  class Iterator {
   public:
    auto& operator*() const { return *chunk_->second[at_].thing; }
    auto* operator->() const { return &**this; }
    Iterator& operator++() {
      if (++at_ == chunk_->second.size()) *this = {std::next(chunk_), 0};
      return *this;
    }
    Iterator& operator--() {
      if (at_ == 0) {
        --chunk_;
        at_ = chunk_->second.size();
      }
      --at_;
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend class Sorted;
    using InChunks = typename Chunks::const_iterator;
    Iterator(InChunks chunk, std::size_t at) : chunk_(chunk), at_(at) {}
    InChunks chunk_;
    std::size_t at_;
  };

  bool empty() const { return chunks_.empty(); }
  std::size_t size() const { return size_; }
  Iterator begin() const { return {chunks_.begin(), 0}; }
  Iterator end() const { return {chunks_.end(), 0}; }
  // The first that is not before `place`, the first after it, and the one there or the end.
  Iterator lower_bound(const Place& place) const {
    if (empty()) return end();
    const auto chunk = reaching(chunks_, place);
    const std::size_t at = first_from(chunk->second, place);
    return at < chunk->second.size() ? Iterator{chunk, at} : Iterator{std::next(chunk), 0};
  }
  // lower_bound, where that is after `first` and not after `last`.
  Iterator lower_bound(const Place& place, const Iterator& first, const Iterator& last) const {
    if (first.chunk_ != last.chunk_) return lower_bound(place);
    return {first.chunk_, first_from(first.chunk_->second, place, first.at_ + 1, last.at_)};
  }
  Iterator upper_bound(const Place& place) const {
    Iterator it = lower_bound(place);
    return is_at(it, place) ? ++it : it;
  }
  Iterator find(const Place& place) const {
    const Iterator it = lower_bound(place);
    return is_at(it, place) ? it : end();
  }

  // Nothing is at its place yet.
  void insert(Pointer thing);
  Pointer erase(const Iterator& it);

 private:
  template <class Of>
  static auto reaching(Of& chunks, const Place& place) {
    return std::prev(chunks.upper_bound(place));
  }
  bool is_at(const Iterator& it, const Place& place) const {
    if (it == end() || it.chunk_->second[it.at_].tag != Order::tag_of(place)) return false;
    return Order::place_of(*it) == place;
  }
  static std::size_t first_from(const Chunk& chunk, const Place& place, std::size_t from,
                                std::size_t to);
  static std::size_t first_from(const Chunk& chunk, const Place& place) {
    return first_from(chunk, place, 0, chunk.size());
  }
  typename Chunks::iterator split(typename Chunks::iterator chunk, const Place& place);
  void unite(typename Chunks::iterator chunk);

  Chunks chunks_;
  std::size_t size_ = 0;
};

template <class Pointer, class Order, std::size_t kMost>
std::size_t Sorted<Pointer, Order, kMost>::first_from(const Chunk& chunk, const Place& place,
                                                      std::size_t from, std::size_t to) {
  const std::uint64_t tag = Order::tag_of(place);
  const auto before = [&](const Slot& slot) {
    return slot.tag != tag ? slot.tag < tag : Order::place_of(*slot.thing) < place;
  };
  const Slot* slots = chunk.data();
  return static_cast<std::size_t>(std::partition_point(slots + from, slots + to, before) - slots);
}

template <class Pointer, class Order, std::size_t kMost>
void Sorted<Pointer, Order, kMost>::insert(Pointer thing) {
  const Place place = Order::place_of(*thing);
  if (empty()) chunks_.try_emplace(Place{});
  auto chunk = std::prev(chunks_.end());
  if (!Order::kGrowsAtEnd || place < chunk->first) chunk = reaching(chunks_, place);
  if (chunk->second.size() == kMost) chunk = split(chunk, place);
  Chunk& slots = chunk->second;
  const auto at = static_cast<std::ptrdiff_t>(first_from(slots, place));
  slots.insert(slots.begin() + at, {Order::tag_of(place), std::move(thing)});
  ++size_;
}

// Gives that of the two which `place` belongs in. What comes in order fills the chunks: the last
// is only followed by another.
template <class Pointer, class Order, std::size_t kMost>
auto Sorted<Pointer, Order, kMost>::split(typename Chunks::iterator chunk, const Place& place) ->
    typename Chunks::iterator {
  Chunk& slots = chunk->second;
  const bool last = std::next(chunk) == chunks_.end();
  if (last && Order::place_of(*slots.back().thing) < place) {
    return chunks_.emplace_hint(chunks_.end(), place, Chunk());
  }
  const auto middle = slots.begin() + kMost / 2;
  const Place begin = Order::place_of(*middle->thing);
  const auto second = chunks_.emplace_hint(
      std::next(chunk), begin,
      Chunk(std::make_move_iterator(middle), std::make_move_iterator(slots.end())));
  slots.erase(middle, slots.end());
  return place < begin ? chunk : second;
}

template <class Pointer, class Order, std::size_t kMost>
Pointer Sorted<Pointer, Order, kMost>::erase(const Iterator& it) {
  const auto chunk = chunks_.erase(it.chunk_, it.chunk_);  // which may be changed
  Chunk& slots = chunk->second;
  const auto slot = slots.begin() + static_cast<std::ptrdiff_t>(it.at_);
  Pointer out = std::move(slot->thing);
  slots.erase(slot);
  --size_;
  if (slots.size() <= kMost / 4) unite(chunk);
  return out;
}

// A chunk with few goes together with the next or the one before, if some room is left then.
template <class Pointer, class Order, std::size_t kMost>
void Sorted<Pointer, Order, kMost>::unite(typename Chunks::iterator chunk) {
  const auto fits = [](const Chunk& a, const Chunk& b) {
    return a.empty() || a.size() + b.size() <= kMost * 3 / 4;
  };
  auto next = std::next(chunk);
  if (next == chunks_.end() || !fits(chunk->second, next->second)) {
    next = chunk;
    if (chunk == chunks_.begin() || !fits(chunk->second, std::prev(chunk)->second)) {
      if (chunk->second.empty()) chunks_.erase(chunk);
      return;
    }
    --chunk;
  }
  Chunk& into = chunk->second;
  into.insert(into.end(), std::make_move_iterator(next->second.begin()),
              std::make_move_iterator(next->second.end()));
  chunks_.erase(next);
}

}  // namespace kadmos
