// What Winograd's algorithm (winograd_transforms.h) works on: the tiles of a batch, cut into strips, and the ways between planes of
// pixels and the points of tiles.
//
// Lanes run over channels: some channels of a strip are laid out as [row][x][channel] with zeros around, so that a transform is
// additions of whole vectors, whatever the size of the map. What comes out of the products is transformed back and transposed to
// planes.
#pragma once
#include "tile.h"
#include "winograd_transforms.h"
#include "work.h"

namespace {
namespace winograd {

constexpr int SIDE = 4, INPUTS = SIDE + 2, POINTS = INPUTS * INPUTS;

/// Channels laid out and transformed at a time: a line of the cache.
constexpr int GROUP = 16;

/// The rows of tiles of a batch, those of an image after those of the one before, and how they are cut into strips.
struct Strips {
  int height, width, tilesHigh, tilesWide;
  int64_t rows;         // of tiles, in the batch
  int64_t rowsOfStrip;  // of tiles, in the largest strip
  int count;
  /// At least `wanted` strips, so that all threads have some, of tiles that the second-level cache holds.
  Strips(const View& plane, int batch, int64_t wanted = 4)
      : height(plane.height), width(plane.width), tilesHigh(int(divideUp(height, SIDE))), tilesWide(int(divideUp(width, SIDE))),
        rows(int64_t(batch) * tilesHigh) {
    const int64_t limit = larger<int64_t>(smaller<int64_t>(divideUp(rows, wanted), MOST_TILES / tilesWide), 1);
    count = int(divideUp(rows, limit));
    // Few strips are an even number of them, so that two threads have the same to do.
    if (count < SLOTS && wanted > 1) count = int(smaller(roundUp(count, 2), rows));
    rowsOfStrip = divideUp(rows, count);
  }
  static constexpr int64_t MOST_TILES = 32;
  int64_t tiles() const { return rowsOfStrip * tilesWide; }
  Range strip(int64_t i) const { return part(rows, count, i); }
  /// Room for the pixels of a strip, and a vector beyond them.
  int64_t pixelRoom() const { return rowsOfStrip * SIDE * width + WIDTH; }
  int64_t pixels(Range strip) const {
    int64_t total = 0;
    forEachImage(strip, [&](const auto& part) { total += part.pixels.size(); });
    return total;
  }
  /// A row of whole tiles and the padding on both sides.
  int64_t paddedWidth() const { return int64_t(tilesWide) * SIDE + 2; }
  int64_t paddedRows() const { return smaller<int64_t>(rowsOfStrip, tilesHigh) * SIDE + 2; }

