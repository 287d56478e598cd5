#include "layering_rules.h"

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12, instrumenting for sanitizers, sees uninitialised memory in its own <regex> (PR 105562).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <algorithm>
#include <cctype>
#include <optional>
#include <regex>
#include <sstream>

namespace kadmos::layering {
namespace {

using Strings = std::vector<std::string>;

struct Room {
  std::string name;
  int floor = 0;
};

struct Line {
  std::size_t number = 0;
  std::string text;
};

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix);
}

// The first `n` parts of a path: "src/wire/codec.h", 2 -> "src/wire".
std::string parts(std::string_view path, int n) {
  std::size_t end = 0;
  for (int i = 0; i < n && end != std::string_view::npos; ++i) end = path.find('/', end + (i > 0));
  return std::string(path.substr(0, end));
}

// Nothing for a path outside of all rooms.
std::optional<Room> room_of(std::string_view path) {
  static const std::vector<Room> by_prefix = {
      {"include/kadmos/future.h", 6}, {"include/kadmos/stream.h", 6}, {"include/kadmos/many.h", 6},
      {"include/kadmos/task.h", 6},   {"include/kadmos/node.h", 6},   {"include/kadmos/uv.h", 8},
      {"include/kadmos/kadmos.h", 8}};
  for (const Room& room : by_prefix) {
    if (path == room.name) return Room{room.floor == 6 ? "src/node" : "src/uv", room.floor};
  }
  static const std::vector<Room> rooms = {
      {"include/kadmos", 0}, {"src/base", 0},   {"src/crypto", 1}, {"src/wire", 2},
      {"src/routing", 3},    {"src/lookup", 3}, {"src/store", 3},  {"src/ops", 4},
      {"src/engine", 5},     {"src/node", 6},   {"src/lmdb", 7},   {"src/uv", 8},
      {"simulations", 9}};
  for (const Room& room : rooms) {
    if (starts_with(path, room.name + "/")) return room;
  }
  if (starts_with(path, "cli/common/")) return Room{"cli/common", 9};
  if (starts_with(path, "cli/")) return Room{parts(path, 2), 10};  // one room a program
  return std::nullopt;
}

// The path in the tree that `#include "name"` in `path` means.
std::string included_path(std::string_view path, const std::string& name) {
  if (name.find('/') == std::string::npos) {
    return std::string(path.substr(0, path.rfind('/') + 1)) + name;
  }
  const std::string first = parts(name, 1);
  if (first == "kadmos") return "include/" + name;
  if (first == "cli" || first == "simulations") return name;
  return "src/" + name;
}

std::string check_include(std::string_view path, const Room& room, const std::string& name) {
  const std::string target = included_path(path, name);
  const std::optional<Room> other = room_of(target);
  if (!other) return "includes " + target + ", which is in no room";
  const bool is_public = starts_with(path, "include/");
  if (is_public && !starts_with(target, "include/")) return "a public header includes " + target;
  if (room.name == "simulations" && other->name == "src/uv") {
    return "the simulator must not know libuv, but includes " + target;
  }
  if (room.name == "simulations" && other->name == "src/lmdb") {
    return "the simulator must not know real disks, but includes " + target;
  }
  if (other->name == room.name || other->name == "include/kadmos") return "";
  if (other->floor < room.floor) return "";
  return "includes " + target + " of " + (other->floor > room.floor ? "a higher" : "the same") +
         " floor";
}

std::string check_library(std::string_view path, const Room& room, const std::string& name) {
  struct Owner {
    std::string_view prefix;
    Strings rooms;
  };
  static const std::vector<Owner> owners = {{"openssl/", {"src/crypto", "src/uv"}},
                                            {"sodium", {"src/crypto"}},
                                            {"msgpack", {"src/wire"}},
                                            {"uv.h", {"src/uv"}},
                                            {"uv/", {"src/uv"}},
                                            {"lmdb.h", {"src/lmdb"}}};
  for (const Owner& owner : owners) {
    if (!starts_with(name, owner.prefix)) continue;
    const bool owned =
        std::find(owner.rooms.begin(), owner.rooms.end(), room.name) != owner.rooms.end();
    if (!owned || starts_with(path, "include/")) return "includes <" + name + ">, not its to know";
  }
  return "";
}

