// dht-node: a node of a kadmos network, as a daemon.
#include "cli/common/secrecy.h"
#include "cli/dht-node/daemon.h"
#include "cli/dht-node/options.h"
#include "cli/dht-node/recovery.h"

int main(int argc, char** argv) {
  using namespace kadmos::cli;
  keep_memory_private();
  const ParsedNodeOptions parsed = parse_node_options(argc, argv);
  if (!parsed.options) return parsed.exit_code;
  if (parsed.options->task != NodeOptions::Task::run) return run_recovery(*parsed.options);
  return run_daemon(*parsed.options, Log(parsed.options->log_level, parsed.options->log_json));
}
