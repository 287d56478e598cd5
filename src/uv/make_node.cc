// The composition of a real node: sockets, the real clock and randomness, memory storage.
#include "kadmos/node.h"
#include "kadmos/uv.h"

namespace kadmos {

Result<std::unique_ptr<Node>> make_node(UvLoop& loop, Identity identity, Config config,
                                        TransportOptions options) {
  Seams seams;
  seams.clock = make_clock(loop);
  seams.random = make_random();
  seams.transport = make_tls_transport(loop, identity, config, std::move(options));
  seams.storage = make_memory_storage();
  return Node::create(std::move(identity), std::move(config), std::move(seams));
}

}  // namespace kadmos
