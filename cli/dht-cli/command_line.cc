// The only file of dht-cli that knows CLI11. Each command's options are declared beside its help.
#include "cli/dht-cli/command_line.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "cli/common/data_dir.h"
#include "cli/common/exit_code.h"
#include "cli/common/text.h"
#include "cli/common/version.h"
#include "kadmos/config.h"

namespace kadmos::cli {
namespace {

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

constexpr const char* kFooter = R"(
A dht-node must run, or --bootstrap name a node of the network. "dht-cli COMMAND --help" explains a
command.

Examples:
  dht-cli set greeting hello                    publish under a name of the daemon's
  dht-cli get greeting                          and read it
  dht-cli get greeting --owner KEY              read somebody else's
  dht-cli put @photo.jpg                        publish bytes under their hash, which is printed
  dht-cli --bootstrap 192.0.2.7:4280 get KEY    without a daemon
  dht-cli import records.ndjson                 publish many at once; export writes such a file

Exit codes: 0 done, 1 error, 2 wrong usage or input, 3 not found, 4 timeout or too few replicas,
5 node or daemon unreachable, 6 verification failed.
)";

constexpr const char* kIfSeqHelp =
    "Only if no version is newer than this sequence; 0: only if there is none";
constexpr const char* kRawHelp = "The bytes as they are, on a terminal too";
constexpr const char* kAcceptSmallHelp =
    "Be content with however few of the nodes known in the last day can be reached";
constexpr const char* kValueHelp =
    "the bytes themselves, - to read them from stdin, or @FILE; write -- before one that begins "
    "with a dash";

void check_name(const std::string& name) {
  const std::size_t most = Limits().name_bytes;
  if (name.size() > most) {
    throw UsageError(
        fmt::format("the name has {} bytes; at most {} are possible", name.size(), most));
  }
}

void check_owner(const std::string& owner) {
  if (!PublicKey::from_hex(owner)) {
    throw UsageError(
        fmt::format("'{}' is no public key: give its 64 hexadecimal digits", printable(owner)));
  }
}

void check_key(const std::string& key) {
  if (!Key::from_hex(key)) {
    throw UsageError(
        fmt::format("'{}' is no key: give its 128 hexadecimal digits", printable(key)));
  }
}

// What is parsed into, before it is understood.
struct Raw {
  Globals globals;
  std::vector<std::string> bootstrap;
  std::string timeout = "10s";
  std::string ttl;
  std::string half_life = "2h";
  std::string name;
  std::string value;
  std::string owner;
  std::string file;
  std::vector<std::string> fields;
  bool first = false;
  bool raw = false;
  bool repair = false;
  bool all = false;
  std::optional<unsigned> quorum;
  std::optional<std::uint64_t> count;
  std::uint64_t min_sequence = 0;
  std::optional<std::uint64_t> if_sequence;
  std::uint64_t limit = 20;
  std::vector<std::string> several;
  std::string done;
  bool force = false;
  std::string keys;
  std::string output;
  std::uint64_t jobs = 16;
  bool accept_small = false;
};

using Make = std::function<Command(const Raw&)>;

void check_raw(const Raw& raw) {
  if (raw.raw && raw.globals.json) throw UsageError("--raw and --json exclude each other");
}

std::optional<std::chrono::milliseconds> ttl_of(const Raw& raw) {
  if (raw.ttl.empty()) return std::nullopt;
  auto ttl = parse_duration(raw.ttl);
  if (!ttl) throw UsageError("--ttl: " + ttl.error().detail);
  return std::chrono::ceil<std::chrono::milliseconds>(*ttl);
}

void declare_globals(CLI::App& app, Raw& raw) {
  app.set_help_flag("-h,--help", "Explain the command");
  app.set_version_flag("--version", fmt::format("dht-cli {}", kVersion));
  app.footer(kFooter);
  app.require_subcommand(1);
  app.fallthrough();
  Globals& globals = raw.globals;
  app.add_option("--control", globals.control,
                 "The daemon's socket [KADMOS_CONTROL, or DATA_DIR/control.sock]")
      ->type_name("PATH");
  app.add_option("--data-dir", globals.data_dir, "The daemon's data directory [KADMOS_DATA_DIR]")
      ->capture_default_str()
      ->type_name("DIR");
  app.add_option("--bootstrap", raw.bootstrap,
                 "Enter the network by this node, without a daemon; repeatable")
      ->delimiter(',')
      ->expected(1)
      ->type_name("[KEY@]HOST:PORT");
  app.add_option("--network", globals.network, "With --bootstrap: which network it is")
      ->envname("KADMOS_NETWORK")
      ->capture_default_str()
      ->type_name("NAME");
  app.add_option("--key", globals.key_file, "With --bootstrap: the identity to set and del as")
      ->type_name("FILE");
  app.add_option("--timeout", raw.timeout, "How long to try at most, with its unit")
      ->capture_default_str()
      ->type_name("TIME");
  app.add_flag("--json", globals.json, "Answer with one JSON object on stdout");
  app.add_flag("-q,--quiet", globals.quiet, "No receipts: only what was asked for");
  app.add_flag("-v,--verbose", globals.verbose, "Also what each node did, on stderr");
}

class Commands {
 public:
  Commands(CLI::App& app, Raw& raw) : app_(app), raw_(raw) {
    add_records();
    add_audit();
    add_providers();
    add_import();
    add_export();
    add_renew();
    add_keys();
    add_network();
    add_profiles();
  }

