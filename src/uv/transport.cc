// make_tls_transport: the Transport that owns a switchboard.
#include "uv/switchboard.h"

namespace kadmos {
namespace {

class TlsTransport final : public Transport {
 public:
  explicit TlsTransport(Switchboard* switchboard) : switchboard_(switchboard) {}
  TlsTransport(const TlsTransport&) = delete;
  TlsTransport& operator=(const TlsTransport&) = delete;
  ~TlsTransport() override { switchboard_->release(); }

  Result<void> start(TransportListener& listener) override { return switchboard_->start(listener); }
  void send(const Contact& to, ByteView frame) override { switchboard_->send(to, frame); }
  void answer(const PublicKey& to, ConnectionId over, ByteView frame) override {
    switchboard_->answer(to, over, frame);
  }
  void dial(const Contact& to) override { switchboard_->dial(to); }
  void probe(const Bootstrap& where) override { switchboard_->probe(where); }
  void drop(const PublicKey& peer) override { switchboard_->drop(peer); }
  Endpoints listening() const override { return switchboard_->listening(); }
  void add_stats(Stats& stats) const override { switchboard_->add_stats(stats); }
  void close() override { switchboard_->close(); }

 private:
  Switchboard* switchboard_;
};

}  // namespace

std::unique_ptr<Transport> make_tls_transport(UvLoop& loop, const Identity& identity,
                                              const Config& config, TransportOptions options) {
  return std::make_unique<TlsTransport>(
      new Switchboard(loop, identity, config, std::move(options)));
}

}  // namespace kadmos
