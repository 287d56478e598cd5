// Reading the fields of a request. One of the wrong type throws Json::exception, which `execute`
// turns into an error at the door.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "cli/common/execute.h"

namespace kadmos::cli::request_fields {

std::optional<std::uint64_t> count(const Json& request, const char* field);
// Capped far beyond any limit, far from overflow.
std::optional<std::chrono::milliseconds> millis(const Json& request, const char* field);
std::optional<Duration> timeout_of(const Json& request);
const std::string& text(const Json& request, const char* field);
ByteView bytes(const Json& request, const char* field);
// Whose name is meant: the request's "owner", or the service's. Nothing if it is malformed.
std::optional<PublicKey> owner_of(const Service& service, const Json& request);
// Which key is meant: the request's "key", or that of its "name". Errors: invalid_argument.
Result<Key> key_in(const Service& service, const Json& request);

}  // namespace kadmos::cli::request_fields
