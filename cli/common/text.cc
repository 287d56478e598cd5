#include "cli/common/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>

namespace kadmos::cli {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The length of the well-formed UTF-8 sequence that `text` begins with (Unicode 15, table 3-7); 0
// if there is none.
std::size_t utf8_sequence(std::string_view text) {
  const auto at = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto continues = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && at(1) < 0xA0;
    const bool surrogate = first == 0xED && at(1) > 0x9F;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && at(1) < 0x90;
    const bool too_high = first == 0xF4 && at(1) > 0x8F;
    return continues(1) && continues(2) && continues(3) && !overlong && !too_high ? 4 : 0;
  }
  return 0;
}

// The character of a well-formed sequence of two or three bytes.
unsigned character_of(std::string_view sequence) {
  unsigned out = static_cast<unsigned char>(sequence[0]) & (sequence.size() == 2 ? 0x1FU : 0x0FU);
  for (const char c : sequence.substr(1)) out = out << 6 | (static_cast<unsigned char>(c) & 0x3FU);
  return out;
}

// Whether a terminal or an editor would do something else with it than show it.
bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
  if (sequence.size() > 3) return false;
  const unsigned character = character_of(sequence);
  const auto within = [&](unsigned from, unsigned to) {
    return from <= character && character <= to;
  };
  return within(0x80, 0x9F)          // which terminals obey as they do ESC and a letter
         || within(0x2028, 0x2029)   // ends of lines
         || within(0x202A, 0x202E)   // what lets text appear in another order than it has
         || within(0x2066, 0x2069);  // and these
}

std::string hex_escapes(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return out;
}

// `text` with everything that is no character to be shown as \xNN, but for what is in `kept`.
std::string escaped(std::string_view text, std::string_view kept) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    const std::string_view head = text.substr(0, length == 0 ? 1 : length);
    const bool shown = length > 0 && !is_control(head);
    const bool keep = kept.find(head) != std::string_view::npos;
    out += shown || keep ? std::string(head) : hex_escapes(head);
    text.remove_prefix(head.size());
  }
  return out;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view text) { return escaped(text, ""); }

std::string printable_lines(std::string_view text) { return escaped(text, "\n\t"); }

std::string printable_json(std::string_view json) {
  std::string out;
  while (!json.empty()) {
    const std::size_t length = std::max<std::size_t>(utf8_sequence(json), 1);
    const std::string_view head = json.substr(0, length);
    if (head == "\x7f") {
      out += "\\u007f";
    } else if (length > 1 && is_control(head)) {
      out += fmt::format("\\u{:04x}", character_of(head));
    } else {
      out += head;
    }
    json.remove_prefix(length);
  }
  return out;
}

std::string base64(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) group = group << 8 | (j < n ? bytes[i + j] : 0U);
    for (std::size_t j = 0; j < 4; ++j) {
      out += j <= n ? kDigits[group >> (18 - 6 * j) & 0x3FU] : '=';
    }
  }
  return out;
}

std::optional<Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  Bytes out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const std::size_t digits = i + 4 == text.size() ? 4 - padding : 4;
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const std::size_t digit = j < digits ? kDigits.find(text[i + j]) : 0;
      if (digit == std::string_view::npos) return std::nullopt;
      group = group << 6 | static_cast<std::uint32_t>(digit);
    }
    for (std::size_t j = 0; j < 3; ++j) {
      const auto byte = static_cast<Byte>(group >> (16 - 8 * j));
      if (j + 1 < digits) {
        out.push_back(byte);
      } else if (byte != 0) {
        return std::nullopt;  // bits that stand for nothing
      }
    }
  }
  return out;
}

