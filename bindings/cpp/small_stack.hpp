// Runs a function on a thread whose stack is 64 KiB, with nothing but a guard page below it.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

constexpr long small_stack_bytes = 64 * 1024;

inline void stack_needs(bool holds, const char *what) {
  if (holds) return;
  std::printf("small_stack: %s\n", what);
  std::exit(1);
}

// Gives the bytes of it that were written, the thread's own and those of its exit among them. They
// are looked at in a second mapping: to valgrind nobody may read a stack that is not in use.
inline long on_small_stack(const std::function<void()> &body) {
  constexpr long guard = 64 * 1024;
  const int file = memfd_create("stack", MFD_CLOEXEC);
  stack_needs(file >= 0 && ftruncate(file, small_stack_bytes) == 0, "no memory");
  const auto mapped = [&](void *where, int flags) {
    constexpr int readable = PROT_READ | PROT_WRITE;
    void *const start = mmap(where, small_stack_bytes, readable, MAP_SHARED | flags, file, 0);
    stack_needs(start != MAP_FAILED, "mmap");
    return static_cast<unsigned char *>(start);
  };
  void *const whole = mmap(nullptr, guard + small_stack_bytes, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_needs(whole != MAP_FAILED, "mmap");
  auto *const stack = mapped(static_cast<unsigned char *>(whole) + guard, MAP_FIXED);
  auto *const seen = mapped(nullptr, 0);
  (void)close(file);
  std::memset(seen, 0x5A, small_stack_bytes);
  pthread_attr_t attributes;
  pthread_t thread;
  stack_needs(pthread_attr_init(&attributes) == 0, "pthread_attr_init");
  stack_needs(pthread_attr_setstack(&attributes, stack, small_stack_bytes) == 0, "setstack");
  const auto run = [](void *argument) -> void * {
    (*static_cast<const std::function<void()> *>(argument))();
    return nullptr;
  };
  void *const argument = const_cast<std::function<void()> *>(&body);
  stack_needs(pthread_create(&thread, &attributes, run, argument) == 0, "pthread_create");
  stack_needs(pthread_join(thread, nullptr) == 0, "pthread_join");
  const auto *const lowest = std::find_if(seen, seen + small_stack_bytes,
                                          [](unsigned char byte) { return byte != 0x5A; });
  const long used = seen + small_stack_bytes - lowest;
  (void)pthread_attr_destroy(&attributes);
  (void)munmap(seen, small_stack_bytes);
  (void)munmap(whole, guard + small_stack_bytes);
  return used;
}
