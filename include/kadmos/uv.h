// The real world: an event loop over libuv, and nodes that live on it.
//
//   UvLoop loop;
//   const TransportOptions here{.listen = Endpoint::v4(0, 0, 0, 0, 4280)};
//   auto node = make_node(loop, Identity::from_seed(random_seed()), {}, here);
//   auto receipt = loop.run_until((*node)->put(view_of("hello")));
//
// There is no global loop; any number may exist, each used by one thread. Only post() and stop()
// may be called from other threads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kadmos/future.h"
#include "kadmos/node.h"
#include "kadmos/task.h"

namespace kadmos {

class UvLoop {
 public:
  UvLoop();
  ~UvLoop();  // everything made on the loop must be gone by then

  // Runs until stop(), or until nothing is left that could happen.
  void run();
  // Runs until `future` is ready, and gives its result. Errc::closed if stop() or idleness came
  // first; the future is then dropped, which cancels what it stood for.
  template <class T>
  Result<T> run_until(Future<T> future) {
    bool done = false;
    std::optional<Result<T>> result;
    auto waiting = std::move(future).then([&](Result<T> value) {
      result.emplace(std::move(value));
      done = true;
      wake();
    });
    run_while_not(done);
    if (!result) return Error(Errc::closed, "the loop stopped before the result was there");
    return *std::move(result);
  }
  template <class T>
  Result<T> run_until(Task<T> task) {
    return run_until(kadmos::start(std::move(task)));
  }
  // Makes the present or next run() return. Thread-safe.
  void stop();
  // Runs fn on the loop's thread, in order of posting. Thread-safe. What is still queued when the
  // loop is destroyed is dropped unrun.
  void post(std::function<void()> fn);

  // RAII: destroying the handle disarms it.
  class Handle {
   public:
    virtual ~Handle() = default;
  };
  // Runs fn once after `delay`. Keeps the loop alive until then.
  [[nodiscard]] std::unique_ptr<Handle> after(Duration delay, std::function<void()> fn);
  // Runs fn on each arrival of a signal (SIGINT, …). Does not keep the loop alive.
  [[nodiscard]] std::unique_ptr<Handle> on_signal(int signal, std::function<void()> fn);

  // Resolves a host name, or a numeric address, on libuv's thread pool.
  Future<std::vector<Endpoint>> resolve(const std::string& host, std::uint16_t port);

  TimePoint now() const;
  static WallTime wall_now();

  struct Impl;  // src/uv/ only
  Impl& impl() { return *impl_; }

 private:
  void wake();
  void run_while_not(const bool& done);
  std::unique_ptr<Impl> impl_;
};

// 32 bytes of the operating system's randomness.
Seed random_seed();

// The clock, alarm and randomness of the real world.
std::unique_ptr<Clock> make_clock(UvLoop& loop);
std::unique_ptr<Random> make_random();

// Deadlines and rates of the transport, apart from Limits.
struct TransportOptions {
  std::optional<Endpoint> listen;  // nothing: dial only, as a client. Port 0 picks a free one.
  Duration dial_timeout = std::chrono::seconds(3);       // TCP connect
  Duration handshake_timeout = std::chrono::seconds(5);  // TLS and hello, either side
  Duration frame_timeout = std::chrono::seconds(10);     // from a frame's first byte to its last
  std::size_t min_rate = 1024;                           // bytes/s a long frame may not fall below
  Duration write_timeout = std::chrono::seconds(10);     // queued bytes must make progress
  Duration idle_timeout = std::chrono::minutes(5);       // a connection without a frame closes
};

// TCP with TLS 1.3, one kept connection a peer. `identity` is used during the call only.
std::unique_ptr<Transport> make_tls_transport(UvLoop& loop, const Identity& identity,
                                              const Config& config, TransportOptions options);

// Records in the LMDB file `path`, made if it is missing, with `path`-lock beside it: a store is
// acknowledged after its commit and an fsync. Of the config it uses network and limits.
//
// A full disk fails the commits it cannot take. A disk that fails otherwise is not used again: all
// later commits and reads fail, and `on_broken` is told once, from the loop; better end the program
// then, since a new one reads what the disk really has. Ending the storage makes durable what is
// queued. A process has one storage a file. Damage to the file's index is mended; `on_mended` is
// told before this returns.
//
// Errors: busy (another node uses the file), io, storage_failed (it is damaged, of a newer format,
// or another network's).
Result<std::unique_ptr<Storage>> make_lmdb_storage(
    UvLoop& loop, const std::string& path, const Config& config,
    std::function<void(const Error&)> on_broken = nullptr,
    const std::function<void(std::string_view)>& on_mended = nullptr);

// A node on real sockets; a client if `options` name nothing to listen on. Without a storage it
// keeps records in memory, until it ends. Errors: address_in_use, io, invalid_argument.
Result<std::unique_ptr<Node>> make_node(UvLoop& loop, Identity identity, Config config,
                                        TransportOptions options,
                                        std::unique_ptr<Storage> storage = nullptr);

}  // namespace kadmos
