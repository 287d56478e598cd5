#include "kadmos/seams.h"

namespace kadmos {

std::string_view name_of(Unreachable why) {
  switch (why) {
    case Unreachable::refused:
      return "refused";
    case Unreachable::timed_out:
      return "timed_out";
    case Unreachable::wrong_key:
      return "wrong_key";
    case Unreachable::foreign:
      return "foreign";
    case Unreachable::misbehaved:
      return "misbehaved";
    case Unreachable::overloaded:
      return "overloaded";
    case Unreachable::closed:
      return "closed";
    case Unreachable::no_endpoint:
      return "no_endpoint";
  }
  return "unknown";
}

}  // namespace kadmos