bool in_core(const Room& room) { return room.floor < 7; }

struct Ban {
  std::regex pattern;
  std::string why;
  std::string_view except = " ";  // files whose path begins so
};

const std::vector<Ban>& bans_in_core() {
  static const std::vector<Ban> bans = {
      {std::regex(R"(\b(system|steady|high_resolution|utc|file)_clock\b|\bclock_gettime\b)"
                  R"(|\bgettimeofday\b|\btime\s*\(\s*(nullptr|NULL|0|&)|\bclock\s*\(\s*\))"),
       "reads a clock; the time is passed in"},
      {std::regex(R"(\brandom_device\b|\bs?rand\s*\(|\bgetrandom\b|\barc4random)"),
       "takes randomness from outside; use a seeded Prng"},
      {std::regex(R"(\b\w+_distribution\b)"),
       "a distribution that differs between standard libraries; use Prng"},
      {std::regex(
           R"(\bstd\s*::\s*(jthread|thread|(\w+_)?mutex|atomic\w*|condition_variable\w*|async)\b)"
           R"(|<(thread|mutex|shared_mutex|atomic|condition_variable)>)"),
       "threads and locks; one thread owns a node"},
      {std::regex(R"(\bthread_local\b)"),
       "state of a thread; all state is a node's, but for memory nobody uses",
       "src/base/recycled."},
      {std::regex(R"(\bspdlog\b|<iostream>|\bstd\s*::\s*(cout|cerr|clog)\b)"),
       "logs; the core tells in notices and counters"},
  };
  return bans;
}

bool decides(const Room& room) {
  static const Strings rooms = {"src/routing", "src/lookup", "src/engine", "src/ops"};
  return std::find(rooms.begin(), rooms.end(), room.name) != rooms.end();
}

// Names declared with an unordered container as their type, or with an alias of one.
Strings unordered_names(const std::string& code) {
  static const std::regex alias(R"(\busing\s+(\w+)\s*=\s*(std\s*::\s*)?unordered_)");
  static const std::regex container(R"(\bunordered_(multi)?(map|set)\s*<)");
  Strings out;
  const auto add_name_at = [&](std::size_t at) {
    while (at < code.size() && (std::isspace(static_cast<unsigned char>(code[at])) != 0 ||
                                code[at] == '&' || code[at] == '*')) {
      ++at;
    }
    std::string name;
    while (at < code.size() &&
           (std::isalnum(static_cast<unsigned char>(code[at])) != 0 || code[at] == '_')) {
      name += code[at++];
    }
    if (!name.empty()) out.push_back(name);
  };
  const auto each = [&](const std::regex& what, auto found) {
    for (std::sregex_iterator it(code.begin(), code.end(), what), end; it != end; ++it) found(*it);
  };
  each(container, [&](const std::smatch& match) {
    auto at = static_cast<std::size_t>(match.position() + match.length());
    for (int depth = 1; at < code.size() && depth > 0; ++at) {
      depth += static_cast<int>(code[at] == '<') - static_cast<int>(code[at] == '>');
    }
    add_name_at(at);
  });
  each(alias, [&](const std::smatch& match) {
    each(std::regex("\\b" + match[1].str() + "\\s*[&*]?\\s+\\w"), [&](const std::smatch& use) {
      add_name_at(static_cast<std::size_t>(use.position() + use.length() - 1));
    });
  });
  return out;
}

