#include "cli/common/json.h"

#include "cli/common/text.h"

namespace kadmos::cli {
namespace {

// Accepts anything up to a depth; what comes of it is thrown away.
struct DepthCheck {
  int depth = 0;

  static bool null() { return true; }
  static bool boolean(bool) { return true; }
  static bool number_integer(Json::number_integer_t) { return true; }
  static bool number_unsigned(Json::number_unsigned_t) { return true; }
  static bool number_float(Json::number_float_t, const std::string&) { return true; }
  static bool string(std::string&) { return true; }
  static bool binary(Json::binary_t&) { return true; }
  static bool key(std::string&) { return true; }
  bool start_object(std::size_t) { return ++depth <= kJsonDepth; }
  bool end_object() { return --depth >= 0; }
  bool start_array(std::size_t) { return ++depth <= kJsonDepth; }
  bool end_array() { return --depth >= 0; }
  static bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) {
    return false;
  }
};

Json printable_binaries(const Json& json) {
  if (json.is_binary()) {
    const ByteView bytes = json.get_binary();
    Json out = {{"base64", base64(bytes)}};
    if (is_utf8(text_of(bytes))) out["utf8"] = text_of(bytes);
    return out;
  }
  if (!json.is_structured()) return json;
  Json out = json;
  for (auto& child : out) child = printable_binaries(child);
  return out;
}

Json list_of(const std::vector<Asked>& asked) {
  Json out = Json::array();
  for (const Asked& one : asked) out.push_back(json_of(one));
  return out;
}

std::string_view name_of(RecordType type) {
  switch (type) {
    case RecordType::content:
      return "content";
    case RecordType::owned:
      return "owned";
    case RecordType::tombstone:
      return "tombstone";
    case RecordType::provider:
      return "provider";
    case RecordType::floor:
      return "floor";
  }
  return "unknown";
}

}  // namespace

Json binary(ByteView bytes) { return Json::binary({bytes.begin(), bytes.end()}); }

Result<Json> parse_cbor(ByteView bytes) {
  DepthCheck check;
  if (Json::sax_parse(bytes.begin(), bytes.end(), &check, Json::input_format_t::cbor)) {
    Json out = Json::from_cbor(bytes.begin(), bytes.end(), true, false);
    if (!out.is_discarded()) return out;
  }
  return Error(Errc::protocol, "a message that is not valid CBOR, or too deeply nested");
}

Result<Json> parse_json(std::string_view text) {
  DepthCheck check;
  if (Json::sax_parse(text.begin(), text.end(), &check)) {
    Json out = Json::parse(text.begin(), text.end(), nullptr, false);
    if (!out.is_discarded()) return out;
  }
  return Error(Errc::protocol, "not valid JSON, or too deeply nested");
}

Bytes to_cbor(const Json& json) { return Json::to_cbor(json); }

std::string dump(const Json& json) {
  return printable_json(
      printable_binaries(json).dump(-1, ' ', false, Json::error_handler_t::replace));
}

Json json_of(const Endpoints& endpoints) {
  Json out = Json::array();
  for (const Endpoint& endpoint : endpoints) out.push_back(endpoint.text());
  return out;
}

Json json_of(const Contact& contact) {
  return {{"key", contact.key.hex()}, {"endpoints", json_of(contact.endpoints)}};
}

Json json_of(const Asked& asked) {
  Json out = json_of(asked.peer);
  out["outcome"] = kadmos::name_of(asked.outcome);
  if (asked.sequence != 0) out["sequence"] = asked.sequence;
  out["elapsed_ms"] = in_milliseconds(asked.elapsed);
  if (!asked.detail.empty()) out["detail"] = asked.detail;
  return out;
}

Json json_of(const Receipt& receipt) {
  Json out = {{"key", receipt.key.hex()},
              {"sequence", receipt.sequence},
              {"expires", show(receipt.expiry)},
              {"target", receipt.target},
              {"quorum", receipt.quorum},
              {"durable", receipt.durable},
              {"known", receipt.known},
              {"known_since", show(receipt.known_since)},
              {"hops", receipt.hops},
              {"elapsed_ms", in_milliseconds(receipt.elapsed)},
              {"replicas", list_of(receipt.replicas)}};
  if (!receipt.warning.empty()) out["warning"] = receipt.warning;
  return out;
}

Json json_of(const Record& record) {
  Json out = {{"key", key_of(record).hex()}, {"type", name_of(record.type)}};
  if (record.type != RecordType::content) {
    out["owner"] = record.owner.hex();
    out["name"] = binary(record.name);
    out["sequence"] = record.sequence;
  }
  out["expires"] = show(record.expiry);
  if (record.type == RecordType::tombstone) {
    out["deleted"] = true;
  } else {
    out["value"] = binary(record.value);
  }
  return out;
}

Json json_of(const Update& update) {
  Json out = json_of(update.record);
  out["from"] = json_of(update.from);
  return out;
}

Json json_of(const Found& found) {
  Json out = json_of(found.record);
  out["from"] = json_of(found.from);
  out["local"] = found.local;
  out["hops"] = found.hops;
  out["agreeing"] = found.agreeing;
  out["answers"] = found.answers;
  out["elapsed_ms"] = in_milliseconds(found.elapsed);
  out["asked"] = list_of(found.asked);
  return out;
}

Json json_of(const Replica& replica) {
  Json out = json_of(replica.state);
  out["rank"] = replica.rank;
  out["newest"] = replica.newest;
  if (replica.state.outcome == Outcome::found) out["expires"] = show(replica.expiry);
  if (replica.repair) {
    out["repair"] = json_of(*replica.repair);
    out["repair"].erase("key");
    out["repair"].erase("endpoints");
  }
  return out;
}

Json json_of(const Audit& audit) {
  Json out = {{"key", audit.key.hex()}};
  if (audit.newest) {
    out = json_of(*audit.newest);
    out.erase("value");
  }
  out["target"] = audit.target;
  out["quorum"] = audit.quorum;
  out["holding"] = audit.holding;
  out["elsewhere"] = audit.elsewhere;
  out["hops"] = audit.hops;
  out["elapsed_ms"] = in_milliseconds(audit.elapsed);
  Json& replicas = out["replicas"] = Json::array();
  for (const Replica& replica : audit.replicas) replicas.push_back(json_of(replica));
  return out;
}

Json json_of(const Provider& provider) {
  Json out = json_of(provider.contact);
  out["expires"] = show(provider.expiry);
  return out;
}

Json json_of(const Stats& stats) {
  Json out = Json::object();
  stats.for_each([&](const char* name, std::uint64_t value, const char*) { out[name] = value; });
  return out;
}

Json json_of(const Error& error) {
  std::string detail = error.detail;
  const Error* cause = error.causes.empty() ? nullptr : &error.causes.front();
  for (; cause != nullptr; cause = cause->causes.empty() ? nullptr : &cause->causes.front()) {
    detail += ": because " + cause->detail;
  }
  Json out = {{"code", kadmos::name_of(error.code)}, {"detail", std::move(detail)}};
  if (!error.operation.empty()) out["operation"] = error.operation;
  if (error.receipt) out["receipt"] = json_of(*error.receipt);
  if (!error.asked.empty()) out["asked"] = list_of(error.asked);
  return {{"error", std::move(out)}};
}

}  // namespace kadmos::cli
