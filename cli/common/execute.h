// What the programs can ask of a node, as JSON in and JSON out. dht-node answers its control socket
// with it, and dht-cli its own node when it takes part in the network by itself, so both behave
// alike. docs/cli.md lists the requests and the fields of the answers.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "cli/common/json.h"
#include "kadmos/node.h"
#include "kadmos/task.h"

namespace kadmos::cli {

struct Service {
  Node& node;
  // Whose names are set and looked up where a request names no owner; null: the node's own.
  const Identity* owner = nullptr;
  // What `status` tells besides what the node knows.
  Json facts = Json::object();
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();

  const PublicKey& owner_key() const { return owner ? owner->public_key() : node.public_key(); }
};

// Takes one of several answers. Resolves when there is room for the next; an error ends the
// request.
using Emit = std::function<Future<void>(Json)>;
// Whether a request is answered several times, for as long as whoever asked listens.
bool goes_on(const Json& request);

// Always gives JSON: {"error": …} where something failed. `service` must outlive the future, whose
// dropping cancels the request. Of a request that goes on, each answer but the last has "more":
// true and goes to `emit`.
Future<Json> execute(Service& service, const Json& request, Emit emit);

}  // namespace kadmos::cli
