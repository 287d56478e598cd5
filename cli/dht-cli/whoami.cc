// whoami and whois: profiles.
#include <fmt/core.h>

#include "cli/common/exit_code.h"
#include "cli/dht-cli/commands.h"
#include "cli/dht-cli/output.h"

namespace kadmos::cli {
namespace {

void write_profile(const Json& answer) {
  write_line("key: " + answer.at("key").get<std::string>());
  for (const auto& [field, value] : answer.at("profile").items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : dump(value);
    write_line(fmt::format("{}: {}", field, text));
  }
}

}  // namespace

int run(Session& session, const WhoamiCommand& command) {
  const Globals& globals = session.globals();
  if (!globals.bootstrap.empty() && globals.key_file.empty()) {
    return usage("whoami: with --bootstrap an identity is needed: give --key FILE");
  }
  Json changes = Json::object();
  for (const auto& [field, value] : command.changes) changes[field] = value;
  const Json answer = session.call({{"op", "whoami"}, {"set", std::move(changes)}});
  if (const auto done = conclude(globals, answer, "whoami")) return *done;
  if (answer.contains("receipt") && !globals.quiet) {
    fmt::print(stderr, "published: {}\n", receipt_line(answer.at("receipt")));
  }
  write_profile(answer);
  if (!answer.at("published").get<bool>() && !globals.quiet) {
    fmt::print(stderr, "nothing is published yet: dht-cli whoami --set name=...\n");
  }
  return kOk;
}

int run(Session& session, const WhoisCommand& command) {
  const Json answer = session.call({{"op", "whois"}, {"owner", command.owner}});
  if (const auto done = conclude(session.globals(), answer, "whois " + command.owner)) return *done;
  write_profile(answer);
  return kOk;
}

}  // namespace kadmos::cli
