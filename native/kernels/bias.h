// The gradient of a convolution's bias: the sum of its output's gradient over batch and pixels. A unit is a channel, beside those of the
// last phase of the convolution's own kernel.
#pragma once
#include "work.h"

namespace {

constexpr int64_t BIAS_CHUNK = 1024;

struct BiasLocal {
  Finaliser finaliser;
  Real* dy;
  BiasLocal(Scratch& scratch, const Call& call, int)
      : finaliser(scratch, call.outputGradient.gradient.channels), dy(scratch.take<Real>(BIAS_CHUNK)) {}
};

inline void biasGradient(const Task& task, int channel) {
  const auto local = layoutAt<BiasLocal>(task.local, task);
  const int64_t pixels = task.call.outputGradient.gradient.pixels();
  double total = 0;
  for (int64_t image = 0; image < task.run.batch; image++) {
    for (int64_t first = 0; first < pixels; first += BIAS_CHUNK) {
      const int64_t count = smaller(BIAS_CHUNK, pixels - first);
      local.finaliser.finalise(task, image, channel, first, count, local.dy);
      Vec sums{};
      for (int64_t i = 0; i < count; i += WIDTH) sums += loadPart(local.dy + i, int(smaller<int64_t>(WIDTH, count - i)));
      total += sum(sums);
    }
  }
  task.call.biasGradient[channel] = Real(total);
}

/// `KERNEL`, whose phases are two, and the gradient of the bias.
template <const densenet::KernelImplementation& KERNEL>
struct WithBias {
  static int units(const Call& call, int batch, int phase) {
    return KERNEL.units(call, batch, phase) + (phase == 1 ? call.outputGradient.gradient.channels : 0);
  }
  static void prepare(const Task& task, int phase) {
    if (phase == 1) layoutAt<BiasLocal>(task.local, task).finaliser.prepare(task.call.outputGradient);
    else KERNEL.prepare(task, phase);
  }
  static void work(const Task& task, int phase, int unit) {
    const int own = KERNEL.units(task.call, task.run.batch, phase);
    if (unit < own) KERNEL.work(task, phase, unit);
    else biasGradient(task, unit - own);
  }
  static int64_t localBytes(const Call& call, int batch) { return larger(KERNEL.localBytes(call, batch), bytesOf<BiasLocal>(call, batch)); }
  static constexpr densenet::KernelImplementation implementation{units, prepare, work, KERNEL.sharedBytes, localBytes};
};

/// With the gradient of the bias, if it is wanted.
template <const densenet::KernelImplementation& KERNEL>
inline densenet::KernelImplementation biased(const Call& call) {
  return call.biasGradient ? WithBias<KERNEL>::implementation : KERNEL;
}

}  // namespace
