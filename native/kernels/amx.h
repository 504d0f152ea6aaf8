// Products of pairs (pairs.h) by registers of AMX, for tile.h: up to 16 rows of weights, 16 steps of a row side by side, by 16 steps of 16
// lanes. Of the eight registers four are sums; two are for whole products, two for the steps that are left.
#pragma once
#include "scratch.h"

namespace {
namespace amx {

/// Rows of a register, and the bytes of each.
constexpr int ROWS = 16, ROW_BYTES = 64, STEPS = ROW_BYTES / int(sizeof(Real));
static_assert(ROW_GROUP == ROWS && WIDTH == STEPS && TILE_VECTORS == 4);

/// The registers: sums of the first vector's lanes, and of the next ones; weights and input of 16 steps, and of those that are left.
enum Register { SUMS = 0, WEIGHTS = TILE_VECTORS, REST_WEIGHTS, INPUT, REST_INPUT, REGISTERS };

/// What the processor is told of the registers (palette 1).
struct Shapes {
  uint8_t palette = 1, startRow = 0, reserved[14]{};
  uint16_t bytes[16]{};
  uint8_t rows[16]{};
};
static_assert(sizeof(Shapes) == 64);

#if defined(DENSENET_PLAYED)

/// What the instructions do, in an order of additions of their own: over a product's steps of the first and of the second numbers of
/// pairs apart, then both together, then to the sum. Denormal numbers are zero, as they are in all kernels.
thread_local Shapes shapes;
thread_local Real registers[REGISTERS][ROWS][STEPS];

inline void shapeAs(const Shapes& wanted) {
  shapes = wanted;
  memset(registers, 0, sizeof registers);
}
inline void release() { shapes = Shapes{}; }
template <int R>
inline void zero() { memset(registers[R], 0, sizeof registers[R]); }
template <int R>
inline void load(const Real* from, int64_t rowStep) {
  zero<R>();
  for (int row = 0; row < shapes.rows[R]; row++) memcpy(registers[R][row], from + row * rowStep, shapes.bytes[R]);
}
template <int R>
inline void store(Real* to, int64_t rowStep) {
  for (int row = 0; row < shapes.rows[R]; row++) memcpy(to + row * rowStep, registers[R][row], shapes.bytes[R]);
}
template <int TO, int A, int B>
inline void multiplyPairs() {
  for (int row = 0; row < shapes.rows[TO]; row++) {
    Vec first{}, second{};
    for (int step = 0; step < shapes.rows[B]; step++) {
      BitVec input;
      uint32_t weight;
      memcpy(&input, registers[B][step], sizeof input);
      memcpy(&weight, &registers[A][row][step], sizeof weight);
      first += asVec(BitVec{} + (weight << 16)) * asVec(input << 16);
      second += asVec(BitVec{} + (weight & 0xffff0000u)) * asVec(input & 0xffff0000u);
    }
    Real* sums = registers[TO][row];
    ::store(sums, ::load(sums) + (first + second));
  }
}

#else

inline void shapeAs(const Shapes& wanted) { __builtin_ia32_tile_loadconfig(&wanted); }
inline void release() { __builtin_ia32_tilerelease(); }
template <int R>
inline void zero() { __builtin_ia32_tilezero(R); }
template <int R>
inline void load(const Real* from, int64_t rowStep) { __builtin_ia32_tileloadd64(R, from, size_t(rowStep) * sizeof(Real)); }
template <int R>
inline void store(Real* to, int64_t rowStep) { __builtin_ia32_tilestored64(R, to, size_t(rowStep) * sizeof(Real)); }
template <int TO, int A, int B>
inline void multiplyPairs() { __builtin_ia32_tdpbf16ps(TO, A, B); }

#endif

/// To change shapes costs as much as some products, so that all products of a unit of work that can, share them.
inline void shape(const TilesInUse& tiles, int rows, int rest) {
  if (rows == tiles.rows && (rest == 0 || rest == tiles.rest)) return;
  Shapes wanted;
  const auto set = [&](int which, int height, int steps) {
    wanted.rows[which] = uint8_t(height);
    wanted.bytes[which] = uint16_t(steps * int(sizeof(Real)));
  };
  for (int v = 0; v < TILE_VECTORS; v++) set(SUMS + v, rows, WIDTH);
  set(WEIGHTS, rows, STEPS);
  set(INPUT, STEPS, WIDTH);
  if (rest > 0) {
    set(REST_WEIGHTS, rows, rest);
    set(REST_INPUT, rest, WIDTH);
  }
  shapeAs(wanted);
  tiles.rows = rows;
  tiles.rest = rest;
}

/// Asks for lines, as tiles of other instruction sets do in so many passes.
inline void ask(Ahead& ahead, int64_t passes) {
  if (ahead.rate == 0) return;
  for (int64_t i = 0; i < passes * ahead.times && ahead.enoughFor(0); i++, ahead.next += ahead.rate) {
    __builtin_prefetch(ahead.line(ahead.next));
  }
}

/// out[rows][all vectors V] (+)= weights x input, over all taps.
template <class S, int... V>
inline void multiplyTile(Lanes<V...>, const Operands& o, int rows, const Real* weights, const Real* input, Real* out, int64_t outStep,
                         bool add, Ahead& ahead) {
  const int64_t tiles = divideUp(rows, TILE_ROWS);  // of other instruction sets
  if (add) (load<SUMS + V>(out + V * WIDTH, outStep), ...);
  else (zero<SUMS + V>(), ...);
  for (int tap = 0; tap < S::taps; tap++, weights += ROW_GROUP * o.count) {
    const Real* x = S::taps > 1 ? input + o.taps[tap] : input;
    int64_t step = 0;
    for (; step + STEPS <= o.count; step += STEPS) {
      load<WEIGHTS>(weights + step, o.rowStep);
      ((load<INPUT>(x + step * o.inputStep + V * WIDTH, o.inputStep), multiplyPairs<SUMS + V, WEIGHTS, INPUT>()), ...);
      ask(ahead, tiles * STEPS / S::pass);
    }
    if (step == o.count) continue;
    load<REST_WEIGHTS>(weights + step, o.rowStep);
    ((load<REST_INPUT>(x + step * o.inputStep + V * WIDTH, o.inputStep), multiplyPairs<SUMS + V, REST_WEIGHTS, REST_INPUT>()), ...);
    ask(ahead, tiles * (o.count - step) / S::pass);
  }
  (store<SUMS + V>(out + V * WIDTH, outStep), ...);
}

}  // namespace amx

template <class S>
inline void multiplyPasses(const Operands& o, int rows, int vectors, Real* out, int64_t outStep, bool add, Ahead& ahead) {
  static_assert(S::pairs);
  const int groups = int(divideUp(rows, amx::ROWS));
  for (int g = 0; g < groups; g++) {
    const Range some = part(rows, groups, g);
    const int height = int(some.size());
    amx::shape(*o.tiles, height, int(o.count % amx::STEPS));
    const Real* weights = o.weights + some.first * o.rowStep;
    for (int v = 0; v < vectors; v += TILE_VECTORS) {
      const Real* input = o.input + v / TILE_VECTORS * o.tileStep;
      Real* to = out + some.first * outStep + v * WIDTH;
      const auto tile = [&](auto vectorNumbers) {
        amx::multiplyTile<S>(vectorNumbers, o, height, weights, input, to, outStep, add, ahead);
      };
      switch (smaller(vectors - v, TILE_VECTORS)) {
        case 1: tile(LaneSequence<1>::type()); break;
        case 2: tile(LaneSequence<2>::type()); break;
        case 3: tile(LaneSequence<3>::type()); break;
        default: tile(LaneSequence<4>::type());
      }
    }
  }
}
template <class S>
inline void multiply(const Operands& o, int rows, int vectors, Real* out, int64_t outStep, bool add, Ahead& ahead) {
  multiplyPasses<S>(o, rows, vectors, out, outStep, add, ahead);
}

}  // namespace

inline DENSENET_TILES::TilesInUse::~TilesInUse() {
  if (rows > 0) amx::release();
}
