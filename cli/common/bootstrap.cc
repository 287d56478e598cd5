#include "cli/common/bootstrap.h"

#include <fmt/core.h>

#include "cli/common/text.h"

namespace kadmos::cli {

std::optional<Bootstrap> BootstrapName::numeric() const {
  const std::string_view whole = text;
  const std::size_t at = whole.find('@');
  const auto endpoint = Endpoint::parse(at == std::string::npos ? whole : whole.substr(at + 1));
  if (!endpoint) return std::nullopt;
  return Bootstrap{*endpoint, key};
}

Result<BootstrapName> parse_bootstrap(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return Error(Errc::invalid_argument,
                 fmt::format("'{}' is not [key@]host:port: {}", printable(text), why));
  };
  BootstrapName out;
  out.text = text;
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    out.key = PublicKey::from_hex(text.substr(0, at));
    if (!out.key) return wrong("the key must be 64 hexadecimal digits");
    text.remove_prefix(at + 1);
  }
  auto where = parse_host_port(text);
  if (!where || where->host.empty()) return wrong("give a host and a port from 1 to 65535");
  out.where = *std::move(where);
  return out;
}

}  // namespace kadmos::cli
