// What a node wants its log to know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kadmos {

// Never holds secrets or values. `what` is a stable word: "joined", "equivocation", …
struct Notice {
  enum class Level : std::uint8_t { debug, info, warning } level = Level::info;
  std::string_view what;
  std::string detail;
};

}  // namespace kadmos
