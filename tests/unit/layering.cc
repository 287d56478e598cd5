#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "layering_rules.h"

using kadmos::layering::code_of;
using kadmos::layering::problems_of;
namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Planted {
  std::string path;
  std::string text;
  std::string header = {};
};

std::string only_problem(const Planted& planted) {
  CAPTURE(planted.path);
  CAPTURE(planted.text);
  const auto problems = problems_of(planted.path, planted.text, planted.header);
  CHECK(problems.size() == 1);
  return problems.empty() ? "" : problems.front();
}

}  // namespace

TEST_CASE("the source tree keeps the rules of its rooms") {
  const fs::path root = KADMOS_SOURCE_DIR;
  std::set<std::string> seen;
  for (const char* top : {"include", "src", "cli", "simulations"}) {
    for (const auto& file : fs::recursive_directory_iterator(root / top)) {
      const fs::path& path = file.path();
      if (path.extension() != ".h" && path.extension() != ".cc") continue;
      const std::string name = fs::relative(path, root).generic_string();
      seen.insert(name);
      fs::path header = path;
      header.replace_extension(".h");
      const bool has_header = path.extension() == ".cc" && fs::exists(header);
      for (const std::string& problem :
           problems_of(name, read(path), has_header ? read(header) : std::string())) {
        FAIL_CHECK(problem);
      }
    }
  }
  // The walk went through the real tree.
  CHECK(seen.contains("src/routing/routing_table.cc"));
  CHECK(seen.contains("include/kadmos/future.h"));
  CHECK(seen.size() > 30);
}

TEST_CASE("includes that run downward or stay in their room are fine") {
  for (const Planted& fine : std::vector<Planted>{
           {"src/base/check.cc", "#include \"base/check.h\"\n#include \"kadmos/where.h\"\n"},
           {"src/engine/engine.h", "#include \"ops/walk.h\"\n#include \"kadmos/config.h\"\n"},
           {"src/node/node.cc", "#include \"kadmos/node.h\"\n#include \"engine/engine.h\"\n"},
           {"src/uv/loop.cc", "#include \"kadmos/uv.h\"\n#include <uv.h>\n#include <atomic>\n"},
           {"src/uv/tls.cc", "#include <openssl/ssl.h>\n#include \"wire/netstring.h\"\n"},
           {"src/crypto/sha512.cc", "#include <openssl/evp.h>\n"},
           {"src/wire/decode.cc", "#include <msgpack/parse.hpp>\n"},
           {"include/kadmos/kadmos.h", "#include \"kadmos/uv.h\"\n#include \"kadmos/node.h\"\n"},
           {"simulations/world.cc",
            "#include \"simulations/world.h\"\n#include \"kadmos/node.h\"\n"},
           {"cli/dht-node/main.cc", "#include \"cli/common/text.h\"\n#include \"uv/control.h\"\n"},
           {"cli/dht-node/main.cc", "#include \"options.h\"\n#include <iostream>\n"}}) {
    CAPTURE(fine.path);
    CHECK(problems_of(fine.path, fine.text).empty());
  }
}

TEST_CASE("an include that runs upward is found") {
  CHECK(only_problem({"src/wire/codec.cc", "\n#include \"routing/routing_table.h\"\n"}) ==
        "src/wire/codec.cc:2: includes src/routing/routing_table.h of a higher floor");
  for (const Planted& upward :
       std::vector<Planted>{{"src/base/prng.h", "#include \"crypto/sha512.h\""},
                            {"src/routing/routing_table.h", "#include \"engine/engine.h\""},
                            {"src/engine/engine.h", "#include \"kadmos/future.h\""},
                            {"src/ops/get.cc", "#include \"kadmos/node.h\""},
                            {"include/kadmos/record.h", "#include \"kadmos/task.h\""},
                            {"src/node/node.cc", "#include \"kadmos/uv.h\""},
                            {"src/node/node.cc", "#  include  \"uv/loop.h\""},
                            {"src/lmdb/storage.cc", "#include \"kadmos/uv.h\""},
                            {"src/uv/loop.cc", "#include \"simulations/world.h\""},
                            {"cli/common/text.cc", "#include \"cli/dht-node/options.h\""}}) {
    CHECK(only_problem(upward).find("a higher floor") != std::string::npos);
  }
}

