// Proves that the simulator's checkers find bugs: plants one after the other in the node's code and
// runs swarm seeds until one breaks a promise. Prints how many seeds each took; fails if one stays
// hidden for MAX seeds (200).
//
//   planted [MAX] [BUG]
//
// The files that plant bugs (src/base/plant.h) are compiled once more for this program.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/plant.h"
#include "simulations/simulation.h"
#include "simulations/swarm.h"

namespace kadmos {

Plant planted_bug = Plant::none;  // NOLINT

namespace {

struct Bug {
  Plant plant;
  const char* name;
};
constexpr Bug kBugs[] = {{Plant::skip_signature, "skip_signature"},
                         {Plant::forget_deadline, "forget_deadline"},
                         {Plant::evict_live_contact, "evict_live_contact"},
                         {Plant::accept_older, "accept_older"},
                         {Plant::count_refused_store, "count_refused_store"},
                         {Plant::leak_rpc, "leak_rpc"},
                         {Plant::one_less_than_k, "one_less_than_k"},
                         {Plant::believe_unsolicited, "believe_unsolicited"},
                         {Plant::keep_old_address, "keep_old_address"},
                         {Plant::keep_dead_connection, "keep_dead_connection"}};

// The rule that a seed breaks, in a process of its own, since a planted bug may crash. Empty: none.
std::string rule_broken_by(std::uint64_t seed) {
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  const pid_t child = ::fork();
  if (child == 0) {
    sim::Simulation simulation(sim::swarm_scenario(seed));
    simulation.run();
    const auto& violations = simulation.measured().violations;
    if (!violations.empty()) {
      const std::string& rule = violations.front().rule;
      if (::write(ends[1], rule.data(), rule.size()) < 0) std::abort();
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  char text[100];
  const ssize_t size = ::read(ends[0], text, sizeof text);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return "crash";
  return std::string(text, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
}

int search(const Bug& bug, std::uint64_t max) {
  planted_bug = bug.plant;
  for (std::uint64_t seed = 1; seed <= max; ++seed) {
    const std::string rule = rule_broken_by(seed);
    if (rule.empty()) continue;
    std::printf("%-20s found by seed %lu: %s\n", bug.name, seed, rule.c_str());
    std::fflush(stdout);
    return 0;
  }
  std::printf("%-20s not found in %lu seeds\n", bug.name, max);
  std::fflush(stdout);
  return 1;
}

}  // namespace
}  // namespace kadmos

int main(int argc, char** argv) {
  const std::uint64_t max = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 200;
  int missed = 0;
  for (const kadmos::Bug& bug : kadmos::kBugs) {
    if (argc > 2 && std::strcmp(argv[2], bug.name) != 0) continue;
    missed += kadmos::search(bug, max);
  }
  return missed == 0 ? 0 : 1;
}
