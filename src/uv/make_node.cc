// The composition of a real node: sockets, the real clock and randomness, storage in memory or on
// disk.
#include <algorithm>
#include <limits>

#include "kadmos/node.h"
#include "kadmos/uv.h"
#include "lmdb/storage.h"

namespace kadmos {

Result<std::unique_ptr<Storage>> make_lmdb_storage(
    UvLoop& loop, const std::string& path, const Config& config,
    std::function<void(const Error&)> on_broken,
    const std::function<void(std::string_view)>& on_mended) {
  // Pages half full, large values that fill no page, own records, which have no bound: the file is
  // as large as it must be, and this is address space only.
  constexpr std::size_t kGiB = 1024UL * 1024 * 1024;
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max() - kGiB;
  const std::size_t room = std::min(config.limits.record_bytes, kMost / 4) * 4 + kGiB;
  auto opened = Database::open(path, config.network, room);
  if (!opened) return std::move(opened).error();
  const Database& database = **opened;
  auto storage = LmdbStorage::open(
      *std::move(opened), [&loop](std::function<void()> fn) { loop.post(std::move(fn)); },
      std::move(on_broken));
  if (!storage) return std::move(storage).error();
  if (on_mended && !database.mended().empty()) on_mended(database.mended());
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
