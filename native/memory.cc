#include "memory.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DENSENET_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define DENSENET_ADDRESS_SANITIZER
#endif

#if defined(DENSENET_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>

#include <cstdlib>
#include <cstring>
#elif defined(_WIN32)
#include <windows.h>

#include <cstdint>
#else
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#endif

namespace densenet {

#if defined(DENSENET_ADDRESS_SANITIZER)

// The sanitizer's own allocator puts forbidden zones around each buffer; behind it kernels may read one vector.
void* allocateZeroed(size_t bytes) {
  constexpr size_t VECTOR = 64;
  void* memory = nullptr;
  if (posix_memalign(&memory, VECTOR, bytes + VECTOR) != 0) return nullptr;
  return memset(memory, 0, bytes + VECTOR);
}

void freeMemory(void* memory, size_t) { free(memory); }

// What is read nevertheless is to be seen.
void forget(void* memory, size_t bytes) { memset(memory, 0xff, bytes); }

void guard(void* memory, size_t bytes) { __asan_poison_memory_region(memory, bytes); }

#else

namespace {
constexpr size_t SLACK = 4096;
size_t sizeWithSlack(size_t bytes) { return bytes + SLACK; }

struct Pages {
  void* first;
  size_t bytes;
};
/// Those that lie wholly in it.
Pages wholePages(void* memory, size_t bytes, size_t page) {
  const uintptr_t start = uintptr_t(memory), first = (start + page - 1) / page * page, end = (start + bytes) / page * page;
  return {reinterpret_cast<void*>(first), end > first ? end - first : 0};
}
}  // namespace

#if defined(_WIN32)

void* allocateZeroed(size_t bytes) {
  return VirtualAlloc(nullptr, sizeWithSlack(bytes), MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void freeMemory(void* memory, size_t) {
  if (memory) VirtualFree(memory, 0, MEM_RELEASE);
}

void forget(void* memory, size_t bytes) {
  const Pages pages = wholePages(memory, bytes, 4096);
  if (pages.bytes > 0) VirtualAlloc(pages.first, pages.bytes, MEM_RESET, PAGE_READWRITE);
}

#else

void* allocateZeroed(size_t bytes) {
  const size_t size = sizeWithSlack(bytes);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
#if defined(MADV_HUGEPAGE)
  constexpr size_t HUGE_PAGE = size_t(2) << 20;
  if (size >= 4 * HUGE_PAGE) madvise(memory, size, MADV_HUGEPAGE);
#endif
  return memory;
}

void freeMemory(void* memory, size_t bytes) {
  if (memory) munmap(memory, sizeWithSlack(bytes));
}

void forget(void* memory, size_t bytes) {
  const Pages pages = wholePages(memory, bytes, size_t(sysconf(_SC_PAGESIZE)));
  if (pages.bytes > 0) madvise(pages.first, pages.bytes, MADV_DONTNEED);
}

#endif

void guard(void*, size_t) {}

#endif

}  // namespace densenet
