#include "base/recycled.h"

namespace kadmos::detail {

// Lives as long as its thread, if that has given anything back.
struct Shelves::Emptier {
  ~Emptier() {
    Shelves& all = mine();
    all.closed_ = true;
    all.most_ = 0;
    for (Shelf& shelf : all.shelves_) {
      while (Block* block = shelf.first) {
        shelf.first = block->next;
        ::operator delete(block);
      }
      shelf.count = 0;
    }
  }
};

void Shelves::turn_down(void* memory, std::size_t bytes) noexcept {
  Shelves& all = mine();
  if (all.most_ > 0 || all.closed_) return ::operator delete(memory);
  static thread_local Emptier emptier;
  static_cast<void>(&emptier);
  all.most_ = kMost;
  give(memory, bytes);
}

}  // namespace kadmos::detail
