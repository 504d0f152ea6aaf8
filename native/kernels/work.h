// How the work of a kernel is cut. Every rule here looks at shapes and the batch only, never at the number of threads:
// partial sums are always the same ones and are always added in the same order.
#pragma once
#include "norm.h"

namespace {

/// Enough units to keep several threads busy, few enough that partial sums stay small.
constexpr int SLOTS = 16;

/// The pixels of an image in chunks of about a thousand, of whole vectors; smaller ones where a small batch would make
/// too few, but hardly less than `fewest`.
struct PixelChunks {
  int64_t pixels;
  int count;
  PixelChunks(int64_t pixels, int batch, int64_t fewest, int64_t slots = SLOTS) : pixels(pixels) {
    const int64_t wanted = smaller<int64_t>(divideUp(slots, batch), larger<int64_t>(pixels / fewest, 1));
    count = int(smaller(larger(divideUp(pixels, 1024), wanted), divideUp(pixels, WIDTH)));
  }
  Range chunk(int i) const {
    const Range vectors = part(divideUp(pixels, WIDTH), count, i);
    return {vectors.first * WIDTH, smaller(pixels, vectors.end * WIDTH)};
  }
};

/// Units that a call without sums across them is cut into: no more than its workers need, where it is known who they are. Two
/// each even out what one of them was kept from doing.
inline int64_t unitsWanted(const Call& call, int64_t otherwise) {
  return call.workers == 0 ? otherwise : call.workers == 1 ? 1 : 2 * call.workers;
}

/// Items (images, or chunks of them) whose sums go into one slot: consecutive ones, in order.
inline int slotCount(int64_t items) { return int(smaller<int64_t>(items, SLOTS)); }

/// Into how many parts something of `size` is cut so that `units` units become `enough`.
inline int partsFor(int64_t units, int64_t size, int64_t enough = SLOTS) {
  return units >= enough ? 1 : int(smaller<int64_t>(divideUp(enough, units), larger<int64_t>(size, 1)));
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

/// Whether a convolution of this size makes a map of its input's size, from each pixel or the 3x3 around it.
inline bool isSame(const Call& call, int size) { return call.size == size && call.stride == 1 && call.padding == size / 2; }

/// The first convolution reads images: no norm, few channels.
inline bool readsFeatures(const Call& call) { return call.norm.present() || call.input.channels >= 8; }

/// What was packed of a call's weights.
inline Real* packedOf(const Call& call) { return static_cast<Real*>(const_cast<void*>(call.packed)); }

}  // namespace
