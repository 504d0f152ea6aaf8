// Products in register tiles of R rows x V vectors (tile_loop.h): how a product of any size is cut into them.
#pragma once
#include "pairs.h"

namespace {

/// Steps in one pass of a tile's loop. What a loop does besides multiplying is done once for all of them: the fewer instructions
/// there are, the less it hurts when another thread shares the core. One where multiplying and adding are two instructions:
/// compilers would begin several products at a time, and there are no registers for them.
#if defined(__FMA__) || defined(__aarch64__)
constexpr int UNROLLED = 4;
#else
constexpr int UNROLLED = 1;
#endif

/// How often a tile asks for a line in a pass, at most: there are fewer passes with vectors of 512 bits.
constexpr int MOST_TIMES = sizeof(Vec) == 64 ? UNROLLED : 1;

}  // namespace

// Tiles know Reals, and not what activations are kept as: an instruction set's are compiled once for float32 and bfloat16. Those functions
// are all that its objects have in common, by a name of its own (DENSENET_TILES), and what is said here must be the same in both.
namespace DENSENET_TILES {

/// Lines of memory that will soon be wanted. A tile asks for one in every pass, or for the same one in a few; where that is not enough,
/// and vectors are long, for one in every step. Asked for in a burst they would fill the few places that a processor has for lines on their way, and it would
/// wait.
struct Ahead {
  static constexpr int BITS = 32;
  static constexpr int64_t WHOLE = int64_t(1) << BITS;
  const void* base = nullptr;
  const int64_t* offsets = nullptr;  // in bytes
  int64_t count = 0;
  int64_t rate = 0, next = 0;  // for each time it asks, and the next one, in parts of a line
  int64_t times = 1;           // that it asks in a pass
  /// Spreads them over so many steps, of which a pass has so many.
  Ahead over(int64_t steps, int pass = UNROLLED) const {
    const int64_t passes = larger<int64_t>(steps / pass, 1), each = larger<int64_t>(count * WHOLE - 1, 0) / passes;
    const int64_t times = each > WHOLE ? MOST_TIMES : 1;
    return {base, offsets, count, smaller(each / times, WHOLE), 0, times};
  }
  const void* line(int64_t part) const { return static_cast<const char*>(base) + offsets[part >> BITS]; }
  bool enoughFor(int64_t passes) const { return next + rate * times * passes < count * WHOLE; }
};

/// What a processor keeps for a unit of work, until it is done: the shapes of its registers, where it is to be told (amx.h).
struct TilesInUse {
#if defined(DENSENET_AMX)
  mutable int rows = 0, rest = 0;
  ~TilesInUse();
#endif
};

struct Operands {
  const Real* weights;
  int64_t rowStep;  // from a row's weights to the next row's
  int64_t step;     // from a weight to the next one along j
  const Real* input;
  int64_t inputStep;
  int64_t count;                   // of j
  const TilesInUse* tiles = nullptr;  // of products of pairs
  int64_t tileStep = TILE_PIXELS;  // from a tile's input to that of the tile at its right
  const int64_t* taps = nullptr;   // where each tap's input begins; weights of one follow those of the one before
};

/// The steps of operands that are known when a kernel is compiled: they need no registers, and no instructions. 0 is any.
template <int ROW, int STEP, int INPUT, bool FINISHED, bool OF_PAIRS, int TAPS>
struct KnownSteps {
  static constexpr int row = ROW, step = STEP, input = INPUT, taps = TAPS;
  /// Steps in a pass, of which several taps have whole ones only: few, since there are few channels.
  static constexpr int pass = TAPS > 1 ? smaller(UNROLLED, 2) : UNROLLED;
  static constexpr bool finished = FINISHED;  // what is done with the sums, see Finish
  static constexpr bool pairs = OF_PAIRS;     // whether weights and input are pairs (pairs.h), two of j a step
  typedef KnownSteps<0, 0, 0, false, OF_PAIRS, 1> Any;
};
/// What a tile's one loop does in a pass: a few steps; the same, and ask for a line; or one step, for those that are left. Each is
/// a function of its own: where loops share sums, compilers want them in different registers for each, and move them in between.
enum class Loop { PLAIN, ASKING, REST };

/// What becomes of finished sums: out[rows[r] ...] = relu(sum + bias), where there is a bias.
struct Finish {
  const int64_t* rows = nullptr;
  const Real* bias = nullptr;  // [vectors * WIDTH]
};

/// What is multiplied in tiles of one size: so many groups of rows, and so many tiles of each, side by side.
struct Grid {
  const Real *weights, *input;
  Real* out;
  int64_t outStep;
  bool add;
  int groups, tiles;
  Finish finish;
};

/// Writes the sums of tiles to out[r * outStep + v * WIDTH ...], or adds them to what is there.
template <class S, Loop LOOP, int R, int V>
void tilesTo(const Operands&, const Grid&, Ahead&);

}  // namespace DENSENET_TILES

