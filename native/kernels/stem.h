// The network's first convolution: any size, stride and padding, on raw images. No norm before it, and nobody wants the
// gradient of its input. For each output row the input is laid out as [channel, tap][pixel] (im2col), then multiplied: forward
// tile by tile, so that one stays in the first-level cache for all weights.
#pragma once
#include "tile.h"
#include "transpose.h"
#include "work.h"

namespace {
namespace stem {

constexpr int BAND_ROWS = 8;

/// Sizes of a stem convolution; `taps` counts input channels too, `steps` are those and zeros, for whole passes of a tile's loop.
struct Shape {
  int size, stride, padding, inChannels, inHeight, inWidth, outHeight, outWidth, bands;
  int64_t taps, steps, paddedWidth, paddedRows, rowStep;
  explicit Shape(const Call& call, const View& out)
      : size(call.size), stride(call.stride), padding(call.padding), inChannels(call.input.channels), inHeight(call.input.height),
        inWidth(call.input.width), outHeight(out.height), outWidth(out.width), bands(int(divideUp(out.height, BAND_ROWS))),
        taps(int64_t(inChannels) * size * size), steps(roundUp(taps, UNROLLED)), paddedWidth(inWidth + 2 * padding),
        paddedRows((BAND_ROWS - 1) * stride + size), rowStep(roundUp(outWidth, WIDTH)) {}
  Range band(int i) const { return {int64_t(i) * BAND_ROWS, smaller<int64_t>(outHeight, int64_t(i + 1) * BAND_ROWS)}; }
};

/// Scratch for one band of the input, zero-padded, and one output row's columns.
struct Columns {
  Real *padded, *columns;
  Columns(Scratch& scratch, const Shape& shape) {
    padded = scratch.take<Real>(shape.inChannels * shape.paddedRows * shape.paddedWidth + 2 * WIDTH);
    columns = scratch.take<Real>(shape.steps * roundUp(shape.outWidth, TILE_PIXELS));
  }

  void loadBand(const Call& call, const Shape& shape, int64_t image, Range band) const {
    const int64_t rows = (band.size() - 1) * shape.stride + shape.size;
    for (int c = 0; c < shape.inChannels; c++) {
      const Element* plane = call.input.plane(image, c);
      for (int64_t r = 0; r < rows; r++) {
        const int64_t row = band.first * shape.stride + r - shape.padding;
        Real* to = padded + (c * shape.paddedRows + r) * shape.paddedWidth;
        memset(to, 0, size_t(shape.paddedWidth) * sizeof(Real));
        if (row >= 0 && row < shape.inHeight) copy(to + shape.padding, plane + row * shape.inWidth, shape.inWidth);
      }
    }
  }

