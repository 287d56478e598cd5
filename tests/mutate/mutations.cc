#include "mutate/mutations.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

#include "unit/layering_rules.h"

namespace kadmos::mutate {
namespace {

constexpr auto kNone = std::string_view::npos;

bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == kNone) return {};
  return text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

// How many brackets of one kind it leaves open.
int opened(std::string_view text, char open, char close) {
  return static_cast<int>(std::ranges::count(text, open) - std::ranges::count(text, close));
}

// The bracket that closes the one at `from`; kNone if none of the text does.
std::size_t closing(std::string_view text, std::size_t from, char open, char close) {
  int depth = 0;
  for (std::size_t i = from; i < text.size(); ++i) {
    if (text[i] == open) ++depth;
    if (text[i] == close && --depth == 0) return i;
  }
  return kNone;
}

std::string_view first_word(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && in_name(text[n])) ++n;
  return text.substr(0, n);
}

template <std::size_t N>
bool one_of(std::string_view what, const std::array<std::string_view, N>& list) {
  return std::ranges::count(list, what) > 0;
}

// "Type name…", "std::vector<Key> name…".
bool declares(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size() && (in_name(text[i]) || text[i] == ':')) ++i;
  if (i < text.size() && text[i] == '<') {
    const std::size_t end = closing(text, i, '<', '>');
    if (end == kNone) return false;
    i = end + 1;
    while (i < text.size() && (in_name(text[i]) || text[i] == ':')) ++i;
  }
  while (i < text.size() && (text[i] == '&' || text[i] == '*')) ++i;
  return i > 0 && i + 1 < text.size() && text[i] == ' ' && in_name(text[i + 1]);
}

// One pass over a file.
class Finder {
 public:
  explicit Finder(std::string_view source) : code_(layering::code_of(source)) {}

  std::vector<Mutation> run() && {
    int skipping = 0;  // brackets left open by a line that is left alone
    for (std::size_t end = 0; begin_ < code_.size(); begin_ = end + 1) {
      end = std::min(code_.find('\n', begin_), code_.size());
      line_ = std::string_view(code_).substr(begin_, end - begin_);
      const std::string_view what = trimmed(line_);
      if (what.empty()) continue;
      if (skipping > 0 || is_left_alone(what)) {
        skipping = std::max(0, skipping + opened(what, '(', ')'));
      } else {
        leave_out(what);
        flip(what);
        drop_conditions();
        shift_comparisons();
        shift_constants();
        swap_booleans();
      }
      before_ = what.back();
    }
    return std::move(out_);
  }

 private:
  // At a place within the line.
  void add(std::size_t at, std::size_t size, std::string text, const char* kind) {
    out_.push_back({begin_ + at, size, std::move(text), kind});
  }
  std::size_t place_of(std::string_view part) const {
    return static_cast<std::size_t>(part.data() - line_.data());
  }

  static bool is_left_alone(std::string_view what) {
    static constexpr std::array<std::string_view, 5> kStarts = {"using", "namespace", "template",
                                                                "static_assert", "case"};
    if (what.front() == '#' || one_of(first_word(what), kStarts)) return true;
    for (const std::string_view call : {"check(", "reserve(", "notice(", "planted("}) {
      const std::size_t at = what.find(call);
      if (at != kNone && (at == 0 || !in_name(what[at - 1]))) return true;
    }
    return false;
  }

  void leave_out(std::string_view what) {
    static constexpr std::array<std::string_view, 22> kOthers = {
        "return", "using",  "const",    "constexpr", "static", "auto",    "struct", "class",
        "enum",   "friend", "explicit", "virtual",   "inline", "typedef", "extern", "public",
        "else",   "do",     "default",  "while",     "throw",  "private"};
    const bool begins = before_ == ';' || before_ == '{' || before_ == '}' || before_ == ':' ||
                        before_ == ')' || before_ == '\0';
    if (!begins || what.size() < 2 || what.back() != ';' || opened(what, '(', ')') != 0 ||
        opened(what, '{', '}') != 0)
      return;
    if (!in_name(what.front()) && what.front() != '*' && what.substr(0, 2) != "++" &&
        what.substr(0, 2) != "--") {
      return;
    }
    if (one_of(first_word(what), kOthers) || declares(what)) return;
    if (what.ends_with("= delete;") || what.ends_with("= default;")) return;
    add(place_of(what), what.size(), ";", "statement left out");
  }

