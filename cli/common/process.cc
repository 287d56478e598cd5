#include "cli/common/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace kadmos::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Pipe {
  Fd read;
  Fd write;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    std::perror("pipe");
    std::abort();
  }
  return {Fd(ends[0]), Fd(ends[1])};
}

int milliseconds_until(steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
  return static_cast<int>(std::clamp<long>(left, 0, 3'600'000));
}

[[noreturn]] void run_child(const std::vector<std::string>& argv, const SpawnOptions& options,
                            int out, int err, pid_t parent) {
  // A group of its own: Ctrl-C at a terminal goes to the parent, who decides.
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(126);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(number, SIG_DFL);
  const int in = ::open(options.stdin_file.c_str(), O_RDONLY);
  if (in < 0 || ::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) ::_exit(126);
  for (const auto& [name, value] : options.environment) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> pointers;
  pointers.reserve(argv.size() + 1);
  for (const std::string& arg : argv) pointers.push_back(const_cast<char*>(arg.c_str()));
  pointers.push_back(nullptr);
  ::execv(pointers[0], pointers.data());
  std::perror(pointers[0]);
  ::_exit(127);
}

}  // namespace

Process::Process(const std::vector<std::string>& argv, const SpawnOptions& options) {
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  if (!options.stderr_file.empty()) {
    err.write =
        Fd(::open(options.stderr_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  }
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) run_child(argv, options, out.write.get(), err.write.get(), parent);
  if (pid_ < 0) {
    std::perror("fork");
    std::abort();
  }
  stdout_ = std::move(out.read);
  stderr_ = std::move(err.read);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      status_(other.status_),
      stdout_(std::move(other.stdout_)),
      stderr_(std::move(other.stderr_)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(status_, other.status_);
  std::swap(stdout_, other.stdout_);
  std::swap(stderr_, other.stderr_);
  std::swap(out_, other.out_);
  std::swap(err_, other.err_);
  return *this;
}

Process::~Process() {
  if (pid_ < 0 || !running()) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool Process::running() {
  if (status_) return false;
  int raw = 0;
  if (::waitpid(pid_, &raw, WNOHANG) != pid_) return true;
  status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return false;
}

void Process::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

bool Process::read_some(SteadyTime deadline) {
  pollfd fds[2] = {{stdout_.get(), POLLIN, 0}, {stderr_.get(), POLLIN, 0}};
  if (!stdout_.open() && !stderr_.open()) return false;
  if (::poll(fds, 2, milliseconds_until(deadline)) <= 0) return false;
  const auto take = [](const pollfd& polled, Fd& fd, std::string& into) {
    if (polled.revents == 0) return;
    char buffer[65536];
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n > 0) {
      into.append(buffer, static_cast<std::size_t>(n));
    } else {
      fd = Fd();
    }
  };
  take(fds[0], stdout_, out_);
  take(fds[1], stderr_, err_);
  return true;
}

std::optional<std::string> Process::line(milliseconds limit) {
  const auto deadline = steady_clock::now() + limit;
  for (;;) {
    if (const std::size_t end = out_.find('\n'); end != std::string::npos) {
      std::string first = out_.substr(0, end);
      out_.erase(0, end + 1);
      return first;
    }
    if (!stdout_.open() || !read_some(deadline)) return std::nullopt;
  }
}

bool Process::wait_for(const std::string& text, milliseconds limit) {
  const auto deadline = steady_clock::now() + limit;
  for (;;) {
    if (out_.find(text) != std::string::npos || err_.find(text) != std::string::npos) return true;
    if (!read_some(deadline)) return false;
  }
}

std::optional<int> Process::wait(milliseconds limit) {
  const auto deadline = steady_clock::now() + limit;
  while (read_some(deadline)) {
  }
  // Both outputs are closed, so the end is near; there is no descriptor to poll for it.
  while (running() && steady_clock::now() < deadline) ::poll(nullptr, 0, 1);
  return status_;
}

}  // namespace kadmos::cli
