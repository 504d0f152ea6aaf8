// Instructions that vector types have no expression for. Where the build is to play them (scripts/build-native.mjs --played), for tests on
// processors without them, what they do: the same bits.
#pragma once
#include "vector.h"

namespace {

#if DENSENET_PRECISION != 64

inline Vec asVec(BitVec bits) {
  Vec v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

/// VDPBF16PS: adds both products of pairs of bfloat16 to a sum. It is two fused multiply-adds to the nearest, the upper halves' first,
/// whose denormal numbers are zero, as they are in all kernels (FlushDenormals in program.cc).
inline void addPairs(Vec& sum, Vec a, Vec b) {
#if defined(__AVX512BF16__)
  asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
#else
  BitVec x, y;
  memcpy(&x, &a, sizeof x);
  memcpy(&y, &b, sizeof y);
  sum += asVec(x & 0xffff0000u) * asVec(y & 0xffff0000u);
  sum += asVec(x << 16) * asVec(y << 16);
#endif
}

/// VPDPBUSD: adds the products of four bytes, of which those of `a` have no sign, to a sum.
inline void addBytes(IntVec& sum, IntVec a, IntVec b) {
#if defined(__AVX512VNNI__)
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
#elif defined(__AVXVNNI__)
  asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
#else
  for (int bits = 0; bits < 32; bits += 8) sum += (a >> bits & 0xff) * (IntVec(BitVec(b) << (24 - bits)) >> 24);
#endif
}

#endif

}  // namespace
