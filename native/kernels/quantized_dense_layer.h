// A dense layer with a bottleneck in int8, in inference: QuantizedDenseLayerForward of src/engine/kernels.ts.
//
// Activations of both convolutions are bytes, [pixel][channel], the second one's with zeros around the image. The first one's are made
// of a panel of pixels at a time; the second is direct: nine taps of a pixel are one long product. (Winograd's transforms would want
// more than eight bits.)
#pragma once
#include "dense_layer.h"
#include "quantized_product.h"

namespace {
namespace quantized {

using denseLayer::forEachRow;
using denseLayer::partsOf;

/// Pixels that are worked on at a time: their activations stay in the second-level cache.
constexpr int PANEL = 96, TAPS = 9;

struct Shape {
  int in, between, out, height, width, paddedWidth;
  int64_t steps, growthSteps;  // dwords of a pixel
  int64_t pixelStep, lanes, outLanes;
  explicit Shape(const Call& call)
      : in(call.input.channels), between(call.channels), out(call.output.channels), height(call.output.height), width(call.output.width),
        paddedWidth(width + 2), steps(2 * divideUp(in, 8)), growthSteps(roundUp(between, larger(WIDTH, 8)) / 4),
        pixelStep(roundUp(steps, WIDTH)), lanes(4 * growthSteps), outLanes(roundUp(out, WIDTH)) {}
  int64_t pixels() const { return int64_t(height) * width; }
  int64_t parts(const Call& call) const { return partsOf(call, pixels(), PANEL); }
  /// Dwords of the bottleneck's output of one image; where a pixel's are, -1 being the padding before the first.
  int64_t paddedDwords() const { return int64_t(height + 2) * paddedWidth * growthSteps; }
  int64_t at(int64_t row, int64_t x) const { return ((row + 1) * paddedWidth + x + 1) * growthSteps; }
  int64_t weightDwords() const { return steps * lanes; }
  int64_t growthDwords() const { return TAPS * growthSteps * outLanes; }
};

inline int64_t packedDwords(const Call& call) {
  const Shape shape(call);
  return shape.weightDwords() + shape.growthDwords();
}

inline int64_t packedBytes(const Call& call) { return packedDwords(call) * int64_t(sizeof(int32_t)); }

inline void pack(const Call& call, void* to) {
  const Shape shape(call);
  int32_t* packed = static_cast<int32_t*>(to);
  packWeights(call.weight, shape.between, shape.in, 1, shape.steps, shape.lanes, packed);
  packWeights(call.growthWeight, shape.out, shape.between, TAPS, shape.growthSteps, shape.outLanes, packed + shape.weightDwords());
}

inline int units(const Call& call, int batch, int phase) { return phase > 1 ? 0 : int(batch * Shape(call).parts(call)); }

struct Shared {
  int32_t* y;  // [image][padded pixel][channel]
  Shared(Scratch& scratch, const Call& call, int batch) : y(scratch.take<int32_t>(batch * Shape(call).paddedDwords())) {}
};

struct Local {
  int32_t* packed;
  float *slope, *shift, *scale, *bias, *growthScale, *rows, *planes;
  int32_t* z;  // [pixel][channel]
  int64_t* places;
  Local(Scratch& scratch, const Call& call, int) {
    const Shape shape(call);
    packed = call.packed ? static_cast<int32_t*>(const_cast<void*>(call.packed)) : scratch.take<int32_t>(packedDwords(call));
    slope = scratch.take<float>(shape.in);
    shift = scratch.take<float>(shape.in);
    scale = scratch.take<float>(shape.lanes);
    bias = scratch.take<float>(shape.lanes);
    growthScale = scratch.take<float>(shape.outLanes);
    rows = scratch.take<float>(PANEL * shape.outLanes);
    planes = scratch.take<float>(int64_t(shape.out) * roundUp(PANEL, WIDTH));
    z = scratch.take<int32_t>(roundUp(PANEL, WIDTH) * shape.pixelStep);
    places = scratch.take<int64_t>(PANEL);
  }
  const int32_t* weights() const { return packed; }
};

/// `lanes` numbers, the rest zeros.
inline void padded(const float* from, int count, int64_t lanes, float* to) {
  memset(to, 0, size_t(lanes) * sizeof(float));
  memcpy(to, from, size_t(count) * sizeof(float));
}

inline void prepare(const Task& task, int phase) {
  const Call& call = task.call;
  const Shape shape(call);
  const auto local = layoutAt<Local>(task.local, task);
  if (phase == 0) {
    normScale(call.norm, shape.in, local.slope);
    for (int c = 0; c < shape.in; c++) {
      local.slope[c] /= call.inputStep;
      local.shift[c] = call.norm.beta[c] / call.inputStep - local.slope[c] * call.norm.mean[c];
    }
    padded(call.scale, shape.between, shape.lanes, local.scale);
    padded(call.foldedBias, shape.between, shape.lanes, local.bias);
  } else {
    padded(call.growthScale, shape.out, shape.outLanes, local.growthScale);
  }
  if (!call.packed) pack(call, local.packed);
}

/// z of some pixels of `count` channels, up to four, `step` apart, as dwords.
inline __attribute__((always_inline)) Vec dwordsOf(const Element* x, int64_t step, const float* slope, const float* shift, int count) {
  UnsignedVec bytes{};
#pragma GCC unroll 4
  for (int j = 0; j < count; j++) {
    const UnsignedVec whole = roundWhole(broadcast(slope[j]) * load(x + j * step) + broadcast(shift[j]));
    bytes |= j == 0 ? whole & 0xff : whole << (8 * j);
  }
  return Vec(bytes);
}

/// z of a panel's pixels: of as many dwords as a vector has lanes at a time. Reads up to a vector more.
inline void packPixels(const Call& call, const Local& local, const Shape& shape, int64_t image, Range panel) {
  const int64_t step = shape.pixels();
  for (int64_t k = 0; k < shape.steps; k += WIDTH) {
    const int first = int(4 * k), count = shape.in - first;
    const Element* x = call.input.plane(image, first) + panel.first;
    const float *slope = local.slope + first, *shift = local.shift + first;
    for (int64_t p = 0; p < panel.size(); p += WIDTH) {
      Vec dwords[WIDTH];
      if (count >= 4 * WIDTH) {
#pragma GCC unroll 16
        for (int i = 0; i < WIDTH; i++) dwords[i] = dwordsOf(x + 4 * i * step + p, step, slope + 4 * i, shift + 4 * i, 4);
      } else {
        for (int i = 0; i < WIDTH; i++) {
          dwords[i] = dwordsOf(x + 4 * i * step + p, step, slope + 4 * i, shift + 4 * i, smaller(4, count - 4 * i));
        }
      }
      transposeStages<1>(dwords);
#pragma GCC unroll 16
      for (int i = 0; i < WIDTH; i++) storeWhole(local.z + (p + i) * shape.pixelStep + k, IntVec(dwords[i]));
    }
  }
}

/// The padding that touches pixels first .. end - 1 of a row.
inline void clearAround(const Shape& shape, int32_t* y, int64_t row, int64_t first, int64_t end) {
  const int64_t from = first == 0 ? -1 : first, to = end == shape.width ? end + 1 : end;
  const auto clear = [&](int64_t row, int64_t first, int64_t end) {
    memset(y + shape.at(row, first), 0, size_t((end - first) * shape.growthSteps) * sizeof(int32_t));
  };
  clear(row, from, first);
  clear(row, end, to);
  if (row == 0) clear(-1, from, to);
  if (row == shape.height - 1) clear(shape.height, from, to);
}

/// x of the panel after this one, which the same worker will want: its units follow each other.
inline Ahead aheadOfInput(const Call& call, const Shape& shape, int64_t image, Range panel) {
  const int64_t pixels = smaller(panel.size(), shape.pixels() - panel.end);
  if (pixels <= 0) return {};
  Ahead ahead;
  ahead.row = reinterpret_cast<const char*>(call.input.plane(image, 0) + panel.end);
  ahead.rowStep = shape.pixels() * int64_t(sizeof(Element));
  ahead.rows = shape.in;
  ahead.lines = int(divideUp(pixels, LINE)) + 1;
  ahead.each = int(divideUp(int64_t(ahead.rows) * ahead.lines, divideUp(panel.size(), ROWS) * divideUp(shape.lanes, TILE_PIXELS)));
  return ahead;
}

typedef int8_t Bytes __attribute__((vector_size(WIDTH)));

inline void bottleneck(const Call& call, const Local& local, const Shape& shape, int64_t image, Range panel, int32_t* y) {
  int64_t* place = local.places;
  forEachRow(panel, shape.width, [&](int64_t row, int64_t first, int64_t end) {
    for (int64_t x = first; x < end; x++) *place++ = shape.at(row, x);
    clearAround(shape, y, row, first, end);
  });
  packPixels(call, local, shape, image, panel);
  const int32_t* rows[PANEL];
  for (int64_t i = 0; i < panel.size(); i++) rows[i] = local.z + i * shape.pixelStep;
  const int64_t tap = 0;
  Ahead ahead = aheadOfInput(call, shape, image, panel);
  for (int64_t b = 0; b < shape.lanes; b += TILE_PIXELS) {
    const int vectors = int(smaller<int64_t>(TILE_PIXELS, shape.lanes - b) / WIDTH);
    multiply({local.weights() + b * shape.steps, &tap, 1, shape.steps}, rows, int(panel.size()), vectors, ahead,
             [&](int row, int v, IntVec sums) __attribute__((always_inline)) {
               const int64_t at = b + v * WIDTH;
               const Vec value = __builtin_convertvector(sums, Vec) * load(local.scale + at) + load(local.bias + at);
               const Bytes bytes = __builtin_convertvector(roundWhole(value), Bytes);
               memcpy(reinterpret_cast<int8_t*>(y + local.places[row]) + at, &bytes, sizeof bytes);
             });
  }
}

inline void growth(const Call& call, const Local& local, const Shape& shape, int64_t image, Range panel, const int32_t* y) {
  const int32_t* rows[PANEL];
  const int32_t** row = rows;
  forEachRow(panel, shape.width, [&](int64_t r, int64_t first, int64_t end) {
    for (int64_t x = first; x < end; x++) *row++ = y + shape.at(r - 1, x - 1);
  });
  int64_t taps[TAPS];
  for (int i = 0; i < TAPS; i++) taps[i] = (i / 3 * shape.paddedWidth + i % 3) * shape.growthSteps;
  const int32_t* weights = local.weights() + shape.weightDwords();
  Ahead nothing;
  for (int64_t o = 0; o < shape.outLanes; o += TILE_PIXELS) {
    const int vectors = int(smaller<int64_t>(TILE_PIXELS, shape.outLanes - o) / WIDTH);
    multiply({weights + o * TAPS * shape.growthSteps, taps, TAPS, shape.growthSteps}, rows, int(panel.size()), vectors, nothing,
             [&](int pixel, int v, IntVec sums) __attribute__((always_inline)) {
               const int64_t at = o + v * WIDTH;
               store(local.rows + pixel * shape.outLanes + at, __builtin_convertvector(sums, Vec) * load(local.growthScale + at));
             });
  }
  const int64_t planeStep = roundUp(panel.size(), WIDTH);
  transpose(local.rows, shape.outLanes, int(panel.size()), shape.out, local.planes, planeStep);
  for (int o = 0; o < shape.out; o++) copy(call.output.plane(image, o) + panel.first, local.planes + o * planeStep, size_t(panel.size()));
}

inline void work(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const Shape shape(call);
  const auto local = layoutAt<Local>(task.local, task);
  const int64_t parts = shape.parts(call), image = unit / parts;
  const Range pixels = part(shape.pixels(), parts, unit % parts);
  const int64_t panels = divideUp(pixels.size(), PANEL);
  int32_t* y = layoutAt<Shared>(task.shared, task).y + image * shape.paddedDwords();
  for (int64_t p = 0; p < panels; p++) {
    if (phase == 0) bottleneck(call, local, shape, image, part(pixels, panels, p), y);
    else growth(call, local, shape, image, part(pixels, panels, p), y);
  }
}

constexpr densenet::KernelImplementation denseLayerForward{units, prepare, work, bytesOf<Shared>, bytesOf<Local>, packedBytes, pack};

}  // namespace quantized
}  // namespace
