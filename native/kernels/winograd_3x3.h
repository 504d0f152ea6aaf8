// 3x3 convolution by Winograd's algorithm (winograd_tiles.h), for outputs wide enough to pay for the transforms. What is
// computed is what convolution_3x3.h computes: y[o] = sum_c W[o][c] * z[c], z = relu(norm(x)), and its gradients
//   dz[c] = sum_o turned W[o][c] * dY[o]     masked by z > 0, into G and the norm's sums
//   dW[o][c]                                  from the transforms of dY and z
#pragma once
#include "tile.h"
#include "transpose.h"
#include "winograd_tiles.h"

namespace {
namespace winograd {

inline void transformInput(const Call& call, const float* scale, const Strips& strips, Range strip, Range channels,
                           float* expanded, const Transforms& to) {
  for (int64_t c = channels.first; c < channels.end; c++) {
    const Normaliser apply(call.norm, scale, int(c));
    strips.forEachImage(strip, [&](const Strips::Part& part) {
      const float* plane = call.input.plane(part.image, c);
      const auto read = [&](int64_t row, int64_t x) { return apply(load(plane + row * strips.width + x)); };
      RowTransforms{strips, part}.input(read, expanded, to.at(0, c - channels.first), to.pointStep);
    });
  }
}

// ---- forward ----------------------------------------------------------------------------------------------------

inline void transformFilters(const Call& call, const Filters& to) {
  const int in = call.input.channels;
  for (int o = 0; o < call.output.channels; o++) to.transformRow(o, in, call.weight + int64_t(o) * in * 9, 9, false, filterTransform);
}
inline int64_t packedFloats(const Call& call) { return Filters::floats(POINTS, call.output.channels, call.input.channels); }
inline void pack(const Call& call, float* to) { transformFilters(call, Filters(to, call.output.channels, call.input.channels)); }

inline Strips forwardStrips(const Call& call, int batch) { return Strips(call.input, batch, unitsWanted(call, 4)); }

struct ForwardLocal {
  Filters filters;
  float *scale, *pixels, *expanded;
  Transforms input, products;
  ForwardLocal(Scratch& scratch, const Call& call, const Strips& strips)
      : filters(call.packed ? Filters(const_cast<float*>(call.packed), call.output.channels, call.input.channels)
                            : Filters(scratch.take<float>(packedFloats(call)), call.output.channels, call.input.channels)),
        scale(scratch.take<float>(call.input.channels)),
        pixels(scratch.take<float>(strips.pixelRoom())),
        expanded(scratch.take<float>(expandedFloats(strips))),
        input(scratch, POINTS, Blocks(call.input.channels, POINTS, strips.lanes()).size, strips.lanes()),
        products(scratch, POINTS, call.output.channels, strips.lanes()) {}
  ForwardLocal(Scratch& scratch, const Call& call, int batch) : ForwardLocal(scratch, call, forwardStrips(call, batch)) {}
};

struct ForwardShared {
  Moments* moments;  // [strip][channel]
  ForwardShared(Scratch& scratch, const Call& call, int batch)
      : moments(scratch.take<Moments>(int64_t(forwardStrips(call, batch).count) * call.output.channels)) {}
};

inline int forwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return forwardStrips(call, batch).count;
  return phase == 1 && call.statistics.present() ? 1 : 0;
}

inline void forwardPrepare(const Task& task, int phase) {
  if (phase != 0) return;
  const Call& call = task.call;
  const auto local = layoutAt<ForwardLocal>(task.local, task);
  if (call.norm.present()) normScale(call.norm, call.input.channels, local.scale);
  if (!call.packed) transformFilters(call, local.filters);
}

inline void forwardWork(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const int out = call.output.channels, in = call.input.channels;
  const Strips strips = forwardStrips(call, task.run.batch);
  const auto shared = layoutAt<ForwardShared>(task.shared, task);
  if (phase == 1) {
    const auto count = [&](int64_t p) { return strips.pixels(strips.strip(p)); };
    return combineMoments(shared.moments, strips.count, out, count, call.statistics);
  }
  const auto local = layoutAt<ForwardLocal>(task.local, task);
  const Range strip = strips.strip(unit);
  const Blocks blocks(in, POINTS, strips.lanes());
  const int vectors = int(divideUp(strip.size() * strips.tilesWide, WIDTH));
  for (int b = 0; b < blocks.count(); b++) {
    const Range channels = blocks.block(b);
    transformInput(call, local.scale, strips, strip, channels, local.expanded, local.input);
    for (int point = 0; point < POINTS; point++) {
      const Operands operands{local.filters.at(point, 0) + channels.first, local.filters.columns, 1, local.input.at(point, 0),
                              strips.lanes(), channels.size(), 1, nullptr};
      multiply(operands, out, vectors, local.products.at(point, 0), strips.lanes(), b > 0);
    }
  }
  const int64_t count = strips.pixels(strip);
  for (int o = 0; o < out; o++) {
    outputTransform(strips, strip, local.products.at(0, o), local.products.pointStep, local.pixels);
    if (call.bias) addBiasAndRelu(call.bias[o], local.pixels, count);
    float* pixels = local.pixels;
    strips.forEachImage(strip, [&](const Strips::Part& part) {
      const int64_t size = part.pixels.size();
      if (call.dropout.present()) {
        applyDropout(task, (part.image * out + o) * call.output.pixels() + part.pixels.first, pixels, size);
      }
      memcpy(call.output.plane(part.image, o) + part.pixels.first, pixels, size_t(size) * sizeof(float));
      pixels += size;
    });
    if (call.statistics.present()) shared.moments[int64_t(unit) * out + o] = momentsOf(local.pixels, count);
  }
}

// ---- backward ---------------------------------------------------------------------------------------------------

struct BackwardUnits {
  Strips strips;
  int slots;
  BackwardUnits(const Call& call, int batch) : strips(call.input, batch), slots(slotCount(strips.count)) {}
};

struct BackwardLocal {
  Filters filters;  // turned, with rows for the input's channels
  Finaliser finaliser;
  float *scale, *transposed, *rows, *expanded, *dz, *z;  // transposed: A dY A' as [point][tile][out rounded up]; rows of dY
  NormSums* sums;
  Transforms dy, spread, input, products;  // B' dY B; A dY A' of some channels; B' z B; products that make dz
  BackwardLocal(Scratch& scratch, const Call& call, const Strips& strips)
      : filters(scratch.take<float>(Filters::floats(POINTS, call.input.channels, call.outputGradient.gradient.channels)),
                call.input.channels, call.outputGradient.gradient.channels),
        finaliser(scratch, call.outputGradient.gradient.channels), scale(scratch.take<float>(call.input.channels)),
        transposed(scratch.take<float>(POINTS * strips.lanes() * roundUp(call.outputGradient.gradient.channels, WIDTH))),
        rows(scratch.take<float>((strips.rowsOfStrip * 2 + 2) * strips.width + 2 * WIDTH)),
        expanded(scratch.take<float>(expandedFloats(strips))),
        dz(scratch.take<float>(strips.pixelRoom())),
        z(scratch.take<float>(strips.pixelRoom())), sums(scratch.take<NormSums>(call.input.channels)),
        dy(scratch, POINTS, call.outputGradient.gradient.channels, strips.lanes()),
        spread(scratch, POINTS, WIDTH, strips.lanes()), input(scratch, POINTS, Blocks(call.input.channels, POINTS, strips.lanes()).size, strips.lanes()),
        products(scratch, POINTS, Blocks(call.input.channels, POINTS, strips.lanes()).size, strips.lanes()) {}
  BackwardLocal(Scratch& scratch, const Call& call, int batch) : BackwardLocal(scratch, call, Strips(call.input, batch)) {}
};

struct BackwardShared {
  int64_t outLanes;
  float* weight;      // [slot][point][in][out rounded up]
  ChannelSums* sums;  // [slot][in]
  BackwardShared(Scratch& scratch, const Call& call, int batch) : outLanes(roundUp(call.outputGradient.gradient.channels, WIDTH)) {
    const int64_t slots = BackwardUnits(call, batch).slots;
    weight = scratch.take<float>(slots * POINTS * call.input.channels * outLanes);
    sums = scratch.take<ChannelSums>(slots * call.input.channels);
  }
};

inline int backwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return BackwardUnits(call, batch).slots;
  return phase == 1 ? call.input.channels + (call.norm.present() ? 1 : 0) : 0;
}

