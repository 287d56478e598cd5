// Loaded into a daemon before the C library: from the moment the file named in KADMOS_FAIL_SYNC
// exists, no data reaches the disk for certain.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

extern "C" int fdatasync(int fd) {
  const char* file = std::getenv("KADMOS_FAIL_SYNC");
  if (file != nullptr && ::access(file, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}
