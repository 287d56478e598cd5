// msgpack to messages. A reader takes one value after the other; each is held against the rule of
// the field that must come next before anything is stored, and the first that breaks its rule ends
// it. So depth and number of elements are bounded by the schema, and memory by what has really
// arrived: a claimed size is never trusted. Each message has one form only: encode(decode(x)) == x.
#include <algorithm>
#include <cstdint>

#include "wire/codec.h"
#include "wire/schema.h"

namespace kadmos::wire {
namespace {

// What a msgpack value is.
enum class Kind : Byte { nil, boolean, uint, bin, str, array, negative, real, ext, map };
constexpr const char* kKindNames[] = {"nil",   "bool",           "uint",  "bin", "str",
                                      "array", "signed integer", "float", "ext", "map"};

struct Value {
  Kind kind = Kind::nil;
  std::uint64_t amount = 0;  // an integer's value, a string's bytes, an array's elements
  bool truth = false;        // of a boolean
  ByteView body;             // of a string
};

// What a field's value must be; the range is of its amount.
struct Rule {
  const char* name;
  Kind kind;
  std::uint64_t min = 0;
  std::uint64_t max = 0;
};
constexpr std::uint64_t kAny = ~std::uint64_t{0};

class Reader {
 public:
  explicit Reader(ByteView payload) : rest_(payload) {}

  // The next value, if it fits the rule. False: a fault, and nothing more is to be read.
  [[gnu::always_inline]] bool take(const Rule& rule, Value& out) {
    return take_common(rule, out) || take_any(rule, out);
  }
  // Whether nil came next; it is taken then.
  bool take_nil() {
    if (rest_.empty() || rest_.front() != 0xc0) return false;
    rest_ = rest_.subspan(1);
    return true;
  }
  bool end() {
    if (!rest_.empty()) return fail("bytes after the end of a message");
    return !longer_ || fail("a length or integer that is not in its shortest form");
  }
  bool fail(std::string fault) {
    fault_ = std::move(fault);
    return false;
  }
  Error error() const { return {Errc::protocol, fault_}; }
  std::size_t left() const { return rest_.size(); }

 private:
  // What contacts are made of, if it is of the right kind and fits: a short array, bin or integer.
  // The kind is known where this is called, so that little is left of it in each place. All else
  // is for parse(), faults above all.
  [[gnu::always_inline]] bool take_common(const Rule& rule, Value& out) {
    if (rest_.size() < 3) return false;
    const Byte* const at = rest_.data();
    std::size_t size = 1;
    if (rule.kind == Kind::array && (at[0] & 0xf0U) == 0x90) {
      out.amount = at[0] & 0x0fU;
    } else if (rule.kind == Kind::uint && at[0] < 0x80) {
      out.amount = at[0];
    } else if (rule.kind == Kind::uint && at[0] == 0xcd && at[1] != 0) {
      out.amount = std::uint64_t{at[1]} << 8 | at[2];
      size = 3;
    } else if (rule.kind == Kind::bin && at[0] == 0xc4 && rest_.size() - 2 >= at[1]) {
      out.amount = at[1];
      out.body = rest_.subspan(2, at[1]);
      size = 2 + out.body.size();
    } else {
      return false;
    }
    if (out.amount < rule.min || out.amount > rule.max) return false;
    out.kind = rule.kind;
    rest_ = rest_.subspan(size);
    return true;
  }
  bool take_any(const Rule& rule, Value& out);
  bool misfit(const Rule& rule, const Value& value);
  bool parse(Value& out);
  // The next n bytes as a number.
  bool number(std::size_t n, std::uint64_t& out) {
    if (rest_.size() < n) return false;
    out = 0;
    for (std::size_t i = 0; i < n; ++i) out = out << 8 | rest_[i];
    rest_ = rest_.subspan(n);
    return true;
  }
  // An amount of n bytes, which takes them only from `least` on.
  bool amount(Value& out, Kind kind, std::size_t n, std::uint64_t least) {
    out.kind = kind;
    if (!number(n, out.amount)) return false;
    longer_ |= out.amount < least;
    return true;
  }
  bool body(Value& out, std::uint64_t size) {
    if (rest_.size() < size) return false;
    out.body = rest_.first(size);
    rest_ = rest_.subspan(size);
    return true;
  }
  // What no field can be: of its kind and amount, and whole.
  bool other(Value& out, Kind kind, std::uint64_t amount, std::uint64_t size) {
    out.kind = kind;
    out.amount = amount;
    return body(out, size);
  }

