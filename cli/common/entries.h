// Records as lines of text: what `dht-cli export` writes and `dht-cli import` reads. docs/cli.md
// lists the fields.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/common/json.h"
#include "kadmos/many.h"

namespace kadmos::cli {

// A line longer than this has no room in a record however it is written.
inline constexpr std::size_t kLongestLine = 1024 * 1024;

struct EntryLine {
  Entry entry;
  // Until when the record was to live. Nothing: it was not said, its owner renews it, or the line
  // has a ttl.
  std::optional<WallTime> expires;
};

// Reads {"name": …, "value": …}, or without a name what put takes. Errors: invalid_argument, which
// says what is wrong; too_large.
Result<EntryLine> parse_entry(std::string_view line);

// Whether `text` may be the beginning of such a line.
bool begins_entry_line(std::string_view text);
// The line of a record as `get` answers it; such a record is an owned one or content.
std::string entry_line(const Json& found);

}  // namespace kadmos::cli
