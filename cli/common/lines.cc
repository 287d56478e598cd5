#include "cli/common/lines.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace kadmos::cli {
namespace {

constexpr std::size_t kChunk = 64 * 1024;

Error io_error(const char* what, const std::string& path, int code) {
  Error error(Errc::io, fmt::format("cannot {} {}: {}", what, path, std::strerror(code)));
  if (code == ENOENT) error.code = Errc::not_found;
  return error;
}

}  // namespace

LineReader::LineReader(Fd fd, std::string path, std::size_t longest,
                       std::function<bool()> interrupted)
    : fd_(std::move(fd)),
      path_(std::move(path)),
      longest_(longest),
      interrupted_(std::move(interrupted)) {}

Result<LineReader> LineReader::open(const std::string& path, std::size_t longest,
                                    std::function<bool()> interrupted) {
  const bool standard = path == "-";
  Fd fd(standard ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.open()) return io_error("open", path, errno);
  return LineReader(std::move(fd), standard ? "stdin" : path, longest, std::move(interrupted));
}

std::optional<std::uint64_t> LineReader::size() const {
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(info.st_size);
}

bool LineReader::ready() const {
  if (ended_ || buffer_.find('\n', at_) != std::string::npos) return true;
  pollfd waiting{fd_.get(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) != 0;
}

// False at the end.
Result<bool> LineReader::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  while (true) {
    // A read would go on after a signal, a poll does not.
    pollfd waiting{fd_.get(), POLLIN, 0};
    const bool ready = ::poll(&waiting, 1, -1) >= 0;
    if (!ready && errno != EINTR) return io_error("read", path_, errno);
    if (interrupted_ && interrupted_()) return false;
    if (!ready) continue;
    const std::size_t had = buffer_.size();
    buffer_.resize(had + kChunk);
    const ssize_t n = ::read(fd_.get(), buffer_.data() + had, kChunk);
    const int code = errno;
    buffer_.resize(had + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n < 0 && code == EINTR) continue;
    if (n < 0) return io_error("read", path_, code);
    return n > 0;
  }
}

Result<std::optional<Line>> LineReader::next() {
  Line line;
  line.number = ++number_;
  std::size_t searched = at_;
  while (true) {
    const std::size_t end = buffer_.find('\n', searched);
    const std::size_t stop = end == std::string::npos ? buffer_.size() : end;
    if (stop - at_ > longest_) line.too_long = true;
    if (line.too_long) {
      consumed_ += stop - at_;
      at_ = stop;
    }
    if (end == std::string::npos && !ended_) {
      const std::size_t kept = buffer_.size() - at_;
      auto more = fill();
      if (!more) return std::move(more).error();
      ended_ = !*more;
      searched = kept;
      continue;
    }
    line.whole = end != std::string::npos;
    if (!line.whole && at_ == stop && !line.too_long) return std::optional<Line>();
    line.text = buffer_.substr(at_, stop - at_);
    consumed_ += stop - at_ + (line.whole ? 1 : 0);
    at_ = stop + (line.whole ? 1 : 0);
    return std::optional<Line>(std::move(line));
  }
}

Result<LineWriter> LineWriter::append_to(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd.open()) return io_error("open", path, errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return io_error("look at", path, errno);
  off_t end = S_ISREG(info.st_mode) ? info.st_size : 0;
  const off_t before = end;
  for (char last = 0; end > 0; --end) {
    if (::pread(fd.get(), &last, 1, end - 1) != 1) return io_error("read", path, errno);
    if (last == '\n') break;
  }
  if (end < before && ::ftruncate(fd.get(), end) != 0) return io_error("mend", path, errno);
  return LineWriter(std::move(fd), path);
}

LineWriter LineWriter::to_stdout() {
  return {Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)), "stdout"};
}

void LineWriter::add(std::string_view line) {
  waiting_ += line;
  waiting_ += '\n';
}

Result<void> LineWriter::write() {
  std::size_t written = 0;
  while (written < waiting_.size()) {
    const ssize_t n = ::write(fd_.get(), waiting_.data() + written, waiting_.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("write", path_, errno);
    written += static_cast<std::size_t>(n);
  }
  waiting_.clear();
  return {};
}

Result<void> LineWriter::sync() {
  if (auto written = write(); !written) return written;
  // Of a pipe or a terminal nothing lasts.
  if (::fsync(fd_.get()) != 0 && errno != EINVAL && errno != EROFS) {
    return io_error("sync", path_, errno);
  }
  return {};
}

}  // namespace kadmos::cli
