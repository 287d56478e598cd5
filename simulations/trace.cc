#include "simulations/trace.h"

#include <algorithm>
#include <map>

#include "kadmos/identity.h"
#include "wire/codec.h"

namespace kadmos::sim {

namespace {

class Watch {
 public:
  Watch(World& world, Trace& out) : world_(world), out_(out), began_(world.now()) {
    world.network().on_send([this](NodeIndex from, const Contact& to, ByteView frame, bool open) {
      if (from == out_.from) on_send(to, frame, open);
    });
    world.on_frame([this](NodeIndex from, NodeIndex to, ByteView frame) {
      if (from == out_.from) on_arrival(to, frame);
      if (to == out_.from) on_answer(from, frame);
    });
  }
  ~Watch() {
    world_.network().on_send({});
    world_.on_frame({});
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  Duration since() const { return world_.now() - began_; }

  void on_send(const Contact& to, ByteView frame, bool open) {
    const auto message = wire::decode(frame, limits_);
    if (!message) return;
    const auto* nodes = std::get_if<wire::FindNode>(&message->body);
    const auto* value = std::get_if<wire::FindValue>(&message->body);
    if ((nodes == nullptr || nodes->target != out_.target) &&
        (value == nullptr || value->key != out_.target)) {
      return;
    }
    TracedRequest request;
    request.peer = to;
    request.node = world_.index_of(to.key);
    request.asked = since();
    request.open = open;
    request.shared_bits = shared_prefix(id_of(to.key), out_.target);
    by_number_[message->request] = out_.requests.size();
    out_.requests.push_back(std::move(request));
  }

  // The request that a message between the two nodes belongs to.
  TracedRequest* find(NodeIndex peer, std::uint64_t number) {
    const auto found = by_number_.find(number);
    if (found == by_number_.end()) return nullptr;
    TracedRequest& request = out_.requests[found->second];
    return request.node == peer ? &request : nullptr;
  }

  void on_arrival(NodeIndex peer, ByteView frame) {
    const auto message = wire::decode(frame, limits_);
    if (!message) return;
    TracedRequest* request = find(peer, message->request);
    if (request != nullptr && !request->arrived) request->arrived = since();
  }

  void on_answer(NodeIndex peer, ByteView frame) {
    const auto message = wire::decode(frame, limits_);
    if (!message) return;
    TracedRequest* request = find(peer, message->request);
    if (request == nullptr || request->answered) return;
    if (const auto* nodes = std::get_if<wire::Nodes>(&message->body)) {
      request->contacts = nodes->contacts.size();
      request->record = nodes->record.has_value();
    } else if (const auto* failure = std::get_if<wire::Failure>(&message->body)) {
      request->failure = failure->detail.empty() ? "refused" : failure->detail;
    } else {
      return;
    }
    request->answered = since();
    const Id id = id_of(request->peer.key);
    if (request->failure.empty() && (!nearest_ || closer(out_.target, id, *nearest_))) {
      request->closest = true;
      nearest_ = id;
    }
  }

  World& world_;
  Trace& out_;
  TimePoint began_;
  Limits limits_;
  std::map<std::uint64_t, std::size_t> by_number_;
  std::optional<Id> nearest_;
};

}  // namespace

Trace trace(World& world, NodeIndex from, const Key& target, bool get) {
  Trace out;
  out.target = target;
  out.from = from;
  out.get = get;
  Node& node = world.node(from);
  const auto k = static_cast<std::size_t>(node.config().k);
  out.truth = world.closest_running(target, k + 1);
  std::erase(out.truth, from);
  out.truth.resize(std::min(out.truth.size(), k));
  const std::uint64_t slow = node.stats().requests_slow;
  {
    const TimePoint began = world.now();
    const Watch watch(world, out);
    if (get) {
      const auto found = world.run_until(node.get(target));
      if (found) {
        out.hops = found->hops;
        out.local = found->local;
        out.content = found->record.type == RecordType::content;
      } else {
        out.error = found.error();
      }
    } else {
      const auto closest = world.run_until(node.find_node(target));
      if (closest) {
        out.hops = closest->hops;
      } else {
        out.error = closest.error();
      }
    }
    out.elapsed = world.now() - began;
  }
  out.slow = node.stats().requests_slow - slow;
  for (const NodeIndex i : out.truth) {
    out.found.push_back(std::ranges::any_of(out.requests, [&](const TracedRequest& request) {
      return request.node == i && request.answered && request.failure.empty();
    }));
  }
  return out;
}

}  // namespace kadmos::sim