Result<Duration> parse_duration(std::string_view text) {
  double number = 0;
  const auto [rest, failed] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  const std::string_view unit(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  double seconds = 0;
  if (unit == "ms") seconds = 1e-3;
  if (unit == "s") seconds = 1;
  if (unit == "m") seconds = 60;
  if (unit == "h") seconds = 3600;
  if (unit == "d") seconds = 86400;
  const double total = number * seconds;
  // The upper bound keeps every sum of a clock and a duration far from overflow.
  if (failed != std::errc() || !(total >= 1e-3) || total > 1e9) {
    return Error(Errc::invalid_argument,
                 fmt::format("'{}' is no duration: give a number and a unit (ms, s, m, h or d), "
                             "such as 5s",
                             printable(text)));
  }
  return Duration(std::llround(total * 1e9));
}

Result<std::size_t> parse_size(std::string_view text) {
  struct Unit {
    std::string_view name;
    double bytes;
  };
  static constexpr Unit kUnits[] = {{"", 1},
                                    {"KiB", 1024.0},
                                    {"MiB", 1024.0 * 1024},
                                    {"GiB", 1024.0 * 1024 * 1024},
                                    {"TiB", 0x1p40},
                                    {"kB", 1e3},
                                    {"MB", 1e6},
                                    {"GB", 1e9},
                                    {"TB", 1e12}};
  double number = 0;
  const auto [rest, failed] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  const std::string_view name(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  double total = 0;
  for (const Unit& unit : kUnits) {
    if (unit.name == name) total = number * unit.bytes;
  }
  if (failed != std::errc() || !(total >= 1) || total > 0x1p50) {
    return Error(Errc::invalid_argument,
                 fmt::format("'{}' is no size: give bytes, or a number and a unit (KiB, MiB, GiB, "
                             "TiB), such as 1GiB",
                             printable(text)));
  }
  return static_cast<std::size_t>(total);
}

std::string show(Duration duration) {
  const double ms = in_milliseconds(duration);
  return ms < 1000 ? fmt::format("{:.2f} ms", ms) : fmt::format("{:.1f} s", ms / 1000);
}

double in_milliseconds(Duration duration) {
  return static_cast<double>(
             std::chrono::duration_cast<std::chrono::microseconds>(duration).count()) /
         1000;
}

std::string show(WallTime time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const auto whole = static_cast<std::time_t>(seconds.count());
  std::tm parts{};
  if (gmtime_r(&whole, &parts) == nullptr) return fmt::format("{} ms", since.count());
  char buffer[64];
  const std::size_t length = std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:03}Z", std::string_view(buffer, length), (since - seconds).count());
}

std::optional<WallTime> parse_time(std::string_view text) {
  namespace chrono = std::chrono;
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";  // d: a digit
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() <= kShape.size() || text.back() != 'Z') return std::nullopt;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] == 'd' ? !is_digit(text[i]) : text[i] != kShape[i]) return std::nullopt;
  }
  std::string_view fraction = text.substr(kShape.size());
  fraction.remove_suffix(1);
  if (!fraction.empty() && (fraction.size() < 2 || fraction.size() > 4 || fraction[0] != '.' ||
                            !std::ranges::all_of(fraction.substr(1), is_digit))) {
    return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t digits) {
    int out = 0;
    for (std::size_t i = at; i < at + digits; ++i) out = 10 * out + (text[i] - '0');
    return out;
  };
  const chrono::year_month_day day{chrono::year(number(0, 4)),
                                   chrono::month(static_cast<unsigned>(number(5, 2))),
                                   chrono::day(static_cast<unsigned>(number(8, 2)))};
  const int hour = number(11, 2);
  const int minute = number(14, 2);
  const int second = number(17, 2);
  if (!day.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  int milliseconds = 0;
  for (std::size_t i = 1; i < 4 && !fraction.empty(); ++i) {
    milliseconds = 10 * milliseconds + (i < fraction.size() ? fraction[i] - '0' : 0);
  }
  return WallTime(chrono::sys_days(day).time_since_epoch() + chrono::hours(hour) +
                  chrono::minutes(minute) + chrono::seconds(second) +
                  chrono::milliseconds(milliseconds));
}

}  // namespace kadmos::cli
