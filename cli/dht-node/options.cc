// CLI11 reads the command line and the environment. Its own way with config files lets the file win
// over the environment and passes over keys it does not know, so the file is applied here.
#include "cli/dht-node/options.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <set>

#include "cli/common/data_dir.h"
#include "cli/common/exit_code.h"
#include "cli/common/text.h"
#include "cli/common/version.h"

namespace kadmos::cli {
namespace {

constexpr const char* kFooter = R"(
Each option but --help, --version, --check and --salvage can also be given in the environment (KADMOS_LISTEN for
--listen, KADMOS_DATA_DIR for --data-dir; commas between several) and in the --config file, without
the dashes. Flags win over the environment, the environment over the file.

Once it listens, one line on stdout says so:
  ready id=<node id> listen=<address:port> control=<path>
SIGINT or SIGTERM ends it in order, within two seconds: its records are handed over to those who will
hold them without it. A second one ends it at once.

Examples:
  dht-node                                       the first node of a network
  dht-node --bootstrap seed.example.org:4280     one more
  dht-node --listen 127.0.0.1:0 --data-dir /tmp/a --network test
  dht-node --data-dir /tmp/a --network test --check
  dht-node --config /etc/kadmos.toml             with lines such as
      listen = "[::]:4280"
      bootstrap = ["192.0.2.7:4280", "seed.example.org:4280"]
      log-json = true
)";

// What the options are parsed into before they are understood.
struct Raw {
  std::string listen = "0.0.0.0:4280";
  std::vector<std::string> advertise;
  std::vector<std::string> bootstrap;
  std::string data_dir = default_data_dir();
  std::string network = "kadmos";
  bool client = false;
  std::string control;
  std::string storage = "lmdb";
  std::string storage_limit = "1GiB";
  std::vector<std::string> limits;
  std::vector<std::string> local;
  std::vector<std::string> as_one;
  std::string config;
  std::string log_level = "info";
  bool log_json = false;
  int k = 20;
  int alpha = 3;
  bool check = false;
  bool salvage = false;
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string environment_name(std::string name) {
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return "KADMOS_" + name;
}

void declare(CLI::App& app, Raw& raw) {
  app.set_help_flag("-h,--help", "Explain the options");
  app.set_version_flag("--version", fmt::format("dht-node {}", kVersion));
  app.footer(kFooter);
  app.add_option("--listen", raw.listen, "Where to listen; port 0 takes a free one")
      ->capture_default_str()
      ->type_name("ADDRESS:PORT");
  app.add_option("--advertise", raw.advertise,
                 "What to tell others about how to reach this node, if that is not what it listens "
                 "on; once per address family")
      ->delimiter(',')
      ->type_name("ADDRESS:PORT");
  app.add_option("--bootstrap", raw.bootstrap, "A node to enter the network by; repeatable")
      ->delimiter(',')
      ->type_name("[KEY@]HOST:PORT");
  app.add_option("--data-dir", raw.data_dir, "Where identity, known peers and records are kept")
      ->capture_default_str()
      ->type_name("DIR");
  app.add_option("--network", raw.network, "Which network to belong to; two never merge")
      ->capture_default_str()
      ->type_name("NAME");
  app.add_flag("--client", raw.client, "Take part without listening, serving or holding replicas");
  app.add_option("--control", raw.control, "The socket dht-cli talks to [DATA_DIR/control.sock]")
      ->type_name("PATH");
  app.add_option("--storage", raw.storage,
                 "Where records are kept: lmdb (in the data directory, written before a store is "
                 "acknowledged) or memory (until the daemon ends)")
      ->capture_default_str()
      ->type_name("KIND");
  app.add_option("--storage-limit", raw.storage_limit,
                 "How much records may weigh (value, name and 512 bytes each); own ones always fit")
      ->capture_default_str()
      ->type_name("SIZE");
  app.add_option("--limit", raw.limits,
                 "One of the bounds in docs/limits.md, such as connections=2048; repeatable")
      ->delimiter(',')
      ->type_name("NAME=N");
  app.add_option("--local", raw.local,
                 "Addresses to which no share applies, such as 10.0.0.0/8, in place of loopback, "
                 "private and link-local ones; 'none' for no such; repeatable")
      ->delimiter(',')
      ->type_name("RANGE");
  app.add_option("--as-one", raw.as_one,
                 "Addresses that have one share together, as those of one provider; repeatable")
      ->delimiter(',')
      ->type_name("RANGE");
  app.add_option("--log-level", raw.log_level, "debug, info, warning, error or off")
      ->capture_default_str()
      ->type_name("LEVEL");
  app.add_flag("--log-json", raw.log_json, "Log one JSON object a line");
  app.add_option("--k", raw.k, "Replicas, and the size of a bucket; the same in all of a network")
      ->capture_default_str();
  app.add_option("--alpha", raw.alpha, "How many nodes a lookup asks at once")
      ->capture_default_str();
  for (CLI::Option* option : app.get_options()) {
    const std::string name = option->get_single_name();
    if (name == "help" || name == "version") {
      option->configurable(false);
    } else {
      option->envname(environment_name(name));
    }
  }
  app.add_flag("--check", raw.check,
               "Read every record in the data directory of a node that is not running, name those "
               "that are damaged, and end")
      ->configurable(false);
  app.add_flag("--salvage", raw.salvage,
               "Make a new file of all records that are whole, keep the old one aside, and end")
      ->configurable(false);
  app.add_option("--config", raw.config, "A TOML file with these options")
      ->envname("KADMOS_CONFIG")
      ->configurable(false)
      ->type_name("FILE");
}

void apply(CLI::App& app, const std::string& file, const CLI::ConfigItem& item,
           std::set<std::string>& seen) {
  // The reader marks the beginning and end of sections so.
  if (item.name == "++" || item.name == "--") return;
  const auto fail = [&](std::string_view why) {
    throw UsageError(fmt::format("{}: {}: {}", file, printable(item.fullname()), why));
  };
  CLI::Option* option = item.parents.empty() ? app.get_option_no_throw("--" + item.name) : nullptr;
  if (option == nullptr || !option->get_configurable()) {
    fail("no such option; see dht-node --help");
  }
  if (!seen.insert(item.name).second) fail("given twice");
  for (const std::string& input : item.inputs) {
    if (!input.empty() && (input.front() == '"' || input.front() == '\'')) {
      fail("a string without end, or with a # in it, which the reader takes for a comment");
    }
  }
  if (option->count() > 0 || item.inputs.empty()) return;
  const bool is_flag = option->get_expected_min() == 0;
  if (is_flag) {
    option->add_result(option->get_flag_value(item.name, CLI::ConfigTOML().to_flag(item)));
  } else {
    option->add_result(item.inputs);
  }
  try {
    option->run_callback();
  } catch (const CLI::ParseError& e) {
    fail(e.what());
  }
}

void apply_file(CLI::App& app, const std::string& file) {
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML().from_file(file);
  } catch (const CLI::FileError&) {
    throw UsageError(fmt::format("--config: cannot read {}", file));
  }
  std::set<std::string> seen;
  for (const CLI::ConfigItem& item : items) apply(app, file, item, seen);
}

Endpoint endpoint_of(const char* option, const std::string& text) {
  const auto endpoint = Endpoint::parse(text);
  if (!endpoint) {
    throw UsageError(
        fmt::format("{}: '{}' is not ADDRESS:PORT, such as 127.0.0.1:4280 or "
                    "[::1]:4280",
                    option, printable(text)));
  }
  return *endpoint;
}

AddressRange range_of(const char* option, const std::string& text) {
  const auto range = AddressRange::parse(text);
  if (!range) {
    throw UsageError(
        fmt::format("{}: '{}' is no range of addresses, such as 10.0.0.0/8 or "
                    "2001:db8::/32, with no bits beyond its prefix",
                    option, printable(text)));
  }
  return *range;
}

void set_limit(Limits& limits, const std::string& text) {
  const std::size_t cut = text.find('=');
  const std::string name = text.substr(0, cut);
  std::size_t value = 0;
  const std::string digits = cut == std::string::npos ? "" : text.substr(cut + 1);
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || stop != digits.data() + digits.size() || value == 0) {
    throw UsageError(
        fmt::format("--limit: '{}' is not NAME=N, with N above 0, such as "
                    "connections=2048",
                    printable(text)));
  }
  bool known = false;
  limits.for_each([&](const char* each, std::size_t& limit, const char*) {
    if (name != each) return;
    limit = value;
    known = true;
  });
  if (!known) {
    throw UsageError(
        fmt::format("--limit: there is no limit '{}'; docs/limits.md lists them", printable(name)));
  }
}

