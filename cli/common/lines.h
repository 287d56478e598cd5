// Lines of a file or pipe, one after the other, however large it is and whatever is in it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cli/common/files.h"

namespace kadmos::cli {

struct Line {
  std::uint64_t number = 0;  // from 1
  std::string text;          // without its newline
  bool too_long = false;     // then the text is empty
  bool whole = true;         // false: the last of a file, without a newline
};

class LineReader {
 public:
  // `path` is for errors. `interrupted` is asked when a signal ends a wait: true ends the input.
  LineReader(Fd fd, std::string path, std::size_t longest,
             std::function<bool()> interrupted = nullptr);
  // "-" is stdin. Errors: not_found, io.
  static Result<LineReader> open(const std::string& path, std::size_t longest,
                                 std::function<bool()> interrupted = nullptr);

  // The next line; nothing at the end. Errors: io.
  Result<std::optional<Line>> next();
  // Whether something is there to be read now, be it the end.
  bool ready() const;
  // How many bytes the lines given had, newlines included; and all of a file has, if it is one.
  std::uint64_t consumed() const { return consumed_; }
  std::optional<std::uint64_t> size() const;

 private:
  Result<bool> fill();

  Fd fd_;
  std::string path_;
  std::size_t longest_;
  std::function<bool()> interrupted_;
  std::string buffer_;
  std::size_t at_ = 0;  // in the buffer: what was given lies before
  std::uint64_t number_ = 0;
  std::uint64_t consumed_ = 0;
  bool ended_ = false;
};

// Takes lines to the end of a file, which is made if it is missing, and makes them last.
class LineWriter {
 public:
  // A last line without its newline, which a crash left, is cut off. Errors: io.
  static Result<LineWriter> append_to(const std::string& path);
  static LineWriter to_stdout();
  // Lines reach the file with write() or sync() only. Errors (of both): io.
  void add(std::string_view line);
  Result<void> write();
  Result<void> sync();

 private:
  LineWriter(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Fd fd_;
  std::string path_;
  std::string waiting_;
};

}  // namespace kadmos::cli
