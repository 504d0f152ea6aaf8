// 3x3 convolution of stride 1 with products of bfloat16 (pairs.h), of few outputs: of more Winograd's algorithm saves more.
//   y[o] = sum_(tap, c) W[o][c][tap] z[c], a tap further; z = relu(norm(x))
//   dz[c] = sum_(tap, o) turned W[o][c][tap] dY[o], a tap further     masked by z > 0, into G and the norm's sums
//   dW[o][c][tap] = sum_pixel dY[o] z[c], a tap further               lanes run over c
//
// A band of rows is laid out as a line: behind each row is one zero, which is before the next row, too. So a tap is a distance on the line,
// the same everywhere, and vectors run on from row to row, whatever the width of a map; sums at the zeros are nobody's.
#pragma once
#include "bias.h"
#include "tile.h"
#include "transpose.h"

namespace {
namespace direct3x3 {

constexpr int TAPS = 9;
/// Channels multiplied at a time, in whole groups of rows and whole vectors.
constexpr int BLOCK = 48;
static_assert(BLOCK % ROW_GROUP == 0 && BLOCK % WIDTH == 0);
/// Measured on a Zen 4. Products of AMX are many times as fast as floats', more than Winograd's algorithm saves.
constexpr int MOST_OUTPUTS = ROW_BY_ROW ? 64 : 24;

inline bool suits(const Call& call) {
  const View& output = call.kernel == densenet::Kernel::ConvolutionForward ? call.output : call.outputGradient.gradient;
  return output.channels <= MOST_OUTPUTS;
}

typedef Steps<1, ROW_GROUP, 0, false, PAIRS, TAPS> TapSteps;

/// Pairs of so many numbers, in whole passes.
constexpr int64_t pairsOf(int64_t count) { return roundUp(divideUp(count, 2), TapSteps::pass); }

/// The rows of an image in bands of about so many positions: pixels and the zeros behind rows. More bands if more units are wanted.
struct Bands {
  int height, width, count;  // count: of an image
  int64_t pitch;
  Bands(const View& plane, int batch, int64_t positions, int64_t wanted) : height(plane.height), width(plane.width), pitch(width + 1) {
    constexpr int64_t FEWEST_ROWS = 4;
    const int64_t fit = divideUp(height * pitch, larger(positions, FEWEST_ROWS * pitch));
    count = int(larger(fit, smaller(divideUp(wanted, batch), divideUp(height, FEWEST_ROWS))));
  }
  Range rows(int64_t i) const { return part(height, count, i); }
  int64_t mostRows() const { return divideUp(height, count); }
  int64_t positions(Range rows) const { return rows.size() * pitch; }
  Range pixels(Range rows) const { return {rows.first * width, rows.end * width}; }
  /// From row to row of scratch that holds the positions of a band, or a line: its own rows, one above and one below, and one zero before
  /// them. A vector more of each may be touched. An odd number of lines of the cache keeps them off the same ones.
  int64_t step() const { return roundUp(mostRows() * pitch + WIDTH, 16) | 16; }
  int64_t lineStep() const { return roundUp((mostRows() + 2) * pitch + 1 + WIDTH, 16) | 16; }
};

/// read(i) gives the vector of pixels from i of a plane on; what lies beyond a row may be anything. Behind a line is a vector of zeros.
template <class Read>
inline void layOut(const Bands& bands, Range rows, Read read, Real* line) {
  *line++ = 0;
  for (int64_t row = rows.first - 1; row <= rows.end; row++, line += bands.pitch) {
    const bool inside = row >= 0 && row < bands.height;
    for (int64_t x = 0; x < bands.width; x += WIDTH) store(line + x, inside ? read(row * bands.width + x) : Vec{});
    line[bands.width] = 0;
  }
  store(line, Vec{});
}

/// Positions as pixels, and back, with zeros behind the rows.
inline void toPixels(const Bands& bands, Range rows, const Real* positions, Real* pixels) {
  for (int64_t r = 0; r < rows.size(); r++, positions += bands.pitch, pixels += bands.width) {
    for (int64_t x = 0; x < bands.width; x += WIDTH) store(pixels + x, load(positions + x));
  }
}
inline void toPositions(const Bands& bands, Range rows, const Real* pixels, Real* positions) {
  for (int64_t r = 0; r < rows.size(); r++, pixels += bands.width, positions += bands.pitch) {
    for (int64_t x = 0; x < bands.width; x += WIDTH) store(positions + x, load(pixels + x));
    positions[bands.width] = 0;
  }
}

/// How far on a line a tap is from the position that it belongs to.
struct Distances {
  int64_t of[TAPS];
  explicit Distances(const Bands& bands) {
    for (int tap = 0; tap < TAPS; tap++) of[tap] = tap / 3 * bands.pitch + tap % 3;
  }
};

inline int64_t filterCount(int64_t rows, int64_t count) { return roundUp(rows, ROW_GROUP) * TAPS * pairsOf(count); }

/// The filters of some rows as pairs of `count` numbers: [group of rows][block][tap], and then as packRows() has them. Those of a row and a number are at
/// weight[row * rowStep + number * step], `turned` by half a turn, as a gradient goes backward through them.
inline void packFilters(const Real* weight, int64_t rowStep, int64_t step, int64_t rows, int64_t count, bool turned, Real* to) {
  Real taps[packedSize(BLOCK) + 2 * WIDTH];
  for (int64_t row = 0; row < rows; row += ROW_GROUP) {
    for (int64_t first = 0; first < count; first += BLOCK) {
      const int64_t some = smaller<int64_t>(BLOCK, count - first), pairs = pairsOf(some);
      for (int tap = 0; tap < TAPS; tap++, to += pairs * ROW_GROUP) {
        clear(taps, packedSize(BLOCK));
        const Real* from = weight + row * rowStep + first * step + (turned ? TAPS - 1 - tap : tap);
        const int64_t height = smaller<int64_t>(ROW_GROUP, rows - row);
        packRows(from, rowStep, step, height, some, taps);
        pairPacked(taps, height, 2 * pairs);
        if (!ROW_BY_ROW) {
          memcpy(to, taps, size_t(pairs * ROW_GROUP) * sizeof(Real));
          continue;
        }
        for (int64_t r = 0; r < height; r++) memcpy(to + r * pairs, taps + r * packedRowStep(2 * pairs), size_t(pairs) * sizeof(Real));
      }
    }
  }
}

/// sums[row][position] (+)= the taps of a group of rows times lines of pairs.
inline void multiplyTaps(const TilesInUse& tiles, const Bands& bands, const Real* filters, const Real* lines, int64_t pairs, int rows, int64_t positions, Real* sums,
                         bool add, Ahead& ahead) {
  const Distances taps(bands);
  const Operands operands{filters, ROW_BY_ROW ? pairs : 1, PACKED_STEP, lines, bands.lineStep(), pairs, &tiles, TILE_PIXELS, taps.of};
  multiplyPasses<TapSteps>(operands, rows, int(divideUp(positions, WIDTH)), sums, bands.step(), add, ahead);
}

/// Steps of these products of so many rows.
inline int64_t stepsOfTaps(int64_t rows, int64_t positions, int64_t pairs) {
  return divideUp(rows, TILE_ROWS) * divideUp(positions, TILE_PIXELS) * TAPS * pairs;
}

// ---- forward ----------------------------------------------------------------------------------------------------

inline Bands forwardBands(const Call& call, int batch) { return Bands(call.input, batch, 1280, unitsWanted(call, SLOTS)); }

struct ForwardLocal {
  TilesInUse tiles;
  Real *scale, *filters, *z, *sums, *pixels;
  int64_t* lines;  // of the input that is laid out next
  ForwardLocal(Scratch& scratch, const Call& call, int batch) {
    const Bands bands = forwardBands(call, batch);
    const int64_t in = call.input.channels, out = call.output.channels, pixelCount = bands.mostRows() * bands.width;
    scale = scratch.take<Real>(in);
    filters = scratch.take<Real>(filterCount(out, in));
    z = scratch.take<Real>(BLOCK / 2 * bands.lineStep());  // [pair of channels][position]
    sums = scratch.take<Real>(out * bands.step());         // [o][position]
    pixels = scratch.take<Real>(pixelCount);
    lines = scratch.take<int64_t>(BLOCK * divideUp(pixelCount, LINE));
  }
};

struct ForwardShared {
  Moments* moments;  // [image * band][channel]
  ForwardShared(Scratch& scratch, const Call& call, int batch)
      : moments(scratch.take<Moments>(int64_t(batch) * forwardBands(call, batch).count * call.output.channels)) {}
};

inline int forwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return batch * forwardBands(call, batch).count;
  return phase == 1 && call.statistics.present() ? 1 : 0;
}

inline void forwardPrepare(const Task& task, int phase) {
  if (phase != 0) return;
  const Call& call = task.call;
  const auto local = layoutAt<ForwardLocal>(task.local, task);
  const int64_t in = call.input.channels;
  if (call.norm.present()) normScale(call.norm, int(in), local.scale);
  packFilters(call.weight, in * TAPS, TAPS, call.output.channels, in, false, local.filters);
}

/// z of some channels of a band as lines of pairs; zeros where there is no channel.
inline void layOutInput(const Call& call, const ForwardLocal& local, const Bands& bands, int64_t image, Range rows, Range channels) {
  for (int64_t pair = 0; pair < pairsOf(channels.size()); pair++) {
    const int64_t c = channels.first + 2 * pair;
    Real* line = local.z + pair * bands.lineStep();
    const auto pairs = [&](auto first, auto second) {
      const Element *x = call.input.plane(image, c), *next = x + call.input.pixels();
      layOut(bands, rows, [&](int64_t i) __attribute__((always_inline)) { return pairOf(first(x + i), second(next + i)); }, line);
    };
    const auto nothing = [](const Element*) { return Vec{}; };
    const auto zOf = [&](int64_t c) {
      return [apply = Normaliser(call.norm, local.scale, int(c))](const Element* x) { return apply(load(x)); };
    };
    const auto plain = [](const Element* x) { return load(x); };
    const bool both = c + 1 < channels.end;
    if (c >= channels.end) clear(line, bands.lineStep());
    else if (call.norm.present()) both ? pairs(zOf(c), zOf(c + 1)) : pairs(zOf(c), nothing);
    else both ? pairs(plain, plain) : pairs(plain, nothing);
  }
}

/// The input that is laid out next: of the next block of channels, or of the next band.
inline Ahead aheadOfInput(const Call& call, const ForwardLocal& local, const Bands& bands, int batch, int64_t unit, int64_t nextBlock) {
  const int64_t in = call.input.channels;
  const bool sameBand = nextBlock < in;
  if (!sameBand && ++unit == int64_t(batch) * bands.count) return {};
  const int64_t first = sameBand ? nextBlock : 0;
  const Range pixels = bands.pixels(bands.rows(unit % bands.count));
  const Element* x = call.input.plane(unit / bands.count, first) + pixels.first;
  const int64_t* end = listLines(0, int(smaller<int64_t>(BLOCK, in - first)), call.input.pixels(), pixels.size(), local.lines);
  return {x, local.lines, end - local.lines};
}

inline void forwardWork(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const Bands bands = forwardBands(call, task.run.batch);
  const auto shared = layoutAt<ForwardShared>(task.shared, task);
  const int64_t in = call.input.channels, out = call.output.channels;
  if (phase == 1) {
    const auto count = [&](int64_t p) { return bands.pixels(bands.rows(p % bands.count)).size(); };
    return combineMoments(shared.moments, int64_t(task.run.batch) * bands.count, int(out), count, call.statistics);
  }
  const auto local = layoutAt<ForwardLocal>(task.local, task);
  const int64_t image = unit / bands.count;
  const Range rows = bands.rows(unit % bands.count), pixels = bands.pixels(rows);
  const int64_t positions = bands.positions(rows);
  for (int64_t first = 0; first < in; first += BLOCK) {
    const Range channels{first, smaller<int64_t>(in, first + BLOCK)};
    const int64_t pairs = pairsOf(channels.size());
    layOutInput(call, local, bands, image, rows, channels);
    Ahead ahead = aheadOfInput(call, local, bands, task.run.batch, unit, first + BLOCK).over(stepsOfTaps(out, positions, pairs), TapSteps::pass);
    for (int64_t o = 0; o < out; o += ROW_GROUP) {
      const Real* filters = local.filters + (o * pairsOf(in) + first / 2 * ROW_GROUP) * TAPS;
      multiplyTaps(local.tiles, bands, filters, local.z, pairs, int(smaller<int64_t>(ROW_GROUP, out - o)), positions, local.sums + o * bands.step(),
                   first > 0, ahead);
    }
  }
  for (int64_t o = 0; o < out; o++) {
    toPixels(bands, rows, local.sums + o * bands.step(), local.pixels);
    addBias(call, o, local.pixels, pixels.size());
    if (call.dropout.present()) {
      applyDropout(task, (image * out + o) * call.output.pixels() + pixels.first, local.pixels, pixels.size());
    }
    Element* to = call.output.plane(image, o) + pixels.first;
    copy(to, local.pixels, pixels.size());
    if (call.statistics.present()) shared.moments[unit * out + o] = momentsOf(to, pixels.size());
  }
}

// ---- backward ---------------------------------------------------------------------------------------------------

/// Bands are short, so that what is transposed of one stays in the first-level cache.
struct BackwardUnits {
  Bands bands;
  int64_t items;
  int slots;
  BackwardUnits(const Call& call, int batch)
      : bands(call.input, batch, 320, SLOTS), items(int64_t(batch) * bands.count), slots(slotCount(items)) {}
};

struct BackwardLocal {
  TilesInUse tiles;
  Finaliser finaliser;
  Real *scale, *filters, *dy, *dyPairs, *dz, *z, *transposed, *pixels, *zPixels;
  NormSums* sums;
  int64_t* lines;  // of x and G of a group of channels
  BackwardLocal(Scratch& scratch, const Call& call, int batch) : finaliser(scratch, call.outputGradient.gradient.channels) {
    const Bands bands = BackwardUnits(call, batch).bands;
    const int64_t in = call.input.channels, out = call.outputGradient.gradient.channels, rows = bands.mostRows();
    scale = scratch.take<Real>(in);
    filters = scratch.take<Real>(filterCount(in, out));
    dy = scratch.take<Real>(out * bands.lineStep());                 // [o][position]: bfloat16, after its floats
    dyPairs = scratch.take<Real>(pairsOf(out) * bands.lineStep());   // [pair of o][position]
    dz = scratch.take<Real>(ROW_GROUP * bands.step());               // [c of a group][position]
    z = scratch.take<Real>(BLOCK * bands.step());                    // [c of a block][position]: bfloat16, after its floats
    transposed = scratch.take<Real>(stepsOf(rows * bands.pitch) * BLOCK);  // [pair of positions][c of a block]
    pixels = scratch.take<Real>((rows + 2) * bands.width);
    zPixels = scratch.take<Real>(rows * bands.width);
    sums = scratch.take<NormSums>(in);
    lines = scratch.take<int64_t>(2 * ROW_GROUP * divideUp(rows * bands.width, LINE));
  }
};

struct BackwardShared {
  Real* weight;       // [slot][tap][o][in rounded up]
  ChannelSums* sums;  // [slot][in]
  BackwardShared(Scratch& scratch, const Call& call, int batch) {
    const int64_t slots = BackwardUnits(call, batch).slots, in = call.input.channels;
    weight = scratch.take<Real>(slots * TAPS * call.outputGradient.gradient.channels * roundUp(in, WIDTH));
    sums = scratch.take<ChannelSums>(slots * in);
  }
};

inline int backwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return BackwardUnits(call, batch).slots;
  return phase == 1 ? int(divideUp(call.input.channels, WIDTH)) : 0;
}

