// Memory that goes round: what lists and trees of a moment give back is kept by the thread, up to a
// bound, and used again for the next of about its size. So what comes and goes with each message
// and each operation costs no allocation, and whoever holds nothing keeps no memory; the many
// nodes of a thread share what all of them need now and then.
//
// For memory that lives briefly. What stays, or goes to the user, comes from the heap as ever. With
// the address sanitizer all of it does, so that it sees who uses memory after its end.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <new>
#include <set>
#include <utility>
#include <vector>

namespace kadmos {
namespace detail {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kRecycles = false;
#elif defined(__has_feature)
inline constexpr bool kRecycles = !__has_feature(address_sanitizer);
#else
inline constexpr bool kRecycles = true;
#endif

// The blocks of a thread that nobody uses, by size: powers of two.
class Shelves {
 public:
  static void* take(std::size_t bytes) {
    const std::size_t at = shelf_of(bytes);
    if (!kRecycles || at >= kShelves) return ::operator new(bytes);
    Shelf& shelf = mine().shelves_[at];
    if (shelf.first == nullptr) return ::operator new(kLeast << at);
    Block* block = std::exchange(shelf.first, shelf.first->next);
    --shelf.count;
    return block;
  }
  static void give(void* memory, std::size_t bytes) noexcept {
    const std::size_t at = shelf_of(bytes);
    if (!kRecycles || at >= kShelves) return ::operator delete(memory);
    Shelf& shelf = mine().shelves_[at];
    if (shelf.count >= mine().most_ >> at) return turn_down(memory, bytes);
    shelf.first = new (memory) Block{shelf.first};
    ++shelf.count;
  }

 private:
  struct Block {
    Block* next;
  };
  struct Shelf {
    Block* first = nullptr;
    std::size_t count = 0;
  };
  struct Emptier;

  static constexpr std::size_t kShelves = 9;
  static constexpr std::size_t kLeast = 32;   // bytes of a block on the first shelf
  static constexpr std::size_t kMost = 2048;  // blocks there, and half as many on each next one

  static std::size_t shelf_of(std::size_t bytes) {
    return bytes <= kLeast ? 0 : static_cast<std::size_t>(std::bit_width((bytes - 1) / kLeast));
  }
  static Shelves& mine() {
    constinit static thread_local Shelves shelves;
    return shelves;
  }
  // No room, or none yet, or none any more.
  static void turn_down(void* memory, std::size_t bytes) noexcept;

  std::array<Shelf, kShelves> shelves_{};
  std::size_t most_ = 0;  // blocks of the first shelf; until it is arranged that they are freed
  bool closed_ = false;
};

}  // namespace detail

template <class T>
struct Recycled {
  using value_type = T;
  Recycled() = default;
  template <class U>
  Recycled(const Recycled<U>&) noexcept {}  // NOLINT: containers convert allocators

  T* allocate(std::size_t n) {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    return static_cast<T*>(detail::Shelves::take(n * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t n) noexcept {
    detail::Shelves::give(memory, n * sizeof(T));
  }
  friend bool operator==(const Recycled&, const Recycled&) { return true; }
};

template <class T>
using RecycledVector = std::vector<T, Recycled<T>>;
template <class T>
using RecycledList = std::list<T, Recycled<T>>;
template <class T>
using RecycledSet = std::set<T, std::less<T>, Recycled<T>>;
template <class K, class T>
using RecycledMap = std::map<K, T, std::less<K>, Recycled<std::pair<const K, T>>>;
template <class K, class T>
using RecycledMultimap = std::multimap<K, T, std::less<K>, Recycled<std::pair<const K, T>>>;

// A base of classes whose objects live in such memory.
struct RecycledObject {
  static void* operator new(std::size_t bytes) { return detail::Shelves::take(bytes); }
  static void operator delete(void* memory, std::size_t bytes) noexcept {
    detail::Shelves::give(memory, bytes);
  }
};

}  // namespace kadmos
