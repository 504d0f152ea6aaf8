// Products of bfloat16, where a processor has them (AVX512_BF16): two numbers that a sum takes one after the other lie in one lane, as a
// pair, and a step adds both products to the lane's sum. Elsewhere every step takes one number.
#pragma once
#include "element.h"
#include "instructions.h"
#include "lanes.h"

namespace {

#if DENSENET_PRECISION == 16 && defined(DENSENET_PAIRS)

constexpr bool PAIRS = true;

inline Vec pairOf(Vec first, Vec second) { return asVec(roundedBits(first) >> 16 | (roundedBits(second) & 0xffff0000u)); }
inline Vec broadcastBits(Real pair) {
  uint32_t bits;
  memcpy(&bits, &pair, sizeof bits);
  return asVec(BitVec{} + bits);
}

/// Rows of `width` become pairs of rows, in their place; the last of an odd number of them is paired with zeros.
inline void makePairs(Real* rows, int64_t count, int64_t width) {
  for (int64_t r = 0; r < count; r += 2) {
    const Real* from = rows + r * width;
    for (int64_t i = 0; i < width; i += WIDTH) {
      store(rows + r / 2 * width + i, pairOf(load(from + i), r + 1 < count ? load(from + width + i) : Vec{}));
    }
  }
}

/// Numbers of a row become pairs of neighbours, in their place.
inline void makeNeighbours(Real* row, int64_t count) {
  BFloat16* to = reinterpret_cast<BFloat16*>(row);
  for (int64_t i = 0; i < count; i += WIDTH) store(to + i, firstLanes(load(row + i), count - i));
}

#else

constexpr bool PAIRS = false;

inline Vec broadcastBits(Real) { return Vec{}; }
inline Vec pairOf(Vec, Vec) { return Vec{}; }
inline void makePairs(Real*, int64_t, int64_t) {}
inline void makeNeighbours(Real*, int64_t) {}

#endif

/// Steps of a product of so many numbers.
constexpr int64_t stepsOf(int64_t count) { return PAIRS ? divideUp(count, 2) : count; }

}  // namespace
