// Many keys at once: each input has its result whatever happens meanwhile, and sharing walks takes
// fewer messages than one by one.
#include "kadmos/many.h"

#include <map>
#include <string>
#include <vector>

#include "world/worlds.h"

namespace kadmos::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A node's own operations at a time: it searches and compares now and then.
constexpr std::uint64_t kUpkeep = 3;

WorldOptions quiet(int k = 8) {
  WorldOptions options;
  options.config.k = k;
  options.network.latency = Latency::internet().with_jitter(milliseconds(2), 0);
  return options;
}

std::vector<Entry> numbered(std::size_t n) {
  std::vector<Entry> out;
  for (std::size_t i = 0; i < n; ++i) {
    out.push_back({"name " + std::to_string(i), to_bytes("value " + std::to_string(i)), {}});
  }
  return out;
}

// Everything a stream gives, by input; each input once.
template <class T>
std::map<std::size_t, Result<T>> all_of(World& world, Stream<Done<T>> stream) {
  std::map<std::size_t, Result<T>> out;
  while (true) {
    auto next = world.run_until(stream.next());
    REQUIRE_MESSAGE(next.ok(), next.error().text());
    if (!*next) return out;
    const bool first = out.emplace((*next)->index, std::move((*next)->result)).second;
    REQUIRE(first);
  }
}

template <class T>
void check_all_ok(const std::map<std::size_t, Result<T>>& results, std::size_t n) {
  CHECK(results.size() == n);
  for (const auto& [index, result] : results) {
    CHECK_MESSAGE(result.ok(), index, ": ", (result ? "" : result.error().text()));
  }
}

TEST_CASE("every one of many sets and puts has its receipt and is got with many others") {
  World world(quiet());
  grow(world, 60);
  auto entries = numbered(150);
  for (std::size_t i = 0; i < entries.size(); i += 3) entries[i].name.reset();
  const auto receipts = all_of(world, set_many(world.node(3), entries));
  check_all_ok(receipts, entries.size());
  std::vector<Key> keys;
  for (const auto& [index, receipt] : receipts) keys.push_back(receipt->key);
  const auto found = all_of(world, get_many(world.node(44), keys));
  check_all_ok(found, keys.size());
  for (const auto& [index, one] : found) CHECK(one->record.value == entries[index].value);
  CHECK(comes_to_rest(world));
}

TEST_CASE("inputs that fail say so in their own results and hinder no other") {
  World world(quiet());
  grow(world, 20);
  auto entries = numbered(40);
  entries[5].value.resize(Limits().value_bytes + 1);
  entries[6].name = "";
  entries[7].ttl = milliseconds(0);
  // A stretch of nothing else, whose results are all there at once.
  std::vector<Entry> wrong(5000, entries[6]);
  entries.insert(entries.end(), wrong.begin(), wrong.end());
  const auto receipts = all_of(world, set_many(world.node(3), entries));
  REQUIRE(receipts.size() == 5040);
  for (const auto& [index, receipt] : receipts) {
    REQUIRE(receipt.ok() == (index < 40 && index != 5 && index != 6 && index != 7));
  }
  CHECK(receipts.at(5).error().code == Errc::too_large);

  const Key nobody = content_key(view_of("nobody set this"));
  const auto found = all_of(world, get_many(world.node(9), {receipts.at(0)->key, nobody}));
  CHECK(found.at(0).ok());
  CHECK(found.at(1).error().code == Errc::not_found);
}

TEST_CASE("inputs of one name are set in the order given") {
  World world(quiet());
  grow(world, 30);
  std::vector<Entry> entries;
  for (int i = 0; i < 60; ++i) {
    entries.push_back({i % 2 == 0 ? "even" : "odd", to_bytes(std::to_string(i)), {}});
  }
  const auto receipts = all_of(world, set_many(world.node(3), entries, {.at_once = 16}));
  check_all_ok(receipts, 60);
  for (const auto& [index, receipt] : receipts) CHECK(receipt->sequence == index / 2 + 1);
  const Key even = owned_key(world.network().key(3), view_of("even"));
  CHECK(text(world.run_until(world.node(9).get(even))->record) == "58");
}

