// Scenario files: TOML whose tables and keys are the names of the settings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kadmos/result.h"
#include "simulations/scenario.h"

namespace kadmos::cli {

// The scenarios that come with the program: name and text.
struct BuiltIn {
  std::string_view name;
  std::string_view text;
};
const std::vector<BuiltIn>& built_in_scenarios();

// A built-in scenario by its name, or one from a file. Errors: not_found, io, invalid_argument,
// with file, line and key.
Result<sim::Scenario> load_scenario(const std::string& name_or_path);
// `where` names the text in errors.
Result<sim::Scenario> parse_scenario(std::string_view text, const std::string& where);

}  // namespace kadmos::cli
