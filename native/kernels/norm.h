// Batch norm as the kernels use it: applied while loading, statistics taken while writing, its backward pass deferred.
// The formulas are those of src/engine/kernels.ts.
#pragma once
#include "element.h"
#include "scratch.h"

namespace {

using densenet::Call;
using densenet::InputGradient;
using densenet::Norm;
using densenet::OutputGradient;
using densenet::Statistics;
using densenet::Task;
using densenet::View;

inline Real inverseDeviation(Real variance, double epsilon) { return 1 / squareRoot(variance + Real(epsilon)); }

/// scale[c] = gamma * invstd
inline void normScale(const Norm& norm, int channels, Real* scale) {
  for (int c = 0; c < channels; c++) scale[c] = norm.gamma[c] * inverseDeviation(norm.variance[c], norm.epsilon);
}

/// z = relu(scale * (x - mean) + beta)
struct Normaliser {
  Vec scale, mean, beta;
  Normaliser(const Norm& norm, const Real* scales, int c)
      : scale(broadcast(scales[c])), mean(broadcast(norm.mean[c])), beta(broadcast(norm.beta[c])) {}
  Vec operator()(Vec x) const { return relu(scale * (x - mean) + beta); }
};

/// Calls f(i, at) for the vectors of `count` elements, of which each TILE_PIXELS go where they are `tileStep` apart.
template <class F>
inline __attribute__((always_inline)) void forEachVector(int64_t count, int64_t tileStep, F f) {
  int64_t i = 0, at = 0;
  for (; i + TILE_PIXELS <= count; i += TILE_PIXELS, at += tileStep) {
    for (int v = 0; v < TILE_PIXELS; v += WIDTH) f(i + v, at + v);
  }
  for (; i < count; i += WIDTH, at += WIDTH) f(i, at);
}

/// z of `count` contiguous elements, in tiles; without norm z = x. Reads and writes up to a vector more.
inline void normalise(const Norm& norm, const Real* scales, int c, const Element* x, int64_t count, Real* z, int64_t tileStep = TILE_PIXELS) {
  if (!norm.present()) return forEachVector(count, tileStep, [&](int64_t i, int64_t at) { store(z + at, load(x + i)); });
  const Normaliser apply(norm, scales, c);
  forEachVector(count, tileStep, [&](int64_t i, int64_t at) { store(z + at, apply(load(x + i))); });
}

/// A norm and ReLU that are folded into what made x. Touches up to a vector more.
template <class T>
inline void addBiasAndRelu(Real bias, T* x, int64_t count) {
  for (int64_t i = 0; i < count; i += WIDTH) store(x + i, relu(load(x + i) + broadcast(bias)));
}

/// What a convolution adds to its sums: its bias; that of a norm folded into it, with the ReLU. Touches up to a vector more.
template <class T>
inline void addBias(const Call& call, int64_t o, T* x, int64_t count) {
  for (int64_t i = 0; call.bias && i < count; i += WIDTH) store(x + i, load(x + i) + broadcast(call.bias[o]));
  if (call.foldedBias) addBiasAndRelu(call.foldedBias[o], x, count);
}

// ---- statistics -------------------------------------------------------------------------------------------------

/// Mean of some elements and their squared distance from it.
struct Moments {
  double mean, squares;
};

/// One pass, around the mean of the first elements: squared distances from something near the mean are not much larger than those
/// from the mean itself, and lose little when they are corrected. Four sums of each at a time: a sum waits for the one before.
template <class T>
inline Moments momentsOf(const T* x, int64_t count) {
  constexpr int SUMS = 4;
  const int64_t few = smaller<int64_t>(count, 2 * WIDTH);
  Real first = 0;
  for (int64_t j = 0; j < few; j++) first += get(x + j);
  const Real centre = first / Real(few);
  const Vec centres = broadcast(centre);
  Vec offsets[SUMS]{}, squares[SUMS]{};
  const auto add = [&](int k, Vec d) __attribute__((always_inline)) {
    offsets[k] += d;
    squares[k] += d * d;
  };
  int64_t i = 0;
  for (; i + SUMS * WIDTH <= count; i += SUMS * WIDTH) {
    for (int k = 0; k < SUMS; k++) add(k, load(x + i + k * WIDTH) - centres);
  }
  for (; i + WIDTH <= count; i += WIDTH) add(0, load(x + i) - centres);
  double offset = sum((offsets[0] + offsets[1]) + (offsets[2] + offsets[3]));
  double square = sum((squares[0] + squares[1]) + (squares[2] + squares[3]));
  for (; i < count; i++) {
    const Real d = get(x + i) - centre;
    offset += d;
    square += d * d;
  }
  const double shift = offset / double(count);
  return {centre + shift, square - double(count) * shift * shift};
}

/// parts[part][channel] of counts[part] elements each -> mean and biased variance of each channel, in a fixed order.
template <class Count>
inline void combineMoments(const Moments* parts, int64_t partCount, int channels, Count count, const Statistics& to) {
  for (int c = 0; c < channels; c++) {
    double n = 0, weighted = 0, squares = 0;
    for (int64_t p = 0; p < partCount; p++) {
      n += double(count(p));
      weighted += double(count(p)) * parts[p * channels + c].mean;
    }
    const double mean = weighted / n;
    for (int64_t p = 0; p < partCount; p++) {
      const double d = parts[p * channels + c].mean - mean;
      squares += parts[p * channels + c].squares + double(count(p)) * d * d;
    }
    to.mean[c] = Real(mean);
    to.variance[c] = Real(squares > 0 ? squares / n : 0);
  }
}

// ---- dropout ----------------------------------------------------------------------------------------------------

// src/util/random.ts: mix32, randomKey. T is uint32_t or a vector of them.
template <class T>
inline T mix32(T x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

inline uint32_t dropoutKey(double seed, double step, double layer) {
  uint32_t key = mix32(uint32_t{4});
  const double parts[] = {seed, step, layer};
  for (const double part : parts) {
    const int64_t whole = int64_t(part);
    key = mix32(key ^ uint32_t(whole));
    key = mix32(key + uint32_t(whole >> 32) + 0x9e3779b9u);
  }
  return key;
}

/// x[i] of elements first + i, i < count, of a dropout: kept and scaled, or zero.
template <class T>
inline void applyDropout(const Task& task, int64_t first, T* x, int64_t count) {
  const auto& dropout = task.call.dropout;
  const uint32_t key = dropoutKey(task.run.seed, task.run.step, dropout.layer);
  const Real rate = Real(dropout.rate);
  const uint32_t threshold = uint32_t(double(rate) * 4294967296.0);
  const Vec scale = broadcast(1 / (1 - rate));
  BitVec lane;
  for (int i = 0; i < WIDTH; i++) lane[i] = uint32_t(first) + i;
  for (int64_t i = 0; i < count; i += WIDTH) {
    const BitVec hash = mix32(mix32((lane + uint32_t(i)) ^ key) ^ key);
    const int valid = int(smaller<int64_t>(WIDTH, count - i));
    storePart(x + i, __builtin_convertvector(hash >= threshold, IntVec) ? loadPart(x + i, valid) * scale : Vec{}, valid);
  }
}

// ---- the deferred backward pass ---------------------------------------------------------------------------------

/// Per channel of an output: dX = G + slope * (x - mean) + offset.
struct Finaliser {
  Real *slope, *offset;
  Finaliser(Scratch& scratch, int channels) : slope(scratch.take<Real>(channels)), offset(scratch.take<Real>(channels)) {}

  void prepare(const OutputGradient& out) const {
    if (!out.deferred()) return;
    for (int c = 0; c < out.gradient.channels; c++) {
      const Real invstd = inverseDeviation(out.variance[c], out.epsilon);
      slope[c] = -invstd * invstd * out.b[c];
      offset[c] = -invstd * out.a[c];
    }
  }

  /// The finished gradient of `count` pixels from `pixel` of a channel, dropout undone, in tiles. Touches up to a vector more.
  void finalise(const Task& task, int64_t image, int c, int64_t pixel, int64_t count, Real* to, int64_t tileStep = TILE_PIXELS) const {
    const OutputGradient& out = task.call.outputGradient;
    const Element* gradient = out.gradient.plane(image, c) + pixel;
    if (out.deferred()) {
      const Element* value = out.value.plane(image, c) + pixel;
      const Vec a = broadcast(slope[c]), b = broadcast(offset[c]), mean = broadcast(out.mean[c]);
      forEachVector(count, tileStep, [&](int64_t i, int64_t at) { store(to + at, load(gradient + i) + (a * (load(value + i) - mean) + b)); });
    } else {
      forEachVector(count, tileStep, [&](int64_t i, int64_t at) { store(to + at, load(gradient + i)); });
    }
    if (!task.call.dropout.present()) return;
    const int64_t first = (image * out.gradient.channels + c) * out.gradient.pixels() + pixel;
    for (int64_t i = 0; i < count; i += TILE_PIXELS, to += tileStep) {
      applyDropout(task, first + i, to, smaller<int64_t>(TILE_PIXELS, count - i));
    }
  }
};

/// Sums over pixels that a norm's backward pass needs: of dz, and of dz * (x - mean). Lanes are added up at the end.
struct NormSums {
  Vec dz, dzx;
};

template <bool ACCUMULATE, bool KEEP>
inline void normBackward(const Norm& norm, const Real* scales, int c, const Element* x, const Real* dzIn, int64_t count, Element* gradient,
                         NormSums& sums, Real* z) {
  const Normaliser apply(norm, scales, c);
  NormSums even = sums, odd{};
  const auto toGradient = [&](int64_t i, Vec input, Vec dz, NormSums& sum) __attribute__((always_inline)) {
    const Vec value = apply(input);
    if (KEEP) store(z + i, value);
    dz = value > Vec{} ? dz : Vec{};
    sum.dz += dz;
    sum.dzx += dz * (input - apply.mean);
    return apply.scale * dz;
  };
  const auto whole = [&](int64_t i, NormSums& sum) __attribute__((always_inline)) {
    const Vec d = toGradient(i, load(x + i), load(dzIn + i), sum);
    store(gradient + i, ACCUMULATE ? load(gradient + i) + d : d);
  };
  int64_t i = 0;
  for (; i + 2 * WIDTH <= count; i += 2 * WIDTH) {
    whole(i, even);
    whole(i + WIDTH, odd);
  }
  if (i + WIDTH <= count) {
    whole(i, even);
    i += WIDTH;
  }
  if (i < count) {
    const int rest = int(count - i);
    const Vec d = toGradient(i, loadPart(x + i, rest), loadPart(dzIn + i, rest), odd);
    storePart(gradient + i, ACCUMULATE ? loadPart(gradient + i, rest) + d : d, rest);
  }
  sums = {even.dz + odd.dz, even.dzx + odd.dzx};
}

/// From dz' (the gradient at z) of `count` contiguous pixels: dz = dz' where z > 0, z made from x again, its sums, and scale * dz,
/// which is written or added to `gradient`. Two vectors at a time, each with sums of its own: a sum waits for the one before.
/// Writes z, and up to a vector more, if there is a place for it.
inline void normBackward(const Norm& norm, const Real* scales, int c, bool accumulate, const Element* x, const Real* dz, int64_t count,
                         Element* gradient, NormSums& sums, Real* z = nullptr) {
  const auto run = z ? accumulate ? normBackward<true, true> : normBackward<false, true>
                     : accumulate ? normBackward<true, false> : normBackward<false, false>;
  run(norm, scales, c, x, dz, count, gradient, sums, z);
}

/// Without norm: the gradient is dz itself.
inline void plainBackward(bool accumulate, const Real* dz, int64_t count, Element* gradient) {
  int64_t i = 0;
  for (; i + WIDTH <= count; i += WIDTH) store(gradient + i, accumulate ? load(gradient + i) + load(dz + i) : load(dz + i));
  for (; i < count; i++) set(gradient + i, accumulate ? get(gradient + i) + dz[i] : dz[i]);
}

/// parts[part][channel]: the finished sums of one part of the work.
struct ChannelSums {
  double dz, dzx;
};

/// Gradients of gamma and beta, and the deferred numbers a and b, of channels [first, end).
inline void finishNormGradient(const Call& call, const ChannelSums* parts, int64_t partCount, int64_t elements, int first, int end) {
  const InputGradient& in = call.inputGradient;
  const int channels = call.input.channels;
  for (int c = first; c < end; c++) {
    double dz = 0, dzx = 0;
    for (int64_t p = 0; p < partCount; p++) {
      dz += parts[p * channels + c].dz;
      dzx += parts[p * channels + c].dzx;
    }
    const double dgamma = dzx * inverseDeviation(call.norm.variance[c], call.norm.epsilon);
    in.beta[c] = Real(dz);
    in.gamma[c] = Real(dgamma);
    const Real a = Real(call.norm.gamma[c] * dz / double(elements)), b = Real(call.norm.gamma[c] * dgamma / double(elements));
    in.a[c] = in.accumulate ? in.a[c] + a : a;
    in.b[c] = in.accumulate ? in.b[c] + b : b;
  }
}

}  // namespace
