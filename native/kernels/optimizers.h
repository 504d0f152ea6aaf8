// What works on whole buffers: a step of each optimiser, clipping, sums and averages. A unit is a chunk of elements.
#pragma once
#include "scratch.h"
#include "work.h"

namespace {

constexpr int64_t CHUNK = 16 * 1024;
inline int chunks(const Call& call) { return int(divideUp(call.elements, CHUNK)); }
inline Range chunk(const Call& call, int unit) { return {unit * CHUNK, smaller(call.elements, (unit + 1) * CHUNK)}; }
inline int chunkUnits(const Call& call, int, int phase) { return phase == 0 ? chunks(call) : 0; }

template <void (*Work)(const Task&, Range)>
inline void chunkWork(const Task& task, int, int unit) { Work(task, chunk(task.call, unit)); }

template <void (*Work)(const Task&, Range)>
constexpr densenet::KernelImplementation elementwise{chunkUnits, nullptr, chunkWork<Work>, nullptr, nullptr};

inline void sgdChunk(const Task& task, Range range) {
  const Call& call = task.call;
  const Real rate = task.run.learningRate, momentum = call.momentum, decay = call.weightDecay;
  for (int64_t i = range.first; i < range.end; i++) {
    const Real g = call.gradients[i] + decay * call.parameters[i];
    const Real v = flushed(momentum * call.velocity[i] + g);
    call.velocity[i] = v;
    call.parameters[i] = flushed(call.parameters[i] - rate * (call.nesterov ? g + momentum * v : v));
  }
}

/// x^n for n >= 1: kernels call no libm.
inline double power(double x, int64_t n) {
  double result = 1;
  for (; n > 0; n >>= 1, x *= x) {
    if (n & 1) result *= x;
  }
  return result;
}

inline void adamWChunk(const Task& task, Range range) {
  const Call& call = task.call;
  const int64_t steps = int64_t(task.run.step) + 1;
  const Real rate = task.run.learningRate, decay = call.weightDecay, epsilon = Real(call.epsilon);
  const Real beta1 = Real(call.beta1), rest1 = Real(1 - call.beta1);
  const Real beta2 = Real(call.beta2), rest2 = Real(1 - call.beta2);
  const Real scale1 = Real(1 / (1 - power(call.beta1, steps))), scale2 = Real(1 / (1 - power(call.beta2, steps)));
  for (int64_t i = range.first; i < range.end; i++) {
    const Real g = call.gradients[i], w = call.parameters[i];
    const Real m = flushed(beta1 * call.firstMoment[i] + rest1 * g);
    const Real v = flushed(beta2 * call.secondMoment[i] + rest2 * g * g);
    call.firstMoment[i] = m;
    call.secondMoment[i] = v;
    call.parameters[i] = flushed(w - rate * (decay * w + scale1 * m / (squareRoot(scale2 * v) + epsilon)));
  }
}

inline void rmsPropChunk(const Task& task, Range range) {
  const Call& call = task.call;
  const Real rate = task.run.learningRate, momentum = call.momentum, decay = call.weightDecay;
  const Real alpha = Real(call.alpha), rest = Real(1 - call.alpha), epsilon = Real(call.epsilon);
  for (int64_t i = range.first; i < range.end; i++) {
    const Real g = call.gradients[i] + decay * call.parameters[i];
    const Real s = flushed(alpha * call.secondMoment[i] + rest * g * g);
    const Real root = call.rooted ? squareRoot(s + epsilon) : squareRoot(s) + epsilon;
    const Real v = flushed(momentum * call.velocity[i] + g / root);
    call.secondMoment[i] = s;
    call.velocity[i] = v;
    call.parameters[i] = flushed(call.parameters[i] - rate * v);
  }
}

inline void blendChunk(const Task& task, Range range) {
  const Real* source = task.call.source;
  Real* target = task.call.target;
  const Real keep = Real(task.run.keep), add = Real(task.run.add);
  if (keep == 0) {
    for (int64_t i = range.first; i < range.end; i++) target[i] = flushed(add * source[i]);
  } else {
    for (int64_t i = range.first; i < range.end; i++) target[i] = flushed(keep * target[i] + add * source[i]);
  }
}

inline void fillChunk(const Task& task, Range range) {
  for (int64_t i = range.first; i < range.end; i++) task.call.target[i] = Real(task.call.value);
}

namespace clipGradients {

/// Phase 0: each chunk's sum of squares; phase 1: each chunk adds them all up, in order, and scales itself.
struct Layout {
  double* squares;
  Layout(Scratch& scratch, const Call& call, int) : squares(scratch.take<double>(chunks(call))) {}
};

inline int units(const Call& call, int, int phase) { return phase < 2 ? chunks(call) : 0; }

inline void work(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const Layout layout = layoutAt<Layout>(task.shared, task);
  const Range range = chunk(call, unit);
  double total = 0;
  if (phase == 0) {
    constexpr int LANES = 8;
    double lanes[LANES] = {};
    int64_t i = range.first;
    for (; i + LANES <= range.end; i += LANES) {
      for (int j = 0; j < LANES; j++) lanes[j] += double(call.gradients[i + j]) * call.gradients[i + j];
    }
    for (int j = 0; j < LANES; j++) total += lanes[j];
    for (; i < range.end; i++) total += double(call.gradients[i]) * call.gradients[i];
    layout.squares[unit] = total;
    return;
  }
  for (int i = 0; i < chunks(call); i++) total += layout.squares[i];
  const double factor = call.limit / (__builtin_sqrt(total) + 1e-6);
  if (factor >= 1) return;
  for (int64_t i = range.first; i < range.end; i++) call.gradients[i] *= Real(factor);
}

inline int64_t sharedBytes(const Call& call, int batch) { return bytesOf<Layout>(call, batch); }

constexpr densenet::KernelImplementation implementation{units, nullptr, work, sharedBytes, nullptr};

}  // namespace clipGradients
}  // namespace
