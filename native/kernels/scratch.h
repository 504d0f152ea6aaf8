// Scratch memory laid out by a struct's constructor: run once on nothing it tells the size, run on memory it places.
#pragma once
#include "../program.h"
#include "vector.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DENSENET_GUARDED_SCRATCH
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define DENSENET_GUARDED_SCRATCH
#endif
#if defined(DENSENET_GUARDED_SCRATCH)
extern "C" void __asan_poison_memory_region(const volatile void*, size_t);
extern "C" void __asan_unpoison_memory_region(const volatile void*, size_t);
#endif

namespace {

/// Under AddressSanitizer nobody may touch this much behind each item.
#if defined(DENSENET_GUARDED_SCRATCH)
constexpr int64_t GUARD = 64;
#else
constexpr int64_t GUARD = 0;
#endif

class Scratch {
 public:
  explicit Scratch(char* base) : base_(base) {}
  /// `count` items, aligned to a cache line, with a vector of slack behind them that may be read and written.
  template <class T>
  T* take(int64_t count) {
    T* items = reinterpret_cast<T*>(base_ ? base_ + used_ : nullptr);
    const int64_t bytes = count * int64_t(sizeof(T)) + int64_t(sizeof(Vec)), step = roundUp(bytes, 64) + GUARD;
#if defined(DENSENET_GUARDED_SCRATCH)
    if (base_) {
      __asan_unpoison_memory_region(items, size_t(bytes));
      __asan_poison_memory_region(base_ + used_ + bytes, size_t(step - bytes));
    }
#endif
    used_ += step;
    return items;
  }
  int64_t used() const { return used_; }

 private:
  char* base_;
  int64_t used_ = 0;
};

template <class Layout>
int64_t bytesOf(const densenet::Call& call, int batch) {
  Scratch scratch(nullptr);
  Layout(scratch, call, batch);
  return scratch.used();
}

template <class Layout>
Layout layoutAt(char* base, const densenet::Task& task) {
  Scratch scratch(base);
  return Layout(scratch, task.call, task.run.batch);
}

/// Part `i` of `parts` of 0 .. n - 1, as evenly as can be.
struct Range {
  int64_t first, end;
  int64_t size() const { return end - first; }
};
inline Range part(int64_t n, int64_t parts, int64_t i) { return {n * i / parts, n * (i + 1) / parts}; }
/// The same of a range.
inline Range part(Range range, int64_t parts, int64_t i) {
  const Range within = part(range.size(), parts, i);
  return {range.first + within.first, range.first + within.end};
}

}  // namespace
