#include "cli/dht-sim/chart.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <iterator>

#include "cli/common/text.h"
#include "cli/dht-sim/gnuplot.h"

namespace kadmos::cli {
namespace {

constexpr int kWidth = 860;
constexpr int kHeight = 340;
// A legend of several lines makes a figure higher, not its plot lower.
constexpr int kLegendLine = 20;
constexpr std::size_t kLegendWidth = 80;  // characters

// gnuplot is given colours that stand for the style's variables.
constexpr std::size_t kInk = 20;
constexpr std::size_t kGrid = 21;
constexpr std::size_t kFault = 22;

std::string colour(std::size_t variable) { return fmt::format("rgb '#0101{:02x}'", variable); }

std::string variable_of(unsigned number) {
  if (number == kInk) return "var(--ink)";
  if (number == kGrid) return "var(--grid)";
  if (number == kFault) return "var(--fault)";
  return fmt::format("var(--c{})", number);
}

std::string with_variables(const std::string& svg) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = svg.find("rgb("); at != std::string::npos; at = svg.find("rgb(", done)) {
    const std::size_t end = svg.find(')', at) + 1;
    out += svg.substr(done, at - done);
    std::array<unsigned, 3> rgb{};
    const std::string text = svg.substr(at, end - at);
    const bool ours = std::sscanf(text.c_str(), "rgb(%u,%u,%u)", &rgb[0], &rgb[1], &rgb[2]) == 3 &&
                      rgb[0] == 1 && rgb[1] == 1;
    out += ours ? variable_of(rgb[2]) : text;
    done = end;
  }
  return out + svg.substr(done);
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : printable(text)) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

// gnuplot titles each plot for browsers to show under the mouse: "gnuplot_plot_1" tells nobody.
std::string without_titles(std::string svg, const std::string& title) {
  constexpr std::string_view kBegin = "<title>";
  constexpr std::string_view kEnd = "</title>";
  for (std::size_t at = svg.find(kBegin); at != std::string::npos; at = svg.find(kBegin)) {
    svg.erase(at, svg.find(kEnd, at) + kEnd.size() - at);
  }
  const std::size_t open = svg.find('>') + 1;
  std::string label;
  for (const char c : title) label += c == '<' || c == '&' || c == '"' ? ' ' : c;
  svg.insert(open - 1, fmt::format(" role=\"img\" aria-label=\"{}\"", label));
  return svg;
}

class Script {
 public:
  explicit Script(const Chart& chart) : chart_(chart) {}

