// Adversaries inside a network: what they do reaches honest nodes, and the promises hold.
#include <string>
#include <vector>

#include "simulations/adversary.h"
#include "simulations/simulation.h"
#include "wire/codec.h"
#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using Kind = Adversaries::Kind;
using std::chrono::minutes;
using std::chrono::seconds;

Scenario plotted(Kind kind, PerMillion share) {
  Scenario scenario;
  scenario.nodes = 50;
  scenario.config.k = 8;
  scenario.adversaries = {kind, share};
  return scenario;
}

WorldOptions options_of(const Scenario& scenario) {
  WorldOptions options;
  options.seed = 3;
  options.config = scenario.config;
  return options;
}

// A network that grew with adversaries in it, and names to set.
struct Plot {
  explicit Plot(Scenario what, std::size_t names = 8)
      : scenario(std::move(what)), world(options_of(scenario)), crowd(world, scenario, Prng(1)) {
    for (std::size_t i = 0; i < names; ++i) ledger.add(i + 100);
    conspiracy.emplace(world, scenario, crowd, ledger, Prng(2));
    const std::uint32_t adversaries = Conspiracy::count(scenario);
    for (std::uint32_t n = 1; n <= scenario.nodes; ++n) {
      if (conspiracy->members().size() < n * adversaries / scenario.nodes) {
        conspiracy->join(conspiracy->add());
      } else {
        crowd.add();
      }
      world.run_for(std::chrono::milliseconds(100));
    }
    world.run_for(minutes(1));
  }

  Node& any() { return world.node(crowd.any(prng)); }
  Result<Receipt> set(std::size_t name, std::string_view value) {
    const Ledger::Name& entry = ledger.name(name);
    SetOptions options;
    options.owner = &entry.owner;
    return world.run_until(any().set(entry.name, view_of(value), options));
  }
  Result<Found> get(std::size_t name) { return world.run_until(any().get(ledger.name(name).key)); }
  // How many gets of all names, each through three nodes, give this value; nothing may give
  // another.
  int gets_of(std::string_view value) {
    int good = 0;
    for (std::size_t name = 0; name < ledger.size(); ++name) {
      for (int i = 0; i < 3; ++i) {
        const auto found = get(name);
        if (!found) continue;
        CHECK(text(found->record) == value);
        ++good;
      }
    }
    return good;
  }
  // The part of the honest nodes among the k closest to 20 random targets that lookups find.
  double recall() {
    std::size_t found = 0;
    std::size_t truth = 0;
    for (int i = 0; i < 20; ++i) {
      const Id target = prng.id();
      const NodeIndex from = crowd.any(prng);
      const auto result = world.run_until(world.node(from).find_node(target));
      REQUIRE_MESSAGE(result.ok(), result.error().text());
      CHECK(result->elapsed <= scenario.config.operation_timeout);
      const auto closest = indexes(world, result->contacts);
      for (const NodeIndex one :
           crowd.closest_in_place(target, static_cast<std::size_t>(scenario.config.k))) {
        if (one == from) continue;
        ++truth;
        found += closest.count(one);
      }
    }
    return static_cast<double>(found) / static_cast<double>(truth);
  }
  // Of all honest nodes.
  std::uint64_t sum(std::uint64_t Stats::*counter) {
    std::uint64_t sum = 0;
    for (const NodeIndex i : crowd.up()) sum += world.node(i).stats().*counter;
    return sum;
  }
  bool is_adversary(NodeIndex i) const { return crowd.is_stranger(i); }

  Scenario scenario;
  World world;
  Crowd crowd;
  Ledger ledger;
  std::optional<Conspiracy> conspiracy;
  Prng prng{4};
};

