// The figures of a report: data in, gnuplot's SVG out, in colours that the page's style chooses, so
// that one figure does for light and dark.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/dht-sim/spread.h"

namespace kadmos::cli {

// Curves have a colour each, of so many that can be told apart.
inline constexpr std::size_t kColours = 8;

struct Chart {
  // Lines: y over x. Shares: of x, the share of all (y) that does not exceed it; x is the spread.
  // Points: each run by itself.
  enum class Kind { lines, shares, points };
  struct Point {
    double at = 0;
    Spread spread;
  };
  struct Curve {
    std::string label;
    std::vector<Point> points;  // of Kind::points: `at` is x, the median y
    bool dashed = false;
    std::size_t colour = 0;
  };
  struct Span {  // a stretch of x that is marked
    std::string label;
    double begin = 0;
    double end = 0;
  };
  Kind kind = Kind::lines;
  std::string title;  // for readers of the page that see no figures
  std::string x;
  std::string y;
  std::vector<Curve> curves;
  std::vector<Span> spans;
  bool log_x = false;
  bool from_zero = true;        // y begins there
  std::optional<double> top{};  // of y, at most
  double end = 0;               // of x, of lines at least
};

// An SVG element that uses the style's variables --ink, --grid, --fault and --c0 to --c7. Errors:
// those of draw().
Result<std::string> svg_of(const Chart& chart);

}  // namespace kadmos::cli
