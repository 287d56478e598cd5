// Files that must survive a crash or must not be shared: atomic writes, bounded reads, locks.
#pragma once

#include <string>
#include <utility>

#include "kadmos/bytes.h"
#include "kadmos/result.h"

namespace kadmos::cli {

// An open file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Everything that `fd` gives, if that is at most `max` bytes. `what` names it in errors. Errors:
// io, too_large (found out without reading more than max + 1 bytes).
Result<Bytes> read_all(int fd, std::size_t max, const std::string& what);
// Errors: not_found (no such file), io, too_large.
Result<Bytes> read_file(const std::string& path, std::size_t max);
// What a file begins with, up to `max` bytes, for whoever can use a part. Errors: not_found, io.
struct Beginning {
  Bytes bytes;
  bool whole = true;  // there is nothing more
};
Result<Beginning> read_beginning(const std::string& path, std::size_t max);

// Creates `path` and what is missing above it, 0700, so that it stays after a crash.
Result<void> make_directory(const std::string& path);

enum class IfExists { replace, fail };
// Writes a file of mode 0600 so that after a crash either the old one or all of the new one is
// there: temporary file, fsync, rename, fsync of the directory. Errors: io.
Result<void> write_file(const std::string& path, ByteView content, IfExists if_exists);

// Holds a lock on `path` (created if missing) until the descriptor closes or the process ends.
// Errors: busy (another process holds it), io.
Result<Fd> lock_file(const std::string& path);

}  // namespace kadmos::cli