TEST_CASE("adversaries are a share of all nodes and leave two honest ones at least") {
  CHECK(Conspiracy::count(plotted(Kind::none, 500'000)) == 0);
  CHECK(Conspiracy::count(plotted(Kind::silent, 100'000)) == 5);
  CHECK(Conspiracy::count(plotted(Kind::silent, 1'000'000)) == 48);
  Plot plot(plotted(Kind::silent, 200'000));
  CHECK(plot.conspiracy->members().size() == 10);
  CHECK(plot.crowd.size() == 40);
  CHECK(plot.crowd.population().size() == 40);
}

TEST_CASE("silent adversaries cost honest nodes time and not their values") {
  Plot plot(plotted(Kind::silent, 200'000));
  for (std::size_t name = 0; name < 8; ++name) CHECK(plot.set(name, "value").ok());
  CHECK(plot.gets_of("value") >= 23);
  CHECK(plot.conspiracy->deeds() > 0);
  CHECK(plot.sum(&Stats::requests_slow) > 0);
  CHECK(plot.recall() > 0.98);
}

TEST_CASE("colluders that name only each other do not hide the honest") {
  Plot plot(plotted(Kind::colluders, 200'000));
  std::size_t lies = 0;
  plot.world.on_frame([&](NodeIndex from, NodeIndex to, ByteView frame) {
    if (!plot.is_adversary(from) || plot.is_adversary(to)) return;
    const auto message = wire::decode(frame, Limits{});
    const auto* nodes = message ? std::get_if<wire::Nodes>(&message->body) : nullptr;
    if (nodes == nullptr) return;
    ++lies;
    for (const Contact& contact : nodes->contacts) {
      CHECK(plot.is_adversary(*plot.world.index_of(contact.key)));
    }
  });
  CHECK(plot.recall() > 0.98);
  CHECK(lies > 0);
  for (std::size_t name = 0; name < 8; ++name) CHECK(plot.set(name, "value").ok());
  CHECK(plot.gets_of("value") >= 23);
}

TEST_CASE("fabricated contacts are dialled and never believed") {
  Plot plot(plotted(Kind::fabricators, 200'000));
  CHECK(plot.recall() > 0.95);
  CHECK(plot.sum(&Stats::peers_wrong_key) > 0);
  CHECK(plot.sum(&Stats::dials_failed) > plot.sum(&Stats::peers_wrong_key));
  for (std::size_t name = 0; name < 8; ++name) CHECK(plot.set(name, "value").ok());
  CHECK(plot.gets_of("value") >= 23);
  for (const NodeIndex i : plot.crowd.up()) {
    for (const Contact& contact : plot.world.node(i).contacts()) {
      const auto there = plot.world.index_of(contact.key);
      REQUIRE(there.has_value());
      CHECK(contact.endpoints.front() == plot.world.network().address(*there));
    }
  }
}

TEST_CASE("adversaries that keep to the first version do not hide the newest") {
  Plot plot(plotted(Kind::stale, 200'000));
  for (std::size_t name = 0; name < 8; ++name) CHECK(plot.set(name, "old").ok());
  for (std::size_t name = 0; name < 8; ++name) CHECK(plot.set(name, "new").ok());
  std::size_t stale = 0;
  plot.world.on_frame([&](NodeIndex from, NodeIndex, ByteView frame) {
    const auto message = wire::decode(frame, Limits{});
    const auto* nodes = message ? std::get_if<wire::Nodes>(&message->body) : nullptr;
    if (nodes == nullptr || !nodes->record || text(*nodes->record) != "old") return;
    CHECK(plot.is_adversary(from));
    ++stale;
  });
  CHECK(plot.gets_of("new") == 24);
  CHECK(stale > 0);
}

TEST_CASE("forged records and replies nobody asked for are counted and refused") {
  Plot plot(plotted(Kind::forgers, 300'000));
  for (std::size_t name = 0; name < 8; ++name) CHECK(plot.set(name, "value").ok());
  CHECK(plot.gets_of("value") >= 23);
  CHECK(plot.sum(&Stats::records_invalid) > 0);
  CHECK(plot.sum(&Stats::replies_unsolicited) > 0);
  for (const NodeIndex i : plot.crowd.up()) {
    for (std::size_t name = 0; name < 8; ++name) {
      const auto held = held_by(plot.world, i, plot.ledger.name(name).key);
      if (held) CHECK(text(held->record) == "value");
    }
  }
}

TEST_CASE("a flood fills stores up to their bounds and pushes no near record out") {
  Scenario scenario = plotted(Kind::flooders, 200'000);
  scenario.config.limits.records = 24;
  Plot plot(scenario);
  for (std::size_t name = 0; name < 8; ++name) CHECK(plot.set(name, "value").ok());
  plot.world.run_for(minutes(5));
  for (const NodeIndex i : plot.crowd.up()) {
    CHECK(plot.world.node(i).stats().records_held <= 24);
  }
  CHECK(plot.sum(&Stats::records_evicted) > 0);
  CHECK(plot.sum(&Stats::records_busy) > 0);
  CHECK(plot.gets_of("value") >= 23);
}

TEST_CASE("identities ground next to one key hide that key and no other") {
  Plot plot(plotted(Kind::ground, 200'000));
  CHECK(plot.conspiracy->victim() == plot.ledger.name(0).key);
  for (const NodeIndex i : plot.conspiracy->members()) {
    CHECK(shared_prefix(plot.world.node(i).id(), plot.conspiracy->victim()) >= 8);
  }
  for (std::size_t name = 0; name < 8; ++name) CHECK(plot.set(name, "value").ok());
  CHECK_FALSE(plot.get(0).ok());
  CHECK(plot.gets_of("value") >= 20);
  CHECK(plot.recall() > 0.98);
}

TEST_CASE("answers held back cost time and never a deadline") {
  Plot plot(plotted(Kind::delayers, 200'000));
  for (std::size_t name = 0; name < 8; ++name) CHECK(plot.set(name, "value").ok());
  CHECK(plot.gets_of("value") == 24);
  CHECK(plot.recall() > 0.98);
  CHECK(plot.sum(&Stats::requests_slow) > 0);
}

TEST_CASE("of two values with one sequence all replicas come to keep the same") {
  Plot plot(plotted(Kind::equivocators, 100'000));
  plot.world.run_for(minutes(3));
  REQUIRE(plot.conspiracy->equivocated().size() == 5);
  plot.conspiracy->end();
  const auto versions = [&](const Key& key) {
    std::set<std::string> out;
    for (const NodeIndex i : plot.crowd.closest_in_place(key, 8)) {
      if (const auto held = held_by(plot.world, i, key)) out.insert(text(held->record));
    }
    return out;
  };
  for (const Key& key : plot.conspiracy->equivocated()) REQUIRE(versions(key).size() == 2);
  plot.world.run_for(3 * plot.scenario.config.sync_interval);
  for (const Key& key : plot.conspiracy->equivocated()) {
    std::set<std::string> read;
    for (int i = 0; i < 10; ++i) {
      const auto found = plot.world.run_until(plot.any().get(key));
      REQUIRE(found.ok());
      read.insert(text(found->record));
    }
    CHECK(read.size() == 1);
    CHECK(versions(key) == read);
  }
  CHECK(plot.sum(&Stats::equivocations) > 0);
}

TEST_CASE("a simulation with adversaries holds the honest to their promises and no other") {
  for (const bool filled : {false, true}) {
    Scenario scenario = plotted(Kind::colluders, 300'000);
    scenario.filled = filled;
    scenario.duration = minutes(5);
    scenario.calm = minutes(20);
    scenario.config.refresh_interval = scenario.config.sync_interval = minutes(8);
    scenario.workload.lookups = scenario.workload.gets = 60;
    scenario.workload.sets = 12;
    scenario.workload.keys = 10;
    Simulation simulation(scenario);
    simulation.run();
    const Measurements& measured = simulation.measured();
    CHECK(measured.adversaries == 15);
    CHECK(measured.deeds > 0);
    CHECK(measured.gets.succeeded > 100);
    CHECK(measured.gets.success() > 0.95);
    for (const Violation& one : measured.violations) {
      FAIL_CHECK(one.rule << ": " << one.detail);
    }
  }
}

}  // namespace
}  // namespace kadmos::sim
