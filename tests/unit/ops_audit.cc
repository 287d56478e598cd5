// audit: whom it tells of, what it believes, whom it waits for, and what it mends.
#include <doctest/doctest.h>

#include "support/named_peers.h"

using namespace kadmos;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Host = Drive::Host;

namespace {

struct Auditing : NamedPeers {
  explicit Auditing(bool client = true) : NamedPeers(config(client)) {}
  static Config config(bool client) {
    Config out = Drive::config();
    out.client = client;
    return out;
  }
  Result<Audit> audit(bool repair = false, Duration timeout = seconds(10)) {
    return net.run<Audit>(a, AuditRequest{key, repair}, timeout);
  }
  const Replica& of(const Audit& audit, Host host) const {
    for (const Replica& one : audit.replicas) {
      if (one.state.peer == net.contact(host)) return one;
    }
    FAIL("not told of");
    return audit.replicas.front();
  }
  Outcome state(const Audit& audit, std::size_t place) const {
    return of(audit, peer(place)).state.outcome;
  }
};

}  // namespace

TEST_CASE("audit tells of the k nearest by distance with what each holds") {
  Auditing f;
  f.held[f.peer(0)] = f.version(2, "newer");
  f.held[f.peer(1)] = f.version(1);
  f.held[f.peer(3)] = f.version(2, "newer");
  const auto audit = f.audit();
  REQUIRE(audit.ok());
  CHECK(audit->key == f.key);
  CHECK(audit->newest == f.version(2, "newer"));
  CHECK(audit->target == 4);
  CHECK(audit->quorum == 3);
  CHECK(audit->holding == 2);
  CHECK(audit->elsewhere == 0);
  REQUIRE(audit->replicas.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(audit->replicas[i].state.peer == f.net.contact(f.peer(i)));
    CHECK(audit->replicas[i].rank == static_cast<int>(i) + 1);
    CHECK_FALSE(audit->replicas[i].repair.has_value());
  }
  CHECK(f.state(*audit, 0) == Outcome::found);
  CHECK(audit->replicas[0].newest);
  CHECK(audit->replicas[0].expiry == f.version(2).expiry);
  CHECK(f.state(*audit, 1) == Outcome::found);
  CHECK_FALSE(audit->replicas[1].newest);
  CHECK(audit->replicas[1].state.sequence == 1);
  CHECK(f.state(*audit, 2) == Outcome::absent);
  CHECK(f.net.sent_of<wire::Store>().empty());
}

TEST_CASE("audit finds that nobody holds anything") {
  Auditing f;
  const auto audit = f.audit(true);
  REQUIRE(audit.ok());
  CHECK_FALSE(audit->newest.has_value());
  CHECK(audit->target == 4);
  CHECK(audit->holding == 0);
  CHECK(f.stored.empty());
}

TEST_CASE("audit counts as many answers of nodes that are there and lists the silent besides") {
  Auditing f;
  for (const Host peer : f.peers) f.held[peer] = f.version(1);
  f.net.freeze(f.peer(1));
  f.net.take_down(f.peer(2));
  const auto audit = f.audit();
  REQUIRE(audit.ok());
  CHECK(audit->target == 4);
  CHECK(audit->holding == 4);
  REQUIRE(audit->replicas.size() == 6);
  CHECK(f.state(*audit, 1) == Outcome::silent);
  CHECK(f.state(*audit, 2) == Outcome::unreachable);
  CHECK(f.of(*audit, f.peer(1)).rank == 0);
  CHECK(f.of(*audit, f.peer(3)).rank == 2);
  CHECK(audit->elapsed >= Config().rpc_timeout);  // it waited for the silent one
}

TEST_CASE("audit waits for a slow node and takes its late answer") {
  Auditing f;
  for (const Host peer : f.peers) f.held[peer] = f.version(1);
  f.held[f.peer(0)] = f.version(2, "newer");
  f.net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    return one.to == f.peer(0) ? seconds(3) : seconds(0);
  };
  const auto audit = f.audit();
  REQUIRE(audit.ok());
  CHECK(audit->newest == f.version(2, "newer"));
  CHECK(audit->holding == 1);
  CHECK(f.of(*audit, f.peer(0)).rank == 1);
}

