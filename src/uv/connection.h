// One TCP connection with one peer: TLS, hello, frames both ways, and every deadline. It knows
// nothing of other connections; its owner, the transport, decides who gets which frame.
//
// Life:  connecting → securing (TLS) → greeting (hellos cross) → open → gone. An inbound connection
// begins at securing. The dialling side writes frames from greeting on, since it has proved whom it
// dialled; both read frames only after the peer's hello was accepted.
//
// Retiring closes an open connection without losing a frame in either direction:
//   1. whoever will write no more says so (TLS close_notify) after its last frame, and reads on;
//   2. whoever hears that stops writing and says the same;
//   3. whoever has said and heard it sends TCP's FIN and closes when the peer's FIN arrives.
// So close_notify means "I still read what you have sent". A connection that ends in any other way
// ends unclean, and its owner reports that frames may be lost.
//
// Back-pressure: while more than half of Limits::queued_bytes waits to be written, the first frame
// that makes us queue more than it brought is the last one read. (Stopping for every frame would
// let two peers that send each other much wait for each other for ever.) Nor are more than a few
// frames of one connection delivered in a turn of the loop, so that all are served by turns.
#pragma once

#include <uv.h>

#include <list>
#include <optional>
#include <utility>

#include "kadmos/seams.h"
#include "kadmos/uv.h"
#include "uv/frame_queue.h"
#include "uv/loop.h"
#include "uv/tls.h"
#include "wire/messages.h"
#include "wire/netstring.h"

namespace kadmos {

class Connection;

// What a connection needs from the transport, and what it tells it. No event is raised from inside
// dial(), enqueue(), retire() or the constructor.
class ConnectionOwner {
 public:
  ConnectionOwner(UvLoop& loop, const Identity& identity, const Config& config,
                  TransportOptions transport_options)
      : uv_loop(loop),
        network(config.network),
        limits(config.limits),
        groups(config.groups),
        options(std::move(transport_options)),
        tls(identity) {}
  virtual ~ConnectionOwner() = default;

  // The dialled peer proved its key; frames may be queued from now on.
  virtual void on_secured(Connection& connection) = 0;
  // The peer proved this node's own key. The connection is closed when this returns.
  virtual void on_own_key(Connection& connection) = 0;
  // The peer's hello was accepted: the connection is open.
  virtual void on_hello(Connection& connection, const wire::Hello& hello) = 0;
  virtual void on_frame(Connection& connection, ByteView frame) = 0;
  // The peer will send no more. The owner must retire the connection in turn.
  virtual void on_peer_retired(Connection& connection) = 0;
  // Unused for too long, or due by retire_at().
  virtual void on_overdue(Connection& connection) = 0;
  // The end, once. Nothing: a clean one.
  virtual void on_gone(Connection& connection, std::optional<Unreachable> why) = 0;
  // The socket is closed; the owner deletes the connection.
  virtual void on_closed(Connection& connection) = 0;
  // Asks for a flush() before the loop waits next.
  virtual void want_flush(Connection& connection) = 0;
  // Asks for an on_time() at `when`.
  virtual void want_time(TimePoint when) = 0;

  UvLoop& uv_loop;
  const std::string network;
  const Limits limits;
  const AddressGroups groups;
  const TransportOptions options;
  const TlsContext tls;
  Bytes hello;  // what every connection says of this node
  Stats stats;
};

class Connection {
 public:
  enum class Phase : Byte { connecting, securing, greeting, open, gone };

  explicit Connection(ConnectionOwner& owner) : owner_(owner), reader_(owner.limits.hello_bytes) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  // One of the two, once, first.
  void dial(const Endpoint& remote, std::optional<PublicKey> expected);
  void accept(uv_stream_t* server);

  // Queues a copy of a frame, or frames; the caller keeps queued() within Limits::queued_bytes.
  void enqueue(ByteView frame);
  void enqueue(FrameQueue frames);
  void enqueue(FrameQueue::Batch frames);
  // Has its owner look, in the next turn, whether more can be queued.
  void want_room() { owner_.want_flush(*this); }
  // Takes back what was queued and not yet encrypted.
  FrameQueue take_queue() { return std::exchange(queue_, {}); }
  // Writes what is queued as far as the kernel takes it.
  void flush();
  // Begins to retire, see above. What is queued still goes.
  void retire();
  // Has on_overdue raised at `when`.
  void retire_at(TimePoint when);
  void on_time(TimePoint now);
  TimePoint deadline() const;
  // Ends it now, in whatever phase; on_gone is raised before it returns.
  void close(std::optional<Unreachable> why);
  // The same, after writing what is queued as far as the kernel takes it.
  void close_after_writing();

