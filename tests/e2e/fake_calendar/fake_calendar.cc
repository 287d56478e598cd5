// Loaded into a program before the C library: its calendar is ahead by as many seconds as the file
// named in KADMOS_CALENDAR says, at each moment. Its other clocks are right.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

extern "C" int clock_gettime(clockid_t clock, timespec* out) {
  const auto failed = static_cast<int>(::syscall(SYS_clock_gettime, clock, out));
  const char* file = clock == CLOCK_REALTIME ? std::getenv("KADMOS_CALENDAR") : nullptr;
  if (failed != 0 || file == nullptr) return failed;
  const int fd = ::open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[32] = {};
  if (::read(fd, text, sizeof text - 1) > 0) out->tv_sec += std::strtol(text, nullptr, 10);
  ::close(fd);
  return 0;
}
