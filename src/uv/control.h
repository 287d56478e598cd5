// The control socket: how a local program talks to a running daemon. A Unix socket, mode 0600, that
// carries netstring frames of opaque bytes: one request, then its reply, then perhaps the next. A
// reply is one frame or several; what is in them says which is the last.
//
// A client that goes away, or half-closes, while its request is pending has cancelled it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "kadmos/bytes.h"
#include "kadmos/future.h"
#include "kadmos/stream.h"
#include "kadmos/uv.h"

namespace kadmos {

inline constexpr std::size_t kControlFrameBytes = 1024 * 1024;  // request or reply
inline constexpr std::size_t kControlConnections = 64;          // at once; more are closed

class ControlServer {
 public:
  struct Session;
  // Answers one request. Calls after the last frame, and after the client has gone, do nothing.
  class Reply {
   public:
    Reply() = default;
    // The reply, or the last frame of several.
    void operator()(const Bytes& last) const;
    // A frame that others follow. Resolves when the client's side has taken all of it: who waits
    // for that before the next has never more than one queued, however slowly the client reads.
    Future<void> more(const Bytes& frame) const;

   private:
    friend struct Session;
    Reply(std::weak_ptr<Session> session, std::uint64_t request)
        : session_(std::move(session)), request_(request) {}
    std::weak_ptr<Session> session_;
    std::uint64_t request_ = 0;
  };
  // Called for each request. `request` is valid during the call only. What it returns (a future, in
  // practice) is held until `reply` was called and dropped when the client goes away first:
  // dropping it must cancel the work. `reply` may be called from inside the handler.
  using Handler = std::function<std::shared_ptr<void>(ByteView request, Reply reply)>;

  // Creates the socket file, in place of one that nobody listens on. Errors: address_in_use
  // (another process answers there), invalid_argument (path too long, or a file that is no socket),
  // io.
  static Result<std::unique_ptr<ControlServer>> listen(UvLoop& loop, const std::string& path,
                                                       Handler handler);
  // Drops every pending request and removes the socket file.
  ~ControlServer();

  struct Impl;

 private:
  explicit ControlServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Connects to `path`, sends `request`, gives the reply. No deadline of its own: dropping the future
// hangs up. Errors: unreachable (no file, or nobody listens), closed (hung up without a reply),
// protocol, too_large, io.
Future<Bytes> control_request(UvLoop& loop, const std::string& path, ByteView request);

// The same for a request with several frames in its reply: gives every frame that comes. Dropping
// the stream hangs up.
Stream<Bytes> control_stream(UvLoop& loop, const std::string& path, ByteView request);

}  // namespace kadmos