namespace {

using namespace DENSENET_TILES;

/// Doubles are for who wants them exact: they do without, and compile in half the time.
constexpr int KNOWN = sizeof(Real) == sizeof(float) ? 1 : 0;
template <int ROW, int STEP, int INPUT, bool FINISHED = false, bool OF_PAIRS = false, int TAPS = 1>
using Steps = KnownSteps<KNOWN * ROW, KNOWN * STEP, KNOWN * INPUT, FINISHED, OF_PAIRS, TAPS>;
typedef Steps<0, 0, 0> AnySteps;

/// Weights that many tiles read are packed for so many rows of a product, a few tiles: step by step, or, for registers that hold
/// several steps of a row side by side (amx.h), row by row.
#if defined(DENSENET_AMX)
constexpr bool ROW_BY_ROW = true;
constexpr int ROW_GROUP = 16;
#else
constexpr bool ROW_BY_ROW = false;
constexpr int ROW_GROUP = 12;
static_assert(ROW_GROUP % TILE_ROWS == 0);
#endif
/// Of packed weights, of `count` numbers a row: from a row to the next, from a step to the next, and the room of a group.
constexpr int64_t packedRowStep(int64_t count) { return ROW_BY_ROW ? roundUp(count, WIDTH) : 1; }
constexpr int64_t PACKED_STEP = ROW_BY_ROW ? 1 : ROW_GROUP;
constexpr int64_t packedSize(int64_t count) { return ROW_GROUP * (ROW_BY_ROW ? packedRowStep(count) : count); }
typedef Steps<1, ROW_GROUP, TILE_PIXELS> PackedSteps;
/// Of pairs where there are products of them.
typedef Steps<1, ROW_GROUP, TILE_PIXELS, false, PAIRS> PackedProducts;
typedef Steps<1, ROW_GROUP, TILE_PIXELS, true> FinishedSteps;

/// Packs weights[r * rowStep + j * step] for up to ROW_GROUP rows; see pairPacked().
inline void packRows(const Real* weights, int64_t rowStep, int64_t step, int64_t rows, int64_t count, Real* to) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t j = 0; j < count; j++) to[r * packedRowStep(count) + j * PACKED_STEP] = weights[r * rowStep + j * step];
  }
}
/// They become pairs, in their place.
inline void pairPacked(Real* packed, int64_t rows, int64_t count) {
  if (!ROW_BY_ROW) return makePairs(packed, count, ROW_GROUP);
  for (int64_t r = 0; r < rows; r++) makeNeighbours(packed + r * packedRowStep(count), count);
}

#if !defined(DENSENET_AMX)

typedef void (*TileFunction)(const Operands&, const Grid&, Ahead&);

/// Rows of the tallest tile: thin tiles may be higher.
constexpr int MOST_ROWS = 12;
constexpr int tileRows(int vectors) { return smaller(MOST_ROWS, TILE_ROWS * TILE_VECTORS / vectors); }

/// The tile functions of every width (1 .. TILE_VECTORS) and height (1 .. tileRows).
template <class S, Loop LOOP>
struct TileTable {
  TileFunction of[TILE_VECTORS][MOST_ROWS];
  constexpr TileTable() : of{} { fill<TILE_VECTORS, tileRows(TILE_VECTORS)>(); }

