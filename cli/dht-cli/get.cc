#include <fmt/core.h>

#include "cli/common/exit_code.h"
#include "cli/common/text.h"
#include "cli/dht-cli/commands.h"
#include "cli/dht-cli/output.h"

namespace kadmos::cli {

int run(Session& session, const GetCommand& command) {
  const Globals& globals = session.globals();
  Json request = {{"op", "get"}, {"first", command.first}, {"min_seq", command.min_sequence}};
  if (command.quorum) request["quorum"] = *command.quorum;
  if (!command.owner && Key::from_hex(command.what)) {
    request["key"] = command.what;
  } else {
    if (!command.owner && !globals.bootstrap.empty() && globals.key_file.empty()) {
      return usage("get: whose name? Give --owner KEY, or --key FILE for your own");
    }
    request["name"] = binary(view_of(command.what));
    if (command.owner) request["owner"] = *command.owner;
  }
  const Json answer = session.call(std::move(request));
  if (const auto done = conclude(globals, answer, "get " + command.what)) return *done;
  if (globals.verbose) {
    const Json& from = answer.at("from");
    fmt::print(stderr, "found at {}{}, {} hops, {} of {} answers agree, {:.2f} ms\n",
               from.at("key").get<std::string>().substr(0, 12),
               answer.at("local").get<bool>() ? " (this node)" : "", answer.at("hops").get<int>(),
               answer.at("agreeing").get<int>(), answer.at("answers").get<int>(),
               answer.at("elapsed_ms").get<double>());
  }
  return write_value(answer.at("value").get_binary()) ? kOk : kError;
}

}  // namespace kadmos::cli
