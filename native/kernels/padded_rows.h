// Zero-padded rows for 3x3 convolutions. A band of rows [first, first + rows) of a plane W wide is kept with one more row
// above and below and a pitch of W + 1: the zero column before each row serves its right neighbour too. With
//
//   pixel (r, x) of the padded band at (r + 1) * pitch + x + 1
//
// the nine taps of output (r, x) are plain offsets from r * pitch + x, so tiles run over the flattened rows and W need
// not be a multiple of the vector. Every W + 1st result is of no pixel; compactRows drops it.
#pragma once
#include "norm.h"

namespace {

struct PaddedBand {
  int height, width;  // of the plane
  int64_t first, rows;
  int64_t pitch() const { return width + 1; }
  /// Results over the flattened rows, those of no pixel included.
  int64_t flat() const { return rows * pitch(); }
  int64_t pixels() const { return rows * width; }
  /// Floats from one padded channel to the next.
  static int64_t planeStep(int64_t rows, int width) { return (rows + 2) * (width + 1) + 1 + WIDTH; }
  int64_t planeStep() const { return planeStep(rows, width); }
};

/// Pads one channel; `write(row, to)` makes the row's pixels at `to` and may touch up to a vector more. Channels are
/// packed in ascending order: what a row writes too far is written over by the next one.
template <class Write>
inline void padRows(const PaddedBand& band, float* to, Write write) {
  const int64_t pitch = band.pitch();
  for (int64_t r = 0; r < band.rows + 2; r++) {
    const int64_t row = band.first + r - 1;
    float* at = to + r * pitch;
    if (row < 0 || row >= band.height) {
      memset(at, 0, size_t(pitch) * sizeof(float));
    } else {
      at[0] = 0;
      write(row, at + 1);
    }
  }
  to[(band.rows + 2) * pitch] = 0;
}

/// Results (or padded pixels) of pitch W + 1 -> W. Writes up to a vector more.
inline void compactRows(const PaddedBand& band, const float* from, float* to) {
  for (int64_t r = 0; r < band.rows; r++) {
    for (int64_t x = 0; x < band.width; x += WIDTH) store(to + r * band.width + x, load(from + r * band.pitch() + x));
  }
}

/// Rows of a band so that `channels` padded channels take about `floats`; bands of a plane are of even height.
inline int bandsFor(int height, int width, int64_t channels, int64_t floats, int64_t atLeast) {
  const int64_t rows = larger<int64_t>(floats / (channels * (width + 1)) - 2, 1);
  return int(smaller<int64_t>(larger(divideUp(height, rows), atLeast), height));
}

struct Taps {
  int32_t offsets[9];
  /// `turned`: the taps of the transposed convolution.
  Taps(int64_t pitch, bool turned) {
    for (int t = 0; t < 9; t++) {
      const int y = turned ? 2 - t / 3 : t / 3, x = turned ? 2 - t % 3 : t % 3;
      offsets[t] = int32_t(y * pitch + x);
    }
  }
};

}  // namespace
