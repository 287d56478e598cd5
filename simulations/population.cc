#include "simulations/population.h"

#include <algorithm>

namespace kadmos::sim {

namespace {

using Nodes = std::map<Id, NodeIndex>;
// Fewer are sorted rather than split.
constexpr int kFew = 32;

// Appends nodes of a range whose ids share the bits before `bit`, nearest to `target` first, until
// there are k.
void collect(const Nodes& nodes, Nodes::const_iterator from, Nodes::const_iterator to, int bit,
             const Id& target, std::size_t k, std::vector<NodeIndex>& out) {
  int count = 0;
  auto it = from;
  while (it != to && count <= kFew) {
    ++it;
    ++count;
  }
  if (count <= kFew || bit == Id::kBits) {
    std::vector<Nodes::const_iterator> few;
    for (it = from; it != to; ++it) few.push_back(it);
    std::ranges::sort(few, [&](auto a, auto b) { return closer(target, a->first, b->first); });
    for (const auto one : few) {
      if (out.size() < k) out.push_back(one->second);
    }
    return;
  }
  Id middle = from->first;  // the bits before `bit`, then 1, then zeros
  for (int i = bit; i < Id::kBits; ++i) middle.set_bit(i, i == bit);
  const auto split = nodes.lower_bound(middle);
  const bool high_first = target.bit(bit);
  collect(nodes, high_first ? split : from, high_first ? to : split, bit + 1, target, k, out);
  if (out.size() >= k) return;
  collect(nodes, high_first ? from : split, high_first ? split : to, bit + 1, target, k, out);
}

}  // namespace

std::vector<NodeIndex> Population::closest(const Id& target, std::size_t k) const {
  std::vector<NodeIndex> out;
  collect(nodes_, nodes_.begin(), nodes_.end(), 0, target, k, out);
  return out;
}

}  // namespace kadmos::sim
