// 3x3 convolution by Winograd's algorithm F(4x4, 3x3) (Lavin and Gray 2016, with the points 0, 1, -1, 2, -2): a tile of 4x4
// outputs from 6x6 inputs d and a filter g with 36 multiplications instead of 144,
//
//   Y = A' [ (G g G') . (B' d B) ] A        ' transposes, . multiplies element by element
//
//        | 4  0 -5  0  1  0 |        |  1/4    0     0  |        | 1  1  1  1  1  0 |
//        | 0 -4 -4  1  1  0 |        | -1/6  -1/6  -1/6 |   A' = | 0  1 -1  2 -2  0 |
//   B' = | 0  4 -4 -1  1  0 |   G =  | -1/6   1/6  -1/6 |        | 0  1  1  4  4  0 |
//        | 0 -2 -1  2  1  0 |        | 1/24  1/12   1/6 |        | 0  1 -1  8 -8  1 |
//        | 0  2 -1 -2  1  0 |        | 1/24 -1/12   1/6 |
//        | 0  4  0 -5  0  1 |        |   0     0     1  |
//
// Only for inference, where the filters are transformed once: y[o] = relu(sum_c W[o][c] * z[c] + bias[o]), the bias and ReLU
// where there are any, z = norm ? relu(norm(x)) : x. As in winograd_tiles.h lanes run over tiles, and each of the 36 elements
// ("points"), summed over channels, is a matrix product of its own.
#pragma once
#include "tile.h"
#include "winograd_tiles.h"

