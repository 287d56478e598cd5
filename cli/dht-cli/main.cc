// dht-cli: reads and writes what a kadmos network holds, from a shell.
#include "cli/common/secrecy.h"
#include "cli/dht-cli/commands.h"

int main(int argc, char** argv) {
  using namespace kadmos::cli;
  keep_memory_private();
  const ParsedCommandLine parsed = parse_command_line(argc, argv);
  if (!parsed.command_line) return parsed.exit_code;
  Session session(parsed.command_line->globals);
  return std::visit([&](const auto& command) { return run(session, command); },
                    parsed.command_line->command);
}
