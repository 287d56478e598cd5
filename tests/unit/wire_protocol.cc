// docs/protocol.md against the code: the bytes worked through there, the limits and the counters it
// names. Whoever changes one must change the other.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "crypto/sha512.h"
#include "kadmos/config.h"
#include "kadmos/stats.h"
#include "support/wire_samples.h"
#include "wire/netstring.h"

namespace kadmos::wire {
namespace {

std::vector<std::string> lines_of_document() {
  std::ifstream in(KADMOS_SOURCE_DIR "/docs/protocol.md");
  REQUIRE(in);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

// The blocks that open with "```hex NAME", by name, without comments.
std::map<std::string, Bytes> worked_bytes() {
  std::map<std::string, Bytes> out;
  std::string name;
  std::string digits;
  for (const std::string& line : lines_of_document()) {
    if (line.starts_with("```hex ")) {
      name = line.substr(7);
    } else if (line == "```" && !name.empty()) {
      const auto bytes = from_hex(digits);
      REQUIRE_MESSAGE(bytes, name);
      REQUIRE_MESSAGE(out.emplace(name, *bytes).second, name << " twice");
      name.clear();
      digits.clear();
    } else if (!name.empty()) {
      for (const char c : line.substr(0, line.find('#'))) {
        if (c != ' ') digits += c;
      }
    }
  }
  return out;
}

// The words in `code` style that open the cells of tables, with the cell after them.
std::vector<std::pair<std::string, std::string>> table_rows() {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& line : lines_of_document()) {
    if (!line.starts_with("| `")) continue;
    const auto end = line.find("` | ");
    if (end == std::string::npos) continue;
    const auto next = end + 4;
    out.emplace_back(line.substr(3, end - 3), line.substr(next, line.find(" |", next) - next));
  }
  return out;
}

Bytes bytes_of(const Id& id) {
  const auto bytes = id.bytes();
  return {bytes.begin(), bytes.end()};
}

// Section 8 of the document, written down a second time.
Bytes signed_bytes(const Record& record, std::string_view network) {
  Bytes out = to_bytes("kadmos:record:1");
  const auto number = [&](std::uint64_t n, int size) {
    while (size > 0) out.push_back(static_cast<Byte>(n >> (8 * --size)));
  };
  const auto bytes = [&](ByteView b) { out.insert(out.end(), b.begin(), b.end()); };
  number(network.size(), 4);
  bytes(view_of(network));
  number(static_cast<std::uint64_t>(record.type), 1);
  bytes(record.owner.bytes);
  number(record.name.size(), 4);
  bytes(record.name);
  number(record.sequence, 8);
  number(static_cast<std::uint64_t>(record.expiry.time_since_epoch().count()), 8);
  number(record.value.size(), 4);
  bytes(record.value);
  return out;
}

std::map<std::string, Bytes> expected_bytes() {
  const Record owned = sample_record(RecordType::owned);
  const Record content = sample_record(RecordType::content);
  const Byte type = static_cast<Byte>(RecordType::owned);
  const auto digest = Sha512("kadmos:version:1").add({&type, 1}).add(owned.value).digest();
  std::map<std::string, Bytes> out = {
      {"owner-key", to_bytes(ByteView(sample_owner().public_key().bytes))},
      {"node-id", bytes_of(sample_owner().id())},
      {"content-key", bytes_of(key_of(content))},
      {"owned-key", bytes_of(key_of(owned))},
      {"provider-key", bytes_of(key_of(sample_record(RecordType::provider)))},
      {"signed-bytes", signed_bytes(owned, "kadmos")},
      {"version-digest", to_bytes(ByteView(digest))},
  };
  for (const auto& [name, message] : sample_messages()) out[name] = encode(message);
  for (const auto& [name, hello] : sample_hellos()) out[name] = encode(hello);
  append_netstring(out["ping-frame"], out["ping"]);
  return out;
}

TEST_CASE("protocol.md: the worked bytes are what the code gives") {
  const auto worked = worked_bytes();
  const auto expected = expected_bytes();
  for (const auto& example : expected) {
    CAPTURE(example.first);
    REQUIRE(worked.contains(example.first));
    CHECK(to_hex(worked.at(example.first)) == to_hex(example.second));
  }
  for (const auto& example : worked) {
    CHECK_MESSAGE(expected.contains(example.first), example.first);
  }
}

TEST_CASE("protocol.md: the bytes an owner signs are those its signature verifies") {
  for (const RecordType type : {RecordType::owned, RecordType::tombstone, RecordType::provider}) {
    const Record record = sample_record(type);
    CHECK(verify(record.owner, signed_bytes(record, "kadmos"), record.signature));
  }
}

TEST_CASE("protocol.md: the limits are those of the code") {
  const Limits l;
  const std::map<std::string, std::size_t> limits = {
      {"frame_bytes", l.frame_bytes},
      {"hello_bytes", l.hello_bytes},
      {"value_bytes", l.value_bytes},
      {"name_bytes", l.name_bytes},
      {"contacts_per_reply", l.contacts_per_reply},
      {"requests_per_peer", l.requests_per_peer},
      {"waiting_bytes", l.waiting_bytes},
      {"bad_signatures", l.bad_signatures},
      {"queued_bytes", l.queued_bytes},
      {"connections", l.connections},
      {"connections_per_ip", l.connections_per_ip},
      {"connections_per_group", l.connections_per_group},
      {"handshakes", l.handshakes},
      {"records", l.records},
      {"record_bytes", l.record_bytes},
      {"records_per_owner", l.records_per_owner},
      {"records_per_group", l.records_per_group},
      {"record_bytes_per_owner", l.record_bytes_per_owner},
      {"record_bytes_per_group", l.record_bytes_per_group},
      {"providers_per_key", l.providers_per_key},
      {"providers_per_key_and_group", l.providers_per_key_and_group},
      {"watches", l.watches},
      {"watches_per_peer", l.watches_per_peer},
  };
  std::set<std::string> seen;
  for (const auto& row : table_rows()) {
    CAPTURE(row.first);
    REQUIRE(limits.contains(row.first));
    CHECK(row.second == std::to_string(limits.at(row.first)));
    seen.insert(row.first);
  }
  CHECK(seen.size() == limits.size());
}

TEST_CASE("protocol.md: every counter it names exists") {
  std::set<std::string> counters;
  Stats{}.for_each([&](const char* name, std::uint64_t, const char*) { counters.insert(name); });
  int named = 0;
  bool inside = false;
  for (const std::string& line : lines_of_document()) {
    if (line.starts_with("## ")) inside = line.starts_with("## 10.");
    if (!inside || !line.starts_with("|")) continue;
    const std::string cell = line.substr(line.rfind('|', line.size() - 2));
    for (auto at = cell.find('`'); at != std::string::npos; at = cell.find('`', at + 1)) {
      const auto end = cell.find('`', at + 1);
      const std::string name = cell.substr(at + 1, end - at - 1);
      CHECK_MESSAGE(counters.contains(name), name);
      ++named;
      at = end;
    }
  }
  CHECK(named > 10);
}

}  // namespace
}  // namespace kadmos::wire
