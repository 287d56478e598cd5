// A thousand operations of one kind, one after the other, and what each cost. Where Load draws
// nodes and values, here the bench says through whom and with what.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

#include "tests/bench/common/kadmos_network.h"

namespace kadmos::bench {

inline constexpr std::size_t kBlock = 1000;

struct Block {
  double p10 = 0;  // milliseconds; what else the machine does disturbs the fast tenth least
  double p50 = 0;
  double cpu = 0;  // likewise, of all nodes, an operation; and so on
  double messages = 0;
  double allocations = 0;
  double seconds = 0;  // the whole block
  std::size_t failed = 0;
};

inline Json json_of(const Block& block) {
  return {{"p10_ms", block.p10},
          {"p50_ms", block.p50},
          {"cpu_ms", block.cpu},
          {"messages", block.messages},
          {"allocations", block.allocations},
          {"failed", block.failed}};
}

// `begin(i)` begins operation i of kBlock and gives its future.
template <class Begin>
Block block(KadmosNetwork& network, Begin begin) {
  using std::chrono::steady_clock;
  Block out;
  std::vector<double> times;
  times.reserve(kBlock);
  const Traffic traffic = network.traffic();
  const std::uint64_t allocated = allocations();
  const auto processor = processor_time();
  const auto started = steady_clock::now();
  for (std::size_t i = 0; i < kBlock; ++i) {
    const auto before = steady_clock::now();
    if (!network.loop().run_until(begin(i))) ++out.failed;
    times.push_back(milliseconds(steady_clock::now() - before));
  }
  out.seconds = milliseconds(steady_clock::now() - started) / 1000;
  out.cpu = milliseconds(processor_time() - processor) / kBlock;
  out.allocations = static_cast<double>(allocations() - allocated) / kBlock;
  out.messages = static_cast<double>(network.traffic().messages - traffic.messages) / kBlock;
  std::ranges::sort(times);
  out.p10 = times[kBlock / 10];
  out.p50 = times[kBlock / 2];
  return out;
}

}  // namespace kadmos::bench
