// The daemon's log, on stderr: lines for people, or one JSON object a line. What peers wrote cannot
// break a line of either. spdlog is the sink only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/common/json.h"

namespace spdlog {
class logger;
}

namespace kadmos::cli {

class Log {
 public:
  enum class Level { debug, info, warning, error, off };
  static std::optional<Level> level_named(std::string_view name);

  Log(Level level, bool json);
  ~Log();

  // `event` is a stable word to search for, `detail` a sentence, `fields` an object.
  void write(Level level, std::string_view event, std::string_view detail,
             const Json& fields = Json::object()) const;
  void debug(std::string_view event, std::string_view detail) const {
    write(Level::debug, event, detail);
  }
  void info(std::string_view event, std::string_view detail) const {
    write(Level::info, event, detail);
  }
  void warning(std::string_view event, std::string_view detail) const {
    write(Level::warning, event, detail);
  }

 private:
  Level level_;
  bool json_;
  std::unique_ptr<spdlog::logger> sink_;
};

}  // namespace kadmos::cli
