// The changes of single lines that tests should notice: what can be changed in a source file, so
// that it means something else, each change small enough to be a slip. No dependence on the tree:
// the kinds are tested with planted lines (tests/unit/mutations.cc).
//
// The kinds, by the names they are listed under:
//   statement left out      a statement that stands alone on a line, or with its `if` or `for`
//   condition flipped       what an `if` asks is asked the other way round
//   condition left out      one side of && or || counts no more
//   comparison off by one   < and <=, > and >=; == and != the other way round
//   constant off by one     a decimal number below 100, one more or one less
//   boolean swapped         true and false
//
// Left alone are comments and texts, what the compiler alone reads (directives, static_assert,
// template arguments, array indexes) and lines that no test is to notice: check(), which never
// fails; reserve(), which only saves time; notice(), which is for people; planted(), which is
// constant false.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kadmos::mutate {

struct Mutation {
  std::size_t at = 0;    // where in the file
  std::size_t size = 0;  // so many characters, none of them the end of a line
  std::string text;      // are replaced by these
  std::string kind;
};

// Every change of the file with this text, in no order that means anything, the same each time.
std::vector<Mutation> mutations_of(std::string_view source);

// The file after the change.
std::string changed(std::string_view source, const Mutation& mutation);

// The number of the line at `at`, from 1, and what it says without what indents it.
std::size_t line_number(std::string_view source, std::size_t at);
std::string line_at(std::string_view source, std::size_t at);

}  // namespace kadmos::mutate