inline void backwardPrepare(const Task& task, int phase) {
  if (phase != 0) return;
  const Call& call = task.call;
  const auto local = layoutAt<BackwardLocal>(task.local, task);
  const int64_t in = call.input.channels;
  if (call.norm.present()) normScale(call.norm, int(in), local.scale);
  local.finaliser.prepare(call.outputGradient);
  packFilters(call.weight, TAPS, in * TAPS, in, call.outputGradient.gradient.channels, true, local.filters);
}

/// dY of a band as lines: of pairs of outputs, and of bfloat16.
inline void layOutGradient(const Task& task, const BackwardLocal& local, const Bands& bands, int64_t image, Range rows) {
  const int64_t out = task.call.outputGradient.gradient.channels, step = bands.lineStep();
  const Range inside = bands.pixels({larger<int64_t>(rows.first - 1, 0), smaller<int64_t>(rows.end + 1, bands.height)});
  for (int64_t o = 0; o < out; o++) {
    local.finaliser.finalise(task, image, int(o), inside.first, inside.size(), local.pixels);
    layOut(bands, rows, [&](int64_t i) { return load(local.pixels + i - inside.first); }, local.dy + o * step);
  }
  for (int64_t pair = 0; pair < pairsOf(out); pair++) {
    const Real *first = local.dy + 2 * pair * step, *second = first + step;
    Real* to = local.dyPairs + pair * step;
    for (int64_t i = 0; i < step; i += WIDTH) {
      store(to + i, pairOf(2 * pair < out ? load(first + i) : Vec{}, 2 * pair + 1 < out ? load(second + i) : Vec{}));
    }
  }
  for (int64_t o = 0; o < out; o++) makeNeighbours(local.dy + o * step, step);
}

