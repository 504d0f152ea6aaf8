// Winograd's algorithm F(2x2, 3x3) for 3x3 convolutions (Lavin and Gray, Fast Algorithms for Convolutional Neural
// Networks, 2016): a tile of 2x2 outputs from 4x4 inputs d and a filter g with 16 multiplications instead of 36,
//
//   Y = A' [ (G g G') . (B' d B) ] A        ' transposes, . multiplies element by element
//
//        | 1    0    0  |        | 1  0 -1  0 |        | 1  1  1  0 |
//   G =  | 1/2  1/2 1/2 |   B' = | 0  1  1  0 |   A' = | 0  1 -1 -1 |
//        | 1/2 -1/2 1/2 |        | 0 -1  1  0 |
//        | 0    0    1  |        | 0  1  0 -1 |
//
// Summed over channels each of the 16 elements ("points") is a matrix product of its own. The gradient at g is
// G' [ (A dY A') . (B' d B) ] G summed over tiles: 16 products again. Lanes run over tiles, which lie one after the
// other, row after row and image after image: nothing is lost where a row is shorter than a vector.
#pragma once
#include "transpose.h"
#include "work.h"

namespace {
namespace winograd {

constexpr int POINTS = 16;

/// The rows of tiles of a batch, those of an image after those of the one before, and how they are cut into strips. `side` is
/// that of a tile's outputs, `most` how many tiles the caches hold.
struct Strips {
  int side, height, width, tilesHigh, tilesWide;
  int64_t rows;         // of tiles, in the batch
  int64_t rowsOfStrip;  // of tiles, in the largest strip
  int count;
  /// At least `wanted` strips, so that all threads have some.
  Strips(const View& plane, int batch, int64_t wanted = 4, int side = 2, int64_t most = 128)
      : side(side), height(plane.height), width(plane.width), tilesHigh(int(divideUp(height, side))),
        tilesWide(int(divideUp(width, side))), rows(int64_t(batch) * tilesHigh), rowsOfStrip(1) {
    // As many tiles as the caches hold, in vectors that are as full as can be.
    const int64_t limit = smaller<int64_t>(divideUp(rows, wanted), most / tilesWide);
    for (int64_t n = 1; n <= limit; n++) {
      if (fill(n) >= fill(rowsOfStrip)) rowsOfStrip = n;
    }
    count = int(divideUp(rows, rowsOfStrip));
    // Few strips are an even number of them, so that two threads have the same to do.
    if (count < SLOTS && wanted > 1) count = int(smaller(roundUp(count, 2), rows));
    rowsOfStrip = divideUp(rows, count);
  }
  /// Room for the tiles of a strip in whole vectors.
  int64_t lanes() const { return roundUp(rowsOfStrip * tilesWide, WIDTH); }
  /// Room for the pixels of a strip, and what transforms write beyond them.
  int64_t pixelRoom() const { return rowsOfStrip * side * width + side * WIDTH; }
  Range strip(int64_t i) const { return part(rows, count, i); }
  int64_t pixels(Range strip) const {
    int64_t total = 0;
    forEachImage(strip, [&](const auto& part) { total += part.pixels.size(); });
    return total;
  }

  /// The part of a strip that lies in one image.
  struct Part {
    int64_t image;
    int64_t row, rows;      // of tiles
    int64_t column;         // where its first tile stands in the strip
    int64_t firstPixelRow;  // of the image
    Range pixels;           // of the image's plane
  };
  template <class F>
  void forEachImage(Range strip, F f) const {
    for (int64_t r = strip.first; r < strip.end;) {
      const int64_t row = r % tilesHigh, n = smaller(tilesHigh - row, strip.end - r);
      const Range pixels{side * row * width, smaller<int64_t>(side * (row + n), height) * width};
      f(Part{r / tilesHigh, row, n, (r - strip.first) * tilesWide, side * row, pixels});
      r += n;
    }
  }

