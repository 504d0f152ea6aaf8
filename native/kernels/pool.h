// Average pooling (windows that do not overlap; one window as large as the plane is global pooling) and max pooling,
// of z = relu(norm(x)) or of x. A unit is some channels of one image; each channel's plane fits the cache. Where the kernels
// around it share an image by its pixels, it is some rows of all channels, so that workers find in their caches what they wrote.
#pragma once
#include "lanes.h"
#include "work.h"

namespace {

// ---- what both share: statistics of written planes, and the way back through the norm ----------------------------

struct PoolForwardLocal {
  Real *scale, *z;
  PoolForwardLocal(Scratch& scratch, const Call& call, int) {
    scale = scratch.take<Real>(call.input.channels);
    z = scratch.take<Real>(call.input.pixels() + 2 * WIDTH);
  }
};

struct PoolForwardShared {
  Moments* moments;  // [image][channel]
  PoolForwardShared(Scratch& scratch, const Call& call, int batch) {
    moments = scratch.take<Moments>(int64_t(batch) * call.output.channels);
  }
};

struct PoolForwardUnits {
  PlaneUnits planes;
  int height, rowParts;
  PoolForwardUnits(const Call& call, int batch)
      : planes(batch, call.input.channels), height(call.output.height), rowParts(larger(1, smaller(call.workers, height))) {
    if (call.workers > 0) planes.parts = 1;
  }
  int count(int batch) const { return planes.count(batch) * rowParts; }
  Range rows(int unit) const { return part(height, rowParts, unit % rowParts); }
};

/// The rows that windows of some rows of the output lie in.
inline Range rowsOfWindows(const Call& call, Range rows) {
  const int64_t size = call.size ? call.size : call.windowHeight, stride = call.size ? call.stride : size;
  return {larger<int64_t>(rows.first * stride - call.padding, 0),
          smaller<int64_t>((rows.end - 1) * stride - call.padding + size, call.input.height)};
}

inline int poolForwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return PoolForwardUnits(call, batch).count(batch);
  return phase == 1 && call.statistics.present() ? 1 : 0;
}

inline void poolForwardPrepare(const Task& task, int phase) {
  if (phase == 0 && task.call.norm.present()) {
    normScale(task.call.norm, task.call.input.channels, layoutAt<PoolForwardLocal>(task.local, task).scale);
  }
}

/// `poolPlane(call, z, rows, out)` makes some rows of a plane of the output.
template <class PoolPlane>
inline void poolForwardWork(const Task& task, int phase, int unit, PoolPlane poolPlane) {
  const Call& call = task.call;
  const auto shared = layoutAt<PoolForwardShared>(task.shared, task);
  if (phase == 1) {
    const auto count = [&](int64_t) { return call.output.pixels(); };
    combineMoments(shared.moments, task.run.batch, call.output.channels, count, call.statistics);
    return;
  }
  const auto local = layoutAt<PoolForwardLocal>(task.local, task);
  const PoolForwardUnits units(call, task.run.batch);
  const int64_t image = units.planes.image(unit / units.rowParts), width = call.input.width;
  const Range channels = units.planes.range(unit / units.rowParts), rows = units.rows(unit), from = rowsOfWindows(call, rows);
  for (int64_t c = channels.first; c < channels.end; c++) {
    Element* out = call.output.plane(image, c);
    normalise(call.norm, local.scale, int(c), call.input.plane(image, c) + from.first * width, from.size() * width,
              local.z + from.first * width);
    poolPlane(call, local.z, rows, out);
    if (call.statistics.present()) shared.moments[image * call.output.channels + c] = momentsOf(out, call.output.pixels());
  }
}

struct PoolBackwardLocal {
  Finaliser finaliser;
  Real *scale, *z, *dz, *dy;
  PoolBackwardLocal(Scratch& scratch, const Call& call, int) : finaliser(scratch, call.outputGradient.gradient.channels) {
    scale = scratch.take<Real>(call.input.channels);
    z = scratch.take<Real>(call.input.pixels() + 2 * WIDTH);
    dz = scratch.take<Real>(call.input.pixels() + 2 * WIDTH);
    dy = scratch.take<Real>(call.outputGradient.gradient.pixels());
  }
};