TEST_CASE("an include of another room of the same floor is found") {
  for (const Planted& sideways :
       std::vector<Planted>{{"src/lookup/lookup.cc", "#include \"routing/routing_table.h\""},
                            {"src/store/record_store.h", "#include \"lookup/lookup.h\""},
                            {"src/routing/routing_table.cc", "#include \"store/record_store.h\""},
                            {"cli/dht-cli/main.cc", "#include \"cli/dht-node/log.h\""},
                            {"simulations/world.h", "#include \"cli/common/text.h\""}}) {
    CHECK(only_problem(sideways).find("the same floor") != std::string::npos);
  }
}

TEST_CASE("a public header that leans on a private one is found") {
  for (const Planted& planted :
       std::vector<Planted>{{"include/kadmos/id.h", "#include \"base/check.h\""},
                            {"include/kadmos/node.h", "#include \"engine/engine.h\""}}) {
    CHECK(only_problem(planted).find("a public header includes") != std::string::npos);
  }
}

TEST_CASE("a simulator that knows libuv is found") {
  for (const char* header : {"uv/loop.h", "kadmos/uv.h", "kadmos/kadmos.h"}) {
    const std::string text = std::string("#include \"") + header + "\"\n";
    CHECK(only_problem({"simulations/network.cc", text}).find("libuv") != std::string::npos);
  }
}

TEST_CASE("a simulator that knows real disks is found") {
  CHECK(only_problem({"simulations/disk.cc", "#include \"lmdb/database.h\""}).find("real disks") !=
        std::string::npos);
}

TEST_CASE("files and includes that belong to no room are found") {
  CHECK(only_problem({"src/misc/util.cc", ""}) == "src/misc/util.cc:1: is in no room");
  CHECK(only_problem({"src/ops/get.cc", "#include \"misc/util.h\""}) ==
        "src/ops/get.cc:1: includes src/misc/util.h, which is in no room");
}

TEST_CASE("a library in a room that must not know it is found") {
  for (const Planted& planted :
       std::vector<Planted>{{"src/wire/codec.cc", "#include <openssl/evp.h>"},
                            {"include/kadmos/identity.h", "#include <openssl/evp.h>"},
                            {"cli/dht-node/main.cc", "#include <openssl/ssl.h>"},
                            {"src/uv/tls.cc", "#include <sodium.h>"},
                            {"src/engine/engine.cc", "#include <msgpack.hpp>"},
                            {"src/uv/transport.cc", "#include <msgpack/parse.hpp>"},
                            {"src/node/node.cc", "#include <uv.h>"},
                            {"include/kadmos/uv.h", "#include <uv.h>"},
                            {"cli/dht-cli/main.cc", "#include <uv.h>"},
                            {"simulations/world.cc", "#include <uv.h>"},
                            {"src/store/memory_storage.cc", "#include <lmdb.h>"},
                            {"src/uv/make_node.cc", "#include <lmdb.h>"}}) {
    CHECK(only_problem(planted).find("not its to know") != std::string::npos);
  }
}

TEST_CASE("clocks and randomness and threads and logs in the core are found") {
  for (const char* line : {"auto t = std::chrono::steady_clock::now();",
                           "using Clock = std::chrono::system_clock;",
                           "clock_gettime(CLOCK_MONOTONIC, &ts);",
                           "gettimeofday(&tv, nullptr);",
                           "auto t = std::time(nullptr);",
                           "std::random_device device;",
                           "int r = rand();",
                           "srand(1);",
                           "std::uniform_int_distribution<int> d(0, 5);",
                           "std::thread worker(run);",
                           "std::mutex lock;",
                           "std::shared_mutex lock;",
                           "std::atomic<int> n;",
                           "std::atomic_flag f;",
                           "thread_local int n = 0;",
                           "#include <thread>",
                           "#include <mutex>",
                           "#include <atomic>",
                           "#include <iostream>",
                           "std::cerr << 1;",
                           "spdlog::info(x);",
                           "#include <spdlog/spdlog.h>"}) {
    CAPTURE(line);
    CHECK(problems_of("src/engine/engine.cc", line).size() == 1);
    CHECK(problems_of("include/kadmos/node.h", line).size() == 1);
    CHECK(problems_of("src/base/prng.h", line).size() == 1);
    CHECK(problems_of("src/uv/loop.cc", line).empty());
    CHECK(problems_of("include/kadmos/uv.h", line).empty());
    CHECK(problems_of("cli/dht-node/log.cc", line).empty());
  }
}