 private:
  double fill(int64_t n) const { return double(n * tilesWide) / double(roundUp(n * tilesWide, WIDTH)); }
};

/// Channels whose transforms are held at a time.
struct Blocks {
  int channels, size;
  Blocks(int channels, int points, int64_t lanes)
      : channels(channels), size(int(larger<int64_t>(128 * 1024 / (points * lanes) / 8 * 8, 8))) {
    size = int(roundUp(divideUp(channels, divideUp(channels, size)), 8));
  }
  int count() const { return int(divideUp(channels, size)); }
  Range block(int i) const { return {int64_t(i) * size, smaller<int64_t>(channels, int64_t(i + 1) * size)}; }
};

/// Transforms of some channels: element (point, channel, lane) at point * pointStep + channel * lanes + lane. A vector of
/// room after each point keeps points off each other, and off the same lines of the cache.
struct Transforms {
  int64_t lanes, pointStep;
  float* data;
  Transforms(Scratch& scratch, int points, int64_t channels, int64_t lanes)
      : lanes(lanes), pointStep(channels * lanes + WIDTH), data(scratch.take<float>(points * pointStep)) {}
  float* at(int64_t point, int64_t channel) const { return data + point * pointStep + channel * lanes; }
};

/// The filters' transforms, [point][row][column rounded up]: rows are what a product makes, columns what it sums over.
struct Filters {
  int64_t columns, pointStep;
  float* data;
  Filters(float* data, int rows, int columns) : columns(roundUp(columns, WIDTH)), pointStep(rows * this->columns), data(data) {}
  static int64_t floats(int points, int rows, int columns) { return points * rows * roundUp(columns, WIDTH); }
  const float* at(int64_t point, int64_t row) const { return data + point * pointStep + row * columns; }

  /// One row: the filter of column j is at from + j * step; `turned` by half a turn for the way back. `transform(taps, to,
  /// pointStep)` transforms a vector of them.
  template <class Transform>
  void transformRow(int row, int count, const float* from, int64_t step, bool turned, Transform transform) const {
    for (int j = 0; j < count; j += WIDTH) {
      float taps[9 * WIDTH];
      transpose(from + j * step, step, smaller(WIDTH, count - j), 9, taps, WIDTH);
      Vec g[9];
      for (int t = 0; t < 9; t++) g[t] = load(taps + (turned ? 8 - t : t) * WIDTH);
      transform(g, data + row * columns + j, pointStep);
    }
  }
};

/// Pixels of a row of tiles, those of even and of odd columns; zeros beyond the row.
struct Columns {
  Vec even, odd;
};

/// The transforms of the rows of one channel of one part. `read(row, x)` gives the vector of pixels from (row, x); what lies
/// beyond the row may be anything.
struct RowTransforms {
  const Strips& strips;
  const Strips::Part& part;

  /// From tile `v` of a row; rows outside of the image are zeros.
  template <class Read>
  Columns columns(Read read, int64_t row, int64_t v) const {
    if (row < 0 || row >= strips.height || v >= strips.tilesWide) return {Vec{}, Vec{}};
    const Vec a = read(row, 2 * v), b = 2 * v + WIDTH < strips.width ? read(row, 2 * v + WIDTH) : Vec{};
    return {firstLanes(evenOf(a, b, AllLanes{}), strips.tilesWide - v), firstLanes(oddOf(a, b, AllLanes{}), strips.width / 2 - v)};
  }

  /// B' d B of every tile: to[point * pointStep + tile]. Writes up to a vector beyond a row of tiles. A tile's columns are
  /// the odd one of the tile before, its own two, and the even one of the next.
  template <class Read>
  void input(Read read, float* expanded, float* to, int64_t pointStep) const {
    const int64_t step = roundUp(strips.tilesWide, WIDTH);
    for (int64_t r = 0; r < 2 * part.rows + 2; r++) {
      const int64_t row = part.firstPixelRow + r - 1;
      Vec before{};
      Columns own = columns(read, row, 0);
      for (int64_t v = 0; v < step; v += WIDTH) {
        const Columns next = columns(read, row, v + WIDTH);
        const Vec d0 = shiftIn(before, own.odd, AllLanes{}), d3 = shiftOut(own.even, next.even, AllLanes{});
        float* at = expanded + r * 4 * step + v;
        store(at, d0 - own.odd);
        store(at + step, own.even + own.odd);
        store(at + 2 * step, own.odd - own.even);
        store(at + 3 * step, own.even - d3);
        before = own.odd;
        own = next;
      }
    }
    for (int64_t i = 0; i < part.rows; i++) {
      for (int64_t v = 0; v < step; v += WIDTH) {
        const float* from = expanded + 2 * i * 4 * step + v;
        float* at = to + part.column + i * strips.tilesWide + v;
        for (int x = 0; x < 4; x++, from += step, at += pointStep) {
          const Vec d0 = load(from), d1 = load(from + 4 * step), d2 = load(from + 8 * step), d3 = load(from + 12 * step);
          store(at, d0 - d2);
          store(at + 4 * pointStep, d1 + d2);
          store(at + 8 * pointStep, d2 - d1);
          store(at + 12 * pointStep, d1 - d3);
        }
      }
    }
  }

