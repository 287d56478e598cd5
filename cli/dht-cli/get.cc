// get and watch: what reads the network.
#include <fmt/core.h>

#include "cli/common/exit_code.h"
#include "cli/common/text.h"
#include "cli/dht-cli/commands.h"
#include "cli/dht-cli/output.h"

namespace kadmos::cli {
namespace {

// Shows one version. False if stdout takes no more.
bool show(const Globals& globals, const Json& update, bool raw) {
  const bool deleted = update.contains("deleted");
  if (globals.verbose) {
    write_note(fmt::format("sequence {}{}, from {}", update.value("sequence", std::uint64_t{0}),
                           deleted ? ", deleted" : "",
                           update.at("from").at("key").get<std::string>().substr(0, 12)));
  } else if (deleted && !globals.json && !globals.quiet) {
    write_note("deleted");
  }
  if (globals.json) return write_now(update);
  return deleted || write_version(update.at("value").get_binary(), raw);
}

}  // namespace

int run(Session& session, const WatchCommand& command) {
  const Globals& globals = session.globals();
  Json request = {{"op", "watch"}};
  if (!say_which(request, globals, command.what, command.owner)) return kUsage;
  std::uint64_t left = command.count.value_or(0);  // 0: no end
  bool written = true;
  const Json end = session.follow(request, [&](const Json& update) {
    written = show(globals, update, command.raw);
    return written && --left != 0;
  });
  if (!written) return kError;
  if (!end.contains("error")) return kOk;
  return *conclude(globals, end, "watch " + command.what);
}

int run(Session& session, const GetCommand& command) {
  const Globals& globals = session.globals();
  Json request = {{"op", "get"}, {"first", command.first}, {"min_seq", command.min_sequence}};
  if (command.quorum) request["quorum"] = *command.quorum;
  if (!say_which(request, globals, command.what, command.owner)) return kUsage;
  const Json answer = session.call(std::move(request));
  if (const auto done = conclude(globals, answer, "get " + command.what)) return *done;
  if (globals.verbose) {
    const Json& from = answer.at("from");
    write_note(fmt::format("found at {}{}, {} hops, {} of {} answers agree, {:.2f} ms",
                           from.at("key").get<std::string>().substr(0, 12),
                           answer.at("local").get<bool>() ? " (this node)" : "",
                           answer.at("hops").get<int>(), answer.at("agreeing").get<int>(),
                           answer.at("answers").get<int>(), answer.at("elapsed_ms").get<double>()));
  }
  return write_value(answer.at("value").get_binary(), command.raw) ? kOk : kError;
}

}  // namespace kadmos::cli