// What an entry that was written down under a sequence comes to, as the only one of a set_many.
Result<Receipt> set_again(World& world, NodeIndex i, const std::string& value,
                          std::uint64_t sequence, std::optional<milliseconds> ttl = std::nullopt) {
  const Entry entry{"name", to_bytes(value), ttl, sequence};
  return all_of(world, set_many(world.node(i), {entry})).at(0);
}

TEST_CASE("a value that was written down is set where it is missing and undoes nothing newer") {
  World world(quiet());
  grow(world, 20);
  const Key key = owned_key(world.network().key(3), view_of("name"));
  const auto found = [&] { return *world.run_until(world.node(9).get(key)); };
  const auto set = [&](const std::string& value) {
    return world.run_until(world.node(3).set("name", view_of(value)));
  };
  // Under its own sequence, so that it is the very version it was.
  auto receipt = set_again(world, 3, "old", 4);
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 4);
  CHECK(receipt->durable >= receipt->quorum);
  CHECK(world.run_until([&] { return world.node(3).owns(key); }));  // on its disk, too
  // It is there already.
  receipt = set_again(world, 3, "old", 4);
  REQUIRE(receipt.ok());
  CHECK(receipt->target == 0);
  CHECK(found().record.sequence == 4);
  // A later backup goes on, an earlier one does not come back.
  CHECK(set_again(world, 3, "new", 5)->sequence == 5);
  for (const std::uint64_t sequence : {1, 4, 5}) {
    CHECK(set_again(world, 3, "old", sequence).error().code == Errc::conflict);
  }
  CHECK(text(found().record) == "new");
  // Older than all it is measured with.
  CHECK(set_again(world, 3, "newest", 90)->sequence == 90);
  REQUIRE(set("newer still").ok());
  CHECK(set_again(world, 3, "newest", 90).error().code == Errc::conflict);
  CHECK(text(found().record) == "newer still");
  REQUIRE(world.run_until(world.node(3).del("name")).ok());
  for (const std::uint64_t sequence : {91, 92}) {
    const auto again = set_again(world, 3, "newer still", sequence);
    REQUIRE_FALSE(again.ok());
    CHECK(again.error().detail == "it was deleted with sequence 92");
  }
  CHECK(set_again(world, 3, "back", 93)->sequence == 93);
  CHECK(comes_to_rest(world));
}

TEST_CASE("a value that was written down takes the sequence after the one that expired") {
  World world(quiet());
  grow(world, 20);
  const auto set = [&](milliseconds ttl) {
    SetOptions options;
    options.ttl = ttl;
    return world.run_until(world.node(3).set("name", view_of("value"), options));
  };
  REQUIRE(set(std::chrono::hours(1)).ok());
  REQUIRE(set(std::chrono::hours(1))->sequence == 2);
  world.run_for(std::chrono::hours(2));
  CHECK(set_again(world, 3, "older", 1).error().code == Errc::conflict);
  const auto receipt = set_again(world, 3, "value", 2);
  REQUIRE_MESSAGE(receipt.ok(), receipt.error().text());
  CHECK(receipt->sequence == 3);
}

