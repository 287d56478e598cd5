// ping: proves that somebody lives at an endpoint, and who.
#include "ops/requests.h"

namespace kadmos {
namespace {

class PingOp final : public Operation {
 public:
  explicit PingOp(const Bootstrap& where) : where_(where) {}

  void start(Now now) override { started_ = now.at; }
  std::optional<Action> poll_action(Now) override {
    if (sent_) return std::nullopt;
    sent_ = true;
    return Action(Probe{where_});
  }
  void on_answer(Now, const ContactHold&, wire::Body&) override {}
  void on_failed(Now, const ContactHold&, Outcome, const std::string&) override {}
  void on_probed(Now now, const Bootstrap&, const Result<Peer>& peer) override {
    if (peer) {
      result_.emplace(Pong{peer->contact, now.at - started_});
    } else {
      Error error = peer.error();
      error.operation = name();
      result_.emplace(std::move(error));
    }
  }

  std::optional<OpResult> poll_result(Now) override {
    if (!result_) return std::nullopt;
    return OpResult(*std::move(result_));
  }
  OpResult end(Now, Errc code) override {
    Error error(code, "no answer from " + where_.endpoint.text());
    error.operation = name();
    return Result<Pong>(std::move(error));
  }

 private:
  std::string name() const { return "ping " + where_.endpoint.text(); }

  Bootstrap where_;
  bool sent_ = false;
  TimePoint started_{};
  std::optional<Result<Pong>> result_;
};

}  // namespace

std::unique_ptr<Operation> make_operation(const OpEnv&, PingRequest request) {
  return std::make_unique<PingOp>(request.where);
}

}  // namespace kadmos
