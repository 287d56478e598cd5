// Messages to msgpack. Lengths and integers always take their shortest form.
#include <algorithm>
#include <array>
#include <msgpack/pack.hpp>

#include "base/check.h"
#include "wire/codec.h"
#include "wire/schema.h"

namespace kadmos::wire {
namespace {

// Contacts, which replies mostly are, are written by hand: msgpack-c makes the head of each value
// byte by byte on the stack, and the processor waits for these before it reads them as one word.
// Each function gives where it ended.
constexpr Byte kNoElements = 0x90;  // an array of none; of up to 15, that many more
constexpr std::size_t kEndpointsBytes = 1 + Endpoints::kMax * (1 + (2 + 16) + 3);  // at most

Byte* put_bin(Byte* at, ByteView bytes) {  // of less than 256
  *at++ = 0xc4;
  *at++ = static_cast<Byte>(bytes.size());
  return std::copy(bytes.begin(), bytes.end(), at);
}

Byte* put_endpoints(Byte* at, const Endpoints& list) {
  *at++ = static_cast<Byte>(kNoElements + list.size());
  for (const Endpoint& endpoint : list) {
    *at++ = kNoElements + 2;
    const ByteView ip(endpoint.ip);
    at = endpoint.is_v4() ? put_bin(at, ip.last<4>()) : put_bin(at, ip);
    const auto low = static_cast<Byte>(endpoint.port);
    if (endpoint.port >= 0x100) {
      *at++ = 0xcd;
      *at++ = static_cast<Byte>(endpoint.port >> 8);
    } else if (endpoint.port >= 0x80) {
      *at++ = 0xcc;
    }
    *at++ = low;
  }
  return at;
}

class Encoder {
 public:
  explicit Encoder(Packed& out) : out_(out), packer_(out) {}
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  void operator()(const Ping&) {}
  void operator()(const FindNode& m) { bin(m.target.bytes()); }
  void operator()(const FindValue& m) { bin(m.key.bytes()); }
  void operator()(const Store& m) {
    record(m.record);
    uint_or_nil(m.expects);
    packer_.pack_bin(static_cast<std::uint32_t>(m.known.size() * kTopBytes));
    for (const std::uint64_t top : m.known) fixed(top);
  }
  void operator()(const Watch& m) {
    bin(m.key.bytes());
    uint(m.lease_s);
  }
  void operator()(const Compare& m) {
    array(m.parts.size());
    for (const Compare::Part& part : m.parts) {
      array(3);
      range(part.range);
      uint(part.fingerprint);
    }
  }
  void operator()(const Versions& m) {
    range(m.range);
    packer_.pack_bin(static_cast<std::uint32_t>(m.held.size() * kHeldBytes));
    for (const Versions::Held& held : m.held) {
      for (const std::uint64_t word : {held.tag, held.sequence, held.fingerprint}) fixed(word);
    }
  }
  void operator()(const Pong&) {}
  void operator()(const Nodes& m) {
    contacts(m.contacts);
    record_or_nil(m.record);
  }
  void operator()(const Stored& m) {
    uint(static_cast<std::uint64_t>(m.status));
    uint(m.sequence);
    contacts(m.contacts);
    record_or_nil(m.record);
  }
  void operator()(const Compared& m) {
    array(m.differences.size());
    for (const Compared::Difference& difference : m.differences) {
      array(2);
      uint(difference.part);
      uint(difference.records);
    }
  }
  void operator()(const Wanted& m) {
    array(m.held.size());
    for (const std::uint64_t held : m.held) uint(held);
  }
  void operator()(const Failure& m) {
    uint(static_cast<std::uint64_t>(m.code));
    std::string detail = m.detail.substr(0, kDetailBytes);
    std::replace_if(
        detail.begin(), detail.end(), [](char c) { return !is_printable(c); }, '?');
    packer_.pack_str(static_cast<std::uint32_t>(detail.size()));
    packer_.pack_str_body(detail.data(), static_cast<std::uint32_t>(detail.size()));
  }
  void operator()(const FindProviders& m) {
    bin(m.key.bytes());
    bin(m.after ? ByteView(*m.after) : ByteView());
  }
  void operator()(const Providers& m) {
    contacts(m.contacts);
    array(m.records.size());
    for (const Record& one : m.records) record(one);
    boolean(m.more);
  }

  void operator()(const Watching& m) {
    record_or_nil(m.record);
    uint(m.lease_s);
  }
  void operator()(const Update& m) { record(m.record); }

