#include "cli/common/lines.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <vector>

#include "tests/e2e/support.h"

namespace kadmos::cli {
namespace {

using e2e::read;
using e2e::TempDir;
using e2e::write;

std::vector<Line> lines_of(const std::string& path, std::size_t longest) {
  auto reader = LineReader::open(path, longest);
  REQUIRE(reader.ok());
  std::vector<Line> out;
  while (true) {
    auto line = reader->next();
    REQUIRE(line.ok());
    if (!*line) break;
    out.push_back(**line);
  }
  CHECK(reader->consumed() == *reader->size());
  return out;
}

TEST_CASE("a file is read line by line whatever the last one ends with") {
  const TempDir dir;
  const std::string path = dir / "lines";
  write(path, "one\n\n three\r\nlast");
  const auto lines = lines_of(path, 10);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0].text == "one");
  CHECK(lines[1].text.empty());
  CHECK(lines[2].text == " three\r");
  CHECK(lines[3].text == "last");
  CHECK(lines[3].number == 4);
  CHECK(lines[2].whole);
  CHECK_FALSE(lines[3].whole);
  write(path, "one\n");
  CHECK(lines_of(path, 10).size() == 1);
  write(path, "");
  CHECK(lines_of(path, 10).empty());
  CHECK(LineReader::open(dir / "none", 10).error().code == Errc::not_found);
}

TEST_CASE("a line that is too long is passed over without being kept") {
  const TempDir dir;
  const std::string path = dir / "lines";
  for (const std::size_t size : {11UL, 65'535UL, 65'536UL, 300'000UL}) {
    write(path, "0123456789\n" + std::string(size, 'x') + "\nafter\n" + std::string(size, 'y'));
    const auto lines = lines_of(path, 10);
    REQUIRE(lines.size() == 4);
    CHECK(lines[0].text == "0123456789");
    CHECK(lines[1].too_long);
    CHECK(lines[1].text.empty());
    CHECK(lines[2].text == "after");
    CHECK(lines[3].too_long);
  }
}

TEST_CASE("lines longer than what is read at once are whole") {
  const TempDir dir;
  const std::string path = dir / "lines";
  std::string content;
  for (std::size_t i = 1; i <= 40; ++i) content += std::string(i * 5000, 'a') + '\n';
  write(path, content);
  const auto lines = lines_of(path, 1 << 20);
  REQUIRE(lines.size() == 40);
  for (std::size_t i = 0; i < 40; ++i) CHECK(lines[i].text.size() == (i + 1) * 5000);
}

TEST_CASE("a pipe says whether there is something to read now") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  LineReader reader(Fd{ends[0]}, "pipe", 100);
  Fd in{ends[1]};
  CHECK_FALSE(reader.ready());
  REQUIRE(::write(in.get(), "one\ntwo\nthr", 11) == 11);
  CHECK(reader.ready());
  CHECK((**reader.next()).text == "one");
  CHECK(reader.ready());
  CHECK((**reader.next()).text == "two");
  CHECK_FALSE(reader.ready());
  in = Fd();
  CHECK(reader.ready());
  CHECK((**reader.next()).text == "thr");
  CHECK_FALSE(reader.next()->has_value());
}

TEST_CASE("lines are appended to what is there but for what a crash left of one") {
  const TempDir dir;
  const std::string path = dir / "lines";
  {
    auto writer = LineWriter::append_to(path);
    REQUIRE(writer.ok());
    writer->add("one");
    CHECK(read(path).empty());
    CHECK(writer->write().ok());
    CHECK(read(path) == "one\n");
    writer->add("two");
    CHECK(writer->sync().ok());
  }
  CHECK(read(path) == "one\ntwo\n");
  write(path, "one\ntw");
  auto writer = LineWriter::append_to(path);
  REQUIRE(writer.ok());
  CHECK(read(path) == "one\n");
  writer->add("2");
  CHECK(writer->write().ok());
  CHECK(read(path) == "one\n2\n");
  CHECK_FALSE(LineWriter::append_to(dir.path()).ok());
}

}  // namespace
}  // namespace kadmos::cli
