// Counts what a fuzz target allocates, so that a claimed size that is believed shows as a failure
// even if the memory is never touched. Replaces the global operators: include it in one file a
// program.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

inline std::size_t g_allocated = 0;

// NOLINTBEGIN(misc-definitions-in-headers): replacements may not be inline.
void* operator new(std::size_t size) {
  g_allocated += size;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
// NOLINTEND(misc-definitions-in-headers)

// Runs `fn`, and ends the program if it allocated more than `bound` bytes in all.
template <class Fn>
auto allocating_at_most(std::size_t bound, Fn fn) {
  g_allocated = 0;
  auto result = fn();
  if (g_allocated > bound) std::abort();
  return result;
}
