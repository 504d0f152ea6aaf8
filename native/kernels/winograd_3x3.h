// 3x3 convolution of stride 1 by Winograd's algorithm F(4x4, 3x3), whose matrices are in winograd_transforms.h:
//   y[o] = sum_c W[o][c] * z[c], z = relu(norm(x))
//   dz[c] = sum_o turned W[o][c] * dY[o]     masked by z > 0, into G and the norm's sums
//   dW[o][c]                                  from the transforms of dY and z
//
// Each of the 36 points is a matrix product of [tile][channel] with [channel][output]; winograd_strips.h makes the one of planes, and
// planes of what comes out.
#pragma once
#include "winograd_strips.h"

namespace {
namespace winograd {

/// Channels whose transforms are multiplied at a time.
constexpr int FORWARD_BLOCK = 64, BACKWARD_BLOCK = larger(TILE_PIXELS, GROUP);

// ---- forward ----------------------------------------------------------------------------------------------------

inline Strips forwardStrips(const Call& call, int batch) { return Strips(call.input, batch, unitsWanted(call, 4)); }

/// The filters' transforms: [point][in][out rounded up].
inline int64_t packedCount(const Call& call) { return POINTS * call.input.channels * roundUp(call.output.channels, WIDTH); }
inline int64_t packedBytes(const Call& call) { return packedCount(call) * int64_t(sizeof(Real)); }
inline void pack(const Call& call, void* packed) {
  Real* to = static_cast<Real*>(packed);
  const int in = call.input.channels, out = call.output.channels;
  const int64_t lanes = roundUp(out, WIDTH);
  for (int c = 0; c < in; c++) {
    transformFilters<SIDE>(call.weight + c * 9, int64_t(in) * 9, out, false, to + c * lanes, in * lanes);
  }
}

struct ForwardLocal {
  int64_t outLanes;
  Real* filters;
  NormLanes norm;
  Band band;
  Real* planes;
  int64_t* lines;  // of the input that is transformed next
  Points input, products;
  ForwardLocal(Scratch& scratch, const Call& call, const Strips& strips)
      : outLanes(roundUp(call.output.channels, WIDTH)),
        filters(call.packed ? packedOf(call) : scratch.take<Real>(packedCount(call))),
        norm(scratch, call.input.channels), band(scratch, strips),
        planes(scratch.take<Real>(GROUP * strips.pixelRoom())),
        lines(takeLines(scratch, strips, smaller(call.input.channels, FORWARD_BLOCK))),
        input(scratch, strips.tiles(), roundUp(smaller(call.input.channels, FORWARD_BLOCK), WIDTH)),
        products(scratch, strips.tiles(), outLanes) {}
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
  if (call.norm.present()) local.norm.prepare(call.norm, call.input.channels);
  if (!call.packed) pack(call, local.filters);
}

/// The input that is transformed next: of the next block of channels, or of the next strip.
inline Ahead aheadOfInput(const Call& call, const ForwardLocal& local, const Strips& strips, int64_t unit, int64_t nextBlock) {
  const int64_t in = call.input.channels;
  const bool sameStrip = nextBlock < in;
  if (!sameStrip && unit + 1 == strips.count) return {};
  const int64_t first = sameStrip ? nextBlock : 0;
  const Range channels{first, smaller<int64_t>(in, first + FORWARD_BLOCK)};
  int64_t* end = listStrip(call.input, strips, strips.strip(sameStrip ? unit : unit + 1), channels, call.input.plane(0, 0), local.lines);
  const int64_t tiles = divideUp(strips.tiles(), TILE_ROWS) * divideUp(local.outLanes, TILE_PIXELS);
  return Ahead{call.input.plane(0, 0), local.lines, end - local.lines}.over(POINTS * tiles * channels.size());
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
  const int64_t outLanes = local.outLanes;
  const Range strip = strips.strip(unit);
  const int tiles = int(strip.size() * strips.tilesWide);
  for (int64_t first = 0; first < in; first += FORWARD_BLOCK) {
    const Range channels{first, smaller<int64_t>(in, first + FORWARD_BLOCK)};
    transformInput(call, local.norm, strips, strip, channels, local.band, local.input);
    Ahead ahead = aheadOfInput(call, local, strips, unit, first + FORWARD_BLOCK);
    for (int point = 0; point < POINTS; point++) {
      const Operands operands{local.input.at(point), local.input.lanes, 1, local.filters + (point * in + first) * outLanes, outLanes,
                              channels.size()};
      multiply(operands, tiles, int(outLanes / WIDTH), local.products.at(point), outLanes, first > 0, ahead);
    }
  }
  const int64_t count = strips.pixels(strip);
  for (int first = 0; first < out; first += GROUP) {
    const int channels = smaller(GROUP, out - first);
    transformOutput(strips, strip, local.products, first, channels, local.band.pixels, local.planes);
    for (int i = 0; i < channels; i++) {
      const int o = first + i;
      Real* pixels = local.planes + i * strips.pixelRoom();
      addBias(call, o, pixels, count);
      strips.forEachImage(strip, [&, at = pixels](const Strips::Part& part) mutable {
        const int64_t size = part.pixels.size();
        if (call.dropout.present()) {
          applyDropout(task, (part.image * out + o) * call.output.pixels() + part.pixels.first, at, size);
        }
        copy(call.output.plane(part.image, o) + part.pixels.first, at, size);
        at += size;
      });
      if (!call.statistics.present()) continue;
      roundAll(pixels, count);
      shared.moments[int64_t(unit) * out + o] = momentsOf(pixels, count);
    }
  }
}

// ---- backward ---------------------------------------------------------------------------------------------------

struct BackwardUnits {
  Strips strips;
  int slots;
  BackwardUnits(const Call& call, int batch) : strips(call.input, batch), slots(slotCount(strips.count)) {}
};

struct BackwardLocal {
  int64_t inLanes, outLanes;
  Finaliser finaliser;
  NormLanes norm;
  Band band;
  Real *filters, *rows, *dz;  // filters: [block][point][out][channel of the block]; rows: of dY, of a group of channels
  NormSums* sums;
  int64_t* lines;  // of G that is written next, and of the input and dY that are transformed next
  Points dy, spread, block;  // B' dY B; A dY A'; B' z B of a block of channels, then the products that make their dz
  BackwardLocal(Scratch& scratch, const Call& call, const Strips& strips)
      : inLanes(roundUp(call.input.channels, WIDTH)), outLanes(roundUp(call.outputGradient.gradient.channels, WIDTH)),
        finaliser(scratch, call.outputGradient.gradient.channels), norm(scratch, call.input.channels), band(scratch, strips),
        filters(scratch.take<Real>(roundUp(call.input.channels, BACKWARD_BLOCK) * POINTS * call.outputGradient.gradient.channels)),
        rows(scratch.take<Real>(GROUP * rowsStep(strips))), dz(scratch.take<Real>(GROUP * strips.pixelRoom())),
        sums(scratch.take<NormSums>(call.input.channels)),
        lines(takeLines(scratch, strips, 2 * (smaller(call.input.channels, BACKWARD_BLOCK) + call.outputGradient.gradient.channels))),
        dy(scratch, strips.tiles(), outLanes), spread(scratch, strips.tiles(), outLanes),
        block(scratch, strips.tiles(), BACKWARD_BLOCK) {}
  BackwardLocal(Scratch& scratch, const Call& call, int batch) : BackwardLocal(scratch, call, Strips(call.input, batch)) {}
  static int64_t rowsStep(const Strips& strips) { return strips.paddedRows() * strips.width + WIDTH; }
};

struct BackwardShared {
  Real* weight;      // [slot][point][out][in rounded up]
  ChannelSums* sums;  // [slot][in]
  BackwardShared(Scratch& scratch, const Call& call, int batch) {
    const int64_t slots = BackwardUnits(call, batch).slots;
    weight = scratch.take<Real>(slots * POINTS * call.outputGradient.gradient.channels * roundUp(call.input.channels, WIDTH));
    sums = scratch.take<ChannelSums>(slots * call.input.channels);
  }
};

inline int backwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return BackwardUnits(call, batch).slots;
  return phase == 1 ? call.outputGradient.gradient.channels + (call.norm.present() ? 1 : 0) : 0;
}

inline void backwardPrepare(const Task& task, int phase) {
  if (phase != 0) return;
  const Call& call = task.call;
  const auto local = layoutAt<BackwardLocal>(task.local, task);
  if (call.norm.present()) local.norm.prepare(call.norm, call.input.channels);
  local.finaliser.prepare(call.outputGradient);
  if (!call.inputGradient.present()) return;
  const int in = call.input.channels, out = call.outputGradient.gradient.channels;
  for (int first = 0; first < in; first += BACKWARD_BLOCK) {
    Real* filters = local.filters + int64_t(first) * POINTS * out;
    for (int o = 0; o < out; o++) {
      const Real* weight = call.weight + (int64_t(o) * in + first) * 9;
      transformFilters<SIDE>(weight, 9, smaller(BACKWARD_BLOCK, in - first), true, filters + o * BACKWARD_BLOCK, out * BACKWARD_BLOCK);
    }
  }
}

/// Both transforms of dY of a strip.
inline void transformGradient(const Task& task, const BackwardLocal& local, const Strips& strips, Range strip) {
  const int out = task.call.outputGradient.gradient.channels;
  const int64_t rowsStep = BackwardLocal::rowsStep(strips);
  for (int first = 0; first < out; first += GROUP) {
    const int channels = smaller(GROUP, out - first);
    const int64_t lanes = roundUp(channels, WIDTH);
    strips.forEachImage(strip, [&](const Strips::Part& part) {
      const Range rows{larger<int64_t>(part.firstRow - 1, 0), smaller<int64_t>(part.firstRow + SIDE * part.rows + 1, strips.height)};
      for (int i = 0; i < channels; i++) {
        local.finaliser.finalise(task, part.image, first + i, rows.first * strips.width, rows.size() * strips.width, local.rows + i * rowsStep);
      }
      const auto read = [&](int i, int64_t row, int64_t x) {
        return load(local.rows + i * rowsStep + (row - rows.first) * strips.width + x);
      };
      layOut(strips, part, channels, read, [](int) { return [](Vec x) { return x; }; }, local.band.pixels);
      const Real* inside = local.band.pixels + (strips.paddedWidth() + 1) * lanes;
      transformBand<INPUTS>(strips, part, Lines<SIDE>::input, lanes, local.band.pixels, local.band.columns, local.dy, first);
      transformBand<SIDE>(strips, part, Lines<SIDE>::outputGradient, lanes, inside, local.band.columns, local.spread, first);
    });
  }
}

/// dz of some channels from their products: mask, sums, G.
inline void finishData(const Task& task, const BackwardLocal& local, const Strips& strips, Range strip, Range channels) {
  const Call& call = task.call;
  for (int64_t first = channels.first; first < channels.end; first += GROUP) {
    const int count = int(smaller<int64_t>(GROUP, channels.end - first));
    transformOutput(strips, strip, local.block, first - channels.first, count, local.band.pixels, local.dz);
    for (int i = 0; i < count; i++) {
      const int c = int(first) + i;
      strips.forEachImage(strip, [&, dz = local.dz + i * strips.pixelRoom()](const Strips::Part& part) mutable {
        const int64_t size = part.pixels.size();
        Element* gradient = call.inputGradient.gradient.plane(part.image, c) + part.pixels.first;
        if (call.norm.present()) {
          const Element* x = call.input.plane(part.image, c) + part.pixels.first;
          normBackward(call.norm, local.norm.scale, c, call.inputGradient.accumulate, x, dz, size, gradient, local.sums[c]);
        } else {
          plainBackward(call.inputGradient.accumulate, dz, size, gradient);
        }
        dz += size;
      });
    }
  }
}

inline void backwardFinish(const Task& task, int unit) {
  const Call& call = task.call;
  const auto shared = layoutAt<BackwardShared>(task.shared, task);
  const int slots = BackwardUnits(call, task.run.batch).slots;
  const int64_t in = call.input.channels, out = call.outputGradient.gradient.channels, inLanes = roundUp(in, WIDTH);
  if (unit == out) return finishNormGradient(call, shared.sums, slots, task.run.batch * call.input.pixels(), 0, int(in));
  for (int64_t first = 0; first < in; first += WIDTH) {
    Real points[POINTS * WIDTH], taps[9 * WIDTH];
    for (int64_t p = 0; p < POINTS; p++) {
      Vec total{};
      for (int64_t s = 0; s < slots; s++) total += load(shared.weight + ((s * POINTS + p) * out + unit) * inLanes + first);
      store(points + p * WIDTH, total);
    }
    transformTile<INPUTS, 3>(Lines<SIDE>::filterGradient, points, INPUTS * WIDTH, WIDTH, taps, 3 * WIDTH, WIDTH);
    for (int64_t c = first; c < smaller(in, first + WIDTH); c++) {
      for (int t = 0; t < 9; t++) call.weightGradient[(unit * in + c) * 9 + t] = taps[t * WIDTH + c - first];
    }
  }
}

/// What will soon be wanted from memory while a block is multiplied: its G, and the next block's input or, after the last one, that of
/// the next strip (`next`, which may be empty) and its dY.
inline Ahead aheadOfBlock(const Call& call, const BackwardLocal& local, const Strips& strips, Range strip, Range next, Range channels) {
  const int64_t in = call.input.channels, out = call.outputGradient.gradient.channels;
  const Element* base = call.input.plane(0, 0);
  int64_t* to = local.lines;
  if (call.inputGradient.present()) to = listStrip(call.inputGradient.gradient, strips, strip, channels, base, to);
  if (channels.end < in) {
    to = listStrip(call.input, strips, strip, {channels.end, smaller<int64_t>(in, channels.end + BACKWARD_BLOCK)}, base, to);
  } else {
    to = listStrip(call.input, strips, next, {0, smaller<int64_t>(in, BACKWARD_BLOCK)}, base, to);
    to = listStrip(call.outputGradient.gradient, strips, next, {0, out}, base, to);
    if (call.outputGradient.deferred()) to = listStrip(call.outputGradient.value, strips, next, {0, out}, base, to);
  }
  const int64_t tiles = strips.tiles(), steps = divideUp(out, TILE_ROWS) * tiles + divideUp(tiles, TILE_ROWS) * out;
  return Ahead{base, local.lines, to - local.lines}.over(POINTS * divideUp(channels.size(), TILE_PIXELS) * steps);
}

inline void backwardWork(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  if (phase == 1) return backwardFinish(task, unit);
  const int64_t in = call.input.channels, out = call.outputGradient.gradient.channels;
  const auto shared = layoutAt<BackwardShared>(task.shared, task);
  const BackwardUnits units(call, task.run.batch);
  const Strips& strips = units.strips;
  const auto local = layoutAt<BackwardLocal>(task.local, task);
  const int64_t inLanes = local.inLanes, outLanes = local.outLanes;
  Real* weightSums = shared.weight + unit * POINTS * out * inLanes;
  memset(local.sums, 0, size_t(in) * sizeof(NormSums));
  const Range items = part(strips.count, units.slots, unit);
  for (int64_t item = items.first; item < items.end; item++) {
    const Range strip = strips.strip(item), next = item + 1 < items.end ? strips.strip(item + 1) : Range{0, 0};
    const int64_t tiles = strip.size() * strips.tilesWide;
    transformGradient(task, local, strips, strip);
    for (int64_t first = 0; first < in; first += BACKWARD_BLOCK) {
      const Range channels{first, smaller<int64_t>(in, first + BACKWARD_BLOCK)};
      const Real* filters = local.filters + first * POINTS * out;
      const int vectors = int(divideUp(channels.size(), WIDTH));
      transformInput(call, local.norm, strips, strip, channels, local.band, local.block);
      Ahead ahead = aheadOfBlock(call, local, strips, strip, next, channels);
      for (int point = 0; point < POINTS; point++) {
        const Operands weight{local.spread.at(point), 1, outLanes, local.block.at(point), BACKWARD_BLOCK, tiles};
        Real* sums = weightSums + point * out * inLanes + first;
        multiply<Steps<1, 0, BACKWARD_BLOCK>>(weight, int(out), vectors, sums, inLanes, item > items.first, ahead);
        if (!call.inputGradient.present()) continue;
        const Operands data{local.dy.at(point), outLanes, 1, filters + point * out * BACKWARD_BLOCK, BACKWARD_BLOCK, out};
        multiply<Steps<0, 0, BACKWARD_BLOCK>>(data, int(tiles), vectors, local.block.at(point), BACKWARD_BLOCK, false, ahead);
      }
      if (call.inputGradient.present()) finishData(task, local, strips, strip, channels);
    }
  }
  for (int64_t c = 0; c < in; c++) shared.sums[unit * in + c] = {sum(local.sums[c].dz), sum(local.sums[c].dzx)};
}

constexpr densenet::KernelImplementation forward{forwardUnits, forwardPrepare, forwardWork, bytesOf<ForwardShared>,
                                                 bytesOf<ForwardLocal>, packedBytes, pack};
constexpr densenet::KernelImplementation backward{backwardUnits, backwardPrepare, backwardWork, bytesOf<BackwardShared>,
                                                  bytesOf<BackwardLocal>};

}  // namespace winograd
}  // namespace
