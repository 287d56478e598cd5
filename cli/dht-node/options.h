// What dht-node can be told, from four places: flags win over the environment (KADMOS_LISTEN, …),
// that over the file given with --config, and that over the defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/common/bootstrap.h"
#include "cli/dht-node/log.h"
#include "kadmos/config.h"

namespace kadmos::cli {

struct NodeOptions {
  // Be a node, or look after the file of records of one that is not running.
  enum class Task : std::uint8_t { run, check, salvage } task = Task::run;
  std::optional<Endpoint> listen;  // nothing for a client
  std::vector<BootstrapName> bootstrap;
  std::string data_dir;
  std::string control;
  bool on_disk = true;  // records: LMDB in data_dir, or memory
  Log::Level log_level = Log::Level::info;
  bool log_json = false;
  Config config;  // network, k, alpha, client, advertise, limits.record_bytes
};

// Either the options, or the exit code of a program that has said what there is to say (help,
// version, or what is wrong, on stderr).
struct ParsedNodeOptions {
  std::optional<NodeOptions> options;
  int exit_code = 0;
};
ParsedNodeOptions parse_node_options(int argc, const char* const* argv);

}  // namespace kadmos::cli
