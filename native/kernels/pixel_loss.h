// Softmax with cross entropy of every pixel: a vector of pixels at a time. Phases: what the labels weigh together; losses, gradients
// and predictions of chunks of an image; the sums of images.
#pragma once
#include "loss.h"
#include "scratch.h"

namespace {
namespace pixelCrossEntropy {

/// e^x for x <= 0, as exponential() has it but for floats in their precision: 2^n times a polynomial on [-ln2/2, ln2/2].
inline Vec exponentials(Vec from) {
#if DENSENET_PRECISION == 64
  for (int i = 0; i < WIDTH; i++) from[i] = exponential(from[i]);
  return from;
#else
  constexpr Real FACTORS[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1, 1};
  const Vec least = broadcast(-87), x = from < least ? least : from;
  const IntVec n = __builtin_convertvector(x * 1.44269504f - 0.5f, IntVec);
  const Vec whole = __builtin_convertvector(n, Vec), r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  Vec e = broadcast(1.0f / 5040);
  for (const Real factor : FACTORS) e = e * r + factor;
  const IntVec bits = (n + 127) << 23;
  Vec power;
  memcpy(&power, &bits, sizeof power);
  return from < least ? Vec{} : e * power;
#endif
}

/// An image's pixels in chunks.
struct Units {
  int64_t pixels, parts;
  explicit Units(const Call& call) : pixels(call.logits.pixels()), parts(divideUp(pixels, 4096)) {}
  Range range(int unit) const { return part(pixels, parts, unit % parts); }
};

struct Shared {
  double *weights, *losses;  // [image][part]
  Shared(Scratch& scratch, const Call& call, int batch) {
    weights = scratch.take<double>(batch * Units(call).parts);
    losses = scratch.take<double>(batch * Units(call).parts);
  }
};

/// Exponentials of a vector of pixels: [class].
struct Local {
  Vec* scores;
  Local(Scratch& scratch, const Call& call, int) : scores(scratch.take<Vec>(call.logits.channels)) {}
};

inline int units(const Call& call, int batch, int phase) {
  return phase < 2 ? int(batch * Units(call).parts) : phase == 2 ? batch : 0;
}

/// What a pixel of this label counts.
inline double weightOf(const Call& call, Real label) {
  const int known = classOf(label, call.logits.channels);
  return known < 0 ? (label < 0 ? 0 : 1) : ClassWeights(call)(known);
}

inline void work(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const Units units(call);
  const Shared shared = layoutAt<Shared>(task.shared, task);
  double total = 0;
  for (int64_t i = 0; phase > 0 && i < task.run.batch * units.parts; i++) total += shared.weights[i];
  if (phase == 2) {
    double loss = 0;
    for (int64_t i = 0; i < units.parts; i++) loss += shared.losses[unit * units.parts + i];
    call.loss[unit] = Real(total > 0 ? loss * task.run.batch / total : loss);
    return;
  }
  const int64_t image = unit / units.parts;
  const Range range = units.range(unit);
  const Real* labels = call.labels + image * units.pixels;
  if (phase == 0) {
    for (int64_t p = range.first; p < range.end; p++) total += weightOf(call, labels[p]);
    shared.weights[unit] = total;
    return;
  }
  Vec* scores = layoutAt<Local>(task.local, task).scores;
  const int classes = call.logits.channels;
  double loss = 0;
  for (int64_t p = range.first; p < range.end; p += WIDTH) {
    const int count = int(smaller<int64_t>(WIDTH, range.end - p));
    Vec most{};
    IntVec best{};
    for (int c = 0; c < classes; c++) {
      const Vec score = loadPart(call.logits.plane(image, c) + p, count);
      const IntVec take = c == 0 ? IntVec{} - 1 : score > most;
      most = take ? score : most;
      best = take ? c + IntVec{} : best;
      scores[c] = score;
    }
    Vec sums{};
    for (int c = 0; c < classes; c++) sums += scores[c] = exponentials(scores[c] - most);
    Vec factors{};
    for (int i = 0; i < count; i++) {
      call.predicted[image * units.pixels + p + i] = Real(best[i]);
      const double weight = weightOf(call, labels[p + i]);
      if (!(weight > 0)) continue;
      const int label = classOf(labels[p + i], classes);
      factors[i] = Real(weight / total);
      if (label < 0) loss = __builtin_nan("");
      else loss += weight * (logarithm(double(sums[i])) + double(most[i]) - double(get(call.logits.plane(image, label) + p + i)));
    }
    if (!call.gradient.data) continue;
    const Vec scale = factors / sums;
    for (int c = 0; c < classes; c++) storePart(call.gradient.plane(image, c) + p, scale * scores[c], count);
    for (int i = 0; i < count; i++) {
      const int label = classOf(labels[p + i], classes);
      if (label < 0) continue;
      set(call.gradient.plane(image, label) + p + i, scale[i] * (scores[label][i] - sums[i]));
    }
  }
  shared.losses[unit] = loss;
}

constexpr densenet::KernelImplementation implementation{units, nullptr, work, bytesOf<Shared>, bytesOf<Local>};

}  // namespace pixelCrossEntropy
}  // namespace