TEST_CASE("a value that was written down is set anew by whoever is to keep it from now on") {
  World world(quiet());
  grow(world, 20);
  const Identity owner = world.identity(3);
  const Key key = owned_key(owner.public_key(), view_of("name"));
  SetOptions brief;
  brief.ttl = std::chrono::hours(5);
  REQUIRE(world.run_until(world.node(3).set("name", view_of("value"), brief)).ok());
  CHECK_FALSE(world.node(3).owns(key));
  // With a lifetime of its own it need not be kept.
  CHECK(set_again(world, 3, "value", 1, milliseconds(60'000))->target == 0);
  CHECK(set_again(world, 3, "value", 1)->sequence == 2);
  CHECK(world.run_until([&] { return world.node(3).owns(key); }));
  CHECK(set_again(world, 3, "value", 1)->target == 0);
}

// The most operations that ran at a time.
std::uint64_t most_running(std::size_t at_once) {
  World world(quiet());
  grow(world, 30);
  Config config = world.entering_at(0);
  config.client = true;
  Node& client = world.node(world.add(config));
  REQUIRE(world.run_until(client.join()).ok());
  CHECK(comes_to_rest(world));
  std::uint64_t most = 0;
  auto stream = set_many(client, numbered(100), {.at_once = at_once});
  for (std::size_t given = 0; given < 100; ++given) {
    auto next = stream.next();
    CHECK(world.run_until([&] {
      most = std::max(most, client.stats().operations_running);
      return next.ready();
    }));
    const auto item = std::move(next).take();
    REQUIRE((item && *item));
    CHECK((*item)->result.ok());
  }
  CHECK(world.run_until(stream.next()).ok());
  return most;
}

TEST_CASE("no more operations run than are asked for at once") {
  const auto check_most = [](std::size_t at_once, std::uint64_t expected) {
    const std::uint64_t most = most_running(at_once);
    CHECK(most >= expected);
    CHECK(most <= expected + kUpkeep);
  };
  check_most(7, 7);
  check_most(1, 1);
  check_most(0, 1);  // nothing would never end
  check_most(1'000'000, 100);
}

TEST_CASE("many of nothing end at once") {
  World world(quiet());
  grow(world, 1);
  CHECK(all_of(world, set_many(world.node(0), {})).empty());
  CHECK(all_of(world, get_many(world.node(0), {})).empty());
}

TEST_CASE("results that nobody takes for long are all kept") {
  World world(quiet());
  grow(world, 20);
  auto stream = set_many(world.node(3), numbered(300));
  world.run_for(std::chrono::minutes(5));
  CHECK(comes_to_rest(world));
  check_all_ok(all_of(world, std::move(stream)), 300);
}

TEST_CASE("dropping the stream ends what is under way and begins no more") {
  World world(quiet());
  grow(world, 30);
  CHECK(comes_to_rest(world));
  const auto before = world.node(3).stats();
  {
    auto stream = set_many(world.node(3), numbered(100), {.at_once = 10});
    const auto first = world.run_until(stream.next());
    REQUIRE((first && *first));
    CHECK(world.node(3).stats().operations_running >= 10);
  }
  CHECK(world.node(3).stats().operations_running <= kUpkeep);
  world.run_for(seconds(20));
  const auto begun = world.node(3).stats().operations_done - before.operations_done;
  CHECK(begun >= 11);
  CHECK(begun < 40);
}

TEST_CASE("who takes a result may drop the stream at that moment") {
  World world(quiet());
  grow(world, 30);
  CHECK(comes_to_rest(world));
  std::optional<Stream<Done<Receipt>>> stream = set_many(world.node(3), numbered(100));
  int taken = 0;
  auto waiting = stream->next().then([&](Result<std::optional<Done<Receipt>>> one) {
    CHECK((one && *one));
    ++taken;
    stream.reset();
  });
  CHECK(world.run_until([&] { return taken > 0; }));
  CHECK(world.node(3).stats().operations_running <= kUpkeep);
  world.run_for(seconds(20));
  CHECK(taken == 1);
}

TEST_CASE("when the node ends every input that is left ends with it") {
  World world(quiet());
  grow(world, 30);
  auto stream = set_many(world.node(3), numbered(100), {.at_once = 10});
  // At once, and by who takes a result.
  bool crashed = false;
  auto waiting = stream.next().then([&](Result<std::optional<Done<Receipt>>> one) {
    CHECK((one && *one));
    world.crash(3);
    crashed = true;
  });
  CHECK(world.run_until([&] { return crashed; }));
  const auto rest = all_of(world, std::move(stream));
  CHECK(rest.size() == 99);
  for (const auto& [index, result] : rest) {
    if (!result) CHECK(result.error().code == Errc::closed);
  }
  CHECK_FALSE(rest.rbegin()->second.ok());
}

TEST_CASE("many keys are provided at once and each is found") {
  World world(quiet());
  grow(world, 40);
  std::vector<Key> keys;
  for (int i = 0; i < 50; ++i) keys.push_back(content_key(view_of(std::to_string(i))));
  check_all_ok(all_of(world, provide_many(world.node(3), keys)), keys.size());
  for (const Key& key : {keys[0], keys[20], keys[49]}) {
    auto providers = world.node(17).find_providers(key);
    const auto one = world.run_until(providers.next());
    REQUIRE((one && *one));
    CHECK((*one)->contact.key == world.network().key(3));
  }
}

TEST_CASE("a node tells what it holds itself and which of it it publishes anew") {
  World world(quiet());
  grow(world, 30);
  Node& node = world.node(3);
  std::vector<Entry> entries = numbered(3);
  entries[1].name.reset();
  entries[2].ttl = std::chrono::hours(1);
  const auto receipts = all_of(world, set_many(node, entries));
  check_all_ok(receipts, 3);
  std::vector<Key> own{receipts.at(0)->key, receipts.at(1)->key};
  std::ranges::sort(own);
  CHECK(node.own_keys() == own);
  CHECK(world.node(9).own_keys().empty());
  for (const NodeIndex i : {3, 9}) {
    for (std::size_t n = 0; n < 2; ++n) {
      const Key& key = receipts.at(n)->key;
      const auto held = world.node(i).held(key);
      REQUIRE(held.ok());
      CHECK(held->has_value() == held_by(world, i, key).has_value());
      if (*held) CHECK((*held)->value == entries[n].value);
    }
  }
  CHECK(world.node(3).held(own[0])->has_value());
  CHECK_FALSE(world.node(3).held(content_key(view_of("nobody")))->has_value());
}

// What a node sends for each of its sets, and another for each of its gets.
struct Cost {
  double set = 0;
  double get = 0;
  double put = 0;
  double get_content = 0;
  Duration elapsed{};
};

std::uint64_t sent(World& world, NodeIndex i) { return world.node(i).stats().requests_sent; }

Cost cost(std::size_t nodes, int k, std::size_t keys, bool shared) {
  World world(quiet(k));
  grow(world, nodes);
  CHECK(comes_to_rest(world));
  Cost out;
  const auto measure = [&](NodeIndex i, double& result, const auto& work) {
    const auto before = sent(world, i);
    const TimePoint began = world.now();
    work();
    out.elapsed += world.now() - began;
    result = static_cast<double>(sent(world, i) - before) / static_cast<double>(keys);
  };
  const auto set = [&](NodeIndex i, const std::vector<Entry>& entries) {
    std::vector<Key> stored;
    if (shared) {
      const auto receipts = all_of(world, set_many(world.node(i), entries, {.at_once = 4}));
      check_all_ok(receipts, keys);
      for (const auto& [index, one] : receipts) stored.push_back(one->key);
      return stored;
    }
    for (const Entry& entry : entries) {
      const auto one = world.run_until(entry.name ? world.node(i).set(*entry.name, entry.value)
                                                  : world.node(i).put(entry.value));
      REQUIRE(one.ok());
      stored.push_back(one->key);
    }
    return stored;
  };
  const auto get = [&](NodeIndex i, const std::vector<Key>& wanted) {
    if (shared) {
      check_all_ok(all_of(world, get_many(world.node(i), wanted, {.at_once = 4})), keys);
      return;
    }
    for (const Key& key : wanted) CHECK(world.run_until(world.node(i).get(key)).ok());
  };
  std::vector<Key> names;
  std::vector<Key> contents;
  auto entries = numbered(keys);
  measure(3, out.set, [&] { names = set(3, entries); });
  for (Entry& entry : entries) entry.name.reset();
  measure(4, out.put, [&] { contents = set(4, entries); });
  measure(5, out.get, [&] { get(5, names); });
  measure(6, out.get_content, [&] { get(6, contents); });
  return out;
}

TEST_CASE("many keys at once take fewer messages than one by one") {
  const Cost alone = cost(150, 8, 300, false);
  const Cost shared = cost(150, 8, 300, true);
  MESSAGE("requests a set ", alone.set, " alone, ", shared.set, " shared; a put ", alone.put, ", ",
          shared.put, "; a get of a name ", alone.get, ", ", shared.get, "; of content ",
          alone.get_content, ", ", shared.get_content);
  // The order alone, with nobody handed on, does not save so much.
  CHECK(shared.set < 0.93 * alone.set);
  CHECK(shared.put < 0.93 * alone.put);
  CHECK(shared.get < 0.75 * alone.get);
  CHECK(shared.get_content < 0.9 * alone.get_content);
}

}  // namespace
}  // namespace kadmos::sim
