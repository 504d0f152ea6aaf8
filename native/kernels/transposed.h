// Transposed 3x3 convolution of stride 2, which makes maps twice as large: each pixel of the input adds a window to the output.
//
// Forward: for a row of the input the products of all taps, [tap, o][pixel], are made in register tiles; two rows of the output are
// added up from those of this row and of the one before, even and odd columns apart.
// Backward: dY is laid out as [o, tap][pixel] for a row of the input (im2col);
//   dX[c] = sum_(o, tap) W[c][o][tap] dY[o, tap]
//   dW[c][o][tap] = sum_pixel dY[o, tap] x[c]     lanes run over c
#pragma once
#include "bias.h"
#include "lanes.h"
#include "tile.h"
#include "transpose.h"

namespace {
namespace transposed {

constexpr int TAPS = 9, ROWS = 8;

/// `out` is the output or its gradient. Rows of the input in bands: of n rows the output may have a row of the (n + 1)th.
struct Shape {
  int in, out, height, width, outHeight, outWidth, bands;
  int64_t rows, lanes, step;  // step: from a row of products to the next, one zero before it and one behind
  Shape(const Call& call, const View& output)
      : in(call.input.channels), out(output.channels), height(call.input.height), width(call.input.width), outHeight(output.height),
        outWidth(output.width), bands(int(divideUp(divideUp(outHeight, 2), ROWS))), rows(divideUp(outHeight, 2)),
        lanes(roundUp(in, WIDTH)), step(WIDTH + roundUp(width + 1, WIDTH)) {}
  Range band(int i) const { return {int64_t(i) * ROWS, smaller<int64_t>(rows, int64_t(i + 1) * ROWS)}; }
  Range outputRows(Range band) const { return {2 * band.first, smaller<int64_t>(outHeight, 2 * band.end)}; }
  int64_t groups() const { return divideUp(out, ROW_GROUP); }
};

// ---- forward ----------------------------------------------------------------------------------------------------

struct ForwardLocal {
  Real *weights, *input, *row;
  Real* products[2];  // of two rows of the input, in turn: [tap][o][pixel]
  ForwardLocal(Scratch& scratch, const Call& call, int) {
    const Shape shape(call, call.output);
    weights = scratch.take<Real>(TAPS * shape.groups() * ROW_GROUP * shape.in);  // [tap][group][c][o of the group]
    input = scratch.take<Real>(shape.in * roundUp(shape.width, TILE_PIXELS));    // [tile][c][pixel]
    for (Real*& rows : products) rows = scratch.take<Real>(TAPS * shape.out * shape.step);
    row = scratch.take<Real>(2 * roundUp(shape.width + 1, WIDTH));
  }
};

struct ForwardShared {
  Moments* moments;  // [image * band][channel]
  ForwardShared(Scratch& scratch, const Call& call, int batch)
      : moments(scratch.take<Moments>(int64_t(batch) * Shape(call, call.output).bands * call.output.channels)) {}
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
  for (int64_t c = 0; c < shape.in; c++) {
    for (int64_t o = 0; o < shape.out; o++) {
      for (int64_t tap = 0; tap < TAPS; tap++) {
        const int64_t group = tap * shape.groups() + o / ROW_GROUP;
        local.weights[(group * shape.in + c) * ROW_GROUP + o % ROW_GROUP] = call.weight[(c * shape.out + o) * TAPS + tap];
      }
    }
  }
}

/// Products of a row of the input, of taps `first` ..
inline void multiplyRow(const Call& call, const ForwardLocal& local, const Shape& shape, int64_t image, int64_t y, int64_t first, Real* products) {
  const Norm none;
  for (int c = 0; c < shape.in; c++) {
    const Element* x = call.input.plane(image, c) + y * shape.width;
    normalise(none, nullptr, c, x, shape.width, local.input + c * TILE_PIXELS, int64_t(shape.in) * TILE_PIXELS);
  }
  for (int64_t tap = first; tap < TAPS; tap++) {
    for (int64_t g = 0; g < shape.groups(); g++) {
      const int64_t o = g * ROW_GROUP;
      Real* to = products + (tap * shape.out + o) * shape.step + WIDTH;
      for (int64_t x = 0; x < shape.width; x += TILE_PIXELS) {
        const int vectors = int(divideUp(smaller<int64_t>(TILE_PIXELS, shape.width - x), WIDTH));
        const Real* weights = local.weights + (tap * shape.groups() + g) * shape.in * ROW_GROUP;
        const Operands operands{weights, 1, ROW_GROUP, local.input + x * shape.in, TILE_PIXELS, shape.in};
        multiply<PackedSteps>(operands, int(smaller<int64_t>(ROW_GROUP, shape.out - o)), vectors, to + x, shape.step, false);
      }
    }
  }
  for (int64_t r = first * shape.out; r < TAPS * shape.out; r++) {
    Real* row = products + r * shape.step + WIDTH;
    row[-1] = 0;
    for (int64_t x = shape.width; x < shape.step - WIDTH; x++) row[x] = 0;
  }
}

/// A row of the output, from the taps of one row of the window (the rows of products that begin there), or of two.
inline void addUp(const Shape& shape, Real bias, const Real* const (&taps)[2], Real* row) {
  const int64_t kernelStep = shape.out * shape.step;
  for (int64_t x = 0; 2 * x < shape.outWidth; x += WIDTH) {
    Vec even = broadcast(bias), odd = even;
    for (const Real* from : taps) {
      if (!from) continue;
      even += load(from + x) + load(from + 2 * kernelStep + x - 1);
      odd += load(from + kernelStep + x);
    }
    store(row + 2 * x, zipFirst(even, odd, AllLanes{}));
    store(row + 2 * x + WIDTH, zipLast(even, odd, AllLanes{}));
  }
}

inline void forwardWork(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const Shape shape(call, call.output);
  const auto shared = layoutAt<ForwardShared>(task.shared, task);
  if (phase == 1) {
    const auto count = [&](int64_t p) { return shape.outputRows(shape.band(int(p % shape.bands))).size() * shape.outWidth; };
    return combineMoments(shared.moments, int64_t(task.run.batch) * shape.bands, shape.out, count, call.statistics);
  }
  const auto local = layoutAt<ForwardLocal>(task.local, task);
  const int64_t image = unit / shape.bands;
  const Range band = shape.band(unit % shape.bands);
  if (band.first > 0) multiplyRow(call, local, shape, image, band.first - 1, 6, local.products[(band.first - 1) % 2]);
  for (int64_t y = band.first; y < band.end; y++) {
    const Real* before = y > 0 ? local.products[(y - 1) % 2] : nullptr;
    Real* now = y < shape.height ? local.products[y % 2] : nullptr;
    if (now) multiplyRow(call, local, shape, image, y, 0, now);
    for (int o = 0; o < shape.out; o++) {
      const auto tapsOf = [&](const Real* products, int row) {
        return products ? products + (row * 3 * shape.out + o) * shape.step + WIDTH : nullptr;
      };
      Element* to = call.output.plane(image, o) + 2 * y * shape.outWidth;
      addUp(shape, call.bias[o], {tapsOf(now, 0), tapsOf(before, 2)}, local.row);
      copy(to, local.row, shape.outWidth);
      if (2 * y + 1 == shape.outHeight) continue;
      addUp(shape, call.bias[o], {tapsOf(now, 1), nullptr}, local.row);
      copy(to + shape.outWidth, local.row, shape.outWidth);
    }
  }
  if (!call.statistics.present()) return;
  const Range rows = shape.outputRows(band);
  for (int o = 0; o < shape.out; o++) {
    const Element* made = call.output.plane(image, o) + rows.first * shape.outWidth;
    shared.moments[int64_t(unit) * shape.out + o] = momentsOf(made, rows.size() * shape.outWidth);
  }
}

// ---- backward ---------------------------------------------------------------------------------------------------

/// Rows of the input, in bands.
struct BackwardUnits {
  int64_t bands, items;
  int slots;
  BackwardUnits(const Call& call, int batch)
      : bands(divideUp(call.input.height, ROWS)), items(batch * bands), slots(slotCount(items)) {}
};

struct BackwardLocal {
  Finaliser finaliser;
  int64_t rowStep, columnStep;
  Real *rows, *columns, *x, *transposed, *dx;
  BackwardLocal(Scratch& scratch, const Call& call, int) : finaliser(scratch, call.outputGradient.gradient.channels) {
    const Shape shape(call, call.outputGradient.gradient);
    rowStep = roundUp(shape.outWidth, WIDTH) + 3 * WIDTH;
    columnStep = roundUp(shape.width, WIDTH);
    rows = scratch.take<Real>(3 * rowStep);                          // of dY of a channel
    columns = scratch.take<Real>(TAPS * shape.out * columnStep);     // [o][tap][pixel]
    x = scratch.take<Real>(shape.in * columnStep);                   // [c][pixel]
    transposed = scratch.take<Real>(shape.width * shape.lanes);      // [pixel][c]
    dx = scratch.take<Real>(shape.in * columnStep);
  }
};

struct BackwardShared {
  Real* weight;  // [slot][o][tap][c rounded up]
  BackwardShared(Scratch& scratch, const Call& call, int batch) {
    const Shape shape(call, call.outputGradient.gradient);
    weight = scratch.take<Real>(BackwardUnits(call, batch).slots * TAPS * shape.out * shape.lanes);
  }
};

inline int backwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return BackwardUnits(call, batch).slots;
  return phase == 1 ? int(divideUp(call.input.channels, WIDTH)) : 0;
}

inline void backwardPrepare(const Task& task, int phase) {
  if (phase == 0) layoutAt<BackwardLocal>(task.local, task).finaliser.prepare(task.call.outputGradient);
}

/// The windows of dY around the pixels of row y of the input; zeros beyond the output.
inline void loadColumns(const Task& task, const BackwardLocal& local, const Shape& shape, int64_t image, int64_t y) {
  Real* to = local.columns;
  for (int o = 0; o < shape.out; o++) {
    for (int64_t ky = 0; ky < 3; ky++) {
      Real* row = local.rows + ky * local.rowStep;
      const bool inside = 2 * y + ky < shape.outHeight;
      if (inside) local.finaliser.finalise(task, image, o, (2 * y + ky) * shape.outWidth, shape.outWidth, row);
      const int64_t first = inside ? shape.outWidth : 0;
      memset(row + first, 0, size_t(local.rowStep - first) * sizeof(Real));
      for (int kx = 0; kx < 3; kx++, to += local.columnStep) {
        for (int64_t x = 0; x < shape.width; x += WIDTH) {
          const Real* from = row + 2 * x + (kx == 2 ? 2 : 0);
          const Vec a = load(from), b = load(from + WIDTH);
          store(to + x, kx == 1 ? oddOf(a, b, AllLanes{}) : evenOf(a, b, AllLanes{}));
        }
      }
    }
  }
}

inline void backwardWork(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const Shape shape(call, call.outputGradient.gradient);
  const BackwardUnits units(call, task.run.batch);
  const auto shared = layoutAt<BackwardShared>(task.shared, task);
  const int64_t products = int64_t(TAPS) * shape.out;
  if (phase == 1) {
    const int64_t first = int64_t(unit) * WIDTH;
    for (int64_t r = 0; r < products; r++) {
      Vec total{};
      for (int64_t s = 0; s < units.slots; s++) total += load(shared.weight + (s * products + r) * shape.lanes + first);
      for (int64_t c = first; c < smaller<int64_t>(shape.in, first + WIDTH); c++) call.weightGradient[c * products + r] = total[c - first];
    }
    return;
  }
  const auto local = layoutAt<BackwardLocal>(task.local, task);
  const Norm none;
  Real* weightSums = shared.weight + unit * products * shape.lanes;
  const Range range = part(units.items, units.slots, unit);
  bool first = true;
  for (int64_t item = range.first; item < range.end; item++) {
    const int64_t image = item / units.bands, begin = item % units.bands * ROWS;
    for (int64_t y = begin; y < smaller<int64_t>(shape.height, begin + ROWS); y++, first = false) {
      loadColumns(task, local, shape, image, y);
      for (int c = 0; c < shape.in; c++) {
        normalise(none, nullptr, c, call.input.plane(image, c) + y * shape.width, shape.width, local.x + c * local.columnStep);
      }
      transpose(local.x, local.columnStep, shape.in, shape.width, local.transposed, shape.lanes);
      const Operands weight{local.columns, local.columnStep, 1, local.transposed, shape.lanes, shape.width};
      multiply(weight, int(products), int(shape.lanes / WIDTH), weightSums, shape.lanes, !first);
      const Operands data{call.weight, products, 1, local.columns, local.columnStep, products};
      multiply(data, shape.in, int(local.columnStep / WIDTH), local.dx, local.columnStep, false);
      for (int c = 0; c < shape.in; c++) {
        Element* gradient = call.inputGradient.gradient.plane(image, c) + y * shape.width;
        plainBackward(call.inputGradient.accumulate, local.dx + c * local.columnStep, shape.width, gradient);
      }
    }
  }
}

constexpr densenet::KernelImplementation forward{forwardUnits, forwardPrepare, forwardWork, bytesOf<ForwardShared>, bytesOf<ForwardLocal>};
constexpr densenet::KernelImplementation backward{backwardUnits, backwardPrepare, backwardWork, bytesOf<BackwardShared>,
                                                  bytesOf<BackwardLocal>};

}  // namespace transposed
}  // namespace
