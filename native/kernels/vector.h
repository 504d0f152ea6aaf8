// The vector type that every kernel is written over. VECTOR_WIDTH (floats: 4, 8 or 16) is set by the build of each
// instruction set; GCC's and Clang's vector extensions turn the same source into SSE2, AVX2, AVX-512, NEON or
// WebAssembly SIMD.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifndef VECTOR_WIDTH
#error "VECTOR_WIDTH must be defined by the build: 4, 8 or 16"
#endif

namespace {

constexpr int WIDTH = VECTOR_WIDTH;
typedef float Vec __attribute__((vector_size(WIDTH * sizeof(float))));
typedef int32_t IntVec __attribute__((vector_size(WIDTH * sizeof(int32_t))));

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

inline Vec load(const float* from) {
  Vec v;
  memcpy(&v, from, sizeof v);
  return v;
}
inline void store(float* to, Vec v) { memcpy(to, &v, sizeof v); }
/// Minus zero, not plus: x + 0 turns -0 into 0, so the compiler would have to add; x - 0 is x, and this one load.
inline Vec broadcast(float x) { return x - Vec{}; }

/// The first `count` (0 .. WIDTH) lanes; the others are zero and not read (written).
inline Vec loadPart(const float* from, int count) {
  if (count >= WIDTH) return load(from);
  Vec v{};
  memcpy(&v, from, count * sizeof(float));
  return v;
}
inline void storePart(float* to, Vec v, int count) {
  if (count >= WIDTH) return store(to, v);
  memcpy(to, &v, count * sizeof(float));
}

/// NaN stays NaN, so that a diverging training shows in its loss. The empty instruction hides from compilers that zero is zero: they
/// see a maximum then, one instruction, and not a comparison and a mask.
inline Vec relu(Vec v) {
  Vec zero{};
#if defined(__x86_64__)
  asm("" : "+v"(zero));
#elif defined(__aarch64__)
  asm("" : "+w"(zero));
#endif
  return v < zero ? zero : v;
}
/// For what is kept from step to step, or begins a pass: a denormal number is zero. Elsewhere the processor is told so (FlushDenormals
/// in program.cc); WebAssembly cannot tell it, and momentum of gradients that have died out would end there, and stay.
inline float flushed(float x) {
#if defined(__wasm__)
  return __builtin_fabsf(x) < 0x1p-126f ? __builtin_copysignf(0, x) : x;
#else
  return x;
#endif
}
inline float sum(Vec v) {
  float total = 0;
  for (int i = 0; i < WIDTH; i++) total += v[i];
  return total;
}

constexpr int64_t roundUp(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }
constexpr int64_t divideUp(int64_t n, int64_t by) { return (n + by - 1) / by; }
template <class T>
constexpr T smaller(T a, T b) { return a < b ? a : b; }
template <class T>
constexpr T larger(T a, T b) { return a > b ? a : b; }

}  // namespace
