// check(condition): an invariant of ours. On in every build; a false one prints where and aborts,
// because going on would corrupt what others rely on. Never for what a peer or a caller can cause.
#pragma once

#include "kadmos/where.h"

namespace kadmos {

[[noreturn]] void check_failed(const Where& where);

inline void check(bool condition, const Where& where = Where::here()) {
  if (!condition) [[unlikely]] {
    check_failed(where);
  }
}

}  // namespace kadmos
