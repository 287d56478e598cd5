// What a node wants its log to know.
#pragma once

#include <cstddef>
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

// Why this node's calendar seems to be wrong, by more than Config::clock_skew.
struct ClockDoubt {
  bool ahead = false;     // of that of others; or else behind it
  std::size_t peers = 0;  // that let this node see so (several at one place count once)
  std::size_t heard = 0;  // of so many that said anything lately
};

}  // namespace kadmos
