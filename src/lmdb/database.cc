#include "lmdb/database.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <utility>

#include "base/check.h"
#include "lmdb/pages.h"
#include "store/index.h"

namespace kadmos {
namespace {

// Besides twice what is there: room for the pages of transactions under way, and for large values,
// which need pages in a row.
constexpr std::size_t kHeadroom = 64UL * 1024 * 1024;
// What a write may add to the file, in pages, besides those of a large value: a leaf of one table
// and two of the other, each of which may be split, and its share of the pages above. And what a
// transaction may.
constexpr std::size_t kPagesAWrite = 8;
constexpr std::size_t kPagesATransaction = 64;
// What is set aside on the disk beyond what stores may use, so that records can still be erased
// when it is full; and in what steps it is set aside.
constexpr std::size_t kForErasures = 4UL * 1024 * 1024;
constexpr std::size_t kReserveStep = 1024UL * 1024;
// Address space has an end as well.
constexpr std::size_t kMostRoom = 32UL << 40;
// NOTLS: the reader's slot belongs to its transaction and not to a thread. Everything that would
// make LMDB faster by promising less is left off.
constexpr unsigned int kFlags = MDB_NOSUBDIR | MDB_NOTLS;
constexpr std::string_view kFormatEntry = "kadmos records";
constexpr std::string_view kNetworkEntry = "network";
constexpr const char* kWhatToDo =
    "; 'dht-node --check' tells what is left in it, and 'dht-node --salvage' rescues that";

MDB_val val_of(ByteView bytes) { return {bytes.size(), const_cast<Byte*>(bytes.data())}; }
ByteView view_of(const MDB_val& val) {
  return {static_cast<const Byte*>(val.mv_data), val.mv_size};
}

Error system_error(const std::string& what, int code) {
  return Error(Errc::io, what + ": " + std::strerror(code));
}

// Whether a transaction failed for want of room.
bool is_full(int code) {
  return code == ENOSPC || code == EDQUOT || code == EFBIG || code == MDB_MAP_FULL ||
         code == MDB_TXN_FULL || code == ENOMEM;
}

std::string why(int failed) {
  if (failed == EFBIG) return "the file may not become larger (ulimit -f)";
  if (failed == MDB_MAP_FULL) {
    return "the file has no address space left to grow; raise --storage-limit, or the limit on "
           "address space (ulimit -v), and start anew";
  }
  if (failed == MDB_CORRUPTED) return std::string("a page is damaged") + kWhatToDo;
  return mdb_strerror(failed);
}

// A transaction that failed.
Error lmdb_error(const std::string& what, int code) {
  return Error(is_full(code) ? Errc::busy : Errc::storage_failed, what + ": " + why(code));
}

Error cannot_open(const std::string& path, const std::string& why) {
  return Error(Errc::storage_failed, "the file of records " + path + " " + why);
}

struct EndTransaction {
  void operator()(MDB_txn* txn) const { mdb_txn_abort(txn); }
};
using Transaction = std::unique_ptr<MDB_txn, EndTransaction>;

struct CloseCursor {
  void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
};
using Cursor = std::unique_ptr<MDB_cursor, CloseCursor>;

int begin(MDB_env* env, unsigned int flags, Transaction& out) {
  MDB_txn* txn = nullptr;
  const int failed = mdb_txn_begin(env, nullptr, flags, &txn);
  out.reset(txn);
  return failed;
}

// The transaction is over, however that went.
int commit_and_end(Transaction& txn) { return mdb_txn_commit(txn.release()); }

int put(MDB_txn* txn, MDB_dbi table, ByteView key, ByteView row) {
  MDB_val at = val_of(key);
  MDB_val data = val_of(row);
  return mdb_put(txn, table, &at, &data, 0);
}

// Calls visit(key, row) -> bool for each row until it says false.
template <class Visit>
int for_each(MDB_txn* txn, MDB_dbi table, Visit visit) {
  MDB_cursor* raw = nullptr;
  if (const int failed = mdb_cursor_open(txn, table, &raw); failed != 0) return failed;
  const Cursor cursor(raw);
  MDB_val key;
  MDB_val row;
  int failed = mdb_cursor_get(raw, &key, &row, MDB_FIRST);
  for (; failed == 0; failed = mdb_cursor_get(raw, &key, &row, MDB_NEXT)) {
    if (!visit(view_of(key), view_of(row))) return 0;
  }
  return failed == MDB_NOTFOUND ? 0 : failed;
}

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

Result<void> sync_directory_of(const std::string& path) {
  const std::string directory = directory_of(path);
  const File opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0 || ::fsync(opened.get()) != 0) {
    return system_error("cannot write the directory " + directory, errno);
  }
  return {};
}

struct Database::Lmdb {
  ~Lmdb() {
    if (reader != nullptr) mdb_txn_abort(reader);
    if (env != nullptr) mdb_env_close(env);
  }