TEST_CASE("audit ends at its deadline with the slow counted as silent") {
  Auditing f;
  for (const Host peer : f.peers) f.held[peer] = f.version(1);
  f.net.freeze(f.peer(0));
  const auto audit = f.audit(false, seconds(2));
  REQUIRE(audit.ok());
  CHECK(audit->elapsed == seconds(2));
  CHECK(audit->holding == 4);
  CHECK(f.state(*audit, 0) == Outcome::silent);
}

TEST_CASE("audit asks a node that was silent lately all the same") {
  Auditing f;
  for (const Host peer : f.peers) f.held[peer] = f.version(1);
  f.net.freeze(f.peer(0));
  REQUIRE(f.audit(false, seconds(2)).ok());
  f.net.freeze(f.peer(0), false);
  const auto audit = f.audit();
  REQUIRE(audit.ok());
  CHECK(f.state(*audit, 0) == Outcome::found);
  CHECK(audit->replicas.size() == 4);
}

TEST_CASE("audit does not believe a record that fails verification") {
  Auditing f;
  for (const Host peer : f.peers) f.held[peer] = f.version(1);
  f.held[f.peer(0)] = f.version(9, "forged");
  f.held[f.peer(0)].value = to_bytes("other");
  const auto audit = f.audit(true);
  REQUIRE(audit.ok());
  CHECK(audit->newest == f.version(1));
  CHECK(audit->holding == 4);
  CHECK(f.state(*audit, 0) == Outcome::invalid);
  CHECK(f.of(*audit, f.peer(0)).rank == 0);
  CHECK(f.stored.empty());
  CHECK(f.net.stats(f.a).records_invalid == 1);
}

TEST_CASE("audit holds what has expired for absent") {
  Auditing f;
  f.held[f.peer(0)] = records::owned(f.owner, "name", 1, "old", records::kNoon - hours(1));
  const auto audit = f.audit();
  REQUIRE(audit.ok());
  CHECK_FALSE(audit->newest.has_value());
  CHECK(f.state(*audit, 0) == Outcome::absent);
  CHECK(audit->replicas[0].state.sequence == 0);
}

TEST_CASE("audit counts farther nodes that hold the newest version apart") {
  Auditing f;
  for (const Host peer : f.peers) f.held[peer] = f.version(1);
  f.net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    return one.to == f.peer(0) ? seconds(3) : seconds(0);  // so that one more is asked
  };
  const auto audit = f.audit();
  REQUIRE(audit.ok());
  CHECK(audit->holding == 4);
  CHECK(audit->elsewhere >= 1);
  CHECK(audit->replicas.size() == 4);
}

TEST_CASE("audit with repair stores the newest version where it is lacking or older") {
  Auditing f;
  f.held[f.peer(0)] = f.version(1);
  f.held[f.peer(1)] = f.version(2, "newer");
  const auto audit = f.audit(true);
  REQUIRE(audit.ok());
  CHECK(std::set<Host>(f.stored.begin(), f.stored.end()) ==
        std::set<Host>{f.peer(0), f.peer(2), f.peer(3)});
  CHECK(f.stored.size() == 3);
  CHECK(audit->holding == 4);
  for (const std::size_t place : {0, 2, 3}) {
    const Replica& mended = f.of(*audit, f.peer(place));
    CHECK_FALSE(mended.newest);  // what it held before
    REQUIRE(mended.repair.has_value());
    CHECK(mended.repair->outcome == Outcome::durable);
    CHECK(mended.repair->sequence == 2);
    CHECK(f.held.at(f.peer(place)) == f.version(2, "newer"));
  }
  CHECK_FALSE(f.of(*audit, f.peer(1)).repair.has_value());
  CHECK(f.net.stats(f.a).replicas_repaired == 3);
}

