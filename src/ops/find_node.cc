// find_node: the k closest live nodes to a target. Refreshing a bucket is this verb too.
#include "ops/requests.h"
#include "ops/walk.h"

namespace kadmos {
namespace {

class FindNodeOp final : public Operation {
 public:
  FindNodeOp(const OpEnv& env, const Id& target)
      : walk_(env, target, env.config.k, wire::FindNode{target}) {}

  void start(Now now) override { walk_.start(now); }
  std::optional<Action> poll_action(Now now) override { return walk_.poll_action(now); }
  void on_answer(Now now, const ContactHold& from, wire::Body& reply) override {
    walk_.on_answer(now, from, reply);
  }
  void on_slow(Now now, const ContactHold& from) override { walk_.on_slow(now, from); }
  void on_given_up(Now, const ContactHold& from) override { walk_.on_given_up(from); }
  void on_failed(Now now, const ContactHold& from, Outcome outcome,
                 const std::string& detail) override {
    walk_.on_failed(now, from, outcome, detail);
  }

  std::optional<OpResult> poll_result(Now now) override {
    if (!walk_.lookup().done()) return std::nullopt;
    if (walk_.lookup().asked() > 0 && walk_.lookup().answered_count() == 0) {
      return OpResult(Result<Closest>(walk_.nobody(name())));
    }
    return OpResult(Result<Closest>(walk_.closest(now)));
  }
  OpResult end(Now now, Errc code) override {
    walk_.lookup().give_up_slow();
    if (code == Errc::timeout) {
      if (auto result = poll_result(now)) return *std::move(result);
    }
    return Result<Closest>(
        walk_.error(code, name(), "the search for the closest nodes ended early"));
  }

 private:
  std::string name() const { return "find_node " + walk_.lookup().target().short_hex(); }

  Walk walk_;
};

}  // namespace

std::unique_ptr<Operation> make_operation(const OpEnv& env, FindNodeRequest request) {
  return std::make_unique<FindNodeOp>(env, request.target);
}

}  // namespace kadmos
