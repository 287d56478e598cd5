// msgpack to messages. msgpack's parser walks the payload and calls a visitor for each value; the
// visitor keeps a stack of the fields that must come next and holds every value against its rule
// before anything is stored. A value that no rule expects ends the walk, so depth and number of
// elements are bounded by the schema, and memory by what has really arrived: a claimed size is
// never trusted. Each message has one form only: encode(decode(x)) == x.
#include <algorithm>
#include <array>
#include <cstdint>
#include <msgpack/null_visitor.hpp>
#include <msgpack/parse.hpp>
#include <msgpack/unpack.hpp>

#include "base/check.h"
#include "wire/codec.h"
#include "wire/schema.h"

namespace kadmos::wire {
namespace {

// What a msgpack value is.
enum class Kind : Byte { nil, boolean, uint, bin, str, array, negative, real, ext, map };
constexpr const char* kKindNames[] = {"nil",   "bool",           "uint",  "bin", "str",
                                      "array", "signed integer", "float", "ext", "map"};

enum class Field : Byte {
  message,
  type,
  request,
  target,
  contacts,
  contact,
  contact_key,
  endpoints,
  endpoint,
  ip,
  port,
  maybe_record,
  record,
  record_type,
  owner,
  name,
  sequence,
  expiry,
  value,
  signature,
  status,
  held,
  code,
  detail,
  version,
  network,
  listening,
  client,
};

// What a field's value must be. The range is of the value of an integer, the bytes of a string, the
// elements of an array.
struct Rule {
  const char* name;
  Kind kind;
  std::uint64_t min = 0;
  std::uint64_t max = 0;
};

// The fields that follow a message's or record's type. Empty: no such type.
std::span<const Field> fields_of(Type of) {
  using enum Field;
  static constexpr Field kBare[] = {request};
  static constexpr Field kFind[] = {request, target};
  static constexpr Field kStore[] = {request, record};
  static constexpr Field kNodes[] = {request, contacts, maybe_record};
  static constexpr Field kStored[] = {request, status, held};
  static constexpr Field kFailure[] = {request, code, detail};
  static constexpr Field kHello[] = {version, network, listening, client};
  switch (of) {
    case Type::ping:
    case Type::pong:
      return kBare;
    case Type::find_node:
    case Type::find_value:
      return kFind;
    case Type::store:
      return kStore;
    case Type::nodes:
      return kNodes;
    case Type::stored:
      return kStored;
    case Type::failure:
      return kFailure;
    case Type::hello:
      return kHello;
  }
  return {};
}

std::span<const Field> fields_of(RecordType of) {
  using enum Field;
  static constexpr Field kContent[] = {expiry, value};
  static constexpr Field kOwned[] = {owner, name, sequence, expiry, value, signature};
  static constexpr Field kTombstone[] = {owner, name, sequence, expiry, signature};
  switch (of) {
    case RecordType::content:
      return kContent;
    case RecordType::owned:
      return kOwned;
    case RecordType::tombstone:
      return kTombstone;
  }
  return {};
}

// The bytes of the shortest form of a value, without the body of a string or the items of an array.
std::size_t shortest_head(Kind kind, std::uint64_t amount) {
  switch (kind) {
    case Kind::uint:
      return amount < 0x80          ? 1
             : amount <= 0xff       ? 2
             : amount <= 0xffff     ? 3
             : amount <= 0xffffffff ? 5
                                    : 9;
    case Kind::bin:
      return amount <= 0xff ? 2 : amount <= 0xffff ? 3 : 5;
    case Kind::str:
      return amount < 32 ? 1 : amount <= 0xff ? 2 : amount <= 0xffff ? 3 : 5;
    case Kind::array:
      return amount < 16 ? 1 : amount <= 0xffff ? 3 : 5;
    default:
      return 1;
  }
}

// What the fields have given so far, whatever the message.
struct Draft {
  Type type = Type::hello;
  std::uint64_t request = 0;
  Id target;
  std::vector<Contact> contacts;
  std::optional<Record> record;
  std::uint64_t status = 0;
  std::uint64_t held = 0;
  std::uint64_t code = 0;
  std::string detail;
  Hello hello;
};

class Decoder : public msgpack::null_visitor {
 public:
  enum class Of : Byte { message, hello };

