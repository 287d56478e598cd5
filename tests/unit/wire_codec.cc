// The codec: what is sent has one form, and whatever is not exactly a message is refused with the
// reason. Payloads are written by hand in hexadecimal, so that no encoder vouches for itself.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/wire_samples.h"
#include "wire/codec.h"
#include "wire/schema.h"

namespace kadmos::wire {
namespace {

// Spaces are for the reader. "40*ab" is forty times ab.
Bytes hex(const std::string& text) {
  Bytes out;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = std::min(text.find(' ', at), text.size());
    std::string word = text.substr(at, end - at);
    std::size_t times = 1;
    if (const auto star = word.find('*'); star != std::string::npos) {
      times = std::stoul(word.substr(0, star));
      word = word.substr(star + 1);
    }
    const auto bytes = from_hex(word);
    REQUIRE(bytes);
    for (; times > 0; --times) out.insert(out.end(), bytes->begin(), bytes->end());
    at = end + 1;
  }
  return out;
}

std::string fault_of(const Bytes& payload, const Limits& limits = {}) {
  const auto decoded = decode(payload, limits);
  if (decoded) return "";
  CHECK(decoded.error().code == Errc::protocol);
  return decoded.error().detail;
}

std::string hello_fault_of(const Bytes& payload) {
  const auto decoded = decode_hello(payload);
  if (decoded) return "";
  CHECK(decoded.error().code == Errc::protocol);
  return decoded.error().detail;
}

struct Bad {
  std::string payload;
  std::string fault;
};

void check_all(const std::vector<Bad>& cases) {
  for (const Bad& bad : cases) {
    CAPTURE(bad.payload);
    CHECK(fault_of(hex(bad.payload)) == bad.fault);
  }
}

const std::string kKey = "c420 32*aa";
const std::string kEndpoint = "92 c404 7f000001 cd0fa0";
const std::string kContact = "92 " + kKey + " 91 " + kEndpoint;

// [nodes, 7, [[key, endpoints]], nil]
std::string nodes_with(const std::string& endpoints) {
  return "94 22 07 91 92 " + kKey + " " + endpoints + " c0";
}
std::string store_of(const std::string& record) { return "95 04 07 " + record + " c0 c400"; }

TEST_CASE("codec: every sample message comes back as it went") {
  for (const auto& sample : sample_messages()) {
    CAPTURE(sample.first);
    const auto back = decode(encode(sample.second), Limits{});
    REQUIRE(back.ok());
    CHECK(*back == sample.second);
  }
}

TEST_CASE("codec: every sample hello comes back as it went") {
  for (const auto& sample : sample_hellos()) {
    CAPTURE(sample.first);
    const auto back = decode_hello(encode(sample.second));
    REQUIRE(back.ok());
    CHECK(*back == sample.second);
  }
}

TEST_CASE("codec: messages of the largest sizes allowed are taken") {
  const Limits limits;
  Record record = sample_record(RecordType::owned);
  record.name = Bytes(limits.name_bytes, 1);
  record.value = Bytes(limits.value_bytes, 2);
  record.sequence = ~std::uint64_t{0};
  record.expiry = WallTime(std::chrono::milliseconds((std::int64_t{1} << 53) - 1));
  const Contact contact{sample_owner().public_key(), sample_endpoints()};
  const Contacts contacts(limits.contacts_per_reply, contact);
  const std::vector<Record> announcements(kProvidersPerReply, sample_record(RecordType::provider));
  for (const Body& body :
       {Body{Nodes{contacts, record}}, Body{Providers{contacts, announcements}},
        Body{Stored{StoreStatus::superseded, record.sequence, contacts, record}},
        Body{Store{record, 0, RecycledVector<std::uint64_t>(limits.contacts_per_reply)}}}) {
    const Message message{~std::uint64_t{0}, body};
    const Bytes payload = encode(message);
    CHECK(payload.size() < limits.frame_bytes);
    const auto back = decode(payload, limits);
    REQUIRE(back.ok());
    CHECK(*back == message);
  }
}

TEST_CASE("codec: the largest hello fits its frame") {
  const Hello hello{0xffffffff, std::string(64, 'n'), sample_endpoints(), true};
  const Bytes payload = encode(hello);
  CHECK(payload.size() < Limits{}.hello_bytes);
  REQUIRE(decode_hello(payload));
  CHECK(*decode_hello(payload) == hello);
}

TEST_CASE("codec: empty names and values and lists come back empty") {
  Record record = sample_record(RecordType::owned);
  record.name.clear();
  record.value.clear();
  for (const Body& body : {Body{Store{record}}, Body{Nodes{}}, Body{Failure{}}}) {
    const Message message{0, body};
    const auto back = decode(encode(message), Limits{});
    REQUIRE(back.ok());
    CHECK(*back == message);
  }
}

TEST_CASE("codec: integers take their shortest form") {
  const std::pair<std::uint64_t, const char*> cases[] = {
      {0, "00"},
      {0x7f, "7f"},
      {0x80, "cc80"},
      {0xff, "ccff"},
      {0x100, "cd0100"},
      {0xffff, "cdffff"},
      {0x10000, "ce00010000"},
      {0xffffffff, "ceffffffff"},
      {0x100000000, "cf0000000100000000"},
      {~std::uint64_t{0}, "cfffffffffffffffff"},
  };
  for (const auto& [number, bytes] : cases) {
    CHECK(encode(Message{number, Ping{}}) == hex(std::string("92 01 ") + bytes));
    const auto back = decode(hex(std::string("92 01 ") + bytes), Limits{});
    REQUIRE(back.ok());
    CHECK(back->request == number);
  }
}

TEST_CASE("codec: ports take their shortest form") {
  const std::pair<std::uint16_t, std::string> cases[] = {
      {1, "01"},      {0x7f, "7f"},      {0x80, "cc80"},
      {0xff, "ccff"}, {0x100, "cd0100"}, {0xffff, "cdffff"},
  };
  for (const auto& [port, bytes] : cases) {
    Contact contact;
    contact.key.bytes.fill(0xaa);
    contact.endpoints.add(Endpoint::v4(127, 0, 0, 1, port));
    contact.endpoints.add({{0x20, 0x01, 0x0d, 0xb8}, port});
    const Message message{7, Nodes{Contacts(1, contact), {}}};
    CHECK(encode(message) ==
          hex(nodes_with("92 92 c404 7f000001 " + bytes + " 92 c410 20010db8 12*00 " + bytes)));
  }
}

TEST_CASE("codec: a reply comes back with as many contacts as it went with") {
  for (std::size_t n = 0; n <= Limits{}.contacts_per_reply; ++n) {
    const Contact contact{sample_owner().public_key(), sample_endpoints()};
    const Message message{7, Nodes{Contacts(n, contact), sample_record(RecordType::owned)}};
    const auto back = decode(encode(message), Limits{});
    REQUIRE(back.ok());
    CHECK(*back == message);
  }
}

TEST_CASE("codec: a failure is sent as at most 200 printable bytes") {
  const Message message{
      7, Failure{FailureCode::refused, "a\nb\x1b[31m\xc3\xa9" + std::string(300, 'x')}};
  const auto back = decode(encode(message), Limits{});
  REQUIRE(back.ok());
  const std::string detail = std::get<Failure>(back->body).detail;
  CHECK(detail.size() == 200);
  CHECK(detail.substr(0, 12) == "a?b?[31m??xx");
}

TEST_CASE("codec: what is no array of a message is refused") {
  check_all({
      {"", "a message that is cut off or not msgpack"},
      {"c1", "a message that is cut off or not msgpack"},
      {"07", "message: uint 7, must be array 2..6"},
      {"ff", "message: signed integer 0, must be array 2..6"},
      {"c0", "message: nil 0, must be array 2..6"},
      {"c3", "message: bool 0, must be array 2..6"},
      {"ca 3f800000", "message: float 0, must be array 2..6"},
      {"cb 3ff0000000000000", "message: float 0, must be array 2..6"},
      {"a0", "message: str 0, must be array 2..6"},
      {"c403 920107", "message: bin 3, must be array 2..6"},
      {"d4 00 00", "message: ext 2, must be array 2..6"},
      {"80", "message: map 0, must be array 2..6"},
      {"81 01 07", "message: map 1, must be array 2..6"},
      {"82 01 07 01 07", "message: map 2, must be array 2..6"},
      {"90", "message: array 0, must be array 2..6"},
      {"91 01", "message: array 1, must be array 2..6"},
      {"97 01 07 07 07 07 07 07", "message: array 7, must be array 2..6"},
  });
}

TEST_CASE("codec: a type that is unknown or of another type is refused") {
  check_all({
      {"92 0a 07", "type: 10 is no message"},
      {"92 00 07", "type: 0 is no message"},
      {"95 00 01 c401 6e 90 c2", "type: 0 is no message"},
      {"92 2f 07", "type: 47 is no message"},
      {"92 cd0101 07", "type: 257 is no message"},
      {"92 cfffffffffffffffff 07", "type: 18446744073709551615 is no message"},
      {"92 ff 07", "type: signed integer 0, must be uint 0..18446744073709551615"},
      {"92 a101 07", "type: str 1, must be uint 0..18446744073709551615"},
      {"92 c3 07", "type: bool 0, must be uint 0..18446744073709551615"},
      {"92 9101 07", "type: array 1, must be uint 0..18446744073709551615"},
  });
}

TEST_CASE("codec: a message with more or fewer elements than its type has is refused") {
  check_all({
      {"93 01 07 07", "an array of 3 elements for a type that has 2"},
      {"92 02 07", "an array of 2 elements for a type that has 3"},
      {"94 03 07 c440 64*00 07", "an array of 4 elements for a type that has 3"},
      {"92 04 07", "an array of 2 elements for a type that has 5"},
      {"93 21 07 07", "an array of 3 elements for a type that has 2"},
      {"93 22 07 90", "an array of 3 elements for a type that has 4"},
      {"93 23 07 00", "an array of 3 elements for a type that has 6"},
      {"95 24 07 01 a0 00", "an array of 5 elements for a type that has 4"},
      {store_of("93 02 00 c400"), "an array of 3 elements for a type that has 7"},
      {store_of("94 01 00 c400 00"), "an array of 4 elements for a type that has 3"},
      {store_of("97 03 " + kKey + " c400 01 00 c400 c440 64*00"),
       "an array of 7 elements for a type that has 6"},
  });
}

TEST_CASE("codec: request ids and keys of another type or size are refused") {
  check_all({
      {"92 01 ff", "request: signed integer 0, must be uint 0..18446744073709551615"},
      {"92 01 c0", "request: nil 0, must be uint 0..18446744073709551615"},
      {"92 01 cb 4000000000000000", "request: float 0, must be uint 0..18446744073709551615"},
      {"93 02 07 c43f 63*00", "key: bin 63, must be bin 64"},
      {"93 02 07 c441 65*00", "key: bin 65, must be bin 64"},
      {"93 03 07 c400", "key: bin 0, must be bin 64"},
      {"93 03 07 d940 64*61", "key: str 64, must be bin 64"},
      {"93 03 07 dc0040 64*61", "key: array 64, must be bin 64"},
      {"93 02 07 c0", "key: nil 0, must be bin 64"},
  });
}

TEST_CASE("codec: what a store expects is nothing or a sequence") {
  const std::string store = "95 04 07 93 01 00 c400 ";
  const auto expects = [&](const std::string& bytes) {
    const auto back = decode(hex(store + bytes + " c400"), Limits{});
    REQUIRE(back.ok());
    return std::get<Store>(back->body).expects;
  };
  CHECK(expects("c0") == std::nullopt);
  CHECK(expects("00") == 0);
  CHECK(expects("cf ffffffffffffffff") == ~std::uint64_t{0});
  check_all({
      {"94 04 07 93 01 00 c400 c0", "an array of 4 elements for a type that has 5"},
      {store + "c2", "sequence expected: bool 0, must be uint 0..18446744073709551615"},
      {store + "ff", "sequence expected: signed integer 0, must be uint 0..18446744073709551615"},
  });
}

TEST_CASE("codec: whom the asker of a store knows is a list of eight bytes each") {
  const std::string store = "95 04 07 93 01 00 c400 c0 ";
  const auto known = [&](const std::string& bytes) {
    const auto back = decode(hex(store + bytes), Limits{});
    REQUIRE(back.ok());
    return std::get<Store>(back->body).known;
  };
  CHECK(known("c400").empty());
  CHECK(known("c410 7*00 01 8*ff") == RecycledVector<std::uint64_t>{1, ~std::uint64_t{0}});
  CHECK(known("c5 0140 320*00").size() == 40);
  check_all({
      {store + "c407 7*00", "known: 7 bytes, must be a multiple of 8"},
      {store + "c5 0148 328*00", "known: bin 328, must be bin 0..320"},
      {store + "c0", "known: nil 0, must be bin 0..320"},
  });
}

TEST_CASE("codec: contacts and record of a reply to a store are held to the rules of all") {
  const std::string stored = "96 23 07 02 05 ";
  CHECK(fault_of(hex(stored + "91 " + kContact + " 93 01 00 c400")) == "");
  check_all({
      {stored + "dc0029 41*90 c0", "contacts: array 41, must be array 0..40"},
      {stored + "c0 c0", "contacts: nil 0, must be array 0..40"},
      {stored + "90 92 01 00", "record: array 2, must be array 3..7"},
  });
}

TEST_CASE("codec: contacts that are malformed are refused") {
  check_all({
      {"94 22 07 c0 c0", "contacts: nil 0, must be array 0..40"},
      {"94 22 07 dc0029 41*90 c0", "contacts: array 41, must be array 0..40"},
      {"94 22 07 91 91 " + kKey + " c0", "contact: array 1, must be array 2"},
      {"94 22 07 91 93 " + kKey + " 91 " + kEndpoint + " 00 c0",
       "contact: array 3, must be array 2"},
      {"94 22 07 91 92 c41f 31*aa", "contact key: bin 31, must be bin 32"},
      {"94 22 07 91 92 c421 33*aa", "contact key: bin 33, must be bin 32"},
      {"94 22 07 91 92 d920 32*61", "contact key: str 32, must be bin 32"},
      {nodes_with("90"), "endpoints of a contact: array 0, must be array 1..2"},
      {nodes_with("93 " + kEndpoint + " " + kEndpoint + " " + kEndpoint),
       "endpoints of a contact: array 3, must be array 1..2"},
      {nodes_with("92 " + kEndpoint + " " + kEndpoint),
       "endpoints: must be one of each family, IPv4 first"},
      {nodes_with("92 92 c410 20 15*01 01 " + kEndpoint),
       "endpoints: must be one of each family, IPv4 first"},
      {nodes_with("92 92 c410 20 15*01 01 92 c410 20 15*02 01"),
       "endpoints: must be one of each family, IPv4 first"},
      {nodes_with("91 91 c404 7f000001"), "endpoint: array 1, must be array 2"},
      {nodes_with("91 93 c404 7f000001 01 01"), "endpoint: array 3, must be array 2"},
      {nodes_with("91 92 c400 01"), "ip: bin 0, must be bin 4..16"},
      {nodes_with("91 92 c405 5*01 01"), "ip: 5 bytes, must be 4 or 16"},
      {nodes_with("91 92 c411 17*01 01"), "ip: bin 17, must be bin 4..16"},
      {nodes_with("91 92 a4 7f000001 01"), "ip: str 4, must be bin 4..16"},
      {nodes_with("91 92 c410 10*00 ffff 7f000001 01"),
       "ip: an IPv4 address in 16 bytes, must be in 4"},
      {nodes_with("91 92 c404 00000000 01"), "ip: unspecified in a contact"},
      {nodes_with("91 92 c410 16*00 01"), "ip: unspecified in a contact"},
      {nodes_with("91 92 c404 7f000001 00"), "port: uint 0, must be uint 1..65535"},
      {nodes_with("91 92 c404 7f000001 ce00010000"), "port: uint 65536, must be uint 1..65535"},
      {nodes_with("91 92 c404 7f000001 a130"), "port: str 1, must be uint 1..65535"},
  });
}

TEST_CASE("codec: the hand-written contact that the refused ones vary is taken") {
  CHECK(fault_of(hex(nodes_with("91 " + kEndpoint))) == "");
  CHECK(fault_of(hex(nodes_with("92 " + kEndpoint + " 92 c410 20 15*01 01"))) == "");
}

TEST_CASE("codec: records that are malformed are refused") {
  const std::string content = "93 01 00 c400";
  const std::string head = "97 02 ";
  const std::string tail = " c440 64*00";
  CHECK(fault_of(hex(store_of(content))) == "");
  CHECK(fault_of(hex(store_of(head + kKey + " c400 01 00 c400" + tail))) == "");
  check_all({
      {store_of("c0"), "record: nil 0, must be array 3..7"},
      {"94 22 07 90 c2", "record: bool 0, must be array 3..7"},
      {store_of("92 01 00"), "record: array 2, must be array 3..7"},
      {store_of("98 8*00"), "record: array 8, must be array 3..7"},
      {store_of("93 00 00 c400"), "record type: uint 0, must be uint 1..4"},
      {store_of("93 05 00 c400"), "record type: uint 5, must be uint 1..4"},
      {store_of("93 01 cf0020000000000000 c400"),
       "expiry: uint 9007199254740992, must be uint 0..9007199254740991"},
      {store_of("93 01 ff c400"), "expiry: signed integer 0, must be uint 0..9007199254740991"},
      {store_of("93 01 00 a0"), "value: str 0, must be bin 0..65536"},
      {store_of("93 01 00 c600010001 65537*00"), "value: bin 65537, must be bin 0..65536"},
      {store_of(head + "c41f 31*aa"), "owner: bin 31, must be bin 32"},
      {store_of(head + kKey + " a0"), "name: str 0, must be bin 0..512"},
      {store_of(head + kKey + " c50201 513*00"), "name: bin 513, must be bin 0..512"},
      {store_of(head + kKey + " c400 e0"),
       "sequence: signed integer 0, must be uint 0..18446744073709551615"},
      {store_of(head + kKey + " c400 01 00 c400 c43f 63*00"), "signature: bin 63, must be bin 64"},
      {store_of("96 03 " + kKey + " c400 01 00 c441 65*00"), "signature: bin 65, must be bin 64"},
  });
}

TEST_CASE("codec: requests for providers that are malformed are refused") {
  const std::string key = "c440 64*aa";
  CHECK(fault_of(hex("94 07 07 " + key + " c400")) == "");
  CHECK(fault_of(hex("94 07 07 " + key + " " + kKey)) == "");
  check_all({
      {"93 07 07 " + key, "an array of 3 elements for a type that has 4"},
      {"94 07 07 c43f 63*aa c400", "key: bin 63, must be bin 64"},
      {"94 07 07 " + key + " c401 aa", "after: 1 bytes, must be 0 or 32"},
      {"94 07 07 " + key + " c421 33*aa", "after: bin 33, must be bin 0..32"},
      {"94 07 07 " + key + " c0", "after: nil 0, must be bin 0..32"},
  });
}

TEST_CASE("codec: replies with providers that are malformed are refused") {
  const std::string announcement = "97 04 " + kKey + " c440 64*aa 01 00 c401 00 c440 64*00";
  CHECK(fault_of(hex("95 27 07 90 90 c2")) == "");
  CHECK(fault_of(hex("95 27 07 91 " + kContact + " 92 " + announcement + " " + announcement +
                     " c3")) == "");
  check_all({
      {"94 27 07 90 90", "an array of 4 elements for a type that has 5"},
      {"95 27 07 c0 90 c2", "contacts: nil 0, must be array 0..40"},
      {"95 27 07 90 c0 c2", "announcements: nil 0, must be array 0..64"},
      {"95 27 07 90 dc0041 65*00", "announcements: array 65, must be array 0..64"},
      {"95 27 07 90 91 97 02 " + kKey + " c400 01 00 c400 c440 64*00 c2",
       "announcements: a record of another type"},
      {"95 27 07 90 91 c0 c2", "record: nil 0, must be array 3..7"},
      {"95 27 07 90 90 01", "more: uint 1, must be bool"},
  });
}

TEST_CASE("codec: replies with numbers or text out of range are refused") {
  check_all({
      {"96 23 07 03 00", "status: uint 3, must be uint 0..2"},
      {"96 23 07 00 ff", "sequence held: signed integer 0, must be uint 0..18446744073709551615"},
      {"94 24 07 00 a0", "failure code: uint 0, must be uint 1..3"},
      {"94 24 07 04 a0", "failure code: uint 4, must be uint 1..3"},
      {"94 24 07 01 c400", "detail: bin 0, must be str 0..200"},
      {"94 24 07 01 d9c9 201*61", "detail: str 201, must be str 0..200"},
      {"94 24 07 01 a10a", "detail: other than printable ASCII"},
      {"94 24 07 01 a17f", "detail: other than printable ASCII"},
      {"94 24 07 01 a2c3a9", "detail: other than printable ASCII"},
  });
}

TEST_CASE("codec: watches and updates that are malformed are refused") {
  const std::string record = "93 01 00 c400";
  CHECK(fault_of(hex("94 08 07 c440 64*aa cd0258")) == "");
  CHECK(fault_of(hex("94 28 07 " + record + " 00")) == "");
  CHECK(fault_of(hex("93 29 07 " + record)) == "");
  check_all({
      {"93 08 07 c440 64*aa", "an array of 3 elements for a type that has 4"},
      {"94 08 07 c43f 63*aa 00", "key: bin 63, must be bin 64"},
      {"94 08 07 c440 64*aa cd0259", "lease: uint 601, must be uint 0..600"},
      {"94 08 07 c440 64*aa c0", "lease: nil 0, must be uint 0..600"},
      {"93 28 07 c0", "an array of 3 elements for a type that has 4"},
      {"94 28 07 c0 cd0259", "lease: uint 601, must be uint 0..600"},
      {"94 28 07 c2 00", "record: bool 0, must be array 3..7"},
      {"94 29 07 " + record + " 00", "an array of 4 elements for a type that has 3"},
      {"93 29 07 c0", "record: nil 0, must be array 3..7"},
      {"93 29 ff " + record, "request: signed integer 0, must be uint 0..18446744073709551615"},
  });
}

TEST_CASE("codec: bytes after a message are refused") {
  check_all({
      {"92 01 07 00", "bytes after the end of a message"},
      {"92 01 07 92 01 07", "bytes after the end of a message"},
      {"92 01 07 c1", "bytes after the end of a message"},
  });
}

TEST_CASE("codec: lengths and integers in a longer form than needed are refused") {
  const std::string fault = "a length or integer that is not in its shortest form";
  check_all({
      {"92 cc01 07", fault},
      {"92 01 cc7f", fault},
      {"92 01 cd00ff", fault},
      {"92 01 ce0000ffff", fault},
      {"92 01 cf00000000ffffffff", fault},
      {"92 01 d10100", "request: signed integer 0, must be uint 0..18446744073709551615"},
      {"92 01 d3 0000000100000000",
       "request: signed integer 0, must be uint 0..18446744073709551615"},
      {"dc0002 01 07", fault},
      {"dd00000002 01 07", fault},
      {"93 02 07 c50040 64*00", fault},
      {"93 02 07 c600000040 64*00", fault},
      {"94 24 07 01 d900", fault},
      {"94 24 07 01 d91f 31*61", fault},
      {"94 24 07 01 da0020 32*61", fault},
      {"94 24 07 01 db000000c8 200*61", fault},
  });
  CHECK(fault_of(hex("94 24 07 01 d920 32*61")) == "");
  CHECK(fault_of(hex("94 24 07 01 bf 31*61")) == "");
}

TEST_CASE("codec: payloads that claim to be huge or deep are refused at once") {
  check_all({
      {"ddffffffff", "message: array 4294967295, must be array 2..6"},
      {"ddffffffff 1000*00", "message: array 4294967295, must be array 2..6"},
      {"dfffffffff", "message: map 4294967295, must be array 2..6"},
      {"c6ffffffff", "a message that is cut off or not msgpack"},
      {"dbffffffff", "a message that is cut off or not msgpack"},
      {"c9ffffffff", "a message that is cut off or not msgpack"},
      {"93 02 07 c6ffffffff 64*00", "a message that is cut off or not msgpack"},
      {"94 22 07 ddffffffff", "contacts: array 4294967295, must be array 0..40"},
      {"94 22 07 dcffff", "contacts: array 65535, must be array 0..40"},
      {"100000*91", "message: array 1, must be array 2..6"},
      {"100000*92", "type: array 2, must be uint 0..18446744073709551615"},
      {"94 22 07 100000*91", "contact: array 1, must be array 2"},
      {"94 22 07 91 92 100000*92", "contact key: array 2, must be bin 32"},
      {"100000*81", "message: map 1, must be array 2..6"},
  });
}

TEST_CASE("codec: sizes are held against the limits given") {
  Limits limits;
  limits.name_bytes = 8;
  limits.value_bytes = 5;
  limits.contacts_per_reply = 1;
  const Message store{7, Store{sample_record(RecordType::owned)}};
  CHECK(fault_of(encode(store), limits) == "");
  limits.name_bytes = 7;
  CHECK(fault_of(encode(store), limits) == "name: bin 8, must be bin 0..7");
  limits.name_bytes = 8;
  limits.value_bytes = 4;
  CHECK(fault_of(encode(store), limits) == "value: bin 5, must be bin 0..4");

  const Contact contact{sample_owner().public_key(), sample_endpoints()};
  CHECK(fault_of(encode(Message{7, Nodes{{contact}, {}}}), limits) == "");
  CHECK(fault_of(encode(Message{7, Nodes{{contact, contact}, {}}}), limits) ==
        "contacts: array 2, must be array 0..1");
}

TEST_CASE("codec: a hello of another version is taken so that it can be told apart") {
  const auto hello = decode_hello(hex("95 00 02 c401 6e 90 c2"));
  REQUIRE(hello.ok());
  CHECK(hello->version == 2);
}

TEST_CASE("codec: a hello may name unspecified addresses") {
  const auto hello =
      decode_hello(hex("95 00 01 c401 6e 92 92 c404 00000000 01 92 c410 16*00 01 c2"));
  REQUIRE(hello.ok());
  CHECK(hello->endpoints.size() == 2);
}

TEST_CASE("codec: hellos that are malformed are refused") {
  const Bad cases[] = {
      {"", "a message that is cut off or not msgpack"},
      {"92 01 07", "type: 1 is no hello"},
      {"94 00 01 c401 6e 90", "an array of 4 elements for a type that has 5"},
      {"96 00 01 c401 6e 90 c2 c2", "an array of 6 elements for a type that has 5"},
      {"95 00 ff c401 6e 90 c2", "version: signed integer 0, must be uint 0..4294967295"},
      {"95 00 cf0000000100000000 c401 6e 90 c2",
       "version: uint 4294967296, must be uint 0..4294967295"},
      {"95 00 01 c400 90 c2", "network: bin 0, must be bin 1..64"},
      {"95 00 01 c441 65*6e 90 c2", "network: bin 65, must be bin 1..64"},
      {"95 00 01 a16e 90 c2", "network: str 1, must be bin 1..64"},
      {"95 00 01 c401 6e c0 c2", "endpoints of a hello: nil 0, must be array 0..2"},
      {"95 00 01 c401 6e 93 c0 c0 c0 c2", "endpoints of a hello: array 3, must be array 0..2"},
      {"95 00 01 c401 6e 91 92 c404 00000000 00 c2", "port: uint 0, must be uint 1..65535"},
      {"95 00 01 c401 6e 92 " + kEndpoint + " " + kEndpoint + " c2",
       "endpoints: must be one of each family, IPv4 first"},
      {"95 00 01 c401 6e 90 00", "client: uint 0, must be bool"},
      {"95 00 01 c401 6e 90 c0", "client: nil 0, must be bool"},
      {"95 00 01 c401 6e 90 c2 00", "bytes after the end of a message"},
      {"95 00 cc01 c401 6e 90 c2", "a length or integer that is not in its shortest form"},
      {"95 00 01 c5ffff", "a message that is cut off or not msgpack"},
  };
  for (const Bad& bad : cases) {
    CAPTURE(bad.payload);
    CHECK(hello_fault_of(hex(bad.payload)) == bad.fault);
  }
}

}  // namespace
}  // namespace kadmos::wire
