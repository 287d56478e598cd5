// Many seeds, a process each and so many at once: for runs that repeat a scenario and for swarms. A
// process of its own keeps a seed's outcome clear of every other's, and a crash is the result of
// one seed.
#pragma once

#include <cstdint>
#include <functional>

#include "cli/common/json.h"

namespace kadmos::cli {

struct Seeds {
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  unsigned jobs = 1;  // processes at once, from 1
};

// What runs in a child process: gives the seed's result. Its stdout and stderr are caught.
using SeedJob = std::function<Json(std::uint64_t seed)>;
// What became of a seed, in the order of seeds whatever the number of jobs. Errors: exception, if
// the child crashed, with how it ended and what it wrote; io, if there could be no child. False:
// enough, the rest is given up.
using OnSeed = std::function<bool(std::uint64_t seed, const Result<Json>& result)>;
// Called at least ten times a second while children run. False: enough.
using WhileRunning = std::function<bool()>;

// Runs `job` for each seed. No child is left when it returns, nor if this process dies. False if it
// was ended before the last seed: by on_seed, by `meanwhile`, or by a signal (see Interrupt).
bool for_each_seed(const Seeds& seeds, const SeedJob& job, const OnSeed& on_seed,
                   const WhileRunning& meanwhile = {});

}  // namespace kadmos::cli
