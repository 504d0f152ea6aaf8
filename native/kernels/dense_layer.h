// A dense layer with a bottleneck, in inference: two convolutions in one call, with nothing of the first one kept.
//
//   y[b] = relu(sum_c W[b][c] z[c] + bias[b]),  z = relu(norm(x))     1x1, the bottleneck
//   output[o] = sum_b V[o][b] * y[b]                                   3x3, by Winograd's algorithm (winograd_transforms.h)
//
// Between the two lanes run over channels, not pixels: y is [pixel][channel], with zeros around the image, and the 1x1
// convolution multiplies a vector of weights by one number of z. So nothing is lost where the ends of rows do not fill a
// vector, most of a map of 7x7, and the transforms of a tile are additions of whole vectors, without moving any lane. A
// transformed tile of y is again numbers that multiply vectors of transformed filters; the results, [pixel][output], are
// transposed in the end.
#pragma once
#include "tile.h"
#include "winograd_transforms.h"
#include "work.h"

namespace {
namespace denseLayer {

using winograd::Lines;
using winograd::transformTile;

// ---- sizes --------------------------------------------------------------------------------------------------------

/// Pixels, input channels and tiles that are worked on at a time: a slice of the weights of a block stays in the first-level
/// cache, what is made of the pixels and tiles in the second.
constexpr int PANEL = 96, BLOCK = 4 * 1024 / TILE_PIXELS, STRIP = 32, TRANSFORM_BLOCK = 64;
/// From a point of transformed tiles to the next: a line more keeps points off the same lines of the cache.
constexpr int64_t POINT_STEP = STRIP * TRANSFORM_BLOCK + 16;

/// z is packed for ROW_GROUP pixels, the rows of these products, channel by channel. Seven lines more keep the groups of a panel off
/// the same lines of the cache.
constexpr int64_t GROUP_STEP = BLOCK * ROW_GROUP + 7 * 16;

struct Shape {
  int inChannels, between, outChannels, height, width, side, tilesHigh, tilesWide, paddedWidth, paddedHeight;
  int64_t betweenLanes, slicedLanes, outLanes;
  explicit Shape(const Call& call)
      : inChannels(call.input.channels), between(call.channels), outChannels(call.output.channels), height(call.output.height),
        width(call.output.width), side(largeTiles(call) ? 4 : 2), tilesHigh(int(divideUp(height, side))),
        tilesWide(int(divideUp(width, side))), paddedWidth(tilesWide * side + 2), paddedHeight(tilesHigh * side + 2),
        betweenLanes(roundUp(between, WIDTH)), slicedLanes(roundUp(between, TILE_PIXELS)), outLanes(roundUp(outChannels, WIDTH)) {}
  /// F(4x4) has fewer multiplications, but filters of more than twice the size, which small maps hardly use: there they must be few
  /// enough to stay in the second-level cache. Measured.
  static bool largeTiles(const Call& call) {
    const bool fewFilters = 36 * call.channels * call.output.channels <= 32 * 1024;
    return divideUp(call.output.height, 4) * divideUp(call.output.width, 4) >= (fewFilters ? 16 : 32);
  }
  /// Input channels, filled up to whole passes of a tile.
  int64_t steps() const { return roundUp(inChannels, UNROLLED); }
  int64_t pixels() const { return int64_t(height) * width; }
  int64_t tiles() const { return int64_t(tilesHigh) * tilesWide; }
  int points() const { return (side + 2) * (side + 2); }
  /// Of y of one image.
  int64_t paddedCount() const { return int64_t(paddedHeight) * paddedWidth * betweenLanes; }
  /// Of pixel (row, x), -1 being the padding before the first.
  int64_t at(int64_t row, int64_t x) const { return ((row + 1) * paddedWidth + x + 1) * betweenLanes; }
};

/// The weights as they are multiplied: W as slices of TILE_PIXELS lanes of b, [slice][c][b], with zeros after the last c; then the
/// transforms of V, [point][b][o].
struct Weights {
  const Real *bottleneck, *growth;
  Weights(const Real* packed, const Shape& shape) : bottleneck(packed), growth(packed + shape.steps() * shape.slicedLanes) {}
  static int64_t count(const Shape& shape) {
    return shape.steps() * shape.slicedLanes + shape.points() * shape.betweenLanes * shape.outLanes;
  }
};
inline int64_t packedBytes(const Call& call) { return Weights::count(Shape(call)) * int64_t(sizeof(Real)); }

template <int SIDE>
inline void packGrowth(const Call& call, const Shape& shape, Real* to) {
  const int64_t each = int64_t(shape.between) * 9;
  for (int b = 0; b < shape.between; b++) {
    winograd::transformFilters<SIDE>(call.growthWeight + b * 9, each, shape.outChannels, false, to + b * shape.outLanes,
                                     shape.betweenLanes * shape.outLanes);
  }
}

inline void pack(const Call& call, void* packed) {
  const Shape shape(call);
  Real* to = static_cast<Real*>(packed);
  for (int b = 0; b < shape.between; b += TILE_PIXELS) {
    Real* slice = to + b * shape.steps();
    transpose(call.weight + int64_t(b) * shape.inChannels, shape.inChannels, smaller(TILE_PIXELS, shape.between - b), shape.inChannels,
              slice, TILE_PIXELS);
    memset(slice + shape.inChannels * TILE_PIXELS, 0, size_t((shape.steps() - shape.inChannels) * TILE_PIXELS) * sizeof(Real));
  }
  Real* growth = to + shape.steps() * shape.slicedLanes;
  if (shape.side == 4) packGrowth<4>(call, shape, growth);
  else packGrowth<2>(call, shape, growth);
}

// ---- units and scratch ----------------------------------------------------------------------------------------------

/// Into how many parts an image of `size` pixels or tiles is cut: one for each worker, where it is known how many there are, or
/// a few of at least `fewest`, which even out what one of them was kept from doing. How it is cut changes no sum.
inline int64_t partsOf(const Call& call, int64_t size, int64_t fewest) {
  const int64_t workers = call.workers ? call.workers : 4;
  const int64_t each = workers == 1 ? 1 : smaller<int64_t>(larger<int64_t>(size / fewest / workers, 1), 4);
  return smaller(size, each * workers);
}
inline int64_t parts(const Call& call, const Shape& shape, int phase) {
  return phase == 0 ? partsOf(call, shape.pixels(), PANEL) : partsOf(call, shape.tiles(), STRIP * 3 / 4);
}

inline int units(const Call& call, int batch, int phase) { return phase > 1 ? 0 : int(batch * parts(call, Shape(call), phase)); }

/// Lines of x in the largest panel of a call.
inline int64_t linesOfPanel(const Call& call) {
  const Shape shape(call);
  const int64_t pixels = divideUp(shape.pixels(), parts(call, shape, 0));
  return divideUp(divideUp(pixels, divideUp(pixels, PANEL)), LINE);
}

struct Shared {
  Real* y;  // [image][padded pixel][channel]
  Shared(Scratch& scratch, const Call& call, int batch) : y(scratch.take<Real>(batch * Shape(call).paddedCount())) {}
};

struct Local {
  Real *packed, *scale, *bias, *z, *transformed, *products, *rows, *planes;
  int64_t* places;  // of a panel's pixels in y
  int64_t* lines;   // to ask for: x of a block of a panel, then the filters of a point and block
  int64_t productStep, linesOfPanel;
  Local(Scratch& scratch, const Call& call, int) {
    const Shape shape(call);
    packed = call.packed ? packedOf(call) : scratch.take<Real>(Weights::count(shape));
    scale = scratch.take<Real>(shape.inChannels);
    bias = scratch.take<Real>(shape.betweenLanes);
    z = scratch.take<Real>(PANEL / ROW_GROUP * GROUP_STEP);  // [group][c][pixel]
    places = scratch.take<int64_t>(PANEL);
    linesOfPanel = denseLayer::linesOfPanel(call);
    productStep = STRIP * shape.outLanes + 16;
    transformed = scratch.take<Real>(shape.points() * POINT_STEP);  // [point][tile][channel]
    products = scratch.take<Real>(shape.points() * productStep);
    rows = scratch.take<Real>(shape.side * STRIP * shape.side * shape.outLanes);  // [row][x][o]
    planes = scratch.take<Real>(shape.outChannels * roundUp(STRIP * shape.side, WIDTH));
    lines = scratch.take<int64_t>(larger<int64_t>(linesOf(TRANSFORM_BLOCK * shape.outLanes), BLOCK * divideUp(PANEL, LINE)));
  }
};

inline void prepare(const Task& task, int phase) {
  const auto local = layoutAt<Local>(task.local, task);
  if (phase == 0) {
    normScale(task.call.norm, task.call.input.channels, local.scale);
    listLines(0, smaller(BLOCK, task.call.input.channels), task.call.input.pixels(), local.linesOfPanel * LINE, local.lines);
    memset(local.bias, 0, size_t(Shape(task.call).betweenLanes) * sizeof(Real));
    memcpy(local.bias, task.call.foldedBias, size_t(task.call.channels) * sizeof(Real));
  } else {
    listLines(0, 1, 0, roomOf(TRANSFORM_BLOCK * Shape(task.call).outLanes), local.lines);
  }
  if (!task.call.packed) pack(task.call, local.packed);
}

// ---- the bottleneck ---------------------------------------------------------------------------------------------------

inline int64_t groupsOf(Range panel) { return divideUp(panel.size(), ROW_GROUP); }

/// Calls f(row, first, end) for the parts of rows that pixels first .. end - 1 are.
template <class F>
inline void forEachRow(Range pixels, int width, F f) {
  for (int64_t p = pixels.first; p < pixels.end;) {
    const int64_t row = p / width, end = smaller(pixels.end, (row + 1) * width);
    f(row, p - row * width, end - row * width);
    p = end;
  }
}

/// The padding that touches pixels first .. end - 1 of a row.
inline void clearAround(const Shape& shape, Real* y, int64_t row, int64_t first, int64_t end) {
  const int64_t from = first == 0 ? -1 : first, to = end == shape.width ? shape.paddedWidth - 1 : end;
  const auto clear = [&](int64_t row, int64_t first, int64_t end) {
    memset(y + shape.at(row, first), 0, size_t((end - first) * shape.betweenLanes) * sizeof(Real));
  };
  clear(row, from, first);
  clear(row, end, to);
  if (row == 0) clear(-1, from, to);
  for (int64_t r = row + 1; row == shape.height - 1 && r < shape.paddedHeight - 1; r++) clear(r, from, to);
}

/// z of some channels of a panel's pixels, group by group, and zeros up to whole passes. Reads up to a group and a vector more; what a
/// channel writes beyond its group is overwritten by the next one.
inline void packPixels(const Call& call, const Local& local, int64_t image, Range panel, Range channels) {
  const int64_t groups = groupsOf(panel);
  int64_t starts[PANEL / ROW_GROUP];
  for (int64_t g = 0; g < groups; g++) starts[g] = part(panel.size(), groups, g).first;
  for (int64_t c = channels.first; c < channels.end; c++) {
    const Normaliser apply(call.norm, local.scale, int(c));
    const Element* x = call.input.plane(image, int(c)) + panel.first;
    Real* to = local.z + (c - channels.first) * ROW_GROUP;
    for (int64_t g = 0; g < groups; g++, to += GROUP_STEP) {
      const Element* from = x + starts[g];
      for (int i = 0; i < ROW_GROUP; i += WIDTH) store(to + i, apply(load(from + i)));
    }
  }
  const int64_t count = channels.size(), more = roundUp(count, UNROLLED) - count;
  for (int64_t g = 0; g < groups && more > 0; g++) {
    memset(local.z + g * GROUP_STEP + count * ROW_GROUP, 0, size_t(more * ROW_GROUP) * sizeof(Real));
  }
}

/// Where the y of a panel's pixels go; clears the padding around them.
inline void findPlaces(const Local& local, const Shape& shape, Range panel, Real* y) {
  int64_t* to = local.places;
  forEachRow(panel, shape.width, [&](int64_t row, int64_t first, int64_t end) {
    for (int64_t x = first; x < end; x++) *to++ = shape.at(row, x);
    clearAround(shape, y, row, first, end);
  });
}

/// The lines of x that are packed after some channels of a panel: the next ones of the same pixels, or the first of the next panel.
inline Ahead aheadOfInput(const Call& call, const Local& local, int64_t image, Range panel, Range nextPanel, int next) {
  const bool within = next < call.input.channels;
  const Range pixels = within ? panel : nextPanel;
  const int first = within ? next : 0, count = pixels.size() > 0 ? smaller(BLOCK, call.input.channels - first) : 0;
  return {call.input.plane(image, first) + pixels.first, local.lines, count * local.linesOfPanel};
}

/// y of some pixels.
inline void bottleneck(const Task& task, const Local& local, const Shape& shape, int64_t image, Range pixels, Real* y) {
  const Call& call = task.call;
  const Weights weights(local.packed, shape);
  const int64_t panels = divideUp(pixels.size(), PANEL);
  for (int64_t p = 0; p < panels; p++) {
    const Range panel = part(pixels, panels, p), nextPanel = p + 1 < panels ? part(pixels, panels, p + 1) : Range{0, 0};
    const int64_t groups = groupsOf(panel);
    findPlaces(local, shape, panel, y);
    for (int first = 0; first < shape.inChannels; first += BLOCK) {
      const int count = smaller(BLOCK, shape.inChannels - first);
      const int64_t steps = roundUp(count, UNROLLED);
      const bool last = first + count == shape.inChannels;
      packPixels(call, local, image, panel, {first, first + count});
      const int64_t tiles = divideUp(shape.betweenLanes, TILE_PIXELS) * groups * (ROW_GROUP / TILE_ROWS);
      Ahead ahead = aheadOfInput(call, local, image, panel, nextPanel, first + count).over(tiles * steps);
      for (int64_t b = 0; b < shape.betweenLanes; b += TILE_PIXELS) {
        const Real* slice = weights.bottleneck + b * shape.steps() + first * TILE_PIXELS;
        const int vectors = int(smaller<int64_t>(TILE_PIXELS, shape.betweenLanes - b) / WIDTH);
        for (int64_t g = 0; g < groups; g++) {
          const Range rows = part(panel.size(), groups, g);
          const Operands operands{local.z + g * GROUP_STEP, 1, ROW_GROUP, slice, TILE_PIXELS, steps};
          const Finish finish{local.places + rows.first, last ? local.bias + b : nullptr};
          multiplyPasses<FinishedSteps>(operands, int(rows.size()), vectors, y + b, 0, first > 0, ahead, finish);
        }
      }
    }
  }
}

// ---- the growth convolution -------------------------------------------------------------------------------------------

template <int SIDE>
inline void growth(const Task& task, const Local& local, const Shape& shape, int64_t image, Range tiles, const Real* y) {
  constexpr int INPUTS = SIDE + 2, POINTS = INPUTS * INPUTS;
  const Weights weights(local.packed, shape);
  const int64_t outLanes = shape.outLanes, filterStep = shape.betweenLanes * outLanes;
  for (int64_t first = tiles.first; first < tiles.end; first += STRIP) {
    const int64_t count = smaller<int64_t>(STRIP, tiles.end - first);
    for (int block = 0; block < shape.between; block += TRANSFORM_BLOCK) {
      const int channels = smaller(TRANSFORM_BLOCK, shape.between - block);
      for (int64_t i = 0; i < count; i++) {
        const int64_t row = (first + i) / shape.tilesWide, column = (first + i) % shape.tilesWide;
        const Real* from = y + shape.at(row * SIDE - 1, column * SIDE - 1) + block;
        Real* to = local.transformed + i * TRANSFORM_BLOCK;
        for (int c = 0; c < channels; c += WIDTH) {
          transformTile<INPUTS, INPUTS>(Lines<SIDE>::input, from + c, shape.paddedWidth * shape.betweenLanes, shape.betweenLanes, to + c,
                                        INPUTS * POINT_STEP, POINT_STEP);
        }
      }
      for (int point = 0; point < POINTS; point++) {
        const Real* filters = weights.growth + point * filterStep + block * outLanes;
        const Operands operands{local.transformed + point * POINT_STEP, TRANSFORM_BLOCK, 1, filters, outLanes, channels};
        Ahead next{filters + filterStep, local.lines, point + 1 < POINTS ? linesOf(channels * outLanes) : 0};
        multiply<Steps<TRANSFORM_BLOCK, 1, 0>>(operands, int(count), int(outLanes / WIDTH), local.products + point * local.productStep,
                                               outLanes, block > 0, next);
      }
    }
    forEachRow({first, first + count}, shape.tilesWide, [&](int64_t row, int64_t column, int64_t end) {
      const int64_t rowStep = (end - column) * SIDE * outLanes;
      for (int64_t i = column; i < end; i++) {
        const Real* from = local.products + (row * shape.tilesWide + i - first) * outLanes;
        Real* to = local.rows + (i - column) * SIDE * outLanes;
        for (int64_t o = 0; o < outLanes; o += WIDTH) {
          transformTile<INPUTS, SIDE>(Lines<SIDE>::output, from + o, INPUTS * local.productStep, local.productStep, to + o, rowStep, outLanes);
        }
      }
      const int64_t x = column * SIDE, pixels = smaller<int64_t>(end * SIDE, shape.width) - x, planeStep = roundUp(pixels, WIDTH);
      for (int64_t r = row * SIDE; r < smaller<int64_t>((row + 1) * SIDE, shape.height); r++) {
        transpose(local.rows + (r - row * SIDE) * rowStep, outLanes, int(pixels), shape.outChannels, local.planes, planeStep);
        for (int o = 0; o < shape.outChannels; o++) {
          copy(task.call.output.plane(image, o) + r * shape.width + x, local.planes + o * planeStep, pixels);
        }
      }
    });
  }
}

inline void work(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const Shape shape(call);
  const auto local = layoutAt<Local>(task.local, task);
  const int64_t count = parts(call, shape, phase), image = unit / count;
  const Range range = part(phase == 0 ? shape.pixels() : shape.tiles(), count, unit % count);
  Real* y = layoutAt<Shared>(task.shared, task).y + image * shape.paddedCount();
  if (phase == 0) bottleneck(task, local, shape, image, range, y);
  else if (shape.side == 4) growth<4>(task, local, shape, image, range, y);
  else growth<2>(task, local, shape, image, range, y);
}

constexpr densenet::KernelImplementation forward{units, prepare, work, bytesOf<Shared>, bytesOf<Local>, packedBytes, pack};

}  // namespace denseLayer
}  // namespace
