// Load put on a network of nodes in one process, and what it cost: the same for kadmos and for its
// peers, so that their figures can be compared. Everything happens on one thread.
//
// Costs are of all nodes together: the processor time of the process, which includes the load
// itself, and whatever a Network counts.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "cli/common/json.h"

namespace kadmos::bench {

using cli::Json;

enum class Verb : std::uint8_t { put, set, get, latest, find };
enum class Mode : std::uint8_t {
  sequential,  // one operation after the other, each through a node drawn anew
  spread,      // 64 under way, each through a node drawn anew
  single,      // 64 under way, all through one node
};
enum class Health : std::uint8_t {
  healthy,
  silent,   // an eighth of the nodes is frozen: they accept and never answer
  refused,  // an eighth of the nodes was killed: dialling them is refused
};
std::string_view name_of(Verb verb);
std::string_view name_of(Mode mode);
std::string_view name_of(Health health);

inline constexpr std::size_t kWindow = 64;
// Items 0 to kItems - 1 of each size are there to be got; item i was stored through user i % users.
inline constexpr std::size_t kItems = 256;

// Sums over all nodes since they began.
struct Traffic {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

// What is measured.
class Network {
 public:
  Network() = default;
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  virtual ~Network() = default;

  // The nodes that operations may go through, numbered from 0; none of them fails.
  virtual std::size_t users() const = 0;
  // Whether it has such an operation at all.
  virtual bool offers(Verb verb, std::size_t bytes) const = 0;
  // Begins an operation; `done` is told once whether it succeeded, from inside run() or this call,
  // where start may be called again. `item` says which value to store or to get.
  virtual void start(Verb verb, std::size_t user, std::size_t item, std::size_t bytes,
                     std::function<void(bool)> done) = 0;
  // Lets the nodes live until stop().
  virtual void run() = 0;
  virtual void stop() = 0;
  virtual Traffic traffic() = 0;
  // What nodes do once and not for each operation, such as connecting.
  virtual void warm_up() = 0;
  // Freezes or kills the nodes that are to fail.
  virtual void spoil() = 0;
};

struct Work {
  Verb verb = Verb::get;
  Mode mode = Mode::sequential;
  std::size_t bytes = 100;
  // No operation begins later than that, nor when there were so many.
  std::chrono::duration<double> time{1};
  std::size_t most = SIZE_MAX;
};

struct Figures {
  std::size_t operations = 0;
  std::size_t failed = 0;
  double p50 = 0;  // milliseconds, of all operations, failed ones too
  double p90 = 0;
  double p99 = 0;
  double max = 0;
  double per_second = 0;
  double cpu = 0;  // milliseconds an operation, and so on
  double messages = 0;
  double bytes = 0;
  double allocations = 0;
};
Json json_of(const Work& work, const Figures& figures);

// Draws users and items from a generator of its own. What is stored is always new.
class Load {
 public:
  explicit Load(Network& network) : network_(network) {}
  // Stores the items there are to get.
  Figures fill(Verb verb, std::size_t bytes);
  Figures run(const Work& work);

 private:
  class Run;
  Network& network_;
  Prng prng_{1};
  std::size_t next_item_ = kItems;
};

// Content of an item: `bytes` bytes that no other item has.
std::string value_of(std::size_t item, std::size_t bytes);

// Calls of operator new so far.
std::uint64_t allocations();

double milliseconds(std::chrono::nanoseconds time);
// Of this process so far.
std::chrono::nanoseconds processor_time();
std::size_t resident_bytes();
// Allows this process as many open files as the system lets it.
void lift_file_limit();

}  // namespace kadmos::bench
