// The classifier: a linear layer.
#pragma once
#include "work.h"

namespace {
namespace linear {

/// A unit is some outputs of an image.
inline int forwardParts(const Call& call, int batch) { return partsFor(batch, call.output.channels / 16); }
inline int forwardUnits(const Call& call, int batch, int phase) { return phase == 0 ? batch * forwardParts(call, batch) : 0; }

inline void forwardWork(const Task& task, int, int unit) {
  const Call& call = task.call;
  const int in = call.input.channels, parts = forwardParts(call, task.run.batch);
  const int64_t image = unit / parts;
  const Range outputs = part(call.output.channels, parts, unit % parts);
  const Element* x = call.input.plane(image, 0);
  Real* out = call.output.plane<Real>(image, 0);
  for (int64_t o = outputs.first; o < outputs.end; o++) {
    const Real* weight = call.weight + o * in;
    Vec total{};
    int c = 0;
    for (; c + WIDTH <= in; c += WIDTH) total += load(weight + c) * load(x + c);
    Real rest = call.bias[o];
    for (; c < in; c++) rest += weight[c] * get(x + c);
    out[o] = sum(total) + rest;
  }
}

/// Phase 0: a unit is some outputs' weights; phase 1: a unit is an image's input gradient.
constexpr int OUTPUTS = 8;
inline int backwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return int(divideUp(call.outputGradient.gradient.channels, OUTPUTS));
  return phase == 1 ? batch : 0;
}

struct BackwardLocal {
  Real* gradient;
  BackwardLocal(Scratch& scratch, const Call& call, int) : gradient(scratch.take<Real>(call.input.channels)) {}
};

inline void backwardWork(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const View& out = call.outputGradient.gradient;
  const int in = call.input.channels;
  if (phase == 1) {
    Real* gradient = layoutAt<BackwardLocal>(task.local, task).gradient;
    clear(gradient, in);
    const Real* dy = out.plane<Real>(unit, 0);
    for (int o = 0; o < out.channels; o++) {
      const Real* weight = call.weight + int64_t(o) * in;
      for (int c = 0; c < in; c++) gradient[c] += dy[o] * weight[c];
    }
    copy(call.inputGradient.gradient.plane(unit, 0), gradient, in);
    return;
  }
  for (int o = unit * OUTPUTS; o < smaller(out.channels, (unit + 1) * OUTPUTS); o++) {
    Real* gradient = call.weightGradient + int64_t(o) * in;
    Real bias = 0;
    memset(gradient, 0, size_t(in) * sizeof(Real));
    for (int image = 0; image < task.run.batch; image++) {
      const Real dy = *out.plane<Real>(image, o);
      const Element* x = call.input.plane(image, 0);
      bias += dy;
      for (int c = 0; c < in; c++) gradient[c] += dy * get(x + c);
    }
    call.biasGradient[o] = bias;
  }
}

constexpr densenet::KernelImplementation forward{forwardUnits, nullptr, forwardWork, nullptr, nullptr};
constexpr densenet::KernelImplementation backward{backwardUnits, nullptr, backwardWork, nullptr, bytesOf<BackwardLocal>};

}  // namespace linear
}  // namespace