inline void backwardPrepare(const Task& task, int phase) {
  if (phase != 0) return;
  const Call& call = task.call;
  const auto local = layoutAt<BackwardLocal>(task.local, task);
  if (call.norm.present()) normScale(call.norm, call.input.channels, local.scale);
  local.finaliser.prepare(call.outputGradient);
  const int in = call.input.channels, out = call.outputGradient.gradient.channels;
  for (int c = 0; c < in; c++) local.filters.transformRow(c, out, call.weight + int64_t(c) * 9, int64_t(in) * 9, true, filterTransform);
}

/// Both transforms of dY of a strip.
inline void transformGradient(const Task& task, const BackwardLocal& local, const Strips& strips, Range strip) {
  const int out = task.call.outputGradient.gradient.channels;
  const int64_t tiles = strip.size() * strips.tilesWide, outLanes = roundUp(out, WIDTH);
  for (int first = 0; first < out; first += WIDTH) {
    const int channels = smaller(WIDTH, out - first);
    for (int i = 0; i < channels; i++) {
      strips.forEachImage(strip, [&](const Strips::Part& part) {
        const Range rows{larger<int64_t>(part.firstPixelRow - 1, 0),
                         smaller<int64_t>(part.firstPixelRow + 2 * part.rows + 1, strips.height)};
        local.finaliser.finalise(task, part.image, first + i, rows.first * strips.width, rows.size() * strips.width, local.rows);
        const auto read = [&](int64_t row, int64_t x) { return load(local.rows + (row - rows.first) * strips.width + x); };
        const RowTransforms transforms{strips, part};
        transforms.input(read, local.expanded, local.dy.at(0, first + i), local.dy.pointStep);
        transforms.gradient(read, local.spread.at(0, i), local.spread.pointStep);
      });
    }
    for (int point = 0; point < POINTS; point++) {
      transpose(local.spread.at(point, 0), strips.lanes(), channels, tiles,
                local.transposed + point * strips.lanes() * outLanes + first, outLanes);
    }
  }
}