  ByteView rest_;
  bool longer_ = false;  // something was not in its shortest form
  std::string fault_;
};

bool Reader::parse(Value& out) {
  if (rest_.empty()) return false;
  const Byte first = rest_.front();
  rest_ = rest_.subspan(1);
  if (first < 0x80) return other(out, Kind::uint, first, 0);
  if (first < 0x90) return other(out, Kind::map, first & 0x0fU, 0);
  if (first < 0xa0) return other(out, Kind::array, first & 0x0fU, 0);
  if (first < 0xc0) return other(out, Kind::str, first & 0x1fU, first & 0x1fU);
  if (first >= 0xe0) return other(out, Kind::negative, 0, 0);
  std::uint64_t size = 0;
  switch (first) {
    case 0xc0:
      return other(out, Kind::nil, 0, 0);
    case 0xc2:
    case 0xc3:
      out.truth = first == 0xc3;
      return other(out, Kind::boolean, 0, 0);
    case 0xc4:
      return amount(out, Kind::bin, 1, 0) && body(out, out.amount);
    case 0xc5:
      return amount(out, Kind::bin, 2, 0x100) && body(out, out.amount);
    case 0xc6:
      return amount(out, Kind::bin, 4, 0x10000) && body(out, out.amount);
    case 0xc7:
    case 0xc8:
    case 0xc9:
      return number(std::size_t{1} << (first - 0xc7), size) &&
             other(out, Kind::ext, size + 1, size + 1);
    case 0xca:
    case 0xcb:
      return other(out, Kind::real, 0, first == 0xca ? 4 : 8);
    case 0xcc:
      return amount(out, Kind::uint, 1, 0x80);
    case 0xcd:
      return amount(out, Kind::uint, 2, 0x100);
    case 0xce:
      return amount(out, Kind::uint, 4, 0x10000);
    case 0xcf:
      return amount(out, Kind::uint, 8, 0x100000000);
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return other(out, Kind::negative, 0, std::uint64_t{1} << (first - 0xd0));
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      size = std::uint64_t{1} << (first - 0xd4);
      return other(out, Kind::ext, size + 1, size + 1);
    case 0xd9:
      return amount(out, Kind::str, 1, 0x20) && body(out, out.amount);
    case 0xda:
      return amount(out, Kind::str, 2, 0x100) && body(out, out.amount);
    case 0xdb:
      return amount(out, Kind::str, 4, 0x10000) && body(out, out.amount);
    case 0xdc:
      return amount(out, Kind::array, 2, 0x10);
    case 0xdd:
      return amount(out, Kind::array, 4, 0x10000);
    case 0xde:
      return amount(out, Kind::map, 2, 0);
    case 0xdf:
      return amount(out, Kind::map, 4, 0);
    default:  // 0xc1, which msgpack never uses
      return false;
  }
}

bool Reader::take_any(const Rule& rule, Value& out) {
  if (!parse(out)) return fail("a message that is cut off or not msgpack");
  const bool fits = out.kind == rule.kind && out.amount >= rule.min && out.amount <= rule.max;
  return fits || misfit(rule, out);
}

bool Reader::misfit(const Rule& rule, const Value& value) {
  std::string must = kKindNames[static_cast<int>(rule.kind)];
  if (rule.max > 0) must += " " + std::to_string(rule.min);
  if (rule.max > rule.min) must += ".." + std::to_string(rule.max);
  return fail(std::string(rule.name) + ": " + kKindNames[static_cast<int>(value.kind)] + " " +
              std::to_string(value.amount) + ", must be " + must);
}

// The schema. Every function takes one field or more and is false after a fault.
class Decoder {
 public:
  Decoder(ByteView payload, const Limits& limits) : in_(payload), limits_(limits) {}