TEST_CASE("audit tells what became of each repair") {
  Auditing f;
  f.held[f.peer(4)] = f.version(2);
  f.held[f.peer(0)] = f.version(1);
  f.to_store.emplace(f.peer(0), wire::Stored{wire::StoreStatus::superseded, 5});
  f.to_store.emplace(f.peer(1), wire::Failure{wire::FailureCode::busy, "full"});
  f.to_store.emplace(f.peer(2), wire::Failure{wire::FailureCode::refused, "no"});
  f.to_store.emplace(f.peer(3), wire::Stored{wire::StoreStatus::extended, 2});
  f.held[f.peer(3)] = f.version(1);
  f.net.take_down(f.peer(5));
  // The farther one that has the newest is asked because the nearest is slow.
  f.net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    return one.to == f.peer(0) ? seconds(3) : seconds(0);
  };
  const auto audit = f.audit(true);
  REQUIRE(audit.ok());
  CHECK(audit->newest == f.version(2));
  CHECK(audit->elsewhere == 1);
  const auto repair = [&](std::size_t place) { return *f.of(*audit, f.peer(place)).repair; };
  CHECK(repair(0).outcome == Outcome::superseded);
  CHECK(repair(0).sequence == 5);
  CHECK(repair(1).outcome == Outcome::busy);
  CHECK(repair(1).detail == "full");
  CHECK(repair(2).outcome == Outcome::refused);
  CHECK(repair(3).outcome == Outcome::extended);
  CHECK(audit->holding == 1);
}

TEST_CASE("a repair that gets no word by the deadline is silent") {
  Auditing f;
  f.held[f.peer(0)] = f.version(1);
  f.net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    const bool lost = one.to == f.peer(1) && std::holds_alternative<wire::Store>(one.message.body);
    return lost ? std::nullopt : std::optional<Duration>(seconds(0));
  };
  const auto audit = f.audit(true, seconds(3));
  REQUIRE(audit.ok());
  CHECK(audit->elapsed == seconds(3));
  CHECK(f.of(*audit, f.peer(1)).repair->outcome == Outcome::silent);
  CHECK(f.of(*audit, f.peer(2)).repair->outcome == Outcome::durable);
  CHECK(audit->holding == 3);
}

TEST_CASE("audit counts this node among the nearest and mends its own store durably") {
  Auditing f(false);
  // A fifth peer takes the place of the farthest: this node is one of the four nearest or none.
  const auto order = f.net.by_distance(f.key, {f.a, f.peer(0), f.peer(1), f.peer(2), f.peer(3)});
  const bool near = order.back() != f.a;
  for (const Host peer : f.peers) f.held[peer] = f.version(1);
  const auto before = f.audit();
  REQUIRE(before.ok());
  CHECK(before->target == 4);
  CHECK(before->holding == (near ? 3 : 4));
  REQUIRE(near);  // the seeds of the driver are such
  CHECK(f.of(*before, f.a).state.outcome == Outcome::absent);
  const auto mended = f.audit(true);
  REQUIRE(mended.ok());
  CHECK(mended->holding == 4);
  CHECK(f.of(*mended, f.a).repair->outcome == Outcome::durable);
  const auto after = f.audit();
  REQUIRE(after.ok());
  CHECK(f.of(*after, f.a).newest);
  CHECK(after->holding == 4);
  CHECK(f.stored.empty());
}

TEST_CASE("audit of a disk that fails tells that it could not be mended") {
  Auditing f(false);
  for (const Host peer : f.peers) f.held[peer] = f.version(1);
  f.net.storage(f.a).fail_commit = [] { return true; };
  const auto audit = f.audit(true);
  REQUIRE(audit.ok());
  CHECK(f.of(*audit, f.a).repair->outcome == Outcome::refused);
  CHECK(audit->holding == 3);
}

TEST_CASE("audit that reaches nobody is unreachable and one that is closed says so") {
  Auditing f;
  for (const Host peer : f.peers) f.net.take_down(peer);
  const auto nobody = f.audit();
  REQUIRE_FALSE(nobody.ok());
  CHECK(nobody.error().code == Errc::unreachable);
  CHECK(nobody.error().asked.size() == 6);

  Auditing g;
  const OpId op = g.net.start(g.a, AuditRequest{g.key});
  g.net.close(g.a);
  CHECK(g.net.result<Audit>(g.a, op).error().code == Errc::closed);
}

TEST_CASE("audit whose walk does not end in time is a timeout") {
  Auditing f;
  for (const Host peer : f.peers) f.net.freeze(peer);
  const auto audit = f.audit(false, seconds(1));
  REQUIRE_FALSE(audit.ok());
  CHECK(audit.error().code == Errc::timeout);
}
