#include "uv/control.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/check.h"
#include "uv/loop.h"
#include "wire/netstring.h"

namespace kadmos {
namespace {

constexpr int kBacklog = 16;
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::size_t kStreamFrames = 1024;  // that wait to be taken from a stream

using Pipe = UvPtr<uv_pipe_t>;

Pipe make_pipe(UvLoop& loop, void* data) {
  auto* pipe = new uv_pipe_t;
  check(uv_pipe_init(raw(loop), pipe, 0) == 0);
  pipe->data = data;
  return Pipe(pipe);
}

uv_stream_t* stream(const Pipe& pipe) { return reinterpret_cast<uv_stream_t*>(pipe.get()); }

// Writes `payload` as one frame. False: the pipe is broken. `written` resolves when all of it is.
bool write_frame(const Pipe& pipe, ByteView payload, Promise<void> written = {}) {
  struct Request {
    uv_write_t request{};
    Bytes frame;
    Promise<void> written;
  };
  auto writing = std::make_unique<Request>();
  writing->written = std::move(written);
  wire::append_netstring(writing->frame, payload);
  writing->request.data = writing.get();
  const uv_buf_t buffer = uv_buf_init(reinterpret_cast<char*>(writing->frame.data()),
                                      static_cast<unsigned int>(writing->frame.size()));
  const int failed =
      uv_write(&writing->request, stream(pipe), &buffer, 1,
               // A broken pipe is noticed by the reading side.
               [](uv_write_t* request, int status) {
                 const std::unique_ptr<Request> done(static_cast<Request*>(request->data));
                 if (status == 0) done->written.resolve({});
               });
  if (failed == 0) static_cast<void>(writing.release());
  return failed == 0;
}

// Has `Owner::on_bytes(ByteView)` called for what arrives and `Owner::on_end(int status)` once.
template <class Owner>
bool read_into(const Pipe& pipe) {
  const auto allocate = [](uv_handle_t*, std::size_t, uv_buf_t* buffer) {
    *buffer = uv_buf_init(new char[kReadBytes], kReadBytes);
  };
  return uv_read_start(
             stream(pipe), allocate, [](uv_stream_t* from, ssize_t size, const uv_buf_t* buffer) {
               const std::unique_ptr<char[]> bytes(buffer->base);
               auto* owner = static_cast<Owner*>(from->data);
               if (owner == nullptr || size == 0) return;
               if (size < 0) return owner->on_end(static_cast<int>(size));
               owner->on_bytes(
                   view_of(std::string_view(bytes.get(), static_cast<std::size_t>(size))));
             }) == 0;
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return Error(Errc::invalid_argument, "control socket path \"" + path + "\" must have 1 to " +
                                             std::to_string(sizeof address.sun_path - 1) +
                                             " bytes; choose a shorter one");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

struct Descriptor {
  int fd = -1;
  Descriptor() : fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  int release() { return std::exchange(fd, -1); }
};

Error cannot_serve(const std::string& path, const std::string& why) {
  return Error(Errc::io, "cannot create the control socket " + path + ": " + why);
}

// Removes a socket file that nobody listens on.
Result<void> clear_stale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) {
    return Error(Errc::invalid_argument,
                 "control socket path " + path + " is a file that is no socket; choose another");
  }
  const Descriptor knock;
  const bool answered =
      connect(knock.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  // A full backlog is somebody too.
  if (answered || errno == EAGAIN || errno == EINPROGRESS) {
    return Error(Errc::address_in_use,
                 "another process serves the control socket " + path + "; is a daemon running?");
  }
  if (unlink(path.c_str()) != 0) return cannot_serve(path, std::strerror(errno));
  return {};
}

// A bound socket with mode 0600 from its first moment.
Result<int> bind_private(const std::string& path) {
  auto address = address_of(path);
  if (!address) return std::move(address).error();
  if (auto cleared = clear_stale(path, *address); !cleared) return std::move(cleared).error();
  Descriptor bound;
  if (bound.fd < 0 || fchmod(bound.fd, 0600) != 0 ||
      bind(bound.fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      chmod(path.c_str(), 0600) != 0) {
    return cannot_serve(path, std::strerror(errno));
  }
  return bound.release();
}

}  // namespace

// ---- Server

// One client.
struct ControlServer::Session : std::enable_shared_from_this<ControlServer::Session> {
  Impl* server = nullptr;
  Pipe pipe;
  wire::NetstringReader reader{kControlFrameBytes};
  std::uint64_t request = 0;  // of the handler's latest call
  bool pending = false;       // and it was not answered yet
  std::shared_ptr<void> handling;

  void on_bytes(ByteView bytes);
  void on_end(int);
  bool awaits(std::uint64_t number) const {
    return pipe != nullptr && pending && number == request;
  }
  void reply(std::uint64_t to, const Bytes& answer);
};

struct ControlServer::Impl {
  Impl(UvLoop& on, std::string at, Handler answers)
      : loop(on), path(std::move(at)), handler(std::move(answers)) {}

  void on_client();
  void end(Session* session) {
    session->pipe.reset();
    const auto cancelled = std::exchange(session->handling, nullptr);
    std::erase_if(sessions, [session](const auto& each) { return each.get() == session; });
  }

