// 3x3 convolution of stride 1 over zero-padded rows: y[o] = sum_c sum_t W[o][c][t] z[c](pixel + t), z = relu(norm(x)).
//
// Forward: z of a block of input channels is packed into padded rows, then tiles run over the flattened rows.
// Backward, for a band of rows: dY is finished on load into padded rows, and for each block of input channels
//   dz[c] = sum_o sum_t W[o][c][t] dY[o](pixel - t)     masked by z > 0, into G and the norm's sums
//   dW[o][c][t] = sum_pixel dY[o](pixel) z[c](pixel + t) with z transposed to [pixel][c]: lanes run over c
#pragma once
#include "padded_rows.h"
#include "tile.h"
#include "transpose.h"
#include "work.h"

namespace {
namespace convolution3x3 {

/// Input channels packed at a time.
constexpr int BLOCK = 64;
inline int blockCount(int channels) { return int(divideUp(channels, BLOCK)); }
/// Blocks of even size, multiples of 16 but for the last.
inline Range block(int channels, int i) {
  const int64_t size = roundUp(divideUp(channels, blockCount(channels)), 16);
  return {smaller<int64_t>(channels, i * size), smaller<int64_t>(channels, (i + 1) * size)};
}

struct Bands {
  int height, width, count;
  Bands(const View& view, int batch, int64_t floats)
      : height(view.height), width(view.width),
        count(bandsFor(height, width, smaller(view.channels, BLOCK), floats, smaller(divideUp(4, batch), divideUp(height, 4)))) {}
  int64_t mostRows() const { return divideUp(height, count); }
  PaddedBand band(int i) const {
    const Range rows = part(height, count, i);
    return {height, width, rows.first, rows.size()};
  }
};

inline void packBlock(const Call& call, const float* scale, const PaddedBand& band, int64_t image, Range channels, float* to) {
  for (int64_t c = channels.first; c < channels.end; c++) {
    const Normaliser apply(call.norm, scale, int(c));
    const float* plane = call.input.plane(image, c);
    padRows(band, to + (c - channels.first) * band.planeStep(), [&](int64_t row, float* at) {
      for (int x = 0; x < band.width; x += WIDTH) store(at + x, apply(load(plane + row * band.width + x)));
    });
  }
}

// ---- forward ----------------------------------------------------------------------------------------------------

constexpr int64_t FORWARD_FLOATS = 72 * 1024;
inline Bands forwardBands(const Call& call, int batch) { return Bands(call.input, batch, FORWARD_FLOATS); }

struct ForwardLocal {
  float *scale, *packed, *sums, *row;
  ForwardLocal(Scratch& scratch, const Call& call, int batch) {
    const Bands bands = forwardBands(call, batch);
    const int64_t rows = bands.mostRows(), flat = roundUp(rows * (bands.width + 1), WIDTH);
    scale = scratch.take<float>(call.input.channels);
    packed = scratch.take<float>(smaller(call.input.channels, BLOCK) * PaddedBand::planeStep(rows, bands.width));
    sums = scratch.take<float>(call.output.channels * flat);
    row = scratch.take<float>(flat);
  }
};

struct ForwardShared {
  Moments* moments;  // [image * band][channel]
  ForwardShared(Scratch& scratch, const Call& call, int batch) {
    moments = scratch.take<Moments>(int64_t(batch) * forwardBands(call, batch).count * call.output.channels);
  }
};

inline int forwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return batch * forwardBands(call, batch).count;
  return phase == 1 && call.statistics.present() ? 1 : 0;
}

inline void forwardPrepare(const Task& task, int phase) {
  if (phase == 0 && task.call.norm.present()) {
    normScale(task.call.norm, task.call.input.channels, layoutAt<ForwardLocal>(task.local, task).scale);
  }
}

inline void forwardWork(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const Bands bands = forwardBands(call, task.run.batch);
  const auto shared = layoutAt<ForwardShared>(task.shared, task);
  const int out = call.output.channels, in = call.input.channels;
  if (phase == 1) {
    const auto count = [&](int64_t p) { return bands.band(int(p % bands.count)).pixels(); };
    combineMoments(shared.moments, int64_t(task.run.batch) * bands.count, out, count, call.statistics);
    return;
  }
  const auto local = layoutAt<ForwardLocal>(task.local, task);
  const int64_t image = unit / bands.count;
  const PaddedBand band = bands.band(unit % bands.count);
  const Taps taps(band.pitch(), false);
  const int64_t flat = roundUp(band.flat(), WIDTH);

  for (int i = 0; i < blockCount(in); i++) {
    const Range channels = block(in, i);
    packBlock(call, local.scale, band, image, channels, local.packed);
    const Operands operands{call.weight + channels.first * 9, int64_t(in) * 9, 9, local.packed, band.planeStep(), channels.size(), 9, taps.offsets};
    multiply(operands, out, int(flat / WIDTH), local.sums, flat, i > 0);
  }
  for (int o = 0; o < out; o++) {
    float* plane = call.output.plane(image, o) + band.first * band.width;
    compactRows(band, local.sums + o * flat, local.row);
    if (call.bias) addBiasAndRelu(call.bias[o], local.row, band.pixels());
    if (call.dropout.present()) {
      applyDropout(task, (image * out + o) * call.output.pixels() + band.first * band.width, local.row, band.pixels());
    }
    memcpy(plane, local.row, size_t(band.pixels()) * sizeof(float));
    if (call.statistics.present()) shared.moments[int64_t(unit) * out + o] = momentsOf(plane, band.pixels());
  }
}

// ---- backward ---------------------------------------------------------------------------------------------------

constexpr int64_t BACKWARD_FLOATS = 24 * 1024;
/// Input channels whose dz is made at a time.
constexpr int GROUP = 16;

struct BackwardUnits {
  Bands bands;
  int64_t items;
  int slots;
  BackwardUnits(const Call& call, int batch)
      : bands(call.input, batch, BACKWARD_FLOATS), items(int64_t(batch) * bands.count), slots(slotCount(items)) {}
};

inline int64_t lanes(const Call& call) { return roundUp(call.input.channels, 16); }

struct BackwardLocal {
  Finaliser finaliser;
  float *scale, *dy, *packed, *transposed, *dzFlat, *dz, *z;
  NormSums* sums;
  BackwardLocal(Scratch& scratch, const Call& call, int batch) : finaliser(scratch, call.outputGradient.gradient.channels) {
    const Bands bands = BackwardUnits(call, batch).bands;
    const int64_t rows = bands.mostRows(), step = PaddedBand::planeStep(rows, bands.width);
    const int64_t flat = roundUp(rows * (bands.width + 1), WIDTH);
    scale = scratch.take<float>(call.input.channels);
    dy = scratch.take<float>(call.outputGradient.gradient.channels * step);
    packed = scratch.take<float>(GROUP * step);
    transposed = scratch.take<float>(step * BLOCK);
    dzFlat = scratch.take<float>(GROUP * flat);
    dz = scratch.take<float>(flat);
    z = scratch.take<float>(flat);
    sums = scratch.take<NormSums>(call.input.channels);
  }
};

struct BackwardShared {
  float* weight;      // [slot][tap][out][in rounded up]
  ChannelSums* sums;  // [slot][in]
  BackwardShared(Scratch& scratch, const Call& call, int batch) {
    const int64_t slots = BackwardUnits(call, batch).slots;
    weight = scratch.take<float>(slots * 9 * call.outputGradient.gradient.channels * lanes(call));
    sums = scratch.take<ChannelSums>(slots * call.input.channels);
  }
};

inline int backwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return BackwardUnits(call, batch).slots;
  return phase == 1 ? call.outputGradient.gradient.channels + (call.norm.present() ? 1 : 0) : 0;
}