  /// columns[tap][x] for row `row` of the band, in whole vectors: taps are `tapStep` apart, and each TILE_PIXELS of x `tileStep`.
  void loadRow(const Shape& shape, int64_t row, int64_t tapStep, int64_t tileStep) const {
    Real* to = columns;
    for (int c = 0; c < shape.inChannels; c++) {
      for (int y = 0; y < shape.size; y++) {
        const Real* from = padded + (c * shape.paddedRows + row * shape.stride + y) * shape.paddedWidth;
        for (int x = 0; x < shape.size; x++, to += tapStep) {
          forEachVector(shape.outWidth, tileStep, [&](int64_t i, int64_t at) {
            const Real* pixels = from + x + i * shape.stride;
            if (shape.stride == 1) {
              store(to + at, load(pixels));
            } else if (shape.stride == 2) {
              store(to + at, evenOf(load(pixels), load(pixels + WIDTH), AllLanes{}));
            } else {
              for (int64_t j = 0; j < smaller<int64_t>(WIDTH, shape.outWidth - i); j++) to[at + j] = pixels[j * shape.stride];
            }
          });
        }
      }
    }
  }
};

// ---- forward ----------------------------------------------------------------------------------------------------

struct ForwardLocal {
  Columns columns;
  Real *weights, *sums;
  int64_t* lines;  // of a row of the output, to ask for
  ForwardLocal(Scratch& scratch, const Call& call, int) : columns(scratch, Shape(call, call.output)) {
    weights = scratch.take<Real>(roundUp(call.output.channels, ROW_GROUP) * Shape(call, call.output).steps);  // [group][tap][row]
    sums = scratch.take<Real>(call.output.channels * roundUp(call.output.width, WIDTH));
    lines = scratch.take<int64_t>(call.output.channels * divideUp(call.output.width, LINE));
  }
};

struct ForwardShared {
  Moments* moments;  // [image * band][channel]
  ForwardShared(Scratch& scratch, const Call& call, int batch) {
    moments = scratch.take<Moments>(int64_t(batch) * Shape(call, call.output).bands * call.output.channels);
  }
};

inline int forwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return batch * Shape(call, call.output).bands;
  return phase == 1 && call.statistics.present() ? 1 : 0;
}

inline void forwardPrepare(const Task& task, int phase) {
  if (phase != 0) return;
  const Call& call = task.call;
  const auto local = layoutAt<ForwardLocal>(task.local, task);
  const Shape shape(call, call.output);
  for (int64_t o = 0; o < call.output.channels; o += ROW_GROUP) {
    Real* to = local.weights + o * shape.steps;
    packRows(call.weight + o * shape.taps, shape.taps, 1, smaller<int64_t>(ROW_GROUP, call.output.channels - o), shape.taps, to);
    memset(to + shape.taps * ROW_GROUP, 0, size_t((shape.steps - shape.taps) * ROW_GROUP) * sizeof(Real));
  }
  listLines(0, call.output.channels, call.output.pixels(), shape.outWidth, local.lines);
  for (int64_t x = 0; x < shape.outWidth; x += TILE_PIXELS) {
    Real* zeros = local.columns.columns + x * shape.steps + shape.taps * TILE_PIXELS;
    memset(zeros, 0, size_t((shape.steps - shape.taps) * TILE_PIXELS) * sizeof(Real));
  }
}

/// sums[o][x] of a row whose columns are laid out and whose output is to go to `output`.
inline void multiplyRow(const ForwardLocal& local, const Shape& shape, int out, const Element* output) {
  const int64_t tiles = divideUp(shape.outWidth, TILE_PIXELS), halves = divideUp(out, TILE_ROWS);
  Ahead ahead = Ahead{output, local.lines, out * divideUp(shape.outWidth, LINE)}.over(tiles * halves * shape.steps);
  for (int64_t x = 0; x < shape.outWidth; x += TILE_PIXELS) {
    const Real* columns = local.columns.columns + x * shape.steps;
    const int vectors = int(divideUp(smaller<int64_t>(TILE_PIXELS, shape.outWidth - x), WIDTH));
    for (int o = 0; o < out; o += ROW_GROUP) {
      const Operands operands{local.weights + o * shape.steps, 1, ROW_GROUP, columns, TILE_PIXELS, shape.steps};
      multiply<PackedSteps>(operands, smaller(ROW_GROUP, out - o), vectors, local.sums + o * shape.rowStep + x, shape.rowStep, false,
                            ahead);
    }
  }
}

inline void forwardWork(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const Shape shape(call, call.output);
  const auto shared = layoutAt<ForwardShared>(task.shared, task);
  const int out = call.output.channels;
  if (phase == 1) {
    const auto count = [&](int64_t p) { return shape.band(int(p % shape.bands)).size() * shape.outWidth; };
    combineMoments(shared.moments, int64_t(task.run.batch) * shape.bands, out, count, call.statistics);
    return;
  }
  const auto local = layoutAt<ForwardLocal>(task.local, task);
  const int64_t image = unit / shape.bands;
  const Range band = shape.band(unit % shape.bands);
  local.columns.loadBand(call, shape, image, band);
  for (int64_t row = band.first; row < band.end; row++) {
    local.columns.loadRow(shape, row - band.first, TILE_PIXELS, shape.steps * TILE_PIXELS);
    multiplyRow(local, shape, out, call.output.plane(image, 0) + row * shape.outWidth);
    for (int o = 0; o < out; o++) {
      Real* sums = local.sums + o * shape.rowStep;
      addBias(call, o, sums, shape.outWidth);
      if (call.dropout.present()) {
        applyDropout(task, (image * out + o) * call.output.pixels() + row * shape.outWidth, sums, shape.outWidth);
      }
      copy(call.output.plane(image, o) + row * shape.outWidth, sums, shape.outWidth);
    }
  }
  for (int o = 0; o < out && call.statistics.present(); o++) {
    const Element* made = call.output.plane(image, o) + band.first * shape.outWidth;
    shared.moments[int64_t(unit) * out + o] = momentsOf(made, band.size() * shape.outWidth);
  }
}

// ---- backward ---------------------------------------------------------------------------------------------------

struct BackwardLocal {
  Columns columns;
  Finaliser finaliser;
  Real *dy, *transposed;
  BackwardLocal(Scratch& scratch, const Call& call, int)
      : columns(scratch, Shape(call, call.outputGradient.gradient)), finaliser(scratch, call.outputGradient.gradient.channels) {
    const View& out = call.outputGradient.gradient;
    dy = scratch.take<Real>(out.channels * roundUp(out.width, WIDTH));
    transposed = scratch.take<Real>(out.width * roundUp(out.channels, WIDTH));
  }
};

struct BackwardShared {
  Real* weight;  // [slot][tap][out rounded up]
  BackwardShared(Scratch& scratch, const Call& call, int batch) {
    const View& out = call.outputGradient.gradient;
    const Shape shape(call, out);
    weight = scratch.take<Real>(slotCount(int64_t(batch) * shape.bands) * shape.taps * roundUp(out.channels, WIDTH));
  }
};

inline int backwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return slotCount(int64_t(batch) * Shape(call, call.outputGradient.gradient).bands);
  return phase == 1 ? call.outputGradient.gradient.channels : 0;
}