  Decoder(Of of, const Limits& limits) : of_(of), limits_(limits) { push(Field::message); }

  Result<Draft> run(ByteView payload) {
    std::size_t end = 0;
    bool whole = false;
    try {
      whole = msgpack::parse(text_of(payload).data(), payload.size(), end, *this);
    } catch (const msgpack::unpack_error& e) {  // an ext that a 32-bit machine cannot address
      fault_ = e.what();
    }
    if (!fault_.empty()) return Error(Errc::protocol, fault_);
    if (!whole) return Error(Errc::protocol, "a message that is cut off or not msgpack");
    check(depth_ == 0);
    if (end != payload.size()) return Error(Errc::protocol, "bytes after the end of a message");
    if (shortest_ != payload.size()) {
      return Error(Errc::protocol, "a length or integer that is not in its shortest form");
    }
    return std::move(draft_);
  }

  // What msgpack's parser calls. False ends the walk.
  bool visit_nil() { return accept(Kind::nil, 0); }
  bool visit_boolean(bool v) {
    if (!accept(Kind::boolean, 0)) return false;
    draft_.hello.client = v;
    return true;
  }
  bool visit_positive_integer(std::uint64_t v) { return accept(Kind::uint, v) && on_uint(v); }
  bool visit_negative_integer(std::int64_t) { return accept(Kind::negative, 0); }
  bool visit_float32(float) { return accept(Kind::real, 0); }
  bool visit_float64(double) { return accept(Kind::real, 0); }
  bool visit_str(const char* data, std::uint32_t size) {
    return accept(Kind::str, size) && on_text({data, size});
  }
  bool visit_bin(const char* data, std::uint32_t size) {
    return accept(Kind::bin, size) && on_bytes(view_of({data, size}));
  }
  bool visit_ext(const char*, std::uint32_t size) { return accept(Kind::ext, size); }
  bool start_array(std::uint32_t size) { return accept(Kind::array, size) && on_array(size); }
  bool start_map(std::uint32_t size) { return accept(Kind::map, size); }

 private:
  struct Expected {
    Field field;
    std::uint32_t times;
  };

  bool fail(std::string fault) {
    fault_ = std::move(fault);
    return false;
  }
  void push(Field field, std::uint32_t times = 1) {
    if (times == 0) return;
    check(depth_ < stack_.size());
    stack_[depth_++] = {field, times};
  }
  bool push_all(std::span<const Field> fields) {
    if (fields.size() + 1 != arity_) {
      return fail("an array of " + std::to_string(arity_) + " elements for a type that has " +
                  std::to_string(fields.size() + 1));
    }
    for (auto field = fields.rbegin(); field != fields.rend(); ++field) push(*field);
    return true;
  }

  Rule rule(Field field) const;
  bool accept(Kind kind, std::uint64_t amount);
  bool on_uint(std::uint64_t v);
  bool on_text(std::string_view text);
  bool on_bytes(ByteView bytes);
  bool on_array(std::uint32_t size);
  bool on_type(std::uint64_t v);
  bool on_ip(ByteView bytes);
  bool on_port(std::uint16_t port);

  bool is_hello() const { return of_ == Of::hello; }
  Record& record() { return *draft_.record; }
  Endpoints& endpoints() {
    return is_hello() ? draft_.hello.endpoints : draft_.contacts.back().endpoints;
  }