/// dz of a group of channels, from the products that are its: mask, sums, G; and z.
inline void finishGroup(const Task& task, const BackwardLocal& local, const Bands& bands, int64_t image, Range rows, Range channels, Real* z) {
  const Call& call = task.call;
  const Range pixels = bands.pixels(rows);
  for (int64_t c = channels.first; c < channels.end; c++, z += bands.step()) {
    const Element* x = call.input.plane(image, c) + pixels.first;
    Element* gradient = call.inputGradient.gradient.plane(image, c) + pixels.first;
    toPixels(bands, rows, local.dz + (c - channels.first) * bands.step(), local.pixels);
    if (call.norm.present()) {
      normBackward(call.norm, local.scale, int(c), call.inputGradient.accumulate, x, local.pixels, pixels.size(), gradient, local.sums[c],
                   local.zPixels);
    } else {
      normalise(call.norm, local.scale, int(c), x, pixels.size(), local.zPixels);
      plainBackward(call.inputGradient.accumulate, local.pixels, pixels.size(), gradient);
    }
    toPositions(bands, rows, local.zPixels, z);
    makeNeighbours(z, bands.positions(rows));
  }
}

/// dW of a block of channels. Of the sum over all places where z and dY meet, z's are the band's: dY has rows around them.
inline void multiplyWeights(const BackwardLocal& local, const Bands& bands, int64_t positions, int64_t out, int channels, Real* weightSums,
                            int64_t inLanes, bool add) {
  const int64_t pairs = stepsOf(positions);
  transpose(local.z, bands.step(), channels, pairs, local.transposed, BLOCK);
  const Distances taps(bands);
  for (int tap = 0; tap < TAPS; tap++) {
    const Real* dy = reinterpret_cast<const Real*>(reinterpret_cast<const Element*>(local.dy) + taps.of[TAPS - 1 - tap]);
    const Operands operands{dy, bands.lineStep(), 1, local.transposed, BLOCK, pairs, &local.tiles};
    multiply<Steps<0, 1, BLOCK, false, PAIRS>>(operands, int(out), int(divideUp(channels, WIDTH)), weightSums + tap * out * inLanes, inLanes,
                                               add);
  }
}