inline void backwardPrepare(const Task& task, int phase) {
  if (phase == 0) layoutAt<BackwardLocal>(task.local, task).finaliser.prepare(task.call.outputGradient);
}

inline void backwardWork(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const View& out = call.outputGradient.gradient;
  const Shape shape(call, out);
  const auto shared = layoutAt<BackwardShared>(task.shared, task);
  const int64_t items = int64_t(task.run.batch) * shape.bands, lanes = roundUp(out.channels, WIDTH);
  const int slots = slotCount(items);
  if (phase == 1) {
    for (int64_t k = 0; k < shape.taps; k++) {
      Real total = 0;
      for (int64_t s = 0; s < slots; s++) total += shared.weight[(s * shape.taps + k) * lanes + unit];
      call.weightGradient[unit * shape.taps + k] = total;
    }
    return;
  }
  const auto local = layoutAt<BackwardLocal>(task.local, task);
  Real* weightSums = shared.weight + unit * shape.taps * lanes;
  const Range range = part(items, slots, unit);
  bool first = true;
  for (int64_t item = range.first; item < range.end; item++) {
    const int64_t image = item / shape.bands;
    const Range band = shape.band(int(item % shape.bands));
    local.columns.loadBand(call, shape, image, band);
    for (int64_t row = band.first; row < band.end; row++, first = false) {
      local.columns.loadRow(shape, row - band.first, shape.rowStep, TILE_PIXELS);
      for (int o = 0; o < out.channels; o++) {
        local.finaliser.finalise(task, image, o, row * shape.outWidth, shape.outWidth, local.dy + o * shape.rowStep);
      }
      transpose(local.dy, shape.rowStep, out.channels, shape.outWidth, local.transposed, lanes);
      const Operands operands{local.columns.columns, shape.rowStep, 1, local.transposed, lanes, shape.outWidth};
      multiply(operands, int(shape.taps), int(lanes / WIDTH), weightSums, lanes, !first);
    }
  }
}

constexpr densenet::KernelImplementation forward{forwardUnits, forwardPrepare, forwardWork, bytesOf<ForwardShared>, bytesOf<ForwardLocal>};
constexpr densenet::KernelImplementation backward{backwardUnits, backwardPrepare, backwardWork, bytesOf<BackwardShared>,
                                                  bytesOf<BackwardLocal>};

}  // namespace stem
}  // namespace