struct PoolBackwardShared {
  ChannelSums* sums;  // [image][channel]
  PoolBackwardShared(Scratch& scratch, const Call& call, int batch) {
    sums = scratch.take<ChannelSums>(int64_t(batch) * call.input.channels);
  }
};

inline int poolBackwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return PlaneUnits(batch, call.input.channels).count(batch);
  return phase == 1 && call.norm.present() ? int(divideUp(call.input.channels, FINISH_CHANNELS)) : 0;
}

inline void poolBackwardPrepare(const Task& task, int phase) {
  if (phase != 0) return;
  const auto local = layoutAt<PoolBackwardLocal>(task.local, task);
  if (task.call.norm.present()) normScale(task.call.norm, task.call.input.channels, local.scale);
  local.finaliser.prepare(task.call.outputGradient);
}

/// `spreadPlane(call, z, dy, dz)` makes the gradient at z from the gradient at the pooled plane.
template <class SpreadPlane>
inline void poolBackwardWork(const Task& task, int phase, int unit, SpreadPlane spreadPlane) {
  const Call& call = task.call;
  const int channels = call.input.channels;
  const auto shared = layoutAt<PoolBackwardShared>(task.shared, task);
  const int64_t pixels = call.input.pixels();
  if (phase == 1) {
    const int first = unit * FINISH_CHANNELS;
    finishNormGradient(call, shared.sums, task.run.batch, task.run.batch * pixels, first, smaller(channels, first + FINISH_CHANNELS));
    return;
  }
  const auto local = layoutAt<PoolBackwardLocal>(task.local, task);
  const PlaneUnits units(task.run.batch, channels);
  const int64_t image = units.image(unit);
  const Range range = units.range(unit);
  for (int64_t c = range.first; c < range.end; c++) {
    const Element* x = call.input.plane(image, c);
    Element* gradient = call.inputGradient.gradient.plane(image, c);
    local.finaliser.finalise(task, image, int(c), 0, call.outputGradient.gradient.pixels(), local.dy);
    normalise(call.norm, local.scale, int(c), x, pixels, local.z);
    spreadPlane(call, local.z, local.dy, local.dz);
    if (!call.norm.present()) {
      plainBackward(call.inputGradient.accumulate, local.dz, pixels, gradient);
      continue;
    }
    NormSums sums{};
    normBackward(call.norm, local.scale, int(c), call.inputGradient.accumulate, x, local.dz, pixels, gradient, sums);
    shared.sums[image * channels + c] = {sum(sums.dz), sum(sums.dzx)};
  }
}

// ---- average ----------------------------------------------------------------------------------------------------

/// The first `count` lanes of v to a row of what ends at `end`; if there is room it writes all, and the next row writes over them.
inline void storeInRow(Element* to, Vec v, int count, const Element* end) {
  if (end - to >= WIDTH) store(to, v);
  else storePart(to, v, count);
}

/// Sums the window's rows in place, then their columns. The last window of a column or row may be smaller.
inline void averagePlane(const Call& call, Real* z, Range outRows, Element* out) {
  const View& in = call.input;
  const int columns = call.windowWidth, wholes = smaller(call.output.width, in.width / columns);
  const Element* end = out + outRows.end * call.output.width;
  for (int64_t y = outRows.first; y < outRows.end; y++) {
    const int64_t top = y * call.windowHeight;
    const int rows = int(smaller<int64_t>(call.windowHeight, in.height - top));
    const Real share = 1 / (Real(rows) * Real(columns));
    Real* sums = z + top * in.width;
    for (int r = 1; r < rows; r++) {
      const Real* row = sums + int64_t(r) * in.width;
      for (int x = 0; x < in.width; x++) sums[x] += row[x];
    }
    Element* to = out + y * call.output.width;
    if (columns == 2) {
      for (int x = 0; x < wholes; x += WIDTH) {
        const Vec a = load(sums + 2 * x), b = load(sums + 2 * x + WIDTH);
        const Vec pairs = evenOf(a, b, AllLanes{}) + oddOf(a, b, AllLanes{});
        storeInRow(to + x, pairs * broadcast(share), smaller(WIDTH, wholes - x), end);
      }
    } else {
      for (int x = 0; x < wholes; x++) {
        Real total = 0;
        for (int i = 0; i < columns; i++) total += sums[x * columns + i];
        set(to + x, total * share);
      }
    }
    if (wholes < call.output.width) {
      Real total = 0;
      for (int x = wholes * columns; x < in.width; x++) total += sums[x];
      set(to + wholes, total / (Real(rows) * Real(in.width - wholes * columns)));
    }
  }
}

