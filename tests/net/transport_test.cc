// The transport between honest peers: frames, hellos, one connection a peer, probes, bounds.
#include <doctest/doctest.h>

#include "net/harness.h"

namespace kadmos::net {
namespace {

using std::chrono::milliseconds;

TEST_CASE("Two transports exchange frames over one connection") {
  UvLoop loop;
  Honest a(loop, 1);
  Honest b(loop, 2);
  a.send(b, "to b");
  REQUIRE(until(loop, [&] { return b.got("to b"); }));
  b.send(a, "to a");
  REQUIRE(until(loop, [&] { return a.got("to a"); }));
  CHECK(b.frames[0].first.contact.key == a.identity.public_key());
  CHECK(a.stats().connections_dialled == 1);
  CHECK(b.stats().connections_dialled == 0);
  CHECK(a.stats().connections == 1);
  CHECK(b.stats().connections == 1);
  CHECK(b.stats().connections_accepted == 1);
  CHECK(a.stats().bytes_sent == 4);
  CHECK(a.stats().bytes_received == 4);
}

}  // namespace
}  // namespace kadmos::net
