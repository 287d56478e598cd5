// The pages of a file of LMDB, read without LMDB: by their numbers, one at a time, and with nothing
// in them believed. LMDB trusts what its pages say, so a damaged one can end the process that reads
// it; who looks for damage, or for what is left, reads them here.
//
// The layout is that of LMDB 0.9 on a 64-bit little-endian machine. Pages 0 and 1 take turns in
// saying where the trees begin. A page has a head (16 bytes: number, pad, flags, and where its free
// space begins and ends, or how many pages a large value has), the offsets of its nodes, free
// space, and from the end of that to its own end the nodes, one behind the other. A node has 8
// bytes (size of its data in two halves, flags, size of the key), the key, and the data, or the
// number of the first page with it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kadmos/bytes.h"
#include "kadmos/result.h"

namespace kadmos {

using PageNumber = std::uint64_t;

inline constexpr std::size_t kPageHead = 16;
inline constexpr std::size_t kNodeHead = 8;

// A little-endian number of `size` bytes; 0 if it is not there.
std::uint64_t number_at(ByteView bytes, std::size_t at, std::size_t size);

struct PageNode {
  ByteView key;
  std::uint16_t flags = 0;
  std::size_t size = 0;             // of the data
  ByteView data;                    // if it is in the page
  std::optional<PageNumber> large;  // or else where it begins
  std::size_t end = 0;              // where the next node may begin
};
// The node at an offset of a leaf; nothing if none fits there.
std::optional<PageNode> node_at(ByteView page, std::size_t at);

class Pages {
 public:
  // Errors: not_found, io.
  static Result<std::unique_ptr<Pages>> open(const std::string& path);
  ~Pages();
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  std::size_t page_size() const { return page_size_; }
  PageNumber count() const { return count_; }  // whole ones
  PageNumber begun() const { return (file_size_ + page_size_ - 1) / page_size_; }
  std::uint64_t file_size() const { return file_size_; }
  // So many bytes of the file; fewer or none if it ends.
  Bytes read(std::uint64_t begin, std::size_t size) const;
  // What is missing of a page at the end of the file is zeros.
  Bytes page(PageNumber number) const;
  // Where the data of a large value begins.
  std::uint64_t large_value(PageNumber first) const { return first * page_size_ + kPageHead; }

  // What a page is used for, as far as the trees and the list of free pages tell.
  enum class Use : std::uint8_t { unknown, leaf, other, free };
  struct Survey {
    std::vector<Use> use;  // of each page that is there, or should be
    bool known = false;    // one of the first two pages says that this is a file of LMDB
    // Both first pages are what they should be. If not, nobody knows which transaction was the last
    // one, and nothing counts as free.
    bool heads_whole = false;
    bool trees_whole = false;  // every page that the trees name is there and looks like one
    bool free_list_whole = false;
    PageNumber last = 0;             // of the pages that ever were in use
    PageNumber missing = 0;          // pages in use, or unknown, that the file is too short for
    std::vector<std::string> wrong;  // for people
  };
  // `large_values`: looks at where each begins, too, which costs a page each.
  Survey survey(bool large_values) const;

 private:
  struct Head {
    bool valid = false;
    std::uint64_t room = 0;  // how large the file may grow
    PageNumber free_root = 0;
    PageNumber main_root = 0;
    PageNumber last = 0;
    std::uint64_t transaction = 0;
  };
  struct Walk;
  explicit Pages(int fd) : fd_(fd) {}
  Head head(PageNumber number) const;

  int fd_;
  std::uint64_t file_size_ = 0;
  std::size_t page_size_ = 0;
  PageNumber count_ = 0;
};

}  // namespace kadmos
