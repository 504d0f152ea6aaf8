// 1x1 convolution: y[o] = sum_c W[o][c] z[c], z = relu(norm(x)).
//
// Forward: for a panel of pixels, z of all input channels is packed once, tile by tile, and multiplied by all rows of W.
// Backward, for a panel of pixels: dY is finished on load and kept in both orders, tile by tile, with lanes of pixels and of o;
//   dz[c] = sum_o W[o][c] dY[o]          masked by z > 0, into G and the norm's sums
//   dW[o][c] = sum_pixel dY[o] z[c]      lanes run over o, so the accumulators hold finished sums
#pragma once
#include "tile.h"
#include "transpose.h"
#include "work.h"

namespace {
namespace convolution1x1 {

/// A chunk's pixels in panels of whole tiles, of about so many pixels (whole tiles, too): none is thin, because what a panel
/// costs besides its multiplications is the same for all.
struct Panels {
  Range pixels;
  int64_t count;
  Panels(Range pixels, int64_t about) : pixels(pixels), count(larger<int64_t>((pixels.size() + about / 2) / about, 1)) {}
  static constexpr int largest(int64_t about) { return int(roundUp(about * 3 / 2, TILE_PIXELS)); }
  Range panel(int64_t i) const {
    const Range tiles = part(divideUp(pixels.size(), TILE_PIXELS), count, i);
    return {pixels.first + tiles.first * TILE_PIXELS, smaller(pixels.end, pixels.first + tiles.end * TILE_PIXELS)};
  }
};

// ---- forward ----------------------------------------------------------------------------------------------------

/// Floats of a panel, its least pixels, and the most input channels multiplied at a time: a tile's stay in the first-level
/// cache, and their weights, which every tile reads, in the second-level one.
constexpr int64_t FORWARD_PANEL = 16 * 1024, FEWEST_PIXELS = 32, BLOCK = 384;

struct ForwardUnits {
  PixelChunks chunks;
  int rowParts;
  ForwardUnits(const Call& call, int batch)
      : chunks(call.output.pixels(), batch, 96, unitsWanted(call, SLOTS)),
        // Each part packs anew.
        rowParts(partsFor(int64_t(batch) * chunks.count, call.output.channels / 32, call.workers ? call.workers : SLOTS / 2)) {}
  int count(int batch) const { return batch * chunks.count * rowParts; }
};

/// Pixels packed at a time: with what is asked for ahead they stay in the second-level cache.
inline int64_t forwardPanel(int channels) { return roundUp(larger(FORWARD_PANEL / channels, FEWEST_PIXELS), TILE_PIXELS); }

/// The rows of W in groups of up to ROW_GROUP. They are packed where enough pixels are multiplied by them.
struct RowGroups {
  int64_t rows, count;
  bool packed;
  RowGroups(const Call& call, int batch)
      : rows(call.output.channels), count(divideUp(rows, ROW_GROUP)), packed(PAIRS || batch * call.output.pixels() >= 256) {}
  Range range(int64_t group) const { return part(rows, count, group); }
};

struct ForwardLocal {
  TilesInUse tiles;
  Real *scale, *weights, *panel, *edge;  // edge: sums of tiles that cannot be written as they are, [row][pixel] each
  int64_t* lines;  // to ask for: x of the next panel
  ForwardLocal(Scratch& scratch, const Call& call, int batch) {
    const int64_t in = call.input.channels;
    const int64_t pixels = smaller<int64_t>(Panels::largest(forwardPanel(int(in))), roundUp(call.output.pixels(), TILE_PIXELS));
    scale = scratch.take<Real>(in);
    const RowGroups groups(call, batch);
    weights = scratch.take<Real>(groups.packed ? groups.count * packedSize(in) : 0);  // [group], see packRows()
    panel = scratch.take<Real>(in * pixels);                                      // [tile][channel][pixel]
    edge = scratch.take<Real>(int64_t(call.output.channels) * (ROUNDS ? pixels : TILE_PIXELS));
    lines = scratch.take<int64_t>(in * divideUp(pixels, LINE));
  }
};

struct ForwardShared {
  Moments* moments;  // [image * chunk][channel]
  ForwardShared(Scratch& scratch, const Call& call, int batch) {
    moments = scratch.take<Moments>(int64_t(batch) * ForwardUnits(call, batch).chunks.count * call.output.channels);
  }
};

inline int forwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return ForwardUnits(call, batch).count(batch);
  return phase == 1 && call.statistics.present() ? 1 : 0;
}

inline void forwardPrepare(const Task& task, int phase) {
  if (phase != 0) return;
  const Call& call = task.call;
  const auto local = layoutAt<ForwardLocal>(task.local, task);
  const int in = call.input.channels;
  if (call.norm.present()) normScale(call.norm, in, local.scale);
  const RowGroups groups(call, task.run.batch);
  if (!groups.packed) return;
  for (int64_t g = 0; g < groups.count; g++) {
    const Range rows = groups.range(g);
    Real* to = local.weights + g * packedSize(in);
    packRows(call.weight + rows.first * in, in, 1, rows.size(), in, to);
    pairPacked(to, rows.size(), in);
  }
}

/// z of a panel's pixels.
inline void packPanel(const Call& call, const ForwardLocal& local, int64_t image, Range pixels) {
  const int64_t tileStep = int64_t(call.input.channels) * TILE_PIXELS;
  for (int c = 0; c < call.input.channels; c++) {
    normalise(call.norm, local.scale, c, call.input.plane(image, c) + pixels.first, pixels.size(), local.panel + c * TILE_PIXELS, tileStep);
  }
  for (int64_t p = 0; p < pixels.size(); p += TILE_PIXELS) makePairs(local.panel + p * call.input.channels, call.input.channels, TILE_PIXELS);
}

/// Some groups of rows of one tile: out[row][pixel] (+)= W z over some steps.
inline void multiplyRows(const Call& call, const ForwardLocal& local, const RowGroups& groups, Range some, Range steps, const Real* z,
                         int vectors, Real* out, int64_t outStep, Ahead& ahead) {
  const int64_t in = call.input.channels, first = groups.range(some.first).first, end = groups.range(some.end - 1).end;
  z += steps.first * TILE_PIXELS;
  if (!PAIRS && !groups.packed) {
    const Operands operands{call.weight + first * in + steps.first, in, 1, z, TILE_PIXELS, steps.size()};
    return multiply<Steps<0, 0, 0, false, PAIRS>>(operands, int(end - first), vectors, out, outStep, steps.first > 0, ahead);
  }
  for (int64_t g = some.first; g < some.end; g++) {
    const Range rows = groups.range(g);
    const Real* weights = local.weights + g * packedSize(in) + steps.first * PACKED_STEP;
    const Operands operands{weights, packedRowStep(in), PACKED_STEP, z, TILE_PIXELS, steps.size(), &local.tiles};
    multiply<PackedProducts>(operands, int(rows.size()), vectors, out + (rows.first - first) * outStep, outStep, steps.first > 0, ahead);
  }
}

inline void addBiases(const Call& call, Range rows, Real* out, int64_t rowStep, int64_t count) {
  for (int64_t r = 0; r < rows.size(); r++) addBias(call, rows.first + r, out + r * rowStep, count);
}

/// The lines of x of the panel after this one, if the same worker will want it: its units follow each other.
inline Ahead aheadOfInput(const Call& call, const ForwardUnits& units, int batch, int unit, const Panels& panels, int64_t i,
                          int64_t* lines) {
  const int64_t piece = unit / units.rowParts, image = piece / units.chunks.count;
  const bool within = i + 1 < panels.count;
  if (!within && ((unit + 1) % units.rowParts != 0 || unit + 1 == units.count(batch))) return {};
  const Range chunk = units.chunks.chunk(int((piece + 1) % units.chunks.count));
  const Panels next = within ? panels : Panels(chunk, forwardPanel(call.input.channels));
  const Range pixels = next.panel(within ? i + 1 : 0);
  const Element* x = call.input.plane(within ? image : (piece + 1) / units.chunks.count, 0) + pixels.first;
  return {x, lines, listLines(0, call.input.channels, call.input.pixels(), pixels.size(), lines) - lines};
}

inline void forwardWork(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const ForwardUnits units(call, task.run.batch);
  const PixelChunks& chunks = units.chunks;
  const auto shared = layoutAt<ForwardShared>(task.shared, task);
  const int outChannels = call.output.channels, inChannels = call.input.channels;
  if (phase == 1) {
    const auto count = [&](int64_t p) { return chunks.chunk(int(p % chunks.count)).size(); };
    combineMoments(shared.moments, int64_t(task.run.batch) * chunks.count, outChannels, count, call.statistics);
    return;
  }
  const auto local = layoutAt<ForwardLocal>(task.local, task);
  const int64_t piece = unit / units.rowParts, image = piece / chunks.count;
  const Range pixels = chunks.chunk(int(piece % chunks.count));
  const RowGroups groups(call, task.run.batch);
  const Range some = part(groups.count, units.rowParts, unit % units.rowParts);
  const Range rows{groups.range(some.first).first, groups.range(some.end - 1).end};

  const Panels panels(pixels, forwardPanel(inChannels));
  for (int64_t i = 0; i < panels.count; i++) {
    const Range panel = panels.panel(i);
    packPanel(call, local, image, panel);
    const int64_t each = stepsOf(inChannels), all = divideUp(panel.size(), TILE_PIXELS) * divideUp(rows.size(), TILE_ROWS) * each;
    Ahead ahead = aheadOfInput(call, units, task.run.batch, unit, panels, i, local.lines).over(all);
    const int64_t blocks = divideUp(each, BLOCK);
    for (int64_t block = 0; block < blocks; block++) {
      const Range steps = part(each, blocks, block);
      const bool last = block + 1 == blocks;
      for (int64_t tile = panel.first; tile < panel.end; tile += TILE_PIXELS) {
        const int64_t valid = smaller<int64_t>(TILE_PIXELS, panel.end - tile);
        const int vectors = int(divideUp(valid, WIDTH));
        const Real* z = local.panel + (tile - panel.first) * inChannels;
        if (!ROUNDS && valid == vectors * WIDTH) {
          Real* out = call.output.plane<Real>(image, rows.first) + tile;
          multiplyRows(call, local, groups, some, steps, z, vectors, out, call.output.pixels(), ahead);
          if (last) addBiases(call, rows, out, call.output.pixels(), valid);
          continue;
        }
        Real* edge = local.edge + (ROUNDS ? (tile - panel.first) * rows.size() : 0);
        multiplyRows(call, local, groups, some, steps, z, vectors, edge, TILE_PIXELS, ahead);
        if (!last) continue;
        addBiases(call, rows, edge, TILE_PIXELS, valid);
        for (int64_t r = 0; ROUNDS && call.dropout.present() && r < rows.size(); r++) {
          applyDropout(task, (image * outChannels + rows.first + r) * call.output.pixels() + tile, edge + r * TILE_PIXELS, valid);
        }
        Element* out = call.output.plane(image, rows.first) + tile;
        for (int64_t r = 0; r < rows.size(); r++) copy(out + r * call.output.pixels(), edge + r * TILE_PIXELS, valid);
      }
    }
  }
  for (int64_t o = rows.first; o < rows.end; o++) {
    Element* out = call.output.plane(image, o) + pixels.first;
    if (!ROUNDS && call.dropout.present()) {
      applyDropout(task, (image * outChannels + o) * call.output.pixels() + pixels.first, out, pixels.size());
    }
    if (call.statistics.present()) shared.moments[piece * outChannels + o] = momentsOf(out, pixels.size());
  }
}

// ---- backward ---------------------------------------------------------------------------------------------------

/// Pixels of a panel, and input channels worked on at a time. What a product of a group touches (48 channels of dY in one of
/// its two orders, the group's own rows) should fit the first-level cache: 32 KB, or more where vectors are long.
constexpr int PANEL = WIDTH == 16 ? 128 : 64;
constexpr int PANEL_STEP = Panels::largest(PANEL);  // from row to row in scratch

struct BackwardUnits {
  PixelChunks chunks;
  int64_t items;
  int slots, channelParts;
  BackwardUnits(const Call& call, int batch)
      : chunks(call.input.pixels(), batch, PANEL), items(int64_t(batch) * chunks.count), slots(slotCount(items)),
        channelParts(partsFor(slots, call.input.channels / 48)) {}
};

struct BackwardLocal {
  TilesInUse tiles;
  Finaliser finaliser;
  Real *scale, *dy, *dyTransposed, *weights, *z, *dz;
  NormSums* sums;
  int64_t *groupLines, *panelLines;  // to ask for: x and G of a group of channels, dY of the next panel
  BackwardLocal(Scratch& scratch, const Call& call, int) : finaliser(scratch, call.outputGradient.gradient.channels) {
    const int64_t out = call.outputGradient.gradient.channels;
    scale = scratch.take<Real>(call.input.channels);
    dy = scratch.take<Real>(out * PANEL_STEP);                                  // [tile of pixels][o][pixel]
    dyTransposed = scratch.take<Real>(PANEL_STEP * roundUp(out, TILE_PIXELS));  // [tile of o][pixel][o]
    weights = scratch.take<Real>(divideUp(call.input.channels, ROW_GROUP) * packedSize(out));  // [group of channels], see packRows()
    z = scratch.take<Real>(ROW_GROUP * PANEL_STEP);
    dz = scratch.take<Real>(ROW_GROUP * PANEL_STEP);
    sums = scratch.take<NormSums>(call.input.channels);
    groupLines = scratch.take<int64_t>(2 * ROW_GROUP * PANEL_STEP / LINE);
    panelLines = scratch.take<int64_t>(2 * out * PANEL_STEP / LINE);
  }
};

struct BackwardShared {
  Real* weight;      // [slot][in][out rounded up]
  ChannelSums* sums;  // [slot][in]
  BackwardShared(Scratch& scratch, const Call& call, int batch) {
    const int64_t slots = BackwardUnits(call, batch).slots, in = call.input.channels;
    weight = scratch.take<Real>(slots * in * roundUp(call.outputGradient.gradient.channels, WIDTH));
    sums = scratch.take<ChannelSums>(slots * in);
  }
};

inline int backwardUnits(const Call& call, int batch, int phase) {
  const BackwardUnits units(call, batch);
  if (phase == 0) return units.slots * units.channelParts;
  return phase == 1 ? int(divideUp(call.input.channels, WIDTH)) : 0;
}

inline void backwardPrepare(const Task& task, int phase) {
  if (phase != 0) return;
  const auto local = layoutAt<BackwardLocal>(task.local, task);
  if (task.call.norm.present()) normScale(task.call.norm, task.call.input.channels, local.scale);
  local.finaliser.prepare(task.call.outputGradient);
}

/// dY of one panel in both orders.
inline void loadOutputGradient(const Task& task, const BackwardLocal& local, int64_t image, int64_t pixel, int64_t valid) {
  const int out = task.call.outputGradient.gradient.channels;
  for (int o = 0; o < out; o++) {
    local.finaliser.finalise(task, image, o, pixel, valid, local.dy + o * TILE_PIXELS, int64_t(out) * TILE_PIXELS);
  }
  for (int o = 0; o < out; o += TILE_PIXELS) {
    for (int64_t p = 0; p < valid; p += TILE_PIXELS) {
      transpose(local.dy + p * out + o * TILE_PIXELS, TILE_PIXELS, smaller(TILE_PIXELS, out - o), smaller<int64_t>(TILE_PIXELS, valid - p),
                local.dyTransposed + o * PANEL_STEP + p * TILE_PIXELS, TILE_PIXELS);
    }
    makePairs(local.dyTransposed + o * PANEL_STEP, valid, TILE_PIXELS);
  }
  for (int64_t p = 0; p < valid; p += TILE_PIXELS) makePairs(local.dy + p * out, out, TILE_PIXELS);
}

/// The lines of x and G of the first rows of an image, row after row; those of other channels and pixels are as far apart. G's are
/// asked for even if they are only written: a write, too, waits for its line.
inline int64_t listGroupLines(const Call& call, const BackwardLocal& local, int64_t image, int64_t valid) {
  const int64_t toGradient = call.inputGradient.gradient.plane(image, 0) - call.input.plane(image, 0);
  int64_t* to = local.groupLines;
  for (int64_t row = 0; row < ROW_GROUP * call.input.pixels(); row += call.input.pixels()) {
    to = listLines(row, 1, 0, valid, to);
    to = listLines(row + toGradient, 1, 0, valid, to);
  }
  return (to - local.groupLines) / ROW_GROUP;
}

/// The lines of dY and its value of a panel, over so many steps.
inline Ahead aheadOfPanel(const Call& call, const BackwardLocal& local, int64_t image, Range pixels, int64_t steps) {
  const OutputGradient& out = call.outputGradient;
  const Element* gradient = out.gradient.plane(image, 0) + pixels.first;
  int64_t* to = listLines(0, out.gradient.channels, out.gradient.pixels(), pixels.size(), local.panelLines);
  if (out.deferred()) {
    to = listLines(out.value.plane(image, 0) + pixels.first - gradient, out.gradient.channels, out.gradient.pixels(), pixels.size(), to);
  }
  return Ahead{gradient, local.panelLines, to - local.panelLines}.over(steps);
}

/// The weights of the channels, group by group. A tile reads them in order, and again for every panel: not from lines that are
/// `in` floats apart.
inline void packWeights(const Real* weight, int64_t in, int64_t out, Range channels, Real* packed) {
  for (int64_t c = channels.first; c < channels.end; c += ROW_GROUP, packed += packedSize(out)) {
    const int64_t count = smaller<int64_t>(ROW_GROUP, channels.end - c);
    if (!ROW_BY_ROW && count == ROW_GROUP) {
      for (int64_t o = 0; o < out; o++) memcpy(packed + o * ROW_GROUP, weight + o * in + c, ROW_GROUP * sizeof(Real));
    } else {
      packRows(weight + c, 1, in, count, out, packed);
    }
    pairPacked(packed, count, out);
  }
}

inline void backwardGroup(const Task& task, const BackwardLocal& local, int64_t image, int64_t pixel, int64_t valid, int c,
                          int channels, const Real* weights, Real* weightSums, bool first, Ahead aheadOfGroup, Ahead& aheadOfPanel) {
  const Call& call = task.call;
  const int out = call.outputGradient.gradient.channels;
  const int64_t outLanes = roundUp(out, WIDTH);
  const Operands data{weights, packedRowStep(out), PACKED_STEP, local.dy, TILE_PIXELS, stepsOf(out), &local.tiles, int64_t(out) * TILE_PIXELS};
  multiply<PackedProducts>(data, channels, int(divideUp(valid, WIDTH)), local.dz, PANEL_STEP, false, aheadOfGroup);
  for (int i = 0; i < channels; i++) {
    const Element* x = call.input.plane(image, c + i) + pixel;
    const Real* dz = local.dz + i * PANEL_STEP;
    Element* gradient = call.inputGradient.gradient.plane(image, c + i) + pixel;
    Real* z = local.z + i * PANEL_STEP;
    if (call.norm.present()) {
      normBackward(call.norm, local.scale, c + i, call.inputGradient.accumulate, x, dz, valid, gradient, local.sums[c + i], z);
    } else {
      normalise(call.norm, local.scale, c + i, x, valid, z);
      plainBackward(call.inputGradient.accumulate, dz, valid, gradient);
    }
    makeNeighbours(z, valid);
  }
  const Operands weight{local.z, PANEL_STEP, 1, local.dyTransposed, TILE_PIXELS, stepsOf(valid), &local.tiles, PANEL_STEP * TILE_PIXELS};
  Real* sums = weightSums + c * outLanes;
  multiply<Steps<PANEL_STEP, 1, TILE_PIXELS, false, PAIRS>>(weight, channels, int(outLanes / WIDTH), sums, outLanes, !first, aheadOfPanel);
}

inline void backwardFinish(const Task& task, int unit) {
  const Call& call = task.call;
  const BackwardUnits units(call, task.run.batch);
  const auto shared = layoutAt<BackwardShared>(task.shared, task);
  const int64_t in = call.input.channels, out = call.outputGradient.gradient.channels, outLanes = roundUp(out, WIDTH);
  const int64_t first = int64_t(unit) * WIDTH, end = smaller<int64_t>(in, first + WIDTH);
  for (int64_t o = 0; o < out; o += WIDTH) {
    for (int64_t c = first; c < end; c++) {
      Vec total{};
      for (int64_t s = 0; s < units.slots; s++) total += load(shared.weight + (s * in + c) * outLanes + o);
      for (int64_t i = o; i < smaller(out, o + WIDTH); i++) call.weightGradient[i * in + c] = total[i - o];
    }
  }
  if (call.norm.present()) {
    finishNormGradient(call, shared.sums, units.slots, task.run.batch * call.input.pixels(), int(first), int(end));
  }
}

inline void backwardWork(const Task& task, int phase, int unit) {
  if (phase == 1) return backwardFinish(task, unit);
  const Call& call = task.call;
  const BackwardUnits units(call, task.run.batch);
  const auto local = layoutAt<BackwardLocal>(task.local, task);
  const auto shared = layoutAt<BackwardShared>(task.shared, task);
  const int64_t in = call.input.channels, out = call.outputGradient.gradient.channels, outLanes = roundUp(out, WIDTH);
  const int slot = unit / units.channelParts;
  const Range channels = part(in, units.channelParts, unit % units.channelParts);
  const Range items = part(units.items, units.slots, slot);
  Real* weightSums = shared.weight + slot * in * outLanes;
  packWeights(call.weight, in, out, channels, local.weights);
  memset(local.sums + channels.first, 0, size_t(channels.size()) * sizeof(NormSums));

  const auto panelsOf = [&](int64_t item) { return Panels(units.chunks.chunk(int(item % units.chunks.count)), PANEL); };
  bool first = true;
  for (int64_t item = items.first, i = 0; item < items.end; first = false) {
    const int64_t image = item / units.chunks.count;
    const Range panel = panelsOf(item).panel(i);
    const int64_t valid = panel.size(), steps = divideUp(channels.size(), TILE_ROWS) * divideUp(outLanes, TILE_PIXELS) * stepsOf(valid);
    loadOutputGradient(task, local, image, panel.first, valid);
    if (++i == panelsOf(item).count) {
      item++;
      i = 0;
    }
    Ahead ofPanel;
    if (item < items.end) ofPanel = aheadOfPanel(call, local, item / units.chunks.count, panelsOf(item).panel(i), steps);

    const int64_t linesOfChannel = listGroupLines(call, local, image, valid);
    for (int64_t c = channels.first; c < channels.end; c += ROW_GROUP) {
      const int count = int(smaller<int64_t>(ROW_GROUP, channels.end - c));
      const int64_t dataSteps = divideUp(count, TILE_ROWS) * divideUp(valid, TILE_PIXELS) * stepsOf(out);
      const Ahead ofGroup{call.input.plane(image, int(c)) + panel.first, local.groupLines, count * linesOfChannel};
      const Real* weights = local.weights + (c - channels.first) / ROW_GROUP * packedSize(out);
      backwardGroup(task, local, image, panel.first, valid, int(c), count, weights, weightSums, first, ofGroup.over(dataSteps), ofPanel);
    }
  }
  for (int64_t c = channels.first; c < channels.end; c++) {
    shared.sums[slot * in + c] = {sum(local.sums[c].dz), sum(local.sums[c].dzx)};
  }
}

constexpr densenet::KernelImplementation forward{forwardUnits, forwardPrepare, forwardWork, bytesOf<ForwardShared>, bytesOf<ForwardLocal>};
constexpr densenet::KernelImplementation backward{backwardUnits, backwardPrepare, backwardWork, bytesOf<BackwardShared>,
                                                  bytesOf<BackwardLocal>};

}  // namespace convolution1x1
}  // namespace
