// parts_bench: what the parts of a node cost each for itself, by Google Benchmark, whose arguments
// it takes (--benchmark_filter=REGEX, --benchmark_format=json). Times say which part to look at
// when swarm_bench got slower; asserts nothing.
#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/contact_book.h"
#include "base/prng.h"
#include "crypto/sha512.h"
#include "kadmos/kadmos.h"
#include "lookup/lookup.h"
#include "routing/routing_table.h"
#include "store/record_store.h"
#include "support/records.h"
#include "wire/codec.h"
#include "wire/netstring.h"

namespace kadmos::bench {
namespace {

using benchmark::DoNotOptimize;
using benchmark::State;

constexpr int kK = 20;

PublicKey key_of(Prng& prng) {
  PublicKey out;
  for (Byte& byte : out.bytes) byte = static_cast<Byte>(prng.next());
  return out;
}

Contact contact_of(Prng& prng) {
  return {key_of(prng),
          Endpoints(Endpoint::v4(10, 0, 0, 1, static_cast<std::uint16_t>(1 + prng.below(60'000))))};
}

std::vector<Contact> contacts_of(Prng& prng, std::size_t count) {
  std::vector<Contact> out;
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
void contact_book_intern_new(State& state) {
  Prng prng(1);
  const auto contacts = contacts_of(prng, 10'000);
  ContactBook book(id_of);
  std::size_t i = 0;
  for (auto _ : state) {
    book.release(book.intern(contacts[i]));
    i = (i + 1) % contacts.size();
  }
}
BENCHMARK(contact_book_intern_new);

void contact_book_intern_known(State& state) {
  Prng prng(1);
  const auto contacts = contacts_of(prng, 10'000);
  ContactBook book(id_of);
  for (const Contact& contact : contacts) book.intern(contact);
  std::size_t i = 0;
  for (auto _ : state) {
    book.release(book.intern(contacts[i]));
    i = (i + 1) % contacts.size();
  }
}
BENCHMARK(contact_book_intern_known);

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
  Table all(static_cast<std::size_t>(state.range(0)));
  std::size_t i = 0;
  for (auto _ : state) {
    DoNotOptimize(all.table.on_seen(TimePoint{}, all.refs[i], std::chrono::milliseconds(1)));
    i = (i + 1) % all.refs.size();
  }
}
BENCHMARK(routing_table_seen)->Arg(64)->Arg(10'000);

void routing_table_closest(State& state) {
  Table all(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) DoNotOptimize(all.table.closest_healthy(all.prng.id(), kK));
}
BENCHMARK(routing_table_closest)->Arg(64)->Arg(10'000);

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

// ---- Storage.
struct Store {
  explicit Store(std::size_t count) : storage(make_memory_storage()) {
    storage->on_committed([](CommitId, const Result<void>&) {});
    Commit commit;
    commit.id = 1;
    for (std::size_t i = 0; i < count; ++i) {
      StoredRecord stored;
      stored.record = records::content("value " + std::to_string(i));
      stored.expiry = stored.record.expiry;
      keys.push_back(kadmos::key_of(stored.record));
      commit.writes.push_back({keys.back(), std::move(stored)});
    }
    storage->commit(std::move(commit));
    storage->pump();
  }
  std::unique_ptr<Storage> storage;
  std::vector<Key> keys;
};

void storage_find(State& state) {
  const Store all(static_cast<std::size_t>(state.range(0)));
  Prng prng(1);
  for (auto _ : state) DoNotOptimize(all.storage->find(all.keys[prng.below(all.keys.size())]));
}
BENCHMARK(storage_find)->Arg(1000)->Arg(100'000);

void record_store_find(State& state) {
  const Store all(static_cast<std::size_t>(state.range(0)));
  const Config config;
  Stats stats;
  const RecordStore store(config, Id{}, *all.storage, stats);
  const Now now{TimePoint{}, records::kNoon};
  Prng prng(1);
  for (auto _ : state) DoNotOptimize(store.find(now, all.keys[prng.below(all.keys.size())]));
}
BENCHMARK(record_store_find)->Arg(1000)->Arg(100'000);

}  // namespace
}  // namespace kadmos::bench

BENCHMARK_MAIN();
