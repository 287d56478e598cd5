#include "uv/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace kadmos {

sockaddr_storage to_sockaddr(const Endpoint& endpoint) {
  sockaddr_storage out{};
  if (endpoint.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    std::memcpy(&in.sin_addr, endpoint.ip.data() + 12, 4);
    std::memcpy(&out, &in, sizeof in);
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(endpoint.port);
    std::memcpy(&in.sin6_addr, endpoint.ip.data(), 16);
    std::memcpy(&out, &in, sizeof in);
  }
  return out;
}

Endpoint from_sockaddr(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    ByteArray<4> ip{};
    std::memcpy(ip.data(), &in.sin_addr, ip.size());
    return Endpoint::v4(ip[0], ip[1], ip[2], ip[3], ntohs(in.sin_port));
  }
  Endpoint endpoint;
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    std::memcpy(endpoint.ip.data(), &in.sin6_addr, endpoint.ip.size());
    endpoint.port = ntohs(in.sin6_port);
  }
  return endpoint;
}

}  // namespace kadmos
