// Who has what: providers are found by others while they live, and only then.
#include <string>
#include <vector>

#include "world/raw_peer.h"
#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const Key kWhat = content_key(view_of("what"));

// The providers that a node finds, in the order it finds them.
std::vector<Contact> find(World& world, NodeIndex i, const Key& key = kWhat,
                          FindProvidersOptions options = {}) {
  std::vector<Contact> out;
  auto providers = world.node(i).find_providers(key, options);
  while (true) {
    const auto next = world.run_until(providers.next());
    REQUIRE_MESSAGE(next.ok(), next.error().text());
    if (!*next) return out;
    out.push_back((*next)->contact);
  }
}

std::set<NodeIndex> found(World& world, NodeIndex i, const Key& key = kWhat) {
  return indexes(world, find(world, i, key));
}

TEST_CASE("providers are found by every other node under loss with where they can be reached") {
  WorldOptions options;
  options.network.latency = Latency::internet();
  World world(options);
  grow(world, 60);
  Faults faults;
  faults.loss = 50'000;
  world.network().set_faults(faults);
  for (const NodeIndex i : {7, 23}) {
    const auto receipt = world.run_until(world.node(i).provide(kWhat));
    REQUIRE_MESSAGE(receipt.ok(), receipt.error().text());
    CHECK(receipt->key == provider_key(kWhat, world.network().key(i)));
    CHECK(receipt->durable >= receipt->quorum);
  }
  for (NodeIndex i = 0; i < world.size(); ++i) {
    const auto providers = find(world, i);
    CHECK(indexes(world, providers) == std::set<NodeIndex>{7, 23});
    for (const Contact& provider : providers) {
      CHECK(provider == world.contact(*world.index_of(provider.key)));
    }
  }
  CHECK(found(world, 5, content_key(view_of("other"))).empty());
}

TEST_CASE("announcements of a key lie on the nodes nearest to it") {
  World world;
  grow(world, 60);
  REQUIRE(world.run_until(world.node(7).provide(kWhat)).ok());
  const Key place = provider_key(kWhat, world.network().key(7));
  auto nearest = as_set(world.closest_running(kWhat, 20));
  nearest.insert(7);
  CHECK(holders(world, place) == nearest);
}

TEST_CASE("who takes its announcement back is found no more and may announce again") {
  World world;
  grow(world, 40);
  REQUIRE(world.run_until(world.node(7).provide(kWhat)).ok());
  REQUIRE(world.run_until(world.node(8).provide(kWhat)).ok());
  REQUIRE(world.run_until(world.node(7).unprovide(kWhat)).ok());
  CHECK(found(world, 3) == std::set<NodeIndex>{8});
  world.run_for(hours(13));  // nobody brings it back
  CHECK(found(world, 3) == std::set<NodeIndex>{8});
  REQUIRE(world.run_until(world.node(7).provide(kWhat)).ok());
  CHECK(found(world, 3) == std::set<NodeIndex>{7, 8});
}

TEST_CASE("what is said last in one moment is what counts") {
  World world;
  grow(world, 30);
  auto first = world.node(7).provide(kWhat);
  auto second = world.node(7).unprovide(kWhat);
  CHECK(world.run_until(std::move(second)).ok());
  static_cast<void>(world.run_until(std::move(first)));
  CHECK(found(world, 3).empty());
  auto third = world.node(7).provide(kWhat);
  CHECK(world.run_until(std::move(third)).ok());
  CHECK(found(world, 3) == std::set<NodeIndex>{7});
  CHECK(world.node(3).stats().equivocations == 0);
}

TEST_CASE("a provider is found as long as it runs and expires when it has died") {
  World world;
  grow(world, 30);
  REQUIRE(world.run_until(world.node(7).provide(kWhat)).ok());
  REQUIRE(world.run_until(world.node(8).provide(kWhat)).ok());
  world.run_for(hours(60));  // more than twice the lifetime
  CHECK(found(world, 3) == std::set<NodeIndex>{7, 8});
  CHECK(world.node(7).stats().republished > 0);
  world.crash(7);
  world.run_for(hours(25));
  CHECK(found(world, 3) == std::set<NodeIndex>{8});
  CHECK(holders(world, provider_key(kWhat, world.network().key(7))).empty());
}