  /// The part of a strip that lies in one image.
  struct Part {
    int64_t image;
    int64_t rows;       // of tiles
    int64_t firstTile;  // of those of the strip
    int64_t firstRow;   // of the image
    Range pixels;       // of the image's plane
  };
  template <class F>
  void forEachImage(Range strip, F f) const {
    for (int64_t r = strip.first; r < strip.end;) {
      const int64_t row = r % tilesHigh, n = smaller(tilesHigh - row, strip.end - r);
      const Range pixels{SIDE * row * width, smaller<int64_t>(SIDE * (row + n), height) * width};
      f(Part{r / tilesHigh, n, (r - strip.first) * tilesWide, SIDE * row, pixels});
      r += n;
    }
  }
};

/// Numbers of the points of tiles: element (point, tile, lane) at point * pointStep + tile * lanes + lane. A line after each
/// point keeps points off the same lines of the cache.
struct Points {
  int64_t lanes, pointStep;
  Real* data;
  Points(Scratch& scratch, int64_t tiles, int64_t lanes)
      : lanes(lanes), pointStep(tiles * lanes + 16), data(scratch.take<Real>(POINTS * pointStep)) {}
  Real* at(int64_t point, int64_t tile = 0) const { return data + point * pointStep + tile * lanes; }
};

/// Room for the pixels of a group of channels of a strip, [row][x][lane] with zeros around, and for the transformed columns of
/// a row of tiles.
struct Band {
  Real *pixels, *columns;
  Band(Scratch& scratch, const Strips& strips)
      : pixels(scratch.take<Real>(strips.paddedRows() * strips.paddedWidth() * GROUP)),
        columns(scratch.take<Real>(strips.paddedWidth() * INPUTS * GROUP)) {}
};

/// The numbers of a norm for vectors of channels, zeros beyond the last one.
struct NormLanes {
  Real *scale, *mean, *beta;
  NormLanes(Scratch& scratch, int channels)
      : scale(scratch.take<Real>(channels + WIDTH)), mean(scratch.take<Real>(channels + WIDTH)), beta(scratch.take<Real>(channels + WIDTH)) {}
  void prepare(const Norm& norm, int channels) const {
    normScale(norm, channels, scale);
    memcpy(mean, norm.mean, size_t(channels) * sizeof(Real));
    memcpy(beta, norm.beta, size_t(channels) * sizeof(Real));
    store(scale + channels, Vec{});
    store(mean + channels, Vec{});
    store(beta + channels, Vec{});
  }
};

/// Lays some channels of a part out as a band. `read(c, row, x)` gives the vector of pixels from (row, x); what lies beyond the row
/// may be anything. `finish(c)` gives what is to be done with vectors of channels from c on.
template <class Read, class Finish>
inline void layOut(const Strips& strips, const Strips::Part& part, int channels, Read read, Finish finish, Real* band) {
  const int64_t lanes = roundUp(channels, WIDTH), pitch = strips.paddedWidth() * lanes;
  const int64_t zerosAfter = (strips.paddedWidth() - 1 - strips.width) * lanes;
  for (int64_t r = 0; r < part.rows * SIDE + 2; r++) {
    const int64_t row = part.firstRow + r - 1;
    Real* line = band + r * pitch;
    if (row < 0 || row >= strips.height) {
      memset(line, 0, size_t(pitch) * sizeof(Real));
      continue;
    }
    memset(line, 0, size_t(lanes) * sizeof(Real));
    memset(line + pitch - zerosAfter, 0, size_t(zerosAfter) * sizeof(Real));
    for (int c = 0; c < channels; c += WIDTH) {
      const auto finished = finish(c);
      for (int x = 0; x < strips.width; x += WIDTH) {
        Vec block[WIDTH];
        if (c + WIDTH <= channels) {
#pragma GCC unroll 16
          for (int i = 0; i < WIDTH; i++) block[i] = read(c + i, row, x);
        } else {
          for (int i = 0; i < WIDTH; i++) block[i] = c + i < channels ? read(c + i, row, x) : Vec{};
        }
        transposeStages<1>(block);
        Real* to = line + (x + 1) * lanes + c;
        const int count = smaller(WIDTH, strips.width - x);
        if (count == WIDTH) {
#pragma GCC unroll 16
          for (int i = 0; i < WIDTH; i++) store(to + i * lanes, finished(block[i]));
        } else {
          for (int i = 0; i < count; i++) store(to + i * lanes, finished(block[i]));
        }
      }
    }
  }
}

/// Transforms N x N pixels of each tile of a part of a band, from `pixels` on, into lanes `first` .. of the points.
template <int N, class Line>
inline void transformBand(const Strips& strips, const Strips::Part& part, Line line, int64_t lanes, const Real* pixels, Real* columns,
                          const Points& to, int64_t first) {
  const int64_t pitch = strips.paddedWidth() * lanes, width = (strips.tilesWide - 1) * SIDE + N, pointStep = to.pointStep;
  for (int64_t i = 0; i < part.rows; i++) {
    // Tiles overlap: each column is transformed once.
    for (int64_t x = 0; x < width; x++) {
      for (int64_t c = 0; c < lanes; c += WIDTH) {
        const Real* from = pixels + i * SIDE * pitch + x * lanes + c;
        Vec in[N], out[INPUTS];
#pragma GCC unroll 6
        for (int y = 0; y < N; y++) in[y] = load(from + y * pitch);
        line(in, out);
#pragma GCC unroll 6
        for (int y = 0; y < INPUTS; y++) store(columns + (x * INPUTS + y) * lanes + c, out[y]);
      }
    }
    for (int64_t j = 0; j < strips.tilesWide; j++) {
      const Real* from = columns + j * SIDE * INPUTS * lanes;
      Real* at = to.at(0, part.firstTile + i * strips.tilesWide + j) + first;
      for (int y = 0; y < INPUTS; y++, at += INPUTS * pointStep) {
        for (int64_t c = 0; c < lanes; c += WIDTH) {
          Vec in[N], out[INPUTS];
#pragma GCC unroll 6
          for (int x = 0; x < N; x++) in[x] = load(from + (x * INPUTS + y) * lanes + c);
          line(in, out);
#pragma GCC unroll 6
          for (int x = 0; x < INPUTS; x++) store(at + x * pointStep + c, out[x]);
        }
      }
    }
  }
}

/// B' z B of some channels of a strip.
inline void transformInput(const Call& call, const NormLanes& norm, const Strips& strips, Range strip, Range channels, const Band& band,
                           const Points& to) {
  for (int64_t c = channels.first; c < channels.end; c += GROUP) {
    const int count = int(smaller<int64_t>(GROUP, channels.end - c));
    strips.forEachImage(strip, [&](const Strips::Part& part) {
      const Element* plane = call.input.plane(part.image, c);
      const int64_t planeStep = call.input.pixels();
      const auto read = [=, &strips](int i, int64_t row, int64_t x) { return load(plane + i * planeStep + row * strips.width + x); };
      if (call.norm.present()) {
        const auto normalise = [&](int i) {
          const Vec scale = load(norm.scale + c + i), mean = load(norm.mean + c + i), beta = load(norm.beta + c + i);
          return [=](Vec x) { return relu(scale * (x - mean) + beta); };
        };
        layOut(strips, part, count, read, normalise, band.pixels);
      } else {
        layOut(strips, part, count, read, [](int) { return [](Vec x) { return x; }; }, band.pixels);
      }
      transformBand<INPUTS>(strips, part, Lines<SIDE>::input, roundUp(count, WIDTH), band.pixels, band.columns, to, c - channels.first);
    });
  }
}

/// A' m A of `channels` of a strip, from lane `first` on: planes[channel][pixel], pixelRoom() apart. `band` is scratch.
inline void transformOutput(const Strips& strips, Range strip, const Points& from, int64_t first, int channels, Real* band, Real* planes) {
  const int64_t lanes = roundUp(channels, WIDTH), pitch = int64_t(strips.tilesWide) * SIDE * lanes;
  strips.forEachImage(strip, [&](const Strips::Part& part) {
    for (int64_t i = 0; i < part.rows; i++) {
      for (int64_t j = 0; j < strips.tilesWide; j++) {
        const Real* at = from.at(0, part.firstTile + i * strips.tilesWide + j) + first;
        for (int64_t c = 0; c < lanes; c += WIDTH) {
          transformTile<INPUTS, SIDE>(Lines<SIDE>::output, at + c, INPUTS * from.pointStep, from.pointStep, band + j * SIDE * lanes + c,
                                      pitch, lanes);
        }
      }
      const int64_t rows = smaller<int64_t>(SIDE, strips.height - (part.firstRow + SIDE * i));
      for (int64_t r = 0; r < rows; r++, planes += strips.width) {
        transpose(band + r * pitch, lanes, strips.width, channels, planes, strips.pixelRoom());
      }
    }
  });
}

/// Lines of some channels of a strip, to ask for: `to` gets their distances from `base`.
inline int64_t* listStrip(const View& view, const Strips& strips, Range strip, Range channels, const Element* base, int64_t* to) {
  strips.forEachImage(strip, [&](const Strips::Part& part) {
    const Element* first = view.plane(part.image, channels.first) + part.pixels.first;
    to = listLines(first - base, int(channels.size()), view.pixels(), part.pixels.size(), to);
  });
  return to;
}
inline int64_t* takeLines(Scratch& scratch, const Strips& strips, int64_t channels) {
  return scratch.take<int64_t>(channels * (strips.pixelRoom() / LINE + strips.rowsOfStrip + 1));
}

}  // namespace winograd
}  // namespace
