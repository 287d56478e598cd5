#include "cli/common/files.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace kadmos::cli {
namespace {

Error io_error(const std::string& what, const std::string& path, int code) {
  return Error(Errc::io, fmt::format("cannot {} {}: {}", what, path, std::strerror(code)));
}

Result<void> write_all(int fd, ByteView content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("write", path, errno);
    content = content.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Result<Fd> open_to_read(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.open()) return file;
  const int code = errno;
  Error error = io_error("open", path, code);
  if (code == ENOENT) error.code = Errc::not_found;
  return error;
}

// At most `max` bytes, for which at most one more is read.
Result<Beginning> read_some(int fd, std::size_t max, const std::string& what) {
  Beginning out;
  Bytes& bytes = out.bytes;
  for (;;) {
    const std::size_t have = bytes.size();
    const std::size_t want = std::min<std::size_t>(max + 1 - have, 64 * 1024);
    bytes.resize(have + want);
    const ssize_t n = ::read(fd, bytes.data() + have, want);
    const int code = errno;
    bytes.resize(have + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n < 0 && code == EINTR) continue;
    if (n < 0) return io_error("read", what, code);
    if (n == 0) return out;
    if (bytes.size() > max) {
      bytes.resize(max);
      out.whole = false;
      return out;
    }
  }
}

Result<void> sync_directory(const std::string& path) {
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open() || ::fsync(directory.get()) != 0) return io_error("sync", path, errno);
  return {};
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Bytes> read_all(int fd, std::size_t max, const std::string& what) {
  auto read = read_some(fd, max, what);
  if (!read) return std::move(read).error();
  if (read->whole) return std::move(read->bytes);
  return Error(Errc::too_large, fmt::format("{} has more than {} bytes", what, max));
}

Result<Bytes> read_file(const std::string& path, std::size_t max) {
  const auto file = open_to_read(path);
  if (!file) return file.error();
  return read_all(file->get(), max, path);
}

Result<Beginning> read_beginning(const std::string& path, std::size_t max) {
  const auto file = open_to_read(path);
  if (!file) return file.error();
  return read_some(file->get(), max, path);
}

Result<void> make_directory(const std::string& path) {
  const std::filesystem::path whole(path);
  std::filesystem::path so_far;
  for (const auto& part : whole) {
    so_far /= part;
    if (::mkdir(so_far.c_str(), 0700) == 0) {
      const auto above = so_far.parent_path();
      if (auto synced = sync_directory(above.empty() ? "." : above.string()); !synced)
        return synced;
    } else if (errno != EEXIST) {
      return io_error("create directory", so_far, errno);
    }
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return io_error("use directory", path, errno);
  if (!S_ISDIR(info.st_mode)) return io_error("use directory", path, ENOTDIR);
  return {};
}

Result<void> write_file(const std::string& path, ByteView content, IfExists if_exists) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  // A crash may have left one of the same process id.
  ::unlink(temporary.c_str());
  Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.open()) return io_error("create", path, errno);
  const auto finish = [&]() -> Result<void> {
    if (auto written = write_all(file.get(), content, path); !written) return written;
    if (::fsync(file.get()) != 0) return io_error("sync", path, errno);
    const bool replace = if_exists == IfExists::replace;
    // link, unlike rename, refuses to replace.
    const int done = replace ? ::rename(temporary.c_str(), path.c_str())
                             : ::link(temporary.c_str(), path.c_str());
    if (done != 0) return io_error("create", path, errno);
    return {};
  };
  auto result = finish();
  ::unlink(temporary.c_str());
  if (!result) return result;
  const std::string parent = std::filesystem::path(path).parent_path();
  return sync_directory(parent.empty() ? "." : parent);
}

Result<Fd> lock_file(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.open()) return io_error("open", path, errno);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return io_error("lock", path, errno);
    return Error(Errc::busy, fmt::format("{} is locked by another process", path));
  }
  return file;
}

}  // namespace kadmos::cli
