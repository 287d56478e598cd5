#include "cli/common/secrecy.h"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace kadmos::cli {

void keep_memory_private() {
  // Neither can fail: who may do less than before always may.
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
#ifndef KADMOS_SANITIZED
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
}

}  // namespace kadmos::cli