  Command chosen() const {
    for (const auto& [app, make] : made_) {
      if (app->parsed()) return make(raw_);
    }
    throw UsageError("give a command");
  }

 private:
  CLI::App* add(CLI::App& to, const char* name, const char* help, const char* footer, Make make) {
    CLI::App* command = to.add_subcommand(name, help);
    command->footer(footer);
    command->fallthrough();
    made_.emplace_back(command, std::move(make));
    return command;
  }

  void add_records() {
    CLI::App* get = add(app_, "get", "Read a record", R"(
Writes the bytes of the value to stdout as they are. Only on a terminal a newline follows, and control
characters, which could do anything there, appear as \xNN, unless --raw is given.

Examples:
  dht-cli get greeting                  a name of the daemon's
  dht-cli get greeting --owner KEY      a name of somebody else's (also if it has 128 hex digits)
  dht-cli get 3f2a...                   a key: 128 hexadecimal digits, as put prints them
)",
                        [](const Raw& raw) -> Command {
                          GetCommand out{raw.name,   std::nullopt,     raw.first,
                                         raw.quorum, raw.min_sequence, raw.raw};
                          check_name(raw.name);
                          check_raw(raw);
                          if (!raw.owner.empty()) {
                            check_owner(raw.owner);
                            out.owner = raw.owner;
                          }
                          return out;
                        });
    get->add_option("NAME|KEY", raw_.name, "a name, or a key of 128 digits")->required();
    get->add_option("--owner", raw_.owner, "Whose name: a public key")->type_name("KEY");
    CLI::Option* first = get->add_flag("--first", raw_.first,
                                       "Take the first valid answer, not the latest of several");
    get->add_option("--quorum", raw_.quorum, "How many nodes must have answered")
        ->check(CLI::PositiveNumber)
        ->excludes(first)
        ->type_name("N");
    get->add_option("--min-seq", raw_.min_sequence, "Accept no version older than this sequence")
        ->type_name("SEQ");
    get->add_flag("--raw", raw_.raw, kRawHelp);

    CLI::App* watch =
        add(app_, "watch", "Show a record and each newer version of it, until Ctrl-C", R"(
Writes the present value and then each newer one as it is set, with a newline after each; on a
terminal with control characters as \xNN, unless --raw is given. That it was deleted is told on
stderr. With --json each version is an object in a line of its own.

Examples:
  dht-cli watch greeting
  dht-cli --json watch greeting --owner KEY
  dht-cli watch greeting --count 1      waits until there is a value
)",
            [](const Raw& raw) -> Command {
              check_name(raw.name);
              check_raw(raw);
              WatchCommand out{raw.name, std::nullopt, raw.count, raw.raw};
              if (!raw.owner.empty()) {
                check_owner(raw.owner);
                out.owner = raw.owner;
              }
              return out;
            });
    watch->add_option("NAME|KEY", raw_.name, "as for get")->required();
    watch->add_option("--owner", raw_.owner, "Whose name: a public key")->type_name("KEY");
    watch->add_option("--count", raw_.count, "End after so many versions")
        ->check(CLI::PositiveNumber)
        ->type_name("N");

