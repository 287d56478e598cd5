// Keys are kept from other processes of the same user, from core dumps and from swap: looked at in
// running programs.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>

#include "kadmos/identity.h"
#include "tests/e2e/harness.h"

namespace kadmos::e2e {
namespace {

constexpr unsigned kNobody = 65534;

bool sanitized() {
#ifdef KADMOS_SANITIZED
  return true;
#else
  return false;
#endif
}

std::string proc(const Process& process, const std::string& file) {
  return "/proc/" + std::to_string(process.pid()) + "/" + file;
}

// The kilobytes that a process has locked.
int locked(const Process& process) {
  const std::string status = read(proc(process, "status"));
  const std::size_t at = status.find("VmLck:");
  return at == std::string::npos ? -1 : std::stoi(status.substr(at + 6));
}

// As a user who may not do everything, which root has to become first.
Strings as_user(Strings argv) {
  if (::geteuid() != 0) return argv;
  const std::string user = std::to_string(kNobody);
  argv.insert(argv.begin(),
              {"/usr/bin/setpriv", "--reuid", user, "--regid", user, "--clear-groups"});
  return argv;
}

unsigned user() { return ::geteuid() == 0 ? kNobody : ::geteuid(); }

// Whether this machine lets a user lock a few pages.
bool may_lock() {
  rlimit most{};
  return ::getrlimit(RLIMIT_MEMLOCK, &most) == 0 && most.rlim_cur >= 64 * 1024;
}

void check_private(const Process& process) {
  const std::string limits = read(proc(process, "limits"));
  CHECK(std::regex_search(limits, std::regex("Max core file size +0 +0 ")));
  if (sanitized()) {
    MESSAGE(
        "not looked at, since sanitizers attach to their process and lock no memory: "
        "dumpable, VmLck");
    return;
  }
  // The kernel gives the files of a process that may not be dumped to root.
  struct stat owner {};
  REQUIRE(::stat(proc(process, "mem").c_str(), &owner) == 0);
  CHECK(owner.st_uid != user());
  const Ran ran = run(as_user({"/bin/cat", proc(process, "environ")}));
  CHECK(ran.code != 0);
  CHECK(ran.err.find("Permission denied") != std::string::npos);
  if (may_lock()) {
    CHECK(eventually([&] { return locked(process) > 0; }));
  } else {
    MESSAGE("not looked at, since `ulimit -l` allows no memory to be locked: VmLck");
  }
}

TEST_CASE("the memory of a program that holds a key is nobody else's") {
  TempDir dir;
  std::filesystem::create_directory(dir / "node");
  for (const std::string& path : {dir.path(), dir / "node"}) {
    REQUIRE(::chown(path.c_str(), user(), user()) == 0);
  }
  if (run(as_user({DHT_NODE, "--version"})).code != 0) {
    MESSAGE("not looked at, since another user than root cannot run programs from here");
    return;
  }
  Process node(as_user({DHT_NODE, "--data-dir", dir / "node", "--listen", "127.0.0.1:0"}));
  const std::string ready = node.line(kPatience).value_or("");
  REQUIRE(ready.starts_with("ready "));
  check_private(node);

  REQUIRE(run(as_user({DHT_CLI, "key", "new", dir / "key"})).code == 0);
  std::smatch listen;
  REQUIRE(std::regex_search(ready, listen, std::regex("listen=([^ ]+)")));
  Process watch(
      as_user({DHT_CLI, "--bootstrap", listen[1], "--key", dir / "key", "-v", "watch", "a"}));
  // It tells by its connection that it has read the key.
  const Strings peer =
      as_user({DHT_CLI, "--control", dir / "node/control.sock", "--json", "status"});
  REQUIRE(eventually(
      [&] { return run(peer).json().at("counters").at("connections_accepted").get<int>() > 0; }));
  check_private(watch);
}

// How often `bytes` is in the memory of a process; nothing if that cannot be read.
std::optional<std::size_t> copies_in_memory(const Process& process, const std::string& bytes) {
  std::ifstream memory(proc(process, "mem"), std::ios::binary);
  std::ifstream maps(proc(process, "maps"));
  if (!memory || !maps) return std::nullopt;
  std::size_t found = 0;
  std::string line;
  while (std::getline(maps, line)) {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    const char* stop = line.data() + line.size();
    const auto [dash, failed] = std::from_chars(line.data(), stop, begin, 16);
    if (failed != std::errc() || *dash != '-') continue;
    std::from_chars(dash + 1, stop, end, 16);
    const bool of_a_file = line.find('/') != std::string::npos;
    if (of_a_file || end - begin > 256UL * 1024 * 1024) continue;
    std::string content(end - begin, '\0');
    memory.clear();
    memory.seekg(static_cast<std::streamoff>(begin));
    memory.read(content.data(), static_cast<std::streamsize>(content.size()));
    content.resize(static_cast<std::size_t>(memory.gcount()));
    for (std::size_t at = content.find(bytes); at != std::string::npos;
         at = content.find(bytes, at + 1)) {
      ++found;
    }
  }
  return found;
}

TEST_CASE("a daemon has its secret in memory where it is needed and nowhere else") {
  TempDir dir;
  { CHECK(Daemon(dir / "node").end() == 0); }
  const std::string file = read(dir / "node/identity.key");
  const std::string digits = file.substr(file.find("\nsecret ") + 8, 64);
  const auto secret = from_hex(digits);
  REQUIRE(secret);
  Daemon node(dir / "node");  // reads the file this time
  const auto raw = copies_in_memory(node.process(), std::string(text_of(*secret)));
  if (!raw) {
    MESSAGE("not looked at, since only root can look into a daemon's memory");
    return;
  }
  CHECK(*raw >= 1);
  CHECK(*raw <= 2);  // what signs records, and OpenSSL's copy for TLS
  CHECK(copies_in_memory(node.process(), digits) == 0);
}

}  // namespace
}  // namespace kadmos::e2e
