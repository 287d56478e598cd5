// A node's virtual disk: writes become durable some time after they were asked for. It outlives the
// node's process: what was reported durable is there after a restart, what was not is lost.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>

#include "kadmos/seams.h"
#include "simulations/event_queue.h"

namespace kadmos::sim {

class Disk {
 public:
  // With no latency a write is durable at once, as in memory, and costs no event.
  Disk(EventQueue& queue, NodeIndex self, Duration latency);
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // The disk as the Storage of a process; one at a time. Destroying it is the process's end: writes
  // not yet durable are lost.
  std::unique_ptr<Storage> mount();
  void wipe();
  // What is durable, process or not.
  const Storage& contents() const { return *durable_; }
  // What a reader would find there.
  std::optional<StoredRecord> record(const Key& key) const;
  // Every write from now on fails (or works again).
  void set_failing(bool on) { failing_ = on; }
  // It has no room for more than erasures and floors (or has some again).
  void set_full(bool on) { full_ = on; }
  // How many writes have become durable or failed.
  std::uint64_t finished() const { return finished_; }

  // The event `committed` is due.
  void deliver(const Event& event);

 private:
  friend class MountedDisk;
  struct Pending {
    std::uint64_t number;
    Commit commit;
  };
  void commit(Commit commit);
  void unmount();

  EventQueue& queue_;
  NodeIndex self_;
  Duration latency_;
  bool failing_ = false;
  bool full_ = false;
  std::uint64_t finished_ = 0;
  std::unique_ptr<Storage> durable_;
  std::list<Pending> pending_;
  std::uint64_t next_ = 0;
  std::function<void(CommitId, Result<void>)> listener_;
};

}  // namespace kadmos::sim