inline void backwardFinish(const Task& task, int unit) {
  const Call& call = task.call;
  const BackwardUnits units(call, task.run.batch);
  const auto shared = layoutAt<BackwardShared>(task.shared, task);
  const int64_t in = call.input.channels, out = call.outputGradient.gradient.channels, inLanes = roundUp(in, WIDTH);
  const int64_t first = int64_t(unit) * WIDTH, end = smaller<int64_t>(in, first + WIDTH);
  for (int64_t i = 0; i < TAPS * out; i++) {
    Vec total{};
    for (int64_t s = 0; s < units.slots; s++) total += load(shared.weight + (s * TAPS * out + i) * inLanes + first);
    for (int64_t c = first; c < end; c++) call.weightGradient[(i % out * in + c) * TAPS + i / out] = total[c - first];
  }
  if (call.norm.present()) {
    finishNormGradient(call, shared.sums, units.slots, task.run.batch * call.input.pixels(), int(first), int(end));
  }
}

inline void backwardWork(const Task& task, int phase, int unit) {
  if (phase == 1) return backwardFinish(task, unit);
  const Call& call = task.call;
  const BackwardUnits units(call, task.run.batch);
  const Bands& bands = units.bands;
  const auto local = layoutAt<BackwardLocal>(task.local, task);
  const auto shared = layoutAt<BackwardShared>(task.shared, task);
  const int64_t in = call.input.channels, out = call.outputGradient.gradient.channels, inLanes = roundUp(in, WIDTH), pairs = pairsOf(out);
  Real* weightSums = shared.weight + unit * TAPS * out * inLanes;
  memset(local.sums, 0, size_t(in) * sizeof(NormSums));
  const Range items = part(units.items, units.slots, unit);
  for (int64_t item = items.first; item < items.end; item++) {
    const int64_t image = item / bands.count;
    const Range rows = bands.rows(item % bands.count), pixels = bands.pixels(rows);
    const int64_t positions = bands.positions(rows);
    const Element* x = call.input.plane(image, 0) + pixels.first;
    const int64_t toGradient = call.inputGradient.gradient.plane(image, 0) + pixels.first - x;
    layOutGradient(task, local, bands, image, rows);
    for (int64_t first = 0; first < in; first += BLOCK) {
      const Range block{first, smaller<int64_t>(in, first + BLOCK)};
      for (int64_t c = block.first; c < block.end; c += ROW_GROUP) {
        const Range channels{c, smaller<int64_t>(block.end, c + ROW_GROUP)};
        const int count = int(channels.size());
        int64_t* lines = listLines(0, count, call.input.pixels(), pixels.size(), local.lines);
        lines = listLines(toGradient, count, call.input.pixels(), pixels.size(), lines);
        Ahead ahead{x + c * call.input.pixels(), local.lines, lines - local.lines};
        ahead = ahead.over(stepsOfTaps(count, positions, pairs), TapSteps::pass);
        multiplyTaps(local.tiles, bands, local.filters + c * TAPS * pairs, local.dyPairs, pairs, count, positions, local.dz, false, ahead);
        finishGroup(task, local, bands, image, rows, channels, local.z + (c - first) * bands.step());
      }
      multiplyWeights(local, bands, positions, out, int(block.size()), weightSums + first, inLanes, item > items.first);
    }
  }
  for (int64_t c = 0; c < in; c++) shared.sums[unit * in + c] = {sum(local.sums[c].dz), sum(local.sums[c].dzx)};
}

constexpr densenet::KernelImplementation forward{forwardUnits, forwardPrepare, forwardWork, bytesOf<ForwardShared>, bytesOf<ForwardLocal>};
constexpr densenet::KernelImplementation backward{backwardUnits, backwardPrepare, backwardWork, bytesOf<BackwardShared>,
                                                  bytesOf<BackwardLocal>};

}  // namespace direct3x3
}  // namespace
