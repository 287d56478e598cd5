// What dht-cli was told to do.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/common/bootstrap.h"
#include "kadmos/time.h"

namespace kadmos::cli {

// Options that every command has.
struct Globals {
  std::string data_dir;
  std::string control;                   // the daemon's socket, unless `bootstrap` is given
  std::vector<BootstrapName> bootstrap;  // enter the network by these, without a daemon
  std::string network;
  std::string key_file;  // with `bootstrap`: whose names are set
  Duration timeout{};
  bool json = false;
  bool quiet = false;
  bool verbose = false;
};

struct GetCommand {
  std::string what;  // a name, or a key of 128 digits
  std::optional<std::string> owner;
  bool first = false;
  std::optional<unsigned> quorum;
  std::uint64_t min_sequence = 0;
  bool raw = false;  // to a terminal too
};
struct WatchCommand {
  std::string what;  // as in GetCommand
  std::optional<std::string> owner;
  std::optional<std::uint64_t> count;  // end after so many
  bool raw = false;                    // to a terminal too
};
struct AuditCommand {
  std::string what;  // as in GetCommand
  std::optional<std::string> owner;
  bool repair = false;
  std::chrono::milliseconds half_life{};  // of nodes' sessions
};
struct SetCommand {
  std::string name;
  std::string value;  // as written: "-" and "@FILE" are to be read
  std::optional<std::chrono::milliseconds> ttl;
  std::optional<std::uint64_t> if_sequence;
  bool accept_small = false;  // though most nodes known lately are out of reach
};
struct PutCommand {
  std::string value;
  std::optional<std::chrono::milliseconds> ttl;
  bool accept_small = false;
};
struct DelCommand {
  std::string name;
  std::optional<std::uint64_t> if_sequence;
  bool accept_small = false;
};
struct ProvideCommand {
  std::string key;
  bool withdraw = false;
  bool accept_small = false;
};
struct FindProvidersCommand {
  std::string key;
  std::uint64_t limit = 0;  // 0: all
};
struct ImportCommand {
  std::string file;  // "-": stdin
  std::string done;  // where finished lines are noted; empty: nowhere
  std::uint64_t jobs = 0;
  bool force = false;  // whatever is known, and whatever has expired
  bool accept_small = false;
};
struct ExportCommand {
  std::vector<std::string> what;  // each as in GetCommand; empty: what the node published itself
  bool all = false;               // of that also what has a lifetime
  std::string keys;               // a file of them, a line each
  std::optional<std::string> owner;
  std::string output;  // empty: stdout
  std::uint64_t jobs = 0;
};
struct RenewCommand {
  std::vector<std::string> what;  // names of the daemon's and keys; empty: all there are
  std::uint64_t jobs = 0;
  bool accept_small = false;
};
struct KeyCommand {
  bool create = false;
  std::string file;
};
struct StatusCommand {};
struct PeersCommand {};
struct PingCommand {
  BootstrapName where;
};
struct WhoamiCommand {
  std::vector<std::pair<std::string, std::string>> changes;
};
struct WhoisCommand {
  std::string owner;
};

using Command =
    std::variant<GetCommand, WatchCommand, AuditCommand, SetCommand, PutCommand, DelCommand,
                 ProvideCommand, FindProvidersCommand, ImportCommand, ExportCommand, RenewCommand,
                 KeyCommand, StatusCommand, PeersCommand, PingCommand, WhoamiCommand, WhoisCommand>;

struct CommandLine {
  Globals globals;
  Command command;
};

// Either the command, or the exit code of a program that has said what there is to say (help,
// version, or what is wrong, on stderr).
struct ParsedCommandLine {
  std::optional<CommandLine> command_line;
  int exit_code = 0;
};
ParsedCommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace kadmos::cli
