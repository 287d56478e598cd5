#include <doctest/doctest.h>

#include "kadmos/address_groups.h"

namespace kadmos {
namespace {

Endpoint at(const char* text) { return *Endpoint::parse(text); }
AddressRange range(const char* text) { return *AddressRange::parse(text); }

TEST_CASE("A range is read and written as addresses with a number of bits are") {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.7/32", "2001:db8::/32", "::/0"}) {
    CAPTURE(text);
    REQUIRE(AddressRange::parse(text));
    CHECK(range(text).text() == text);
  }
  CHECK(range("192.0.2.7").text() == "192.0.2.7/32");
  CHECK(range("::1").text() == "::1/128");
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x",
                           "10.0.0.1/8", "2001:db8::/129", "2001:db8::1/64", "ten/8", "1.2.3/8"}) {
    CAPTURE(text);
    CHECK(!AddressRange::parse(text));
  }
}

TEST_CASE("A range contains the addresses that begin with its bits") {
  CHECK(range("10.0.0.0/8").contains(at("10.255.0.1:1").ip));
  CHECK(!range("10.0.0.0/8").contains(at("11.0.0.1:1").ip));
  CHECK(range("192.0.2.128/25").contains(at("192.0.2.128:1").ip));
  CHECK(!range("192.0.2.128/25").contains(at("192.0.2.127:1").ip));
  CHECK(range("0.0.0.0/0").contains(at("1.2.3.4:1").ip));
  CHECK(!range("0.0.0.0/0").contains(at("[2001:db8::1]:1").ip));
  CHECK(range("fc00::/7").contains(at("[fdff::1]:1").ip));
}

TEST_CASE(
    "Loopback and private and link-local addresses are local unless an operator says otherwise") {
  const AddressGroups& usual = AddressGroups::usual();
  for (const char* local :
       {"127.0.0.1:1", "127.255.255.255:1", "10.0.0.1:1", "172.16.0.1:1", "172.31.255.1:1",
        "192.168.7.1:1", "169.254.1.1:1", "[::1]:1", "[fc00::1]:1", "[fdff::1]:1", "[fe80::1]:1",
        "[febf::1]:1", "0.0.0.0:1", "[::]:1"}) {
    CAPTURE(local);
    CHECK(usual.is_local(at(local)));
    CHECK(usual.group_of(at(local)) == 0);
  }
  for (const char* remote :
       {"126.0.0.1:1", "128.0.0.1:1", "11.0.0.1:1", "172.15.0.1:1", "172.32.0.1:1", "192.167.0.1:1",
        "192.169.0.1:1", "169.253.0.1:1", "[::2]:1", "[1::1]:1", "[fb00::1]:1", "[fe00::1]:1",
        "[fec0::1]:1", "[2001:db8::1]:1"}) {
    CAPTURE(remote);
    CHECK(!usual.is_local(at(remote)));
    CHECK(usual.group_of(at(remote)) == at(remote).group());
  }
  AddressGroups none;
  none.local.emplace();
  CHECK(none.group_of(at("127.0.0.1:1")) == at("127.0.0.1:1").group());
  AddressGroups own;
  own.local = {range("203.0.113.0/24")};
  CHECK(own.is_local(at("203.0.113.9:1")));
  CHECK(!own.is_local(at("10.0.0.1:1")));
}

TEST_CASE("Addresses that count as one are one address and one group") {
  AddressGroups groups;
  groups.one = {range("203.0.112.0/20")};
  const Endpoint a = at("203.0.113.9:1");
  const Endpoint b = at("203.0.120.1:2");
  CHECK(groups.group_of(a) == groups.group_of(b));
  CHECK(groups.address_of(a) == groups.address_of(b));
  CHECK(groups.group_of(a) != groups.group_of(at("203.0.128.1:1")));
  CHECK(groups.address_of(at("8.8.8.8:1")) != groups.address_of(at("8.8.8.9:1")));
}

}  // namespace
}  // namespace kadmos
