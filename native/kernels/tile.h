// The one loop where the arithmetic happens: a register tile of R rows x V vectors,
//
//   sum[r][v] += sum_j sum_t  weights[r * rowStep + j * step + t] * input[j * inputStep + offsets[t] + v * WIDTH + lane]
//
// A 1x1 convolution is one tap (offsets = {0}), j over input channels; a 3x3 has nine, over zero-padded rows; a weight
// gradient is one tap with j over pixels, where the "input" is a transposed operand whose lanes are channels.
#pragma once
#include "vector.h"

namespace {

/// Lines of memory that will soon be wanted. A tile asks for one with every step: asked for in a burst they would fill the
/// few places that a processor has for lines on their way, and it would wait.
struct Ahead {
  const float* base = nullptr;
  const int64_t* offsets = nullptr;
  int64_t count = 0;
  /// Those for a tile of so many steps.
  Ahead take(int64_t steps) {
    const Ahead taken{base, offsets, smaller(count, steps)};
    offsets += taken.count;
    count -= taken.count;
    return taken;
  }
};

struct Operands {
  const float* weights;
  int64_t rowStep;  // from a row's weights to the next row's
  int64_t step;     // from a weight to the next one along j
  const float* input;
  int64_t inputStep;
  int64_t count;  // of j
  int taps;
  const int32_t* offsets;  // [taps]; not read when taps is 1
};

/// Where the weights of R rows are. A pointer for three rows each, with multiples of the step between rows that processors add
/// as they load, leaves registers enough for tall tiles; the empty instruction keeps compilers from making R pointers of them.
template <int R>
class RowPointers {
 public:
  explicit RowPointers(const Operands& o)
      : first_(o.weights), second_(first_ + 3 * o.rowStep), third_(second_ + 3 * o.rowStep), fourth_(third_ + 3 * o.rowStep) {}
  float at(int r, int64_t rowStep) const {
    const float* pointer = r < 3 ? first_ : r < 6 ? second_ : r < 9 ? third_ : fourth_;
    return pointer[r % 3 * rowStep];
  }
  void advance(int64_t step) {
    move(first_, step);
    if constexpr (R > 3) move(second_, step);
    if constexpr (R > 6) move(third_, step);
    if constexpr (R > 9) move(fourth_, step);
  }

 private:
  static void move(const float*& pointer, int64_t step) {
    pointer += step;
    asm("" : "+r"(pointer));
  }
  const float *first_, *second_, *third_, *fourth_;
};

template <int R, int V>
inline __attribute__((always_inline)) void multiplyTile(Vec (&sums)[R][V], const Operands& o, const Ahead& ahead) {
  const float* input = o.input;
  const int64_t rowStep = o.rowStep, inputStep = o.inputStep;
  RowPointers<R> rows(o);
  if (o.taps == 1) {
    const int64_t step = o.step;
    const auto multiplyStep = [&]() __attribute__((always_inline)) {
      Vec x[V];
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) x[v] = load(input + v * WIDTH);
#pragma GCC unroll 12
      for (int r = 0; r < R; r++) {
        const Vec w = broadcast(rows.at(r, rowStep));
#pragma GCC unroll 8
        for (int v = 0; v < V; v++) sums[r][v] += w * x[v];
      }
      rows.advance(step);
      input += inputStep;
    };
    int64_t j = 0;
    for (; j < ahead.count; j++) {
      __builtin_prefetch(ahead.base + ahead.offsets[j]);
      multiplyStep();
    }
    for (; j < o.count; j++) multiplyStep();
    return;
  }
  const int64_t step = o.step - o.taps;
  for (int64_t j = 0; j < o.count; j++) {
    // The next channel's rows: their planes are too far apart for the processor to guess.
    for (int t = 0; t < o.taps; t += 3) {
      for (int v = 0; v < V * WIDTH; v += 16) __builtin_prefetch(input + inputStep + o.offsets[t] + v);
    }
    for (int t = 0; t < o.taps; t++) {
      const float* tap = input + o.offsets[t];
      Vec x[V];
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) x[v] = load(tap + v * WIDTH);
#pragma GCC unroll 12
      for (int r = 0; r < R; r++) {
        const Vec w = broadcast(rows.at(r, rowStep));
#pragma GCC unroll 8
        for (int v = 0; v < V; v++) sums[r][v] += w * x[v];
      }
      rows.advance(1);
    }
    rows.advance(step);
    input += inputStep;
  }
}

