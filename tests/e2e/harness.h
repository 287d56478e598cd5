// Real daemons and command lines for tests: port 0, temporary directories, every wait ended by what
// is waited for or by a generous deadline.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "cli/common/json.h"
#include "cli/common/process.h"
#include "tests/e2e/support.h"

namespace kadmos::e2e {

using cli::Json;
using cli::Process;
using cli::SpawnOptions;
using Strings = std::vector<std::string>;

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
  Json json() const;  // of stdout; null if it is none
};
Ran run(const Strings& argv, const SpawnOptions& options = {});
Ran run_node(const Strings& arguments, const SpawnOptions& options = {});
Ran run_cli(const Strings& arguments, const SpawnOptions& options = {});
Process spawn_cli(const Strings& arguments);

// Whether `text` is one line, not empty.
bool is_one_line(const std::string& text);

// A running dht-node.
class Daemon {
 public:
  // Starts it with --listen 127.0.0.1:0 and --data-dir, unless `arguments` say otherwise, and waits
  // until it is ready. The test fails if it does not become so.
  explicit Daemon(const std::string& data_dir, const Strings& arguments = {},
                  SpawnOptions options = {});

  const std::string& id() const { return id_; }
  const std::string& listen() const { return listen_; }
  const std::string& data_dir() const { return data_dir_; }
  std::string control() const { return data_dir_ + "/control.sock"; }
  Process& process() { return process_; }

  // dht-cli against this daemon.
  Ran cli(const Strings& arguments, const SpawnOptions& options = {}) const;
  Json status() const { return cli({"--json", "status"}).json(); }
  std::string key() const { return status().at("key").get<std::string>(); }
  int peers() const { return status().at("peers").get<int>(); }
  // SIGTERM; the exit code.
  int end();

 private:
  std::string data_dir_;
  Process process_;
  std::string id_;
  std::string listen_;
};

// So many daemons that know each other, in one temporary directory.
class Network {
 public:
  explicit Network(std::size_t nodes, const Strings& arguments = {});
  Daemon& operator[](std::size_t i) { return nodes_[i]; }
  std::string dir(const std::string& name) const { return dir_ / name; }

 private:
  TempDir dir_;
  std::deque<Daemon> nodes_;
};

// Listens on loopback and never says a word: whoever dials it waits.
class SilentServer {
 public:
  SilentServer();
  std::string address() const;
  // Until somebody has connected.
  bool was_dialled();

 private:
  cli::Fd socket_;
  cli::Fd caller_;
};

}  // namespace kadmos::e2e