TEST_CASE("only the memory that goes round in a thread may be of the thread") {
  const char* line = "thread_local int n = 0;";
  CHECK(problems_of("src/base/recycled.cc", line).empty());
  CHECK(problems_of("src/base/recycled.cc", "std::mutex lock;").size() == 1);
  CHECK(problems_of("src/base/contact_book.cc", line).size() == 1);
}

TEST_CASE("words that only look like what the core must not touch are fine") {
  for (const char* line :
       {"// std::thread, rand(), steady_clock", "/* std::mutex\n double */ int a;",
        "report(\"std::thread of a double rand()\");", "operand(a); brand(b);",
        "auto time = now.at; expire_time(0);", "R\"(std::cout \" rand()\")\";",
        "char quote = '\"'; // rand(\n int n = 1'000'000; // double", "set_alarm(runtime(0));"}) {
    CAPTURE(line);
    CHECK(problems_of("src/engine/engine.cc", line).empty());
  }
}

TEST_CASE("floats where decisions are made are found") {
  for (const char* room : {"routing", "lookup", "engine", "ops"}) {
    const std::string path = std::string("src/") + room + "/x.cc";
    CHECK(only_problem({path, "const double share = 0;"}) == path + ":1: a float in decisions");
    CHECK(only_problem({path, "\n\nfloat f(int);"}) == path + ":3: a float in decisions");
  }
  CHECK(problems_of("src/wire/decode.cc", "bool visit_float64(double);").empty());
}

TEST_CASE("a loop over an unordered container in the core is found") {
  const std::string map =
      "std::unordered_map<Id, std::vector<std::pair<int, int>>, Hash> peers_;\n";
  CHECK(only_problem(
            {"src/engine/a.cc", map + "void f() {\n  for (auto& [id, p] : peers_) g(p);\n}"}) ==
        "src/engine/a.cc:3: iterates over peers_, whose order is nobody's promise");
  for (const char* loop :
       {"for (const auto& p : peers_) {}", "for (const auto& p :\n     this->peers_) {}",
        "for (auto& p : other.peers_) {}", "auto it = peers_.begin();",
        "auto it = peers_.cbegin();", "auto it = std::begin(peers_);",
        "first(peers_.begin()->second);"}) {
    CAPTURE(loop);
    CHECK(problems_of("src/engine/a.cc", map + loop).size() == 1);
    CHECK(problems_of("src/engine/a.cc", loop, map).size() == 1);  // declared in its header
    CHECK(problems_of("src/uv/a.cc", map + loop).empty());
    CHECK(problems_of("src/engine/a.cc", loop).empty());  // not known to be unordered
  }
  for (const char* set : {"std::unordered_set<int> s;", "std::unordered_multimap<int, int> s;",
                          "void f(const std::unordered_set<int>& s);",
                          "using Set = std::unordered_set<int>;\nSet s;"}) {
    CAPTURE(set);
    CHECK(problems_of("src/ops/a.cc", std::string(set) + "\nfor (int i : s) {}").size() == 1);
  }
}

TEST_CASE("looking something up in an unordered container is fine") {
  const std::string map = "std::unordered_map<int, int> peers_;\n";
  for (const char* use :
       {"auto it = peers_.find(1); if (it != peers_.end()) peers_.erase(it);", "peers_[1] = 2;",
        "for (int i : sorted(peers_)) {}", "for (int i : my_peers_) {}", "my_peers_.begin();"}) {
    CAPTURE(use);
    CHECK(problems_of("src/engine/a.cc", map + use).empty());
  }
}

TEST_CASE("blanking comments and literals keeps lines and columns") {
  CHECK(code_of("a // b\nc") == "a     \nc");
  CHECK(code_of("a /* b\n c */ d") == "a     \n      d");
  CHECK(code_of("f(\"x\\\"y\", 'z')") == "f(\"    \", ' ')");
  CHECK(code_of("#include \"a.h\"\n\"b\"") == "#include \"a.h\"\n\" \"");
  CHECK(code_of("1'000 + 'x'") == "1'000 + ' '");
}