  Phase phase() const { return phase_; }
  bool open() const { return phase_ == Phase::open && !retired_; }
  bool dialled() const { return dialled_; }
  bool retired() const { return retired_; }
  const Endpoint& remote() const { return remote_; }
  // Meaningful from greeting on.
  const PublicKey& peer_key() const { return tls_->peer_key(); }
  ByteArray<SSL3_RANDOM_SIZE> client_random() const { return tls_->client_random(); }
  // Frames that are enqueued now will be written.
  bool carries() const { return wants_frames() && !write_failed_; }
  // Whether the peer's kernel has yet to acknowledge what was written.
  bool unacknowledged() const;
  // Bytes that wait to be written.
  std::size_t queued() const;
  // Open, with nothing on its way either way that this end knows of; a frame that is on its way for
  // longer than kFrameGrace does not count.
  bool idle() const;
  // A frame is on its way in.
  bool receiving() const { return in_frame_; }
  // Nothing came from the peer yet.
  bool silent() const { return !heard_any_; }
  // Whether it ended without the peer saying so while frames were young: they may be lost.
  bool frames_at_risk() const { return wrote_at_ + owner_.options.write_timeout > retired_at_; }
  TimePoint began_at() const { return began_at_; }
  TimePoint used_at() const { return used_at_; }
  TimePoint heard_at() const { return heard_at_; }
  TimePoint retired_since() const { return retired_at_; }

 private:
  void begin_securing();
  void set_option(int level, int name, std::int64_t value);
  void notice_death();
  void expect_acknowledgement();
  void look_for_acknowledgement(TimePoint at);
  void on_connected(int status);
  void on_read(ssize_t size);
  void on_written(int status);
  void on_end_of_stream(bool orderly);
  void on_peer_said_last();

  void process();
  bool secure();
  void take(ByteView plaintext);
  bool on_payload(ByteView payload);
  bool greet(ByteView payload);
  void deliver(ByteView frame);

  void on_queued();
  void write_out();
  bool encrypt_more();
  void finish_if_done();
  bool paused() const;
  void update_reading();
  bool wants_frames() const;
  TimePoint frame_deadline() const;
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp_); }
  Spares& spares() { return owner_.uv_loop.impl().spares; }
  TimePoint now() const { return owner_.uv_loop.now(); }

  ConnectionOwner& owner_;
  Phase phase_ = Phase::connecting;
  bool dialled_ = false;
  Endpoint remote_;
  std::optional<TlsStream> tls_;
  wire::NetstringReader reader_;

  uv_tcp_t tcp_{};
  uv_connect_t connect_request_{};
  uv_write_t write_request_{};
  uv_shutdown_t shutdown_request_{};

  FrameQueue queue_;  // not yet encrypted
  Bytes written_;     // what write_request_ points into
  bool writing_ = false;
  bool write_failed_ = false;  // the reason is still to be read
  std::size_t unwritten_seen_ = 0;

  bool reading_ = false;
  std::list<Bytes> inbox_;  // frames that arrived in one piece with the one that paused reading
  int delivered_ = 0;       // frames since the last flush
  bool costly_ = false;     // the last frame made us queue more than it brought
  bool in_frame_ = false;

  std::optional<Unreachable> doom_;  // dialling failed at once; the next flush reports it
  bool retired_ = false;
  bool said_last_ = false;
  bool heard_last_ = false;
  bool fin_sent_ = false;

  TimePoint began_at_{};
  TimePoint used_at_{};
  TimePoint heard_at_{};
  bool heard_any_ = false;
  TimePoint wrote_at_ = TimePoint::min();
  TimePoint frame_began_at_{};
  TimePoint acknowledged_at_ = TimePoint::max();  // else TCP_USER_TIMEOUT is in force
  TimePoint progress_at_{};
  TimePoint retired_at_{};
  TimePoint retire_due_ = TimePoint::max();
};

}  // namespace kadmos
