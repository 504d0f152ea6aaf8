// How kernels reach activations: they are kept as Elements (program.h) and worked on as Reals. Vectors come and go by load and store,
// single ones by get and set, planes by copy and clear; where Elements are Reals those are vector.h's and copies of memory.
#pragma once
#include "vector.h"

namespace {

using densenet::BFloat16;
using densenet::Element;

/// Elements of a line of the cache; how many elements so many Reals take the room of.
constexpr int64_t LINE = 64 / int64_t(sizeof(Element));
constexpr int64_t roomOf(int64_t reals) { return reals * int64_t(sizeof(Real)) / int64_t(sizeof(Element)); }
/// Lines that they take.
constexpr int64_t linesOf(int64_t reals) { return divideUp(roomOf(reals), LINE); }

/// Whether storing rounds: sums are then made in scratch, not where they are kept.
constexpr bool ROUNDS = sizeof(Element) != sizeof(Real);

inline Real get(const Real* from) { return *from; }
inline void set(Real* to, Real x) { *to = x; }
inline void copy(Real* to, const Real* from, int64_t count) { memcpy(to, from, size_t(count) * sizeof(Real)); }
template <class T>
inline void clear(T* to, int64_t count) { memset(to, 0, size_t(count) * sizeof(T)); }

#if DENSENET_PRECISION == 16

typedef uint16_t HalfVec __attribute__((vector_size(WIDTH * sizeof(uint16_t))));

inline Vec widen(HalfVec from) {
  const BitVec bits = __builtin_convertvector(from, BitVec) << 16;
  Vec v;
  memcpy(&v, &bits, sizeof v);
  return v;
}
/// To the nearest, of two to the even one; NaN stays NaN.
inline BitVec roundedBits(Vec v) {
  BitVec bits;
  memcpy(&bits, &v, sizeof bits);
  return v == v ? bits + 0x7fffu + (bits >> 16 & 1u) : bits | 0x400000u;
}
inline HalfVec narrow(Vec v) { return __builtin_convertvector(roundedBits(v) >> 16, HalfVec); }

inline Vec load(const BFloat16* from) {
  HalfVec half;
  memcpy(&half, from, sizeof half);
  return widen(half);
}
inline void store(BFloat16* to, Vec v) {
  const HalfVec half = narrow(v);
  memcpy(to, &half, sizeof half);
}
inline Vec loadPart(const BFloat16* from, int count) {
  if (count >= WIDTH) return load(from);
  HalfVec half{};
  memcpy(&half, from, size_t(count) * sizeof(BFloat16));
  return widen(half);
}
inline void storePart(BFloat16* to, Vec v, int count) {
  if (count >= WIDTH) return store(to, v);
  const HalfVec half = narrow(v);
  memcpy(to, &half, size_t(count) * sizeof(BFloat16));
}

inline Real get(const BFloat16* from) {
  const uint32_t bits = uint32_t(from->bits) << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
inline void set(BFloat16* to, Real x) { storePart(to, broadcast(x), 1); }

template <class To, class From>
inline void copy(To* to, const From* from, int64_t count) {
  int64_t i = 0;
  for (; i + WIDTH <= count; i += WIDTH) store(to + i, load(from + i));
  if (i < count) storePart(to + i, loadPart(from + i, int(count - i)), int(count - i));
}

/// What storing and loading them again would make of them.
inline void roundAll(Real* x, int64_t count) {
  for (int64_t i = 0; i < count; i += WIDTH) {
    const int part = int(smaller<int64_t>(WIDTH, count - i));
    storePart(x + i, widen(narrow(loadPart(x + i, part))), part);
  }
}

#else

inline void roundAll(Real*, int64_t) {}

#endif

}  // namespace
