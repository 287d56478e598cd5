// The codec against random messages. Each message has one form, so any payload that decodes at all,
// whatever was done to it, must encode to the very same bytes again.
#include <doctest/doctest.h>

#include "support/wire_samples.h"
#include "wire/codec.h"

namespace kadmos::wire {
namespace {

const Limits kLimits;

// Null if `payload` keeps the rule, or what broke it.
template <class T>
const char* broken(const Result<T>& decoded, const Bytes& payload) {
  if (!decoded) return decoded.error().code == Errc::protocol ? nullptr : "another error code";
  return encode(*decoded) == payload ? nullptr : "two forms of one message";
}

// Every way to change one byte of `payload`, or at each byte only `per_byte` random ways.
template <class Decode>
void check_mutations(const Bytes& payload, Prng* prng, int per_byte, Decode decode_as) {
  Bytes mutated = payload;
  for (std::size_t at = 0; at < payload.size(); ++at) {
    for (int i = 1; i <= per_byte; ++i) {
      const auto change = static_cast<Byte>(prng != nullptr ? 1 + prng->below(255) : i);
      mutated[at] = payload[at] ^ change;
      const char* fault = broken(decode_as(mutated), mutated);
      if (fault != nullptr) FAIL_CHECK(fault << ": " << to_hex(mutated));
    }
    mutated[at] = payload[at];
  }
}

template <class Decode>
void check_truncations(const Bytes& payload, Decode decode_as) {
  for (std::size_t size = 0; size < payload.size(); ++size) {
    if (decode_as(ByteView(payload).first(size))) FAIL_CHECK(to_hex(payload) << " cut to " << size);
  }
}

Result<Message> as_message(ByteView payload) { return decode(payload, kLimits); }
Result<Hello> as_hello(ByteView payload) { return decode_hello(payload); }

TEST_CASE("codec: ten thousand random messages come back as they went") {
  MessageMaker maker(1);
  for (int i = 0; i < 10'000; ++i) {
    const Message message = maker.message();
    const auto back = as_message(encode(message));
    REQUIRE_MESSAGE(back.ok(), (back ? "" : back.error().detail));
    REQUIRE(*back == message);
  }
}

TEST_CASE("codec: ten thousand random hellos come back as they went") {
  MessageMaker maker(2);
  for (int i = 0; i < 10'000; ++i) {
    const Hello hello = maker.hello();
    const auto back = as_hello(encode(hello));
    REQUIRE_MESSAGE(back.ok(), (back ? "" : back.error().detail));
    REQUIRE(*back == hello);
  }
}

TEST_CASE("codec: every truncation of a message is an error") {
  for (const auto& [name, message] : sample_messages()) {
    check_truncations(encode(message), as_message);
  }
  for (const auto& [name, hello] : sample_hellos()) check_truncations(encode(hello), as_hello);
  MessageMaker maker(3);
  for (int i = 0; i < 300; ++i) {
    check_truncations(encode(maker.message()), as_message);
    check_truncations(encode(maker.hello()), as_hello);
  }
}

TEST_CASE(
    "codec: a message with any one byte changed is an error or another message in its one form") {
  for (const auto& [name, message] : sample_messages()) {
    check_mutations(encode(message), nullptr, 255, as_message);
  }
  for (const auto& [name, hello] : sample_hellos()) {
    check_mutations(encode(hello), nullptr, 255, as_hello);
  }
  MessageMaker maker(4);
  for (int i = 0; i < 300; ++i) {
    check_mutations(encode(maker.message()), &maker.prng(), 3, as_message);
    check_mutations(encode(maker.hello()), &maker.prng(), 3, as_hello);
  }
}

TEST_CASE("codec: a message with any one byte more is an error") {
  MessageMaker maker(5);
  for (int i = 0; i < 20; ++i) {
    Bytes payload = encode(maker.message());
    payload.push_back(0);
    for (int last = 0; last < 256; ++last) {
      payload.back() = static_cast<Byte>(last);
      REQUIRE_FALSE(as_message(payload).ok());
    }
  }
}

TEST_CASE("codec: a message of one kind spliced into another never decodes in two forms") {
  MessageMaker maker(6);
  Bytes before = encode(maker.message());
  for (int i = 0; i < 20'000; ++i) {
    const Bytes payload = encode(maker.message());
    Bytes spliced(before.begin(),
                  before.begin() + static_cast<long>(maker.prng().below(before.size())));
    const auto cut = static_cast<long>(maker.prng().below(payload.size()));
    spliced.insert(spliced.end(), payload.begin() + cut, payload.end());
    const char* fault = broken(as_message(spliced), spliced);
    if (fault != nullptr) FAIL_CHECK(fault << ": " << to_hex(spliced));
    before = payload;
  }
}

}  // namespace
}  // namespace kadmos::wire
