// The running daemon: a node, its control socket, its memory on disk, and an orderly end.
#pragma once

#include "cli/dht-node/log.h"
#include "cli/dht-node/options.h"

namespace kadmos::cli {

// Runs until it is told to end; gives the exit code.
int run_daemon(const NodeOptions& options, const Log& log);

}  // namespace kadmos::cli