  void flip(std::string_view what) {
    const std::size_t at = what.starts_with("} else if (") ? 10 : what.starts_with("if (") ? 3 : 0;
    if (at == 0) return;
    const std::size_t end = closing(what, at, '(', ')');
    if (end == kNone) return;
    std::string_view asked = what.substr(at + 1, end - at - 1);
    const std::size_t declared = asked.rfind("; ");
    if (declared != kNone) asked.remove_prefix(declared + 2);
    if (asked.find(" = ") != kNone) return;
    add(place_of(asked), asked.size(), "!(" + std::string(asked) + ")", "condition flipped");
  }

  // Each side of an operator, if it lies wholly within the line, is replaced by what decides
  // nothing. The operator may stand at the end of the line before.
  void drop_conditions() {
    std::vector<std::pair<std::size_t, std::size_t>> seen;
    const auto drop = [&](std::optional<std::pair<std::size_t, std::size_t>> side) {
      if (!side || std::ranges::count(seen, *side) > 0) return;
      seen.push_back(*side);
      const auto [at, end] = *side;
      const bool both = is_operator(begin_ + end + 1, "&&") || follows_operator(begin_ + at, "&&");
      add(at, end - at, both ? "true" : "false", "condition left out");
    };
    const std::size_t first = line_.find_first_not_of(' ');
    if (follows_operator(begin_ + first, "&&") || follows_operator(begin_ + first, "||")) {
      drop(right_of(first));
    }
    for (std::size_t i = 1; i + 1 < line_.size(); ++i) {
      if (!is_operator(begin_ + i, "&&") && !is_operator(begin_ + i, "||")) continue;
      drop(left_of(i - 1));
      if (i + 3 < line_.size()) drop(right_of(i + 3));
    }
  }

  // Unlike that of a reference to an rvalue, it has a space before it.
  bool is_operator(std::size_t at, std::string_view which) const {
    return at > 0 && code_.compare(at, 2, which) == 0 && code_[at - 1] == ' ';
  }
  bool follows_operator(std::size_t at, std::string_view which) const {
    const std::size_t last = code_.find_last_not_of(" \n", at == 0 ? 0 : at - 1);
    return at > 0 && last != kNone && last > 0 && is_operator(last - 1, which);
  }

  std::optional<std::pair<std::size_t, std::size_t>> left_of(std::size_t end) const {
    int depth = 0;
    std::size_t at = end;
    for (; at > 0; --at) {
      const char c = line_[at - 1];
      if (c == ')' || c == ']' || c == '}') ++depth;
      if ((c == '(' || c == '[' || c == '{') && depth-- == 0) break;
      if (depth > 0) continue;
      if (c == ';' || c == ',') break;
      if (c == ' ' && at > 2) {
        const char d = line_[at - 2];
        if (d == '&' || d == '|' || d == '?' || d == ':' || is_assignment(at - 2)) break;
        if (line_.substr(0, at - 1).ends_with("return")) break;
      }
    }
    at = line_.find_first_not_of(' ', at);
    if (at == line_.find_first_not_of(' ') && !can_begin(begin_ + at)) return std::nullopt;
    return at < end ? std::optional(std::pair(at, end)) : std::nullopt;
  }

