// Transposing [channels][pixels] to [pixels][channels], so that lanes run over channels: the operand of a weight gradient.
#pragma once
#include "vector.h"

namespace {

/// Lanes of two vectors swapped as one stage of a recursive transposition (Eklundh 1972): blocks of B lanes.
template <int... I>
struct Lanes {};
template <int N, int... I>
struct LaneSequence : LaneSequence<N - 1, N - 1, I...> {};
template <int... I>
struct LaneSequence<0, I...> {
  typedef Lanes<I...> type;
};

template <int B, bool HIGH, int... I>
inline Vec interleave(Vec a, Vec b, Lanes<I...>) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, (HIGH ? ((I & B) ? WIDTH + I : I + B) : ((I & B) ? WIDTH + I - B : I))...);
#else
  return __builtin_shuffle(a, b, IntVec{(HIGH ? ((I & B) ? WIDTH + I : I + B) : ((I & B) ? WIDTH + I - B : I))...});
#endif
}

template <int B>
inline __attribute__((always_inline)) void transposeStages(Vec (&v)[WIDTH]) {
#pragma GCC unroll 16
  for (int i = 0; i < WIDTH; i++) {
    if (i & B) continue;
    const Vec a = v[i], b = v[i + B];
    typedef typename LaneSequence<WIDTH>::type All;
    v[i] = interleave<B, false>(a, b, All{});
    v[i + B] = interleave<B, true>(a, b, All{});
  }
  if constexpr (B * 2 < WIDTH) transposeStages<B * 2>(v);
}

/// to[x * toStep + c] = from[c * fromStep + x] for x < count, c < channels; lanes up to the next multiple of WIDTH get
/// zeros. Reads up to a vector more of each row.
inline void transpose(const float* from, int64_t fromStep, int channels, int64_t count, float* to, int64_t toStep) {
  for (int c = 0; c < channels; c += WIDTH) {
    for (int64_t x = 0; x < count; x += WIDTH) {
      Vec block[WIDTH];
      for (int i = 0; i < WIDTH; i++) block[i] = c + i < channels ? load(from + (c + i) * fromStep + x) : Vec{};
      transposeStages<1>(block);
      const int rows = int(smaller<int64_t>(WIDTH, count - x));
      for (int i = 0; i < rows; i++) store(to + (x + i) * toStep + c, block[i]);
    }
  }
}

}  // namespace
