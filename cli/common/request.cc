#include "cli/common/request.h"

#include <algorithm>

namespace kadmos::cli::request_fields {

std::optional<std::uint64_t> count(const Json& request, const char* field) {
  if (!request.contains(field)) return std::nullopt;
  return request.at(field).get_ref<const Json::number_unsigned_t&>();
}

std::optional<std::chrono::milliseconds> millis(const Json& request, const char* field) {
  const auto given = count(request, field);
  if (!given) return std::nullopt;
  return std::chrono::milliseconds(std::min<std::uint64_t>(*given, 1'000'000'000'000));
}

std::optional<Duration> timeout_of(const Json& request) {
  const auto ms = millis(request, "timeout_ms");
  if (!ms) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::min(*ms, std::chrono::milliseconds(86'400'000)));
}

const std::string& text(const Json& request, const char* field) {
  return request.at(field).get_ref<const std::string&>();
}

ByteView bytes(const Json& request, const char* field) { return request.at(field).get_binary(); }

std::optional<PublicKey> owner_of(const Service& service, const Json& request) {
  if (!request.contains("owner")) return service.owner_key();
  return PublicKey::from_hex(text(request, "owner"));
}

Result<Key> key_in(const Service& service, const Json& request) {
  if (request.contains("key")) {
    if (const auto key = Key::from_hex(text(request, "key"))) return *key;
    return Error(Errc::invalid_argument, "a key has 128 hexadecimal digits");
  }
  if (const auto owner = owner_of(service, request)) {
    return owned_key(*owner, bytes(request, "name"));
  }
  return Error(Errc::invalid_argument, "an owner is a public key of 64 hexadecimal digits");
}

}  // namespace kadmos::cli::request_fields
