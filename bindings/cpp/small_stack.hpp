// Runs a function on a thread whose stack is 64 KiB, with nothing but a guard page below it.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <pthread.h>
#include <sys/mman.h>

constexpr long small_stack_bytes = 64 * 1024;

inline void stack_needs(bool holds, const char *what) {
  if (holds) return;
  std::printf("small_stack: %s\n", what);
  std::exit(1);
}

// Gives the bytes of it that were written, the thread's own and those of its exit among them.
inline long on_small_stack(const std::function<void()> &body) {
  constexpr long guard = 64 * 1024;
  void *const whole = mmap(nullptr, guard + small_stack_bytes, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_needs(whole != MAP_FAILED, "no memory");
  auto *const stack = static_cast<unsigned char *>(whole) + guard;
  stack_needs(mprotect(stack, small_stack_bytes, PROT_READ | PROT_WRITE) == 0, "mprotect");
  std::memset(stack, 0x5A, small_stack_bytes);
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
  const auto *const lowest = std::find_if(stack, stack + small_stack_bytes,
                                          [](unsigned char byte) { return byte != 0x5A; });
  const long used = stack + small_stack_bytes - lowest;
  (void)pthread_attr_destroy(&attributes);
  (void)munmap(whole, guard + small_stack_bytes);
  return used;
}