NodeOptions understand(const CLI::App& app, const Raw& raw) {
  NodeOptions out;
  if (raw.check && raw.salvage) {
    throw UsageError("--check and --salvage exclude each other: --salvage checks as well");
  }
  if (raw.check) out.task = NodeOptions::Task::check;
  if (raw.salvage) out.task = NodeOptions::Task::salvage;
  if (raw.client && app.count("--listen") > 0) {
    throw UsageError("--client and --listen exclude each other: a client does not listen");
  }
  if (!raw.client) out.listen = endpoint_of("--listen", raw.listen);
  for (const std::string& text : raw.advertise) {
    const Endpoint endpoint = endpoint_of("--advertise", text);
    if (endpoint.port == 0 || endpoint.is_unspecified()) {
      throw UsageError(fmt::format("--advertise: nobody can dial {}", endpoint.text()));
    }
    if (!out.config.advertise.add(endpoint)) {
      throw UsageError("--advertise: at most one endpoint an address family");
    }
  }
  for (const std::string& text : raw.bootstrap) {
    auto bootstrap = parse_bootstrap(text);
    if (!bootstrap) throw UsageError("--bootstrap: " + bootstrap.error().detail);
    out.bootstrap.push_back(*std::move(bootstrap));
  }
  if (raw.data_dir.empty()) throw UsageError("--data-dir: give a directory");
  out.data_dir = raw.data_dir;
  out.control = raw.control.empty() ? control_path(raw.data_dir) : raw.control;
  if (raw.network.empty() || raw.network.size() > 64) {
    throw UsageError("--network: the name has 1 to 64 bytes");
  }
  out.config.network = raw.network;
  out.config.client = raw.client;
  if (raw.storage != "lmdb" && raw.storage != "memory") {
    throw UsageError(
        fmt::format("--storage: '{}' is neither lmdb nor memory", printable(raw.storage)));
  }
  out.on_disk = raw.storage == "lmdb";
  const auto limit = parse_size(raw.storage_limit);
  if (!limit) throw UsageError("--storage-limit: " + limit.error().detail);
  if (*limit < 1024UL * 1024) throw UsageError("--storage-limit: give 1MiB at least");
  out.config.limits.record_bytes = *limit;
  // In many networks one owner has everything. Strangers of one address group get half at most.
  out.config.limits.record_bytes_per_owner = *limit;
  out.config.limits.record_bytes_per_group = std::max<std::size_t>(1, *limit / 2);
  for (const std::string& text : raw.limits) set_limit(out.config.limits, text);
  if (!raw.local.empty()) out.config.groups.local.emplace();
  for (const std::string& text : raw.local) {
    if (text == "none" && raw.local.size() == 1) break;
    out.config.groups.local->push_back(range_of("--local", text));
  }
  for (const std::string& text : raw.as_one) {
    out.config.groups.one.push_back(range_of("--as-one", text));
  }
  const auto level = Log::level_named(raw.log_level);
  if (!level) {
    throw UsageError(fmt::format("--log-level: '{}' is none of debug, info, warning, error, off",
                                 printable(raw.log_level)));
  }
  out.log_level = *level;
  out.log_json = raw.log_json;
  if (raw.k < 1 || raw.k > 20) throw UsageError("--k: give 1 to 20");
  if (raw.alpha < 1 || raw.alpha > 20) throw UsageError("--alpha: give 1 to 20");
  out.config.k = raw.k;
  out.config.alpha = raw.alpha;
  return out;
}

}  // namespace

ParsedNodeOptions parse_node_options(int argc, const char* const* argv) {
  CLI::App app("A node of a kadmos network: stores records and answers for them.", "dht-node");
  Raw raw;
  declare(app, raw);
  try {
    app.parse(argc, argv);
    if (!raw.config.empty()) apply_file(app, raw.config);
    return {understand(app, raw), kOk};
  } catch (const CLI::Success& e) {
    return {std::nullopt, app.exit(e)};
  } catch (const CLI::Error& e) {
    fmt::print(stderr, "dht-node: {}; see dht-node --help\n", printable(e.what()));
  } catch (const UsageError& e) {
    fmt::print(stderr, "dht-node: {}\n", printable(e.what()));
  }
  return {std::nullopt, kUsage};
}

}  // namespace kadmos::cli
