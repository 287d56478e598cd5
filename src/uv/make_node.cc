// The composition of a real node: sockets, the real clock and randomness, storage in memory or on
// disk.
#include "kadmos/node.h"
#include "kadmos/uv.h"
#include "lmdb/storage.h"

namespace kadmos {

Result<std::unique_ptr<Storage>> make_lmdb_storage(UvLoop& loop, const std::string& path,
                                                   const Config& config,
                                                   std::function<void(const Error&)> on_broken) {
  // Pages half full, large values that fill no page, own records, which have no bound: the file is
  // as large as it must be, and this is address space only.
  const std::size_t room = 4 * config.limits.record_bytes + 1024UL * 1024 * 1024;
  auto database = Database::open(path, config.network, room);
  if (!database) return std::move(database).error();
  auto storage = LmdbStorage::open(
      *std::move(database), [&loop](std::function<void()> fn) { loop.post(std::move(fn)); },
      std::move(on_broken));
  if (!storage) return std::move(storage).error();
  return std::unique_ptr<Storage>(*std::move(storage));
}

Result<std::unique_ptr<Node>> make_node(UvLoop& loop, Identity identity, Config config,
                                        TransportOptions options,
                                        std::unique_ptr<Storage> storage) {
  Seams seams;
  seams.clock = make_clock(loop);
  seams.random = make_random();
  seams.transport = make_tls_transport(loop, identity, config, std::move(options));
  seams.storage = storage != nullptr ? std::move(storage) : make_memory_storage();
  return Node::create(std::move(identity), std::move(config), std::move(seams));
}

}  // namespace kadmos
