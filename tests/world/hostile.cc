// Peers that lie: what they send is never believed, is counted, and costs a bounded effort.
#include <string>
#include <vector>

#include "world/raw_peer.h"
#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Record signed_record(const Identity& owner, std::string_view name, std::string_view value,
                     WallTime expiry, std::string_view network = "kadmos") {
  Record record;
  record.type = RecordType::owned;
  record.name = to_bytes(name);
  record.value = to_bytes(value);
  record.sequence = 1;
  record.expiry = expiry;
  sign(record, owner, network);
  return record;
}

// An honest node whose only way into the network is the peer under test.
struct Trap {
  explicit Trap(RawPeer::Answer answer = polite) : mallory(world, std::move(answer)) {
    victim = world.add(world.entering_at(mallory.index()));
    CHECK(world.run_until(world.node(victim).join()).ok());
    world.run_for(seconds(5));
    CHECK(knows(world, victim, mallory.index()));
  }
  Node& node() { return world.node(victim); }
  Stats stats() { return node().stats(); }
  Key key() const { return owned_key(owner.public_key(), view_of("name")); }
  WallTime tomorrow() const { return world.wall() + std::chrono::hours(20); }
  // From now on mallory holds this record, whatever it is asked for.
  void hand_out(const Record& record) {
    mallory.set_answer([record](const Peer& from, const wire::Message& message) {
      auto reply = polite(from, message);
      if (std::holds_alternative<wire::FindValue>(message.body)) {
        std::get<wire::Nodes>(*reply).record = record;
      }
      return reply;
    });
  }

  World world;
  RawPeer mallory;
  Identity owner = world.identity(1000);
  Identity other = world.identity(1001);
  NodeIndex victim = 0;
};

TEST_CASE("an honest record from a raw peer is believed") {
  Trap trap;
  trap.hand_out(signed_record(trap.owner, "name", "true", trap.tomorrow()));
  const auto found = trap.world.run_until(trap.node().get(trap.key()));
  REQUIRE(found.ok());
  CHECK(text(found->record) == "true");
  CHECK(trap.stats().records_invalid == 0);
}

TEST_CASE("a record that does not prove its key is never believed") {
  Trap trap;
  std::vector<std::pair<const char*, Record>> lies;
  // Signed by somebody else under the same name: the attack that only recomputing the key finds.
  lies.emplace_back("another owner", signed_record(trap.other, "name", "x", trap.tomorrow()));
  lies.emplace_back("another name", signed_record(trap.owner, "eman", "x", trap.tomorrow()));
  lies.emplace_back("another network",
                    signed_record(trap.owner, "name", "x", trap.tomorrow(), "other"));
  Record forged = signed_record(trap.owner, "name", "x", trap.tomorrow());
  forged.value = to_bytes("y");
  lies.emplace_back("another value", forged);
  forged = signed_record(trap.owner, "name", "x", trap.tomorrow());
  forged.sequence = 9;
  lies.emplace_back("another sequence", forged);
  forged = signed_record(trap.owner, "name", "x", trap.tomorrow());
  forged.expiry += std::chrono::hours(1);
  lies.emplace_back("a longer life", forged);
  forged = signed_record(trap.owner, "name", "", trap.tomorrow());
  forged.type = RecordType::tombstone;
  lies.emplace_back("another type", forged);
  Record content;
  content.value = to_bytes("not what was asked for");
  lies.emplace_back("content of another hash", content);

  for (const auto& lie : lies) {
    const Record& record = lie.second;
    CAPTURE(lie.first);  // clang 14 captures no structured binding
    trap.hand_out(record);
    const std::uint64_t before = trap.stats().records_invalid;
    const auto found = trap.world.run_until(trap.node().get(trap.key()));
    CHECK_FALSE(found.ok());
    CHECK(trap.stats().records_invalid == before + 1);
    CHECK_FALSE(held_by(trap.world, trap.victim, trap.key()).has_value());
    trap.world.run_for(minutes(30));  // until the liar is asked again
    trap.mallory.set_answer(polite);
    CHECK(trap.world.run_until([&] { return knows(trap.world, trap.victim, 0); }, minutes(30)));
  }
}

TEST_CASE("a store of a record that proves nothing is refused") {
  Trap trap;
  Record forged = signed_record(trap.owner, "name", "x", trap.tomorrow());
  forged.value = to_bytes("y");
  trap.mallory.send(trap.world.contact(trap.victim), wire::Message{77, wire::Store{forged}});
  trap.world.run_for(seconds(1));
  REQUIRE(trap.mallory.replies().size() == 1);
  const auto* failure = std::get_if<wire::Failure>(&trap.mallory.replies()[0].body);
  REQUIRE(failure != nullptr);
  CHECK(failure->code == wire::FailureCode::refused);
  CHECK(trap.stats().records_invalid == 1);
  CHECK_FALSE(held_by(trap.world, trap.victim, key_of(forged)).has_value());
}

