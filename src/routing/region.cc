#include "routing/region.h"

#include <array>

namespace kadmos {
namespace {

// How the others stand to the keys of a range, seen from one node.
struct Place {
  int nearer = 0;   // to all of them
  int unclear = 0;  // to some perhaps: they share all bits of the range with the node
};

class Search {
 public:
  Search(const Keeper& a, const Keeper& b, std::span<const Id> others, std::size_t most)
      : a_{a, {}}, b_{b, {}}, most_(most) {
    a_.count(b.id);
    b_.count(a.id);
    Place start{0, 1};
    for (const Id& other : others) {
      if (other == a.id || other == b.id) continue;
      a_.count(other);
      b_.count(other);
      ++start.unclear;
    }
    if (visit(KeyRange{}, start, start)) out_.assign(1, KeyRange{});
  }
  std::vector<KeyRange> take() { return std::move(out_); }

 private:
  struct Side {
    const Keeper& keeper;
    std::array<int, Id::kBits> sharing{};  // how many others share just so many leading bits

    void count(const Id& other) {
      ++sharing[static_cast<std::size_t>(shared_prefix(keeper.id, other))];
    }
    bool none_at(int bit) const { return sharing[static_cast<std::size_t>(bit)] == 0; }
    Place narrowed(Place place, int bit, bool one) const {
      const int there = sharing[static_cast<std::size_t>(bit)];
      place.unclear -= there;
      if (keeper.id.bit(bit) != one) place.nearer += there;
      return place;
    }
    bool surely_in(const Place& place) const { return place.nearer + place.unclear < keeper.k; }
    bool surely_out(const Place& place) const { return place.nearer >= keeper.k; }
  };

  // Whether both keep all of the range; if not, the parts they do keep have been added.
  bool visit(const KeyRange& range, const Place& a, const Place& b) {
    if (a_.surely_out(a) || b_.surely_out(b) || out_.size() >= most_) return false;
    if (a_.surely_in(a) && b_.surely_in(b)) return true;
    const std::size_t before = out_.size();
    bool whole = true;
    for (const bool one : {false, true}) {
      // If no node parts the halves, what is true of one is true of the other.
      const bool alike = a_.none_at(range.bits) && b_.none_at(range.bits);
      if (one && alike && !whole && out_.size() == before) return false;
      const KeyRange half = range.half(one);
      const bool kept =
          visit(half, a_.narrowed(a, range.bits, one), b_.narrowed(b, range.bits, one));
      if (kept) out_.push_back(half);
      whole = whole && kept;
    }
    if (whole) out_.resize(before);
    return whole;
  }

  Side a_;
  Side b_;
  const std::size_t most_;
  std::vector<KeyRange> out_;
};

}  // namespace

std::vector<KeyRange> shared_ranges(const Keeper& a, const Keeper& b, std::span<const Id> others,
                                    std::size_t most) {
  return Search(a, b, others, most).take();
}

}  // namespace kadmos
