#include "cli/dht-sim/parallel.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <optional>
#include <vector>

#include "cli/common/files.h"
#include "cli/common/interrupt.h"
#include "cli/common/text.h"

namespace kadmos::cli {
namespace {

// What is kept of a child's result and of what it wrote.
constexpr std::size_t kMaxResult = 64 * 1024 * 1024;
constexpr std::size_t kMaxWritten = 16 * 1024;
// So many seeds a job may be done ahead of the oldest that still runs: their results wait.
constexpr std::uint64_t kAhead = 16;

struct Pipe {
  Fd read;
  Fd write;
};

std::optional<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

[[noreturn]] void run_child(const SeedJob& job, std::uint64_t seed, int result, int written,
                            pid_t parent) {
  // A group of its own: Ctrl-C at a terminal goes to the parent, who decides.
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  if (::dup2(written, STDOUT_FILENO) < 0 || ::dup2(written, STDERR_FILENO) < 0) ::_exit(1);
  try {
    const Bytes bytes = to_cbor(job(seed));
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t n = ::write(result, bytes.data() + done, bytes.size() - done);
      if (n <= 0) ::_exit(1);
      done += static_cast<std::size_t>(n);
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    std::fflush(stderr);
    ::_exit(1);
  }
  ::_exit(0);
}

class Child {
 public:
  // Nothing if the system has no more processes or descriptors to give.
  static std::optional<Child> start(const SeedJob& job, std::uint64_t seed) {
    auto result = make_pipe();
    auto written = make_pipe();
    if (!result || !written) return std::nullopt;
    std::fflush(nullptr);  // else the child could write it once more
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return std::nullopt;
    if (pid == 0) run_child(job, seed, result->write.get(), written->write.get(), parent);
    return Child(seed, pid, std::move(result->read), std::move(written->read));
  }
  Child(Child&& other) noexcept
      : seed_(other.seed_),
        pid_(std::exchange(other.pid_, -1)),
        result_(std::move(other.result_)),
        written_(std::move(other.written_)),
        bytes_(std::move(other.bytes_)),
        text_(std::move(other.text_)) {}
  Child& operator=(Child&& other) noexcept {
    std::swap(seed_, other.seed_);
    std::swap(pid_, other.pid_);
    std::swap(result_, other.result_);
    std::swap(written_, other.written_);
    std::swap(bytes_, other.bytes_);
    std::swap(text_, other.text_);
    return *this;
  }
  ~Child() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }

  std::uint64_t seed() const { return seed_; }
  // Once both are closed, the child is as good as over.
  bool open() const { return result_.open() || written_.open(); }
  void add_to(std::vector<pollfd>& polled) const {
    polled.push_back({result_.get(), POLLIN, 0});
    polled.push_back({written_.get(), POLLIN, 0});
  }
  void read(bool result, bool written) {
    Byte buffer[65536];
    if (result) {
      const ssize_t n = ::read(result_.get(), buffer, sizeof buffer);
      if (n > 0 && bytes_.size() < kMaxResult) bytes_.insert(bytes_.end(), buffer, buffer + n);
      if (n <= 0) result_ = Fd();
    }
    if (written) {
      const ssize_t n = ::read(written_.get(), buffer, sizeof buffer);
      if (n > 0 && text_.size() < kMaxWritten) {
        text_ += text_of(ByteView(buffer, static_cast<std::size_t>(n)));
      }
      if (n <= 0) written_ = Fd();
    }
  }

  Result<Json> result() {
    const int status = wait();
    const std::string said = text_.empty() ? "it said nothing" : text_;
    if (WIFSIGNALED(status)) {
      return Error(Errc::exception, fmt::format("ended by signal {} ({}): {}", WTERMSIG(status),
                                                ::strsignal(WTERMSIG(status)), said));
    }
    if (WEXITSTATUS(status) != 0) return Error(Errc::exception, "failed: " + said);
    if (bytes_.size() >= kMaxResult) return Error(Errc::too_large, "its result is too large");
    return parse_cbor(bytes_);
  }

 private:
  Child(std::uint64_t seed, pid_t pid, Fd result, Fd written)
      : seed_(seed), pid_(pid), result_(std::move(result)), written_(std::move(written)) {}

  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

  std::uint64_t seed_;
  pid_t pid_;
  Fd result_;
  Fd written_;
  Bytes bytes_;
  std::string text_;
};

// Waits for something to read, a tenth of a second at most, and reads it.
void read_some(std::vector<Child>& children) {
  std::vector<pollfd> polled;
  for (const Child& child : children) child.add_to(polled);
  if (::poll(polled.data(), polled.size(), 100) <= 0) return;
  for (std::size_t i = 0; i < children.size(); ++i) {
    children[i].read(polled[2 * i].revents != 0, polled[2 * i + 1].revents != 0);
  }
}

}  // namespace

bool for_each_seed(const Seeds& seeds, const SeedJob& job, const OnSeed& on_seed,
                   const WhileRunning& meanwhile) {
  const Interrupt interrupt;
  std::vector<Child> children;
  std::map<std::uint64_t, Result<Json>> waiting;  // results whose turn has not come
  std::uint64_t started = 0;
  std::uint64_t told = 0;
  const std::uint64_t jobs = std::max(seeds.jobs, 1U);
  while (told < seeds.count) {
    while (children.size() < jobs && started < seeds.count && started - told < jobs * kAhead) {
      const std::uint64_t seed = seeds.first + started;
      auto child = Child::start(job, seed);
      if (!child && !children.empty()) break;  // again when one has ended
      ++started;
      if (child) {
        children.push_back(std::move(*child));
      } else {
        waiting.emplace(
            seed, Error(Errc::io, fmt::format("no process for it: {}", std::strerror(errno))));
      }
    }
    read_some(children);
    for (std::size_t i = children.size(); i-- > 0;) {
      if (children[i].open()) continue;
      waiting.emplace(children[i].seed(), children[i].result());
      children.erase(children.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (auto next = waiting.find(seeds.first + told); next != waiting.end();
         next = waiting.find(seeds.first + told)) {
      const Result<Json> result = std::move(next->second);
      waiting.erase(next);
      ++told;
      if (!on_seed(seeds.first + told - 1, result)) return told == seeds.count;
    }
    if (told == seeds.count) break;
    if (Interrupt::came() || (meanwhile && !meanwhile())) return false;
  }
  return true;
}

}  // namespace kadmos::cli
