// How kernels reach activations: they are kept as Elements (program.h) and worked on as floats. Vectors come and go by load and store,
// planes by copy and clear; for Elements that are floats those are vector.h's and copies of memory.
#pragma once
#include "../program.h"
#include "vector.h"

namespace {

using densenet::Element;

/// Elements of a line of the cache; how many elements so many floats take the room of.
constexpr int64_t LINE = 64 / int64_t(sizeof(Element));
constexpr int64_t roomOf(int64_t floats) { return floats * int64_t(sizeof(float)) / int64_t(sizeof(Element)); }

template <class T>
inline Vec loadPart(const T* from, int count) {
  Vec v{};
  for (int i = 0; i < smaller(count, WIDTH); i++) v[i] = from[i];
  return v;
}
template <class T>
inline Vec load(const T* from) { return loadPart(from, WIDTH); }
template <class T>
inline void storePart(T* to, Vec v, int count) {
  for (int i = 0; i < smaller(count, WIDTH); i++) to[i] = v[i];
}
template <class T>
inline void store(T* to, Vec v) { storePart(to, v, WIDTH); }

inline void copy(float* to, const float* from, size_t count) { memcpy(to, from, count * sizeof(float)); }
template <class To, class From>
inline void copy(To* to, const From* from, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = from[i];
}
template <class T>
inline void clear(T* to, size_t count) { memset(to, 0, count * sizeof(T)); }

}  // namespace
