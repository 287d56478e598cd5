// Compare and set: several who share an owner's key take turns at a name without losing a version.
#include <array>
#include <string>

#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How often each thing happened in rounds of two sets that expect the same sequence. They start
// within `apart` of each other.
struct Rounds {
  int won_by[2] = {0, 0};
  int nobodys = 0;
  int outdone = 0;  // the winner met a rival's version and took two sequences
};

Rounds race(const WorldOptions& options, Duration apart, int rounds) {
  World world(options);
  grow(world, 30);
  const NodeIndex racers[2] = {3, 17};
  const NodeIndex reader = 8;
  const Identity owner = world.identity(5);
  const Key key = owned_key(owner.public_key(), view_of("name"));
  const auto read = [&] { return world.run_until(world.node(reader).get(key)); };
  Prng prng(options.seed);
  Rounds out;
  std::uint64_t sequence = 0;
  for (int round = 0; round < rounds; ++round) {
    SetOptions options_of_set;
    options_of_set.owner = &owner;
    options_of_set.if_sequence = sequence;
    std::optional<Result<Receipt>> ended[2];
    const std::size_t first = prng.below(2);
    for (const std::size_t i : {first, 1 - first}) {
      world.node(racers[i])
          .set("name", view_of(std::to_string(round) + " of " + std::to_string(i)), options_of_set)
          .then([&ended, i](Result<Receipt> result) { ended[i] = std::move(result); })
          .detach();
      world.run_for(Duration(
          static_cast<Duration::rep>(prng.below(static_cast<std::uint64_t>(apart.count()) + 1))));
    }
    REQUIRE(world.run_until([&] { return ended[0] && ended[1]; }, seconds(60)));
    const auto found = read();
    REQUIRE_MESSAGE(found.ok(), found.error().text());
    REQUIRE_FALSE((*ended[0] && *ended[1]));
    for (const std::size_t i : {0, 1}) {
      if (!*ended[i]) {
        CHECK(ended[i]->error().code == Errc::conflict);
        continue;
      }
      const Receipt& receipt = **ended[i];
      ++out.won_by[i];
      if (receipt.sequence == sequence + 2) ++out.outdone;
      CHECK(found->record.sequence == receipt.sequence);
      CHECK(text(found->record) == std::to_string(round) + " of " + std::to_string(i));
    }
    if (!*ended[0] && !*ended[1]) ++out.nobodys;
    CHECK(found->record.sequence > sequence);
    sequence = found->record.sequence;
  }
  // Nobody brings back what lost.
  const auto before = read();
  world.run_for(std::chrono::hours(7));
  const auto after = read();
  REQUIRE(after.ok());
  if (out.nobodys == 0) CHECK(text(after->record) == text(before->record));
  return out;
}

TEST_CASE("of two conditional sets at once at most one is acknowledged and its value stands") {
  WorldOptions options;
  options.network.latency = Latency::internet();
  const Rounds at_once = race(options, milliseconds(0), 50);
  MESSAGE("won " << at_once.won_by[0] << " and " << at_once.won_by[1] << ", nobody "
                 << at_once.nobodys << ", outdone " << at_once.outdone);
  options.seed = 2;
  const Rounds apart = race(options, milliseconds(600), 50);
  MESSAGE("won " << apart.won_by[0] << " and " << apart.won_by[1] << ", nobody " << apart.nobodys
                 << ", outdone " << apart.outdone);
  // Else nothing was raced for.
  CHECK(apart.won_by[0] > 0);
  CHECK(apart.won_by[1] > 0);
  CHECK(at_once.outdone + apart.outdone > 0);
}

}  // namespace
}  // namespace kadmos::sim