/// dz of a channel from its products: mask, sums, G.
inline void finishData(const Task& task, const BackwardLocal& local, const Strips& strips, Range strip, int64_t c, int64_t inBlock) {
  const Call& call = task.call;
  outputTransform(strips, strip, local.products.at(0, inBlock), local.products.pointStep, local.dz);
  const float* dz = local.dz;
  strips.forEachImage(strip, [&](const Strips::Part& part) {
    const int64_t count = part.pixels.size();
    float* gradient = call.inputGradient.gradient.plane(part.image, c) + part.pixels.first;
    if (call.norm.present()) {
      const float* x = call.input.plane(part.image, c) + part.pixels.first;
      normalise(call.norm, local.scale, int(c), x, count, local.z);
      normBackward(call.norm, local.scale, int(c), call.inputGradient.accumulate, x, local.z, dz, count, gradient, local.sums[c]);
    } else {
      plainBackward(call.inputGradient.accumulate, dz, count, gradient);
    }
    dz += count;
  });
}

inline void backwardFinish(const Task& task, int unit) {
  const Call& call = task.call;
  const auto shared = layoutAt<BackwardShared>(task.shared, task);
  const int slots = BackwardUnits(call, task.run.batch).slots;
  const int64_t in = call.input.channels, out = call.outputGradient.gradient.channels, outLanes = shared.outLanes;
  if (unit == in) return finishNormGradient(call, shared.sums, slots, task.run.batch * call.input.pixels(), 0, int(in));
  for (int64_t o = 0; o < out; o += WIDTH) {
    Vec u[POINTS] = {}, g[9];
    for (int64_t s = 0; s < slots; s++) {
      for (int64_t p = 0; p < POINTS; p++) u[p] += load(shared.weight + ((s * POINTS + p) * in + unit) * outLanes + o);
    }
    filterGradient(u, g);
    for (int64_t i = 0; i < smaller<int64_t>(WIDTH, out - o); i++) {
      for (int t = 0; t < 9; t++) call.weightGradient[((o + i) * in + unit) * 9 + t] = g[t][i];
    }
  }
}

