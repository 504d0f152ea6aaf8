// The program runner: workers take units from a counter, and meet at a barrier after each phase.
#include "decode.h"

namespace densenet {

namespace {

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// While it lives this thread takes denormal numbers (below 1e-38) for zero. Processors need a hundred times as long for
/// them, and they come: as gradients that die out, and as what lies in scratch beside the lanes that count.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : before_(__builtin_ia32_stmxcsr()) { __builtin_ia32_ldmxcsr(before_ | 0x8040); }
  ~FlushDenormals() { __builtin_ia32_ldmxcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" : : "r"(before_ | (uint64_t(1) << 24)));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" : : "r"(before_)); }

 private:
  uint64_t before_;
#else
  FlushDenormals() {}
#endif
};

/// About ten microseconds, the length of a short phase. WebAssembly has no instruction that pauses.
#if defined(__wasm__)
constexpr int SPINS = 5000;
#else
constexpr int SPINS = 300;
#endif

/// The next unit for a worker, -1: none are left. Worker w of W begins with the w-th of W even shares of a phase, so that it
/// finds in its own cache what it wrote in the phase before; then it helps the others.
int takeUnit(RunState& state, int worker, int64_t units) {
  for (int i = 0; i < state.workers; i++) {
    const int owner = (worker + i) % state.workers;
    const int first = int(units * owner / state.workers), count = int(units * (owner + 1) / state.workers) - first;
    int& taken = state.shares[owner].taken;
    if (__atomic_load_n(&taken, __ATOMIC_RELAXED) >= count) continue;
    const int unit = __atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
    if (unit < count) return first + unit;
  }
  return -1;
}

/// The last to arrive resets the shares and lets the others go.
void meet(RunState& state, int worker) {
  const int generation = __atomic_load_n(&state.generation, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&state.arrived, 1, __ATOMIC_ACQ_REL) == state.workers) {
    __atomic_store_n(&state.arrived, 0, __ATOMIC_RELAXED);
    for (int i = 0; i < state.workers; i++) __atomic_store_n(&state.shares[i].taken, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&state.generation, generation + 1, __ATOMIC_RELEASE);
    if (state.wake) state.wake(state);
    return;
  }
  for (int spins = 0; __atomic_load_n(&state.generation, __ATOMIC_ACQUIRE) == generation; spins++) {
    if (spins < SPINS || !state.relax) pause();
    else state.relax(state, worker, spins - SPINS, generation);
  }
}

template <class Member>
int64_t largest(Implementations implementations, const Call* calls, int count, int batch, Member member) {
  int64_t bytes = 0;
  for (int i = 0; i < count; i++) {
    const auto need = implementations(calls[i]).*member;
    const int64_t n = need ? need(calls[i], batch) : 0;
    if (n > bytes) bytes = n;
  }
  return bytes;
}

}  // namespace

int64_t sharedBytes(Implementations implementations, const Call* calls, int count, int batch) {
  return largest(implementations, calls, count, batch, &KernelImplementation::sharedBytes);
}

int64_t localBytes(Implementations implementations, const Call* calls, int count, int batch) {
  return largest(implementations, calls, count, batch, &KernelImplementation::localBytes);
}

namespace {

/// The call for image `image` of the batch, with worker `worker`'s activations, for `workers` workers.
Call callFor(const Program& program, int i, int worker, int64_t image, int workers) {
  Place place = program.place;
  place.image = image;
  if (worker > 0) place.arena = program.arenas + (worker - 1) * program.arenaBytes;
  const Call& planned = program.calls[i];
  Call call = Decoder(planned.code, program.codeEnd, place).call();
  call.packed = planned.packed;
  call.workers = workers;
  return call;
}

struct Stopwatch {
  RunState& state;
  double start;
  explicit Stopwatch(RunState& state) : state(state), start(state.seconds ? state.now() : 0) {}
  void lap(int call) {
    if (!state.seconds) return;
    const double end = state.now();
    state.seconds[call] += end - start;
    start = end;
  }
};

/// A worker's part of a call, in the scratch of worker `scratch`.
void runCall(const Program& program, const Call& call, RunState& state, int worker, int scratch) {
  const Task task{call, state.arguments, program.shared + (state.workers == 1 ? scratch * program.sharedBytes : 0),
                  program.local + scratch * program.localBytes};
  const KernelImplementation kernel = program.implementations(call);
  if (kernel.aside) {
    if (worker == 0) kernel.work(task, 0, 0);
    return;
  }
  for (int phase = 0;; phase++) {
    const int units = kernel.units(call, state.arguments.batch, phase);
    if (units == 0) break;
    bool prepared = kernel.prepare == nullptr;
    for (int unit; (unit = takeUnit(state, worker, units)) >= 0;) {
      if (!prepared) kernel.prepare(task, phase);
      prepared = true;
      kernel.work(task, phase, unit);
    }
    meet(state, worker);
  }
}

void pack(const Program& program, RunState& state, int worker) {
  for (int i; (i = takeUnit(state, worker, program.callCount)) >= 0;) {
    const Call& call = program.calls[i];
    if (!call.packed) continue;
    program.implementations(call).pack(call, const_cast<void*>(call.packed));
    for (const Weights& weights : call.weights) {
      if (program.fixedParameters && state.forget && weights.from) {
        state.forget(const_cast<Real*>(weights.from), size_t(weights.count * sizesOf(program.place.precision).real));
      }
    }
  }
  meet(state, worker);
}

/// As many images as there are workers are in flight at a time, each with a worker of its own; what is left over of the batch
/// goes through by all workers together.
void runImages(const Program& program, RunState& state, int worker, int batch) {
  const int alone = batch / state.workers * state.workers;
  if (alone > 0) {
    Share share;
    RunState own;
    own.arguments = state.arguments;
    own.shares = &share;
    own.seconds = worker == 0 ? state.seconds : nullptr;
    own.now = state.now;
    for (int image; (image = takeUnit(state, worker, alone)) >= 0;) {
      Stopwatch watch(own);
      for (int i = 0; i < program.callCount; i++) {
        runCall(program, callFor(program, i, worker, image, 1), own, 0, worker);
        watch.lap(i);
      }
    }
    meet(state, worker);
  }
  Stopwatch watch(state);
  for (int image = alone; image < batch; image++) {
    for (int i = 0; i < program.callCount; i++) {
      runCall(program, callFor(program, i, 0, image, state.workers), state, worker, worker);
      if (worker == 0) watch.lap(i);
    }
  }
}

}  // namespace

void runWorker(const Program& program, RunState& state, int worker) {
  const FlushDenormals flush;
  if (state.packs) pack(program, state, worker);
  if (program.imageByImage) return runImages(program, state, worker, state.batch);
  Stopwatch watch(state);
  for (int i = 0; i < program.callCount; i++) {
    runCall(program, program.calls[i], state, worker, worker);
    if (worker == 0) watch.lap(i);
  }
}

}  // namespace densenet
