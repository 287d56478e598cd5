#include "lmdb/pages.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace kadmos {
namespace {

constexpr std::uint64_t kMagic = 0xBEEFC0DE;
constexpr std::size_t kUsualPage = 4096;
constexpr PageNumber kNone = ~PageNumber{0};  // the root of an empty tree
// Flags of pages and of nodes.
constexpr std::uint64_t kBranch = 0x01;
constexpr std::uint64_t kLeaf = 0x02;
constexpr std::uint64_t kOverflow = 0x04;
constexpr std::uint64_t kMeta = 0x08;
constexpr std::uint16_t kLarge = 0x01;
constexpr std::uint16_t kTable = 0x02;
// Where things are in the head of a file, behind that of its page.
constexpr std::size_t kTables = kPageHead + 24;
constexpr std::size_t kTableBytes = 48;
constexpr std::size_t kRootInTable = 40;
constexpr std::size_t kFlagsInTable = 4;
constexpr std::uint64_t kNumberKeys = 0x08;  // the flag of the table of free pages
constexpr std::uint64_t kMostRoom = std::uint64_t{64} << 40;
// Deeper than any tree of these records.
constexpr int kDeepest = 32;

std::size_t even(std::size_t n) { return n + (n & 1); }

}  // namespace

std::uint64_t number_at(ByteView bytes, std::size_t at, std::size_t size) {
  if (at + size > bytes.size()) return 0;
  std::uint64_t out = 0;
  for (std::size_t i = size; i > 0; --i) out = out << 8 | bytes[at + i - 1];
  return out;
}

std::optional<PageNode> node_at(ByteView page, std::size_t at) {
  if (at < kPageHead || at % 2 != 0 || at + kNodeHead > page.size()) return std::nullopt;
  PageNode out;
  out.size = number_at(page, at, 4);
  out.flags = static_cast<std::uint16_t>(number_at(page, at + 4, 2));
  const std::size_t key = number_at(page, at + 6, 2);
  const std::size_t data = at + kNodeHead + key;
  const bool large = (out.flags & kLarge) != 0;
  const std::size_t inside = large ? 8 : out.size;
  if (data + inside > page.size()) return std::nullopt;
  out.key = page.subspan(at + kNodeHead, key);
  if (large) {
    out.large = number_at(page, data, 8);
  } else {
    out.data = page.subspan(data, inside);
  }
  out.end = at + even(kNodeHead + key + inside);
  return out;
}

