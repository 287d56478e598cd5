// Changes one line of a copy of the sources, as tests/mutate/run.sh asks.
//
//   mutate SOURCE SEED I
//
// Of all changes (mutations.h) of the files in the rooms below, put in an order by SEED, the I-th,
// from 1, is made under SOURCE, where none may have been made before; FILE.before is the file as it
// was. Prints, with tabs between, the file, what kind, the line before and after, which change of
// its file this is of those that look the same, and the number of the line. All but the last name
// the change and decide about its place in the order, so that the others keep theirs when a line
// of the sources changes. Exits with 3 if there are fewer.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "mutate/mutations.h"

namespace fs = std::filesystem;
using namespace kadmos::mutate;

namespace {

constexpr const char* kRooms[] = {"lookup", "ops", "routing", "store", "engine", "wire"};

struct Change {
  fs::path file;
  Mutation mutation;
  std::string name;
  std::uint64_t place = 0;
};

// FNV-1a, and the bits spread as in SplitMix64.
std::uint64_t digest(std::string_view text, std::uint64_t seed) {
  std::uint64_t out = 0xcbf29ce484222325 ^ seed;
  for (const char c : text) out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  out = (out ^ (out >> 30)) * 0xbf58476d1ce4e5b9;
  out = (out ^ (out >> 27)) * 0x94d049bb133111eb;
  return out ^ (out >> 31);
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<Change> changes_under(const fs::path& source, std::uint64_t seed) {
  std::vector<Change> out;
  for (const char* room : kRooms) {
    for (const fs::path& file : fs::directory_iterator(source / "src" / room)) {
      const std::string before = read(file);
      std::map<std::string, int> alike;
      for (Mutation& one : mutations_of(before)) {
        std::string name = fs::relative(file, source).string() + '\t' + one.kind + '\t' +
                           line_at(before, one.at) + '\t' + line_at(changed(before, one), one.at);
        name += '\t' + std::to_string(++alike[name]);
        const std::uint64_t place = digest(name, seed);
        out.push_back({file, std::move(one), std::move(name), place});
      }
    }
  }
  std::ranges::sort(out, {}, &Change::place);
  return out;
}

bool write(const fs::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  return !out.fail();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: mutate SOURCE SEED I\n", stderr);
    return 2;
  }
  const std::size_t i = std::strtoul(argv[3], nullptr, 10);
  const auto changes = changes_under(argv[1], std::strtoul(argv[2], nullptr, 10));
  if (i == 0 || i > changes.size()) return 3;
  const Change& change = changes[i - 1];
  const std::string before = read(change.file);
  fs::path kept = change.file;
  kept += ".before";
  if (!write(kept, before) || !write(change.file, changed(before, change.mutation))) {
    std::fprintf(stderr, "mutate: cannot write %s\n", change.file.c_str());
    return 1;
  }
  std::printf("%s\t%zu\n", change.name.c_str(), line_number(before, change.mutation.at));
  return 0;
}
