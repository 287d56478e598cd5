// Exit codes of the programs; docs/cli.md lists them for users.
#pragma once

#include "kadmos/result.h"

namespace kadmos::cli {

inline constexpr int kOk = 0;
inline constexpr int kError = 1;
inline constexpr int kUsage = 2;        // the command line or its input is wrong; nothing was sent
inline constexpr int kNotFound = 3;     // no asked node holds it
inline constexpr int kIncomplete = 4;   // the deadline passed, or too few replicas
inline constexpr int kUnreachable = 5;  // no daemon, or no node, could be reached
inline constexpr int kUnverified = 6;   // a key, hash or signature did not fit
inline constexpr int kStorage = 7;      // dht-node: the disk failed while it ran, or has damage

inline int exit_code_of(Errc code) {
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
