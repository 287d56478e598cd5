// What import and export share: they count, show how far they are, tell what fails and go on, and
// end early when they are interrupted or the daemon falls silent.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "cli/common/interrupt.h"
#include "cli/common/progress_line.h"
#include "cli/dht-cli/session.h"

namespace kadmos::cli {

class Bulk {
 public:
  // `part`: how much of all is done, from 0 to 1; nothing if nobody knows.
  Bulk(Session& session, const char* command, std::function<std::optional<double>()> part);

  // Sends a request that is answered several times. `take` is given each answer; false ends it all.
  // False if it is time to end.
  bool follow(const Json& request, const std::function<bool(const Json&)>& take,
              const std::function<void()>& often);

  void done() { ++done_; }
  void skip() { ++skipped_; }
  // One failed, and is told of. `answer` is {"error": …}.
  void fail(const std::string& what, const Json& answer);
  // One went well. What is to be warned of is told once, since it is true of the others as well.
  void warn(const Json& answer);
  // All fails.
  void give_up(const std::string& why, int code);
  // Whether it is to end early, and is no success.
  bool ending() const { return given_up_ || Interrupt::came(); }

  std::size_t count() const { return done_; }
  std::size_t failed() const { return failed_; }
  std::size_t skipped() const { return skipped_; }
  // "1234/s in 8.1 s"
  std::string rate() const;
  Json summary() const;
  // That of the first failure; 128 and the signal if one ended it.
  int exit_code() const;
  // Before anything is written to stderr.
  void clear() { line_.clear(); }

 private:
  using Clock = std::chrono::steady_clock;
  double seconds() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }
  void draw();

  Session& session_;
  const char* command_;
  std::function<std::optional<double>()> part_;
  Interrupt interrupt_;
  ProgressLine line_;
  Clock::time_point began_ = Clock::now();
  std::optional<double> part_at_start_;  // of an import or export that goes on
  std::size_t done_ = 0;
  std::size_t skipped_ = 0;
  std::size_t failed_ = 0;
  int code_ = 0;
  bool given_up_ = false;
  bool warned_ = false;
};

}  // namespace kadmos::cli