TEST_CASE("a client may provide though nobody can dial it") {
  World world;
  grow(world, 30);
  Config config = world.entering_at(0);
  config.client = true;
  const NodeIndex client = world.add(config);
  REQUIRE(world.run_until(world.node(client).join()).ok());
  REQUIRE(world.run_until(world.node(client).provide(kWhat)).ok());
  const auto providers = find(world, 3);
  REQUIRE(providers.size() == 1);
  CHECK(providers[0] == Contact{world.network().key(client), {}});
}

TEST_CASE("a node that restarts with its disk announces anew and its clock may go back") {
  World world;
  grow(world, 30);
  const auto before = world.run_until(world.node(7).provide(kWhat));
  REQUIRE(before.ok());
  world.crash(7);
  world.restart(7);
  REQUIRE(world.run_until(world.node(7).join()).ok());
  const auto after = world.run_until(world.node(7).provide(kWhat));
  REQUIRE(after.ok());
  CHECK(after->sequence > before->sequence);
  world.run_for(hours(30));
  CHECK(found(world, 3) == std::set<NodeIndex>{7});
}

TEST_CASE("nobody can announce for another") {
  World world;
  const Identity owner = world.identity(1000);
  const Identity other = world.identity(1001);
  const auto announce = [&](const Identity& who) {
    Record record = announcing({kWhat, false, Endpoints(*Endpoint::parse("6.6.6.6:6666"))});
    record.sequence = 1;
    record.expiry = world.wall() + hours(20);
    sign(record, who, "kadmos");
    return record;
  };
  Record forged = announce(other);
  forged.owner = owner.public_key();
  std::vector<Record> handed_out{forged};
  RawPeer mallory(world, [&](const Peer& from, const wire::Message& message) {
    auto reply = polite(from, message);
    if (auto* providers = std::get_if<wire::Providers>(&*reply)) providers->records = handed_out;
    return reply;
  });
  const NodeIndex victim = world.add(world.entering_at(mallory.index()));
  REQUIRE(world.run_until(world.node(victim).join()).ok());
  world.run_for(seconds(5));
  REQUIRE(knows(world, victim, mallory.index()));

  // Stored with it, it is refused; handed out, it is not believed.
  mallory.send(world.contact(victim), wire::Message{77, wire::Store{forged}});
  world.run_for(seconds(1));
  REQUIRE(mallory.replies().size() == 1);
  CHECK(std::holds_alternative<wire::Failure>(mallory.replies()[0].body));
  CHECK(world.node(victim).stats().records_invalid == 1);
  auto nobody = world.node(victim).find_providers(kWhat);
  const auto next = world.run_until(nobody.next());
  CHECK_FALSE((next && *next));
  CHECK(world.node(victim).stats().records_invalid == 2);

  // What an owner signed itself is believed from anybody.
  world.run_for(minutes(30));  // until the liar is asked again
  handed_out = {announce(owner)};
  CHECK(world.run_until([&] { return knows(world, victim, mallory.index()); }, minutes(30)));
  const auto believed = find(world, victim);
  REQUIRE(believed.size() == 1);
  CHECK(believed[0].key == owner.public_key());
}

TEST_CASE("a search for providers ends when its stream is dropped") {
  World world;
  grow(world, 30);
  REQUIRE(world.run_until(world.node(7).provide(kWhat)).ok());
  CHECK(comes_to_rest(world));
  {
    auto providers = world.node(3).find_providers(kWhat);
    CHECK(world.node(3).stats().operations_running == 1);
  }
  CHECK(world.node(3).stats().operations_running == 0);
  FindProvidersOptions one;
  one.limit = 1;
  REQUIRE(world.run_until(world.node(8).provide(kWhat)).ok());
  CHECK(find(world, 3, kWhat, one).size() == 1);
}

}  // namespace
}  // namespace kadmos::sim