  UvLoop& loop;
  std::string path;
  Handler handler;
  Pipe listener;
  std::vector<std::shared_ptr<Session>> sessions;
};

void ControlServer::Impl::on_client() {
  auto session = std::make_shared<Session>();
  session->server = this;
  session->pipe = make_pipe(loop, session.get());
  if (uv_accept(stream(listener), stream(session->pipe)) != 0) return;
  if (sessions.size() >= kControlConnections || !read_into<Session>(session->pipe)) return;
  sessions.push_back(std::move(session));
}

void ControlServer::Session::on_end(int) { server->end(this); }

void ControlServer::Session::on_bytes(ByteView bytes) {
  const auto alive = shared_from_this();  // the handler may destroy the server
  bool one_too_many = false;
  const auto fed = reader.feed(bytes, [&](ByteView frame) {
    one_too_many = pending || uv_stream_get_write_queue_size(stream(pipe)) > kControlFrameBytes;
    if (one_too_many) return false;
    pending = true;
    auto held = server->handler(frame, Reply(alive, ++request));
    if (pipe == nullptr) return false;
    if (pending) handling = std::move(held);
    return true;
  });
  if (pipe != nullptr && (one_too_many || !fed)) server->end(this);
}

void ControlServer::Session::reply(std::uint64_t to, const Bytes& answer) {
  if (!awaits(to)) return;
  pending = false;
  // What is held may be the very operation that is calling.
  server->loop.post([done = std::exchange(handling, nullptr)] {});
  if (answer.size() > kControlFrameBytes || !write_frame(pipe, answer)) server->end(this);
}

void ControlServer::Reply::operator()(const Bytes& last) const {
  if (const auto session = session_.lock()) session->reply(request_, last);
}

Future<void> ControlServer::Reply::more(const Bytes& frame) const {
  Promise<void> written;
  Future<void> out = written.future();
  const auto session = session_.lock();
  // What goes unwritten ends the future with Errc::closed.
  if (session && session->awaits(request_) && frame.size() <= kControlFrameBytes) {
    write_frame(session->pipe, frame, std::move(written));
  }
  return out;
}

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<ControlServer>> ControlServer::listen(UvLoop& loop, const std::string& path,
                                                             Handler handler) {
  const auto bound = bind_private(path);
  if (!bound) return bound.error();
  auto impl = std::make_unique<Impl>(loop, path, std::move(handler));
  impl->listener = make_pipe(loop, impl.get());
  int failed = uv_pipe_open(impl->listener.get(), *bound);
  if (failed != 0) ::close(*bound);
  if (failed == 0) {
    failed = uv_listen(stream(impl->listener), kBacklog, [](uv_stream_t* listener, int status) {
      if (listener->data != nullptr && status == 0) static_cast<Impl*>(listener->data)->on_client();
    });
  }
  std::unique_ptr<ControlServer> server(new ControlServer(std::move(impl)));
  if (failed != 0) return cannot_serve(path, uv_strerror(failed));
  return server;
}

ControlServer::~ControlServer() {
  unlink(impl_->path.c_str());
  // A session that is on the stack finds its pipe closed.
  for (const auto& session : std::exchange(impl_->sessions, {})) {
    session->pipe.reset();
    session->handling.reset();
  }
}

// ---- Client

namespace {

// Frees itself with its pipe, once the other side hung up or nobody waits.
struct Asking : std::enable_shared_from_this<Asking> {
  std::shared_ptr<Asking> self;  // until then
  Pipe pipe;
  wire::NetstringReader reader{kControlFrameBytes};
  StreamSource<Bytes> frames{kStreamFrames};
  Bytes request;
  std::string path;

  void finish(Result<void> result) {
    const auto freed = std::exchange(self, nullptr);
    pipe.reset();
    frames.end(std::move(result));
  }
  void on_connected(int status) {
    if (status != 0) {
      return finish(Error(Errc::unreachable, "no daemon answers at the control socket " + path +
                                                 ": " + uv_strerror(status)));
    }
    if (!read_into<Asking>(pipe) || !write_frame(pipe, request)) on_end(UV_EPIPE);
  }
  void on_bytes(ByteView bytes) {
    const auto alive = shared_from_this();  // who takes a frame may hang up
    const auto fed = reader.feed(bytes, [this](ByteView frame) {
      frames.put(to_bytes(frame));
      return pipe != nullptr;
    });
    if (pipe != nullptr && !fed) finish(fed.error());
  }
  void on_end(int) {
    finish(Error(Errc::closed, "the daemon at " + path + " hung up without an answer"));
  }
};

}  // namespace

Stream<Bytes> control_stream(UvLoop& loop, const std::string& path, ByteView request) {
  auto asking = std::make_shared<Asking>();
  auto frames = asking->frames.stream();
  if (request.size() > kControlFrameBytes) {
    asking->frames.end(
        Error(Errc::too_large, "a control request of " + std::to_string(request.size()) +
                                   " bytes; at most " + std::to_string(kControlFrameBytes)));
    return frames;
  }
  if (auto address = address_of(path); !address) {
    asking->frames.end(std::move(address).error());
    return frames;
  }
  asking->self = asking;
  asking->path = path;
  asking->request = to_bytes(request);
  asking->pipe = make_pipe(loop, asking.get());
  asking->frames.on_cancel([asking = asking.get()] { asking->finish({}); });
  // The request lives until its callback, which comes even if the pipe is closed before.
  uv_pipe_connect(new uv_connect_t, asking->pipe.get(), path.c_str(),
                  [](uv_connect_t* done, int status) {
                    const std::unique_ptr<uv_connect_t> freed(done);
                    auto* self = static_cast<Asking*>(done->handle->data);
                    if (self != nullptr) self->on_connected(status);
                  });
  return frames;
}

Future<Bytes> control_request(UvLoop& loop, const std::string& path, ByteView request) {
  auto frames = std::make_shared<Stream<Bytes>>(control_stream(loop, path, request));
  return frames->next().then([frames](Result<std::optional<Bytes>> first) -> Result<Bytes> {
    if (!first) return std::move(first).error();
    return **std::move(first);  // it never ends in order while somebody listens
  });
}

}  // namespace kadmos
