// The network's first convolution: any size, stride and padding, on raw images. No norm before it, and nobody wants the
// gradient of its input. For each output row the input is laid out as [channel, tap][pixel] (im2col), then multiplied.
#pragma once
#include "tile.h"
#include "transpose.h"
#include "work.h"

namespace {
namespace stem {

constexpr int BAND_ROWS = 8;

/// Sizes of a stem convolution; `taps` counts input channels too.
struct Shape {
  int size, stride, padding, inChannels, inHeight, inWidth, outHeight, outWidth, bands;
  int64_t taps, paddedWidth, paddedRows, rowStep;
  explicit Shape(const Call& call, const View& out)
      : size(call.size), stride(call.stride), padding(call.padding), inChannels(call.input.channels), inHeight(call.input.height),
        inWidth(call.input.width), outHeight(out.height), outWidth(out.width), bands(int(divideUp(out.height, BAND_ROWS))),
        taps(int64_t(inChannels) * size * size), paddedWidth(inWidth + 2 * padding), paddedRows((BAND_ROWS - 1) * stride + size),
        rowStep(roundUp(outWidth, WIDTH)) {}
  Range band(int i) const { return {int64_t(i) * BAND_ROWS, smaller<int64_t>(outHeight, int64_t(i + 1) * BAND_ROWS)}; }
};

/// Scratch for one band of the input, zero-padded, and one output row's columns.
struct Columns {
  float *padded, *columns;
  Columns(Scratch& scratch, const Shape& shape) {
    padded = scratch.take<float>(shape.inChannels * shape.paddedRows * shape.paddedWidth + 2 * WIDTH);
    columns = scratch.take<float>(shape.taps * shape.rowStep);
  }

  void loadBand(const Call& call, const Shape& shape, int64_t image, Range band) const {
    const int64_t rows = (band.size() - 1) * shape.stride + shape.size;
    for (int c = 0; c < shape.inChannels; c++) {
      const float* plane = call.input.plane(image, c);
      for (int64_t r = 0; r < rows; r++) {
        const int64_t row = band.first * shape.stride + r - shape.padding;
        float* to = padded + (c * shape.paddedRows + r) * shape.paddedWidth;
        memset(to, 0, size_t(shape.paddedWidth) * sizeof(float));
        if (row >= 0 && row < shape.inHeight) {
          memcpy(to + shape.padding, plane + row * shape.inWidth, size_t(shape.inWidth) * sizeof(float));
        }
      }
    }
  }

  /// columns[tap][x] for row `row` of the band, in whole vectors.
  void loadRow(const Shape& shape, int64_t row) const {
    float* to = columns;
    for (int c = 0; c < shape.inChannels; c++) {
      for (int y = 0; y < shape.size; y++) {
        const float* from = padded + (c * shape.paddedRows + row * shape.stride + y) * shape.paddedWidth;
        for (int x = 0; x < shape.size; x++, to += shape.rowStep) {
          if (shape.stride == 2) {
            for (int i = 0; i < shape.outWidth; i += WIDTH) {
              store(to + i, evenOf(load(from + x + 2 * i), load(from + x + 2 * i + WIDTH), AllLanes{}));
            }
          } else {
            for (int i = 0; i < shape.outWidth; i++) to[i] = from[x + int64_t(i) * shape.stride];
          }
        }
      }
    }
  }
};

// ---- forward ----------------------------------------------------------------------------------------------------

struct ForwardLocal {
  Columns columns;
  float* sums;
  ForwardLocal(Scratch& scratch, const Call& call, int) : columns(scratch, Shape(call, call.output)) {
    sums = scratch.take<float>(call.output.channels * roundUp(call.output.width, WIDTH));
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
    local.columns.loadRow(shape, row - band.first);
    const Operands operands{call.weight, shape.taps, 1, local.columns.columns, shape.rowStep, shape.taps};
    multiply(operands, out, int(shape.rowStep / WIDTH), local.sums, shape.rowStep, false);
    for (int o = 0; o < out; o++) {
      if (call.bias) addBiasAndRelu(call.bias[o], local.sums + o * shape.rowStep, shape.outWidth);
      memcpy(call.output.plane(image, o) + row * shape.outWidth, local.sums + o * shape.rowStep, size_t(shape.outWidth) * sizeof(float));
    }
  }
  for (int o = 0; o < out; o++) {
    float* plane = call.output.plane(image, o) + band.first * shape.outWidth;
    const int64_t count = band.size() * shape.outWidth;
    if (call.dropout.present()) {
      applyDropout(task, (image * out + o) * call.output.pixels() + band.first * shape.outWidth, plane, count);
    }
    if (call.statistics.present()) shared.moments[int64_t(unit) * out + o] = momentsOf(plane, count);
  }
}

// ---- backward ---------------------------------------------------------------------------------------------------

struct BackwardLocal {
  Columns columns;
  Finaliser finaliser;
  float *dy, *transposed;
  BackwardLocal(Scratch& scratch, const Call& call, int)
      : columns(scratch, Shape(call, call.outputGradient.gradient)), finaliser(scratch, call.outputGradient.gradient.channels) {
    const View& out = call.outputGradient.gradient;
    dy = scratch.take<float>(out.channels * roundUp(out.width, WIDTH));
    transposed = scratch.take<float>(out.width * roundUp(out.channels, WIDTH));
  }
};

struct BackwardShared {
  float* weight;  // [slot][tap][out rounded up]
  BackwardShared(Scratch& scratch, const Call& call, int batch) {
    const View& out = call.outputGradient.gradient;
    const Shape shape(call, out);
    weight = scratch.take<float>(slotCount(int64_t(batch) * shape.bands) * shape.taps * roundUp(out.channels, WIDTH));
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
      float total = 0;
      for (int64_t s = 0; s < slots; s++) total += shared.weight[(s * shape.taps + k) * lanes + unit];
      call.weightGradient[unit * shape.taps + k] = total;
    }
    return;
  }
  const auto local = layoutAt<BackwardLocal>(task.local, task);
  float* weightSums = shared.weight + unit * shape.taps * lanes;
  const Range range = part(items, slots, unit);
  bool first = true;
  for (int64_t item = range.first; item < range.end; item++) {
    const int64_t image = item / shape.bands;
    const Range band = shape.band(int(item % shape.bands));
    local.columns.loadBand(call, shape, image, band);
    for (int64_t row = band.first; row < band.end; row++, first = false) {
      local.columns.loadRow(shape, row - band.first);
      for (int o = 0; o < out.channels; o++) {
        local.finaliser.finalise(task, image, o, row * shape.outWidth, shape.outWidth, local.dy + o * shape.rowStep);
      }
      transpose(local.dy, shape.rowStep, out.channels, shape.outWidth, local.transposed, lanes);
      const Operands operands{local.columns.columns, shape.rowStep, 1, local.transposed, lanes, shape.outWidth};
      multiply(operands, int(shape.taps), int(lanes / WIDTH), weightSums, lanes, !first);
    }
  }
}

constexpr densenet::KernelImplementation forward{forwardUnits, nullptr, forwardWork, bytesOf<ForwardShared>, bytesOf<ForwardLocal>};
constexpr densenet::KernelImplementation backward{backwardUnits, backwardPrepare, backwardWork, bytesOf<BackwardShared>,
                                                  bytesOf<BackwardLocal>};

}  // namespace stem
}  // namespace
