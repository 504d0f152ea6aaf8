// A compiled program: the calls of src/engine/kernels.ts with pointers instead of buffer numbers. Plain structs: nothing
// here, in decode.h or in kernels/ knows Node-API, allocates, throws, or calls more of libc than memcpy and memset, so that the same source can become
// WebAssembly. A thread is whoever calls runWorker().
#pragma once
#include <cstddef>
#include <cstdint>

#include "vocabulary.h"

namespace densenet {

/// What activations are kept as, by its number in encodings.
enum class Precision : int { Float32, Float64, BFloat16, Count };
constexpr int PRECISIONS = int(Precision::Count);

/// The upper half of a float.
struct BFloat16 {
  uint16_t bits;
};

// Activations are Elements; parameters, statistics, scores and losses are Reals, and so are all numbers that kernels work on. The kernels
// are compiled for one precision each, DENSENET_PRECISION; all else moves pointers and looks at nothing they point to.
#if !defined(DENSENET_PRECISION)
struct Real;
struct Element;
#elif DENSENET_PRECISION == 64
typedef double Real, Element;
#elif DENSENET_PRECISION == 16
typedef float Real;
typedef BFloat16 Element;
#else
typedef float Real, Element;
#endif

/// Channels of an activation or, of Reals, scores; `data` is image 0, first channel of the view, pixel 0.
struct View {
  void* data = nullptr;
  int64_t imageStep = 0;  // elements from one image to the next
  int channels = 0, height = 0, width = 0;
  int64_t pixels() const { return int64_t(height) * width; }
  template <class T = Element>
  T* plane(int64_t image, int64_t channel) const { return static_cast<T*>(data) + image * imageStep + channel * pixels(); }
};

/// gamma == nullptr: no norm.
struct Norm {
  const Real *gamma = nullptr, *beta = nullptr, *mean = nullptr, *variance = nullptr;
  double epsilon = 0;
  bool present() const { return gamma != nullptr; }
};

/// mean == nullptr: none wanted.
struct Statistics {
  Real *mean = nullptr, *variance = nullptr;
  bool present() const { return mean != nullptr; }
};

/// layer < 0: none.
struct Dropout {
  double rate = 0;
  int layer = -1;
  bool present() const { return layer >= 0; }
};

/// a == nullptr: the gradient is the plane itself.
struct OutputGradient {
  View gradient, value;
  const Real *mean = nullptr, *variance = nullptr, *a = nullptr, *b = nullptr;
  double epsilon = 0;
  bool deferred() const { return a != nullptr; }
};

/// gradient.data == nullptr: not wanted; gamma == nullptr: the kernel has no norm.
struct InputGradient {
  View gradient;
  Real *gamma = nullptr, *beta = nullptr, *a = nullptr, *b = nullptr;
  bool accumulate = false;
  bool present() const { return gradient.data != nullptr; }
};

/// Of two mixed images; share == nullptr: none are.
struct Mixed {
  const Real *labels = nullptr, *share = nullptr;
};

/// Weights that a kernel may have packed.
struct Weights {
  const Real* from = nullptr;
  int64_t count = 0;
};

/// One call. Each kernel uses the fields that its TypeScript interface names, under the same names; the others stay empty.
struct Call {
  Kernel kernel{};
  /// Its encoding.
  const double* code = nullptr;
  int size = 0, stride = 0, padding = 0;
  int windowHeight = 0, windowWidth = 0;
  View input, output;
  Norm norm;
  Statistics statistics;
  Dropout dropout;
  OutputGradient outputGradient;
  InputGradient inputGradient;
  const Real *weight = nullptr, *bias = nullptr, *foldedBias = nullptr, *growthWeight = nullptr;
  // of layers in int8
  const Real *scale = nullptr, *growthScale = nullptr;
  double inputStep = 0;
  Weights weights[2];
  /// What the kernel made of the weights (KernelImplementation::pack), or nullptr: then it makes it anew in every run.
  const void* packed = nullptr;
  /// Of programs that run image by image: how many workers share this call; 0: nobody may know, since sums would depend on it.
  int workers = 0;
  // losses
  View logits, targets, gradient;
  const Real *labels = nullptr, *classWeights = nullptr;
  Mixed mixed;
  double smoothing = 0;
  Real *weightGradient = nullptr, *biasGradient = nullptr, *loss = nullptr, *rank = nullptr, *predicted = nullptr;
  // runningStatistics, optimisers and what works on whole buffers; a dense layer's channels are its bottleneck's
  int channels = 0;
  int64_t pixels = 0, elements = 0;
  double momentum = 0, weightDecay = 0;
  bool nesterov = false, rooted = false;
  Real *runningMean = nullptr, *runningVariance = nullptr;
  double beta1 = 0, beta2 = 0, alpha = 0, epsilon = 0, limit = 0, value = 0;
  Real *parameters = nullptr, *gradients = nullptr, *velocity = nullptr, *firstMoment = nullptr, *secondMoment = nullptr;
  const Real* source = nullptr;
  Real* target = nullptr;
};

/// The numbers that change from run to run.
struct RunArguments {
  int batch = 0;
  double learningRate = 0;
  double seed = 0, step = 0;
  double keep = 0, add = 0;  // blend
};

/// What a kernel is given: `shared` scratch is one for all workers and lasts over the call's phases, `local` is the worker's.
struct Task {
  const Call& call;
  const RunArguments& run;
  char* shared;
  char* local;
};

/// A kernel is phases of units; units of one phase are independent and may run on any worker in any order. How work is
/// cut into units depends on the call and the batch only, never on the number of workers: so do the results.
struct KernelImplementation {
  /// Units of a phase; 0: there is no such phase.
  int (*units)(const Call&, int batch, int phase) = nullptr;
  /// Called by each worker before its first unit of the phase; may be null.
  void (*prepare)(const Task&, int phase) = nullptr;
  void (*work)(const Task&, int phase, int unit) = nullptr;
  /// Scratch for a batch; null: none.
  int64_t (*sharedBytes)(const Call&, int batch) = nullptr;
  int64_t (*localBytes)(const Call&, int batch) = nullptr;
  /// Bytes that pack() makes of the weights, for kernels that work on a form of them; null: none.
  int64_t (*packedBytes)(const Call&) = nullptr;
  void (*pack)(const Call&, void* to) = nullptr;
  /// One unit of one phase, whatever `units` says, for which the other workers do not wait before the next call: no call of the program reads what it writes, and
  /// what it reads stays as it is until the next call is done.
  bool aside = false;
  /// Why there is no kernel for a call: the backend "pools no windows of 3 x 3". Everything else is empty then.
  const char* refusal = nullptr;
};

/// Every instruction set gives, for each precision, a function from call to kernel, or to why there is none.
typedef KernelImplementation (*Implementations)(const Call&);
/// By precision; nullptr: it has no kernels for that.
struct Kernels {
  Implementations of[PRECISIONS];
};

/// A buffer of a program: at `arenaOffset` in the arena, or, where that is below 0, at `data`. Where the batch is run image by image,
/// image n is n * imageStep further on. All in bytes.
struct Buffer {
  char* data = nullptr;
  int64_t arenaOffset = -1, imageStep = 0;
};

/// Where a call's buffers are. Without buffers all are at one made-up address: for who looks at shapes only, and at which
/// pointers there are.
struct Place {
  const Buffer* buffers = nullptr;
  int64_t count = 0;
  char* arena = nullptr;
  int64_t image = 0;
  Precision precision = Precision::Float32;
};

struct Program {
  Implementations implementations = nullptr;
  /// Those of image 0, of worker 0.
  const Call* calls = nullptr;
  int callCount = 0;
  const double* codeEnd = nullptr;
  Place place;
  char* shared = nullptr;
  /// Worker w's scratch starts at local + w * localBytes.
  char* local = nullptr;
  int64_t localBytes = 0;
  /// Of programs that run image by image, where workers need a `shared` scratch each.
  int64_t sharedBytes = 0;
  /// Whether the batch is run image by image. Then the arena holds one image; worker w > 0 has its own at
  /// arenas + (w - 1) * arenaBytes.
  bool imageByImage = false;
  /// See engine/program.ts.
  bool fixedParameters = false;
  char* arenas = nullptr;
  int64_t arenaBytes = 0;
};

/// What others see of a worker, in a cache line of its own.
struct alignas(64) Share {
  int taken = 0;       // atomic: units of a phase, of those that the worker takes first
  int processor = -1;  // atomic: where it was last seen; for relax()
  bool crowded = false;  // whether somebody else wants that processor; for relax()
};

/// What the workers of one run share.
struct RunState {
  RunArguments arguments;
  int workers = 1;
  int batch = 0;            // of a program that runs image by image; arguments.batch is then 1
  bool packs = false;       // whether to make what kernels make of the weights
  Share* shares = nullptr;  // [workers]
  int arrived = 0;     // atomic
  int generation = 0;  // atomic
  /// Called again and again when a wait for the end of a generation grows long: somebody else needs the processor.
  void (*relax)(RunState&, int worker, int times, int generation) = nullptr;
  /// Called at that end, for those who sleep until then; optional.
  void (*wake)(RunState&) = nullptr;
  double* seconds = nullptr;  // [callCount], optional: time of each call, taken by worker 0
  double (*now)() = nullptr;
  /// Gives memory back that is not read any more; optional.
  void (*forget)(void*, size_t bytes) = nullptr;
};

/// Bytes of scratch that a program needs for a batch: of all workers, and of each.
int64_t sharedBytes(Implementations, const Call* calls, int count, int batch);
int64_t localBytes(Implementations, const Call* calls, int count, int batch);

/// Runs the program as worker `worker` of state.workers; every worker must call it, and it returns when all is done.
void runWorker(const Program&, RunState&, int worker);

}  // namespace densenet
