// JSON as the programs use it: fields in the order written, bytes as binary values inside, and how
// kadmos's results are spelled. docs/cli.md documents the fields.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "kadmos/results.h"
#include "kadmos/stats.h"

namespace kadmos::cli {

using Json = nlohmann::ordered_json;

// Bytes that are not text: a binary value, which CBOR carries as it is.
Json binary(ByteView bytes);

// Both refuse what is nested deeper than kJsonDepth, since much in the JSON library recurses.
// Errors: protocol.
inline constexpr int kJsonDepth = 32;
Result<Json> parse_cbor(ByteView bytes);
Result<Json> parse_json(std::string_view text);
Bytes to_cbor(const Json& json);

// One line of JSON text: binary values become {"base64": …, "utf8": … if it is}, and what is not
// UTF-8 is replaced.
std::string dump(const Json& json);

Json json_of(const Endpoints& endpoints);
Json json_of(const Contact& contact);
Json json_of(const Asked& asked);
Json json_of(const Record& record);
Json json_of(const Receipt& receipt);
Json json_of(const Record& record);
Json json_of(const Found& found);
Json json_of(const Audit& audit);
Json json_of(const Update& update);
Json json_of(const Provider& provider);
Json json_of(const Stats& stats);
// {"error": {"code", "detail", …}}: what a request that failed answers.
Json json_of(const Error& error);

}  // namespace kadmos::cli
