#include <doctest/doctest.h>

#include <string>

#include "kadmos/endpoint.h"

using namespace kadmos;

namespace {

Endpoint at(const char* text) {
  const auto parsed = Endpoint::parse(text);
  REQUIRE_MESSAGE(parsed, text);
  return *parsed;
}

}  // namespace

TEST_CASE("endpoints of both families read back from their text") {
  for (const auto* text : {"1.2.3.4:5", "127.0.0.1:0", "255.255.255.255:65535", "0.0.0.0:80",
                           "[2001:db8::1]:5", "[::]:1", "[::1]:65535", "[fe80::1:2:3]:9"}) {
    CHECK(at(text).text() == text);
  }
  CHECK(at("1.2.3.4:5") == Endpoint::v4(1, 2, 3, 4, 5));
  CHECK(at("[2001:DB8:0:0:0:0:0:1]:5").text() == "[2001:db8::1]:5");
}

TEST_CASE("a mapped IPv4 address is the IPv4 address") {
  CHECK(at("[::ffff:1.2.3.4]:5") == Endpoint::v4(1, 2, 3, 4, 5));
  CHECK(at("1.2.3.4:5").is_v4());
  CHECK(!at("[2001:db8::1]:5").is_v4());
  CHECK(!at("[::1]:5").is_v4());
}

TEST_CASE("text that is not a numeric endpoint is refused") {
  for (const std::string bad : {"",
                                ":",
                                "1.2.3.4",
                                "1.2.3.4:",
                                ":5",
                                "1.2.3.4:x",
                                "1.2.3.4:5x",
                                "1.2.3.4:-1",
                                "1.2.3.4:+1",
                                "1.2.3.4: 1",
                                "1.2.3.4:65536",
                                "1.2.3.4:99999999999",
                                "1.2.3:5",
                                "1.2.3.256:5",
                                "1.2.3.4.5:6",
                                " 1.2.3.4:5",
                                "localhost:5",
                                "[1.2.3.4]:5",
                                "2001:db8::1:5",
                                "[2001:db8::1]",
                                "[2001:db8::1]5",
                                "[2001:db8::1:5",
                                "2001:db8::1]:5",
                                "[]:5",
                                "[::g]:5",
                                "[[::1]]:5",
                                "[fe80::1%lo]:5",
                                "1.2.3.4]:5"}) {
    CAPTURE(bad);
    CHECK(!Endpoint::parse(bad));
  }
  CHECK(!Endpoint::parse(std::string_view("1.2.3.4\0:5", 10)));
}

TEST_CASE("a host and its port are cut apart without being resolved") {
  const auto name = parse_host_port("node.example.org:4000");
  REQUIRE(name);
  CHECK(name->host == "node.example.org");
  CHECK(name->port == 4000);
  const auto v6 = parse_host_port("[2001:db8::1]:1");
  REQUIRE(v6);
  CHECK(v6->host == "2001:db8::1");
  CHECK(!parse_host_port("node:0"));
  CHECK(parse_host_port("node:0", true));
  CHECK(!parse_host_port("node"));
  CHECK(!parse_host_port("a:b:1"));
}

TEST_CASE("unspecified is the address a node that listens everywhere has") {
  CHECK(at("0.0.0.0:1").is_unspecified());
  CHECK(at("[::]:1").is_unspecified());
  CHECK(!at("0.0.0.1:1").is_unspecified());
  CHECK(!at("[::1]:1").is_unspecified());
}

TEST_CASE("one group is the /24 of IPv4 or the /48 of IPv6") {
  CHECK(at("1.2.3.4:5").group() == at("1.2.3.99:6").group());
  CHECK(at("1.2.3.4:5").group() != at("1.2.4.4:5").group());
  CHECK(at("[2001:db8:7::1]:5").group() == at("[2001:db8:7:ffff::2]:6").group());
  CHECK(at("[2001:db8:7::1]:5").group() != at("[2001:db8:8::1]:5").group());
  // Never zero, which means no group, and never the same for two families.
  CHECK(at("0.0.0.0:1").group() != 0);
  CHECK(at("[::]:1").group() != 0);
  CHECK(at("0.0.0.0:1").group() != at("[::]:1").group());
  CHECK(at("1.2.3.4:1").group() != at("[::1:203:0:0:0]:1").group());
}