  std::optional<std::pair<std::size_t, std::size_t>> right_of(std::size_t at) const {
    int depth = 0;
    for (std::size_t end = at; end < line_.size(); ++end) {
      const char c = line_[end];
      if (c == '(' || c == '[' || c == '{') ++depth;
      if ((c == ')' || c == ']' || c == '}') && depth-- == 0) return std::pair(at, end);
      if (depth > 0) continue;
      if (c == ';' || c == ',') return std::pair(at, end);
      if (c == ' ' && end + 1 < line_.size()) {
        const char d = line_[end + 1];
        if (d == '?' || d == ':' || is_operator(begin_ + end + 1, "&&") ||
            is_operator(begin_ + end + 1, "||")) {
          return std::pair(at, end);
        }
      }
    }
    return std::nullopt;  // it goes on in the next line
  }

  bool is_assignment(std::size_t at) const {
    return line_[at] == '=' && at > 0 && line_[at - 1] == ' ';
  }
  // Whether what begins a line begins there, and not on the line before.
  bool can_begin(std::size_t at) const {
    const std::size_t last = code_.find_last_not_of(" \n", at == 0 ? 0 : at - 1);
    if (last == kNone || last >= at) return true;
    constexpr std::string_view kBefore = "&|(=,;{}?:)";
    return kBefore.find(code_[last]) != kNone ||
           std::string_view(code_).substr(0, last + 1).ends_with(" return");
  }

  void shift_comparisons() {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kOthers = {
        {{"<", "<="}, {"<=", "<"}, {">", ">="}, {">=", ">"}, {"==", "!="}, {"!=", "=="}}};
    for (std::size_t i = 1; i < line_.size(); ++i) {
      for (const auto& [from, to] : kOthers) {
        if (line_.compare(i, from.size(), from) != 0 || line_[i - 1] != ' ') continue;
        const std::size_t end = i + from.size();
        if (end < line_.size() && line_[end] != ' ') continue;
        add(i, from.size(), std::string(to), "comparison off by one");
      }
    }
  }

  void shift_constants() {
    for (std::size_t i = 0; i < line_.size(); ++i) {
      if (!is_digit(line_[i])) continue;
      const std::size_t at = i;
      while (i < line_.size() && (in_name(line_[i]) || line_[i] == '\'' || line_[i] == '.')) ++i;
      std::string digits(line_.substr(at, i - at));
      std::erase(digits, '\'');
      const char before = at == 0 ? ' ' : line_[at - 1];
      if (in_name(before) || before == '<' || before == '[' || before == '.') continue;
      if (!std::ranges::all_of(digits, is_digit) || digits.size() > 2) continue;
      const int value = std::stoi(digits);
      add(at, i - at, std::to_string(value + 1), "constant off by one");
      if (value > 0) add(at, i - at, std::to_string(value - 1), "constant off by one");
    }
  }

  void swap_booleans() {
    for (std::size_t i = 0; i < line_.size(); ++i) {
      if (!in_name(line_[i]) || (i > 0 && in_name(line_[i - 1]))) continue;
      const std::string_view word = first_word(line_.substr(i));
      if (word == "true") add(i, 4, "false", "boolean swapped");
      if (word == "false") add(i, 5, "true", "boolean swapped");
    }
  }

  std::string code_;
  std::size_t begin_ = 0;  // of the line
  std::string_view line_;
  char before_ = '\0';  // the last character of code on the lines before
  std::vector<Mutation> out_;
};

std::size_t line_begin(std::string_view source, std::size_t at) {
  const std::size_t end = at == 0 ? kNone : source.rfind('\n', at - 1);
  return end == kNone ? 0 : end + 1;
}

}  // namespace

std::vector<Mutation> mutations_of(std::string_view source) { return Finder(source).run(); }

std::string changed(std::string_view source, const Mutation& mutation) {
  std::string out(source);
  out.replace(mutation.at, mutation.size, mutation.text);
  return out;
}

std::size_t line_number(std::string_view source, std::size_t at) {
  return 1 + static_cast<std::size_t>(std::ranges::count(source.substr(0, at), '\n'));
}

std::string line_at(std::string_view source, std::size_t at) {
  const std::size_t begin = line_begin(source, at);
  return std::string(trimmed(source.substr(begin, source.find('\n', begin) - begin)));
}

}  // namespace kadmos::mutate