inline void backwardPrepare(const Task& task, int phase) {
  if (phase != 0) return;
  const auto local = layoutAt<BackwardLocal>(task.local, task);
  if (task.call.norm.present()) normScale(task.call.norm, task.call.input.channels, local.scale);
  local.finaliser.prepare(task.call.outputGradient);
}

/// dz of a group of channels whose z is packed: mask, sums, G.
inline void dataGradient(const Task& task, const BackwardLocal& local, const PaddedBand& band, const Taps& turned,
                         int64_t image, Range channels) {
  const Call& call = task.call;
  const int64_t in = call.input.channels, flat = roundUp(band.flat(), WIDTH), pixel = band.first * band.width;
  const Operands operands{call.weight + channels.first * 9, 9, in * 9, local.dy, band.planeStep(), call.outputGradient.gradient.channels, 9, turned.offsets};
  multiply(operands, int(channels.size()), int(flat / WIDTH), local.dzFlat, flat, false);
  for (int64_t i = 0; i < channels.size(); i++) {
    const int64_t c = channels.first + i;
    float* gradient = call.inputGradient.gradient.plane(image, c) + pixel;
    compactRows(band, local.dzFlat + i * flat, local.dz);
    if (call.norm.present()) {
      compactRows(band, local.packed + i * band.planeStep() + band.pitch() + 1, local.z);
      normBackward(call.norm, local.scale, int(c), call.inputGradient.accumulate, call.input.plane(image, c) + pixel, local.z,
                   local.dz, band.pixels(), gradient, local.sums[c]);
    } else {
      plainBackward(call.inputGradient.accumulate, local.dz, band.pixels(), gradient);
    }
  }
}

