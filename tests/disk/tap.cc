#include "disk/tap.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace kadmos::disk {
namespace {

constexpr std::uint64_t kMetaPages = 2 * 4096;
constexpr std::size_t kSector = 512;

std::string path_of(int fd) {
  std::array<char, PATH_MAX> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
  return {path.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

// Called with the lock held.
bool is_tapped(int fd) { return !tap().file.empty() && path_of(fd) == tap().file; }

int error_of_write(std::uint64_t offset) {
  return offset < kMetaPages ? tap().fail_metas : tap().fail_pages;
}

// How much of so many bytes the disk has room for.
std::size_t fits(std::uint64_t offset, std::size_t size) {
  const std::uint64_t end = tap().disk_ends;
  return end == 0 || offset + size <= end ? size : offset < end ? end - offset : 0;
}

void remember(int fd, const Bytes& bytes, std::uint64_t offset) {
  tap().ops.push_back({false, offset, bytes});
  // A write through a descriptor that syncs each is two steps: it may be lost until it returned.
  if ((::fcntl(fd, F_GETFL) & O_DSYNC) != 0) tap().ops.push_back({true, 0, {}});
}

int sync(int fd, long number) {
  const std::lock_guard lock(tap().mutex);
  if (!tap().file.empty()) tap().synced.push_back(path_of(fd));
  if (is_tapped(fd)) {
    if (tap().fail_syncs != 0) {
      errno = tap().fail_syncs;
      return -1;
    }
    if (tap().recording) tap().ops.push_back({true, 0, {}});
  }
  return static_cast<int>(::syscall(number, fd));
}

}  // namespace

Tap& tap() {
  static Tap only;
  return only;
}

Tapped::Tapped(const std::string& file) {
  const std::lock_guard lock(tap().mutex);
  tap().file = file;
}

Tapped::~Tapped() {
  const std::lock_guard lock(tap().mutex);
  tap().file.clear();
  tap().fail_pages = tap().fail_metas = tap().fail_syncs = 0;
  tap().disk_ends = 0;
  tap().cannot_reserve = false;
  tap().fail_threads = false;
  tap().synced.clear();
  tap().recording = false;
  tap().ops.clear();
}

Bytes after_crash(const Bytes& before, const std::vector<Op>& ops, std::size_t count, Prng& prng) {
  std::size_t synced = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (ops[i].sync) synced = i;
  }
  Bytes out = before;
  for (std::size_t i = 0; i < count; ++i) {
    const Op& op = ops[i];
    for (std::size_t at = 0; at < op.bytes.size();) {
      const std::size_t start = op.offset + at;
      const std::size_t size = std::min(kSector - start % kSector, op.bytes.size() - at);
      if (i < synced || prng.chance(500'000)) {
        if (out.size() < start + size) out.resize(start + size);
        std::copy_n(op.bytes.begin() + static_cast<std::ptrdiff_t>(at), size,
                    out.begin() + static_cast<std::ptrdiff_t>(start));
      }
      at += size;
    }
  }
  return out;
}

}  // namespace kadmos::disk

extern "C" {

ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) {
  using namespace kadmos::disk;
  const std::lock_guard lock(tap().mutex);
  if (is_tapped(fd)) {
    if (const int error = error_of_write(static_cast<std::uint64_t>(offset)); error != 0) {
      errno = error;
      return -1;
    }
    size = fits(static_cast<std::uint64_t>(offset), size);
    if (size == 0) {
      errno = ENOSPC;
      return -1;
    }
    const auto* bytes = static_cast<const kadmos::Byte*>(buffer);
    if (tap().recording) {
      remember(fd, kadmos::Bytes(bytes, bytes + size), static_cast<std::uint64_t>(offset));
    }
  }
  return ::syscall(SYS_pwrite64, fd, buffer, size, offset);
}

// At the descriptor's position, to which liblmdb moves it before.
ssize_t writev(int fd, const iovec* pieces, int count) {
  using namespace kadmos::disk;
  const std::lock_guard lock(tap().mutex);
  if (is_tapped(fd)) {
    const auto offset = static_cast<std::uint64_t>(::lseek(fd, 0, SEEK_CUR));
    if (const int error = error_of_write(offset); error != 0) {
      errno = error;
      return -1;
    }
    if (!tap().recording && tap().disk_ends == 0) return ::syscall(SYS_writev, fd, pieces, count);
    kadmos::Bytes all;
    for (int i = 0; i < count; ++i) {
      const auto* bytes = static_cast<const kadmos::Byte*>(pieces[i].iov_base);
      all.insert(all.end(), bytes, bytes + pieces[i].iov_len);
    }
    all.resize(fits(offset, all.size()));
    if (all.empty()) {
      errno = ENOSPC;
      return -1;
    }
    if (tap().recording) remember(fd, all, offset);
    return ::syscall(SYS_write, fd, all.data(), all.size());
  }
  return ::syscall(SYS_writev, fd, pieces, count);
}

int fdatasync(int fd) { return kadmos::disk::sync(fd, SYS_fdatasync); }
int fsync(int fd) { return kadmos::disk::sync(fd, SYS_fsync); }

int fallocate(int fd, int mode, off_t offset, off_t size) {
  using namespace kadmos::disk;
  const std::lock_guard lock(tap().mutex);
  if (is_tapped(fd)) {
    const auto bytes = static_cast<std::size_t>(size);
    const bool full = fits(static_cast<std::uint64_t>(offset), bytes) < bytes;
    if (full || tap().cannot_reserve) {
      errno = tap().cannot_reserve ? EOPNOTSUPP : ENOSPC;
      return -1;
    }
  }
  return static_cast<int>(::syscall(SYS_fallocate, fd, mode, offset, size));
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* argument) {
  using namespace kadmos::disk;
  static const auto real =
      reinterpret_cast<decltype(&pthread_create)>(::dlsym(RTLD_NEXT, "pthread_create"));
  {
    const std::lock_guard lock(tap().mutex);
    if (tap().fail_threads) return EAGAIN;
  }
  return real(thread, attributes, run, argument);
}

int fstatvfs(int fd, struct statvfs* info) {
  using namespace kadmos::disk;
  static const auto real =
      reinterpret_cast<int (*)(int, struct statvfs*)>(::dlsym(RTLD_NEXT, "fstatvfs"));
  const int out = real(fd, info);
  const std::lock_guard lock(tap().mutex);
  if (is_tapped(fd) && tap().disk_ends != 0) info->f_bavail = 0;
  return out;
}

}  // extern "C"
