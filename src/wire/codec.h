// Messages to msgpack and back. Encoding always gives one form; decoding accepts exactly the arity,
// types and sizes of docs/protocol.md and nothing after them.
#pragma once

#include "kadmos/bytes.h"
#include "kadmos/config.h"
#include "kadmos/result.h"
#include "wire/messages.h"

namespace kadmos::wire {

Bytes encode(const Message& message);
Bytes encode(const Hello& hello);

// Errors: protocol, with what was wrong. Memory used is bounded by the size of `payload`. Sizes are
// held against `limits` (name_bytes, value_bytes, contacts_per_reply).
Result<Message> decode(ByteView payload, const Limits& limits);
Result<Hello> decode_hello(ByteView payload);

}  // namespace kadmos::wire
