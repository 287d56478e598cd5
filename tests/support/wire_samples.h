// Messages for the tests of the wire: the ones worked through in docs/protocol.md, and random ones.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "wire/codec.h"
#include "wire/schema.h"

namespace kadmos::wire {

// The key pair of the document's examples: its secret seed is 00 01 02 … 1f.
inline Identity sample_owner() {
  Seed seed{};
  for (std::size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<Byte>(i);
  return Identity::from_seed(seed);
}

inline Endpoints sample_endpoints() {
  Endpoints out(*Endpoint::parse("192.0.2.1:4000"));
  out.add(*Endpoint::parse("[2001:db8::1]:4000"));
  return out;
}

inline Record sample_record(RecordType type) {
  Record out;
  out.type = type;
  if (type == RecordType::provider) {
    out = announcing({content_key(view_of("hello")), false, sample_endpoints()});
    out.sequence = 1'699'913'600'000;
  }
  out.expiry = WallTime(std::chrono::milliseconds(1'700'000'000'000));
  if (type == RecordType::provider) {
    sign(out, sample_owner(), "kadmos");
    return out;
  }
  if (type != RecordType::tombstone) out.value = to_bytes("hello");
  if (type == RecordType::content) return out;
  out.name = to_bytes("greeting");
  out.sequence = type == RecordType::owned ? 1 : 2;
  sign(out, sample_owner(), "kadmos");
  return out;
}

// The second half of a record's key.
inline ByteArray<32> last_half(const Record& record) {
  const auto key = key_of(record).bytes();
  ByteArray<32> out{};
  std::copy(key.begin() + 32, key.end(), out.begin());
  return out;
}

inline std::vector<std::pair<std::string, Hello>> sample_hellos() {
  Hello server{.network = "kadmos", .endpoints = sample_endpoints()};
  Hello client{.network = "kadmos", .endpoints = {}, .client = true};
  return {{"hello", server}, {"hello-client", client}};
}

inline std::vector<std::pair<std::string, Message>> sample_messages() {
  const Record owned = sample_record(RecordType::owned);
  const Record content = sample_record(RecordType::content);
  const Record announcement = sample_record(RecordType::provider);
  const Contact contact{sample_owner().public_key(), sample_endpoints()};
  return {
      {"ping", {7, Ping{}}},
      {"pong", {7, Pong{}}},
      {"find-node", {8, FindNode{sample_owner().id()}}},
      {"nodes", {8, Nodes{{contact}, {}}}},
      {"find-value", {300, FindValue{key_of(content)}}},
      {"nodes-record", {300, Nodes{{}, content}}},
      {"store", {70'000, Store{owned, {}, {sample_owner().id().top()}}}},
      {"store-tombstone", {70'001, Store{sample_record(RecordType::tombstone), 1}}},
      {"stored", {70'000, Stored{StoreStatus::durable, 1}}},
      {"find-providers", {301, FindProviders{key_of(content), {}}}},
      {"providers", {301, Providers{{}, {announcement}, true}}},
      {"find-providers-after", {302, FindProviders{key_of(content), last_half(announcement)}}},
      {"compare",
       {303,
        Compare{{{KeyRange::around(key_of(content), 12), fingerprint(key_of(content), content)},
                 {KeyRange{}, 0}}}}},
      {"compared", {303, Compared{{{0, 1}}}}},
      {"versions",
       {304, Versions{KeyRange::around(key_of(content), 12),
                      {{key_of(content).fold(), 0, fingerprint(key_of(content), content)}}}}},
      {"wanted", {304, Wanted{{0}}}},
      {"failure", {70'001, Failure{FailureCode::busy, "too many stores"}}},
      {"watch", {9, Watch{key_of(owned), 120}}},
      {"watching", {9, Watching{{}, 120}}},
      {"watching-record", {9, Watching{owned, 120}}},
      {"update", {9, Update{sample_record(RecordType::tombstone)}}},
  };
}

// Random messages: every type, sizes from empty to a few hundred bytes, numbers of every length.
class MessageMaker {
 public:
  explicit MessageMaker(std::uint64_t seed) : prng_(seed) {}

  Message message() {
    Message out{number(), {}};
    switch (prng_.below(17)) {
      case 0:
        out.body = Ping{};
        break;
      case 1:
        out.body = FindNode{prng_.id()};
        break;
      case 2:
        out.body = FindValue{prng_.id()};
        break;
      case 3:
        out.body = Store{record(), {}, {}};
        if (prng_.chance(500'000)) std::get<Store>(out.body).expects = number();
        while (prng_.chance(500'000)) std::get<Store>(out.body).known.push_back(number());
        break;
      case 4:
        out.body = Pong{};
        break;
      case 5:
        out.body = nodes();
        break;
      case 6:
        out.body = stored();
        break;
      case 7:
        out.body = Failure{static_cast<FailureCode>(1 + prng_.below(3)), text()};
        break;
      case 8:
        out.body = find_providers();
        break;
      case 9:
        out.body = providers();
        break;
      case 10:
        out.body = Watch{prng_.id(), lease()};
        break;
      case 11:
        out.body = Watching{{}, lease()};
        if (prng_.chance(500'000)) std::get<Watching>(out.body).record = record();
        break;
      case 12:
        out.body = Update{record()};
        break;
      case 13: {
        Compare compare{std::vector<Compare::Part>(1 + prng_.below(Compare::kMost))};
        for (auto& part : compare.parts) part = {range(), number()};
        out.body = std::move(compare);
        break;
      }
      case 14: {
        Versions versions{range(), std::vector<Versions::Held>(prng_.below(9))};
        for (auto& held : versions.held) held = {number(), number(), number()};
        out.body = std::move(versions);
        break;
      }
      case 15: {
        Compared compared;
        for (const auto i : indexes()) compared.differences.push_back({i, number()});
        out.body = std::move(compared);
        break;
      }
      case 16:
        out.body = Wanted{indexes()};
        break;
    }
    return out;
  }

  Hello hello() {
    Hello out;
    out.version = static_cast<std::uint32_t>(number());
    const Bytes network = bytes(1 + prng_.below(64));
    out.network = text_of(network);
    if (!prng_.chance(200'000)) out.endpoints = endpoints();
    out.client = prng_.chance(500'000);
    return out;
  }

  Prng& prng() { return prng_; }

 private:
  // Of any length in bits, so that every encoded size of an integer comes up.
  std::uint64_t number() { return prng_.next() >> prng_.below(64); }
  KeyRange range() {
    return KeyRange::around(prng_.id(), static_cast<int>(prng_.below(Id::kBits + 1)));
  }
  // Ascending, out of 64.
  std::vector<std::uint64_t> indexes() {
    std::vector<std::uint64_t> out;
    for (std::uint64_t i = 0; i < 64; ++i) {
      if (prng_.chance(100'000)) out.push_back(i);
    }
    return out;
  }
  Bytes bytes(std::size_t size) {
    Bytes out(size);
    for (Byte& b : out) b = static_cast<Byte>(prng_.next());
    return out;
  }
  template <std::size_t N>
  void fill(ByteArray<N>& out) {
    for (Byte& b : out) b = static_cast<Byte>(prng_.next());
  }
  std::string text() {
    std::string out(prng_.below(201), ' ');
    for (char& c : out) c = static_cast<char>(prng_.between(' ', '~'));
    return out;
  }
  std::uint32_t lease() { return static_cast<std::uint32_t>(prng_.below(kMaxLease + 1)); }
  std::uint16_t port() { return static_cast<std::uint16_t>(1 + prng_.below(65535)); }
  Endpoints endpoints() {
    Endpoints out;
    const std::uint64_t which = prng_.below(3);
    if (which != 1) {
      const auto byte = [&] { return static_cast<Byte>(1 + prng_.below(255)); };
      out.add(Endpoint::v4(byte(), byte(), byte(), byte(), port()));
    }
    if (which != 0) {
      Endpoint v6;
      fill(v6.ip);
      v6.ip[0] = 0x20;
      v6.port = port();
      out.add(v6);
    }
    return out;
  }
  Stored stored() {
    Nodes more = nodes();
    return {static_cast<StoreStatus>(prng_.below(3)), number(), std::move(more.contacts),
            std::move(more.record)};
  }
  Record record() { return record(static_cast<RecordType>(1 + prng_.below(4))); }
  Record record(RecordType type) {
    Record out;
    out.type = type;
    out.expiry = WallTime(std::chrono::milliseconds(number() >> 11));
    if (out.type != RecordType::tombstone) out.value = bytes(prng_.below(400));
    if (out.type == RecordType::content) return out;
    fill(out.owner.bytes);
    out.name = bytes(prng_.below(300));
    out.sequence = number();
    fill(out.signature);
    return out;
  }
  Contacts contacts() {
    Contacts out(prng_.below(41));
    for (Contact& contact : out) {
      fill(contact.key.bytes);
      contact.endpoints = endpoints();
    }
    return out;
  }
  FindProviders find_providers() {
    FindProviders out{prng_.id(), {}};
    if (prng_.chance(500'000)) fill(out.after.emplace());
    return out;
  }
  Providers providers() {
    Providers out{contacts(), {}, prng_.chance(500'000)};
    for (std::uint64_t n = prng_.below(5); n > 0; --n) {
      out.records.push_back(record(RecordType::provider));
    }
    return out;
  }
  Nodes nodes() {
    Nodes out{contacts(), {}};
    if (prng_.chance(500'000)) out.record = record();
    return out;
  }

  Prng prng_;
};

}  // namespace kadmos::wire
