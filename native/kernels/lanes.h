// Moving lanes between two vectors: the patterns that transpositions, pools and strides are made of.
#pragma once
#include "vector.h"

namespace {

template <int... I>
struct Lanes {};
template <int N, int... I>
struct LaneSequence : LaneSequence<N - 1, N - 1, I...> {};
template <int... I>
struct LaneSequence<0, I...> {
  typedef Lanes<I...> type;
};
typedef LaneSequence<WIDTH>::type AllLanes;

/// Lanes of `a` (0 .. WIDTH - 1) and `b` (WIDTH ...) in the order given.
template <int... FROM>
inline Vec pick(Vec a, Vec b) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, FROM...);
#else
  return __builtin_shuffle(a, b, IntVec{FROM...});
#endif
}

/// One stage of a recursive transposition (Eklundh 1972): blocks of B lanes change places.
template <int B, bool HIGH, int... I>
inline Vec interleaveBlocks(Vec a, Vec b, Lanes<I...>) {
  return pick<(HIGH ? ((I & B) ? WIDTH + I : I + B) : ((I & B) ? WIDTH + I - B : I))...>(a, b);
}

/// Elements 0, 2, 4, ... (1, 3, 5, ...) of a and b one after the other.
template <int... I>
inline Vec evenOf(Vec a, Vec b, Lanes<I...>) { return pick<2 * I...>(a, b); }
template <int... I>
inline Vec oddOf(Vec a, Vec b, Lanes<I...>) { return pick<2 * I + 1 ...>(a, b); }

/// The last element of `before` and all but the last of v.
template <int... I>
inline Vec shiftIn(Vec before, Vec v, Lanes<I...>) { return pick<WIDTH - 1 + I...>(before, v); }

inline IntVec laneNumbers() {
  IntVec lane;
  for (int i = 0; i < WIDTH; i++) lane[i] = i;
  return lane;
}

/// The first `count` lanes (which may be more than there are, or fewer than none); `rest` after them.
inline Vec firstLanes(Vec v, int64_t count, Real rest = 0) {
  return laneNumbers() < Integer(smaller<int64_t>(count, WIDTH)) + IntVec{} ? v : broadcast(rest);
}

/// a0 b0 a1 b1 ...: the first WIDTH elements, and the others.
template <int... I>
inline Vec zipFirst(Vec a, Vec b, Lanes<I...>) { return pick<(I / 2 + (I % 2) * WIDTH)...>(a, b); }
template <int... I>
inline Vec zipLast(Vec a, Vec b, Lanes<I...>) { return pick<(WIDTH / 2 + I / 2 + (I % 2) * WIDTH)...>(a, b); }

}  // namespace