  Of of_;
  const Limits& limits_;
  Draft draft_;
  Field field_ = Field::message;      // the one being decoded
  std::array<Expected, 16> stack_{};  // what must come next, the next one last
  std::size_t depth_ = 0;
  std::uint32_t arity_ = 0;  // of the message or record whose type comes next
  Endpoint endpoint_;
  std::size_t shortest_ = 0;  // bytes of what was accepted, in its shortest form
  std::string fault_;
};

Rule Decoder::rule(Field field) const {
  constexpr std::uint64_t kAny = ~std::uint64_t{0};
  switch (field) {
    case Field::message:
      return {"message", Kind::array, 2, 5};
    case Field::type:
      return {"type", Kind::uint, 0, kAny};
    case Field::request:
      return {"request", Kind::uint, 0, kAny};
    case Field::target:
      return {"key", Kind::bin, Id::kBytes, Id::kBytes};
    case Field::contacts:
      return {"contacts", Kind::array, 0, limits_.contacts_per_reply};
    case Field::contact:
      return {"contact", Kind::array, 2, 2};
    case Field::contact_key:
      return {"contact key", Kind::bin, 32, 32};
    case Field::endpoints:
      return {"endpoints of a contact", Kind::array, 1, Endpoints::kMax};
    case Field::endpoint:
      return {"endpoint", Kind::array, 2, 2};
    case Field::ip:
      return {"ip", Kind::bin, 4, 16};
    case Field::port:
      return {"port", Kind::uint, 1, 65535};
    case Field::maybe_record:
    case Field::record:
      return {"record", Kind::array, 3, 7};
    case Field::record_type:
      return {"record type", Kind::uint, 1, 3};
    case Field::owner:
      return {"owner", Kind::bin, 32, 32};
    case Field::name:
      return {"name", Kind::bin, 0, limits_.name_bytes};
    case Field::sequence:
      return {"sequence", Kind::uint, 0, kAny};
    case Field::expiry:
      return {"expiry", Kind::uint, 0, kMaxTime};
    case Field::value:
      return {"value", Kind::bin, 0, limits_.value_bytes};
    case Field::signature:
      return {"signature", Kind::bin, 64, 64};
    case Field::status:
      return {"status", Kind::uint, 0, 2};
    case Field::held:
      return {"sequence held", Kind::uint, 0, kAny};
    case Field::code:
      return {"failure code", Kind::uint, 1, 3};
    case Field::detail:
      return {"detail", Kind::str, 0, kDetailBytes};
    case Field::version:
      return {"version", Kind::uint, 0, 0xffffffff};
    case Field::network:
      return {"network", Kind::bin, 1, kNetworkBytes};
    case Field::listening:
      return {"endpoints of a hello", Kind::array, 0, Endpoints::kMax};
    case Field::client:
      return {"client", Kind::boolean};
  }
  return {"", Kind::nil};
}

bool Decoder::accept(Kind kind, std::uint64_t amount) {
  check(depth_ > 0);
  Expected& next = stack_[depth_ - 1];
  field_ = next.field;
  if (--next.times == 0) --depth_;
  const Rule rule = this->rule(field_);
  const bool absent = kind == Kind::nil && field_ == Field::maybe_record;
  if (!absent && (kind != rule.kind || amount < rule.min || amount > rule.max)) {
    std::string must = kKindNames[static_cast<int>(rule.kind)];
    if (rule.max > 0) must += " " + std::to_string(rule.min);
    if (rule.max > rule.min) must += ".." + std::to_string(rule.max);
    return fail(std::string(rule.name) + ": " + kKindNames[static_cast<int>(kind)] + " " +
                std::to_string(amount) + ", must be " + must);
  }
  shortest_ += shortest_head(kind, amount);
  if (kind == Kind::bin || kind == Kind::str) shortest_ += amount;
  return true;
}

bool Decoder::on_type(std::uint64_t v) {
  draft_.type = v <= 0xff ? static_cast<Type>(v) : Type{0xff};
  const auto fields = fields_of(draft_.type);
  if (fields.empty() || (draft_.type == Type::hello) != is_hello()) {
    return fail("type: " + std::to_string(v) + " is no " + (is_hello() ? "hello" : "message"));
  }
  return push_all(fields);
}

bool Decoder::on_uint(std::uint64_t v) {
  switch (field_) {
    case Field::type:
      return on_type(v);
    case Field::record_type:
      draft_.record.emplace().type = static_cast<RecordType>(v);
      return push_all(fields_of(record().type));
    case Field::port:
      return on_port(static_cast<std::uint16_t>(v));
    case Field::request:
      draft_.request = v;
      break;
    case Field::sequence:
      record().sequence = v;
      break;
    case Field::expiry:
      record().expiry = WallTime(std::chrono::milliseconds(static_cast<std::int64_t>(v)));
      break;
    case Field::status:
      draft_.status = v;
      break;
    case Field::held:
      draft_.held = v;
      break;
    case Field::code:
      draft_.code = v;
      break;
    case Field::version:
      draft_.hello.version = static_cast<std::uint32_t>(v);
      break;
    default:
      check(false);
  }
  return true;
}

bool Decoder::on_text(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), is_printable)) {
    return fail("detail: other than printable ASCII");
  }
  draft_.detail = text;
  return true;
}

