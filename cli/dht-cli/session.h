// Where requests go: to the daemon, or to a node of this process that takes part in the network as
// a client. Either way `execute` answers them, so a command need not know.
#pragma once

#include <functional>
#include <memory>

#include "cli/common/json.h"
#include "cli/dht-cli/command_line.h"

namespace kadmos::cli {

class Session {
 public:
  explicit Session(const Globals& globals);
  ~Session();

  const Globals& globals() const { return globals_; }
  // Sends a request and waits for the answer, at most as long as is left of the command's timeout.
  // {"error": …} where something failed.
  Json call(Json request);
  // The same for a request that is answered several times, without a deadline once the network was
  // entered: `take` gets each answer but the last, until it gives false. Gives the last; {} if
  // there was none. `goes_on` is asked ten times a second, and ends it too.
  Json follow(const Json& request, const std::function<bool(const Json&)>& take,
              const std::function<bool()>& goes_on = nullptr);
  // The endpoints of a host name. Errors: unreachable.
  Result<std::vector<Endpoint>> resolve(const BootstrapName& name);

 private:
  struct Impl;
  const Globals& globals_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kadmos::cli
