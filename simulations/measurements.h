// What a run measured, as plain data for summaries, files and reports.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kadmos/time.h"
#include "simulations/scenario.h"

namespace kadmos::sim {

// All samples of one kind, in microseconds.
class Samples {
 public:
  void add(Duration sample);
  bool empty() const { return sorted_.empty(); }
  std::size_t size() const { return sorted_.size(); }
  // The smallest sample that `share` (0 to 1) of all do not exceed, in ms; 0 if there are none.
  double quantile_ms(double share) const;

 private:
  mutable std::vector<std::uint32_t> sorted_;
  mutable bool is_sorted_ = true;
};

// Operations of one kind. Those cut short by the end of their node are counted apart.
struct Verb {
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t aborted = 0;
  std::uint64_t hops = 0;  // of those that succeeded
  std::uint64_t rpcs = 0;
  Samples elapsed;

  double success() const;  // 1 if nothing was tried
  double hops_mean() const;
  double rpcs_mean() const;
};

// One stretch of the measured time.
struct Slice {
  Duration begin{};  // from the start of the measured time
  std::uint64_t operations = 0;
  std::uint64_t failures = 0;
  std::uint64_t hops = 0;
  std::uint64_t recalled = 0;  // see Measurements
  std::uint64_t to_recall = 0;
  Samples gets;
  std::uint64_t bytes = 0;     // sent by all nodes
  std::uint32_t nodes_up = 0;  // at its end
  double replicas = 0;         // mean, of the k true closest, that hold the acknowledged version
};

// A promise that was broken.
struct Violation {
  std::string rule;    // a short name
  std::string detail;  // who, what, which
  Duration at{};
};

struct Measurements {
  std::uint64_t digest = 0;
  std::uint64_t events = 0;
  std::uint64_t measured_events = 0;  // of the measured time
  Duration simulated{};               // growth included
  Verb lookups;
  Verb gets;
  Verb sets;
  Samples closest;             // time until the truly closest node had answered a lookup
  std::uint64_t recalled = 0;  // of the true k closest, those that lookups found
  std::uint64_t to_recall = 0;
  std::uint64_t bytes_sent = 0;  // in the measured time, by all nodes
  std::uint64_t node_seconds = 0;
  std::uint64_t joins_failed = 0;
  std::uint32_t adversaries = 0;
  std::uint64_t deeds = 0;      // what they answered falsely, swallowed, held back or sent unasked
  std::uint64_t updates = 0;    // versions that watches gave
  std::uint64_t lost_keys = 0;  // acknowledged versions that no running node holds at the end
  std::vector<Slice> slices;
  std::vector<Violation> violations;  // the first 100
  std::uint64_t violation_count = 0;

  double recall() const;
  double bytes_per_node_second() const;
};

}  // namespace kadmos::sim
