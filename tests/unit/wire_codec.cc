// The codec: every message comes back as it went, and whatever is not exactly a message is refused.
#include <doctest/doctest.h>

#include "wire/codec.h"

namespace kadmos::wire {
namespace {

TEST_CASE("codec: smoke") {
  const Limits limits;
  Message m{7, FindNode{Id::from_top(42)}};
  const auto bytes = encode(m);
  const auto back = decode(bytes, limits);
  REQUIRE_MESSAGE(back.ok(), (back.ok() ? "" : back.error().detail));
  CHECK(*back == m);
  Hello h;
  h.network = "kadmos";
  h.endpoints.add(Endpoint::v4(0, 0, 0, 0, 4000));
  const auto hb = decode_hello(encode(h));
  REQUIRE_MESSAGE(hb.ok(), (hb.ok() ? "" : hb.error().detail));
  CHECK(*hb == h);
}

}  // namespace
}  // namespace kadmos::wire