  Result<void> check_pages(const std::string& path);
  int try_environment(const std::string& path, std::size_t room);
  Result<void> open_environment(const std::string& path, std::size_t room);
  Result<void> make_tables(std::string_view network);
  Result<void> open_tables(const std::string& path, std::string_view network);
  Result<void> check_meta(MDB_txn* txn, const std::string& path, std::string_view network);
  int list_anew(MDB_txn* txn, std::vector<std::pair<Key, Standing>>& out, std::size_t& lost) const;
  std::size_t page_bytes() const;
  std::size_t end_of_pages() const;
  std::size_t growth(std::span<const Commit> commits) const;
  int reserve(std::size_t bytes);
  bool lacks(std::size_t bytes) const;
  static std::size_t most_bytes();
  bool takes_more() const;
  int write(MDB_txn* txn, const Write& write) const;
  bool may_be_freed(const MDB_val& row) const;
  int unlist(MDB_txn* txn, const Key& key) const;

  std::unique_ptr<File> locked;  // one process, and one Database in it
  MDB_env* env = nullptr;
  MDB_dbi by_key = 0;
  MDB_dbi by_expiry = 0;
  MDB_txn* reader = nullptr;  // at rest between calls, so that it holds on to no old pages
  std::size_t reserved = 0;   // up to where the disk has set the file's room aside
  bool outdated = false;      // an older format
  std::string mended;
};

// What is missing or damaged would end the process when it is read.
Result<void> Database::Lmdb::check_pages(const std::string& path) {
  auto pages = Pages::open(path);
  if (!pages) return std::move(pages).error();
  const Pages::Survey survey = (*pages)->survey(false);
  const std::uint64_t needed = (survey.last + 1) * (*pages)->page_size();
  if (!survey.known) {
    return cannot_open(path, std::string("is damaged, or is something else") + kWhatToDo);
  }
  if (survey.missing > 0) {
    return cannot_open(path, "is damaged: it was cut short and has " +
                                 std::to_string((*pages)->file_size()) + " bytes, of the " +
                                 std::to_string(needed) + " it says it has" + kWhatToDo);
  }
  if (!survey.trees_whole || !survey.free_list_whole) {
    return cannot_open(path, "is damaged (" + survey.wrong.front() + ")" + kWhatToDo);
  }
  // LMDB itself may leave out pages at the end that nothing needs.
  if ((*pages)->file_size() < needed &&
      ::ftruncate(locked->get(), static_cast<off_t>(needed)) != 0) {
    return system_error("cannot write the file of records " + path, errno);
  }
  return {};
}

Result<void> Database::Lmdb::open_environment(const std::string& path, std::size_t room) {
  struct stat info {};
  const bool exists = ::stat(path.c_str(), &info) == 0;
  const auto size = exists ? static_cast<std::size_t>(info.st_size) : 0;
  const std::size_t least = 2 * size + kHeadroom;
  room = std::min(std::max(room, least), kMostRoom);
  int failed = try_environment(path, room);
  // The limits of a process may leave it less address space; a file that needs more gets that when
  // it is opened again.
  while (failed == ENOMEM && room > least)
    failed = try_environment(path, room = std::max(room / 2, least));
  if (failed == ENOMEM) {
    return Error(Errc::io, "cannot open the file of records " + path + ": it needs " +
                               std::to_string(room >> 20) +
                               " MiB of address space in one piece, and this process may not have "
                               "so much more (ulimit -v, or a limit of its container); raise that");
  }
  if (failed == MDB_INVALID) {
    return cannot_open(path, std::string("is damaged, or is something else") + kWhatToDo);
  }
  if (failed == MDB_VERSION_MISMATCH) return cannot_open(path, "is of another version of LMDB");
  if (failed != 0) {
    return Error(Errc::io, "cannot open the file of records " + path + ": " + mdb_strerror(failed));
  }
  return {};
}

int Database::Lmdb::try_environment(const std::string& path, std::size_t room) {
  if (env != nullptr) mdb_env_close(std::exchange(env, nullptr));
  check(mdb_env_create(&env) == 0);
  check(mdb_env_set_maxdbs(env, 3) == 0);
  check(mdb_env_set_mapsize(env, room) == 0);
  return mdb_env_open(env, path.c_str(), kFlags, 0600);
}

Result<void> Database::Lmdb::make_tables(std::string_view network) {
  Transaction txn;
  MDB_dbi meta = 0;
  const std::string version = std::to_string(kFormat);
  int failed = begin(env, 0, txn);
  if (failed == 0) failed = mdb_dbi_open(txn.get(), "meta", MDB_CREATE, &meta);
  if (failed == 0) failed = mdb_dbi_open(txn.get(), "by key", MDB_CREATE, &by_key);
  if (failed == 0) failed = mdb_dbi_open(txn.get(), "by expiry", MDB_CREATE, &by_expiry);
  if (failed == 0) {
    failed = put(txn.get(), meta, kadmos::view_of(kFormatEntry), kadmos::view_of(version));
  }
  if (failed == 0) {
    failed = put(txn.get(), meta, kadmos::view_of(kNetworkEntry), kadmos::view_of(network));
  }
  if (failed == 0) failed = commit_and_end(txn);
  if (failed != 0) return lmdb_error("cannot make the file of records", failed);
  return {};
}

Result<void> Database::Lmdb::open_tables(const std::string& path, std::string_view network) {
  Transaction txn;
  int failed = begin(env, MDB_RDONLY, txn);
  if (failed == 0) {
    if (auto ours = check_meta(txn.get(), path, network); !ours) return ours;
    failed = mdb_dbi_open(txn.get(), "by key", 0, &by_key);
  }
  if (failed == 0) failed = mdb_dbi_open(txn.get(), "by expiry", 0, &by_expiry);
  if (failed == 0) failed = commit_and_end(txn);
  if (failed == 0) failed = mdb_txn_begin(env, nullptr, MDB_RDONLY, &reader);
  if (failed != 0) return cannot_open(path, std::string("is damaged: ") + mdb_strerror(failed));
  mdb_txn_reset(reader);
  return {};
}

Result<void> Database::Lmdb::check_meta(MDB_txn* txn, const std::string& path,
                                        std::string_view network) {
  MDB_dbi meta = 0;
  const auto entry = [&](std::string_view name) -> std::optional<std::string> {
    MDB_val key = val_of(kadmos::view_of(name));
    MDB_val value;
    if (mdb_get(txn, meta, &key, &value) != 0) return std::nullopt;
    return std::string(text_of(view_of(value)));
  };
  const int failed = mdb_dbi_open(txn, "meta", 0, &meta);
  const auto version = failed == 0 ? entry(kFormatEntry) : std::nullopt;
  if (!version) {
    return cannot_open(path, std::string("is damaged, or is something else") + kWhatToDo);
  }
  std::uint32_t number = 0;
  const char* end = version->data() + version->size();
  const auto parsed = std::from_chars(version->data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return cannot_open(path, std::string("is damaged, or is something else") + kWhatToDo);
  }
  // An older one has other rows in its index, which is made anew.
  outdated = number < kFormat;
  if (number > kFormat) {
    return cannot_open(path, "has format " + *version + ", and this version of kadmos knows only " +
                                 std::to_string(kFormat) +
                                 ": use a newer kadmos, or move the file away to begin without");
  }
  const auto written_for = entry(kNetworkEntry);
  if (!written_for || written_for->empty()) {
    return cannot_open(
        path, std::string("is damaged (it does not say which network it is of)") + kWhatToDo);
  }
  if (written_for != network) {
    return cannot_open(path, "belongs to the network \"" + *written_for + "\", not to \"" +
                                 std::string(network) +
                                 "\": give each network its own data directory");
  }
  return {};
}

// Makes the file unless there is one: aside and linked into place, so that a crash leaves no half
// of one; and by one at a time, so that of two who start together neither makes away with the
// other's.
Result<void> Database::create(const std::string& path, std::string_view network, std::size_t room) {
  const auto cannot = [&] {
    return system_error("cannot make the file of records " + path, errno);
  };
  const File directory(::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::flock(directory.get(), LOCK_EX) != 0) return cannot();
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) return {};
  const std::string fresh = path + ".new";
  const auto clear = [&] {
    ::unlink(fresh.c_str());
    ::unlink((fresh + "-lock").c_str());
  };
  clear();
  {
    Lmdb made;
    if (auto opened = made.open_environment(fresh, room); !opened) return opened;
    if (auto filled = made.make_tables(network); !filled) return filled;
  }
  const bool linked = ::link(fresh.c_str(), path.c_str()) == 0;
  const int code = errno;
  clear();
  errno = code;
  return linked ? Result<void>() : cannot();
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, std::string_view network,
                                                 std::size_t room) {
  auto lmdb = std::make_unique<Lmdb>();
  const auto try_open = [&] {
    lmdb->locked = std::make_unique<File>(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    return lmdb->locked->get() >= 0;
  };
  if (!try_open()) {
    if (errno != ENOENT) return system_error("cannot open " + path, errno);
    if (auto made = create(path, network, room); !made) return std::move(made).error();
    if (!try_open()) return system_error("cannot open " + path, errno);
  }
  if (::flock(lmdb->locked->get(), LOCK_EX | LOCK_NB) != 0) {
    return Error(Errc::busy, "the file of records " + path + " is in use by another node");
  }
  if (auto sound = lmdb->check_pages(path); !sound) return std::move(sound).error();
  if (auto opened = lmdb->open_environment(path, room); !opened) return std::move(opened).error();
  if (auto ours = lmdb->open_tables(path, network); !ours) return std::move(ours).error();
  // Whoever had it last may have been killed before an fsync: what is read now must stay.
  if (const int failed = mdb_env_sync(lmdb->env, 1); failed != 0) {
    return system_error("cannot sync the file of records " + path, failed);
  }
  if (auto synced = sync_directory_of(path); !synced) return std::move(synced).error();
  return std::unique_ptr<Database>(new Database(std::move(lmdb)));
}

Database::Database(std::unique_ptr<Lmdb> lmdb) : lmdb_(std::move(lmdb)) {}
Database::~Database() = default;

Result<std::vector<std::pair<Key, Standing>>> Database::standings() {
  Transaction txn;
  std::vector<std::pair<Key, Standing>> out;
  int failed = begin(lmdb_->env, MDB_RDONLY, txn);
  MDB_stat listed;
  MDB_stat records;
  if (failed == 0) failed = mdb_stat(txn.get(), lmdb_->by_expiry, &listed);
  if (failed == 0) failed = mdb_stat(txn.get(), lmdb_->by_key, &records);
  bool whole = !lmdb_->outdated && listed.ms_entries == records.ms_entries;
  if (failed == 0) {
    // The number of entries may be what is damaged.
    out.reserve(std::min(listed.ms_entries, lmdb_->end_of_pages() / sizeof(Standing)));
    failed = for_each(txn.get(), lmdb_->by_expiry, [&](ByteView key, ByteView row) {
      auto entry = format::parse_expiry(key, row);
      if (entry) out.push_back(*std::move(entry));
      whole = whole && entry;
      return true;
    });
  }
  txn.reset();
  if (failed == 0 && whole && out.size() == listed.ms_entries) return out;

  std::size_t lost = 0;
  if (failed == 0) failed = begin(lmdb_->env, 0, txn);
  if (failed == 0) failed = lmdb_->list_anew(txn.get(), out, lost);
  if (failed == 0) failed = commit_and_end(txn);
  if (failed == ENOSPC) return lmdb_error("cannot mend the index of the records", failed);
  if (failed != 0) {
    return Error(Errc::storage_failed, std::string("the file of records is damaged (") +
                                           mdb_strerror(failed) + ")" + kWhatToDo);
  }
  lmdb_->mended = "the index was made anew from " + std::to_string(out.size()) + " records; " +
                  std::to_string(lost) + " damaged ones were erased";
  return out;
}

const std::string& Database::mended() const { return lmdb_->mended; }

// Makes the table by expiry, and `out`, from the table by key. Records that are damaged are erased:
// nobody could say when their time is over.
int Database::Lmdb::list_anew(MDB_txn* txn, std::vector<std::pair<Key, Standing>>& out,
                              std::size_t& lost) const {
  out.clear();
  std::vector<Bytes> damaged;
  int failed = for_each(txn, by_key, [&](ByteView bytes, ByteView row) {
    const auto key = Key::from_bytes(bytes);
    const auto record = key ? format::parse_record(*key, row) : std::nullopt;
    if (record) {
      out.emplace_back(*key, standing_of(*key, *record));
    } else {
      damaged.push_back(to_bytes(bytes));
    }
    return true;
  });
  lost = damaged.size();
  for (const Bytes& key : damaged) {
    MDB_val at = val_of(key);
    if (failed == 0) failed = mdb_del(txn, by_key, &at, nullptr);
  }
  if (failed == 0) failed = mdb_drop(txn, by_expiry, 0);
  std::ranges::sort(out, {},
                    [](const auto& entry) { return std::pair(entry.second.expiry, entry.first); });
  for (const auto& [key, standing] : out) {
    const auto listed_at = format::expiry_key(standing.expiry, key);
    if (failed == 0) {
      failed = put(txn, by_expiry, listed_at, format::expiry_row(listed_at, standing));
    }
  }
  const std::string version = std::to_string(kFormat);
  MDB_dbi meta = 0;
  if (failed == 0) failed = mdb_dbi_open(txn, "meta", 0, &meta);
  if (failed != 0) return failed;
  return put(txn, meta, kadmos::view_of(kFormatEntry), kadmos::view_of(version));
}

Result<std::optional<StoredRecord>> Database::find(const Key& key) const {
  const auto cannot = [&](const std::string& why, Errc code = Errc::storage_failed) {
    return Error(code, "the record " + key.short_hex() + " cannot be read: " + why);
  };
  if (const int failed = mdb_txn_renew(lmdb_->reader); failed != 0) {
    return cannot(mdb_strerror(failed));
  }
  const auto bytes = key.bytes();
  MDB_val at = val_of(bytes);
  MDB_val row;
  const int failed = mdb_get(lmdb_->reader, lmdb_->by_key, &at, &row);
  auto out = failed == 0 ? format::parse_record(key, view_of(row)) : std::nullopt;
  mdb_txn_reset(lmdb_->reader);
  if (failed == MDB_NOTFOUND) return std::optional<StoredRecord>();
  if (failed != 0) return cannot(mdb_strerror(failed));
  if (!out) {
    return cannot("it is damaged on disk (its checksum does not fit)", Errc::verification_failed);
  }
  return out;
}

Result<void> Database::apply(std::span<const Commit> commits) {
  const std::size_t growth = lmdb_->growth(commits);
  Transaction txn;
  int failed = lmdb_->reserve(growth);
  if (failed == 0) failed = begin(lmdb_->env, 0, txn);
  for (const Commit& commit : commits) {
    for (const Write& write : commit.writes) {
      if (failed == 0) failed = lmdb_->write(txn.get(), write);
    }
  }
  if (failed == 0) failed = commit_and_end(txn);
  if (failed == 0) return {};
  txn.reset();
  // LMDB makes EIO of a write that was cut short, as it is by a disk that has just become full.
  const bool full = is_full(failed) || (failed == EIO && lmdb_->lacks(growth));
  return Error(full && lmdb_->takes_more() ? Errc::busy : Errc::storage_failed,
               "cannot write the records: " +
                   std::string(full && failed == EIO ? mdb_strerror(ENOSPC) : why(failed)));
}

bool Database::panicked() const {
  Transaction txn;
  return begin(lmdb_->env, MDB_RDONLY, txn) == MDB_PANIC;
}

std::size_t Database::Lmdb::page_bytes() const {
  MDB_stat stat;
  check(mdb_env_stat(env, &stat) == 0);
  return stat.ms_psize;
}

std::size_t Database::Lmdb::end_of_pages() const {
  MDB_envinfo info;
  check(mdb_env_info(env, &info) == 0);
  return (info.me_last_pgno + 1) * page_bytes();
}

// The most that these commits may add to the file; nothing if they only erase, or leave floors,
// which uses what was set aside before.
std::size_t Database::Lmdb::growth(std::span<const Commit> commits) const {
  const std::size_t page = page_bytes();
  std::size_t pages = 0;
  bool erases_only = true;
  for (const Commit& commit : commits) {
    for (const Write& write : commit.writes) {
      pages += kPagesAWrite;
      if (!write.record || is_floor(*write.record)) continue;
      pages += stored_bytes(write.record->record) / page + 1;
      erases_only = false;
    }
  }
  return erases_only ? 0 : (pages + kPagesATransaction) * page;
}

// Sets so many bytes aside on the disk behind the pages there are, so that want of room is noticed
// before anything is written. Gives an errno.
int Database::Lmdb::reserve(std::size_t bytes) {
  const std::size_t end = end_of_pages();
  if (bytes > 0 && end + bytes > most_bytes()) return EFBIG;
  if (bytes == 0 || end + bytes + kForErasures <= reserved) return 0;
  const std::size_t size = (bytes + kForErasures + kReserveStep) / kReserveStep * kReserveStep;
  int failed = 0;
  do {
    failed = ::fallocate(locked->get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(end),
                         static_cast<off_t>(size)) == 0
                 ? 0
                 : errno;
  } while (failed == EINTR);
  // A file system that does not know this says so when it is written to.
  if (failed == EOPNOTSUPP || failed == ENOSYS) return 0;
  if (failed == 0) reserved = end + size;
  return failed;
}

// What this process may write to a file (ulimit -f).
std::size_t Database::Lmdb::most_bytes() {
  struct rlimit limit {};
  const bool limited = ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return limited ? limit.rlim_cur : std::numeric_limits<std::size_t>::max();
}

bool Database::Lmdb::lacks(std::size_t bytes) const {
  if (end_of_pages() + std::max(bytes, kReserveStep) > most_bytes()) return true;
  struct statvfs info {};
  return ::fstatvfs(locked->get(), &info) == 0 &&
         info.f_bavail * info.f_frsize < std::max(bytes, kReserveStep);
}

// Whether the file is as the last transaction that succeeded left it, and another may be begun:
// what was written can be synced, and LMDB has not given up.
bool Database::Lmdb::takes_more() const {
  Transaction txn;
  return ::fdatasync(locked->get()) == 0 && begin(env, MDB_RDONLY, txn) == 0;
}

int Database::Lmdb::write(MDB_txn* txn, const Write& write) const {
  int failed = unlist(txn, write.key);
  if (failed != 0) return failed;
  const auto key = write.key.bytes();
  if (!write.record) {
    MDB_val at = val_of(key);
    failed = mdb_del(txn, by_key, &at, nullptr);
    return failed == MDB_NOTFOUND ? 0 : failed;
  }
  const auto listed_at = format::expiry_key(write.record->expiry, write.key);
  failed = put(txn, by_expiry, listed_at,
               format::expiry_row(listed_at, standing_of(write.key, *write.record)));
  if (failed != 0) return failed;
  return put(txn, by_key, key, format::record_row(write.key, *write.record));
}

// LMDB frees as many pages as the head of a large value says, which no checksum is of, and whoever
// has them else would lose them.
bool Database::Lmdb::may_be_freed(const MDB_val& row) const {
  const std::size_t page = page_bytes();
  constexpr std::size_t kKey = 64;
  const std::size_t largest_node = ((page - kPageHead) / 2 & ~std::size_t{1}) - 2;
  if (kNodeHead + kKey + row.mv_size <= largest_node) return true;
  const ByteView head(static_cast<const Byte*>(row.mv_data) - kPageHead, kPageHead);
  return number_at(head, 12, 4) == (kPageHead - 1 + row.mv_size) / page + 1;
}

// Takes what is held of `key`, if anything, out of the table by expiry.
int Database::Lmdb::unlist(MDB_txn* txn, const Key& key) const {
  const auto bytes = key.bytes();
  MDB_val at = val_of(bytes);
  MDB_val row;
  int failed = mdb_get(txn, by_key, &at, &row);
  if (failed != 0) return failed == MDB_NOTFOUND ? 0 : failed;
  if (!may_be_freed(row)) return MDB_CORRUPTED;
  std::optional<ByteArray<72>> listed;
  if (const auto held = format::parse_record(key, view_of(row))) {
    listed = format::expiry_key(held->expiry, key);
  } else {  // damaged: it does not say any more where it is listed
    failed = for_each(txn, by_expiry, [&](ByteView found, ByteView) {
      if (found.size() != 72 || !std::ranges::equal(found.subspan(8), bytes)) return true;
      std::ranges::copy(found, listed.emplace().begin());
      return false;
    });
  }
  if (failed != 0 || !listed) return failed;
  MDB_val listed_at = val_of(*listed);
  failed = mdb_del(txn, by_expiry, &listed_at, nullptr);
  return failed == MDB_NOTFOUND ? 0 : failed;
}

}  // namespace kadmos
