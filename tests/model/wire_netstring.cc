// The reader against a model that has the whole stream in its hands: random frames, some of them
// spoiled, in random pieces.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/prng.h"
#include "wire/netstring.h"

namespace kadmos::wire {
namespace {

constexpr std::size_t kMax = 300;

struct Outcome {
  std::vector<std::string> payloads;
  bool dead = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Straight from the grammar, for a stream that is all there. An unfinished last frame is no error
// unless no continuation could save it.
Outcome model(const std::string& stream) {
  Outcome out;
  std::size_t at = 0;
  while (at < stream.size()) {
    const std::size_t colon = stream.find_first_not_of("0123456789", at);
    const std::size_t digits = std::min(colon, stream.size()) - at;
    const bool leading_zero = digits > 1 && stream[at] == '0';
    out.dead = digits > 7 || leading_zero;
    if (out.dead || colon == std::string::npos) return out;
    out.dead = stream[colon] != ':' || digits == 0;
    if (out.dead) return out;
    const std::size_t length = std::stoul(stream.substr(at, digits));
    out.dead = length > kMax;
    if (out.dead) return out;
    const std::size_t comma = colon + 1 + length;
    if (comma >= stream.size()) return out;
    out.dead = stream[comma] != ',';
    if (out.dead) return out;
    out.payloads.push_back(stream.substr(colon + 1, length));
    at = comma + 1;
  }
  return out;
}

Outcome read(const std::string& stream, Prng& prng) {
  Outcome out;
  NetstringReader reader(kMax);
  for (std::size_t at = 0; at < stream.size() && !out.dead;) {
    const std::string piece = stream.substr(at, prng.below(prng.chance(500'000) ? 4 : 400));
    at += piece.size();
    const auto fed = reader.feed(view_of(piece), [&](ByteView payload) {
      out.payloads.emplace_back(text_of(payload));
      return true;
    });
    out.dead = !fed.ok();
    CHECK(reader.buffered() <= kMax);
  }
  return out;
}

std::string random_stream(Prng& prng) {
  Bytes stream;
  for (std::uint64_t n = prng.below(8); n > 0; --n) {
    Bytes payload(prng.below(prng.chance(800'000) ? 12 : kMax + 20));
    for (Byte& b : payload) b = static_cast<Byte>("0123456789:,-x"[prng.below(14)]);
    append_netstring(stream, payload);
  }
  for (std::uint64_t n = prng.chance(500'000) ? 0 : 1 + prng.below(3); n > 0 && !stream.empty();
       --n) {
    const auto at = stream.begin() + static_cast<long>(prng.below(stream.size()));
    switch (prng.below(3)) {
      case 0:
        stream.erase(at);
        break;
      case 1:
        stream.insert(at, static_cast<Byte>("0123456789:,-x"[prng.below(14)]));
        break;
      default:
        *at = static_cast<Byte>(prng.next());
        break;
    }
  }
  return std::string(text_of(stream));
}

TEST_CASE("netstring: random streams in random pieces are read as the grammar says") {
  Prng prng(1);
  int dead = 0;
  for (int i = 0; i < 30'000; ++i) {
    const std::string stream = random_stream(prng);
    const Outcome expected = model(stream);
    dead += expected.dead ? 1 : 0;
    REQUIRE_MESSAGE(read(stream, prng) == expected, stream);
  }
  CHECK(dead > 3'000);
  CHECK(dead < 27'000);
}

}  // namespace
}  // namespace kadmos::wire
