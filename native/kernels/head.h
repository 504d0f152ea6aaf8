// The classifier and its loss: a linear layer, and softmax with cross entropy.
#pragma once
#include "work.h"

namespace {
namespace linear {

inline int forwardUnits(const Call&, int batch, int phase) { return phase == 0 ? batch : 0; }

inline void forwardWork(const Task& task, int, int image) {
  const Call& call = task.call;
  const int in = call.input.channels;
  const float* x = call.input.plane(image, 0);
  float* out = call.output.plane(image, 0);
  for (int o = 0; o < call.output.channels; o++) {
    const float* weight = call.weight + int64_t(o) * in;
    Vec total{};
    int c = 0;
    for (; c + WIDTH <= in; c += WIDTH) total += load(weight + c) * load(x + c);
    float rest = call.bias[o];
    for (; c < in; c++) rest += weight[c] * x[c];
    out[o] = sum(total) + rest;
  }
}

/// Phase 0: a unit is some outputs' weights; phase 1: a unit is an image's input gradient.
constexpr int OUTPUTS = 8;
inline int backwardUnits(const Call& call, int batch, int phase) {
  if (phase == 0) return int(divideUp(call.outputGradient.gradient.channels, OUTPUTS));
  return phase == 1 ? batch : 0;
}

inline void backwardWork(const Task& task, int phase, int unit) {
  const Call& call = task.call;
  const View& out = call.outputGradient.gradient;
  const int in = call.input.channels;
  if (phase == 1) {
    float* gradient = call.inputGradient.gradient.plane(unit, 0);
    const float* dy = out.plane(unit, 0);
    memset(gradient, 0, size_t(in) * sizeof(float));
    for (int o = 0; o < out.channels; o++) {
      const float* weight = call.weight + int64_t(o) * in;
      for (int c = 0; c < in; c++) gradient[c] += dy[o] * weight[c];
    }
    return;
  }
  for (int o = unit * OUTPUTS; o < smaller(out.channels, (unit + 1) * OUTPUTS); o++) {
    float* gradient = call.weightGradient + int64_t(o) * in;
    float bias = 0;
    memset(gradient, 0, size_t(in) * sizeof(float));
    for (int image = 0; image < task.run.batch; image++) {
      const float dy = *out.plane(image, o);
      const float* x = call.input.plane(image, 0);
      bias += dy;
      for (int c = 0; c < in; c++) gradient[c] += dy * x[c];
    }
    call.biasGradient[o] = bias;
  }
}

constexpr densenet::KernelImplementation forward{forwardUnits, nullptr, forwardWork, nullptr, nullptr};
constexpr densenet::KernelImplementation backward{backwardUnits, nullptr, backwardWork, nullptr, nullptr};

}  // namespace linear

namespace crossEntropy {

/// e^x for x <= 0, to double precision: 2^n times a Taylor series on [-ln2/2, ln2/2]. Ours, because kernels call no libm.
inline double exponential(double x) {
  if (!(x >= -700)) return x < -700 ? 0 : x;  // NaN stays NaN
  const int64_t n = int64_t(x * 1.4426950408889634 - 0.5);
  const double r = (x - double(n) * 0.693147180369123816490) - double(n) * 1.90821492927058770002e-10;
  double term = 1, total = 1;
  for (int i = 1; i <= 13; i++) total += term *= r / i;
  const uint64_t bits = uint64_t(n + 1023) << 52;
  double power;
  memcpy(&power, &bits, sizeof power);
  return total * power;
}

/// ln x for x >= 1: exponent, then ln m = 2 artanh((m - 1) / (m + 1)) as a series on [sqrt(1/2), sqrt(2)].
inline double logarithm(double x) {
  if (!(x <= 1.7976931348623157e308)) return x;  // infinity and NaN are their own logarithms here
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  int64_t exponent = int64_t(bits >> 52) - 1023;
  bits = (bits & 0xfffffffffffffull) | 0x3ff0000000000000ull;
  double m;
  memcpy(&m, &bits, sizeof m);
  if (m > 1.4142135623730951) {
    m /= 2;
    exponent++;
  }
  const double s = (m - 1) / (m + 1), square = s * s;
  double total = 0;
  for (int i = 23; i >= 1; i -= 2) total = total * square + 1.0 / i;
  return double(exponent) * 0.6931471805599453 + 2 * s * total;
}

inline int units(const Call&, int batch, int phase) { return phase == 0 ? batch : 0; }

inline void work(const Task& task, int, int image) {
  const Call& call = task.call;
  const float* logits = call.input.plane(image, 0);
  const int classes = call.input.channels, label = int(call.labels[image]);
  float most = logits[0];
  int rank = 0;
  for (int c = 0; c < classes; c++) {
    // A NaN anywhere must reach the loss, whatever the order of comparison.
    if (logits[c] > most || logits[c] != logits[c]) most = logits[c];
    if (logits[c] > logits[label] || (logits[c] == logits[label] && c < label)) rank++;
  }
  double total = 0;
  for (int c = 0; c < classes; c++) total += exponential(double(logits[c]) - most);
  const double logTotal = logarithm(total);
  call.loss[image] = float(logTotal - (double(logits[label]) - most));
  call.rank[image] = float(rank);
  if (!call.inputGradient.present()) return;
  float* gradient = call.inputGradient.gradient.plane(image, 0);
  for (int c = 0; c < classes; c++) {
    const double probability = exponential(double(logits[c]) - most - logTotal);
    gradient[c] = float((probability - (c == label ? 1 : 0)) / task.run.batch);
  }
}

constexpr densenet::KernelImplementation implementation{units, nullptr, work, nullptr, nullptr};

}  // namespace crossEntropy
}  // namespace
