#include "kadmos/results.h"

namespace kadmos {

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::stored:
      return "stored";
    case Outcome::durable:
      return "durable";
    case Outcome::extended:
      return "extended";
    case Outcome::superseded:
      return "superseded";
    case Outcome::refused:
      return "refused";
    case Outcome::busy:
      return "busy";
    case Outcome::unreachable:
      return "unreachable";
    case Outcome::silent:
      return "silent";
    case Outcome::found:
      return "found";
    case Outcome::absent:
      return "absent";
    case Outcome::invalid:
      return "invalid";
  }
  return "unknown";
}

}  // namespace kadmos