bool Decoder::on_bytes(ByteView bytes) {
  const auto copy_to = [&](auto& array) { std::copy(bytes.begin(), bytes.end(), array.begin()); };
  switch (field_) {
    case Field::target:
      draft_.target = *Id::from_bytes(bytes);
      break;
    case Field::contact_key:
      copy_to(draft_.contacts.emplace_back().key.bytes);
      break;
    case Field::ip:
      return on_ip(bytes);
    case Field::owner:
      copy_to(record().owner.bytes);
      break;
    case Field::name:
      record().name = to_bytes(bytes);
      break;
    case Field::value:
      record().value = to_bytes(bytes);
      break;
    case Field::signature:
      copy_to(record().signature);
      break;
    case Field::network:
      draft_.hello.network = text_of(bytes);
      break;
    default:
      check(false);
  }
  return true;
}

bool Decoder::on_ip(ByteView bytes) {
  endpoint_ = {};
  if (bytes.size() == 4) {
    endpoint_ = Endpoint::v4(bytes[0], bytes[1], bytes[2], bytes[3], 0);
  } else if (bytes.size() == 16) {
    std::copy(bytes.begin(), bytes.end(), endpoint_.ip.begin());
    if (endpoint_.is_v4()) return fail("ip: an IPv4 address in 16 bytes, must be in 4");
  } else {
    return fail("ip: " + std::to_string(bytes.size()) + " bytes, must be 4 or 16");
  }
  if (!is_hello() && endpoint_.is_unspecified()) return fail("ip: unspecified in a contact");
  return true;
}

bool Decoder::on_port(std::uint16_t port) {
  endpoint_.port = port;
  Endpoints& list = endpoints();
  if (!list.empty() && (!list.front().is_v4() || endpoint_.is_v4())) {
    return fail("endpoints: must be one of each family, IPv4 first");
  }
  list.add(endpoint_);
  return true;
}

bool Decoder::on_array(std::uint32_t size) {
  switch (field_) {
    case Field::message:
      arity_ = size;
      push(Field::type);
      break;
    case Field::maybe_record:
    case Field::record:
      arity_ = size;
      push(Field::record_type);
      break;
    case Field::contacts:
      push(Field::contact, size);
      break;
    case Field::contact:
      push(Field::endpoints);
      push(Field::contact_key);
      break;
    case Field::endpoints:
    case Field::listening:
      push(Field::endpoint, size);
      break;
    case Field::endpoint:
      push(Field::port);
      push(Field::ip);
      break;
    default:
      check(false);
  }
  return true;
}

Body body_of(Draft&& draft) {
  switch (draft.type) {
    case Type::ping:
      return Ping{};
    case Type::find_node:
      return FindNode{draft.target};
    case Type::find_value:
      return FindValue{draft.target};
    case Type::store:
      return Store{*std::move(draft.record)};
    case Type::pong:
      return Pong{};
    case Type::nodes:
      return Nodes{std::move(draft.contacts), std::move(draft.record)};
    case Type::stored:
      return Stored{static_cast<StoreStatus>(draft.status), draft.held};
    case Type::failure:
      return Failure{static_cast<FailureCode>(draft.code), std::move(draft.detail)};
    case Type::hello:
      break;
  }
  check(false);
  return {};
}

}  // namespace

Result<Message> decode(ByteView payload, const Limits& limits) {
  auto draft = Decoder(Decoder::Of::message, limits).run(payload);
  if (!draft) return std::move(draft).error();
  const std::uint64_t request = draft->request;
  return Message{request, body_of(*std::move(draft))};
}

Result<Hello> decode_hello(ByteView payload) {
  auto draft = Decoder(Decoder::Of::hello, Limits{}).run(payload);
  if (!draft) return std::move(draft).error();
  return std::move(draft->hello);
}

}  // namespace kadmos::wire
