// The losses: softmax with cross entropy, and sigmoids with binary cross entropy, in double precision.
#pragma once
#include "vector.h"
#include "work.h"

namespace {

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

/// Which of so many classes a label is, -1: none of them.
inline int classOf(Real label, int classes) {
  return label >= 0 && label < Real(classes) && Real(int(label)) == label ? int(label) : -1;
}

/// How many classes score above the label's; of equal ones the smaller number is first. All do above a label that is no class.
inline int rankOf(int label, const Real* logits, int classes) {
  if (label < 0) return classes;
  int rank = 0;
  for (int c = 0; c < classes; c++) rank += logits[c] > logits[label] || (logits[c] == logits[label] && c < label);
  return rank;
}

inline int imageUnits(const Call&, int batch, int phase) { return phase == 0 ? batch : 0; }

/// 1 where there are none. Read without asking each time: a compiler would load from address 0 under a mask that forbids it,
/// which processors take long over, and qemu does.
struct ClassWeights {
  const Real* first;
  int64_t step;
  explicit ClassWeights(const Call& call) : first(call.classWeights ? call.classWeights : &one), step(call.classWeights ? 1 : 0) {}
  double operator()(int c) const { return double(first[c * step]); }
  static constexpr Real one = 1;
};

namespace crossEntropy {

/// An image's target: what of class c counts, its weight included.
struct Target {
  const Call& call;
  ClassWeights weights;
  int label, other;
  double share, even;
  Target(const Call& call, int image)
      : call(call), weights(call), label(classOf(call.labels[image], call.logits.channels)),
        other(call.mixed.share ? classOf(call.mixed.labels[image], call.logits.channels) : label),
        share(call.mixed.share ? call.mixed.share[image] : 1), even(call.smoothing / call.logits.channels) {}
  bool known() const { return label >= 0 && other >= 0; }
  double operator()(int c) const {
    const double rest = 1 - call.smoothing;
    const double q = even + (c == label ? rest * share : 0) + (c == other ? rest * (1 - share) : 0);
    return q * weights(c);
  }
};

inline void work(const Task& task, int, int image) {
  const Call& call = task.call;
  const Real* logits = call.logits.plane<Real>(image, 0);
  const int classes = call.logits.channels;
  const Target target(call, image);
  const int label = target.share >= 0.5 ? target.label : target.other;
  Real most = logits[0];
  for (int c = 0; c < classes; c++) {
    // A NaN anywhere must reach the loss, whatever the order of comparison.
    if (logits[c] > most || logits[c] != logits[c]) most = logits[c];
  }
  double total = 0;
  for (int c = 0; c < classes; c++) total += exponential(double(logits[c]) - most);
  const double logTotal = logarithm(total);
  double loss = 0, counted = 0;
  for (int c = 0; c < classes; c++) {
    const double q = target(c);
    if (q != 0) loss += q * (logTotal - (double(logits[c]) - most));
    counted += q;
  }
  call.loss[image] = target.known() ? Real(loss) : Real(__builtin_nan(""));
  call.rank[image] = Real(rankOf(label, logits, classes));
  if (!call.gradient.data) return;
  Real* gradient = call.gradient.plane<Real>(image, 0);
  for (int c = 0; c < classes; c++) {
    const double probability = exponential(double(logits[c]) - most - logTotal);
    gradient[c] = flushed(Real((probability * counted - target(c)) / task.run.batch));
  }
}

constexpr densenet::KernelImplementation implementation{imageUnits, nullptr, work, nullptr, nullptr};

}  // namespace crossEntropy

namespace binaryCrossEntropy {

inline void work(const Task& task, int, int image) {
  const Call& call = task.call;
  const Real* logits = call.logits.plane<Real>(image, 0);
  const Real* targets = call.targets.plane<Real>(image, 0);
  Real* gradient = call.gradient.data ? call.gradient.plane<Real>(image, 0) : nullptr;
  const int classes = call.logits.channels;
  const ClassWeights weights(call);
  double loss = 0;
  int wrong = 0;
  for (int c = 0; c < classes; c++) {
    if (targets[c] != targets[c]) {  // not known
      if (gradient) gradient[c] = 0;
      continue;
    }
    const double score = logits[c];
    const double q = (1 - call.smoothing) * double(targets[c]) + call.smoothing / 2;
    const double weight = weights(c);
    const double small = exponential(score < 0 ? score : -score);  // of the two exponentials, the one that cannot overflow
    loss += weight * ((score > 0 ? score : 0) - q * score + logarithm(1 + small));
    wrong += (logits[c] > 0) != (targets[c] > Real(0.5));
    if (!gradient) continue;
    const double sigmoid = (score < 0 ? small : 1) / (1 + small);
    gradient[c] = flushed(Real(weight * (sigmoid - q) / (double(classes) * task.run.batch)));
  }
  call.loss[image] = Real(loss / classes);
  call.rank[image] = Real(call.labels ? rankOf(classOf(call.labels[image], classes), logits, classes) : wrong);
}

constexpr densenet::KernelImplementation implementation{imageUnits, nullptr, work, nullptr, nullptr};

}  // namespace binaryCrossEntropy
}  // namespace