TEST_CASE("a reply to a request of another number is dropped and counted") {
  Trap trap;
  const Record record = signed_record(trap.owner, "name", "true", trap.tomorrow());
  trap.mallory.set_answer([&](const Peer& from, const wire::Message& message) {
    trap.mallory.send(from.contact, wire::Message{message.request + 1, wire::Nodes{{}, record}});
    return std::optional<wire::Body>();
  });
  const auto found = trap.world.run_until(trap.node().get(trap.key()));
  CHECK_FALSE(found.ok());
  CHECK(trap.stats().replies_unsolicited >= 1);
}

TEST_CASE("a reply from a peer that was not asked is dropped and counted") {
  Trap trap;
  RawPeer eve(trap.world);
  const Record record = signed_record(trap.owner, "name", "true", trap.tomorrow());
  // Eve knows everything but the one thing she cannot have: mallory's key.
  trap.mallory.set_answer([&](const Peer& from, const wire::Message& message) {
    eve.send(from.contact, wire::Message{message.request, wire::Nodes{{}, record}});
    return std::optional<wire::Body>();
  });
  const auto found = trap.world.run_until(trap.node().get(trap.key()));
  CHECK_FALSE(found.ok());
  CHECK(trap.stats().replies_unsolicited >= 1);
  CHECK_FALSE(held_by(trap.world, trap.victim, trap.key()).has_value());
}

TEST_CASE("a reply sent twice counts once") {
  Trap trap;
  const Record record = signed_record(trap.owner, "name", "true", trap.tomorrow());
  trap.mallory.set_answer([&](const Peer& from, const wire::Message& message) {
    const wire::Message reply{message.request, wire::Nodes{{}, record}};
    trap.mallory.send(from.contact, reply);
    trap.mallory.send(from.contact, reply);
    return std::optional<wire::Body>();
  });
  GetOptions options;
  const auto found = trap.world.run_until(trap.node().get(trap.key(), options));
  REQUIRE(found.ok());
  CHECK(found->agreeing == 1);
  trap.world.run_for(seconds(1));
  CHECK(trap.stats().replies_unsolicited >= 1);
}

TEST_CASE("a reply relabelled as a request or sent on to another node stores nothing") {
  Trap trap;
  grow(trap.world, 6);
  const Record record = signed_record(trap.owner, "name", "true", trap.tomorrow());
  const NodeIndex target = 4;
  const std::uint64_t before = trap.world.node(target).stats().replies_unsolicited;
  for (std::uint64_t request = 0; request < 20; ++request) {
    trap.mallory.send(trap.world.contact(target), wire::Message{request, wire::Nodes{{}, record}});
    trap.mallory.send(trap.world.contact(target),
                      wire::Message{request, wire::Stored{wire::StoreStatus::durable, 1}});
  }
  trap.world.run_for(seconds(1));
  CHECK(trap.world.node(target).stats().replies_unsolicited == before + 40);
  CHECK_FALSE(held_by(trap.world, target, trap.key()).has_value());
}

TEST_CASE("a reply of the wrong kind does not pass for an answer") {
  Trap trap;
  trap.mallory.set_answer(
      [](const Peer&, const wire::Message&) { return std::optional<wire::Body>(wire::Pong{}); });
  const auto found = trap.world.run_until(trap.node().get(trap.key()));
  CHECK_FALSE(found.ok());
  const auto receipt = trap.world.run_until(trap.node().set("name", view_of("value")));
  CHECK((!receipt || !durable_replicas(trap.world, *receipt).contains(trap.mallory.index())));
}

