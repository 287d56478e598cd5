// provide, unprovide and find-providers: who has what.
#include <fmt/core.h>

#include "cli/common/exit_code.h"
#include "cli/dht-cli/commands.h"
#include "cli/dht-cli/output.h"

namespace kadmos::cli {

int run(Session& session, const ProvideCommand& command) {
  const Globals& globals = session.globals();
  const char* op = command.withdraw ? "unprovide" : "provide";
  Json request = {{"op", op}, {"key", command.key}};
  if (command.accept_small) request["accept_small"] = true;
  const Json answer = session.call(std::move(request));
  if (const auto done = conclude(globals, answer, op)) return *done;
  if (!globals.quiet) {
    write_line(
        fmt::format("{}: {}", command.withdraw ? "withdrawn" : "announced", receipt_line(answer)));
  }
  return kOk;
}

int run(Session& session, const FindProvidersCommand& command) {
  const Json answer =
      session.call({{"op", "find_providers"}, {"key", command.key}, {"limit", command.limit}});
  if (const auto done = conclude(session.globals(), answer, "find-providers")) return *done;
  for (const Json& provider : answer.at("providers")) {
    write_line(fmt::format("{}  {}", provider.at("key").get<std::string>(),
                           joined(provider.at("endpoints"))));
  }
  return kOk;
}

}  // namespace kadmos::cli
