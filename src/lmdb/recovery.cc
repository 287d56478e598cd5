#include "lmdb/recovery.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "lmdb/database.h"
#include "store/index.h"

namespace kadmos {
namespace {

constexpr std::size_t kKeyBytes = 64;
constexpr std::size_t kListedKeyBytes = 72;  // an expiry and a key
// The largest row there is: a value and a name, and what a row has besides.
constexpr std::size_t kMostRow = 65'536 + 512 + 1024;
constexpr std::size_t kBatch = 500;  // records a transaction
constexpr std::uint64_t kLeafPage = 0x02;

std::optional<Key> key_in(ByteView page, std::size_t at) {
  if (at + kKeyBytes > page.size()) return std::nullopt;
  return Key::from_bytes(page.subspan(at, kKeyBytes));
}

Error cannot(const std::string& what) {
  return Error(errno == ENOSPC ? Errc::busy : Errc::io, what + ": " + std::strerror(errno));
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

// A name that is not taken: the first of those with a number that is free.
std::string free_name(const std::string& wanted) {
  std::string out = wanted;
  for (int i = 2; exists(out); ++i) out = wanted + "-" + std::to_string(i);
  return out;
}

}  // namespace

Recovery::Recovery(std::string path, std::string_view network)
    : path_(std::move(path)), network_(network) {}

Recovery::~Recovery() {
  if (lock_ >= 0) ::close(lock_);
}

Result<std::unique_ptr<Recovery>> Recovery::open(const std::string& path,
                                                 std::string_view network) {
  auto pages = Pages::open(path);
  if (!pages) return std::move(pages).error();
  std::unique_ptr<Recovery> out(new Recovery(path, network));
  out->lock_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (out->lock_ < 0) return cannot("cannot read the file of records " + path);
  if (::flock(out->lock_, LOCK_EX | LOCK_NB) != 0) {
    return Error(Errc::busy, "the file of records " + path + " is in use by a node");
  }
  out->pages_ = *std::move(pages);
  out->survey_ = out->pages_->survey(true);
  for (PageNumber page = 0; page < out->pages_->begun(); ++page) {
    if (out->counts(page)) out->look_at(page);
  }
  if (!out->survey_.trees_whole) out->look_for_large_values();
  out->conclude();
  return out;
}

bool Recovery::counts(PageNumber page) const {
  if (page < 2) return false;
  const Pages::Use use = survey_.use[page];
  if (use == Pages::Use::leaf) return true;
  if (survey_.trees_whole) return false;
  if (!survey_.free_list_whole) return true;
  return use != Pages::Use::free && page <= survey_.last;
}

// The nodes of a leaf, as its offsets tell. If they and the nodes do not fit together, then also
// whatever else may be a node: one behind the other, and wherever an offset ever was.
void Recovery::look_at(PageNumber number) {
  const Bytes page = pages_->page(number);
  const std::size_t lower = std::min<std::size_t>(number_at(page, 12, 2), page.size());
  std::set<std::size_t> starts;
  const auto add = [&](std::size_t slot) {
    const std::size_t at = number_at(page, slot, 2);
    if (at % 2 == 0 && at >= kPageHead && at + kNodeHead <= page.size()) starts.insert(at);
  };
  for (std::size_t slot = kPageHead; slot + 2 <= lower; slot += 2) add(slot);
  std::size_t expected = number_at(page, 14, 2);
  bool packed = true;
  for (const std::size_t at : starts) {
    const auto node = node_at(page, at);
    packed = packed && node && at == expected;
    if (node) expected = node->end;
  }
  packed = packed && expected == page.size() && 2 * starts.size() + kPageHead == lower;
  if (!packed) {
    for (std::size_t slot = lower & ~std::size_t{1}; slot + 2 <= page.size(); slot += 2) {
      if (slot >= kPageHead) add(slot);
    }
    std::vector<std::size_t> to_follow(starts.begin(), starts.end());
    to_follow.push_back(number_at(page, 14, 2));
    while (!to_follow.empty()) {
      const std::size_t at = to_follow.back();
      to_follow.pop_back();
      const auto node = node_at(page, at);
      if (!node) continue;
      starts.insert(at);
      if (!starts.contains(node->end)) to_follow.push_back(node->end);
    }
  }
  for (auto it = starts.begin(); it != starts.end(); ++it) {
    const std::vector<std::size_t> ends(std::next(it), starts.end());
    look_at_node(number, page, *it, ends);
  }
}

void Recovery::look_at_node(PageNumber number, ByteView page, std::size_t at,
                            std::span<const std::size_t> ends) {
  const auto node = node_at(page, at);
  const bool trusted = survey_.use[number] == Pages::Use::leaf || survey_.free_list_whole;
  if (node && node->key.size() == kKeyBytes) {
    const auto key = key_in(page, at + kNodeHead);
    const std::uint64_t begin = number * pages_->page_size() + at + kNodeHead + kKeyBytes;
    const bool taken =
        node->large ? take_large(key, *node->large, node->size) : take(key, {begin, node->size});
    if (taken) return;
  }
  if (node && node->key.size() == kListedKeyBytes && !node->large) {
    if (const auto listed = format::parse_expiry(node->key, node->data)) {
      if (trusted) listed_.insert_or_assign(listed->first, listed->second);
      return;
    }
    if (trusted) ++index_damaged_;
    return;
  }
  if (take_damaged(number, page, at, ends)) return;
  const bool looks_right = number_at(page, 0, 8) == number && number_at(page, 10, 2) == kLeafPage;
  if (node && node->key.size() == kKeyBytes && trusted && looks_right) {
    named_.insert(*key_in(page, at + kNodeHead));
  }
  if (node && node->key.size() < kKeyBytes && !node->large) {
    if (text_of(node->key) == "network") report_.network = text_of(node->data);
    if (text_of(node->key) == "kadmos records") {
      const std::string_view text = text_of(node->data);
      std::from_chars(text.data(), text.data() + text.size(), report_.format);
    }
  }
}

// A row whose node is damaged: its key, its size or what kind it is of. It ends at one of `ends`,
// where others begin, or with the page.
bool Recovery::take_damaged(PageNumber number, ByteView page, std::size_t at,
                            std::span<const std::size_t> ends) {
  const std::size_t data = at + kNodeHead + kKeyBytes;
  const auto key = key_in(page, at + kNodeHead);
  if (!key || data + 8 > page.size()) return false;
  const std::uint64_t begin = number * pages_->page_size() + data;
  const std::size_t size = number_at(page, at, 4);
  std::vector<std::size_t> sizes = {size};
  const auto add = [&](std::size_t end) {
    if (end > data) sizes.insert(sizes.end(), {end - data, end - data - 1});
  };
  for (const std::size_t end : ends) add(end);
  add(page.size());
  // What kind of record, and whose: most of what may be a row is none.
  const bool may_be_row = page[data] >= 1 && page[data] <= 5 && page[data + 1] <= 4;
  for (const std::size_t row : sizes) {
    if (!may_be_row || row > page.size() - data) continue;
    const ByteView bytes = page.subspan(data, row);
    if (!format::parse_record(*key, bytes) && !format::parse_lone_record(bytes)) continue;
    if (take(key, {begin, row}) || take(std::nullopt, {begin, row})) return true;
  }
  const PageNumber large = number_at(page, data, 8);
  return take_large(key, large, size) || take_large(std::nullopt, large, size);
}

// Large values that no node leads to any more. The index may tell how long a row is; if not, the
// last page of a value is cleared before it is written, and else every length is tried.
void Recovery::look_for_large_values() {
  for (PageNumber page = 2; page < pages_->begun(); ++page) {
    if (counts(page) && !taken_.contains(page)) look_for_large_value(page);
  }
}

bool Recovery::look_for_large_value(PageNumber first) {
  const Bytes head = pages_->read(first * pages_->page_size(), kPageHead);
  // A number of its own and its kind: one of them may be damaged.
  const bool numbered = number_at(head, 0, 8) == first;
  const bool large = number_at(head, 10, 2) == 0x04;
  const std::uint64_t n = number_at(head, 12, 4);
  const std::size_t size = pages_->page_size();
  const bool sized = n > 0 && n <= (kMostRow + kPageHead) / size + 1;
  if (static_cast<int>(numbered) + static_cast<int>(large) + static_cast<int>(sized) < 2) {
    return false;
  }
  const std::uint64_t begin = pages_->large_value(first);
  const Bytes bytes = pages_->read(begin, sized ? n * size - kPageHead : kMostRow);
  const Standing least{};
  const std::size_t shortest = format::record_row_bytes(least) + kRecordOverhead;
  std::size_t end = bytes.size();
  while (end > 0 && bytes[end - 1] == 0) --end;
  for (std::size_t row = std::max(end, shortest); row <= std::min(end + 8, bytes.size()); ++row) {
    if (take_large(std::nullopt, first, row)) return true;
  }
  const std::size_t pages = sized ? n : 1;
  std::size_t row = pages == 1 ? 0 : (pages - 1) * size - kPageHead;
  for (row = std::max(row, shortest); row <= std::min(pages * size, bytes.size()); ++row) {
    if (take_large(std::nullopt, first, row)) return true;
  }
  return false;
}

std::optional<std::pair<Key, StoredRecord>> Recovery::read(const std::optional<Key>& key,
                                                           Place place) const {
  if (place.size < 8 || place.size > kMostRow) return std::nullopt;
  const Bytes row = pages_->read(place.at, place.size);
  if (row.size() != place.size) return std::nullopt;
  if (!key) return format::parse_lone_record(row);
  auto record = format::parse_record(*key, row);
  if (!record) return std::nullopt;
  return std::pair(*key, *std::move(record));
}

bool Recovery::take(const std::optional<Key>& key, Place place) {
  const auto found = read(key, place);
  if (!found) {
    why_ = "it is damaged (its checksum does not fit)";
    return false;
  }
  const auto& [its, stored] = *found;
  if (!is_floor(stored)) {
    if (const auto valid = verify(stored.record, its, network_); !valid) {
      why_ = valid.error().detail;
      return false;
    }
  }
  const auto [held, fresh] = kept_.try_emplace(its, place);
  if (fresh) return true;
  const auto before = read(its, held->second);
  if (!before || order(stored.record, before->second.record) > 0) held->second = place;
  return true;
}

bool Recovery::take_large(const std::optional<Key>& key, PageNumber first, std::size_t size) {
  if (first < 2 || first >= pages_->begun()) return false;
  if (!take(key, {pages_->large_value(first), size})) return false;
  taken_.insert(first);
  return true;
}

void Recovery::conclude() {
  report_.wrong = survey_.wrong;
  report_.all_named = survey_.trees_whole;
  if (survey_.missing > 0) {
    const std::uint64_t needed = (survey_.last + 1) * pages_->page_size();
    report_.wrong.insert(report_.wrong.begin(),
                         "it is cut short: it has " + std::to_string(pages_->file_size()) +
                             " bytes, of the " + std::to_string(needed) + " it says it has");
  }
  std::size_t unlisted = 0;
  for_each([&](const Key& key, const StoredRecord& stored) {
    is_floor(stored) ? ++report_.floors : ++report_.records;
    if (!is_floor(stored) && stored.own != Own::none) ++report_.own;
    const auto listed = listed_.find(key);
    if (listed == listed_.end() || listed->second != standing_of(key, stored)) ++unlisted;
  });
  const auto lose = [&](const Key& key, const char* why) {
    if (!kept_.contains(key)) report_.lost.emplace_back(key, why);
  };
  for (const Key& key : named_) lose(key, "it is damaged (its checksum or signature does not fit)");
  for (const auto& [key, standing] : listed_) {
    if (!named_.contains(key)) lose(key, "it is listed, but nowhere to be found");
  }
  if (index_damaged_ > 0) {
    report_.wrong.push_back("the index has " + std::to_string(index_damaged_) + " damaged rows");
  } else if (unlisted > 0) {
    report_.wrong.push_back("the index lacks " + std::to_string(unlisted) + " records, or says " +
                            "something else of them");
  }
}

void Recovery::for_each(const std::function<void(const Key&, const StoredRecord&)>& visit) const {
  for (const auto& [key, place] : kept_) {
    if (const auto found = read(key, place)) visit(key, found->second);
  }
}

Result<std::string> Recovery::salvage() const {
  if (!report_.network.empty() && report_.network != network_) {
    return Error(Errc::storage_failed, "the file of records " + path_ +
                                           " belongs to the network \"" + report_.network +
                                           "\", not to \"" + network_ + "\": give its --network");
  }
  if (report_.format > kFormat) {
    return Error(Errc::storage_failed,
                 "the file of records " + path_ + " is of a newer format: use a newer kadmos");
  }
  const std::string fresh = path_ + ".salvaged";
  const auto clear = [&] {
    ::unlink(fresh.c_str());
    ::unlink((fresh + "-lock").c_str());
  };
  clear();
  {
    auto database = Database::open(fresh, network_, 2 * pages_->file_size());
    Result<void> written;
    if (!database) written = database.error();
    std::vector<Commit> batch(1);
    const auto flush = [&] {
      if (written && !batch.front().writes.empty()) written = (*database)->apply(batch);
      batch.front().writes.clear();
    };
    for_each([&](const Key& key, const StoredRecord& stored) {
      batch.front().writes.push_back({key, stored});
      if (batch.front().writes.size() == kBatch) flush();
    });
    flush();
    if (!written) {
      clear();
      return written.error();
    }
  }
  const std::string aside = free_name(path_ + ".damaged");
  if (::link(path_.c_str(), aside.c_str()) != 0 || ::rename(fresh.c_str(), path_.c_str()) != 0) {
    auto failed = cannot("cannot put the new file of records in the place of " + path_);
    clear();
    return failed;
  }
  clear();
  if (auto synced = sync_directory_of(path_); !synced) return std::move(synced).error();
  return aside;
}

}  // namespace kadmos