TEST_CASE("a lookup never asks itself nor anybody twice whatever replies say") {
  Trap trap;
  RawPeer friend_of_mallory(trap.world);
  bool asked_itself = false;
  trap.world.on_frame([&](NodeIndex from, NodeIndex to, ByteView) {
    asked_itself = asked_itself || (from == trap.victim && to == trap.victim);
  });
  const auto babble = [&](const Peer& from, const wire::Message& message) {
    auto reply = polite(from, message);
    if (auto* nodes = std::get_if<wire::Nodes>(&*reply)) {
      Contact elsewhere = trap.world.contact(trap.victim);
      elsewhere.endpoints = Endpoints(trap.world.bootstrap(trap.mallory.index()).endpoint);
      nodes->contacts = {trap.world.contact(trap.victim), elsewhere, trap.mallory.contact(),
                         friend_of_mallory.contact(), friend_of_mallory.contact()};
    }
    return reply;
  };
  trap.mallory.set_answer(babble);
  friend_of_mallory.set_answer(babble);
  const std::size_t before = trap.mallory.requests().size();
  const auto found = trap.world.run_until(trap.node().find_node(Id::from_top(5)));
  REQUIRE(found.ok());
  CHECK(found->contacts.size() == 2);
  CHECK_FALSE(asked_itself);
  CHECK(trap.mallory.requests().size() == before + 1);
  CHECK(friend_of_mallory.count<wire::FindNode>() == 1);
  CHECK_FALSE(indexes(trap.world, trap.node().contacts()).contains(trap.victim));
}

TEST_CASE("a dead contact that every reply names is dialled once a lookup") {
  World world;
  grow(world, 1);
  RawPeer dead(world);
  const Contact gone = dead.contact();
  world.network().close(dead.index());
  std::vector<std::unique_ptr<RawPeer>> gossips;
  for (int i = 0; i < 6; ++i) gossips.push_back(std::make_unique<RawPeer>(world));
  const auto gossip = [&](const Peer& from, const wire::Message& message) {
    auto reply = polite(from, message);
    if (auto* nodes = std::get_if<wire::Nodes>(&*reply)) {
      nodes->contacts.push_back(gone);
      for (const auto& other : gossips) nodes->contacts.push_back(other->contact());
    }
    return reply;
  };
  for (const auto& one : gossips) one->set_answer(gossip);
  const NodeIndex victim = world.add(world.entering_at(gossips[0]->index()));
  REQUIRE(world.run_until(world.node(victim).join()).ok());
  world.run_for(minutes(10));
  const std::uint64_t before = world.node(victim).stats().dials_failed;
  const auto found = world.run_until(world.node(victim).find_node(id_of(gone.key)));
  REQUIRE(found.ok());
  CHECK(found->contacts.size() == 6);
  CHECK(world.node(victim).stats().dials_failed <= before + 1);
}

TEST_CASE("a reply with a thousand contacts is not taken") {
  Trap trap;
  trap.mallory.set_answer([&](const Peer& from, const wire::Message& message) {
    auto reply = polite(from, message);
    if (auto* nodes = std::get_if<wire::Nodes>(&*reply)) {
      Prng prng(1);
      for (int i = 0; i < 1000; ++i) {
        PublicKey key;
        for (Byte& byte : key.bytes) byte = static_cast<Byte>(prng.next());
        nodes->contacts.push_back({key, Endpoints(Endpoint::v4(9, 9, 9, 9, 9))});
      }
    }
    return reply;
  });
  const std::uint64_t dials = trap.stats().dials_failed;
  const auto found = trap.world.run_until(trap.node().find_node(Id::from_top(5)));
  CHECK_FALSE(found.ok());
  CHECK(trap.stats().frames_malformed + trap.stats().contacts_excess >= 1);
  CHECK(trap.stats().dials_failed - dials < 100);
}

TEST_CASE("endless invented contacts cost a bounded number of dials and the lookup ends") {
  for (const bool refuse : {true, false}) {
    WorldOptions options;
    options.network.unknown_refuse = refuse;
    World world(options);
    RawPeer mallory(world);
    Prng prng(1);
    mallory.set_answer([&](const Peer& from, const wire::Message& message) {
      auto reply = polite(from, message);
      if (auto* nodes = std::get_if<wire::Nodes>(&*reply)) {
        for (int i = 0; i < 40; ++i) {
          PublicKey key;
          for (Byte& byte : key.bytes) byte = static_cast<Byte>(prng.next());
          const auto port = static_cast<std::uint16_t>(prng.between(1, 65535));
          nodes->contacts.push_back({key, Endpoints(Endpoint::v4(9, 9, 9, 9, port))});
        }
      }
      return reply;
    });
    const NodeIndex victim = world.add(world.entering_at(mallory.index()));
    CHECK(world.run_until(world.node(victim).join()).ok());
    const TimePoint before = world.now();
    const std::uint64_t sent = world.node(victim).stats().requests_sent;
    const auto found = world.run_until(world.node(victim).get(Id::from_top(5)));
    CHECK_FALSE(found.ok());
    CHECK(world.now() - before <= seconds(11));
    CHECK(world.node(victim).stats().requests_sent - sent <= 300);
    const auto known = indexes(world, world.node(victim).contacts());
    CHECK(known == std::set<NodeIndex>{mallory.index()});  // hearsay never enters the table
  }
}

