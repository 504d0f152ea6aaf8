// How the work of a kernel is cut. Every rule here looks at shapes and the batch only, never at the number of threads:
// partial sums are always the same ones and are always added in the same order.
#pragma once
#include "norm.h"

namespace {

/// Enough units to keep several threads busy, few enough that partial sums stay small.
constexpr int SLOTS = 16;

/// The pixels of an image in chunks of about a thousand, multiples of a tile.
struct PixelChunks {
  int64_t pixels, size;
  int count;
  explicit PixelChunks(int64_t pixels) : pixels(pixels) {
    count = int(divideUp(pixels, 1024));
    size = roundUp(divideUp(pixels, count), TILE_PIXELS);
  }
  Range chunk(int i) const { return {i * size, smaller<int64_t>(pixels, (i + 1) * size)}; }
};

/// Items (images, or chunks of them) whose sums go into one slot: consecutive ones, in order.
inline int slotCount(int64_t items) { return int(smaller<int64_t>(items, SLOTS)); }

/// Into how many parts something of `size` is cut so that `units` units become enough.
inline int partsFor(int64_t units, int64_t size) {
  return units >= SLOTS ? 1 : int(smaller<int64_t>(divideUp(SLOTS, units), larger<int64_t>(size, 1)));
}

/// Kernels that work plane by plane: a unit is some channels of one image.
struct PlaneUnits {
  int channels, parts;
  PlaneUnits(int batch, int channels) : channels(channels), parts(partsFor(batch, channels)) {}
  int count(int batch) const { return batch * parts; }
  int64_t image(int unit) const { return unit / parts; }
  Range range(int unit) const { return part(channels, parts, unit % parts); }
};

constexpr int FINISH_CHANNELS = 64;

}  // namespace