/// Writes up to two vectors more.
inline void spreadAverage(const Call& call, const Real*, const Real* dy, Real* dz) {
  const View& in = call.input;
  const View& out = call.outputGradient.gradient;
  const int rows = call.windowHeight, columns = call.windowWidth, wholes = smaller(out.width, in.width / columns);
  for (int y = 0; y < in.height; y++) {
    Real* to = dz + int64_t(y) * in.width;
    if (y % rows && y / rows < out.height) {
      memcpy(to, to - in.width, size_t(in.width) * sizeof(Real));
      continue;
    }
    const Real* from = dy + int64_t(y / rows) * out.width;
    int spread = 0;
    if (y / rows < out.height) {
      const Real height = Real(smaller(rows, in.height - y)), share = 1 / (height * Real(columns));
      spread = wholes * columns;
      if (columns == 2) {
        for (int x = 0; x < wholes; x += WIDTH) {
          const Vec value = load(from + x) * broadcast(share);
          store(to + 2 * x, zipFirst(value, value, AllLanes{}));
          store(to + 2 * x + WIDTH, zipLast(value, value, AllLanes{}));
        }
      } else {
        for (int x = 0; x < wholes; x++) {
          for (int i = 0; i < columns; i++) to[x * columns + i] = from[x] * share;
        }
      }
      if (wholes < out.width) {
        const Real last = from[wholes] / (height * Real(in.width - spread));
        while (spread < in.width) to[spread++] = last;
      }
    }
    memset(to + spread, 0, size_t(in.width - spread) * sizeof(Real));
  }
}

// ---- max --------------------------------------------------------------------------------------------------------

/// The place of the first largest z of window (y, x); the padding never wins.
inline int64_t largestOf(const Call& call, const Real* z, int y, int x) {
  const View& in = call.input;
  const int top = larger(y * call.stride - call.padding, 0), bottom = smaller(y * call.stride - call.padding + call.size, in.height);
  const int left = larger(x * call.stride - call.padding, 0), right = smaller(x * call.stride - call.padding + call.size, in.width);
  int64_t best = int64_t(top) * in.width + left;
  Real most = z[best];
  for (int i = top; i < bottom; i++) {
    for (int j = left; j < right; j++) {
      // Selections instead of branches, which nobody could predict.
      const int64_t at = int64_t(i) * in.width + j;
      const Real value = z[at];
      best = value > most ? at : best;
      most = value > most ? value : most;
    }
  }
  return best;
}

/// The pool that DenseNets have.
inline bool isStemPool(const Call& call) { return call.size == 3 && call.stride == 2 && call.padding == 1; }

/// Of a vector of windows of a stem pool, from (y, x): the largest z, and the place of the first one.
struct Largest {
  Vec value;
  IntVec place;
};
inline void compare(Largest& most, Vec value, IntVec place) {
  const IntVec take = (value > most.value) | (value != value);  // NaN stays
  most.value = take ? value : most.value;
  most.place = take ? place : most.place;
}
inline Largest largestOfWindows(const View& in, const Real* z, int y, int x) {
  const Real lowest = -Real(__builtin_inf());
  const int top = larger(2 * y - 1, 0), bottom = smaller(2 * y + 2, in.height);
  const IntVec column = 2 * (laneNumbers() + x) - 1;
  Largest most{broadcast(lowest), (column < 0 ? IntVec{} : column) + top * in.width};
  for (int row = top; row < bottom; row++) {
    const Real* from = z + int64_t(row) * in.width + 2 * x;
    const Vec a = load(from), b = 2 * x + WIDTH < in.width ? load(from + WIDTH) : Vec{};
    const Vec even = firstLanes(evenOf(a, b, AllLanes{}), (in.width + 1) / 2 - x, lowest);
    const Vec odd = firstLanes(oddOf(a, b, AllLanes{}), in.width / 2 - x, lowest);
    const IntVec place = column + row * in.width;
    compare(most, shiftIn(broadcast(x > 0 ? from[-1] : lowest), odd, AllLanes{}), place);
    compare(most, even, place + 1);
    compare(most, odd, place + 2);
  }
  return most;
}