TEST_CASE("frames that are no message are counted and harm nobody") {
  Trap trap;
  grow(trap.world, 10);
  trap.world.run_for(minutes(1));
  const NodeIndex target = 4;
  Prng prng(7);
  const std::uint64_t before = trap.world.node(target).stats().frames_malformed;
  for (int i = 0; i < 200; ++i) {
    Bytes frame(prng.below(100), 0);
    for (Byte& byte : frame) byte = static_cast<Byte>(prng.next());
    trap.mallory.send(trap.world.contact(target), std::move(frame));
    trap.world.run_for(std::chrono::milliseconds(10));
  }
  trap.world.run_for(seconds(1));
  const Stats stats = trap.world.node(target).stats();
  CHECK(stats.frames_malformed > before);
  CHECK(stats.operations_running == 0);
  const auto receipt = trap.world.run_until(trap.world.node(target).set("n", view_of("v")));
  CHECK(receipt.ok());
}

TEST_CASE("messages cut short or with bytes changed or added harm nobody") {
  Trap trap;
  grow(trap.world, 5);
  const NodeIndex target = 3;
  const Record record = signed_record(trap.owner, "name", "true", trap.tomorrow());
  const Bytes whole = wire::encode(wire::Message{5, wire::Store{record}});
  Prng prng(8);
  for (std::size_t i = 0; i < 300; ++i) {
    Bytes frame = whole;
    switch (i % 3) {
      case 0:
        frame.resize(prng.below(frame.size()));
        break;
      case 1:
        frame[prng.below(frame.size())] ^= static_cast<Byte>(1 + prng.below(255));
        break;
      default:
        frame.push_back(static_cast<Byte>(prng.next()));
        break;
    }
    trap.mallory.send(trap.world.contact(target), std::move(frame));
    trap.world.run_for(seconds(10));  // so that few bad signatures come in one minute
  }
  trap.world.run_for(seconds(1));
  const Stats stats = trap.world.node(target).stats();
  CHECK(stats.frames_malformed > 100);
  // What it may hold now it could prove.
  for (const Key& key : trap.world.disk(target).contents().keys_after(std::nullopt, 100)) {
    CHECK(verify(held_by(trap.world, target, key)->record, key, "kadmos").ok());
  }
}

TEST_CASE("a peer that claims another node's address does not enter the table with it") {
  World world;
  grow(world, 3);
  Config config = world.entering_at(0);
  config.advertise = Endpoints(world.bootstrap(1).endpoint);  // which is node 1's
  RawPeer mallory(world, polite, config);
  for (int i = 0; i < 5; ++i) {
    mallory.send(world.contact(0), wire::Message{1, wire::FindNode{Id::from_top(1)}});
    world.run_for(minutes(1));
  }
  CHECK_FALSE(knows(world, 0, mallory.index()));
  CHECK(knows(world, 0, 1));
  // Nor does it take node 1's place.
  const auto found = world.run_until(world.node(0).find_node(world.node(1).id()));
  REQUIRE(found.ok());
  CHECK(indexes(world, found->contacts) == std::set<NodeIndex>{1, 2});
}

TEST_CASE("a peer that takes requests and never answers is not waited for again and again") {
  World world;
  grow(world, 12);
  RawPeer mute(world);
  world.run_for(minutes(1));
  // Everybody hears of it from node 0, whom it asks; then it falls silent.
  mute.set_answer(polite);
  mute.send(world.contact(0), wire::Message{1, wire::FindNode{Id::from_top(1)}});
  world.run_for(minutes(10));
  mute.set_answer({});
  const Id target = id_of(mute.contact().key);
  Duration longest{};
  for (int i = 0; i < 30; ++i) {
    const TimePoint before = world.now();
    CHECK(world.run_until(world.node(5).find_node(target)).ok());
    longest = std::max(longest, world.now() - before);
    world.run_for(seconds(1));
  }
  CHECK(longest < seconds(2));
  world.run_for(std::chrono::hours(3));
  // Who is lost is dialled again at every meeting, and stays for the two requests it leaves
  // unanswered.
  const auto forgotten = [&] {
    for (NodeIndex i = 0; i < 12; ++i) {
      if (knows(world, i, mute.index())) return false;
    }
    return true;
  };
  CHECK(world.run_until(forgotten, seconds(30)));
}

}  // namespace
}  // namespace kadmos::sim
