// set, put and del: what changes the network.
#include <fmt/core.h>
#include <unistd.h>

#include "cli/common/exit_code.h"
#include "cli/common/files.h"
#include "cli/common/text.h"
#include "cli/dht-cli/commands.h"
#include "cli/dht-cli/output.h"
#include "kadmos/config.h"

namespace kadmos::cli {
namespace {

Result<Bytes> value_of(const std::string& written) {
  const std::size_t most = Limits().value_bytes;
  Result<Bytes> value = Bytes(written.begin(), written.end());
  if (written == "-") value = read_all(STDIN_FILENO, most, "stdin");
  if (written.starts_with('@')) value = read_file(written.substr(1), most);
  const bool large = value ? value->size() > most : value.error().code == Errc::too_large;
  if (!large) return value;
  return Error(
      Errc::too_large,
      fmt::format("the value is too large: at most {} bytes are possible; split it up", most));
}

// Whether the session can sign; says what to do if it cannot.
bool can_sign(const Globals& globals, const char* what) {
  if (globals.bootstrap.empty() || !globals.key_file.empty()) return true;
  usage(
      fmt::format("{}: with --bootstrap an identity is needed: give --key FILE (dht-cli key new "
                  "FILE makes one)",
                  what));
  return false;
}

int value_error(const Globals& globals, const Error& error, const std::string& what) {
  const int code = *conclude(globals, json_of(error), what);
  // A file that is not there is no record that was not found.
  return code == kNotFound ? kError : code;
}

}  // namespace

int run(Session& session, const SetCommand& command) {
  const Globals& globals = session.globals();
  const std::string what = "set " + command.name;
  if (!can_sign(globals, "set")) return kUsage;
  auto value = value_of(command.value);
  if (!value) return value_error(globals, value.error(), what);
  Json request = {
      {"op", "set"}, {"name", binary(view_of(command.name))}, {"value", binary(*value)}};
  if (command.ttl) request["ttl_ms"] = static_cast<std::uint64_t>(command.ttl->count());
  if (command.if_sequence) request["if_seq"] = *command.if_sequence;
  if (command.accept_small) request["accept_small"] = true;
  const Json answer = session.call(std::move(request));
  if (const auto done = conclude(globals, answer, what)) return *done;
  if (!globals.quiet) {
    write_line(fmt::format("set, sequence {}: {}", answer.at("sequence").get<std::uint64_t>(),
                           receipt_line(answer)));
  }
  return kOk;
}

int run(Session& session, const PutCommand& command) {
  const Globals& globals = session.globals();
  auto value = value_of(command.value);
  if (!value) return value_error(globals, value.error(), "put");
  Json request = {{"op", "put"}, {"value", binary(*value)}};
  if (command.ttl) request["ttl_ms"] = static_cast<std::uint64_t>(command.ttl->count());
  if (command.accept_small) request["accept_small"] = true;
  const Json answer = session.call(std::move(request));
  if (const auto done = conclude(globals, answer, "put")) return *done;
  if (!globals.quiet) fmt::print(stderr, "put: {}\n", receipt_line(answer));
  write_line(answer.at("key").get<std::string>());
  return kOk;
}

int run(Session& session, const DelCommand& command) {
  const Globals& globals = session.globals();
  if (!can_sign(globals, "del")) return kUsage;
  Json request = {{"op", "del"}, {"name", binary(view_of(command.name))}};
  if (command.if_sequence) request["if_seq"] = *command.if_sequence;
  if (command.accept_small) request["accept_small"] = true;
  const Json answer = session.call(std::move(request));
  if (const auto done = conclude(globals, answer, "del " + command.name)) return *done;
  if (!globals.quiet) {
    write_line(fmt::format("deleted, sequence {}: {}", answer.at("sequence").get<std::uint64_t>(),
                           receipt_line(answer)));
  }
  return kOk;
}

}  // namespace kadmos::cli
