// Text for people and from them: durations with units, times, and bytes made safe for a terminal.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kadmos/bytes.h"
#include "kadmos/result.h"
#include "kadmos/time.h"

namespace kadmos::cli {

bool is_utf8(std::string_view text);

// One line that a terminal or a log can be given whoever wrote `text`: control characters, those
// that turn the direction of writing among them, and what is not UTF-8 appear as \xNN, byte by
// byte.
std::string printable(std::string_view text);
// The same of a text that may have several lines: newlines and tabs stay.
std::string printable_lines(std::string_view text);
// The same of JSON text, where control characters appear as \uNNNN, which means the same.
std::string printable_json(std::string_view json);

std::string base64(ByteView bytes);
// What base64() gives for some bytes, and nothing else: padded, no line breaks, no stray bits.
std::optional<Bytes> from_base64(std::string_view text);

// "300ms", "5s", "1.5m", "2h", "7d": a positive number with its unit. Errors: invalid_argument.
Result<Duration> parse_duration(std::string_view text);

// "1048576", "64MiB", "1.5GiB": bytes, or a number with a unit (KiB, MiB, GiB, TiB; kB, MB, GB, TB
// are thousands). Up to 1024 TiB. Errors: invalid_argument.
Result<std::size_t> parse_size(std::string_view text);

// "0.42 ms", "3.1 s".
std::string show(Duration duration);
// Milliseconds, exact to the microsecond.
double in_milliseconds(Duration duration);
// RFC 3339 in UTC, "2030-01-31T23:59:59.000Z".
std::string show(WallTime time);
// The inverse; the fraction may be missing or shorter. Nothing if it is something else.
std::optional<WallTime> parse_time(std::string_view text);

}  // namespace kadmos::cli
