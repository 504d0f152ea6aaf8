// The one loop where the arithmetic happens: a register tile of R rows x V vectors,
//
//   sum[r][v] += sum_j weights[r * rowStep + j * step] * input[j * inputStep + v * WIDTH + lane]
//
// j runs over input channels in a convolution; in a weight gradient over pixels, where the "input" is a transposed operand whose
// lanes are channels.
#pragma once
#include "tile.h"

namespace DENSENET_TILES {

/// Where the weights of R rows are: one pointer, and multiples of the step between rows, in bytes. Processors add such a number,
/// or two to eight times it, as they load, so that few multiples need a register; the empty instructions keep compilers from
/// making a pointer for each row.
template <int R, class S>
class RowPointers {
 public:
  explicit RowPointers(const Operands& o)
      : step_(o.step * int64_t(sizeof(Real))), one_(o.rowStep * int64_t(sizeof(Real))), three_(3 * one_), five_(5 * one_),
        seven_(7 * one_), nine_(9 * one_), eleven_(11 * one_) {
    hide(one_);
    hide(three_);
    hide(five_);
    hide(seven_);
    hide(nine_);
    hide(eleven_);
  }
  void startAt(const Real* weights) { first_ = reinterpret_cast<const char*>(weights); }
  /// Of row r and the j-th step of a pass.
  Real at(int r, int j) const {
    const int64_t odd[] = {one_, three_, five_, seven_, nine_, eleven_};
    const int64_t multiple = r % 2 == 1 ? odd[r / 2] : r % 4 == 2 ? 2 * odd[r / 4] : r * one_;
    const int64_t bytes = (S::row ? r * S::row * int64_t(sizeof(Real)) : multiple) + j * S::step * int64_t(sizeof(Real));
    Real weight;
    memcpy(&weight, first_ + bytes, sizeof weight);
    return weight;
  }
  void afterStep() {
    if (S::step == 0) advance(step_);
  }
  void afterPass(int steps) {
    if (S::step != 0) advance(steps * S::step * int64_t(sizeof(Real)));
  }

 private:
  static void hide(int64_t& bytes) { asm("" : "+r"(bytes)); }
  void advance(int64_t bytes) {
    first_ += bytes;
    asm("" : "+r"(first_));
  }
  const char* first_ = nullptr;
  int64_t step_, one_, three_, five_, seven_, nine_, eleven_;
};

template <int COUNT, class S, int R, int V, class Ask>
inline __attribute__((always_inline)) void multiplySteps(Vec (&sums)[R][V], RowPointers<R, S>& rows, const Real*& input,
                                                         int64_t inputStep, Ask ask) {
#pragma GCC unroll 4
  for (int j = 0; j < COUNT; j++) {
    ask(j);
    Vec x[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) x[v] = load(input + j * S::input + v * WIDTH);
#pragma GCC unroll 12
    for (int r = 0; r < R; r++) {
      const Vec w = S::pairs ? broadcastBits(rows.at(r, j)) : broadcast(rows.at(r, j));
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) {
        if constexpr (S::pairs) {
          addProducts(sums[r][v], w, x[v]);
          continue;
        }
#if defined(__wasm_relaxed_simd__)
        sums[r][v] = __builtin_wasm_relaxed_madd_f32x4(w, x[v], sums[r][v]);
#else
        sums[r][v] += w * x[v];
#endif
      }
    }
    rows.afterStep();
    if (S::input == 0) input += inputStep;
    // The next step's operands are not loaded before: there are no registers for them.
    asm("" : "+r"(input) : : "memory");
  }
  rows.afterPass(COUNT);
  input += COUNT * S::input;
  asm("" : "+r"(input));
}

/// Writes the sums of a tile that are to be finished.
template <int R, int V>
inline __attribute__((always_inline)) void finishTile(Vec (&sums)[R][V], const Finish& finish, bool add, const int64_t* rows, Real* out,
                                                      int first) {
  const auto forEach = [&](auto f) __attribute__((always_inline)) {
#pragma GCC unroll 12
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) f(sums[r][v], out + rows[r] + first + v * WIDTH, v);
  };
  if (add) forEach([](Vec& sum, const Real* to, int) { sum += load(to); });
  if (finish.bias) forEach([&](Vec& sum, const Real*, int v) { sum = relu(sum + load(finish.bias + first + v * WIDTH)); });
  forEach([](Vec sum, Real* to, int) { store(to, sum); });
}

// GCC would give sums registers for each loop and each part around it, and move or spill them in between.
#if defined(__clang__)
#define TILE_FUNCTION __attribute__((noinline))
#else
#define TILE_FUNCTION __attribute__((noinline, optimize("ira-region=one")))
#endif

template <class S, Loop LOOP, int R, int V>
TILE_FUNCTION void tilesTo(const Operands& o, const Grid& grid, Ahead& ahead) {
  constexpr int STEPS = LOOP == Loop::REST ? 1 : UNROLLED;
  const int64_t inputStep = S::input ? S::input : o.inputStep, outStep = grid.outStep, passes = o.count / STEPS;
  RowPointers<R, S> rows(o);
  for (int group = 0; group < grid.groups; group++) {
    for (int tile = 0; tile < grid.tiles; tile++) {
      const Real *input = grid.input + tile * o.tileStep, *const end = input + passes * STEPS * inputStep;
      rows.startAt(grid.weights + group * R * o.rowStep);
      int64_t next = ahead.next, times = ahead.times;
      const int64_t rate = ahead.enoughFor(passes) ? ahead.rate : 0;
      const auto ask = [&](int step) __attribute__((always_inline)) {
        if (LOOP != Loop::ASKING || step >= MOST_TIMES || (step > 0 && step >= times)) return;
        __builtin_prefetch(ahead.line(next));
        next += rate;
      };
      Vec sums[R][V]{};
      do {
        // Compilers would make a loop for each number of times.
        if (MOST_TIMES > 1) asm("" : "+r"(times));
        multiplySteps<STEPS, S>(sums, rows, input, inputStep, ask);
      } while (input != end);
      ahead.next = next;
      if constexpr (S::finished) {
        finishTile(sums, grid.finish, grid.add, grid.finish.rows + group * R, grid.out, tile * V * WIDTH);
        continue;
      }
      Real* out = grid.out + group * R * outStep + tile * V * WIDTH;
      if (grid.add) {
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
  }
}

}  // namespace DENSENET_TILES
