// One kernel alone on one thread: what docs/notes say of single kernels.
//   g++ -std=c++17 -O3 -mavx2 -mfma -fno-math-errno -Wno-psabi -DVECTOR_WIDTH=8 -DDENSENET_PRECISION=32 -I native/kernels bench/kernel.cc -o /tmp/kernel
//   /tmp/kernel SIZE IN OUT SIDE IMAGES [SECONDS]     a convolution, forward and backward: /tmp/kernel 1 112 48 32 16
//   /tmp/kernel dense IN BETWEEN OUT SIDE [SECONDS]   a dense layer in inference, its two phases: /tmp/kernel dense 224 128 32 56
// (DENSENET_PRECISION: 32, 64 or 16, bfloat16.) Prints the fastest of as many calls as fit the seconds (0.1 each). With 0 there is one call of each: valgrind --tool=callgrind counts
// instructions function by function, which noise does not change. To compare two states of the kernels build one binary of each and alternate them.
#include "convolution_1x1.h"
#include "dense_layer.h"
#include "winograd_3x3.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {
double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Numbers around `middle`, aligned to a page; never freed.
template <class T = Real>
T* numbers(int64_t count, Real middle = 0) {
  T* all = static_cast<T*>(aligned_alloc(4096, size_t(roundUp((count + 64) * int64_t(sizeof(T)), 4096))));
  for (int64_t i = 0; i < count + 64; i++) set(all + i, middle + Real(uint32_t(i) * 2654435761u >> 16) / 32768 - 1);
  return all;
}

char* scratch(int64_t bytes) { return static_cast<char*>(aligned_alloc(64, size_t(roundUp(bytes + 64, 64)))); }

void run(const densenet::KernelImplementation& kernel, const Task& task) {
  for (int phase = 0;; phase++) {
    const int units = kernel.units(task.call, task.run.batch, phase);
    if (units == 0) return;
    if (kernel.prepare) kernel.prepare(task, phase);
    for (int unit = 0; unit < units; unit++) kernel.work(task, phase, unit);
  }
}

/// The two phases of a dense layer, one image: GFLOP/s of the 1x1 convolution, and of what multiplications F(4x4, 3x3) leaves of the 3x3.
int measureDenseLayer(int in, int between, int out, int side, double seconds) {
  const int64_t pixels = int64_t(side) * side;
  Element* x = numbers<Element>((in + out) * pixels);
  Call call;
  call.size = 3;
  call.channels = between;
  call.workers = 1;
  call.input = View{x, in * pixels, in, side, side};
  call.output = View{x + in * pixels, out * pixels, out, side, side};
  call.weight = numbers(int64_t(in) * between);
  call.growthWeight = numbers(int64_t(between) * out * 9);
  call.bias = numbers(between);
  call.norm = {numbers(in, 1), numbers(in), numbers(in), numbers(in, 2), 1e-5};
  const auto& kernel = denseLayer::forward;
  Real* packed = numbers(kernel.packedBytes(call) / int64_t(sizeof(Real)));
  kernel.pack(call, packed);
  call.packed = packed;
  densenet::RunArguments arguments;
  arguments.batch = 1;
  const Task task{call, arguments, scratch(kernel.sharedBytes(call, 1)), scratch(kernel.localBytes(call, 1))};
  double fastest[] = {1e9, 1e9};
  const double begin = now();
  do {
    for (int phase = 0; phase < 2; phase++) {
      const double start = now();
      kernel.prepare(task, phase);
      const int units = kernel.units(call, 1, phase);
      for (int unit = 0; unit < units; unit++) kernel.work(task, phase, unit);
      fastest[phase] = std::min(fastest[phase], now() - start);
    }
  } while (now() - begin < seconds);
  const double operations[] = {2e-9 * in * between * pixels, 18e-9 / 4 * between * out * pixels};
  for (int phase = 0; phase < 2; phase++) {
    printf("%s %.3f ms, %.0f GFLOP/s\n", phase == 0 ? "1x1" : "3x3", 1e3 * fastest[phase], operations[phase] / fastest[phase]);
  }
  return 0;
}
}  // namespace

int main(int count, char** words) {
  if (count >= 6 && strcmp(words[1], "dense") == 0) {
    return measureDenseLayer(atoi(words[2]), atoi(words[3]), atoi(words[4]), atoi(words[5]), count > 6 ? atof(words[6]) : 0.1);
  }
  if (count < 6) return fprintf(stderr, "error: kernel SIZE(1|3) IN OUT SIDE IMAGES [SECONDS], or: kernel dense IN BETWEEN OUT SIDE [SECONDS]\n"), 2;
  const int size = atoi(words[1]), in = atoi(words[2]), out = atoi(words[3]), side = atoi(words[4]), images = atoi(words[5]);
  const double seconds = count > 6 ? atof(words[6]) : 0.1;
  const int64_t pixels = int64_t(side) * side;
  const auto view = [&](int channels) { return View{numbers<Element>(images * channels * pixels), channels * pixels, channels, side, side}; };
  Call call;
  call.size = size;
  call.stride = 1;
  call.padding = size / 2;
  call.input = view(in);
  call.output = view(out);
  call.weight = numbers(int64_t(in) * out * size * size);
  call.weightGradient = numbers(int64_t(in) * out * size * size);
  call.norm = {numbers(in, 1), numbers(in), numbers(in), numbers(in, 2), 1e-5};
  call.statistics = {numbers(out), numbers(out)};
  call.outputGradient.gradient = view(out);
  call.outputGradient.value = call.output;
  call.outputGradient.mean = numbers(out);
  call.outputGradient.variance = numbers(out, 2);
  call.outputGradient.a = numbers(out);
  call.outputGradient.b = numbers(out);
  call.outputGradient.epsilon = 1e-5;
  call.inputGradient.gradient = view(in);
  call.inputGradient.accumulate = size == 1;
  call.inputGradient.gamma = numbers(in);
  call.inputGradient.beta = numbers(in);
  call.inputGradient.a = numbers(in);
  call.inputGradient.b = numbers(in);
  densenet::RunArguments arguments;
  arguments.batch = images;
  for (const bool backward : {false, true}) {
    const auto& kernel = size == 1 ? backward ? convolution1x1::backward : convolution1x1::forward
                                   : backward ? winograd::backward : winograd::forward;
    const Task task{call, arguments, scratch(kernel.sharedBytes(call, images)), scratch(kernel.localBytes(call, images))};
    double fastest = 1e9;
    const double begin = now();
    do {
      const double start = now();
      run(kernel, task);
      fastest = std::min(fastest, now() - start);
    } while (now() - begin < seconds);
    const double operations = 2e-9 * size * size * in * out * pixels * images * (backward ? 2 : 1);
    printf("%-8s %.3f ms, %.0f GFLOP/s\n", backward ? "backward" : "forward", 1e3 * fastest, operations / fastest);
  }
}
