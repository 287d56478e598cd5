#include "uv/address_caps.h"

namespace kadmos {
namespace {

template <class Map, class Index>
void decrement(Map& map, const Index& index) {
  const auto found = map.find(index);
  if (found != map.end() && --found->second == 0) map.erase(found);
}

}  // namespace

bool AddressCaps::enter(const Endpoint& remote) {
  if (remote.is_local()) return true;
  const auto ip = ips_.find(remote.ip);
  if (ip != ips_.end() && ip->second >= per_ip_) return false;
  const auto group = groups_.find(remote.group());
  if (group != groups_.end() && group->second >= per_group_) return false;
  ++ips_[remote.ip];
  ++groups_[remote.group()];
  return true;
}

void AddressCaps::leave(const Endpoint& remote) {
  if (remote.is_local()) return;
  decrement(ips_, remote.ip);
  decrement(groups_, remote.group());
}

}  // namespace kadmos
