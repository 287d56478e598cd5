// How likely a record is to be lost before it expires, by the model of docs/guarantees.md: nodes
// fail independently of each other, each within T with probability 1 - 2^(-T/h), where h is the
// half-life of their sessions, and take their copies with them for good.
#pragma once

#include "kadmos/time.h"

namespace kadmos::cli {

// Within this time other replicas notice that a copy is lost, and make it good.
inline constexpr Duration kMendedWithin = std::chrono::minutes(10);

// The probabilities that all of `copies` are lost within `left`.
struct Loss {
  double mended = 1;    // if in each kMendedWithin there are again as many as now
  double unmended = 1;  // if nobody makes any good
};
Loss predict_loss(int copies, Duration left, Duration half_life);

}  // namespace kadmos::cli