Result<std::unique_ptr<Pages>> Pages::open(const std::string& path) {
  const auto cannot = [&] {
    return Error(errno == ENOENT ? Errc::not_found : Errc::io,
                 "cannot read the file of records " + path + ": " + std::strerror(errno));
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return cannot();
  std::unique_ptr<Pages> out(new Pages(fd));
  struct stat info {};
  if (::fstat(fd, &info) != 0) return cannot();
  out->file_size_ = static_cast<std::uint64_t>(info.st_size);
  // Either of the first two pages says how large a page is; the second one stands that far in.
  out->page_size_ = kUsualPage;
  for (std::size_t size = 512; size <= 65536; size *= 2) {
    out->page_size_ = size;
    const auto says = [&](PageNumber head) {
      const Bytes page = out->page(head);
      return number_at(page, kPageHead, 4) == kMagic && number_at(page, kTables, 4) == size;
    };
    if (says(0) || says(1)) break;
    out->page_size_ = kUsualPage;
  }
  out->count_ = out->file_size_ / out->page_size_;
  return out;
}

Pages::~Pages() { ::close(fd_); }

Bytes Pages::read(std::uint64_t begin, std::size_t size) const {
  if (begin >= file_size_) return {};
  Bytes out(std::min<std::uint64_t>(size, file_size_ - begin));
  size = out.size();
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::pread(fd_, out.data() + done, size - done, static_cast<off_t>(begin + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  out.resize(done);
  return out;
}

Bytes Pages::page(PageNumber number) const {
  Bytes out = read(number * page_size_, page_size_);
  out.resize(page_size_);
  return out;
}

Pages::Head Pages::head(PageNumber number) const {
  const Bytes bytes = page(number);
  Head out;
  const std::size_t behind = kTables + 2 * kTableBytes;
  out.room = number_at(bytes, kPageHead + 16, 8);
  out.free_root = number_at(bytes, kTables + kRootInTable, 8);
  out.main_root = number_at(bytes, kTables + kTableBytes + kRootInTable, 8);
  out.last = number_at(bytes, behind, 8);
  out.transaction = number_at(bytes, behind + 8, 8);
  out.valid = number_at(bytes, 0, 8) == number && (number_at(bytes, 10, 2) & kMeta) != 0 &&
              number_at(bytes, kPageHead, 4) == kMagic && number_at(bytes, kPageHead + 4, 4) == 1 &&
              number_at(bytes, kTables, 4) == page_size_ &&
              (number_at(bytes, kTables + kFlagsInTable, 2) & 0xff) == kNumberKeys &&
              number_at(bytes, kTables + kTableBytes + kFlagsInTable, 2) == 0;
  return out;
}

// Follows the trees. What a page says is taken only if it can be so.
struct Pages::Walk {
  const Pages& pages;
  Survey& out;
  PageNumber last;
  bool large_values;
  bool whole = true;
  std::vector<PageNumber> free_pages;

  void wrong(PageNumber page, const std::string& what) {
    whole = false;
    if (out.wrong.size() < 20) {
      out.wrong.push_back("page " + std::to_string(page) + " " + what);
    }
  }

  bool claim(PageNumber first, PageNumber n, Use use) {
    if (first < 2 || first > last || n > last - first + 1) {
      wrong(first, "is named, but cannot be in the file");
      return false;
    }
    for (PageNumber page = first; page < first + n; ++page) {
      if (out.use[page] != Use::unknown) {
        wrong(page, "is named twice");
        return false;
      }
      out.use[page] = use;
    }
    if (first + n > pages.count()) {
      wrong(first, "is beyond the end of the file");
      return false;
    }
    return true;
  }

  void large_value(const PageNode& node, bool list) {
    const PageNumber n = (kPageHead - 1 + node.size) / pages.page_size() + 1;
    if (!claim(*node.large, n, Use::other)) return;
    if (list) take_list(pages.read(pages.large_value(*node.large), node.size));
    if (!list && !large_values) return;
    const Bytes head = pages.read(*node.large * pages.page_size(), kPageHead);
    if (number_at(head, 0, 8) != *node.large || (number_at(head, 10, 2) & kOverflow) == 0 ||
        number_at(head, 12, 4) != n) {
      wrong(*node.large, "is not what it is named for");
    }
  }

  // A list of free pages: how many, then their numbers, the highest first.
  void take_list(ByteView data) {
    const std::uint64_t n = number_at(data, 0, 8);
    if (n > data.size() / 8 - 1) return wrong(0, "is no list of free pages");
    for (std::uint64_t i = 1; i <= n; ++i) {
      const PageNumber page = number_at(data, 8 * i, 8);
      if (page < 2 || page > last) return wrong(page, "is listed as free, but cannot be");
      free_pages.push_back(page);
    }
  }

  enum class Tree : std::uint8_t { tables, rows, free_list };

  void leaf(ByteView page, PageNumber number, Tree kind, int depth) {
    const std::size_t n = (number_at(page, 12, 2) - kPageHead) / 2;
    for (std::size_t i = 0; i < n; ++i) {
      const auto node = node_at(page, number_at(page, kPageHead + 2 * i, 2));
      const bool table = kind == Tree::tables;
      if (!node || (table ? node->flags != kTable : (node->flags & ~kLarge) != 0) ||
          (table && (node->size != kTableBytes || number_at(node->data, kFlagsInTable, 2) != 0))) {
        wrong(number, "has a node that cannot be one");
      } else if (node->large) {
        large_value(*node, kind == Tree::free_list);
      } else if (kind == Tree::free_list) {
        take_list(node->data);
      } else if (table) {
        tree(number_at(node->data, kRootInTable, 8), Tree::rows, depth + 1);
      }
    }
  }

  void tree(PageNumber root, Tree kind, int depth = 0) {
    if (root == kNone) return;
    if (depth > kDeepest) return wrong(root, "is deeper down than any can be");
    if (!claim(root, 1, Use::other)) return;
    const Bytes page = pages.page(root);
    const std::uint64_t flags = number_at(page, 10, 2);
    const std::size_t lower = number_at(page, 12, 2);
    const std::size_t upper = number_at(page, 14, 2);
    if (number_at(page, 0, 8) != root || (flags != kBranch && flags != kLeaf) ||
        lower < kPageHead || lower % 2 != 0 || upper < lower || upper > page.size()) {
      return wrong(root, "is not what it is named for");
    }
    if (flags == kLeaf) {
      out.use[root] = Use::leaf;
      return leaf(page, root, kind, depth);
    }
    if (lower < kPageHead + 4) return wrong(root, "leads nowhere");
    for (std::size_t i = kPageHead; i < lower; i += 2) {
      const std::size_t at = number_at(page, i, 2);
      if (at < kPageHead || at + kNodeHead + number_at(page, at + 6, 2) > page.size()) {
        wrong(root, "has a node that cannot be one");
      } else {
        tree(number_at(page, at, 6), kind, depth + 1);
      }
    }
  }
};

Pages::Survey Pages::survey(bool large_values) const {
  Survey out;
  const Head first = head(0);
  const Head second = head(1);
  // Each is written by every other transaction.
  const Head& newest = first.transaction > second.transaction ? first : second;
  const Head& older = first.transaction > second.transaction ? second : first;
  const PageNumber parity = &newest == &first ? 0 : 1;
  // Of a new file both are of no transaction.
  out.known = first.valid || second.valid;
  out.heads_whole =
      first.valid && second.valid && std::max(first.room, second.room) <= kMostRoom &&
      ((newest.transaction - older.transaction == 1 && newest.transaction % 2 == parity) ||
       (newest.transaction == 0 && older.transaction == 0));
  if (!out.heads_whole) out.wrong.emplace_back("the first two pages do not fit together");
  constexpr PageNumber kMostSlack = 1 << 26;  // more is damage
  const PageNumber last =
      newest.valid && newest.last < count_ + kMostSlack ? newest.last : PageNumber{count_};
  out.use.assign(std::max(last + 1, std::max<PageNumber>(begun(), 2)), Use::unknown);
  out.last = last;
  out.use[0] = out.use[1] = Use::other;
  if (!newest.valid) return out;
  Walk main{*this, out, last, large_values, true, {}};
  main.tree(newest.main_root, Walk::Tree::tables);
  out.trees_whole = main.whole && out.heads_whole;
  Walk list{*this, out, last, large_values, true, {}};
  list.tree(newest.free_root, Walk::Tree::free_list);
  for (const PageNumber page : list.free_pages) {
    if (out.use[page] == Use::unknown) {
      out.use[page] = Use::free;
    } else {
      list.wrong(page, "is listed as free, but used");
    }
  }
  out.free_list_whole = list.whole && out.heads_whole;
  for (PageNumber page = count_; page <= last; ++page) {
    if (out.use[page] != Use::free) ++out.missing;
  }
  return out;
}

}  // namespace kadmos
