// The product of layers in int8: rows of activations, whole numbers of 0 .. 127, times weights of -64 .. 64,
//
//   sums[r][lane] = sum over taps and steps of rows[r][taps[t] + step] * weights[t][step][lane]
//
// where a step is a dword of four channels, and lanes run over output channels. Sums are exact, whatever the order, so that every
// instruction set has the same: four products are at most 4 * 127 * 64, which fits 16 bits with the sign.
#pragma once
#include "instructions.h"

namespace {
namespace quantized {

typedef int16_t ShortVec __attribute__((vector_size(WIDTH * sizeof(int32_t))));
typedef uint16_t UnsignedShortVec __attribute__((vector_size(WIDTH * sizeof(int32_t))));
typedef uint32_t UnsignedVec __attribute__((vector_size(WIDTH * sizeof(int32_t))));

inline IntVec loadWhole(const int32_t* from) {
  IntVec v;
  memcpy(&v, from, sizeof v);
  return v;
}
inline void storeWhole(int32_t* to, IntVec v) { memcpy(to, &v, sizeof v); }

/// Both products of each pair of bytes, added up.
inline ShortVec pairsOf(IntVec z, IntVec w) {
#if defined(__AVX2__) && !defined(DENSENET_PLAYED)
  ShortVec pairs;
  asm("vpmaddubsw %2, %1, %0" : "=v"(pairs) : "v"(z), "v"(w));
  return pairs;
#else
  const auto first = [](IntVec v) { return ShortVec(UnsignedShortVec(v) << 8) >> 8; };
  return first(z) * first(w) + (ShortVec(z) >> 8) * (ShortVec(w) >> 8);
#endif
}

/// Both numbers of each pair, added up.
inline IntVec sumOf(ShortVec pairs) {
#if defined(__AVX2__) && !defined(DENSENET_PLAYED)
  const ShortVec ones = ShortVec{} + 1;
  IntVec sum;
  asm("vpmaddwd %2, %1, %0" : "=v"(sum) : "v"(pairs), "v"(ones));
  return sum;
#else
  return (IntVec(UnsignedVec(pairs) << 16) >> 16) + (IntVec(pairs) >> 16);
#endif
}

/// sum + the eight products of the bytes of two dwords.
inline __attribute__((always_inline)) IntVec addProducts(IntVec sum, IntVec z0, IntVec w0, IntVec z1, IntVec w1) {
#if defined(DENSENET_VNNI)
  addBytes(sum, z0, w0);
  addBytes(sum, z1, w1);
  return sum;
#else
  return sum + sumOf(pairsOf(z0, w0) + pairsOf(z1, w1));
#endif
}

/// Rows and vectors of the largest tile: with two steps of weights, and what a product needs, it fits 16 registers, or 32.
constexpr int ROWS = 4;

/// Lines of memory that will soon be wanted, of rows one after the other: after each tile a few are asked for.
struct Ahead {
  const char* row = nullptr;
  int64_t rowStep = 0;  // in bytes
  int rows = 0, lines = 0, each = 0, line = 0;
  void ask() {
    for (int i = 0; i < each && rows > 0; i++) {
      __builtin_prefetch(row + line * 64);
      if (++line < lines) continue;
      line = 0;
      row += rowStep;
      rows--;
    }
  }
};

struct Product {
  const int32_t* weights;  // [tap][step][vectors * WIDTH]
  const int64_t* taps;     // from a row to what a tap reads, in dwords
  int tapCount;
  int64_t steps;  // of a tap; even
};

template <int R, int V, class Finish>
__attribute__((noinline)) void tile(const Product& p, const int32_t* const* rows, int first, const Finish& finish) {
  IntVec sums[R][V]{};
  const int32_t* weights = p.weights;
  for (int tap = 0; tap < p.tapCount; tap++) {
    const int32_t* z[R];
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) z[r] = rows[first + r] + p.taps[tap];
    for (int64_t k = 0; k < p.steps; k += 2) {
      IntVec w[2][V];
#pragma GCC unroll 8
      for (int i = 0; i < 2 * V; i++) w[i / V][i % V] = loadWhole(weights + i * WIDTH);
      weights += 2 * V * WIDTH;
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) {
        const IntVec z0 = z[r][k] + IntVec{}, z1 = z[r][k + 1] + IntVec{};
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) sums[r][v] = addProducts(sums[r][v], z0, w[0][v], z1, w[1][v]);
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; r++)
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) finish(first + r, v, sums[r][v]);
}

template <int V, class Finish>
inline void multiplyRows(const Product& p, const int32_t* const* rows, int count, Ahead& ahead, const Finish& finish) {
  for (int first = 0; first < count;) {
    // Evenly, so that no tile is thin.
    const int tiles = int(divideUp(count - first, ROWS)), height = int(divideUp(count - first, tiles));
    switch (height) {
      case 4: tile<4, V>(p, rows, first, finish); break;
      case 3: tile<3, V>(p, rows, first, finish); break;
      case 2: tile<2, V>(p, rows, first, finish); break;
      default: tile<1, V>(p, rows, first, finish);
    }
    first += height;
    ahead.ask();
  }
}

/// Calls finish(row, vector, sums) for all vectors of a slice of weights, 1 .. TILE_VECTORS.
template <class Finish, int V = TILE_VECTORS>
inline void multiply(const Product& p, const int32_t* const* rows, int count, int vectors, Ahead& ahead, const Finish& finish) {
  if (vectors == V) return multiplyRows<V>(p, rows, count, ahead, finish);
  if constexpr (V > 1) multiply<Finish, V - 1>(p, rows, count, vectors, ahead, finish);
}

/// weight[row][channel][tap], whole numbers, as slices of TILE_PIXELS output channels: [slice][tap][step][lane][4 channels], zeros where
/// there are none. A last slice is as wide as its vectors.
inline void packWeights(const float* weight, int rows, int channels, int tapCount, int64_t steps, int64_t lanes, int32_t* to) {
  memset(to, 0, size_t(tapCount * steps * lanes) * sizeof(int32_t));
  for (int64_t slice = 0; slice < lanes; slice += TILE_PIXELS) {
    const int64_t width = smaller<int64_t>(TILE_PIXELS, lanes - slice);
    int8_t* bytes = reinterpret_cast<int8_t*>(to + slice * tapCount * steps);
    for (int64_t lane = 0; lane < width && slice + lane < rows; lane++) {
      const float* from = weight + (slice + lane) * channels * tapCount;
      for (int c = 0; c < channels; c++) {
        for (int tap = 0; tap < tapCount; tap++) {
          bytes[((tap * steps + c / 4) * width + lane) * 4 + c % 4] = int8_t(from[c * tapCount + tap]);
        }
      }
    }
  }
}

/// Whole numbers of 0 .. 127, halves to even, NaN as 127, in the lowest byte of each lane: adding 2^23 rounds them there.
inline UnsignedVec roundWhole(Vec v) {
  const Vec least = relu(v), largest = broadcast(127);
  return UnsignedVec((least < largest ? least : largest) + broadcast(8388608));
}

}  // namespace quantized
}  // namespace