  // Made in place, since it goes up to whoever asked.
  Result<Message> message() {
    Result<Message> out{Message()};
    if (!(head(false) && body(*out) && in_.end())) out = in_.error();
    return out;
  }
  Result<Hello> hello() {
    Result<Hello> out{Hello()};
    if (!(head(true) && body(*out) && in_.end())) out = in_.error();
    return out;
  }

 private:
  bool head(bool is_hello);
  bool body(Message& out);
  bool body(Hello& out);
  bool nodes(Nodes& out);
  bool providers(Providers& out);
  bool find_providers(FindProviders& out);
  bool contacts(Contacts& out);
  bool contact(Contact& out);
  bool endpoints(const Rule& rule, bool is_hello, Endpoints& out);
  bool ip(bool is_hello, Endpoint& out);
  bool record(Record& out);
  bool record_or_nil(std::optional<Record>& out) { return in_.take_nil() || record(out.emplace()); }
  bool failure(Failure& out);
  bool range(KeyRange& out);
  bool compare(Compare& out);
  bool versions(Versions& out);
  bool tops(RecycledVector<std::uint64_t>& out);
  bool words(const char* name, std::size_t size, std::size_t most, ByteView& out);
  bool compared(Compared& out);
  bool wanted(Wanted& out);
  // An index into a list of `most`, from `least` on; `least` becomes the next.
  bool index(std::uint64_t most, std::uint64_t& least, std::uint64_t& out);

  // The next eight bytes of such a group, big-endian.
  static std::uint64_t word(ByteView& list) {
    std::uint64_t number = 0;
    for (const Byte byte : list.first(8)) number = number << 8 | byte;
    list = list.subspan(8);
    return number;
  }

  // Whether the array just begun has so many fields after its type.
  bool fields(std::size_t n) {
    if (n + 1 == arity_) return true;
    return in_.fail("an array of " + std::to_string(arity_) + " elements for a type that has " +
                    std::to_string(n + 1));
  }
  template <class T>
  bool uint(const Rule& rule, T& out) {
    Value value;
    if (!in_.take(rule, value)) return false;
    out = static_cast<T>(value.amount);
    return true;
  }
  bool bytes(const Rule& rule, ByteView& out) {
    Value value;
    if (!in_.take(rule, value)) return false;
    out = value.body;
    return true;
  }
  bool bytes(const Rule& rule, Bytes& out) {
    ByteView view;
    if (!bytes(rule, view)) return false;
    out = to_bytes(view);
    return true;
  }
  template <std::size_t N>
  bool bytes(const char* name, ByteArray<N>& out) {
    ByteView view;
    if (!bytes({name, Kind::bin, N, N}, view)) return false;
    std::copy_n(view.begin(), N, out.begin());
    return true;
  }
  bool key(Key& out) {
    ByteView view;
    if (!bytes({"key", Kind::bin, Id::kBytes, Id::kBytes}, view)) return false;
    out = *Id::from_bytes(view);
    return true;
  }
  bool request(Message& out) { return uint({"request", Kind::uint, 0, kAny}, out.request); }

