#include <doctest/doctest.h>

#include "engine/offences.h"
#include "support/drive.h"

using namespace kadmos;
using std::chrono::minutes;
using std::chrono::seconds;
using Host = Drive::Host;

namespace {

PublicKey peer(Byte n) {
  PublicKey out;
  out.bytes[0] = n;
  return out;
}
TimePoint at(Duration since_start) { return TimePoint{} + since_start; }

// How many bad signatures at `when` it takes until the peer is hung up on.
int until_shunned(Offences& offences, TimePoint when, const PublicKey& who) {
  for (int n = 1; n <= 100; ++n) {
    if (offences.on_bad_signature(when, who)) return n;
  }
  return -1;
}

}  // namespace

TEST_CASE("eight bad signatures in a minute are too many and seven are not") {
  Offences offences(8, 100);
  for (int i = 0; i < 7; ++i) CHECK_FALSE(offences.on_bad_signature(at(seconds(1)), peer(1)));
  CHECK_FALSE(offences.shunned(at(seconds(1)), peer(1)));
  CHECK_FALSE(offences.on_bad_signature(at(seconds(61)), peer(1)));  // another minute
  CHECK(until_shunned(offences, at(seconds(61)), peer(1)) == 7);
  CHECK(offences.shunned(at(seconds(61)), peer(1)));
  CHECK_FALSE(offences.shunned(at(seconds(61)), peer(2)));
}

TEST_CASE("each time a peer is not served for twice as long up to an hour") {
  Offences offences(8, 100);
  TimePoint now = at(seconds(0));
  for (const int span : {1, 2, 4, 8, 16, 32, 60, 60}) {
    CAPTURE(span);
    REQUIRE(until_shunned(offences, now, peer(1)) == 8);
    CHECK(offences.shunned(now + minutes(span) - seconds(1), peer(1)));
    now += minutes(span);
    CHECK_FALSE(offences.shunned(now, peer(1)));
  }
  now += minutes(61);  // as long again
  REQUIRE(until_shunned(offences, now, peer(1)) == 8);
  CHECK_FALSE(offences.shunned(now + minutes(1), peer(1)));
}

TEST_CASE("no more offenders are remembered than are allowed") {
  Offences offences(8, 10);
  for (Byte i = 0; i < 100; ++i) offences.on_bad_signature(at(seconds(1)), peer(i));
  CHECK(offences.size() == 10);
  offences.on_bad_signature(at(minutes(5)), peer(200));
  CHECK(offences.size() == 1);
}

TEST_CASE("whoever stores forged records is hung up on and not served for a while") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add_raw();
  const Host c = net.add_raw();
  Record forged =
      records::owned(records::identity(7), "name", 1, "value", net.wall() + std::chrono::hours(1));
  forged.value = to_bytes("other");
  for (int i = 0; i < 7; ++i) net.inject(a, b, wire::Message{1, wire::Store{forged}});
  CHECK(net.dropped(a).empty());
  net.inject(a, b, wire::Message{1, wire::Store{forged}});
  CHECK(net.dropped(a).size() == 1);
  CHECK(net.stats(a).peers_shunned == 1);
  CHECK(net.noticed(a, "signatures_bad"));
  const auto invalid = net.stats(a).records_invalid;
  const auto served = net.stats(a).requests_served;
  for (int i = 0; i < 100; ++i) net.inject(a, b, wire::Message{1, wire::Store{forged}});
  CHECK(net.stats(a).records_invalid == invalid);
  CHECK(net.stats(a).requests_served == served);
  net.inject(a, c, wire::Message{1, wire::Ping{}});
  CHECK(net.last_answer(a, c) == wire::Body(wire::Pong{}));
  net.run_for(minutes(1));
  net.inject(a, b, wire::Message{1, wire::Ping{}});
  CHECK(net.last_answer(a, b) == wire::Body(wire::Pong{}));
}