std::size_t line_at(const std::string& code, std::size_t at) {
  return 1 + static_cast<std::size_t>(
                 std::count(code.begin(), code.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

// Loops over the containers named, by range or from begin().
std::vector<Line> unordered_loops(const std::string& code, const Strings& names) {
  std::vector<Line> out;
  for (const std::string& name : names) {
    std::string pattern = R"(\bfor\s*\([^;(){}]*:\s*[\w.>*-]*\b)";
    pattern.append(name).append(R"(\s*\)|\b)").append(name);
    pattern.append(R"(\s*(\.|->)\s*c?begin\s*\(|\bbegin\s*\(\s*)").append(name).append("\\b");
    const std::regex loop(pattern);
    for (std::sregex_iterator it(code.begin(), code.end(), loop), end; it != end; ++it) {
      out.push_back({line_at(code, static_cast<std::size_t>(it->position())), name});
    }
  }
  return out;
}

}  // namespace

std::string code_of(std::string_view text) {
  std::string out(text);
  const auto blank = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < std::min(to, out.size()); ++i) {
      if (out[i] != '\n') out[i] = ' ';
    }
  };
  const auto end_after = [&](std::string_view mark, std::size_t from) {
    const std::size_t at = text.find(mark, from);
    return at == std::string_view::npos ? text.size() : at + mark.size();
  };
  std::size_t i = 0;
  while (i < text.size()) {
    const std::string_view rest = text.substr(i);
    if (text[i] == '#' &&
        starts_with(rest.substr(std::min(rest.size(), rest.find_first_not_of(" \t", 1))),
                    "include")) {
      i = end_after("\n", i);
    } else if (starts_with(rest, "//")) {
      const std::size_t end = end_after("\n", i);
      blank(i, end);
      i = end;
    } else if (starts_with(rest, "/*")) {
      const std::size_t end = end_after("*/", i + 2);
      blank(i, end);
      i = end;
    } else if (starts_with(rest, "R\"")) {
      const std::string tag(rest.substr(2, rest.find('(') - 2));
      const std::size_t end = end_after(")" + tag + "\"", i);
      blank(i, end);
      i = end;
    } else if (text[i] == '"' || text[i] == '\'') {
      const bool digits =
          text[i] == '\'' && i > 0 && std::isxdigit(static_cast<unsigned char>(text[i - 1])) != 0;
      std::size_t end = i + 1;
      if (!digits) {
        while (end < text.size() && text[end] != text[i]) end += text[end] == '\\' ? 2 : 1;
        blank(i + 1, end);
        ++end;
      }
      i = end;
    } else {
      ++i;
    }
  }
  return out;
}

Strings problems_of(std::string_view path, std::string_view text, std::string_view header) {
  Strings out;
  const auto report = [&](std::size_t line, const std::string& what) {
    if (!what.empty()) out.push_back(std::string(path) + ":" + std::to_string(line) + ": " + what);
  };
  const std::optional<Room> room = room_of(path);
  if (!room) {
    report(1, "is in no room");
    return out;
  }
  const std::string code = code_of(text);
  std::istringstream lines(code);
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  static const std::regex floats(R"(\b(float|double)\b)");
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    std::smatch match;
    if (std::regex_search(line, match, include)) {
      report(number, match[1] == "\"" ? check_include(path, *room, match[2])
                                      : check_library(path, *room, match[2]));
    }
    if (!in_core(*room)) continue;
    for (const Ban& ban : bans_in_core()) {
      if (starts_with(path, ban.except)) continue;
      if (std::regex_search(line, ban.pattern)) report(number, ban.why);
    }
    if (decides(*room) && std::regex_search(line, floats)) report(number, "a float in decisions");
  }
  if (in_core(*room)) {
    Strings names = unordered_names(code);
    const Strings inherited = unordered_names(code_of(header));
    names.insert(names.end(), inherited.begin(), inherited.end());
    for (const Line& loop : unordered_loops(code, names)) {
      report(loop.number, "iterates over " + loop.text + ", whose order is nobody's promise");
    }
  }
  return out;
}

}  // namespace kadmos::layering
