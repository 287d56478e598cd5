#include <fmt/core.h>

#include <filesystem>

#include "cli/common/data_dir.h"
#include "cli/common/exit_code.h"
#include "cli/common/files.h"
#include "cli/common/text.h"
#include "cli/dht-cli/commands.h"
#include "cli/dht-cli/output.h"

namespace kadmos::cli {
namespace {

Result<Identity> create(const std::string& file) {
  const std::string parent = std::filesystem::path(file).parent_path();
  if (!parent.empty()) {
    if (auto made = make_directory(parent); !made) return std::move(made).error();
  }
  return create_identity(file);
}

}  // namespace

int run(Session& session, const KeyCommand& command) {
  const Globals& globals = session.globals();
  auto identity = command.create ? create(command.file) : load_identity(command.file);
  if (!identity) {
    Error error = std::move(identity).error();
    if (error.code == Errc::not_found) {
      error = Error(Errc::io, fmt::format("there is no key file {}: dht-cli key new makes one",
                                          command.file));
    }
    return *conclude(globals, json_of(error), command.create ? "key new" : "key show");
  }
  const std::string key = identity->public_key().hex();
  if (globals.json) {
    write_line(dump({{"key", key}, {"id", identity->id().hex()}, {"file", command.file}}));
    return kOk;
  }
  if (globals.verbose) {
    fmt::print(stderr, "id {}\nfile {}\n", identity->id().hex(), printable(command.file));
  }
  write_line(key);
  return kOk;
}

}  // namespace kadmos::cli
