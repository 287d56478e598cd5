// What strangers wrote never reaches a terminal, a log line or a line of an error as anything but
// characters to be seen. A real pseudo terminal, real pipes, and for what only a hostile peer would
// say a daemon that says it.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

#include "cli/common/json.h"
#include "cli/common/text.h"
#include "tests/e2e/harness.h"
#include "uv/control.h"

namespace kadmos::e2e {
namespace {

// Sets the title of a window, goes home, takes a line away; U+009B, which is ESC [ too; turns the
// direction; is no UTF-8.
const std::string kNasty =
    "nice\x1b]0;title\x07\x1b[2K\xc2\x9b"
    "1;1H\xe2\x80\xaeltr\x7f\xff\r";
const std::string kNastyShown =
    "nice\\x1b]0;title\\x07\\x1b[2K\\xc2\\x9b"
    "1;1H\\xe2\\x80\\xaeltr\\x7f\\xff\\x0d";

// What dht-cli writes to a terminal, which is its stdin, stdout and stderr.
std::string on_terminal(Strings arguments) {
  arguments.insert(arguments.begin(), DHT_CLI);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  termios as_it_comes{};
  ::cfmakeraw(&as_it_comes);
  int master = -1;
  const pid_t child = ::forkpty(&master, nullptr, &as_it_comes, nullptr);
  REQUIRE(child >= 0);
  if (child == 0) {
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  std::string out;
  pollfd waiting{master, POLLIN, 0};
  char buffer[4096];
  while (::poll(&waiting, 1, static_cast<int>(kPatience.count())) == 1) {
    const ssize_t n = ::read(master, buffer, sizeof buffer);
    if (n <= 0) break;  // EIO: nobody has the other end open
    out.append(buffer, static_cast<std::size_t>(n));
  }
  ::kill(child, SIGKILL);  // unless it has ended
  ::waitpid(child, nullptr, 0);
  ::close(master);
  return out;
}

// Whether a terminal would only show it.
bool harmless(const std::string& text) { return cli::printable_lines(text) == text; }

TEST_CASE("a terminal is shown the control characters of a value and a pipe is given them") {
  TempDir dir;
  Daemon node(dir / "node");
  const std::string value = kNasty + "\tand\nmore caf\xc3\xa9";
  const std::string shown = kNastyShown + "\tand\nmore caf\xc3\xa9";
  write(dir / "value", value);
  REQUIRE(node.cli({"set", "a", "@" + (dir / "value")}).code == 0);
  const Strings at = {"--control", node.control()};
  const auto with = [&](Strings more) {
    more.insert(more.begin(), at.begin(), at.end());
    return more;
  };
  CHECK(on_terminal(with({"get", "a"})) == shown + "\n");
  CHECK(on_terminal(with({"get", "a", "--raw"})) == value + "\n");
  CHECK(on_terminal(with({"watch", "a", "--count", "1"})) == shown + "\n");
  CHECK(on_terminal(with({"watch", "a", "--count", "1", "--raw"})) == value + "\n");
  CHECK(node.cli({"get", "a"}).out == value);
  CHECK(node.cli({"get", "a", "--raw"}).out == value);
  CHECK(node.cli({"watch", "a", "--count", "1"}).out == value + "\n");
  CHECK(node.cli({"--json", "get", "a", "--raw"}).code == 2);
}

TEST_CASE("names and values in JSON are harmless on a terminal and mean the same") {
  TempDir dir;
  Daemon node(dir / "node");
  const std::string name = "n\x1b[2J\x7f\xc2\x9b\xe2\x80\xae";
  REQUIRE(node.cli({"set", name, name}).code == 0);
  for (const Strings& command : {Strings{"--json", "get", name}, Strings{"--quiet", "export"}}) {
    Strings all = {"--control", node.control()};
    all.insert(all.end(), command.begin(), command.end());
    const std::string out = on_terminal(all);
    CHECK(out.find("\\u009b") != std::string::npos);
    CHECK(harmless(out));
    CHECK(node.cli(command).out.find("\\u202e") != std::string::npos);
  }
  CHECK(node.cli({"--json", "get", name}).json().at("value").at("utf8") == name);
  CHECK(node.cli({"export"}).json().at("name") == name);
}

// A daemon that answers every request alike, as if every peer were hostile.
class HostileDaemon {
 public:
  HostileDaemon(const std::string& socket, const Json& answer) {
    server_ =
        ControlServer::listen(loop_, socket, [answer](ByteView, const ControlServer::Reply& reply) {
          reply(cli::to_cbor(answer));
          return nullptr;
        }).value();
  }
  // Runs `program` to its end, while it answers.
  template <class Program>
  auto answer(Program program) {
    decltype(program()) out;
    std::atomic<bool> ended = false;
    std::thread beside([&] {
      out = program();
      ended = true;
    });
    std::unique_ptr<UvLoop::Handle> timer;
    std::function<void()> look = [&] {
      if (ended) return loop_.stop();
      timer = loop_.after(std::chrono::milliseconds(5), look);
    };
    look();
    if (!ended) loop_.run();
    beside.join();
    return out;
  }

 private:
  UvLoop loop_;
  std::unique_ptr<ControlServer> server_;
};

TEST_CASE("whatever a daemon answers is shown in lines that a terminal can be given") {
  const std::string bad = kNasty + "\nforged line";
  const Json contact = {{"key", bad}, {"endpoints", {bad}}};
  Json asked = contact;
  asked.update({{"outcome", bad}, {"detail", bad}, {"elapsed_ms", 1.0}});
  const Json failed = {
      {"error", {{"code", "refused"}, {"detail", bad}, {"asked", Json::array({asked})}}}};
  Json lapsed = {{"key", bad},
                 {"type", bad},
                 {"name", cli::binary(view_of(bad))},
                 {"provides", bad},
                 {"expired", bad}};
  const Json status = {{"id", bad},
                       {"key", bad},
                       {"version", bad},
                       {"network", bad},
                       {"listen", bad},
                       {"endpoints", {bad}},
                       {"uptime_ms", 1U},
                       {"peers", 1U},
                       {"records", 1U},
                       {"record_bytes", 1U},
                       {"counters", {{bad, 1U}}},
                       {"not_renewed", {{"total", 1U}, {"records", Json::array({lapsed})}}},
                       {"identity_in_use", bad},
                       {"clock", {{"seems", bad}, {"peers", 1U}, {"heard", 1U}}}};
  Json peer = contact;
  peer.update({{"id", bad}, {"shared_bits", 1}});
  Json replica = asked;
  replica.update({{"rank", 1}, {"newest", true}, {"repair", {{"outcome", bad}}}});
  const Json audit = {{"target", 1},
                      {"holding", 1},
                      {"quorum", 1},
                      {"elsewhere", 0},
                      {"expires", bad},
                      {"replicas", Json::array({replica})},
                      {"survival", {{"loss", 0.5}, {"loss_unmended", 0.5}}}};
  const struct {
    Strings command;
    Json answer;
    int lines;  // on both stdout and stderr
  } kCases[] = {
      {{"get", "a"}, failed, 1},
      {{"-v", "get", "a"}, failed, 2},
      {{"--json", "get", "a"}, failed, 2},
      {{"export", "a"}, failed, 1},
      {{"-v", "status"}, status, 14},
      {{"peers"}, {{"peers", Json::array({peer})}}, 2},
      {{"find-providers", std::string(128, 'a')}, {{"providers", Json::array({contact})}}, 1},
      {{"audit", "a"}, audit, 4},
      {{"whois", std::string(64, 'a')}, {{"key", bad}, {"profile", {{bad, bad}}}}, 2}};
  TempDir dir;
  for (const auto& one : kCases) {
    INFO("command: " << one.command.back());
    HostileDaemon daemon(dir / "socket", one.answer);
    Strings arguments = {"--control", dir / "socket"};
    arguments.insert(arguments.end(), one.command.begin(), one.command.end());
    const Ran ran = daemon.answer([&] { return run_cli(arguments); });
    const std::string all = ran.out + ran.err;
    INFO(all);
    CHECK(all.find("forged") != std::string::npos);
    CHECK(harmless(all));
    CHECK(std::ranges::count(all, '\n') == one.lines);
    CHECK(harmless(daemon.answer([&] { return on_terminal(arguments); })));
  }
}

TEST_CASE("nothing in a log ends its line before it ends") {
  TempDir dir;
  const std::string bad = "net\n2030-01-01 error forged\x1b[2J\xc2\x9b";
  for (const bool json : {false, true}) {
    SpawnOptions options;
    options.stderr_file = dir / (json ? "json.log" : "log");
    Strings arguments = {"--network", bad};
    if (json) arguments.emplace_back("--log-json");
    Daemon node(dir / "node", arguments, options);
    CHECK(node.end() == 0);
    const std::string log = read(options.stderr_file);
    INFO(log);
    CHECK(log.find("forged") != std::string::npos);
    CHECK(log.find("\n2030") == std::string::npos);
    CHECK(harmless(log));
    std::filesystem::remove_all(dir / "node");
  }
}

}  // namespace
}  // namespace kadmos::e2e
