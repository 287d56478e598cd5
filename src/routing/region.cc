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
      : a_{a, counts(a.id, b.id, others)}, b_{b, counts(b.id, a.id, others)}, most_(most) {
    const Place start{0, static_cast<int>(others.size()) + 1};
    if (visit(KeyRange{}, start, start)) out_.assign(1, KeyRange{});
  }
  std::vector<KeyRange> take() { return std::move(out_); }

 private:
  using Counts = std::array<int, Id::kBits + 1>;  // of nodes that share just so many leading bits
  struct Side {
    const Keeper& keeper;
    Counts sharing;

    Place narrowed(Place place, int bit, bool one) const {
      const int there = sharing[static_cast<std::size_t>(bit)];
      place.unclear -= there;
      if (keeper.id.bit(bit) != one) place.nearer += there;
      return place;
    }
    bool surely_in(const Place& place) const { return place.nearer + place.unclear < keeper.k; }
    bool surely_out(const Place& place) const { return place.nearer >= keeper.k; }
  };

  static Counts counts(const Id& id, const Id& partner, std::span<const Id> others) {
    Counts out{};
    ++out[static_cast<std::size_t>(shared_prefix(id, partner))];
    for (const Id& other : others) ++out[static_cast<std::size_t>(shared_prefix(id, other))];
    return out;
  }

  // Whether both keep all of the range; if not, the parts they do keep have been added.
  bool visit(const KeyRange& range, const Place& a, const Place& b) {
    if (a_.surely_out(a) || b_.surely_out(b) || out_.size() >= most_) return false;
    if (a_.surely_in(a) && b_.surely_in(b)) return true;
    const std::size_t before = out_.size();
    bool whole = true;
    for (const bool one : {false, true}) {
      const KeyRange half = range.half(one);
      const bool kept = visit(half, a_.narrowed(a, range.bits, one), b_.narrowed(b, range.bits, one));
      if (kept) out_.push_back(half);
      whole = whole && kept;
    }
    if (whole) out_.resize(before);
    return whole;
  }

  const Side a_;
  const Side b_;
  const std::size_t most_;
  std::vector<KeyRange> out_;
};

}  // namespace

std::vector<KeyRange> shared_ranges(const Keeper& a, const Keeper& b, std::span<const Id> others,
                                    std::size_t most) {
  return Search(a, b, others, most).take();
}

}  // namespace kadmos
