// The one loop where the arithmetic happens: a register tile of R rows x V vectors,
//
//   sum[r][v] += sum_j weights[r * rowStep + j * step] * input[j * inputStep + v * WIDTH + lane]
//
// j runs over input channels in a convolution; in a weight gradient over pixels, where the "input" is a transposed operand whose
// lanes are channels.
#pragma once
#include "vector.h"

namespace {

/// Lines of memory that will soon be wanted. A tile asks for one every few steps: asked for in a burst they would fill the few
/// places that a processor has for lines on their way, and it would wait.
struct Ahead {
  const float* base = nullptr;
  const int64_t* offsets = nullptr;
  int64_t count = 0;
  int64_t every = 1;  // steps
  /// Spreads them over so many steps.
  Ahead over(int64_t steps) const { return {base, offsets, count, larger<int64_t>(steps / larger<int64_t>(count, 1), 1)}; }
};

struct Operands {
  const float* weights;
  int64_t rowStep;  // from a row's weights to the next row's
  int64_t step;     // from a weight to the next one along j
  const float* input;
  int64_t inputStep;
  int64_t count;  // of j
};

/// Where the weights of R rows are: one pointer, and multiples of the step between rows, in bytes. Processors add such a number,
/// or two to eight times it, as they load, so that few multiples need a register; the empty instructions keep compilers from
/// making a pointer for each row. The fewer instructions there are, the less it hurts when another thread shares the core.
template <int R>
class RowPointers {
 public:
  RowPointers(const float* weights, int64_t rowStep)
      : first_(reinterpret_cast<const char*>(weights)), one_(rowStep * int64_t(sizeof(float))), three_(3 * one_), five_(5 * one_),
        seven_(7 * one_), nine_(9 * one_), eleven_(11 * one_) {
    hide(one_);
    hide(three_);
    hide(five_);
    hide(seven_);
    hide(nine_);
    hide(eleven_);
  }
  float at(int r) const {
    const int64_t odd[] = {one_, three_, five_, seven_, nine_, eleven_};
    const int64_t bytes = r % 2 == 1 ? odd[r / 2] : r % 4 == 2 ? 2 * odd[r / 4] : r * one_;
    float weight;
    memcpy(&weight, first_ + bytes, sizeof weight);
    return weight;
  }
  void advance(int64_t step) {
    first_ += step * int64_t(sizeof(float));
    asm("" : "+r"(first_));
  }

 private:
  static void hide(int64_t& bytes) { asm("" : "+r"(bytes)); }
  const char* first_;
  int64_t one_, three_, five_, seven_, nine_, eleven_;
};

/// What a tile's one loop does: just multiply, or ask for lines as well. Each is a function of its own: where loops share sums,
/// compilers want them in different registers for each, and move them in between.
enum class Loop { PLAIN, ASKING };
constexpr int LOOPS = 2;

template <int R, int V>
inline __attribute__((always_inline)) void multiplyStep(Vec (&sums)[R][V], const RowPointers<R>& rows, const float* input) {
  Vec x[V];
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) x[v] = load(input + v * WIDTH);
#pragma GCC unroll 12
  for (int r = 0; r < R; r++) {
    const Vec w = broadcast(rows.at(r));
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) sums[r][v] += w * x[v];
  }
}

template <int R, int V, Loop LOOP>
inline __attribute__((always_inline)) void multiplyTile(Vec (&sums)[R][V], const Operands& o, const float* weights, const float* input,
                                                        Ahead& ahead) {
  const int64_t rowStep = o.rowStep, inputStep = o.inputStep, count = o.count;
  RowPointers<R> rows(weights, rowStep);
  const int64_t step = o.step;
  const int64_t last = ahead.count - 1, every = ahead.every;
  int64_t line = 0;
  const float* const end = input + count * inputStep;
  while (input != end) {
    const float* stop = end;
    if constexpr (LOOP == Loop::ASKING) {
      __builtin_prefetch(ahead.base + ahead.offsets[line]);
      line += line < last;  // the last one again, when there are no more
      if (every * inputStep < end - input) stop = input + every * inputStep;
    }
    do {
      multiplyStep(sums, rows, input);
      rows.advance(step);
      input += inputStep;
    } while (input != stop);
  }
  if constexpr (LOOP == Loop::ASKING) {
    ahead.count = line < last ? last + 1 - line : 0;
    ahead.offsets += line;
  }
}

/// Computes one tile and writes its sums to out[r * outStep + v * WIDTH ...], or adds them to what is there.
template <int R, int V, Loop LOOP>
__attribute__((noinline)) void tileTo(const Operands& o, const float* weights, const float* input, float* out, int64_t outStep,
                                      bool add, Ahead& ahead) {
  Vec sums[R][V]{};
  multiplyTile<R, V, LOOP>(sums, o, weights, input, ahead);
  if (add) {
#pragma GCC unroll 12
    for (int r = 0; r < R; r++, out += outStep)
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) store(out + v * WIDTH, load(out + v * WIDTH) + sums[r][v]);
  } else {
#pragma GCC unroll 12
    for (int r = 0; r < R; r++, out += outStep)
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) store(out + v * WIDTH, sums[r][v]);
  }
}

typedef void (*TileFunction)(const Operands&, const float*, const float*, float*, int64_t, bool, Ahead&);

/// Rows of the tallest tile: thin tiles may be higher.
constexpr int MOST_ROWS = 12;
constexpr int tileRows(int vectors) { return smaller(MOST_ROWS, TILE_ROWS * TILE_VECTORS / vectors); }

/// The tile functions of every height (1 .. tileRows) and width (1 .. TILE_VECTORS), for each kind of loop.
typedef TileFunction TileTable[TILE_VECTORS][MOST_ROWS];
template <Loop LOOP, int V, int R>
constexpr void fillColumn(TileFunction* at) {
  at[R - 1] = tileTo<R, V, LOOP>;
  if constexpr (R > 1) fillColumn<LOOP, V, R - 1>(at);
}
template <Loop LOOP, int V>
constexpr void fillTable(TileTable& at) {
  fillColumn<LOOP, V, tileRows(V)>(at[V - 1]);
  if constexpr (V > 1) fillTable<LOOP, V - 1>(at);
}
struct TileTables {
  TileTable of[LOOPS];
  constexpr TileTables() : of{} {
    fillTable<Loop::PLAIN, TILE_VECTORS>(of[int(Loop::PLAIN)]);
    fillTable<Loop::ASKING, TILE_VECTORS>(of[int(Loop::ASKING)]);
  }
};
constexpr TileTables TILES;

/// out[rows][vectors * WIDTH] (+)= weights x input, in register tiles. Rows are split evenly, so that no tile is thin.
/// Its tiles take the lines to ask for from `ahead`.
inline void multiply(const Operands& o, int rows, int vectors, float* out, int64_t outStep, bool add, Ahead& ahead) {
  for (int v = 0; v < vectors; v += TILE_VECTORS) {
    const int width = smaller(TILE_VECTORS, vectors - v), most = tileRows(width);
    const float* input = o.input + v * WIDTH;
    const float* weights = o.weights;
    float* to = out + v * WIDTH;
    for (int left = rows, groups = (rows + most - 1) / most; groups > 0; groups--) {
      const int height = left / groups;
      const Loop loop = ahead.count > 0 ? Loop::ASKING : Loop::PLAIN;
      TILES.of[int(loop)][width - 1][height - 1](o, weights, input, to, outStep, add, ahead);
      weights += height * o.rowStep;
      to += height * outStep;
      left -= height;
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
