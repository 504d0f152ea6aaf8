// What changes the state that outlives a step: running statistics, and SGD.
#pragma once
#include "work.h"

namespace {
namespace runningStatistics {

inline int units(const Call&, int, int phase) { return phase == 0 ? 1 : 0; }

inline void work(const Task& task, int, int) {
  const Call& call = task.call;
  const double m = double(task.run.batch) * double(call.pixels);
  const double unbias = m > 1 ? m / (m - 1) : 1;
  const double momentum = call.momentum;
  for (int c = 0; c < call.channels; c++) {
    call.runningMean[c] = float((1 - momentum) * call.runningMean[c] + momentum * call.statistics.mean[c]);
    call.runningVariance[c] = float((1 - momentum) * call.runningVariance[c] + momentum * unbias * call.statistics.variance[c]);
  }
}

constexpr densenet::KernelImplementation implementation{units, nullptr, work, nullptr, nullptr};

}  // namespace runningStatistics

namespace sgd {

constexpr int64_t CHUNK = 16 * 1024;
inline int units(const Call& call, int, int phase) { return phase == 0 ? int(divideUp(call.elements, CHUNK)) : 0; }

inline void work(const Task& task, int, int unit) {
  const Call& call = task.call;
  const float rate = task.run.learningRate, momentum = call.momentum, decay = call.weightDecay;
  const int64_t end = smaller(call.elements, (unit + 1) * CHUNK);
  for (int64_t i = unit * CHUNK; i < end; i++) {
    const float g = call.gradients[i] + decay * call.parameters[i];
    const float v = momentum * call.velocity[i] + g;
    call.velocity[i] = v;
    call.parameters[i] -= rate * (call.nesterov ? g + momentum * v : v);
  }
}

constexpr densenet::KernelImplementation implementation{units, nullptr, work, nullptr, nullptr};

}  // namespace sgd
}  // namespace
