// A tap on the way to the disk: this program's pwrite, writev, fdatasync and fsync come before the
// C library's, also for liblmdb. It can fail them, let the disk be full at some byte of the file,
// and remember them, so that a test can make the file that a crash at any moment would have left.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/prng.h"
#include "kadmos/bytes.h"

namespace kadmos::disk {

struct Op {
  bool sync = false;  // everything before is on disk
  std::uint64_t offset = 0;
  Bytes bytes;
};

struct Tap {
  std::mutex mutex;
  std::string file;    // the only one that is tapped; empty: none
  int fail_pages = 0;  // the errno for writes of pages; 0: they go well
  int fail_metas = 0;  // for those of the page that makes a transaction count
  int fail_syncs = 0;
  // Nothing of the file can be at or beyond it: who tries writes as much as fits or, if nothing
  // does, gets ENOSPC. 0: the disk has no end.
  std::uint64_t disk_ends = 0;
  bool cannot_reserve = false;      // as a file system that has no fallocate
  bool fail_threads = false;        // none can be started
  std::vector<std::string> synced;  // paths of all that was synced, files and directories
  bool recording = false;
  std::vector<Op> ops;
};
Tap& tap();

// Taps `file` for as long as it lives.
class Tapped {
 public:
  explicit Tapped(const std::string& file);
  ~Tapped();
  Tapped(const Tapped&) = delete;
  Tapped& operator=(const Tapped&) = delete;
};

// What a disk that began with `before` holds when the power goes after the first `count` of `ops`:
// what was synced, and of the rest each 512-byte sector or not, as `prng` wills.
Bytes after_crash(const Bytes& before, const std::vector<Op>& ops, std::size_t count, Prng& prng);

}  // namespace kadmos::disk