/// Pools of 2 x 2, side by side.
inline bool isPairPool(const Call& call) { return call.size == 2 && call.stride == 2 && call.padding == 0; }

inline Largest largestOfPairs(const View& in, const Real* z, int y, int x) {
  const IntVec column = 2 * (laneNumbers() + x);
  Largest most{broadcast(-Real(__builtin_inf())), column + 2 * y * in.width};
  for (int row = 2 * y; row < 2 * y + 2; row++) {
    const Real* from = z + int64_t(row) * in.width + 2 * x;
    const Vec a = load(from), b = 2 * x + WIDTH < in.width ? load(from + WIDTH) : Vec{};
    compare(most, evenOf(a, b, AllLanes{}), column + row * in.width);
    compare(most, oddOf(a, b, AllLanes{}), column + row * in.width + 1);
  }
  return most;
}

/// For the pools that have one: a vector of windows at a time.
typedef Largest (*VectorPool)(const View& in, const Real* z, int y, int x);
inline VectorPool vectorPool(const Call& call) {
  return isStemPool(call) ? largestOfWindows : isPairPool(call) ? largestOfPairs : nullptr;
}

inline void maxPlane(const Call& call, Real* z, Range rows, Element* out) {
  const int width = call.output.width;
  const VectorPool pool = vectorPool(call);
  const Element* end = out + rows.end * width;
  for (int y = int(rows.first); y < rows.end; y++) {
    Element* to = out + int64_t(y) * width;
    if (pool) {
      for (int x = 0; x < width; x += WIDTH) {
        storeInRow(to + x, pool(call.input, z, y, x).value, smaller(WIDTH, width - x), end);
      }
    } else {
      for (int x = 0; x < width; x++) set(to + x, z[largestOf(call, z, y, x)]);
    }
  }
}

inline void spreadMax(const Call& call, const Real* z, const Real* dy, Real* dz) {
  const View& out = call.outputGradient.gradient;
  const VectorPool pool = vectorPool(call);
  memset(dz, 0, size_t(call.input.pixels()) * sizeof(Real));
  for (int y = 0; y < out.height; y++, dy += out.width) {
    if (pool) {
      for (int x = 0; x < out.width; x += WIDTH) {
        const IntVec place = pool(call.input, z, y, x).place;
        for (int i = 0; i < smaller(WIDTH, out.width - x); i++) dz[place[i]] += dy[x + i];
      }
    } else {
      for (int x = 0; x < out.width; x++) dz[largestOf(call, z, y, x)] += dy[x];
    }
  }
}

// ---- the four kernels -------------------------------------------------------------------------------------------

inline void averageForwardWork(const Task& task, int phase, int unit) { poolForwardWork(task, phase, unit, averagePlane); }
inline void averageBackwardWork(const Task& task, int phase, int unit) { poolBackwardWork(task, phase, unit, spreadAverage); }
inline void maxForwardWork(const Task& task, int phase, int unit) { poolForwardWork(task, phase, unit, maxPlane); }
inline void maxBackwardWork(const Task& task, int phase, int unit) { poolBackwardWork(task, phase, unit, spreadMax); }

template <void (*WORK)(const Task&, int, int)>
constexpr densenet::KernelImplementation poolForward{poolForwardUnits, poolForwardPrepare, WORK, bytesOf<PoolForwardShared>,
                                                     bytesOf<PoolForwardLocal>};
template <void (*WORK)(const Task&, int, int)>
constexpr densenet::KernelImplementation poolBackward{poolBackwardUnits, poolBackwardPrepare, WORK, bytesOf<PoolBackwardShared>,
                                                      bytesOf<PoolBackwardLocal>};

}  // namespace
