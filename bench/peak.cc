// What this processor can do at most: fused multiply-adds on registers, and a copy-and-add through memory.
//   peak THREADS     prints {"gflops":...,"gbytes":...}; bench/roofline.mjs compiles and runs it
// Both are the best of several rounds over all threads together.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int WIDTH = 16;
#elif defined(__AVX__)
constexpr int WIDTH = 8;
#else
constexpr int WIDTH = 4;
#endif
typedef float Vec __attribute__((vector_size(WIDTH * sizeof(float))));

constexpr int ACCUMULATORS = WIDTH == 16 ? 24 : 12;
constexpr long MULTIPLIES = 4'000'000, FLOATS = 16L << 20;

/// Enough independent sums to hide the latency of one; they begin differently, or the compiler would make one of them.
float multiplyAdd(float factor, float addend) {
  Vec sums[ACCUMULATORS];
#pragma GCC unroll 24
  for (int j = 0; j < ACCUMULATORS; j++) sums[j] = Vec{} + float(j);
  for (long i = 0; i < MULTIPLIES; i++) {
#pragma GCC unroll 24
    for (int j = 0; j < ACCUMULATORS; j++) sums[j] = sums[j] * factor + addend;
  }
  Vec total{};
#pragma GCC unroll 24
  for (int j = 0; j < ACCUMULATORS; j++) total += sums[j];
  return total[0];
}

/// a = b + 2 c, arrays far larger than any cache.
void triad(float* a, const float* b, const float* c) {
  for (long i = 0; i < FLOATS; i++) a[i] = b[i] + 2 * c[i];
}

/// The least seconds of a round in which all threads do `work`; tries for some seconds, since others may use the machine.
template <class Work>
double fastest(int threads, Work work) {
  double best = 1e9, all = 0;
  while (all < 4) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> running;
    for (int t = 0; t < threads; t++) running.emplace_back([&work, t] { work(t); });
    for (auto& thread : running) thread.join();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::min(best, seconds);
    all += seconds;
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, atoi(argv[1])) : 1;
  std::vector<float> kept(threads);
  const double computing = fastest(threads, [&](int t) { kept[t] = multiplyAdd(0.999f, 0.001f); });
  std::vector<std::vector<float>> arrays(3 * threads, std::vector<float>(FLOATS, 1.0f));
  const double moving =
      fastest(threads, [&](int t) { triad(arrays[3 * t].data(), arrays[3 * t + 1].data(), arrays[3 * t + 2].data()); });
  // Writing a line reads it first: four streams.
  std::printf("{\"gflops\":%.1f,\"gbytes\":%.1f}\n", 2.0 * WIDTH * ACCUMULATORS * MULTIPLIES * threads / computing / 1e9,
              4.0 * sizeof(float) * FLOATS * threads / moving / 1e9);
  return kept[0] < 0;
}
