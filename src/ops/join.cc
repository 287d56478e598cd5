// join: probes the ways into the network, alpha at a time, and from the first that answers searches
// for the own id, so that the neighbours get to know each other. Ways that are slow to answer are
// not waited for once the search is done. Where another node answers than this one has
// met there, that one is a way in as well: nodes may have exchanged their addresses.
#include <algorithm>

#include "ops/requests.h"
#include "ops/walk.h"

namespace kadmos {
namespace {

class JoinOp final : public Operation {
 public:
  JoinOp(const OpEnv& env, JoinRequest request)
      : env_(env),
        bootstrap_(std::move(request.bootstrap)),
        told_(std::min(request.told, bootstrap_.size())),
        walk_(env, env.identity.id(), env.config.k, wire::FindNode{env.identity.id()}) {}

  void start(Now now) override {
    walk_.start(now);
    walking_ = !env_.table.empty();
  }

  std::optional<Action> poll_action(Now now) override {
    const bool more =
        next_ < bootstrap_.size() && probing_ < env_.config.alpha && reached_ < env_.config.k;
    if (more) {
      ++probing_;
      return Action(Probe{bootstrap_[next_++]});
    }
    return walk_.poll_action(now);
  }

  void on_probed(Now now, const Bootstrap& where, const Result<Peer>& peer) override {
    --probing_;
    if (peer) {
      ++reached_;
      walking_ = true;
      if (!peer->client) walk_.add(now, peer->contact);
      return;
    }
    failures_.push_back(peer.error());
    failures_.back().operation = "probe " + where.endpoint.text();
    const auto told_end = bootstrap_.begin() + static_cast<std::ptrdiff_t>(told_);
    const bool told = std::find(bootstrap_.begin(), told_end, where) != told_end;
    if (where.key && !told && peer.error().code == Errc::verification_failed) {
      bootstrap_.push_back({where.endpoint, std::nullopt});
    }
  }
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
    const bool waiting = probing_ > 0 || next_ < bootstrap_.size();
    if (walking_ && walk_.lookup().done() && (walk_.lookup().answered_count() > 0 || !waiting)) {
      return OpResult(closest(now));
    }
    if (!walking_ && !waiting) {
      if (bootstrap_.empty()) return OpResult(closest(now));  // a network of one
      Error error = walk_.error(
          Errc::unreachable, "join",
          "none of the " + std::to_string(bootstrap_.size()) + " ways into the network answered");
      error.causes = failures_;
      return OpResult(Result<Closest>(std::move(error)));
    }
    return std::nullopt;
  }
  // Whom it has heard will do for a beginning: the search for the own id is repeated.
  OpResult end(Now now, Errc code) override {
    if (code == Errc::timeout && walk_.lookup().answered_count() > 0) return closest(now);
    Error error = walk_.error(code, "join", "the network was not entered in time");
    error.causes = failures_;
    return Result<Closest>(std::move(error));
  }

 private:
  Result<Closest> closest(Now now) const {
    if (walk_.lookup().asked() > 0 && walk_.lookup().answered_count() == 0) {
      return walk_.nobody("join");
    }
    return walk_.closest(now);
  }

  const OpEnv& env_;
  std::vector<Bootstrap> bootstrap_;
  std::size_t told_;  // the first of them
  std::size_t next_ = 0;
  int probing_ = 0;
  int reached_ = 0;
  bool walking_ = false;
  std::vector<Error> failures_;
  Walk walk_;
};

}  // namespace

std::unique_ptr<Operation> make_operation(const OpEnv& env, JoinRequest request) {
  return std::make_unique<JoinOp>(env, std::move(request));
}

}  // namespace kadmos
