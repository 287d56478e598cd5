// dht-node --check and --salvage: what is left in the file of records of a node that is not
// running.
#pragma once

#include "cli/dht-node/options.h"

namespace kadmos::cli {

// stdout gets a line for each record that is lost, as far as it is named, and one that counts.
// Gives the exit code: kOk (all is well, or everything was rescued), kStorage (something is
// damaged, or was lost), kError (it could not be done, as stderr says).
int run_recovery(const NodeOptions& options);

}  // namespace kadmos::cli