namespace {
namespace winograd4 {

using winograd::Blocks;
using winograd::Filters;
using winograd::Strips;
using winograd::Transforms;

constexpr int SIDE = 4, INPUTS = 6, POINTS = INPUTS * INPUTS;

inline Strips stripsOf(const Call& call, int batch) { return Strips(call.input, batch, unitsWanted(call, 4), SIDE, 64); }

// ---- the three transforms, of one line ---------------------------------------------------------------------------

inline void inputLine(const Vec (&d)[INPUTS], Vec (&t)[INPUTS]) {
  const Vec two = broadcast(2), four = broadcast(4), five = broadcast(5);
  const Vec a = d[4] - four * d[2], b = d[3] - four * d[1], c = d[4] - d[2], e = two * (d[3] - d[1]);
  t[0] = four * d[0] - five * d[2] + d[4];
  t[1] = a + b;
  t[2] = a - b;
  t[3] = c + e;
  t[4] = c - e;
  t[5] = four * d[1] - five * d[3] + d[5];
}

inline void outputLine(const Vec (&m)[INPUTS], Vec (&y)[SIDE]) {
  const Vec sum1 = m[1] + m[2], difference1 = m[1] - m[2], sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  y[0] = m[0] + sum1 + sum2;
  y[1] = difference1 + broadcast(2) * difference2;
  y[2] = sum1 + broadcast(4) * sum2;
  y[3] = difference1 + broadcast(8) * difference2 + m[5];
}

inline void filterLine(const Vec (&g)[3], Vec (&t)[INPUTS]) {
  const Vec sixth = broadcast(1.0f / 6), outer = g[0] + g[2];
  const Vec ends = broadcast(1.0f / 24) * g[0] + sixth * g[2], middle = broadcast(1.0f / 12) * g[1];
  t[0] = broadcast(0.25f) * g[0];
  t[1] = -sixth * (outer + g[1]);
  t[2] = -sixth * (outer - g[1]);
  t[3] = ends + middle;
  t[4] = ends - middle;
  t[5] = g[2];
}

// ---- of whole tiles, a vector of them at a time --------------------------------------------------------------------

inline void filterTransform(const Vec (&g)[9], float* to, int64_t pointStep) {
  Vec rows[3][INPUTS];
  for (int y = 0; y < 3; y++) filterLine({g[3 * y], g[3 * y + 1], g[3 * y + 2]}, rows[y]);
  for (int x = 0; x < INPUTS; x++) {
    Vec column[INPUTS];
    filterLine({rows[0][x], rows[1][x], rows[2][x]}, column);
    for (int y = 0; y < INPUTS; y++) store(to + (y * INPUTS + x) * pointStep, column[y]);
  }
}

/// The pixels of a row that stand first, second, third and fourth in its tiles, from tile `v` on; zeros beyond the row.
/// `read(x)` gives the vector of pixels from x; what lies beyond the row may be anything.
template <class Read>
inline void splitRow(const Strips& strips, Read read, int64_t v, Vec (&pixels)[SIDE]) {
  Vec from[SIDE];
  for (int i = 0; i < SIDE; i++) {
    const int64_t x = SIDE * v + i * WIDTH;
    from[i] = x < strips.width ? firstLanes(read(x), strips.width - x) : Vec{};
  }
  const Vec even[2] = {evenOf(from[0], from[1], AllLanes{}), evenOf(from[2], from[3], AllLanes{})};
  const Vec odd[2] = {oddOf(from[0], from[1], AllLanes{}), oddOf(from[2], from[3], AllLanes{})};
  pixels[0] = evenOf(even[0], even[1], AllLanes{});
  pixels[1] = evenOf(odd[0], odd[1], AllLanes{});
  pixels[2] = oddOf(even[0], even[1], AllLanes{});
  pixels[3] = oddOf(odd[0], odd[1], AllLanes{});
}

/// B' d B of every tile of a part of a channel: to[point * pointStep + tile]. Writes up to a vector beyond a row of tiles.
/// `expanded` is room for [row][INPUTS][tiles of a row in whole vectors]. A tile's columns are the last one of the tile before,
/// its own four, and the first one of the next.
template <class Read>
inline void inputTransform(const Strips& strips, const Strips::Part& part, Read read, float* expanded, float* to, int64_t pointStep) {
  const int64_t step = roundUp(strips.tilesWide, WIDTH), rowStep = INPUTS * step;
  for (int64_t r = 0; r < SIDE * part.rows + 2; r++) {
    const int64_t row = part.firstPixelRow + r - 1;
    float* at = expanded + r * rowStep;
    if (row < 0 || row >= strips.height) {
      memset(at, 0, size_t(rowStep) * sizeof(float));
      continue;
    }
    const auto readRow = [&](int64_t x) { return read(row, x); };
    Vec before{}, own[SIDE], next[SIDE];
    splitRow(strips, readRow, 0, own);
    for (int64_t v = 0; v < step; v += WIDTH, at += WIDTH) {
      if (v + WIDTH < step) splitRow(strips, readRow, v + WIDTH, next);
      else memset(next, 0, sizeof next);
      Vec t[INPUTS];
      inputLine({shiftIn(before, own[3], AllLanes{}), own[0], own[1], own[2], own[3], shiftOut(own[0], next[0], AllLanes{})}, t);
      for (int x = 0; x < INPUTS; x++) store(at + x * step, t[x]);
      before = own[3];
      memcpy(own, next, sizeof own);
    }
  }
  for (int64_t i = 0; i < part.rows; i++) {
    for (int64_t v = 0; v < step; v += WIDTH) {
      float* at = to + part.column + i * strips.tilesWide + v;
      for (int x = 0; x < INPUTS; x++, at += pointStep) {
        const float* from = expanded + SIDE * i * rowStep + x * step + v;
        Vec d[INPUTS], t[INPUTS];
        for (int y = 0; y < INPUTS; y++) d[y] = load(from + y * rowStep);
        inputLine(d, t);
        for (int y = 0; y < INPUTS; y++) store(at + y * INPUTS * pointStep, t[y]);
      }
    }
  }
}

/// A' m A of every tile of a strip: rows of pixels, one after the other. Writes up to SIDE vectors more; what is written beyond
/// a row is written over by the next one, so vectors go from right to left.
inline void outputTransform(const Strips& strips, Range strip, const float* from, int64_t pointStep, float* to) {
  strips.forEachImage(strip, [&](const Strips::Part& part) {
    for (int64_t i = 0; i < part.rows; i++) {
      const int64_t rows = smaller<int64_t>(SIDE, strips.height - (part.firstPixelRow + SIDE * i));
      for (int64_t v = roundUp(strips.tilesWide, WIDTH) - WIDTH; v >= 0; v -= WIDTH) {
        const float* m = from + part.column + i * strips.tilesWide + v;
        Vec columns[INPUTS][SIDE];
        for (int x = 0; x < INPUTS; x++, m += pointStep) {
          Vec line[INPUTS];
          for (int y = 0; y < INPUTS; y++) line[y] = load(m + y * INPUTS * pointStep);
          outputLine(line, columns[x]);
        }
        for (int64_t y = 0; y < rows; y++) {
          Vec p[SIDE];
          outputLine({columns[0][y], columns[1][y], columns[2][y], columns[3][y], columns[4][y], columns[5][y]}, p);
          const Vec even[2] = {zipFirst(p[0], p[2], AllLanes{}), zipLast(p[0], p[2], AllLanes{})};
          const Vec odd[2] = {zipFirst(p[1], p[3], AllLanes{}), zipLast(p[1], p[3], AllLanes{})};
          float* at = to + y * strips.width + SIDE * v;
          for (int half = 0; half < 2; half++, at += 2 * WIDTH) {
            store(at, zipFirst(even[half], odd[half], AllLanes{}));
            store(at + WIDTH, zipLast(even[half], odd[half], AllLanes{}));
          }
        }
      }
      to += rows * strips.width;
    }
  });
}

// ---- the kernel -----------------------------------------------------------------------------------------------------

struct ForwardLocal {
  float *scale, *pixels, *expanded;
  Transforms input, products;
  ForwardLocal(Scratch& scratch, const Call& call, const Strips& strips)
      : scale(scratch.take<float>(call.input.channels)), pixels(scratch.take<float>(strips.pixelRoom())),
        expanded(scratch.take<float>((SIDE * smaller<int64_t>(strips.rowsOfStrip, strips.tilesHigh) + 2) * INPUTS *
                                     roundUp(strips.tilesWide, WIDTH))),
        input(scratch, POINTS, Blocks(call.input.channels, POINTS, strips.lanes()).size, strips.lanes()),
        products(scratch, POINTS, call.output.channels, strips.lanes()) {}
  ForwardLocal(Scratch& scratch, const Call& call, int batch) : ForwardLocal(scratch, call, stripsOf(call, batch)) {}
};

inline int64_t packedFloats(const Call& call) { return Filters::floats(POINTS, call.output.channels, call.input.channels); }
inline void pack(const Call& call, float* to) {
  const int in = call.input.channels;
  const Filters filters(to, call.output.channels, in);
  for (int o = 0; o < call.output.channels; o++) {
    filters.transformRow(o, in, call.weight + int64_t(o) * in * 9, 9, false, filterTransform);
  }
}

inline int forwardUnits(const Call& call, int batch, int phase) { return phase == 0 ? stripsOf(call, batch).count : 0; }

inline void forwardPrepare(const Task& task, int) {
  if (task.call.norm.present()) {
    normScale(task.call.norm, task.call.input.channels, layoutAt<ForwardLocal>(task.local, task).scale);
  }
}

inline void forwardWork(const Task& task, int, int unit) {
  const Call& call = task.call;
  const int out = call.output.channels, in = call.input.channels;
  const Strips strips = stripsOf(call, task.run.batch);
  const Filters filters(const_cast<float*>(call.packed), out, in);
  const auto local = layoutAt<ForwardLocal>(task.local, task);
  const Range strip = strips.strip(unit);
  const Blocks blocks(in, POINTS, strips.lanes());
  const int vectors = int(divideUp(strip.size() * strips.tilesWide, WIDTH));
  for (int b = 0; b < blocks.count(); b++) {
    const Range channels = blocks.block(b);
    for (int64_t c = channels.first; c < channels.end; c++) {
      const Normaliser apply(call.norm, local.scale, int(c));
      strips.forEachImage(strip, [&](const Strips::Part& part) {
        const float* plane = call.input.plane(part.image, c);
        const auto read = [&](int64_t row, int64_t x) { return apply(load(plane + row * strips.width + x)); };
        inputTransform(strips, part, read, local.expanded, local.input.at(0, c - channels.first), local.input.pointStep);
      });
    }
    for (int point = 0; point < POINTS; point++) {
      const Operands operands{filters.at(point, 0) + channels.first, filters.columns, 1, local.input.at(point, 0), strips.lanes(),
                              channels.size(), 1, nullptr};
      multiply(operands, out, vectors, local.products.at(point, 0), strips.lanes(), b > 0);
    }
  }
  for (int o = 0; o < out; o++) {
    winograd4::outputTransform(strips, strip, local.products.at(0, o), local.products.pointStep, local.pixels);
    if (call.bias) addBiasAndRelu(call.bias[o], local.pixels, strips.pixels(strip));
    const float* pixels = local.pixels;
    strips.forEachImage(strip, [&](const Strips::Part& part) {
      memcpy(call.output.plane(part.image, o) + part.pixels.first, pixels, size_t(part.pixels.size()) * sizeof(float));
      pixels += part.pixels.size();
    });
  }
}

constexpr densenet::KernelImplementation forward{forwardUnits, forwardPrepare, forwardWork, nullptr,
                                                 bytesOf<ForwardLocal>, packedFloats, pack};

/// Whether the transforms pay: not on small maps, where the filters, four times as many numbers as they were, are read for a
/// few tiles. Measured.
inline bool pays(const Call& call) {
  const int64_t tiles = divideUp(call.output.height, SIDE) * divideUp(call.output.width, SIDE);
  return call.size == 3 && call.stride == 1 && call.padding == 1 && tiles >= 64;
}

}  // namespace winograd4
}  // namespace
