#include "base/shares.h"

#include <algorithm>

#include "base/check.h"

namespace kadmos {

Party Party::at(const AddressGroups& groups, const Endpoint& where) {
  Party out;
  out.group = groups.group_of(where);
  if (out.group != 0) out.address = groups.address_of(where);
  return out;
}

Party Party::at(const AddressGroups& groups, const Endpoint& where, const PublicKey& peer) {
  Party out = at(groups, where);
  out.peer = peer;
  return out;
}

std::array<std::optional<Shares::Name>, Shares::kLevels - 1> Shares::names(const Party& party) {
  std::array<std::optional<Name>, kLevels - 1> out;
  if (party.peer) out[0] = Name(peer, party.peer->bytes);
  if (party.address) {
    out[1] = Name(address, {});
    std::copy(party.address->begin(), party.address->end(), out[1]->second.begin());
  }
  if (party.group != 0) {
    out[2] = Name(group, {});
    for (std::size_t i = 0; i < 8; ++i) {
      out[2]->second[i] = static_cast<Byte>(party.group >> (56 - 8 * i));
    }
  }
  return out;
}

std::size_t Shares::of(const Name& name) const {
  const auto it = used_by_.find(name);
  return it == used_by_.end() ? 0 : it->second;
}

std::size_t Shares::bound(Level level) const {
  switch (level) {
    case total:
      return bounds_.total;
    case peer:
      return bounds_.peer;
    case address:
      return bounds_.address;
    case group:
      return bounds_.group;
  }
  return 0;
}

std::optional<Shares::Level> Shares::full(const Party& party, std::size_t amount) const {
  const auto exceeds = [&](std::size_t used, std::size_t most) {
    return amount > most || used > most - amount;
  };
  if (exceeds(used_, bounds_.total)) return total;
  const std::size_t left = bounds_.total - used_;
  for (const auto& name : names(party)) {
    if (!name) continue;
    const std::size_t used = of(*name);
    if (exceeds(used, bound(name->first))) return name->first;
    if (bounds_.leaves_room && used + amount > left) return name->first;
  }
  return std::nullopt;
}

void Shares::take(const Party& party, std::size_t amount) {
  used_ += amount;
  for (const auto& name : names(party)) {
    if (name) used_by_[*name] += amount;
  }
}

void Shares::give(const Party& party, std::size_t amount) {
  check(used_ >= amount);
  used_ -= amount;
  for (const auto& name : names(party)) {
    if (!name) continue;
    const auto it = used_by_.find(*name);
    check(it != used_by_.end() && it->second >= amount);
    it->second -= amount;
    if (it->second == 0) used_by_.erase(it);
  }
}

std::size_t Shares::of_group(const Party& party) const {
  const auto name = names(party)[2];
  return name ? of(*name) : 0;
}

}  // namespace kadmos
