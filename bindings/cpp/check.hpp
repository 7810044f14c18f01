// What the C++ tests share: counting checks, and memory that runs out.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>

inline int checks, failures;

inline void check(bool holds, const char *what, int line) {
  checks += 1;
  if (holds) return;
  failures += 1;
  std::printf("line %d: %s\n", line, what);
}
#define CHECK(...) check(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __LINE__)

// Blocks that were asked for without an exception; none is given while memory_is_out.
inline int blocks;
inline std::size_t largest_block;
inline bool memory_is_out;

void *operator new[](std::size_t size, const std::nothrow_t &) noexcept {
  blocks += 1;
  if (size > largest_block) largest_block = size;
  return memory_is_out ? nullptr : std::malloc(size);
}
// What is freed is overwritten: whoever reads it still gets something else.
inline void give_back(void *block) noexcept {
  if (block != nullptr) explicit_bzero(block, malloc_usable_size(block));
  std::free(block);
}
// Not inlined: g++ 12 would take the free for a wrong partner of new[].
[[gnu::noinline]] void operator delete[](void *block) noexcept { give_back(block); }
[[gnu::noinline]] void operator delete[](void *block, std::size_t) noexcept { give_back(block); }
void *operator new[](std::size_t size) {
  void *const block = std::malloc(size);
  if (block == nullptr) std::abort();
  return block;
}
