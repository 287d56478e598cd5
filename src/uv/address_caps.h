// How many connections one address and one address group may have. Local addresses are exempt: on
// one machine or network a whole deployment shares them.
#pragma once

#include <map>

#include "kadmos/config.h"
#include "kadmos/endpoint.h"

namespace kadmos {

class AddressCaps {
 public:
  explicit AddressCaps(const Limits& limits)
      : per_ip_(limits.connections_per_ip), per_group_(limits.connections_per_group) {}

  // Counts one more connection with `remote`; false, and nothing counted, at a bound.
  bool enter(const Endpoint& remote);
  // Once for each enter that gave true.
  void leave(const Endpoint& remote);

 private:
  std::size_t per_ip_;
  std::size_t per_group_;
  std::map<ByteArray<16>, std::size_t> ips_;
  std::map<std::uint64_t, std::size_t> groups_;
};

}  // namespace kadmos
