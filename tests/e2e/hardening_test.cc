// What stands in the way of whoever finds a bug in the programs: looked at in the built files.
#include <doctest/doctest.h>

#include <regex>

#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

bool fortified() {
#if defined(__OPTIMIZE__) && !defined(KADMOS_SANITIZED)
  return true;
#else
  return false;
#endif
}

TEST_CASE("the programs are loaded anywhere and notice overrun buffers") {
  for (const char* program : {DHT_NODE, DHT_CLI, DHT_SIM, DHT_DEMO}) {
    INFO("program: " << program);
    const Ran ran = run({READELF, "-W", "-h", "-l", "-d", "--dyn-syms", program});
    REQUIRE(ran.code == 0);
    CHECK(std::regex_search(ran.out, std::regex("Type: +DYN")));
    CHECK(ran.out.find("INTERP") != std::string::npos);  // a program, not a library
    CHECK(ran.out.find("GNU_RELRO") != std::string::npos);
    CHECK(std::regex_search(ran.out, std::regex("BIND_NOW|FLAGS_1.*NOW")));
    CHECK(ran.out.find("__stack_chk_fail") != std::string::npos);
    if (fortified()) CHECK(std::regex_search(ran.out, std::regex("__[a-z]+_chk")));
  }
  if (!fortified()) {
    MESSAGE("not looked at, since only optimised builds without sanitizers have them: __*_chk");
  }
}

}  // namespace
}  // namespace kadmos::e2e
