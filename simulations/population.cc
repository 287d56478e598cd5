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
             const Id& target, std::size_t k, std::vector<Nodes::const_iterator>& out) {
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
      if (out.size() < k) out.push_back(one);
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

std::vector<Nodes::const_iterator> nearest(const Nodes& nodes, const Id& target, std::size_t k) {
  std::vector<Nodes::const_iterator> out;
  collect(nodes, nodes.begin(), nodes.end(), 0, target, k, out);
  return out;
}

}  // namespace

std::vector<NodeIndex> Population::closest(const Id& target, std::size_t k) const {
  std::vector<NodeIndex> out;
  for (const auto it : nearest(nodes_, target, k)) out.push_back(it->second);
  return out;
}

std::vector<NodeIndex> Population::neighbours(const Id& id, std::size_t k) const {
  // The first too many, and all that share no more of their ids with this one, are outside.
  int outside = -1;
  std::vector<NodeIndex> out;
  const auto around = nearest(nodes_, id, k + 2);
  if (around.size() == k + 2) outside = shared_prefix(id, around.back()->first);
  for (const auto it : around) {
    if (it->first != id && shared_prefix(id, it->first) > outside) out.push_back(it->second);
  }
  return out;
}

}  // namespace kadmos::sim
