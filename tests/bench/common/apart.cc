#include "tests/bench/common/apart.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/check.h"

namespace kadmos::bench {
namespace {

// A process that goes when its parent goes.
pid_t fork_attached() {
  std::fflush(nullptr);
  const pid_t parent = getpid();
  const pid_t process = fork();
  check(process >= 0);
  if (process == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
  }
  return process;
}

std::string read_all(int fd) {
  std::string out;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got <= 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

cli::Json apart(const std::function<cli::Json()>& fn) {
  std::array<int, 2> ends{};
  check(pipe(ends.data()) == 0);
  const pid_t process = fork_attached();
  if (process == 0) {
    close(ends[0]);
    Line(-1, ends[1]).say(fn().dump());
    std::fflush(nullptr);
    _exit(0);
  }
  close(ends[1]);
  const std::string text = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  waitpid(process, &status, 0);
  if (status != 0) {
    std::fprintf(stderr, "a measuring process failed (status %d)\n", status);
    std::exit(1);
  }
  return cli::Json::parse(text);
}

void Line::say(const std::string& line) const {
  const std::string text = line + "\n";
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = write(out_, text.data() + done, text.size() - done);
    check(wrote > 0);
    done += static_cast<std::size_t>(wrote);
  }
}

std::string Line::hear() const {
  std::string out;
  char one = 0;
  while (true) {
    if (read(in_, &one, 1) != 1) {
      std::fprintf(stderr, "the process with the other nodes ended\n");
      std::exit(1);
    }
    if (one == '\n') return out;
    out += one;
  }
}

Companion::Companion(const std::function<void(const Line&)>& life) {
  std::array<int, 2> down{};
  std::array<int, 2> up{};
  check(pipe(down.data()) == 0 && pipe(up.data()) == 0);
  process_ = fork_attached();
  if (process_ == 0) {
    close(down[1]);
    close(up[0]);
    life(Line(down[0], up[1]));
    _exit(0);
  }
  close(down[0]);
  close(up[1]);
  line_ = Line(up[0], down[1]);
}

Companion::~Companion() { kill(); }

void Companion::freeze() {
  ::kill(process_, SIGSTOP);
  waitpid(process_, nullptr, WUNTRACED);
}

void Companion::kill() {
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
}

}  // namespace kadmos::bench
