// Where in the code something happened: std::source_location for compilers that lack it (clang 14).
#pragma once

#include <cstdint>

namespace kadmos {

struct Where {
  const char* file = "";
  const char* function = "";
  std::uint32_t line = 0;

  // As a default argument it names the caller.
  static constexpr Where here(const char* file = __builtin_FILE(),
                              const char* function = __builtin_FUNCTION(),
                              std::uint32_t line = __builtin_LINE()) {
    return {file, function, line};
  }
};

}  // namespace kadmos