/// Computes one tile and writes its sums to out[r * outStep + v * WIDTH ...].
template <int R, int V>
__attribute__((noinline)) void tileTo(const Operands& o, float* out, int64_t outStep, bool add, const Ahead& ahead) {
  Vec sums[R][V];
#pragma GCC unroll 12
  for (int r = 0; r < R; r++)
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) sums[r][v] = add ? load(out + r * outStep + v * WIDTH) : Vec{};
  multiplyTile<R, V>(sums, o, ahead);
#pragma GCC unroll 12
  for (int r = 0; r < R; r++)
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) store(out + r * outStep + v * WIDTH, sums[r][v]);
}

typedef void (*TileFunction)(const Operands&, float*, int64_t, bool, const Ahead&);

/// Rows of the tallest tile: thin tiles may be higher.
constexpr int MOST_ROWS = 12;
constexpr int tileRows(int vectors) { return smaller(MOST_ROWS, TILE_ROWS * TILE_VECTORS / vectors); }

/// The tile functions of every height (1 .. tileRows) and width (1 .. TILE_VECTORS).
template <int V, int R>
constexpr void fillColumn(TileFunction* at) {
  at[R - 1] = tileTo<R, V>;
  if constexpr (R > 1) fillColumn<V, R - 1>(at);
}
template <int V>
constexpr void fillTable(TileFunction (*at)[MOST_ROWS]) {
  fillColumn<V, tileRows(V)>(at[V - 1]);
  if constexpr (V > 1) fillTable<V - 1>(at);
}
struct TileTable {
  TileFunction at[TILE_VECTORS][MOST_ROWS];
  constexpr TileTable() : at{} { fillTable<TILE_VECTORS>(at); }
};
constexpr TileTable TILES;

inline TileFunction tileFor(int rows, int vectors) { return TILES.at[vectors - 1][rows - 1]; }

/// out[rows][vectors * WIDTH] (+)= weights x input, in register tiles. Rows are split evenly, so that no tile is thin.
/// Its tiles take the lines to ask for from `ahead`.
inline void multiply(const Operands& operands, int rows, int vectors, float* out, int64_t outStep, bool add, Ahead& ahead) {
  for (int v = 0; v < vectors; v += TILE_VECTORS) {
    const int width = smaller(TILE_VECTORS, vectors - v);
    const int groups = divideUp(rows, tileRows(width));
    for (int g = 0; g < groups; g++) {
      const int first = int64_t(rows) * g / groups, end = int64_t(rows) * (g + 1) / groups;
      const Operands o{operands.weights + first * operands.rowStep, operands.rowStep, operands.step, operands.input + v * WIDTH,
                       operands.inputStep, operands.count, operands.taps, operands.offsets};
      tileFor(end - first, width)(o, out + first * outStep + v * WIDTH, outStep, add, ahead.take(o.count));
    }
  }
}
inline void multiply(const Operands& operands, int rows, int vectors, float* out, int64_t outStep, bool add) {
  Ahead nothing;
  multiply(operands, rows, vectors, out, outStep, add, nothing);
}

/// Offsets of the lines of `rows` rows of `floats` (a vector's worth is enough of a part), `rowStep` apart, after `base`.
inline int64_t* listLines(int64_t base, int rows, int64_t rowStep, int64_t floats, int64_t* to) {
  for (int r = 0; r < rows; r++) {
    for (int64_t i = 0; i < floats; i += 16) *to++ = base + r * rowStep + i;
  }
  return to;
}

}  // namespace