  Reader in_;
  const Limits& limits_;
  std::uint64_t arity_ = 0;  // of the message or record just begun
  std::uint64_t type_ = 0;   // of the message
};

bool Decoder::head(bool is_hello) {
  return uint({"message", Kind::array, 2, 6}, arity_) &&
         uint({"type", Kind::uint, 0, kAny}, type_) &&
         ((type_ == static_cast<std::uint64_t>(Type::hello)) == is_hello ||
          in_.fail("type: " + std::to_string(type_) + " is no " +
                   (is_hello ? "hello" : "message")));
}

bool Decoder::body(Message& out) {
  switch (type_ <= 0xff ? static_cast<Type>(type_) : Type::hello) {
    case Type::ping:
      out.body.emplace<Ping>();
      return fields(1) && request(out);
    case Type::find_node:
      return fields(2) && request(out) && key(out.body.emplace<FindNode>().target);
    case Type::find_value:
      return fields(2) && request(out) && key(out.body.emplace<FindValue>().key);
    case Type::store: {
      auto& store = out.body.emplace<Store>();
      return fields(4) && request(out) && record(store.record) &&
             (in_.take_nil() ||
              uint({"sequence expected", Kind::uint, 0, kAny}, store.expects.emplace())) &&
             tops(store.known);
    }
    case Type::watch: {
      auto& watch = out.body.emplace<Watch>();
      return fields(3) && request(out) && key(watch.key) &&
             uint({"lease", Kind::uint, 0, kMaxLease}, watch.lease_s);
    }
    case Type::compare:
      return fields(2) && request(out) && compare(out.body.emplace<Compare>());
    case Type::versions:
      return fields(4) && request(out) && versions(out.body.emplace<Versions>());
    case Type::compared:
      return fields(2) && request(out) && compared(out.body.emplace<Compared>());
    case Type::wanted:
      return fields(2) && request(out) && wanted(out.body.emplace<Wanted>());
    case Type::pong:
      out.body.emplace<Pong>();
      return fields(1) && request(out);
    case Type::nodes:
      return fields(3) && request(out) && nodes(out.body.emplace<Nodes>());
    case Type::stored: {
      auto& stored = out.body.emplace<Stored>();
      return fields(5) && request(out) && uint({"status", Kind::uint, 0, 2}, stored.status) &&
             uint({"sequence held", Kind::uint, 0, kAny}, stored.sequence) &&
             contacts(stored.contacts) && record_or_nil(stored.record);
    }
    case Type::failure:
      return fields(3) && request(out) && failure(out.body.emplace<Failure>());
    case Type::find_providers:
      return fields(3) && request(out) && find_providers(out.body.emplace<FindProviders>());
    case Type::providers:
      return fields(4) && request(out) && providers(out.body.emplace<Providers>());
    case Type::watching: {
      auto& watching = out.body.emplace<Watching>();
      return fields(3) && request(out) && record_or_nil(watching.record) &&
             uint({"lease", Kind::uint, 0, kMaxLease}, watching.lease_s);
    }
    case Type::update:
      return fields(2) && request(out) && record(out.body.emplace<Update>().record);
    default:
      return in_.fail("type: " + std::to_string(type_) + " is no message");
  }
}

bool Decoder::body(Hello& out) {
  ByteView network;
  Value client;
  if (!(fields(4) && uint({"version", Kind::uint, 0, 0xffffffff}, out.version) &&
        bytes({"network", Kind::bin, 1, kNetworkBytes}, network) &&
        endpoints({"endpoints of a hello", Kind::array, 0, Endpoints::kMax}, true, out.endpoints) &&
        in_.take({"client", Kind::boolean}, client))) {
    return false;
  }
  out.network = text_of(network);
  out.client = client.truth;
  return true;
}

bool Decoder::nodes(Nodes& out) { return contacts(out.contacts) && record_or_nil(out.record); }

bool Decoder::tops(RecycledVector<std::uint64_t>& out) {
  ByteView list;
  if (!words("known", kTopBytes, limits_.contacts_per_reply, list)) return false;
  out.reserve(list.size() / kTopBytes);
  while (!list.empty()) out.push_back(word(list));
  return true;
}

bool Decoder::find_providers(FindProviders& out) {
  ByteView after;
  if (!key(out.key) || !bytes({"after", Kind::bin, 0, 32}, after)) return false;
  if (after.empty()) return true;
  if (after.size() != 32) {
    return in_.fail("after: " + std::to_string(after.size()) + " bytes, must be 0 or 32");
  }
  std::copy(after.begin(), after.end(), out.after.emplace().begin());
  return true;
}

bool Decoder::providers(Providers& out) {
  constexpr std::size_t kLeast = 160;  // bytes of an announcement
  std::size_t count = 0;
  if (!contacts(out.contacts) ||
      !uint({"announcements", Kind::array, 0, kProvidersPerReply}, count)) {
    return false;
  }
  out.records.reserve(std::min(count, in_.left() / kLeast));
  for (; count > 0; --count) {
    if (!record(out.records.emplace_back())) return false;
    if (out.records.back().type != RecordType::provider) {
      return in_.fail("announcements: a record of another type");
    }
  }
  Value more;
  if (!in_.take({"more", Kind::boolean}, more)) return false;
  out.more = more.truth;
  return true;
}

bool Decoder::contacts(Contacts& out) {
  constexpr std::size_t kLeast = 40;  // bytes of a contact
  std::size_t count = 0;
  if (!uint({"contacts", Kind::array, 0, limits_.contacts_per_reply}, count)) return false;
  out.reserve(std::min(count, in_.left() / kLeast));
  for (; count > 0; --count) {
    if (!contact(out.emplace_back())) return false;
  }
  return true;
}

bool Decoder::contact(Contact& out) {
  Value pair;
  return in_.take({"contact", Kind::array, 2, 2}, pair) && bytes("contact key", out.key.bytes) &&
         endpoints({"endpoints of a contact", Kind::array, 1, Endpoints::kMax}, false,
                   out.endpoints);
}

bool Decoder::endpoints(const Rule& rule, bool is_hello, Endpoints& out) {
  std::size_t count = 0;
  if (!uint(rule, count)) return false;
  for (; count > 0; --count) {
    Value pair;
    Endpoint endpoint;
    if (!(in_.take({"endpoint", Kind::array, 2, 2}, pair) && ip(is_hello, endpoint) &&
          uint({"port", Kind::uint, 1, 65535}, endpoint.port))) {
      return false;
    }
    if (!out.empty() && (!out.front().is_v4() || endpoint.is_v4())) {
      return in_.fail("endpoints: must be one of each family, IPv4 first");
    }
    out.add(endpoint);
  }
  return true;
}

bool Decoder::ip(bool is_hello, Endpoint& out) {
  ByteView bytes;
  if (!this->bytes({"ip", Kind::bin, 4, 16}, bytes)) return false;
  if (bytes.size() == 4) {
    std::ranges::copy(Endpoint::kV4Prefix, out.ip.begin());
    std::ranges::copy(bytes.first<4>(), out.ip.begin() + 12);
  } else if (bytes.size() == 16) {
    std::copy(bytes.begin(), bytes.end(), out.ip.begin());
    if (out.is_v4()) return in_.fail("ip: an IPv4 address in 16 bytes, must be in 4");
  } else {
    return in_.fail("ip: " + std::to_string(bytes.size()) + " bytes, must be 4 or 16");
  }
  return is_hello || !out.is_unspecified() || in_.fail("ip: unspecified in a contact");
}

bool Decoder::record(Record& out) {
  if (!(uint({"record", Kind::array, 3, 7}, arity_) &&
        uint({"record type", Kind::uint, 1, 4}, out.type))) {
    return false;
  }
  const bool content = out.type == RecordType::content;
  const bool tombstone = out.type == RecordType::tombstone;
  if (!fields(content ? 2 : tombstone ? 5 : 6)) return false;
  if (!content && !(bytes("owner", out.owner.bytes) &&
                    bytes({"name", Kind::bin, 0, limits_.name_bytes}, out.name) &&
                    uint({"sequence", Kind::uint, 0, kAny}, out.sequence))) {
    return false;
  }
  std::int64_t expiry = 0;
  if (!uint({"expiry", Kind::uint, 0, kMaxTime}, expiry)) return false;
  out.expiry = WallTime(std::chrono::milliseconds(expiry));
  return (tombstone || bytes({"value", Kind::bin, 0, limits_.value_bytes}, out.value)) &&
         (content || bytes("signature", out.signature));
}

bool Decoder::range(KeyRange& out) {
  ByteView prefix;
  if (!uint({"bits", Kind::uint, 0, Id::kBits}, out.bits)) return false;
  const std::size_t size = prefix_bytes(out.bits);
  if (!bytes({"prefix", Kind::bin, size, size}, prefix)) return false;
  ByteArray<Id::kBytes> whole{};
  std::ranges::copy(prefix, whole.begin());
  out.prefix = *Id::from_bytes(whole);
  return out.prefix.keep(out.bits) == out.prefix ||
         in_.fail("prefix: bits set beyond its " + std::to_string(out.bits));
}

bool Decoder::compare(Compare& out) {
  std::size_t count = 0;
  if (!uint({"parts", Kind::array, 1, Compare::kMost}, count)) return false;
  for (; count > 0; --count) {
    Value triple;
    Compare::Part& part = out.parts.emplace_back();
    if (!(in_.take({"part", Kind::array, 3, 3}, triple) && range(part.range) &&
          uint({"fingerprint", Kind::uint, 0, kAny}, part.fingerprint))) {
      return false;
    }
  }
  return true;
}

// Up to `most` groups of `size` bytes, made of words.
bool Decoder::words(const char* name, std::size_t size, std::size_t most, ByteView& out) {
  if (!bytes({name, Kind::bin, 0, most * size}, out)) return false;
  return out.size() % size == 0 ||
         in_.fail(std::string(name) + ": " + std::to_string(out.size()) +
                  " bytes, must be a multiple of " + std::to_string(size));
}

bool Decoder::versions(Versions& out) {
  ByteView list;
  if (!range(out.range) || !words("versions", kHeldBytes, Versions::kMost, list)) return false;
  while (!list.empty()) {
    Versions::Held& held = out.held.emplace_back();
    for (std::uint64_t* field : {&held.tag, &held.sequence, &held.fingerprint}) *field = word(list);
  }
  return true;
}

bool Decoder::index(std::uint64_t most, std::uint64_t& least, std::uint64_t& out) {
  if (least == most) return in_.fail("index: more than there are");
  if (!uint({"index", Kind::uint, least, most - 1}, out)) return false;
  least = out + 1;
  return true;
}

bool Decoder::compared(Compared& out) {
  std::size_t count = 0;
  std::uint64_t least = 0;
  if (!uint({"differences", Kind::array, 0, Compare::kMost}, count)) return false;
  for (; count > 0; --count) {
    Value pair;
    Compared::Difference& one = out.differences.emplace_back();
    if (!(in_.take({"difference", Kind::array, 2, 2}, pair) &&
          index(Compare::kMost, least, one.part) &&
          uint({"records", Kind::uint, 0, kAny}, one.records))) {
      return false;
    }
  }
  return true;
}

bool Decoder::wanted(Wanted& out) {
  std::size_t count = 0;
  std::uint64_t least = 0;
  if (!uint({"wanted", Kind::array, 0, Versions::kMost}, count)) return false;
  for (; count > 0; --count) {
    if (!index(Versions::kMost, least, out.held.emplace_back())) return false;
  }
  return true;
}

bool Decoder::failure(Failure& out) {
  ByteView detail;
  if (!(uint({"failure code", Kind::uint, 1, 3}, out.code) &&
        bytes({"detail", Kind::str, 0, kDetailBytes}, detail))) {
    return false;
  }
  out.detail = text_of(detail);
  return std::all_of(out.detail.begin(), out.detail.end(), is_printable) ||
         in_.fail("detail: other than printable ASCII");
}

}  // namespace

Result<Message> decode(ByteView payload, const Limits& limits) {
  return Decoder(payload, limits).message();
}

Result<Hello> decode_hello(ByteView payload) { return Decoder(payload, Limits{}).hello(); }

}  // namespace kadmos::wire
