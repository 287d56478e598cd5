// The rules of the house as a pure function over the text of one file: who may include whom, who
// may know which library, and what the core must not touch. No dependence on the tree, so that the
// rules themselves are tested with planted violations.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kadmos::layering {

// What is wrong with the file at `path` (from the source root, '/' between parts), one line each:
// "src/wire/codec.cc:12: …". `header` is the text of its header, if it has one, whose members the
// file uses. Empty: nothing is wrong.
std::vector<std::string> problems_of(std::string_view path, std::string_view text,
                                     std::string_view header = {});

// `text` with comments and the insides of literals blanked; lines and columns stay.
std::string code_of(std::string_view text);

}  // namespace kadmos::layering
