// Child processes: started, listened to, signalled and waited for, always with a deadline. For the
// demonstration and the end-to-end tests. A child dies with its parent, and with its Process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/common/files.h"

namespace kadmos::cli {

struct SpawnOptions {
  std::vector<std::pair<std::string, std::string>> environment;  // besides what is inherited
  std::string stdin_file = "/dev/null";
  std::string stderr_file;  // empty: a pipe, read like stdout
};

class Process {
 public:
  // Ends the program (it is a bug of the caller) if `argv[0]` cannot be run.
  explicit Process(const std::vector<std::string>& argv, const SpawnOptions& options = {});
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();  // SIGKILL, if it still runs

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number) const;

  // The next line of stdout, without its newline; nothing at its end or when `limit` has passed.
  std::optional<std::string> line(std::chrono::milliseconds limit);
  // Reads both outputs until one of them contains `text`. False at their end or after `limit`.
  bool wait_for(const std::string& text, std::chrono::milliseconds limit);
  // Reads both outputs to the end and waits. The exit code, or 128 + the signal that ended it;
  // nothing if it still runs after `limit`.
  std::optional<int> wait(std::chrono::milliseconds limit);

  // What it has written so far, but for lines taken by line().
  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  bool read_some(SteadyTime deadline);

  pid_t pid_ = -1;
  std::optional<int> status_;
  Fd stdout_;
  Fd stderr_;
  std::string out_;
  std::string err_;
};

}  // namespace kadmos::cli