  std::string text() {
    axes();
    spans();
    for (std::size_t i = 0; i < chart_.curves.size(); ++i) data(i);
    plots();
    return std::move(out_);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  void axes() {
    const std::string ink = colour(kInk);
    line("set border 3 lc {}", ink);
    line("set tics nomirror scale 0.5 textcolor {}", ink);
    line("set grid back lt 1 lw 1 lc {}", colour(kGrid));
    line("set xlabel {} textcolor {} offset 0,0.3", quoted(chart_.x), ink);
    line("set ylabel {} textcolor {}", quoted(chart_.y), ink);
    line("set key outside bottom left horizontal Left reverse samplen 1.5 height 0.5 textcolor {}",
         ink);
    // The same margins for all, so that the times of figures stand below each other; labels of
    // marked stretches stand above the frame.
    line("set lmargin 10; set rmargin 4; set tmargin {}", chart_.spans.empty() ? 1 : 2.5);
    if (chart_.curves.size() < 2) line("unset key");
    if (chart_.log_x) line("set logscale x");
    if (chart_.kind == Chart::Kind::shares) {
      line("set yrange [0:100]");
      line("set xrange [{}:{}]", shortest(), longest());
      line("set xtics ({})", ticks());
      return;
    }
    const auto [low, high] = y_range();
    const double least = chart_.from_zero ? 0 : low;
    const double room = 0.08 * std::max(high - least, std::max(std::abs(high), 1e-6) * 0.02);
    const double bottom = chart_.from_zero ? 0 : low - room;
    const double top = chart_.top ? std::min(high + room, *chart_.top) : high + room;
    line("set yrange [{}:{}]", bottom, top);
    if (chart_.kind == Chart::Kind::points) {
      line("set offsets graph 0.05, graph 0.05, 0, 0");
      return;
    }
    double end = chart_.end;
    for (const auto& curve : chart_.curves) {
      if (!curve.points.empty()) end = std::max(end, curve.points.back().at);
    }
    line("set xrange [0:{}]", end);
  }

  // Where the time axis of shares begins: their first hundredths may be next to nothing.
  double shortest() const {
    double least = 1e9;
    for (const auto& curve : chart_.curves) {
      for (const auto& point : curve.points) {
        if (point.at >= 1) least = std::min(least, point.spread.low);
      }
    }
    return std::max(least, 0.01);
  }

  // 1, 2, 5, 10, … in a short range, 1, 10, … in a long one.
  std::string ticks() const {
    const double low = shortest();
    const double high = longest();
    std::string out;
    for (double decade = 1e-3; decade <= high; decade *= 10) {
      for (const double step : {1.0, 2.0, 5.0}) {
        const double at = decade * step;
        if (at < low * 0.999 || at > high || (step > 1 && high / low > 3000)) continue;
        out += fmt::format("{}'{:.6g}' {}", out.empty() ? "" : ", ", at, at);
      }
    }
    return out;
  }

  // And where it ends: the last hundredth may take a hundred times as long as all others.
  double longest() const {
    double most = 0;
    for (const auto& curve : chart_.curves) {
      for (const auto& point : curve.points) {
        if (point.at <= 99) most = std::max(most, 2 * point.spread.high);
      }
    }
    return std::max(most, 10 * shortest());
  }

  std::pair<double, double> y_range() const {
    double low = 1e300;
    double high = -1e300;
    for (const auto& curve : chart_.curves) {
      for (const auto& point : curve.points) {
        low = std::min(low, point.spread.low);
        high = std::max(high, point.spread.high);
      }
    }
    return {low, high};
  }

  void spans() {
    int number = 0;
    bool raised = false;
    for (const auto& span : chart_.spans) {
      // A label close behind another stands above it.
      raised =
          number > 0 && !raised &&
          span.begin - chart_.spans[static_cast<std::size_t>(number) - 1].begin < chart_.end / 8;
      ++number;
      line(
          "set object {} rectangle from {},graph 0 to {},graph 1 fc {} fs transparent solid 0.22 "
          "noborder behind",
          number, span.begin, span.end, colour(kFault));
      line("set label {} {} at {},graph 1 left offset 0,{} font ',12' textcolor {}", number,
           quoted(span.label), span.begin, raised ? 1.4 : 0.6, colour(kInk));
    }
  }

  void data(std::size_t i) {
    const Chart::Curve& curve = chart_.curves[i];
    line("$d{} << EOD", i);
    for (const auto& p : curve.points) {
      line("{} {} {} {}", p.at, p.spread.low, p.spread.median, p.spread.high);
    }
    line("EOD");
    if (chart_.kind != Chart::Kind::shares) return;
    line("$b{} << EOD", i);  // around the band
    for (const auto& p : curve.points) line("{} {}", p.spread.low, p.at);
    for (std::size_t n = curve.points.size(); n-- > 0;) {
      line("{} {}", curve.points[n].spread.high, curve.points[n].at);
    }
    line("EOD");
  }

  void plots() {
    std::string bands;
    std::string lines;
    for (std::size_t i = 0; i < chart_.curves.size(); ++i) {
      const Chart::Curve& curve = chart_.curves[i];
      if (curve.points.empty()) continue;
      const std::string look = colour(curve.colour);
      const std::string label = quoted(curve.label);
      const bool banded = std::ranges::any_of(
          curve.points, [](const auto& p) { return p.spread.low < p.spread.high; });
      const std::string dash = curve.dashed ? " dt (8,5)" : "";
      switch (chart_.kind) {
        case Chart::Kind::lines:
          if (banded) {
            bands += fmt::format(
                "$d{} using 1:2:4 with filledcurves fc {} fs transparent solid 0.22 notitle, ", i,
                look);
          }
          lines += fmt::format("$d{} using 1:3 with lines lw 2.5{} lc {} title {}, ", i, dash, look,
                               label);
          break;
        case Chart::Kind::shares:
          if (banded) {
            bands += fmt::format(
                "$b{} using 1:2 with filledcurves closed fc {} fs transparent solid 0.22 notitle, ",
                i, look);
          }
          lines += fmt::format("$d{} using 3:1 with lines lw 2.5{} lc {} title {}, ", i, dash, look,
                               label);
          break;
        case Chart::Kind::points:
          lines += fmt::format("$d{} using 1:3 with points pt 7 ps 1.1 lc {} title {}, ", i, look,
                               label);
          break;
      }
    }
    line("plot {}{}", bands, lines.substr(0, lines.size() - 2));
  }

  const Chart& chart_;
  std::string out_;
};

}  // namespace

Result<std::string> svg_of(const Chart& chart) {
  std::size_t longest = 0;
  for (const auto& curve : chart.curves) longest = std::max(longest, curve.label.size() + 6);
  const std::size_t columns =
      std::max<std::size_t>(kLegendWidth / std::max<std::size_t>(longest, 1), 1);
  const auto lines = static_cast<int>((chart.curves.size() + columns - 1) / columns);
  auto svg = draw(Script(chart).text(), kWidth, kHeight + kLegendLine * (lines - 1));
  if (!svg) return svg;
  return with_variables(without_titles(*std::move(svg), chart.title));
}

}  // namespace kadmos::cli
