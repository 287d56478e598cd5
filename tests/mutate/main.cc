// Changes one line of a copy of the sources, as tests/mutate/run.sh asks.
//
//   mutate SOURCE SEED I
//
// Of all changes (mutations.h) of the files in the rooms below, put in an order by SEED, the I-th,
// from 1, is made under SOURCE, where none may have been made before. Prints where, what kind, the
// line before and after, with tabs between. Exits with 3 if there are fewer.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "mutate/mutations.h"

namespace fs = std::filesystem;
using namespace kadmos::mutate;

namespace {

constexpr const char* kRooms[] = {"lookup", "ops", "routing", "store", "engine", "wire"};

struct Change {
  const fs::path* file;
  Mutation mutation;
};

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<fs::path> files_under(const fs::path& source) {
  std::vector<fs::path> out;
  for (const char* room : kRooms) {
    for (const auto& file : fs::directory_iterator(source / "src" / room)) out.push_back(file);
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: mutate SOURCE SEED I\n", stderr);
    return 2;
  }
  const fs::path source = argv[1];
  const std::size_t i = std::strtoul(argv[3], nullptr, 10);
  const std::vector<fs::path> files = files_under(source);
  std::vector<Change> changes;
  for (const fs::path& file : files) {
    for (Mutation& one : mutations_of(read(file))) changes.push_back({&file, std::move(one)});
  }
  // std::shuffle may differ from library to library.
  std::mt19937_64 random(std::strtoul(argv[2], nullptr, 10));
  for (std::size_t n = changes.size(); n > 1; --n) std::swap(changes[n - 1], changes[random() % n]);
  if (i == 0 || i > changes.size()) return 3;

  const auto& [file, mutation] = changes[i - 1];
  const std::string before = read(*file);
  const std::string after = changed(before, mutation);
  std::ofstream out(*file, std::ios::binary);
  out << after;
  out.close();
  if (!out) {
    std::fprintf(stderr, "mutate: cannot write %s\n", file->c_str());
    return 1;
  }
  std::printf("%s:%zu\t%s\t%s\t%s\n", fs::relative(*file, source).c_str(),
              line_number(before, mutation.at), mutation.kind.c_str(),
              line_at(before, mutation.at).c_str(), line_at(after, mutation.at).c_str());
  return 0;
}
