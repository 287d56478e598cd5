#include "uv/connection.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/connection_rules.h"
#include "uv/address.h"
#include "uv/loop.h"
#include "wire/codec.h"

namespace kadmos {
namespace {

// The kernel's share of what a peer that does not read can make us hold.
constexpr int kKernelSendBuffer = 256 * 1024;
// How long after a write it is asked whether all was acknowledged. Twice that, and a sweep's grain,
// must be over before the first keepalive.
constexpr Duration kAcknowledgedAfter = std::chrono::seconds(5);
static_assert(2 * kAcknowledgedAfter < ConnectionRules::kKeepaliveAfter);
// How many frames of one connection are delivered in a turn of the loop. More, and what few peers
// send at full speed delays all others, this node's user included; fewer cost turns.
constexpr int kFramesATurn = 32;
// How long a frame may be on its way before its connection counts as idle, and so makes room for
// others. The largest frame takes as long at a megabit a second. With more, few bytes a second
// would keep every place taken.
constexpr Duration kFrameGrace = std::chrono::seconds(1);

Connection& self(void* data) { return *static_cast<Connection*>(data); }

}  // namespace

// ---- Setting up

void Connection::dial(const Endpoint& remote, std::optional<PublicKey> expected) {
  dialled_ = true;
  remote_ = remote;
  began_at_ = now();
  tls_.emplace(owner_.tls, spares(), TlsStream::Role::client, expected);
  check(uv_tcp_init(raw(owner_.uv_loop), &tcp_) == 0);
  tcp_.data = this;
  const sockaddr_storage address = to_sockaddr(remote);
  const int failed = uv_tcp_connect(
      &connect_request_, &tcp_, reinterpret_cast<const sockaddr*>(&address),
      [](uv_connect_t* request, int status) { self(request->handle->data).on_connected(status); });
  if (failed != 0) {
    const bool ours = failed == UV_EMFILE || failed == UV_ENFILE || failed == UV_ENOBUFS;
    doom_ = ours ? Unreachable::overloaded : Unreachable::refused;
    owner_.want_flush(*this);
  }
  owner_.want_time(deadline());
}

void Connection::on_connected(int status) {
  if (phase_ == Phase::gone) return;
  if (status != 0) {
    ++owner_.stats.dials_failed;
    close(status == UV_ETIMEDOUT ? Unreachable::timed_out : Unreachable::refused);
    return;
  }
  begin_securing();
  process();
}

void Connection::accept(uv_stream_t* server) {
  tls_.emplace(owner_.tls, spares(), TlsStream::Role::server, std::nullopt);
  check(uv_tcp_init(raw(owner_.uv_loop), &tcp_) == 0);
  tcp_.data = this;
  sockaddr_storage address{};
  int size = sizeof address;
  if (uv_accept(server, stream()) != 0 ||
      uv_tcp_getpeername(&tcp_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    doom_ = Unreachable::closed;
    owner_.want_flush(*this);
    return;
  }
  remote_ = from_sockaddr(reinterpret_cast<const sockaddr*>(&address));
  begin_securing();
}

void Connection::begin_securing() {
  phase_ = Phase::securing;
  began_at_ = heard_at_ = now();
  uv_tcp_nodelay(&tcp_, 1);
  int buffer = kKernelSendBuffer;
  uv_send_buffer_size(reinterpret_cast<uv_handle_t*>(&tcp_), &buffer);
  notice_death();
  update_reading();
  owner_.want_time(deadline());
}

void Connection::set_option(int level, int name, std::int64_t value) {
  uv_os_fd_t fd = -1;
  if (uv_fileno(reinterpret_cast<uv_handle_t*>(&tcp_), &fd) != 0) return;
  const int number = static_cast<int>(value);
  ::setsockopt(fd, level, name, &number, sizeof number);
}

// Has the kernel give the connection up when the peer's kernel is silent: it answers none of five
// keepalives, or acknowledges nothing (see expect_acknowledgement). Without that a dead connection
// lasts for a quarter of an hour if data is under way, and for ever if not.
void Connection::notice_death() {
  set_option(SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(IPPROTO_TCP, TCP_KEEPIDLE, ConnectionRules::kKeepaliveAfter / std::chrono::seconds(1));
  set_option(IPPROTO_TCP, TCP_KEEPINTVL, 1);
  set_option(IPPROTO_TCP, TCP_KEEPCNT, ConnectionRules::dead_after() / std::chrono::seconds(1));
  expect_acknowledgement();
}

// Something is about to be written: TCP_USER_TIMEOUT is to be in force. It must not stay so when
// the connection is idle, since Linux then ignores TCP_KEEPCNT, and a single keepalive that is
// lost, or whose answer takes a second, would end the connection. So it is taken back before the
// first one.
void Connection::expect_acknowledgement() {
  if (acknowledged_at_ != TimePoint::max()) return;
  acknowledged_at_ = now() + kAcknowledgedAfter;
  set_option(IPPROTO_TCP, TCP_USER_TIMEOUT,
             ConnectionRules::dead_after() / std::chrono::milliseconds(1));
  owner_.want_time(deadline());
}

bool Connection::unacknowledged() const {
  uv_os_fd_t fd = -1;
  int bytes = 0;
  uv_fileno(reinterpret_cast<const uv_handle_t*>(&tcp_), &fd);
  return writing_ || (::ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0);
}

void Connection::look_for_acknowledgement(TimePoint at) {
  if (wrote_at_ + kAcknowledgedAfter > at || unacknowledged()) {
    acknowledged_at_ = at + kAcknowledgedAfter;
    return;
  }
  acknowledged_at_ = TimePoint::max();
  set_option(IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
}

bool Connection::secure() {
  switch (tls_->handshake()) {
    case TlsStream::Outcome::done:
      break;
    case TlsStream::Outcome::starved:
      owner_.want_flush(*this);
      return false;
    default: {
      const auto failure = tls_->failure();
      const bool wrong_key = failure == TlsStream::Failure::wrong_key;
      ++(wrong_key ? owner_.stats.peers_wrong_key : owner_.stats.handshakes_failed);
      close(wrong_key                                ? Unreachable::wrong_key
            : failure == TlsStream::Failure::foreign ? Unreachable::foreign
                                                     : Unreachable::misbehaved);
      return false;
    }
  }
  if (tls_->peer_key() == owner_.tls.own_key()) {
    ++owner_.stats.peers_wrong_key;
    owner_.on_own_key(*this);
    // What the handshake still has to send goes out, so that the other end learns of this as well.
    close(Unreachable::wrong_key);
    return false;
  }
  phase_ = Phase::greeting;
  check(tls_->write(owner_.hello));
  owner_.want_flush(*this);
  if (dialled_) owner_.on_secured(*this);
  return phase_ != Phase::gone;
}

bool Connection::greet(ByteView payload) {
  const auto hello = wire::decode_hello(payload);
  if (!hello || hello->version != wire::kVersion || hello->network != owner_.network) {
    ++owner_.stats.hellos_refused;
    close(Unreachable::foreign);
    return false;
  }
  phase_ = Phase::open;
  used_at_ = now();
  reader_.set_max(owner_.limits.frame_bytes);
  owner_.want_time(deadline());
  owner_.on_hello(*this, *hello);
  return phase_ != Phase::gone;
}

// ---- Reading

void Connection::update_reading() {
  const bool want = !paused();
  if (want == reading_) return;
  reading_ = want;
  if (!want) {
    uv_read_stop(stream());
    return;
  }
  // While we did not read, the peer could not finish its frame.
  if (in_frame_) frame_began_at_ = now();
  const int failed = uv_read_start(
      stream(),
      [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
        auto& shared = self(handle->data).owner_.uv_loop.impl().ciphertext;
        *buffer = uv_buf_init(shared.data(), shared.size());
      },
      [](uv_stream_t* from, ssize_t size, const uv_buf_t*) { self(from->data).on_read(size); });
  check(failed == 0);
}

void Connection::on_read(ssize_t size) {
  if (phase_ == Phase::gone || size == 0) return;
  if (size == UV_ETIMEDOUT) {
    ++owner_.stats.connections_dead;
    return close(Unreachable::timed_out);
  }
  if (size < 0) return on_end_of_stream(size == UV_EOF);
  heard_at_ = now();
  heard_any_ = true;
  const auto& shared = owner_.uv_loop.impl().ciphertext;
  tls_->feed(view_of(std::string_view(shared.data(), static_cast<std::size_t>(size))));
  process();
  tls_->keep();
}

void Connection::on_end_of_stream(bool orderly) {
  if (orderly && heard_last_ && said_last_ && !writing_ && tls_->output().empty()) {
    return close(std::nullopt);
  }
  if (phase_ != Phase::open) ++owner_.stats.handshakes_failed;
  if (phase_ == Phase::open && in_frame_) ++owner_.stats.frames_bad;
  close(Unreachable::closed);
}

void Connection::process() {
  if (phase_ == Phase::securing && !secure()) return;
  auto& plaintext = owner_.uv_loop.impl().plaintext;
  bool more = true;
  while (more && phase_ != Phase::gone && !paused()) {
    if (!inbox_.empty()) {
      const Bytes frame = std::move(inbox_.front());
      inbox_.pop_front();
      deliver(frame);
      continue;
    }
    std::size_t got = 0;
    switch (tls_->read(plaintext.data(), plaintext.size(), got)) {
      case TlsStream::Outcome::done:
        take(ByteView(plaintext.data(), got));
        break;
      case TlsStream::Outcome::starved:
        more = false;
        break;
      case TlsStream::Outcome::ended:
        more = false;
        on_peer_said_last();
        break;
      case TlsStream::Outcome::failed:
        ++(phase_ == Phase::open ? owner_.stats.frames_bad : owner_.stats.handshakes_failed);
        return close(Unreachable::misbehaved);
    }
  }
  if (phase_ != Phase::gone) update_reading();
}

void Connection::take(ByteView plaintext) {
  const auto fed =
      reader_.feed(plaintext, [this](ByteView payload) { return on_payload(payload); });
  if (phase_ == Phase::gone) return;
  if (!fed) {
    ++owner_.stats.frames_bad;
    return close(Unreachable::misbehaved);
  }
  const bool in_frame = reader_.in_frame();
  if (in_frame && !in_frame_) {
    frame_began_at_ = now();
    in_frame_ = true;
    owner_.want_time(deadline());
  }
}

bool Connection::on_payload(ByteView payload) {
  in_frame_ = false;
  if (phase_ == Phase::greeting) return greet(payload);
  if (paused() || !inbox_.empty()) {
    inbox_.push_back(to_bytes(payload));
  } else {
    deliver(payload);
  }
  return phase_ != Phase::gone;
}

void Connection::deliver(ByteView frame) {
  owner_.stats.bytes_received += frame.size();
  used_at_ = now();
  const std::size_t before = queued();
  owner_.on_frame(*this, frame);
  if (++delivered_ >= kFramesATurn) owner_.want_flush(*this);  // goes on in the next turn
  costly_ = queued() > before + frame.size();
}

void Connection::on_peer_said_last() {
  if (heard_last_) return;
  if (phase_ != Phase::open) {
    ++owner_.stats.handshakes_failed;
    return close(Unreachable::closed);
  }
  if (in_frame_) {
    ++owner_.stats.frames_bad;
    return close(Unreachable::misbehaved);
  }
  heard_last_ = true;
  if (!retired_) owner_.on_peer_retired(*this);
  finish_if_done();
}

// ---- Writing

std::size_t Connection::queued() const {
  const std::size_t encrypted = tls_ ? const_cast<TlsStream&>(*tls_).output().size() : 0;
  return queue_.bytes() + encrypted +
         (writing_ ? uv_stream_get_write_queue_size(reinterpret_cast<const uv_stream_t*>(&tcp_))
                   : 0);
}

bool Connection::paused() const {
  if (phase_ != Phase::open) return false;
  return delivered_ >= kFramesATurn ||
         (costly_ && !write_failed_ && queued() > owner_.limits.queued_bytes / 2);
}

bool Connection::idle() const {
  const bool receiving = in_frame_ && now() < frame_began_at_ + kFrameGrace;
  return open() && queued() == 0 && inbox_.empty() && !receiving && !write_failed_;
}

void Connection::enqueue(ByteView frame) {
  if (queue_.empty()) used_at_ = now();
  queue_.add(frame, spares());
  on_queued();
}

void Connection::enqueue(FrameQueue frames) {
  if (queue_.empty()) used_at_ = now();
  queue_.add(std::move(frames));
  on_queued();
}

void Connection::enqueue(FrameQueue::Batch frames) {
  if (queue_.empty()) used_at_ = now();
  queue_.add(std::move(frames));
  on_queued();
}

void Connection::on_queued() {
  if (queue_.bytes() >= FrameQueue::kBatch && wants_frames()) write_out();
  owner_.want_flush(*this);
}

void Connection::flush() {
  if (phase_ == Phase::gone) return;
  if (doom_) {
    if (dialled_) ++owner_.stats.dials_failed;
    return close(*doom_);
  }
  if (phase_ == Phase::connecting) return;
  delivered_ = 0;
  write_out();
  finish_if_done();
  if (!reading_ && !paused()) {
    process();
    tls_->keep();
  }
}

bool Connection::wants_frames() const {
  return (phase_ == Phase::open || (phase_ == Phase::greeting && dialled_)) && !said_last_;
}

bool Connection::encrypt_more() {
  if (!wants_frames()) return false;
  if (queue_.empty()) {
    if (!retired_) return false;
    tls_->shutdown();
    said_last_ = true;
    return !tls_->output().empty();
  }
  FrameQueue::Batch batch = queue_.take();
  owner_.stats.bytes_sent += batch.payload;
  used_at_ = wrote_at_ = now();
  expect_acknowledgement();
  if (!tls_->write(batch.netstrings)) write_failed_ = true;
  spares().give(batch.netstrings);
  return true;
}

void Connection::write_out() {
  Bytes& output = tls_->output();
  while (!writing_ && !write_failed_) {
    if (output.empty()) {
      if (!encrypt_more()) break;
      continue;
    }
    uv_buf_t buffer = uv_buf_init(reinterpret_cast<char*>(output.data()),
                                  static_cast<unsigned int>(output.size()));
    int taken = uv_try_write(stream(), &buffer, 1);
    if (taken == UV_EAGAIN) taken = 0;
    if (taken < 0) {
      // The peer is gone, but why may still be waiting to be read.
      write_failed_ = true;
      break;
    }
    const auto sent = static_cast<std::size_t>(taken);
    if (sent == output.size()) {
      output.clear();
      continue;
    }
    written_ = std::exchange(output, {});
    buffer = uv_buf_init(reinterpret_cast<char*>(written_.data() + sent),
                         static_cast<unsigned int>(written_.size() - sent));
    write_request_.data = this;
    const int failed =
        uv_write(&write_request_, stream(), &buffer, 1,
                 [](uv_write_t* request, int status) { self(request->data).on_written(status); });
    writing_ = failed == 0;
    write_failed_ = failed != 0;
    unwritten_seen_ = uv_stream_get_write_queue_size(stream());
  }
  if (output.empty()) spares().give(output);
  if (!writing_) spares().give(written_);
  if (!writing_ && !write_failed_) return;
  progress_at_ = now();
  owner_.want_time(deadline());
}

void Connection::on_written(int status) {
  writing_ = false;
  spares().give(written_);
  if (phase_ == Phase::gone) return;
  if (status != 0) write_failed_ = true;
  progress_at_ = now();
  flush();
  if (phase_ != Phase::gone) owner_.want_flush(*this);  // more may wait for room here
}

void Connection::finish_if_done() {
  if (phase_ == Phase::gone || fin_sent_ || !said_last_ || !heard_last_ || writing_) return;
  if (!tls_->output().empty()) return;
  fin_sent_ = true;
  uv_shutdown(&shutdown_request_, stream(), [](uv_shutdown_t*, int) {});
}

// ---- Ending

void Connection::retire() {
  if (retired_ || phase_ == Phase::gone) return;
  check(phase_ == Phase::open);
  retired_ = true;
  retired_at_ = now();
  owner_.want_time(deadline());
  owner_.want_flush(*this);
}

void Connection::retire_at(TimePoint when) {
  retire_due_ = std::min(retire_due_, when);
  owner_.want_time(retire_due_);
}

void Connection::close(std::optional<Unreachable> why) {
  if (phase_ == Phase::gone) return;
  // The peer may still have use for an alert or a hello.
  if (phase_ != Phase::connecting && !writing_ && !tls_->output().empty()) {
    const Bytes& output = tls_->output();
    const uv_buf_t last =
        uv_buf_init(const_cast<char*>(reinterpret_cast<const char*>(output.data())),
                    static_cast<unsigned int>(output.size()));
    uv_try_write(stream(), &last, 1);
  }
  phase_ = Phase::gone;
  uv_close(reinterpret_cast<uv_handle_t*>(&tcp_), [](uv_handle_t* handle) {
    Connection& closed = self(handle->data);
    closed.owner_.on_closed(closed);
  });
  owner_.on_gone(*this, why);
}

void Connection::close_after_writing() {
  if (phase_ == Phase::greeting || phase_ == Phase::open) write_out();
  close(Unreachable::closed);
}

TimePoint Connection::frame_deadline() const {
  // Half the time for free, the other half only at the minimum rate.
  const auto& options = owner_.options;
  Duration allowed = options.frame_timeout;
  if (options.min_rate > 0) {
    const std::chrono::milliseconds earned(reader_.buffered() * 1000 / options.min_rate);
    allowed = std::min<Duration>(allowed, allowed / 2 + earned);
  }
  return frame_began_at_ + allowed;
}

TimePoint Connection::deadline() const {
  const auto& options = owner_.options;
  TimePoint due = TimePoint::max();
  const auto at_most = [&due](TimePoint limit) { due = std::min(due, limit); };
  if (phase_ == Phase::connecting) at_most(began_at_ + options.dial_timeout);
  if (phase_ == Phase::securing || phase_ == Phase::greeting) {
    at_most(began_at_ + options.handshake_timeout);
  }
  if (phase_ == Phase::open) {
    if (retired_) {
      at_most(retired_at_ + options.handshake_timeout);
    } else {
      at_most(std::min(used_at_ + options.idle_timeout, retire_due_));
    }
    if (reading_ && in_frame_) at_most(frame_deadline());
  }
  if (writing_ || write_failed_) at_most(progress_at_ + options.write_timeout);
  at_most(acknowledged_at_);
  return due;
}

void Connection::on_time(TimePoint at) {
  if (phase_ == Phase::gone || at < deadline()) return;
  const auto& options = owner_.options;
  Stats& stats = owner_.stats;
  if (phase_ == Phase::connecting) {
    ++stats.dials_failed;
    return close(Unreachable::timed_out);
  }
  if (at >= acknowledged_at_) look_for_acknowledgement(at);
  if (phase_ != Phase::open && at >= began_at_ + options.handshake_timeout) {
    ++(phase_ == Phase::securing ? stats.handshakes_failed : stats.peers_slow);
    return close(Unreachable::timed_out);
  }
  if (retired_ && at >= retired_at_ + options.handshake_timeout) return close(Unreachable::closed);
  if (phase_ == Phase::open && reading_ && in_frame_ && at >= frame_deadline()) {
    ++stats.peers_slow;
    return close(Unreachable::misbehaved);
  }
  if ((writing_ || write_failed_) && at >= progress_at_ + options.write_timeout) {
    const std::size_t unwritten = uv_stream_get_write_queue_size(stream());
    if (write_failed_ || unwritten >= unwritten_seen_) {
      if (!write_failed_) ++stats.peers_unread;
      return close(Unreachable::timed_out);
    }
    unwritten_seen_ = unwritten;
    progress_at_ = at;
  }
  if (phase_ == Phase::open && !retired_ &&
      at >= std::min(used_at_ + options.idle_timeout, retire_due_)) {
    retire_due_ = TimePoint::max();
    owner_.on_overdue(*this);
  }
}

}  // namespace kadmos