inline void backwardFinish(const Task& task, int unit) {
  const Call& call = task.call;
  const auto shared = layoutAt<BackwardShared>(task.shared, task);
  const int slots = BackwardUnits(call, task.run.batch).slots;
  const int64_t in = call.input.channels, out = call.outputGradient.gradient.channels, step = lanes(call);
  if (unit == out) {
    return finishNormGradient(call, shared.sums, slots, task.run.batch * call.input.pixels(), 0, int(in));
  }
  for (int64_t t = 0; t < 9; t++) {
    for (int64_t c = 0; c < in; c += WIDTH) {
      Vec total{};
      for (int64_t s = 0; s < slots; s++) total += load(shared.weight + ((s * 9 + t) * out + unit) * step + c);
      for (int64_t i = c; i < smaller<int64_t>(in, c + WIDTH); i++) call.weightGradient[(unit * in + i) * 9 + t] = total[i - c];
    }
  }
}

inline void backwardWork(const Task& task, int phase, int unit) {
  if (phase == 1) return backwardFinish(task, unit);
  const Call& call = task.call;
  const BackwardUnits units(call, task.run.batch);
  const auto local = layoutAt<BackwardLocal>(task.local, task);
  const auto shared = layoutAt<BackwardShared>(task.shared, task);
  const int64_t in = call.input.channels, out = call.outputGradient.gradient.channels, step = lanes(call);
  float* weightSums = shared.weight + unit * 9 * out * step;
  memset(local.sums, 0, size_t(in) * sizeof(NormSums));
  const Range items = part(units.items, units.slots, unit);

  for (int64_t item = items.first; item < items.end; item++) {
    const int64_t image = item / units.bands.count;
    const PaddedBand band = units.bands.band(int(item % units.bands.count));
    const int64_t pitch = band.pitch();
    const Taps taps(pitch, false), turned(pitch, true);
    for (int o = 0; o < out; o++) {
      padRows(band, local.dy + o * band.planeStep(),
              [&](int64_t row, float* at) { local.finaliser.finalise(task, image, o, row * band.width, band.width, at); });
    }
    for (int i = 0; i < blockCount(int(in)); i++) {
      const Range channels = block(int(in), i);
      const int64_t width = roundUp(channels.size(), 16);
      for (int64_t c = channels.first; c < channels.end; c += GROUP) {
        const Range group{c, smaller<int64_t>(c + GROUP, channels.end)};
        packBlock(call, local.scale, band, image, group, local.packed);
        transpose(local.packed, band.planeStep(), int(group.size()), (band.rows + 2) * pitch + 1,
                  local.transposed + (c - channels.first), width);
        if (call.inputGradient.present()) dataGradient(task, local, band, turned, image, group);
      }
      // The last flattened result is of no pixel, and its last tap lies beyond the band.
      for (int t = 0; t < 9; t++) {
        const Operands operands{local.dy + pitch + 1, band.planeStep(), 1, local.transposed + taps.offsets[t] * width, width, band.flat() - 1, 1, nullptr};
        multiply(operands, int(out), int(divideUp(channels.size(), WIDTH)), weightSums + t * out * step + channels.first, step, item > items.first);
      }
    }
  }
  for (int64_t c = 0; c < in; c++) shared.sums[unit * in + c] = {sum(local.sums[c].dz), sum(local.sums[c].dzx)};
}

constexpr densenet::KernelImplementation forward{forwardUnits, forwardPrepare, forwardWork, bytesOf<ForwardShared>, bytesOf<ForwardLocal>};
constexpr densenet::KernelImplementation backward{backwardUnits, backwardPrepare, backwardWork, bytesOf<BackwardShared>,
                                                  bytesOf<BackwardLocal>};

}  // namespace convolution3x3
}  // namespace
