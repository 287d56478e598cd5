// parts_bench: what the parts of a node cost each for itself, by Google Benchmark, whose arguments
// it takes (--benchmark_filter=REGEX, --benchmark_format=json). Times say which part to look at
// when swarm_bench got slower; asserts nothing.
//
// What holds something is measured with a thousand, ten and a hundred thousand of it. A linear cost
// would grow a hundred times over these; a few times is what the caches miss.
#include <benchmark/benchmark.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/contact_book.h"
#include "base/prng.h"
#include "crypto/sha512.h"
#include "engine/rpcs.h"
#include "engine/watchers.h"
#include "kadmos/kadmos.h"
#include "lookup/lookup.h"
#include "routing/routing_table.h"
#include "routing/suspects.h"
#include "store/record_store.h"
#include "support/records.h"
#include "wire/codec.h"
#include "wire/netstring.h"

namespace kadmos::bench {
namespace {

using benchmark::DoNotOptimize;
using benchmark::State;

constexpr int kK = 20;

// For a benchmark whose argument is how much is held.
void sizes(benchmark::internal::Benchmark* bench) {
  bench->RangeMultiplier(10)->Range(1000, 100'000);
}
std::size_t held(const State& state) { return static_cast<std::size_t>(state.range(0)); }

PublicKey key_of(Prng& prng) {
  PublicKey out;
  for (Byte& byte : out.bytes) byte = static_cast<Byte>(prng.next());
  return out;
}

Contact contact_of(Prng& prng) {
  return {key_of(prng),
          Endpoints(Endpoint::v4(10, 0, 0, 1, static_cast<std::uint16_t>(1 + prng.below(60'000))))};
}

wire::Contacts contacts_of(Prng& prng, std::size_t count) {
  wire::Contacts out;
  while (out.size() < count) out.push_back(contact_of(prng));
  return out;
}

Bytes bytes_of(std::size_t count) { return Bytes(count, 'x'); }

// ---- Wire.
void netstring_append(State& state) {
  const Bytes payload = bytes_of(static_cast<std::size_t>(state.range(0)));
  Bytes out;
  for (auto _ : state) {
    out.clear();
    wire::append_netstring(out, payload);
    DoNotOptimize(out.data());
  }
}
BENCHMARK(netstring_append)->Arg(150)->Arg(10'000);

void netstring_read(State& state) {
  Bytes frame;
  wire::append_netstring(frame, bytes_of(static_cast<std::size_t>(state.range(0))));
  wire::NetstringReader reader(Limits{}.frame_bytes);
  std::size_t seen = 0;
  for (auto _ : state) {
    check(reader
              .feed(frame,
                    [&](ByteView payload) {
                      seen += payload.size();
                      return true;
                    })
              .ok());
  }
  DoNotOptimize(seen);
}
BENCHMARK(netstring_read)->Arg(150)->Arg(10'000);

enum Kind : std::uint8_t { request, contacts, value, store };

wire::Message message_of(Kind kind) {
  Prng prng(1);
  const Record record = records::owned(records::identity(1), "a name", 1, std::string(100, 'x'));
  switch (kind) {
    case request:
      return {1, wire::FindValue{prng.id()}};
    case contacts:
      return {1, wire::Nodes{contacts_of(prng, kK), {}}};
    case value:
      return {1, wire::Nodes{contacts_of(prng, kK), record}};
    case store:
      return {1, wire::Store{record}};
  }
  return {};
}

void encode(State& state, Kind kind) {
  const wire::Message message = message_of(kind);
  for (auto _ : state) DoNotOptimize(wire::encode(message));
}
BENCHMARK_CAPTURE(encode, find_value, request);
BENCHMARK_CAPTURE(encode, nodes, contacts);
BENCHMARK_CAPTURE(encode, nodes_and_record, value);
BENCHMARK_CAPTURE(encode, store, store);

void decode(State& state, Kind kind) {
  const Bytes frame = wire::encode(message_of(kind));
  const Limits limits;
  for (auto _ : state) DoNotOptimize(wire::decode(frame, limits));
}
BENCHMARK_CAPTURE(decode, find_value, request);
BENCHMARK_CAPTURE(decode, nodes, contacts);
BENCHMARK_CAPTURE(decode, nodes_and_record, value);
BENCHMARK_CAPTURE(decode, store, store);

// ---- Contacts, table, lookup.
struct Book {
  explicit Book(std::size_t known) {
    for (const Contact& contact : contacts_of(prng, known)) book.intern(contact);
  }
  Prng prng{1};
  ContactBook book{id_of};
};

void contact_book_intern_new(State& state) {
  Book all(held(state));
  const auto contacts = contacts_of(all.prng, 10'000);
  std::size_t i = 0;
  for (auto _ : state) {
    all.book.release(all.book.intern(contacts[i]));
    i = (i + 1) % contacts.size();
  }
}
BENCHMARK(contact_book_intern_new)->Apply(sizes);

void contact_book_intern_known(State& state) {
  Book all(held(state));
  const auto contacts = contacts_of(all.prng, 1000);
  for (const Contact& contact : contacts) all.book.intern(contact);
  std::size_t i = 0;
  for (auto _ : state) {
    all.book.release(all.book.intern(contacts[i]));
    i = (i + 1) % contacts.size();
  }
}
BENCHMARK(contact_book_intern_known)->Apply(sizes);

// A table that met so many nodes.
struct Table {
  explicit Table(std::size_t nodes)
      : book(id_of), table(id_of(key_of(prng)), RoutingTable::Options{}, book) {
    for (const Contact& contact : contacts_of(prng, nodes)) {
      refs.push_back(book.intern(contact));
      table.on_seen(TimePoint{}, refs.back(), {});
    }
  }
  Prng prng{1};
  ContactBook book;
  std::vector<ContactRef> refs;
  RoutingTable table;
};

void routing_table_seen(State& state) {
  Table all(held(state));
  std::size_t i = 0;
  for (auto _ : state) {
    DoNotOptimize(all.table.on_seen(TimePoint{}, all.refs[i], std::chrono::milliseconds(1)));
    i = (i + 1) % all.refs.size();
  }
}
BENCHMARK(routing_table_seen)->Apply(sizes);

void routing_table_closest(State& state) {
  Table all(held(state));
  for (auto _ : state) DoNotOptimize(all.table.closest_healthy(all.prng.id(), kK));
}
BENCHMARK(routing_table_closest)->Apply(sizes);

// Somebody fails, and answers again.
void suspects(State& state) {
  Suspects all(std::chrono::seconds(30), SIZE_MAX);
  Prng prng(1);
  for (std::size_t i = held(state); i > 0; --i) all.on_offence(TimePoint{}, prng.id());
  for (auto _ : state) {
    const Id id = prng.id();
    all.on_offence(TimePoint{}, id);
    DoNotOptimize(all.suspected(TimePoint{}, id));
    all.on_answer(id);
  }
}
BENCHMARK(suspects)->Apply(sizes);

// An operation's request, its answer, and the operation's end, while so many requests have been
// sent and answered since the oldest one that still waits, as behind a silent peer.
void rpcs_behind_a_silent_peer(State& state) {
  Prng prng(1);
  ContactBook book(id_of);
  const ContactHold silent(book, contact_of(prng));
  const ContactHold other(book, contact_of(prng));
  Rpcs rpcs(1);
  const auto add = [&](const ContactHold& peer, OpId op) {
    const TimePoint now{};
    return rpcs.add({peer, op, now, now + std::chrono::seconds(1), now + std::chrono::seconds(5)});
  };
  const auto fill = [&] {
    rpcs.clear();
    add(silent, 1);
    for (auto i = state.range(0); i > 1; --i)
      check(rpcs.take(add(other, 2), other->key).has_value());
  };
  std::int64_t since = 0;
  OpId op = 3;
  fill();
  for (auto _ : state) {
    check(rpcs.take(add(other, op), other->key).has_value());
    rpcs.orphan(op++);
    if (++since < state.range(0) / 10) continue;
    state.PauseTiming();
    fill();
    since = 0;
    state.ResumeTiming();
  }
}
BENCHMARK(rpcs_behind_a_silent_peer)->Apply(sizes);

// A watch begins and ends among so many others, of as many keys, by a hundred peers.
void watchers(State& state) {
  Limits limits;
  limits.watches = limits.watches_per_peer = SIZE_MAX;
  Watchers all(limits);
  Prng prng(1);
  std::vector<PublicKey> peers;
  while (peers.size() < 100) peers.push_back(key_of(prng));
  const auto soon = [&] { return TimePoint{std::chrono::seconds(prng.below(120))}; };
  for (std::size_t i = held(state); i > 0; --i) {
    check(all.add(prng.id(), Party{peers[i % peers.size()]}, i, soon()));
  }
  for (auto _ : state) {
    const Key key = prng.id();
    check(all.add(key, Party{peers.front()}, 1, soon()));
    DoNotOptimize(all.of(key));
    DoNotOptimize(all.next_timeout());
    all.end(key, peers.front());
  }
}
BENCHMARK(watchers)->Apply(sizes);

// A whole lookup among 1,000 nodes in which each names the 20 nearest of those it drew: divided by
// the answers, this is one step.
void lookup_step(State& state) {
  Prng prng(1);
  ContactBook book(id_of);
  std::vector<ContactRef> refs;
  for (const Contact& contact : contacts_of(prng, 1000)) refs.push_back(book.intern(contact));
  std::int64_t steps = 0;
  for (auto _ : state) {
    Lookup lookup(prng.id(), prng.id(), {}, book);
    for (int i = 0; i < kK; ++i) lookup.add(refs[prng.below(refs.size())], 1, false, true);
    while (!lookup.done()) {
      const auto asked = lookup.next();
      if (!asked) break;
      const auto namer = lookup.on_answer(*asked);
      ++steps;
      for (int i = 0; i < kK; ++i) {
        const ContactRef named = refs[prng.below(refs.size())];
        if (lookup.on_named(named, *namer)) lookup.add(named, *namer, false, false);
      }
    }
  }
  state.SetItemsProcessed(steps);
}
BENCHMARK(lookup_step);

// ---- Hashes and signatures.
void id_of_key(State& state) {
  Prng prng(1);
  const PublicKey key = key_of(prng);
  for (auto _ : state) DoNotOptimize(id_of(key));
}
BENCHMARK(id_of_key);

void key_of_content(State& state) {
  const Bytes value = bytes_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) DoNotOptimize(content_key(value));
}
BENCHMARK(key_of_content)->Arg(100)->Arg(10'000);

void record_sign(State& state) {
  const Identity owner = records::identity(1);
  Record record = records::owned(owner, "a name", 1, std::string(100, 'x'));
  for (auto _ : state) sign(record, owner, records::kNetwork);
}
BENCHMARK(record_sign);

void record_verify(State& state) {
  const Record record = records::owned(records::identity(1), "a name", 1, std::string(100, 'x'));
  const Key key = kadmos::key_of(record);
  for (auto _ : state) check(verify(record, key, records::kNetwork).ok());
}
BENCHMARK(record_verify);

// ---- Storage: a store of so many records of a name each, which is its limit.
struct Store {
  explicit Store(std::size_t count) {
    config.limits.records = count;
    config.limits.records_per_owner = config.limits.records_per_group = 1 << 30;
    storage->on_committed(
        [this](CommitId id, const Result<void>& result) { store->on_committed(id, result); });
    store.emplace(config, self, *storage, stats);
    while (keys.size() < count) {
      // As far from the node as keys can be, so that any other that is nearer displaces one.
      Key key = prng.id();
      key.set_bit(0, !self.bit(0));
      check(offer(key).status == RecordStore::Status::accepted);
      keys.push_back(key);
      if (keys.size() % 1000 == 0) commit();
    }
    commit();
  }
  RecordStore::Verdict offer(const Key& key) {
    record.sequence = ++sequence;
    record.expiry = records::kNoon + std::chrono::hours(1) + std::chrono::milliseconds(sequence);
    return store->offer(now, key, record, Own::none, 1);
  }
  void commit() {
    if (auto batch = store->poll_commit()) storage->commit(*std::move(batch));
    storage->pump();
  }
  const Key& any() { return keys[prng.below(keys.size())]; }

  Prng prng{1};
  Id self = prng.id();
  Config config;
  Stats stats;
  Now now{TimePoint{}, records::kNoon};
  // Whether it proves itself was seen before it is offered.
  Record record = records::owned(records::identity(1), "a name", 1, std::string(100, 'x'));
  std::uint64_t sequence = 0;
  std::vector<Key> keys;
  std::unique_ptr<Storage> storage = make_memory_storage();
  std::optional<RecordStore> store;
};

void store_find(State& state) {
  Store all(held(state));
  for (auto _ : state) DoNotOptimize(all.store->find(all.now, all.any()));
}
BENCHMARK(store_find)->Apply(sizes);

// A newer version.
void store_replace(State& state) {
  Store all(held(state));
  for (auto _ : state) {
    DoNotOptimize(all.offer(all.any()));
    all.commit();
  }
}
BENCHMARK(store_replace)->Apply(sizes);

// A record nearer than all, for which the farthest goes.
void store_displace(State& state) {
  Store all(held(state));
  std::uint64_t distance = 1ULL << 40;
  for (auto _ : state) {
    auto bytes = all.self.bytes();
    --distance;
    for (std::size_t i = 0; i < 8; ++i) bytes[8 + i] ^= static_cast<Byte>(distance >> (56 - 8 * i));
    check(all.offer(*Id::from_bytes(bytes)).status == RecordStore::Status::accepted);
    all.commit();
  }
}
BENCHMARK(store_displace)->Apply(sizes);

// A record farther than any.
void store_turn_away(State& state) {
  Store all(held(state));
  for (auto _ : state) {
    Key key = all.prng.id();
    for (int i = 0; i < 20; ++i) key.set_bit(i, !all.self.bit(i));
    DoNotOptimize(all.offer(key));
    all.commit();
  }
}
BENCHMARK(store_turn_away)->Apply(sizes);

// What is compared with neighbours, after a change.
void store_digest(State& state) {
  Store all(held(state));
  const KeyRange everything;
  DoNotOptimize(all.store->digest(everything));
  for (auto _ : state) {
    all.offer(all.any());
    all.commit();
    DoNotOptimize(all.store->digest(everything));
  }
}
BENCHMARK(store_digest)->Apply(sizes);

// Announcements of a key that has few.
void store_announcements(State& state) {
  Store all(held(state));
  for (auto _ : state) DoNotOptimize(all.store->announcements(all.now, all.any(), {}, 64));
}
BENCHMARK(store_announcements)->Apply(sizes);

}  // namespace
}  // namespace kadmos::bench

BENCHMARK_MAIN();
