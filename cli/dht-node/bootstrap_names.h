// Bootstraps given by host name: resolved off the loop, again and again with backoff while they do
// not resolve, and anew while the node knows nobody, since names move.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "cli/common/bootstrap.h"
#include "cli/dht-node/log.h"
#include "kadmos/uv.h"

namespace kadmos::cli {

class BootstrapNames {
 public:
  // `found` is called once for each endpoint; `wanted` says whether more are of use.
  BootstrapNames(UvLoop& loop, const Log& log, std::function<void(const Bootstrap&)> found,
                 std::function<bool()> wanted);

  void add(BootstrapName name);

 private:
  struct Name {
    BootstrapName name;
    Duration backoff;
    std::vector<Endpoint> known;
    std::optional<Future<void>> resolving;
    std::unique_ptr<UvLoop::Handle> timer;
  };

  void resolve(Name& name);
  void on_resolved(Name& name, const Result<std::vector<Endpoint>>& endpoints);

  UvLoop& loop_;
  const Log& log_;
  std::function<void(const Bootstrap&)> found_;
  std::function<bool()> wanted_;
  std::vector<std::unique_ptr<Name>> names_;
};

}  // namespace kadmos::cli
