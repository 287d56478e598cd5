// Counts what the program allocates, in a file of its own, because GCC warns where it sees a
// replaced operator delete and not the new that belongs to it. Not for many threads: a bench has
// one that matters.
#include <cstdlib>
#include <new>

#include "tests/bench/common/load.h"

namespace kadmos::bench {
namespace {
std::uint64_t g_allocations = 0;
}  // namespace

std::uint64_t allocations() { return g_allocations; }

}  // namespace kadmos::bench

void* operator new(std::size_t size) {
  ++kadmos::bench::g_allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++kadmos::bench::g_allocations;
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
