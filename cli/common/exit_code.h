// Exit codes of the programs; docs/cli.md lists them for users.
#pragma once

#include "kadmos/result.h"

namespace kadmos::cli {

enum ExitCode : int {
  kOk = 0,
  kError = 1,
  kUsage = 2,        // the command line or its input is wrong; nothing was sent
  kNotFound = 3,     // no asked node holds it
  kIncomplete = 4,   // the deadline passed, or too few replicas
  kUnreachable = 5,  // no daemon, or no node, could be reached
  kUnverified = 6,   // a key, hash or signature did not fit
};

inline ExitCode exit_code_of(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
    case Errc::too_large:
      return kUsage;
    case Errc::not_found:
      return kNotFound;
    case Errc::timeout:
    case Errc::quorum_not_met:
      return kIncomplete;
    case Errc::unreachable:
    case Errc::closed:
      return kUnreachable;
    case Errc::verification_failed:
      return kUnverified;
    default:
      return kError;
  }
}

}  // namespace kadmos::cli
