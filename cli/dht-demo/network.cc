#include "cli/dht-demo/network.h"

#include <fmt/core.h>
#include <poll.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace kadmos::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Far more than any step takes, even on a busy machine.
constexpr milliseconds kPatience{30'000};

volatile std::sig_atomic_t signalled = 0;

std::string temporary_directory() {
  const char* base = std::getenv("TMPDIR");
  std::string path = fmt::format("{}/kadmos-demo-XXXXXX", base != nullptr && *base ? base : "/tmp");
  if (::mkdtemp(path.data()) == nullptr) throw DemoError("cannot create a directory " + path);
  return path;
}

}  // namespace

void catch_interrupts() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action {};
    action.sa_handler = [](int) { signalled = 1; };
    ::sigaction(signal, &action, nullptr);
  }
}

bool interrupted() { return signalled != 0; }

void check_interrupt() {
  if (interrupted()) throw Interrupted();
}

Network::Network(std::string programs, int k)
    : programs_(std::move(programs)), k_(k), directory_(temporary_directory()) {}

Network::~Network() {
  stop();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void Network::start(std::size_t number) {
  if (number == nodes_.size()) {
    nodes_.emplace_back();
    nodes_.back().directory = fmt::format("{}/node{}", directory_, number + 1);
    std::filesystem::create_directory(nodes_.back().directory);
  }
  Node& node = nodes_[number];
  std::vector<std::string> argv = {
      programs_ + "/dht-node", "--listen",  "127.0.0.1:0", "--data-dir",
      node.directory,          "--network", "demo",        "--k",
      std::to_string(k_)};
  if (number > 0) argv.insert(argv.end(), {"--bootstrap", nodes_[0].listen});
  SpawnOptions options;
  options.stderr_file = node.directory + "/log";
  node.process.emplace(argv, options);
  const auto line = node.process->line(kPatience);
  check_interrupt();
  std::istringstream words(line.value_or(""));
  std::string ready, id, listen, control;
  words >> ready >> id >> listen;
  std::getline(words >> std::ws, control);
  if (ready != "ready" || !id.starts_with("id=") || !listen.starts_with("listen=") ||
      !control.starts_with("control=")) {
    throw DemoError(fmt::format("node {} did not start; its log:\n{}", number + 1, log_of(node)));
  }
  node.id = id.substr(3);
  node.listen = listen.substr(7);
  node.control = control.substr(8);
  node.key = ask(number, {"status"}).at("key").get<std::string>();
}

void Network::kill(std::size_t number) {
  nodes_[number].process->signal(SIGKILL);
  nodes_[number].process->wait(kPatience);
}

bool Network::stop() {
  bool in_order = true;
  for (Node& node : nodes_) {
    if (node.process && node.process->running()) node.process->signal(SIGTERM);
  }
  for (Node& node : nodes_) {
    if (!node.process) continue;
    const bool was_running = node.process->running();
    const auto code = node.process->wait(milliseconds(5000));
    if (was_running && code != 0) in_order = false;
    node.process.reset();
  }
  return in_order;
}

Json Network::ask(std::size_t number, std::vector<std::string> arguments) const {
  const Node& node = nodes_[number];
  std::vector<std::string> argv = {cli(), "--json", "--control", node.control};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  Process process(argv);
  const auto code = process.wait(kPatience);
  check_interrupt();
  auto answer = parse_json(process.out());
  if (code == 0 && answer) return *std::move(answer);
  throw DemoError(fmt::format("dht-cli {} failed at node {}: {}its log:\n{}", arguments.front(),
                              number + 1, process.err(), log_of(node)));
}

std::size_t Network::with_key(const std::string& key) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].key == key) return i;
  }
  throw DemoError("an answer names a node that is none of ours: " + key);
}

void Network::wait_until(const char* what, const std::function<bool()>& done) {
  const auto deadline = steady_clock::now() + kPatience;
  while (!done()) {
    if (steady_clock::now() > deadline) throw DemoError(fmt::format("waited in vain {}", what));
    ::poll(nullptr, 0, 20);
    check_interrupt();
  }
}

std::string Network::log_of(const Node& node) const {
  constexpr std::size_t kTail = 4000;
  auto content = read_file(node.directory + "/log", 1 << 20);
  const std::string text = content ? std::string(content->begin(), content->end()) : "(none)\n";
  return text.size() > kTail ? text.substr(text.size() - kTail) : text;
}

}  // namespace kadmos::cli
