#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace kadmos {

void check_failed(const Where& where) {
  std::fprintf(stderr, "kadmos: broken invariant at %s:%u in %s\n", where.file,
               static_cast<unsigned>(where.line), where.function);
  std::abort();
}

}  // namespace kadmos
