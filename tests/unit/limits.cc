// docs/limits.md against the code: every limit with its default, and counters that exist.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "kadmos/config.h"
#include "kadmos/stats.h"

namespace kadmos {
namespace {

struct Row {
  std::string value;
  std::vector<std::string> counters;
};

// What stands between backticks.
std::vector<std::string> code_in(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = text.find('`'); at != std::string::npos; at = text.find('`', at + 1)) {
    const std::size_t end = text.find('`', at + 1);
    REQUIRE(end != std::string::npos);
    out.push_back(text.substr(at + 1, end - at - 1));
    at = end;
  }
  return out;
}

std::map<std::string, Row> rows() {
  std::ifstream in(KADMOS_SOURCE_DIR "/docs/limits.md");
  REQUIRE(in);
  std::map<std::string, Row> out;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| `")) continue;
    std::vector<std::string> cells;
    for (std::size_t at = 1; at < line.size();) {
      const std::size_t end = line.find('|', at);
      cells.push_back(line.substr(at + 1, end - at - 2));
      at = end + 1;
    }
    CAPTURE(line);
    REQUIRE(cells.size() == 6);
    REQUIRE(out.emplace(code_in(cells[0]).at(0), Row{cells[1], code_in(cells[4])}).second);
  }
  return out;
}

TEST_CASE("limits.md lists every limit with its default and nothing else") {
  auto documented = rows();
  Limits().for_each([&](const char* name, std::size_t& value, const char*) {
    CAPTURE(name);
    REQUIRE(documented.contains(name));
    CHECK(documented.at(name).value == std::to_string(value));
    documented.erase(name);
  });
  CHECK(documented.empty());
}

TEST_CASE("limits.md names counters that exist") {
  std::set<std::string> counters;
  Stats{}.for_each([&](const char* name, std::uint64_t, const char*) { counters.insert(name); });
  for (const auto& [limit, row] : rows()) {
    for (const std::string& counter : row.counters) {
      CHECK_MESSAGE(counters.contains(counter), limit << ": " << counter);
    }
  }
}

}  // namespace
}  // namespace kadmos
