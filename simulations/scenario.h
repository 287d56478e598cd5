// A scenario: everything that decides a run. Two runs of one scenario are the same run.
#pragma once

#include <string>
#include <vector>

#include "kadmos/config.h"
#include "simulations/network.h"
#include "simulations/random_times.h"

namespace kadmos::sim {

using PerMillion = std::uint32_t;

// Nodes that end, and what becomes of them. Every node's life is a session and then a pause.
struct Churn {
  LengthOptions session;
  LengthOptions pause{LengthOptions::Model::exponential, std::chrono::minutes(10)};
  bool returning = true;   // after its pause the same node starts again; else a new one does
  bool keeps_disk = true;  // a returning node finds its disk as it left it
};

// What users do. Rates are operations per node and hour.
struct Workload {
  std::uint32_t lookups = 6;
  std::uint32_t gets = 0;
  std::uint32_t sets = 0;
  std::uint32_t keys = 100;  // owned names, set before the measured time begins
  std::uint32_t value_bytes = 100;
  std::uint32_t watchers = 0;  // users that watch a name each
  std::uint32_t zipf = 0;      // exponent of the keys' popularity, in thousandths
};

// Something that goes wrong at a time, and for a time.
struct Fault {
  enum class Kind : std::uint8_t {
    none,
    crash,        // a share of the nodes ends at once; after `lasts` they start again, with disks
    wipe,         // likewise, and they come back empty
    leave,        // likewise, and never come back
    pause,        // SIGSTOP, then SIGCONT
    cut,          // a share loses its network
    partition,    // the network falls in two, the share on one side
    one_way,      // the share can speak to the rest but not hear it
    bridge,       // like partition, but a tenth of all nodes reach both sides
    packets,      // the scenario's packet faults apply only while such a fault lasts
    clog,         // that many of all pairs of nodes: their frames wait until it is over
    flash,        // a flash crowd: new nodes, that share of those there are, join at once
    bad_disk,     // writes of a share of the nodes fail
    move,         // a share ends at once, and starts again after `lasts` at another address
    migrate,      // a share lives on at another address; its connections are half open
    restart_all,  // all but one start again, one by one over `lasts`, the share at another address
    sleep,        // a share stands still, off the network; only its calendar goes on
    half_open,    // connections of a share die without a word: no end is told
    clone,        // a second node runs with the identity of one of them, for `lasts`
  };
  Kind kind = Kind::none;
  Duration at = Duration::zero();  // from the start of the measured time
  Duration lasts = std::chrono::minutes(5);
  PerMillion share = 100'000;
};

struct Adversaries {
  enum class Kind : std::uint8_t {
    none,
    silent,        // take every request, answer none
    colluders,     // answer with each other
    fabricators,   // answer with contacts that do not exist
    stale,         // keep, serve and replay the first version of everything
    forgers,       // serve forged and foreign records, and replies nobody asked for
    flooders,      // store rubbish wherever they can
    ground,        // identities ground next to one key, which they deny
    delayers,      // answer as late as they may
    equivocators,  // sign two values with one sequence, and store them in different places
  };
  Kind kind = Kind::none;
  PerMillion share = 100'000;  // of all nodes
};

struct Scenario {
  std::string name;
  std::string summary;

  std::uint64_t seed = 1;
  std::uint32_t nodes = 1000;
  bool filled = false;  // tables filled from above instead of by joins
  Duration join_gap = std::chrono::milliseconds(100);  // between joins while the network grows
  Duration duration = std::chrono::hours(1);           // of the measured time
  Duration calm = Duration::zero();  // after it: faults and churn are over, workload goes on

  Config config;
  std::string latency = "internet";                        // what network.latency was made from
  NetworkOptions network{.latency = Latency::internet()};  // its faults: in the measured time
  PerMillion undialable = 0;                               // nodes behind a NAT
  Duration disk_latency = std::chrono::microseconds(100);
  std::chrono::milliseconds clock_skew = std::chrono::minutes(1);

  Workload workload;
  Churn churn;
  std::vector<Fault> faults;
  Adversaries adversaries;

  // Lookups compared with the truth: one in so many.
  std::uint32_t sample = 1;
};

}  // namespace kadmos::sim