    watch->add_flag("--raw", raw_.raw, kRawHelp);

    CLI::App* set = add(
        app_, "set", "Publish a value under a name", R"(
Only the owner can change or delete it. Succeeds once enough replicas made it durable.

Examples:
  dht-cli set greeting hello
  dht-cli set picture @photo.jpg --ttl 2d
  tar c notes | dht-cli set notes -
  dht-cli set counter 8 --if-seq 7      nothing if somebody set it since
)",
        [](const Raw& raw) -> Command {
          check_name(raw.name);
          return SetCommand{raw.name, raw.value, ttl_of(raw), raw.if_sequence, raw.accept_small};
        });
    set->add_option("NAME", raw_.name, "the name, any bytes")->required();
    set->add_option("VALUE", raw_.value, kValueHelp)->required();
    set->add_option("--ttl", raw_.ttl, "How long it lives")->type_name("TIME");
    set->add_option("--if-seq", raw_.if_sequence, kIfSeqHelp)->type_name("SEQ");
    add_accept_small(set);

    CLI::App* put = add(app_, "put", "Publish bytes under their hash", R"(
Prints the key. Nobody can change what a key leads to.

Examples:
  dht-cli get $(dht-cli put @photo.jpg) > copy.jpg
)",
                        [](const Raw& raw) -> Command {
                          return PutCommand{raw.value, ttl_of(raw), raw.accept_small};
                        });
    put->add_option("VALUE", raw_.value, kValueHelp)->required();
    put->add_option("--ttl", raw_.ttl, "How long it lives")->type_name("TIME");
    add_accept_small(put);

    CLI::App* del = add(app_, "del", "Delete a name", R"(
Replaces the value by a signed note that it is gone.

Examples:
  dht-cli del greeting
)",
                        [](const Raw& raw) -> Command {
                          check_name(raw.name);
                          return DelCommand{raw.name, raw.if_sequence, raw.accept_small};
                        });
    del->add_option("NAME", raw_.name, "the name")->required();
    del->add_option("--if-seq", raw_.if_sequence, kIfSeqHelp)->type_name("SEQ");
    add_accept_small(del);
  }

  void add_audit() {
    CLI::App* audit = add(app_, "audit", "Show which nodes hold a record, and how safe it is", R"(
Lists the nodes nearest to the key that answer, and what each holds. Exit code 4: fewer than two
thirds of them hold the newest version.

Examples:
  dht-cli audit greeting
  dht-cli audit greeting --owner KEY --repair   stores it on those that lack it
  dht-cli audit 3f2a... --half-life 30m         among nodes half of which stay so long
)",
                          [](const Raw& raw) -> Command {
                            check_name(raw.name);
                            AuditCommand out{raw.name, std::nullopt, raw.repair, {}};
                            if (!raw.owner.empty()) {
                              check_owner(raw.owner);
                              out.owner = raw.owner;
                            }
                            auto half_life = parse_duration(raw.half_life);
                            if (!half_life)
                              throw UsageError("--half-life: " + half_life.error().detail);
                            out.half_life =
                                std::chrono::ceil<std::chrono::milliseconds>(*half_life);
                            return out;
                          });
    audit->add_option("NAME|KEY", raw_.name, "as for get")->required();
    audit->add_option("--owner", raw_.owner, "Whose name: a public key")->type_name("KEY");
    audit->add_flag("--repair", raw_.repair, "Store the newest version on those that lack it");
    audit
        ->add_option("--half-life", raw_.half_life,
                     "For the prediction: how long half of the nodes stay")
        ->capture_default_str()
        ->type_name("TIME");
  }

  void add_providers() {
    const auto provides = [](bool withdraw) {
      return [withdraw](const Raw& raw) -> Command {
        check_key(raw.name);
        if (!raw.bootstrap.empty()) {
          throw UsageError(
              "it is the daemon that announces what it has, and does so anew while it runs: "
              "without --bootstrap");
        }
        return ProvideCommand{raw.name, withdraw, raw.accept_small};
      };
    };
    CLI::App* provide = add(app_, "provide", "Announce that the daemon has something", R"(
Others find the daemon by the key. It announces the key anew for as long as it runs.

Examples:
  dht-cli provide $(dht-cli put @photo.jpg)
)",
                            provides(false));
    provide->add_option("KEY", raw_.name, "the key of 128 digits")->required();
    add_accept_small(provide);
    CLI::App* unprovide =
        add(app_, "unprovide", "Take such an announcement back", "", provides(true));
    unprovide->add_option("KEY", raw_.name, "the key of 128 digits")->required();
    add_accept_small(unprovide);
    CLI::App* find = add(app_, "find-providers", "Find the nodes that announced a key", R"(
Prints a line a node: its public key, and where it can be reached if it said so.

Examples:
  dht-cli find-providers 3f2a...
  dht-cli find-providers 3f2a... --limit 1
)",
                         [](const Raw& raw) -> Command {
                           check_key(raw.name);
                           return FindProvidersCommand{raw.name, raw.limit};
                         });
    find->add_option("KEY", raw_.name, "the key of 128 digits")->required();
    find->add_option("--limit", raw_.limit, "How many are enough; 0 for all")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber)
        ->type_name("N");
  }

  void add_accept_small(CLI::App* command) {
    command->add_flag("--accept-small", raw_.accept_small, kAcceptSmallHelp);
  }

  void add_jobs(CLI::App* command) {
    command
        ->add_option("--jobs", raw_.jobs,
                     "How many are under way at once; more is faster among few nodes")
        ->capture_default_str()
        ->check(CLI::Range(1, 1024))
        ->type_name("N");
  }

  void add_import() {
    CLI::App* import = add(app_, "import", "Publish many records from a file", R"(
Reads one JSON object a line. One with a name is set, one without is put:
  {"name": "greeting", "value": "hello"}
  {"name": "logo", "value_base64": "iVBORw0KGgo=", "ttl": "2d"}
  {"value": "found under its hash"}
A line that is wrong, or fails, is told with its number on stderr and hinders no other; the exit
code is that of the first. What export writes can be read.

Of a line that export wrote, "sequence" and "expires" are heeded: it is set only if no other value
and no deletion of that sequence or a later one is known, and lives until it expires, or for ever if
it is "renewed". What is there already, is older than what is known, or has expired is passed over
and counted, and is no error; -v tells which. --force sets it as if the line had neither.

With --done each line that was stored is noted in a file, and a line noted there is left out: when an
import was interrupted, the same command again goes on where it ended. A line is known by its text,
the owner and the network, so lines may be added, taken out or changed meanwhile.

Examples:
  dht-cli import records.ndjson
  dht-cli import backup.ndjson                           sets what is missing, undoes nothing
  dht-cli import backup.ndjson --force                   sets all as it was, whatever came since
  dht-cli import records.ndjson --done records.done      may be run again until all is stored
  jq -c '.[] | {name: .id, value: tojson}' all.json | dht-cli import -
  dht-cli --json import records.ndjson > receipts.ndjson
)",
                           [](const Raw& raw) -> Command {
                             return ImportCommand{raw.file.empty() ? "-" : raw.file, raw.done,
                                                  raw.jobs, raw.force, raw.accept_small};
                           });
    import->add_option("FILE", raw_.file, "the file, or - for stdin, which is the default");
    import->add_option("--done", raw_.done, "Note what is stored, and leave out what was")
        ->type_name("FILE");
    import->add_flag("--force", raw_.force, "Set what is older than what is known, or has expired");
    add_jobs(import);
    add_accept_small(import);
  }

  void add_export() {
    CLI::App* command =
        add(app_, "export", "Write many records to a file that import reads", R"(
Writes one JSON object a line, in the order they are found: the value and, if it is a record that
its owner set, its name, as import takes them; and key, owner, sequence, expires, and renewed (true)
if this daemon keeps it alive. Without a NAME, KEY or --keys it is all that the daemon published
itself and keeps alive (without --ttl); with --all also what it published with a lifetime. One that
is not found is told on stderr; the exit code is then 3.

With --output what the file holds already is not read again: when an export was interrupted, the
same command again goes on where it ended.

Examples:
  dht-cli export --all > backup.ndjson
  dht-cli export greeting logo --owner KEY
  dht-cli export --keys keys.txt --output records.ndjson
  dht-cli export | dht-cli --bootstrap 192.0.2.7:4280 --key me.key import -
)",
            [](const Raw& raw) -> Command {
              ExportCommand out{raw.several, raw.all, raw.keys, std::nullopt, raw.output, raw.jobs};
              if (raw.all && !(raw.several.empty() && raw.keys.empty())) {
                throw UsageError("export: --all goes without names and keys");
              }
              for (const std::string& one : raw.several) check_name(one);
              if (!raw.owner.empty()) {
                check_owner(raw.owner);
                out.owner = raw.owner;
              }
              if (raw.several.empty() && raw.keys.empty()) {
                if (out.owner) throw UsageError("export: --owner goes with names: give some");
                if (!raw.bootstrap.empty()) {
                  throw UsageError(
                      "export: with --bootstrap nothing was published here: give names or keys");
                }
              }
              return out;
            });
    command->add_option("NAME|KEY", raw_.several, "as for get");
    command->add_flag("--all", raw_.all, "All the daemon published, with a lifetime too");
    command->add_option("--owner", raw_.owner, "Whose names: a public key")->type_name("KEY");
    command
        ->add_option("--keys", raw_.keys, "Read names and keys from a file, a line each; - stdin")
        ->type_name("FILE");
    command->add_option("--output", raw_.output, "Write to a file, after what it holds already")
        ->type_name("FILE");
    add_jobs(command);
  }

  void add_renew() {
    CLI::App* command =
        add(app_, "renew", "Publish anew what expired while its daemon was off for long", R"(
What a daemon published without --ttl is kept on its disk when it expires, and published anew as soon
as the daemon runs again. Not by itself if that was so long ago that nobody may know any more that it
was deleted or replaced elsewhere: status lists such records, and renew publishes those given, or with
--all all of them, unless the network knows a newer version, which is kept instead. To give one up,
del its name, unprovide what it announces, or put the content once more with --ttl.

Examples:
  dht-cli status
  dht-cli renew greeting
  dht-cli renew --all
)",
            [](const Raw& raw) -> Command {
              for (const std::string& one : raw.several) check_name(one);
              if (raw.all != raw.several.empty()) {
                throw UsageError("renew: give names and keys, or --all");
              }
              if (!raw.bootstrap.empty()) {
                throw UsageError("renew: a daemon renews its own: without --bootstrap");
              }
              return RenewCommand{raw.several, raw.jobs, raw.accept_small};
            });
    command->add_option("NAME|KEY", raw_.several, "a name of the daemon's, or a key");
    command->add_flag("--all", raw_.all, "All that status lists");
    add_accept_small(command);
    add_jobs(command);
  }

  void add_keys() {
    CLI::App* key = app_.add_subcommand("key", "Make or show an identity");
    key->require_subcommand(1);
    key->fallthrough();
    const auto file_of = [](const Raw& raw) {
      return raw.file.empty() ? key_path(raw.globals.data_dir) : raw.file;
    };
    CLI::App* create = add(*key, "new", "Make an identity and print its public key", R"(
Never replaces a file.

Examples:
  dht-cli key new me.key
  dht-cli --bootstrap 192.0.2.7:4280 --key me.key set greeting hello
)",
                           [=](const Raw& raw) -> Command {
                             return KeyCommand{true, file_of(raw)};
                           });
    create->add_option("FILE", raw_.file, "where to save it [DATA_DIR/identity.key]");
    CLI::App* show = add(*key, "show", "Print the public key of an identity", "",
                         [=](const Raw& raw) -> Command {
                           return KeyCommand{false, file_of(raw)};
                         });
    show->add_option("FILE", raw_.file, "where it is saved [DATA_DIR/identity.key]");
  }

  void add_network() {
    add(app_, "status", "Show how the node is", "", [](const Raw&) { return StatusCommand{}; });
    add(app_, "peers", "List the nodes it knows, nearest first", "",
        [](const Raw&) { return PeersCommand{}; });
    CLI::App* ping = add(app_, "ping", "Prove that a node lives at an address, and which", R"(
Examples:
  dht-cli ping 192.0.2.7:4280
  dht-cli ping KEY@seed.example.org:4280        fails unless it has this key
)",
                         [](const Raw& raw) -> Command {
                           auto where = parse_bootstrap(raw.name);
                           if (!where) throw UsageError(where.error().detail);
                           return PingCommand{*std::move(where)};
                         });
    ping->add_option("ENDPOINT", raw_.name, "[key@]host:port")->required();
  }

  void add_profiles() {
    CLI::App* whoami =
        add(app_, "whoami", "Show or change the own profile", R"(
The profile is a JSON object published under the name whoami.

Examples:
  dht-cli whoami
  dht-cli whoami --set name=Ada --set site=https://example.org
  dht-cli whoami --set site=                    takes the field out
)",
            [](const Raw& raw) -> Command {
              WhoamiCommand out;
              for (const std::string& field : raw.fields) {
                const std::size_t equals = field.find('=');
                if (equals == 0 || equals == std::string::npos || !is_utf8(field)) {
                  throw UsageError(
                      fmt::format("--set: '{}' is not FIELD=VALUE, both "
                                  "UTF-8 text",
                                  printable(field)));
                }
                out.changes.emplace_back(field.substr(0, equals), field.substr(equals + 1));
              }
              return out;
            });
    whoami->add_option("--set", raw_.fields, "Set a field; repeatable")
        ->type_name("FIELD=VALUE")
        ->allow_extra_args(false);
    CLI::App* whois = add(app_, "whois", "Show the profile of an owner", R"(
Examples:
  dht-cli whois KEY
)",
                          [](const Raw& raw) -> Command {
                            check_owner(raw.owner);
                            return WhoisCommand{raw.owner};
                          });
    whois->add_option("KEY", raw_.owner, "its public key")->required();
  }

  CLI::App& app_;
  Raw& raw_;
  std::vector<std::pair<CLI::App*, Make>> made_;
};

