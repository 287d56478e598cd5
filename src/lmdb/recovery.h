// What a file of records still holds, whatever state it is in: for 'dht-node --check' and
// 'dht-node --salvage'. It reads pages raw (pages.h) and takes nothing for a record but what fits
// its checksum, its key and, if it is owned, its signature; so damage can cost records and never
// change one.
//
// LMDB leaves what was replaced or erased in pages that it will use again. None of that must come
// back, so only these pages count:
//   - those that the trees lead to, if all of the trees can be followed;
//   - else also those that are not listed as free, if that list is whole;
//   - else all there are. Then, and whenever a key is found twice, the newest version counts, with
//     tombstones and floors among the versions. So what was deleted stays so; content that was
//     evicted, and names whose floor went too, may come back until they expire.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kadmos/seams.h"
#include "lmdb/format.h"
#include "lmdb/pages.h"

namespace kadmos {

class Recovery {
 public:
  // Reads the file, which no node may be using. Errors: not_found, busy, io.
  static Result<std::unique_ptr<Recovery>> open(const std::string& path, std::string_view network);
  ~Recovery();
  Recovery(const Recovery&) = delete;
  Recovery& operator=(const Recovery&) = delete;

  struct Report {
    std::string network;  // as the file says; empty: it does not
    std::uint32_t format = 0;
    std::size_t records = 0;  // that are whole, floors aside
    std::size_t own = 0;      // of them
    std::size_t floors = 0;
    std::vector<std::pair<Key, std::string>> lost;  // what does not read, as far as it is named
    bool all_named = true;                          // nothing else can be lost
    std::vector<std::string> wrong;                 // with the file itself
    bool whole() const { return lost.empty() && wrong.empty(); }
  };
  const Report& report() const { return report_; }

  void for_each(const std::function<void(const Key&, const StoredRecord&)>& visit) const;
  // Makes a new file of every record that is whole and puts it in the place of the old one. Gives
  // the name the old one has now. Errors: storage_failed (another network's, or a newer format),
  // busy (no room on the disk), io; then nothing has changed.
  Result<std::string> salvage() const;

 private:
  // Where the row of a record is in the file.
  struct Place {
    std::uint64_t at = 0;
    std::size_t size = 0;
  };

  Recovery(std::string path, std::string_view network);
  bool counts(PageNumber page) const;
  void look_at(PageNumber number);
  void look_at_node(PageNumber number, ByteView page, std::size_t at,
                    std::span<const std::size_t> ends);
  bool take_damaged(PageNumber number, ByteView page, std::size_t at,
                    std::span<const std::size_t> ends);
  void look_for_large_values();
  bool look_for_large_value(PageNumber first);
  bool take(const std::optional<Key>& key, Place place);
  bool take_large(const std::optional<Key>& key, PageNumber first, std::size_t size);
  std::optional<std::pair<Key, StoredRecord>> read(const std::optional<Key>& key,
                                                   Place place) const;
  void conclude();

  std::string path_;
  std::string network_;
  int lock_ = -1;
  std::unique_ptr<Pages> pages_;
  Pages::Survey survey_;
  std::map<Key, Place> kept_;
  std::map<Key, Standing> listed_;  // by the index
  std::set<Key> named_;             // by nodes whose rows do not fit
  std::set<PageNumber> taken_;      // the first pages of the large values among the kept
  std::size_t index_damaged_ = 0;   // its rows
  mutable std::string why_;         // the last row that was not taken is none
  Report report_;
};

}  // namespace kadmos
