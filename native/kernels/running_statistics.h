// Running statistics. Nothing else in a step reads them; the convolution that follows reads the same batch statistics.
#pragma once
#include "vector.h"
#include "work.h"

namespace {
namespace runningStatistics {

inline void work(const Task& task, int, int) {
  const Call& call = task.call;
  const double m = double(task.run.batch) * double(call.pixels);
  const double unbias = m > 1 ? m / (m - 1) : 1;
  const double momentum = Real(call.momentum);
  for (int c = 0; c < call.channels; c++) {
    call.runningMean[c] = flushed(Real((1 - momentum) * call.runningMean[c] + momentum * call.statistics.mean[c]));
    call.runningVariance[c] =
        flushed(Real((1 - momentum) * call.runningVariance[c] + momentum * unbias * call.statistics.variance[c]));
  }
}

constexpr densenet::KernelImplementation implementation{.work = work, .aside = true};

}  // namespace runningStatistics
}  // namespace
