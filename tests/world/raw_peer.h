// A peer without a node: a test decides every frame it sends.
#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "simulations/world.h"
#include "wire/codec.h"

namespace kadmos::sim {

class RawPeer final : public TransportListener {
 public:
  // Called for each request; what it gives is sent as the reply.
  using Answer = std::function<std::optional<wire::Body>(const Peer& from, const wire::Message&)>;

  explicit RawPeer(World& world, Answer answer = {}, const Config& config = {})
      : answer_(std::move(answer)), world_(world), index_(world.add_raw(*this, config)) {}

  NodeIndex index() const { return index_; }
  Contact contact() const { return world_.contact(index_); }
  void set_answer(Answer answer) { answer_ = std::move(answer); }

  void send(const Contact& to, ByteView frame) { world_.transport(index_).send(to, frame); }
  void send(const Contact& to, const wire::Message& message) { send(to, wire::encode(message)); }

  // Requests that arrived, oldest first.
  const std::vector<std::pair<Peer, wire::Message>>& requests() const { return requests_; }
  template <class Body>
  std::size_t count() const {
    std::size_t n = 0;
    for (const auto& [from, message] : requests_) {
      n += std::holds_alternative<Body>(message.body) ? 1U : 0U;
    }
    return n;
  }
  const std::vector<wire::Message>& replies() const { return replies_; }
  std::size_t times_closed() const { return times_closed_; }

  void on_frame(const Peer& from, ByteView frame) override {
    auto message = wire::decode(frame, Limits{});
    if (!message) return;
    if (!wire::is_request(message->body)) {
      replies_.push_back(*std::move(message));
      return;
    }
    requests_.emplace_back(from, *message);
    if (!answer_) return;
    if (auto body = answer_(from, *message)) {
      send(from.contact, wire::Message{message->request, *std::move(body)});
    }
  }
  void on_reached(const Bootstrap&, const Peer&) override {}
  void on_probe_failed(const Bootstrap&, Unreachable) override {}
  void on_unreachable(const PublicKey&, Unreachable) override { ++times_closed_; }

 private:
  Answer answer_;
  World& world_;
  NodeIndex index_;
  std::vector<std::pair<Peer, wire::Message>> requests_;
  std::vector<wire::Message> replies_;
  std::size_t times_closed_ = 0;
};

// What an honest peer that knows nobody and holds nothing would answer.
inline std::optional<wire::Body> polite(const Peer&, const wire::Message& message) {
  if (std::holds_alternative<wire::Ping>(message.body)) return wire::Pong{};
  if (const auto* store = std::get_if<wire::Store>(&message.body)) {
    return wire::Stored{wire::StoreStatus::durable, store->record.sequence};
  }
  if (std::holds_alternative<wire::FindProviders>(message.body)) return wire::Providers{};
  return wire::Nodes{};
}

}  // namespace kadmos::sim
