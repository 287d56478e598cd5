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

Result<std::optional<std::uint64_t>> sequence_in(const Json& entry) {
  const auto found = entry.find("sequence");
  if (found == entry.end()) return std::optional<std::uint64_t>();
  if (!found->is_number_unsigned() || *found == 0) {
    return wrong("\"sequence\" is a whole number above 0");
  }
  return std::optional(found->get<std::uint64_t>());
}

// Nothing if its owner renews it.
Result<std::optional<WallTime>> expiry_in(const Json& entry) {
  const auto renewed = entry.find("renewed");
  if (renewed != entry.end() && !renewed->is_boolean()) {
    return wrong("\"renewed\" is true or false");
  }
  const auto found = entry.find("expires");
  if (found == entry.end()) return std::optional<WallTime>();
  const auto time = found->is_string() ? parse_time(found->get_ref<const std::string&>())
                                       : std::optional<WallTime>();
  if (!time) return wrong("\"expires\" is a time such as \"2030-01-31T23:59:59Z\"");
  if (renewed != entry.end() && renewed->get<bool>()) return std::optional<WallTime>();
  return time;
}

Result<void> check_fields(const Json& entry) {
  // The last five are what export adds.
  static constexpr std::array<std::string_view, 10> kKnown = {
      "name", "name_base64", "value",    "value_base64", "ttl",
      "key",  "owner",       "sequence", "expires",      "renewed"};
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

Result<EntryLine> parse_entry(std::string_view line) {
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
  auto sequence = sequence_in(*json);
  if (!sequence) return std::move(sequence).error();
  auto expires = expiry_in(*json);
  if (!expires) return std::move(expires).error();
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
  EntryLine out{{std::nullopt, **std::move(value), *ttl}, *ttl ? std::nullopt : *expires};
  if (*name) {
    out.entry.name = text_of(**name);
    out.entry.sequence = *sequence;
  }
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
  for (const char* field : {"key", "owner", "sequence", "expires", "renewed"}) {
    if (found.contains(field)) out[field] = found.at(field);
  }
  return printable_json(out.dump());
}

}  // namespace kadmos::cli
