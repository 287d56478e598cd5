// Endpoints as the socket addresses of the operating system, and back.
#pragma once

#include <uv.h>

#include "kadmos/endpoint.h"

namespace kadmos {

// An IPv4 endpoint becomes AF_INET, every other one AF_INET6.
sockaddr_storage to_sockaddr(const Endpoint& endpoint);
// AF_INET and AF_INET6 only; anything else gives the default endpoint.
Endpoint from_sockaddr(const sockaddr* address);

}  // namespace kadmos
