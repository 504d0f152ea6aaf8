// Transposing [channels][pixels] to [pixels][channels], so that lanes run over channels: the operand of a weight gradient.
#pragma once
#include "lanes.h"

namespace {

template <int B>
inline __attribute__((always_inline)) void transposeStages(Vec (&v)[WIDTH]) {
#pragma GCC unroll 16
  for (int i = 0; i < WIDTH; i++) {
    if (i & B) continue;
    const Vec a = v[i], b = v[i + B];
    v[i] = interleaveBlocks<B, false>(a, b, AllLanes{});
    v[i + B] = interleaveBlocks<B, true>(a, b, AllLanes{});
  }
  if constexpr (B * 2 < WIDTH) transposeStages<B * 2>(v);
}

/// to[x * toStep + c] = from[c * fromStep + x] for x < count, c < channels; lanes up to the next multiple of WIDTH get
/// zeros. Reads up to a vector more of each row.
inline void transpose(const Real* from, int64_t fromStep, int channels, int64_t count, Real* to, int64_t toStep) {
  for (int c = 0; c < channels; c += WIDTH) {
    for (int64_t x = 0; x < count; x += WIDTH) {
      const Real* block = from + c * fromStep + x;
      Real* at = to + x * toStep + c;
      Vec v[WIDTH];
      if (c + WIDTH <= channels && x + WIDTH <= count) {
#pragma GCC unroll 16
        for (int i = 0; i < WIDTH; i++) v[i] = load(block + i * fromStep);
        transposeStages<1>(v);
#pragma GCC unroll 16
        for (int i = 0; i < WIDTH; i++) store(at + i * toStep, v[i]);
      } else {
        for (int i = 0; i < WIDTH; i++) v[i] = c + i < channels ? load(block + i * fromStep) : Vec{};
        transposeStages<1>(v);
        const int rows = int(smaller<int64_t>(WIDTH, count - x));
        for (int i = 0; i < rows; i++) store(at + i * toStep, v[i]);
      }
    }
  }
}

}  // namespace