inline void backwardWork(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const int64_t in = call.input.channels, out = call.outputGradient.gradient.channels;
  if (phase == 1) return backwardFinish(task, unit);
  const auto shared = layoutAt<BackwardShared>(task.shared, task);
  const BackwardUnits units(call, task.run.batch);
  const Strips& strips = units.strips;
  const auto local = layoutAt<BackwardLocal>(task.local, task);
  const int64_t outLanes = shared.outLanes, lanes = strips.lanes();
  float* weightSums = shared.weight + unit * POINTS * in * outLanes;
  memset(local.sums, 0, size_t(in) * sizeof(NormSums));
  const Range items = part(strips.count, units.slots, unit);
  const Blocks blocks(int(in), POINTS, lanes);
  for (int64_t item = items.first; item < items.end; item++) {
    const Range strip = strips.strip(item);
    const int64_t tiles = strip.size() * strips.tilesWide;
    transformGradient(task, local, strips, strip);
    for (int b = 0; b < blocks.count(); b++) {
      const Range channels = blocks.block(b);
      transformInput(call, local.scale, strips, strip, channels, local.expanded, local.input);
      for (int point = 0; point < POINTS; point++) {
        const Operands weight{local.input.at(point, 0), lanes, 1, local.transposed + point * lanes * outLanes, outLanes, tiles, 1, nullptr};
        multiply(weight, int(channels.size()), int(outLanes / WIDTH), weightSums + (point * in + channels.first) * outLanes, outLanes,
                 item > items.first);
        const Operands data{local.filters.at(point, channels.first), outLanes, 1, local.dy.at(point, 0), lanes, out, 1, nullptr};
        multiply(data, int(channels.size()), int(divideUp(tiles, WIDTH)), local.products.at(point, 0), lanes, false);
      }
      for (int64_t c = channels.first; c < channels.end; c++) finishData(task, local, strips, strip, c, c - channels.first);
    }
  }
  for (int64_t c = 0; c < in; c++) shared.sums[unit * in + c] = {sum(local.sums[c].dz), sum(local.sums[c].dzx)};
}

constexpr densenet::KernelImplementation forward{forwardUnits, forwardPrepare, forwardWork, bytesOf<ForwardShared>,
                                                 bytesOf<ForwardLocal>, packedFloats, pack};
constexpr densenet::KernelImplementation backward{backwardUnits, backwardPrepare, backwardWork, bytesOf<BackwardShared>,
                                                  bytesOf<BackwardLocal>};

/// Whether the transforms pay: they cost the same for few outputs as for many, and more where rows are short. Measured;
/// by shape only, so that the bits never depend on threads.
inline bool pays(const Call& call, const View& out) {
  return call.size == 3 && call.stride == 1 && call.padding == 1 && out.channels >= 24 && out.channels * out.width >= 360;
}

}  // namespace winograd
}  // namespace