  /// A y A' of every tile: the operand of a weight gradient.
  template <class Read>
  void gradient(Read read, float* to, int64_t pointStep) const {
    for (int64_t i = 0; i < part.rows; i++) {
      for (int64_t v = 0; v < strips.tilesWide; v += WIDTH) {
        const Columns y0 = columns(read, part.firstPixelRow + 2 * i, v), y1 = columns(read, part.firstPixelRow + 2 * i + 1, v);
        const Vec top[4] = {y0.even, y0.even + y0.odd, y0.even - y0.odd, -y0.odd};
        const Vec bottom[4] = {y1.even, y1.even + y1.odd, y1.even - y1.odd, -y1.odd};
        float* at = to + part.column + i * strips.tilesWide + v;
        for (int x = 0; x < 4; x++, at += pointStep) {
          store(at, top[x]);
          store(at + 4 * pointStep, top[x] + bottom[x]);
          store(at + 8 * pointStep, top[x] - bottom[x]);
          store(at + 12 * pointStep, -bottom[x]);
        }
      }
    }
  }
};

/// Floats of the scratch `expanded` of RowTransforms.
inline int64_t expandedFloats(const Strips& strips) {
  const int64_t rows = 2 * smaller<int64_t>(strips.rowsOfStrip, strips.tilesHigh) + 2;
  return rows * 4 * roundUp(strips.tilesWide, WIDTH);
}

/// A' m A of every tile of a strip: rows of pixels, one after the other. Writes up to two vectors more; what is written
/// beyond a row is written over by the next one, so vectors go from right to left.
inline void outputTransform(const Strips& strips, Range strip, const float* from, int64_t pointStep, float* to) {
  strips.forEachImage(strip, [&](const Strips::Part& part) {
    for (int64_t i = 0; i < part.rows; i++, to += strips.width) {
      const bool second = part.firstPixelRow + 2 * i + 1 < strips.height;
      for (int64_t v = roundUp(strips.tilesWide, WIDTH) - WIDTH; v >= 0; v -= WIDTH) {
        const float* m = from + part.column + i * strips.tilesWide + v;
        Vec top[4], bottom[4];
        for (int x = 0; x < 4; x++, m += pointStep) {
          const Vec m1 = load(m + 4 * pointStep), m2 = load(m + 8 * pointStep);
          top[x] = load(m) + m1 + m2;
          bottom[x] = m1 - m2 - load(m + 12 * pointStep);
        }
        const auto row = [&](const Vec (&y)[4], float* at) {
          const Vec left = y[0] + y[1] + y[2], right = y[1] - y[2] - y[3];
          store(at, zipFirst(left, right, AllLanes{}));
          store(at + WIDTH, zipLast(left, right, AllLanes{}));
        };
        row(top, to + 2 * v);
        if (second) row(bottom, to + strips.width + 2 * v);
      }
      if (second) to += strips.width;
    }
  });
}

/// G g G' of filters whose nine taps are vectors: to[point * pointStep].
inline void filterTransform(const Vec (&g)[9], float* to, int64_t pointStep) {
  const Vec half = broadcast(0.5f);
  Vec rows[4][3];
  for (int x = 0; x < 3; x++) {
    const Vec sum = half * (g[x] + g[6 + x]), middle = half * g[3 + x];
    rows[0][x] = g[x];
    rows[1][x] = sum + middle;
    rows[2][x] = sum - middle;
    rows[3][x] = g[6 + x];
  }
  for (int y = 0; y < 4; y++, to += 4 * pointStep) {
    const Vec sum = half * (rows[y][0] + rows[y][2]), middle = half * rows[y][1];
    store(to, rows[y][0]);
    store(to + pointStep, sum + middle);
    store(to + 2 * pointStep, sum - middle);
    store(to + 3 * pointStep, rows[y][2]);
  }
}

/// G' u G: from the gradients at the points to those at the nine taps.
inline void filterGradient(const Vec (&u)[POINTS], Vec (&g)[9]) {
  const Vec half = broadcast(0.5f);
  Vec rows[3][4];
  for (int x = 0; x < 4; x++) {
    const Vec sum = half * (u[4 + x] + u[8 + x]);
    rows[0][x] = u[x] + sum;
    rows[1][x] = half * (u[4 + x] - u[8 + x]);
    rows[2][x] = sum + u[12 + x];
  }
  for (int y = 0; y < 3; y++) {
    const Vec sum = half * (rows[y][1] + rows[y][2]);
    g[3 * y] = rows[y][0] + sum;
    g[3 * y + 1] = half * (rows[y][1] - rows[y][2]);
    g[3 * y + 2] = sum + rows[y][3];
  }
}

}  // namespace winograd
}  // namespace
