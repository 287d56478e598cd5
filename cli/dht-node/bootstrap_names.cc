#include "cli/dht-node/bootstrap_names.h"

#include <fmt/core.h>

#include <algorithm>

namespace kadmos::cli {
namespace {

constexpr Duration kFirstBackoff = std::chrono::milliseconds(500);
constexpr Duration kLastBackoff = std::chrono::seconds(60);
// What one name may bring in, however often it changes.
constexpr std::size_t kEndpoints = 32;

}  // namespace

BootstrapNames::BootstrapNames(UvLoop& loop, const Log& log,
                               std::function<void(const Bootstrap&)> found,
                               std::function<bool()> wanted)
    : loop_(loop), log_(log), found_(std::move(found)), wanted_(std::move(wanted)) {}

void BootstrapNames::add(BootstrapName name) {
  names_.push_back(std::make_unique<Name>());
  names_.back()->name = std::move(name);
  names_.back()->backoff = kFirstBackoff;
  resolve(*names_.back());
}

void BootstrapNames::resolve(Name& name) {
  name.resolving = loop_.resolve(name.name.where.host, name.name.where.port)
                       .then([this, &name](Result<std::vector<Endpoint>> endpoints) {
                         on_resolved(name, endpoints);
                       });
}

void BootstrapNames::on_resolved(Name& name, const Result<std::vector<Endpoint>>& endpoints) {
  Duration delay = kLastBackoff;
  if (endpoints) {
    name.backoff = kFirstBackoff;
    for (const Endpoint& endpoint : *endpoints) {
      const bool known = std::ranges::count(name.known, endpoint) > 0;
      if (known || name.known.size() == kEndpoints) continue;
      name.known.push_back(endpoint);
      found_({endpoint, name.name.key});
    }
  } else {
    delay = name.backoff;
    name.backoff = std::min(kLastBackoff, name.backoff * 2);
    log_.warning("unresolved", fmt::format("cannot resolve the bootstrap {}: {}; trying again",
                                           name.name.text, endpoints.error().detail));
  }
  const bool settled = endpoints.ok();
  name.timer = loop_.after(delay, [this, &name, settled] {
    if (settled && !wanted_()) {
      on_resolved(name, std::vector<Endpoint>{});
    } else {
      resolve(name);
    }
  });
}

}  // namespace kadmos::cli
