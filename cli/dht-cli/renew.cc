// renew: publishes own records anew that expired so long ago that the daemon leaves it to its user.
#include <fmt/core.h>

#include "cli/common/execute_many.h"
#include "cli/common/exit_code.h"
#include "cli/common/text.h"
#include "cli/dht-cli/bulk.h"
#include "cli/dht-cli/commands.h"
#include "cli/dht-cli/output.h"

namespace kadmos::cli {
namespace {

// What each answer is called in errors: as the user did, or by its name, or by its key.
std::string called(const RenewCommand& command, std::size_t begin, const Json& answer) {
  if (!command.what.empty()) return command.what.at(begin + answer.at("index").get<std::size_t>());
  return lapsed_line(answer);
}

}  // namespace

int run(Session& session, const RenewCommand& command) {
  const Globals& globals = session.globals();
  Bulk bulk(session, "renew", [] { return std::nullopt; });
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(globals.timeout);
  const auto send = [&](Json request, std::size_t begin) {
    request["op"] = "renew";
    request["timeout_ms"] = static_cast<std::uint64_t>(timeout.count());
    request["at_once"] = command.jobs;
    request["accept_small"] = command.accept_small;
    bulk.follow(
        request,
        [&](const Json& answer) {
          if (globals.json) write_line(dump(answer));
          if (answer.contains("error")) {
            bulk.fail(called(command, begin, answer), answer);
          } else {
            bulk.done();
            if (!globals.json && !globals.quiet) {
              bulk.clear();
              write_line("renewed  " + lapsed_line(answer));
            }
          }
          return true;
        },
        [] {});
  };
  if (command.what.empty()) send({{"all", true}}, 0);
  for (std::size_t at = 0; at < command.what.size() && !bulk.ending(); at += kMostInputs) {
    Json entries = Json::array();
    for (std::size_t i = at; i < std::min(at + kMostInputs, command.what.size()); ++i) {
      Json entry = {{"op", "renew"}};
      if (!say_which(entry, globals, command.what[i], std::nullopt)) return kUsage;
      entries.push_back(std::move(entry));
    }
    send({{"entries", std::move(entries)}}, at);
  }
  bulk.clear();
  if (globals.json) {
    write_line(dump(bulk.summary()));
  } else if (!globals.quiet) {
    fmt::print(stderr, "{} renewed, {} failed\n", bulk.count(), bulk.failed());
  }
  return bulk.exit_code();
}

}  // namespace kadmos::cli
