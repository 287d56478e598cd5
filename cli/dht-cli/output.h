// How answers are shown: to people, or as JSON.
#pragma once

#include <string>
#include <string_view>

#include "cli/common/json.h"
#include "cli/dht-cli/command_line.h"

namespace kadmos::cli {

// A value to stdout: its bytes as they are; to a terminal with control characters made visible,
// unless it is to be `raw`, and with a newline after it. False (and said on stderr) if it could not
// be written.
bool write_value(ByteView value, bool raw);
// The same, with a newline after it wherever it goes.
bool write_version(ByteView value, bool raw);
// A line to stdout, whatever it has in it: printable() is done here.
void write_line(std::string_view line);
// A line to stderr, in the same way.
void write_note(std::string_view line);
// As write_line, but at once, of JSON. False as write_value.
bool write_now(const Json& json);

// "192.0.2.1:4000, [2001:db8::1]:4000", or "-" if there is none.
std::string joined(const Json& endpoints);

// Puts the key or name meant into a request. False, and said on stderr: it is not clear whose.
bool say_which(Json& request, const Globals& globals, const std::string& what,
               const std::optional<std::string>& owner);

// The exit code that an answer which is an error stands for.
int exit_code_of(const Json& answer);
// One line on stderr; gives the exit code of a command so wrong.
int usage(std::string_view message);

// What a receipt warns of, if anything, as a line on stderr. `what` as for conclude().
void write_warning(std::string_view what, const Json& receipt);

// Handles what all answers share: the whole answer as JSON if that was asked for, an error or a
// warning as a line on stderr, and what each node did with -v. Gives the exit code if the command
// is done with that, and nothing if it should show the answer itself. `what` names the command in
// errors: "get x".
std::optional<int> conclude(const Globals& globals, const Json& answer, std::string_view what);

// "3 of 3 replicas have it durably (2 needed), 1 hop, 0.9 ms"
std::string receipt_line(const Json& receipt);

// Key, type, name and when it expired of a record in the `not_renewed` of a status.
std::string lapsed_line(const Json& record);

}  // namespace kadmos::cli
