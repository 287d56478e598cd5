#include "cli/common/entries.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "cli/common/text.h"
#include "kadmos/config.h"

namespace kadmos::cli {
namespace {

Error wrong(std::string detail) { return Error(Errc::invalid_argument, std::move(detail)); }

// Bytes under `field` as text, or under `field`_base64; nothing if there is neither.
Result<std::optional<Bytes>> bytes_in(const Json& entry, const std::string& field) {
  const std::string coded = field + "_base64";
  const auto plain = entry.find(field);
  const auto base = entry.find(coded);
  if (plain != entry.end() && base != entry.end()) {
    return wrong(fmt::format("\"{}\" and \"{}\" exclude each other", field, coded));
  }
  if (plain != entry.end()) {
    if (!plain->is_string()) return wrong(fmt::format("\"{}\" is no text", field));
    return std::optional(to_bytes(plain->get_ref<const std::string&>()));
  }
  if (base == entry.end()) return std::optional<Bytes>();
  auto bytes = base->is_string() ? from_base64(base->get_ref<const std::string&>()) : std::nullopt;
  if (!bytes) return wrong(fmt::format("\"{}\" is not base64", coded));
  return bytes;
}

Result<std::optional<std::chrono::milliseconds>> ttl_in(const Json& entry) {
  const auto found = entry.find("ttl");
  if (found == entry.end()) return std::optional<std::chrono::milliseconds>();
  if (!found->is_string()) return wrong("\"ttl\" is a text with its unit, such as \"2h\"");
  auto ttl = parse_duration(found->get_ref<const std::string&>());
  if (!ttl) return wrong("\"ttl\": " + ttl.error().detail);
  return std::optional(std::chrono::ceil<std::chrono::milliseconds>(*ttl));
}

Result<void> check_fields(const Json& entry) {
  // The last four are what export adds.
  static constexpr std::array<std::string_view, 9> kKnown = {
      "name", "name_base64", "value", "value_base64", "ttl", "key", "owner", "sequence", "expires"};
  for (const auto& [field, value] : entry.items()) {
    if (std::ranges::find(kKnown, field) == kKnown.end()) {
      return wrong(fmt::format("'{}' is no field of an entry", printable(field)));
    }
  }
  return {};
}

Result<void> check_size(const char* what, std::size_t size, std::size_t most) {
  if (size <= most) return {};
  return Error(Errc::too_large,
               fmt::format("the {} has {} bytes; at most {} are possible", what, size, most));
}

void put_bytes(Json& out, const std::string& field, const Json& binary) {
  const ByteView bytes = binary.get_binary();
  if (is_utf8(text_of(bytes))) {
    out[field] = text_of(bytes);
  } else {
    out[field + "_base64"] = base64(bytes);
  }
}

}  // namespace

Result<Entry> parse_entry(std::string_view line) {
  const auto json = parse_json(line);
  if (!json) return wrong(json.error().detail);
  if (!json->is_object()) return wrong("not a JSON object");
  if (auto known = check_fields(*json); !known) return known.error();
  auto name = bytes_in(*json, "name");
  if (!name) return std::move(name).error();
  auto value = bytes_in(*json, "value");
  if (!value) return std::move(value).error();
  auto ttl = ttl_in(*json);
  if (!ttl) return std::move(ttl).error();
  if (!*value) return wrong("\"value\" or \"value_base64\" is missing");
  if (*name && (*name)->empty()) return wrong("the name is empty");
  const Limits limits;
  if (*name) {
    if (auto fits = check_size("name", (*name)->size(), limits.name_bytes); !fits)
      return fits.error();
  }
  if (auto fits = check_size("value", (*value)->size(), limits.value_bytes); !fits)
    return fits.error();
  // Of content the key tells whether the value is what was exported.
  if (const auto key = json->find("key"); !*name && key != json->end()) {
    if (!key->is_string() || key->get_ref<const std::string&>() != content_key(**value).hex()) {
      return wrong("the value does not belong to the key");
    }
  }
  Entry out{std::nullopt, **std::move(value), *ttl};
  if (*name) out.name = text_of(**name);
  return out;
}

bool begins_entry_line(std::string_view text) {
  return std::ranges::any_of(std::array<std::string_view, 2>{R"({"name)", R"({"value)"},
                             [&](std::string_view begin) {
                               const std::size_t n = std::min(begin.size(), text.size());
                               return text.substr(0, n) == begin.substr(0, n);
                             });
}

std::string entry_line(const Json& found) {
  Json out = Json::object();
  if (found.contains("name")) put_bytes(out, "name", found.at("name"));
  put_bytes(out, "value", found.at("value"));
  for (const char* field : {"key", "owner", "sequence", "expires"}) {
    if (found.contains(field)) out[field] = found.at(field);
  }
  return out.dump();
}

}  // namespace kadmos::cli