// A directory given by a flag wins over a socket given by the environment.
void find_daemon(const CLI::App& app, Globals& globals) {
  const auto environment = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  const bool directory_given = app.count("--data-dir") > 0;
  if (const std::string dir = environment("KADMOS_DATA_DIR"); !directory_given && !dir.empty()) {
    globals.data_dir = dir;
  }
  if (globals.control.empty() && !directory_given) globals.control = environment("KADMOS_CONTROL");
  if (globals.control.empty()) globals.control = control_path(globals.data_dir);
}

CommandLine understand(const CLI::App& app, const Commands& commands, Raw& raw) {
  Globals& globals = raw.globals;
  auto timeout = parse_duration(raw.timeout);
  if (!timeout) throw UsageError("--timeout: " + timeout.error().detail);
  globals.timeout = *timeout;
  for (const std::string& text : raw.bootstrap) {
    auto bootstrap = parse_bootstrap(text);
    if (!bootstrap) throw UsageError("--bootstrap: " + bootstrap.error().detail);
    globals.bootstrap.push_back(*std::move(bootstrap));
  }
  if (globals.bootstrap.empty() && !globals.key_file.empty()) {
    throw UsageError("--key goes with --bootstrap: a daemon signs with its own key");
  }
  if (!globals.bootstrap.empty() && app.count("--control") > 0) {
    throw UsageError("--bootstrap and --control exclude each other: with or without a daemon");
  }
  if (globals.network.empty() || globals.network.size() > 64) {
    throw UsageError("--network: the name has 1 to 64 bytes");
  }
  find_daemon(app, globals);
  Command command = commands.chosen();
  return {std::move(globals), std::move(command)};
}

}  // namespace

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
  CLI::App app("Reads and writes what a kadmos network holds.", "dht-cli");
  Raw raw;
  raw.globals.data_dir = default_data_dir();
  raw.globals.network = "kadmos";
  declare_globals(app, raw);
  const Commands commands(app, raw);
  try {
    app.parse(argc, argv);
    return {understand(app, commands, raw), kOk};
  } catch (const CLI::Success& e) {
    return {std::nullopt, app.exit(e)};
  } catch (const CLI::Error& e) {
    // A word that is no command would otherwise be reported as a command that is missing.
    const auto unknown = app.remaining(true);
    fmt::print(stderr, "dht-cli: {}; see dht-cli --help\n",
               unknown.empty() ? printable(e.what())
                               : printable(unknown.front()) + ": no such command or option");
  } catch (const UsageError& e) {
    fmt::print(stderr, "dht-cli: {}\n", printable(e.what()));
  }
  return {std::nullopt, kUsage};
}

}  // namespace kadmos::cli
