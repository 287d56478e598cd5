#include "tests/e2e/harness.h"

#include <doctest/doctest.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace kadmos::e2e {
namespace {

Strings joined(Strings first, const Strings& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Strings daemon_argv(const std::string& data_dir, const Strings& arguments) {
  Strings argv = {DHT_NODE, "--data-dir", data_dir};
  if (std::ranges::count(arguments, "--listen") == 0) {
    argv.insert(argv.end(), {"--listen", "127.0.0.1:0"});
  }
  return joined(std::move(argv), arguments);
}

// A daemon writes its log to a file of the test, since nobody reads a pipe for long.
SpawnOptions with_log(SpawnOptions options, const std::string& data_dir) {
  if (options.stderr_file.empty()) options.stderr_file = data_dir + ".log";
  return options;
}

}  // namespace

Json Ran::json() const {
  auto parsed = cli::parse_json(out);
  return parsed ? *std::move(parsed) : Json();
}

Ran run(const Strings& argv, const SpawnOptions& options) {
  Process process(argv, options);
  const auto code = process.wait(kPatience);
  return {code.value_or(-1), process.out(), process.err()};
}

Ran run_node(const Strings& arguments, const SpawnOptions& options) {
  return run(joined({DHT_NODE}, arguments), options);
}

Ran run_cli(const Strings& arguments, const SpawnOptions& options) {
  return run(joined({DHT_CLI}, arguments), options);
}

Process spawn_cli(const Strings& arguments) { return Process(joined({DHT_CLI}, arguments)); }

bool is_one_line(const std::string& text) {
  return text.size() > 1 && text.find('\n') == text.size() - 1;
}

Daemon::Daemon(const std::string& data_dir, const Strings& arguments, SpawnOptions options)
    : data_dir_(data_dir),
      process_(daemon_argv(data_dir, arguments), with_log(std::move(options), data_dir)) {
  const std::string line = process_.line(kPatience).value_or("");
  INFO("log: " << read(data_dir + ".log"));
  std::istringstream words(line);
  std::string ready, id, listen, control;
  words >> ready >> id >> listen >> control;
  REQUIRE(ready == "ready");
  REQUIRE(id.starts_with("id="));
  REQUIRE(listen.starts_with("listen="));
  REQUIRE(control.starts_with("control="));
  id_ = id.substr(3);
  listen_ = listen.substr(7);
}

Ran Daemon::cli(const Strings& arguments, const SpawnOptions& options) const {
  return run_cli(joined({"--control", control()}, arguments), options);
}

int Daemon::end() {
  process_.signal(SIGTERM);
  return process_.wait(kPatience).value_or(-1);
}

Network::Network(std::size_t nodes, const Strings& arguments) {
  for (std::size_t i = 0; i < nodes; ++i) {
    Strings all = arguments;
    if (i > 0) all.insert(all.end(), {"--bootstrap", nodes_[0].listen()});
    nodes_.emplace_back(dir_ / fmt::format("node{}", i), all);
  }
  const bool met = eventually([&] {
    return std::ranges::all_of(
        nodes_, [&](const Daemon& node) { return node.peers() == static_cast<int>(nodes) - 1; });
  });
  REQUIRE_MESSAGE(met, "the nodes did not find each other");
}

SilentServer::SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(socket_.get(), 8) == 0);
}

std::string SilentServer::address() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
}

bool SilentServer::was_dialled() {
  pollfd waiting{socket_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, static_cast<int>(kPatience.count())) != 1) return false;
  caller_ = cli::Fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return caller_.open();
}

}  // namespace kadmos::e2e
