// The requests for many keys at once. Each is answered once for every input, as `set`, `get` or
// `provide` would be, with its place among the inputs as "index"; the last answer is empty.
#pragma once

#include "cli/common/execute.h"

namespace kadmos::cli {

inline constexpr std::size_t kMostInputs = 4096;  // of one request

Future<Json> set_many(Service& service, const Json& request, Emit emit);
Future<Json> get_many(Service& service, const Json& request, Emit emit);
Future<Json> provide_many(Service& service, const Json& request, Emit emit);
// The keys of what this node published: "keys", so many an answer.
Future<Json> own_keys(Service& service, const Json& request, Emit emit);
Future<Json> renew(Service& service, const Json& request, Emit emit);

// Own records that only `renew` publishes: how many there are, and what the first of them are.
Json forgotten(const Service& service);

}  // namespace kadmos::cli