  void head(std::size_t arity, Type type) {
    array(arity);
    uint(static_cast<std::uint64_t>(type));
  }
  void array(std::size_t arity) { packer_.pack_array(static_cast<std::uint32_t>(arity)); }
  void uint(std::uint64_t value) { packer_.pack_uint64(value); }
  void boolean(bool value) { value ? packer_.pack_true() : packer_.pack_false(); }
  void bin(ByteView bytes) {
    packer_.pack_bin(static_cast<std::uint32_t>(bytes.size()));
    packer_.pack_bin_body(text_of(bytes).data(), static_cast<std::uint32_t>(bytes.size()));
  }
  void endpoints(const Endpoints& list) {
    out_.advance(put_endpoints(out_.room(kEndpointsBytes), list));
  }

 private:
  void range(const KeyRange& r) {
    uint(static_cast<std::uint64_t>(r.bits));
    bin(ByteView(r.prefix.bytes()).first(prefix_bytes(r.bits)));
  }
  // Eight bytes, big-endian.
  void fixed(std::uint64_t word) {
    std::array<char, 8> bytes;
    for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(word >> (56 - 8 * i));
    out_.write(bytes.data(), bytes.size());
  }
  void time(WallTime when) {
    const auto ms = static_cast<std::uint64_t>(when.time_since_epoch().count());
    check(ms <= kMaxTime);
    uint(ms);
  }
  void contacts(const Contacts& list) {
    array(list.size());
    for (const Contact& contact : list) {
      Byte* at = out_.room(3 + sizeof(PublicKey) + kEndpointsBytes);
      *at++ = kNoElements + 2;
      at = put_bin(at, contact.key.bytes);
      out_.advance(put_endpoints(at, contact.endpoints));
    }
  }
  void uint_or_nil(const std::optional<std::uint64_t>& value) {
    if (value) {
      uint(*value);
    } else {
      packer_.pack_nil();
    }
  }
  void record_or_nil(const std::optional<Record>& r) {
    if (r) {
      record(*r);
    } else {
      packer_.pack_nil();
    }
  }
  void record(const Record& r) {
    check(r.type != RecordType::floor);
    const bool content = r.type == RecordType::content;
    const bool tombstone = r.type == RecordType::tombstone;
    array(content ? 3 : tombstone ? 6 : 7);
    uint(static_cast<std::uint64_t>(r.type));
    if (!content) {
      bin(r.owner.bytes);
      bin(r.name);
      uint(r.sequence);
    }
    time(r.expiry);
    if (!tombstone) bin(r.value);
    if (!content) bin(r.signature);
  }

  Packed& out_;
  msgpack::packer<Packed> packer_;
};

// Type and arity, indexed like Body.
struct Head {
  Type type;
  std::size_t arity;
};
constexpr Head kHeads[] = {{Type::ping, 2},      {Type::find_node, 3}, {Type::find_value, 3},
                           {Type::store, 5},     {Type::pong, 2},      {Type::nodes, 4},
                           {Type::stored, 6},    {Type::failure, 4},   {Type::find_providers, 4},
                           {Type::providers, 5}, {Type::watch, 4},     {Type::watching, 4},
                           {Type::update, 3},    {Type::compare, 3},   {Type::versions, 5},
                           {Type::compared, 3},  {Type::wanted, 3}};
static_assert(std::size(kHeads) == std::variant_size_v<Body>);

}  // namespace

void Packed::grow(std::size_t most) {
  const std::size_t room = 2 * (size_ + most);
  auto longer = std::make_unique_for_overwrite<Byte[]>(room);
  std::copy_n(begin_, size_, longer.get());
  long_ = std::move(longer);
  begin_ = long_.get();
  room_ = room;
}

Frame::Frame(const Message& message) {
  Encoder encoder(*this);
  const Head& head = kHeads[message.body.index()];
  encoder.head(head.arity, head.type);
  encoder.uint(message.request);
  std::visit([&](const auto& body) { encoder(body); }, message.body);
}

Bytes encode(const Message& message) { return to_bytes(Frame(message).bytes()); }

Bytes encode(const Hello& hello) {
  Packed out;
  Encoder encoder(out);
  encoder.head(5, Type::hello);
  encoder.uint(hello.version);
  encoder.bin(view_of(hello.network));
  encoder.endpoints(hello.endpoints);
  encoder.boolean(hello.client);
  return to_bytes(out.bytes());
}

}  // namespace kadmos::wire
