// hand_over: a node that is about to leave gives the nodes that will be among the k nearest to its
// keys, once it is gone, what they lack. With each neighbour it compares the ranges of the keys of
// which it is one of the k nearest and the neighbour one of the k + 1 nearest; who lacks nothing
// costs one question. All neighbours at once, since there is little time: each is a sync of its
// own. Where a neighbour is one of more nodes than are known, another may be nearer; a copy in the
// second-best place is better than none, and comparing moves it on.
#include <algorithm>
#include <vector>

#include "ops/requests.h"
#include "routing/region.h"

namespace kadmos {
namespace {

class HandOverOp final : public Operation {
 public:
  explicit HandOverOp(const OpEnv& env) : env_(env) {}

  void start(Now now) override {
    started_ = now.at;
    if (env_.config.client || env_.store.usage().records == 0) return;
    const Id& self = env_.identity.id();
    const int k = env_.config.k;
    const auto known = env_.table.census();
    for (const ContactRef ref : env_.table.closest_healthy(self, neighbourhood(k))) {
      const Id id = env_.book.id(ref);
      auto ranges = shared_ranges({self, k}, {id, k + 1}, known, kSharedRanges);
      if (ranges.empty()) continue;
      heirs_.push_back({ContactHold(env_.book, ref),
                        make_operation(env_, SyncRequest{env_.book.contact(ref), ranges})});
      heirs_.back().sync->start(now);
    }
  }

  std::optional<Action> poll_action(Now now) override {
    for (Heir& heir : heirs_) {
      if (!heir.sync) continue;
      if (auto action = heir.sync->poll_action(now)) return action;
    }
    return std::nullopt;
  }
  void on_answer(Now now, const ContactHold& from, wire::Body& reply) override {
    if (Operation* sync = sync_with(from)) sync->on_answer(now, from, reply);
  }
  void on_failed(Now now, const ContactHold& from, Outcome outcome,
                 const std::string& detail) override {
    if (Operation* sync = sync_with(from)) sync->on_failed(now, from, outcome, detail);
  }

  std::optional<OpResult> poll_result(Now now) override {
    bool ended = true;
    for (Heir& heir : heirs_) {
      if (!heir.sync) continue;
      const auto result = heir.sync->poll_result(now);
      if (!result) {
        ended = false;
        continue;
      }
      if (std::get<Result<Synced>>(*result)) ++complete_;
      heir.sync.reset();
    }
    if (!ended) return std::nullopt;
    return outcome(now);
  }
  OpResult end(Now now, Errc code) override {
    if (code == Errc::timeout) return outcome(now);  // it tells how far it came
    Error error(code, "ended early");
    error.operation = "hand over";
    return Result<HandedOver>(std::move(error));
  }

 private:
  struct Heir {
    ContactHold peer;
    std::unique_ptr<Operation> sync;  // null once it has ended
  };

  OpResult outcome(Now now) const {
    return Result<HandedOver>(
        HandedOver{static_cast<int>(heirs_.size()), complete_, now.at - started_});
  }

  Operation* sync_with(const ContactHold& peer) {
    const auto it = std::ranges::find_if(
        heirs_, [&](const Heir& heir) { return heir.peer.ref() == peer.ref(); });
    return it == heirs_.end() ? nullptr : it->sync.get();
  }

  const OpEnv& env_;
  TimePoint started_{};
  std::vector<Heir> heirs_;
  int complete_ = 0;
};

}  // namespace

std::unique_ptr<Operation> make_operation(const OpEnv& env, HandOverRequest) {
  return std::make_unique<HandOverOp>(env);
}

}  // namespace kadmos
