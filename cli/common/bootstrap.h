// "[key@]host:port": how users write where to enter a network or whom to ping.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kadmos/contact.h"
#include "kadmos/result.h"

namespace kadmos::cli {

struct BootstrapName {
  std::string text;  // as written
  HostPort where;    // the host may be a name
  std::optional<PublicKey> key;

  // The endpoint, if the host is an address and needs no resolving.
  std::optional<Bootstrap> numeric() const;
};

// Errors: invalid_argument.
Result<BootstrapName> parse_bootstrap(std::string_view text);

}  // namespace kadmos::cli
