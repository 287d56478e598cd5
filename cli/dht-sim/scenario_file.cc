#include "cli/dht-sim/scenario_file.h"

#include <fmt/core.h>
#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>

#include "cli/common/files.h"
#include "cli/common/text.h"
#include "cli/dht-sim/settings.h"

namespace kadmos::cli {
namespace {

constexpr std::size_t kMaxBytes = 1024 * 1024;

Error at_line(const std::string& where, const toml::source_region& source,
              const std::string& detail) {
  return Error(Errc::invalid_argument, fmt::format("{}:{}: {}", where, source.begin.line, detail));
}

// A plain value as the text a setting parses; nothing for tables, arrays, dates.
std::optional<std::string> text_of_value(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return std::to_string(integer->get());
  if (const auto* real = node.as_floating_point()) return fmt::format("{}", real->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  return std::nullopt;
}

// Applies what `table` says under `prefix`, in the order of lines.
Result<void> apply_table(sim::Scenario& scenario, const toml::table& table,
                         const std::string& prefix, const std::string& where) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (key == "summary" && node.is_string()) {
      scenario.summary = node.as_string()->get();
      continue;
    }
    if (const auto* inner = node.as_table()) {
      if (auto done = apply_table(scenario, *inner, key + ".", where); !done) return done;
      continue;
    }
    const auto* faults = node.as_array();
    if (key == "fault" && faults != nullptr && faults->is_array_of_tables()) {
      std::size_t n = 0;
      for (const auto& fault : *faults) {
        if (auto done =
                apply_table(scenario, *fault.as_table(), fmt::format("fault.{}.", ++n), where);
            !done) {
          return done;
        }
      }
      continue;
    }
    const auto text = text_of_value(node);
    if (!text) return at_line(where, node.source(), key + ": a single value is wanted");
    if (auto done = apply(scenario, key, *text); !done) {
      return at_line(where, node.source(), done.error().detail);
    }
  }
  return {};
}

}  // namespace

Result<sim::Scenario> parse_scenario(std::string_view text, const std::string& where) {
  sim::Scenario scenario;
  scenario.name = std::filesystem::path(where).stem().string();
  try {
    if (auto done = apply_table(scenario, toml::parse(text), "", where); !done) return done.error();
  } catch (const toml::parse_error& error) {
    return at_line(where, error.source(), std::string(error.description()));
  }
  return scenario;
}

Result<sim::Scenario> load_scenario(const std::string& name_or_path) {
  const auto& all = built_in_scenarios();
  const auto found = std::ranges::find(all, name_or_path, &BuiltIn::name);
  if (found != all.end()) return parse_scenario(found->text, name_or_path);
  auto file = read_file(name_or_path, kMaxBytes);
  if (!file && file.error().code == Errc::not_found) {
    return Error(Errc::not_found, fmt::format("{}: neither a file nor a built-in scenario; "
                                              "`dht-sim list` lists those",
                                              printable(name_or_path)));
  }
  if (!file) return file.error();
  return parse_scenario(text_of(*file), name_or_path);
}

}  // namespace kadmos::cli
