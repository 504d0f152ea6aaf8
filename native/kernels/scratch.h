// Scratch memory laid out by a struct's constructor: run once on nothing it tells the size, run on memory it places.
#pragma once
#include "../program.h"
#include "vector.h"

namespace {

class Scratch {
 public:
  explicit Scratch(char* base) : base_(base) {}
  /// `count` items, aligned to a cache line, with a vector of slack behind them that may be read and written.
  template <class T>
  T* take(int64_t count) {
    T* items = reinterpret_cast<T*>(base_ ? base_ + used_ : nullptr);
    used_ += roundUp(count * int64_t(sizeof(T)) + int64_t(sizeof(Vec)), 64);
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
