// The vector type that every kernel is written over: of Reals (program.h). VECTOR_WIDTH (in floats: 4, 8 or 16) is set by the build of
// each instruction set; GCC's and Clang's vector extensions turn the same source into SSE2, AVX2, AVX-512, NEON or
// WebAssembly SIMD.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../program.h"

#ifndef VECTOR_WIDTH
#error "VECTOR_WIDTH must be defined by the build: 4, 8 or 16"
#endif

namespace {

using densenet::Real;

template <int BYTES>
struct IntegerOf {
  typedef int32_t type;
};
template <>
struct IntegerOf<8> {
  typedef int64_t type;
};

constexpr int WIDTH = VECTOR_WIDTH * int(sizeof(float)) / int(sizeof(Real));
typedef Real Vec __attribute__((vector_size(WIDTH * sizeof(Real))));
/// Of the size of a Real, as masks are.
typedef IntegerOf<sizeof(Real)>::type Integer;
typedef Integer IntVec __attribute__((vector_size(WIDTH * sizeof(Integer))));
typedef uint32_t BitVec __attribute__((vector_size(WIDTH * sizeof(uint32_t))));

// A tile of ROWS x VECTORS accumulators fits the registers: 24 of 32 (AVX-512, NEON), 12 of 16 (AVX2, SSE2). V8 keeps one of 16 for itself,
// and a product that is not added in the same instruction needs one, too.
#if VECTOR_WIDTH == 16 || defined(__aarch64__)
constexpr int TILE_VECTORS = 4;
#else
constexpr int TILE_VECTORS = 2;
#endif
#if defined(__wasm__) && !defined(__wasm_relaxed_simd__)
constexpr int TILE_ROWS = 4;
#else
constexpr int TILE_ROWS = 6;
#endif
constexpr int TILE_PIXELS = TILE_VECTORS * WIDTH;

inline Vec load(const Real* from) {
  Vec v;
  memcpy(&v, from, sizeof v);
  return v;
}
inline void store(Real* to, Vec v) { memcpy(to, &v, sizeof v); }
/// Minus zero, not plus: x + 0 turns -0 into 0, so the compiler would have to add; x - 0 is x, and this one load.
inline Vec broadcast(Real x) { return x - Vec{}; }

/// The first `count` (0 .. WIDTH) lanes; the others are zero and not read (written).
inline Vec loadPart(const Real* from, int count) {
  if (count >= WIDTH) return load(from);
  Vec v{};
  memcpy(&v, from, count * sizeof(Real));
  return v;
}
inline void storePart(Real* to, Vec v, int count) {
  if (count >= WIDTH) return store(to, v);
  memcpy(to, &v, count * sizeof(Real));
}

/// NaN stays NaN, so that a diverging training shows in its loss. The empty instruction hides from compilers that zero is zero: they
/// see a maximum then, one instruction, and not a comparison and a mask.
inline Vec relu(Vec v) {
  Vec zero{};
#if defined(__x86_64__) && !defined(DENSENET_PLAYED)
  asm("" : "+v"(zero));
#elif defined(__aarch64__)
  asm("" : "+w"(zero));
#endif
  return v < zero ? zero : v;
}
/// For what is kept from step to step, or begins a pass: a denormal number is zero. Elsewhere the processor is told so (FlushDenormals
/// in program.cc); WebAssembly cannot tell it, and momentum of gradients that have died out would end there, and stay.
inline Real flushed(Real x) {
#if defined(__wasm__)
  return __builtin_fabsf(x) < 0x1p-126f ? __builtin_copysignf(0, x) : x;
#else
  return x;
#endif
}
inline Real sum(Vec v) {
  Real total = 0;
  for (int i = 0; i < WIDTH; i++) total += v[i];
  return total;
}

inline float squareRoot(float x) { return __builtin_sqrtf(x); }
inline double squareRoot(double x) { return __builtin_sqrt(x); }

constexpr int64_t roundUp(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }
constexpr int64_t divideUp(int64_t n, int64_t by) { return (n + by - 1) / by; }
template <class T>
constexpr T smaller(T a, T b) { return a < b ? a : b; }
template <class T>
constexpr T larger(T a, T b) { return a > b ? a : b; }

}  // namespace
