#pragma once

#include <string_view>

namespace kadmos::cli {

inline constexpr std::string_view kVersion = KADMOS_VERSION;

}  // namespace kadmos::cli
