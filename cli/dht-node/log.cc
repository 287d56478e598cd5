#include "cli/dht-node/log.h"

#include <fmt/core.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>

#include "cli/common/text.h"
#include "kadmos/uv.h"

namespace kadmos::cli {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"debug", "info", "warning", "error", "off"};

std::string_view name_of(Log::Level level) { return kNames.at(static_cast<std::size_t>(level)); }

}  // namespace

std::optional<Log::Level> Log::level_named(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames.at(i) == name) return static_cast<Level>(i);
  }
  return std::nullopt;
}

Log::Log(Level level, bool json)
    : level_(level),
      json_(json),
      sink_(std::make_unique<spdlog::logger>("kadmos",
                                             std::make_shared<spdlog::sinks::stderr_sink_st>())) {
  sink_->set_pattern("%v");
  sink_->set_level(spdlog::level::trace);
  // A full disk or a closed terminal must not end the daemon, nor is there anybody left to tell.
  sink_->set_error_handler([](const std::string&) {});
}

Log::~Log() = default;

void Log::write(Level level, std::string_view event, std::string_view detail,
                const Json& fields) const {
  if (level < level_) return;
  const std::string time = show(UvLoop::wall_now());
  std::string line;
  if (json_) {
    Json entry = {{"time", time}, {"level", name_of(level)}, {"event", event}};
    if (!detail.empty()) entry["detail"] = detail;
    entry.update(fields);
    line = dump(entry);
  } else {
    line = fmt::format("{} {:7} {}: {}", time, name_of(level), event, printable(detail));
    for (const auto& [name, value] : fields.items()) {
      line += fmt::format(" {}={}", name,
                          printable(value.is_string() ? value.get<std::string>() : dump(value)));
    }
  }
  sink_->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace kadmos::cli