 private:
  template <int V, int R>
  constexpr void fill() {
    of[V - 1][R - 1] = tilesTo<S, LOOP, R, V>;
    if constexpr (R > 1) fill<V, R - 1>();
    else if constexpr (V > 1) fill<V - 1, tileRows(V - 1)>();
  }
};
template <class S, Loop LOOP>
constexpr TileTable<S, LOOP> TILES;

/// Rows are split evenly, so that no tile is thin.
template <class S, Loop LOOP>
inline void multiplyTiles(const Operands& o, int rows, int vectors, Real* out, int64_t outStep, bool add, Ahead& ahead,
                          const Finish& finish = {}) {
  const auto columns = [&](const Real* input, int width, int tiles, Real* to) {
    const auto& functions = TILES<S, LOOP>.of[width - 1];
    const int most = tileRows(width), groups = (rows + most - 1) / most, height = rows / groups, higher = rows % groups;
    const int64_t first = int64_t(groups - higher) * height;
    functions[height - 1](o, {o.weights, input, to, outStep, add, groups - higher, tiles, finish}, ahead);
    if (higher == 0) return;
    const Finish others{S::finished ? finish.rows + first : nullptr, finish.bias};
    functions[height](o, {o.weights + first * o.rowStep, input, to + first * outStep, outStep, add, higher, tiles, others}, ahead);
  };
  const int whole = vectors / TILE_VECTORS, rest = vectors % TILE_VECTORS;
  if (whole > 0) columns(o.input, TILE_VECTORS, whole, out);
  if (rest > 0) columns(o.input + whole * o.tileStep, rest, 1, out + whole * TILE_PIXELS);
}

/// The same by tiles that ask for lines, while there are enough of them; of the steps those that fill whole passes.
template <class S>
inline void multiplyPasses(const Operands& o, int rows, int vectors, Real* out, int64_t outStep, bool add, Ahead& ahead,
                           const Finish& finish = {}) {
  if (ahead.rate > 0 && ahead.enoughFor(S::taps * o.count / S::pass)) {
    multiplyTiles<S, Loop::ASKING>(o, rows, vectors, out, outStep, add, ahead, finish);
  } else {
    multiplyTiles<S, Loop::PLAIN>(o, rows, vectors, out, outStep, add, ahead, finish);
  }
}

/// out[rows][vectors * WIDTH] (+)= weights x input, in register tiles, which take the lines to ask for from `ahead`.
template <class S = AnySteps>
inline void multiply(Operands o, int rows, int vectors, Real* out, int64_t outStep, bool add, Ahead& ahead) {
  const int64_t whole = o.count / UNROLLED * UNROLLED;
  if (whole > 0) multiplyPasses<S>(o, rows, vectors, out, outStep, add, ahead);
  if (whole == o.count) return;
  o.weights += whole * o.step;
  o.input += whole * o.inputStep;
  o.count -= whole;
  multiplyTiles<typename S::Any, Loop::REST>(o, rows, vectors, out, outStep, add || whole > 0, ahead);
}
#else

}  // namespace

#include "amx.h"

namespace {

#endif

template <class S = AnySteps>
inline void multiply(const Operands& operands, int rows, int vectors, Real* out, int64_t outStep, bool add) {
  Ahead nothing;
  multiply<S>(operands, rows, vectors, out, outStep, add, nothing);
}

/// Offsets, in bytes, of the lines of `rows` rows of `elements` (a vector's worth is enough of a part), `rowStep` apart, after `base`.
inline int64_t* listLines(int64_t base, int rows, int64_t rowStep, int64_t elements, int64_t* to) {
  for (int r = 0; r < rows; r++) {
    for (int64_t i = 0; i < elements; i += LINE) *to++ = (base + r * rowStep + i) * int64_t(sizeof(Element));
  }
  return to;
}

}  // namespace

#if !defined(DENSENET_TILES_ELSEWHERE) && !defined(DENSENET_AMX)
#include "tile_loop.h"
#endif
