// Swarm testing (Groce et al., "Swarm Testing", 2012): every seed draws a scenario of its own, with
// some kinds of fault in it and others left out, since faults that are always on hide each other's
// effects. Each has a measured time full of trouble, and then a calm in which all must converge.
#pragma once

#include <cstdint>

#include "simulations/scenario.h"

namespace kadmos::sim {

// The scenario of a seed: 3 to 60 nodes, half an hour of trouble or less.
Scenario swarm_scenario(std::uint64_t seed);

}  // namespace kadmos::sim
