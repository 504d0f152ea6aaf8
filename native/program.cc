// The program runner: workers take units from a counter, and meet at a barrier after each phase.
#include "program.h"

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

/// About ten microseconds, the length of a short phase.
constexpr int SPINS = 300;

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
void meet(RunState& state) {
  const int generation = __atomic_load_n(&state.generation, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&state.arrived, 1, __ATOMIC_ACQ_REL) == state.workers) {
    __atomic_store_n(&state.arrived, 0, __ATOMIC_RELAXED);
    for (int i = 0; i < state.workers; i++) __atomic_store_n(&state.shares[i].taken, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&state.generation, generation + 1, __ATOMIC_RELEASE);
    return;
  }
  for (int spins = 0; __atomic_load_n(&state.generation, __ATOMIC_ACQUIRE) == generation; spins++) {
    if (spins < SPINS || !state.relax) pause();
    else state.relax(spins - SPINS);
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
  // A page apart, so that two workers never write to the same cache line.
  return (bytes + 4096 + 4095) / 4096 * 4096;
}

}  // namespace

int64_t sharedBytes(Implementations implementations, const Call* calls, int count, int batch) {
  return largest(implementations, calls, count, batch, &KernelImplementation::sharedBytes);
}

int64_t localBytes(Implementations implementations, const Call* calls, int count, int batch) {
  return largest(implementations, calls, count, batch, &KernelImplementation::localBytes);
}

void runWorker(const Program& program, RunState& state, int worker) {
  const FlushDenormals flush;
  char* local = program.local + worker * program.localBytes;
  double start = state.seconds && worker == 0 ? state.now() : 0;
  for (int i = 0; i < program.callCount; i++) {
    const Task task{program.calls[i], state.arguments, program.shared, local};
    const KernelImplementation kernel = program.implementations(task.call);
    for (int phase = 0;; phase++) {
      const int units = kernel.units(task.call, state.arguments.batch, phase);
      if (units == 0) break;
      bool prepared = kernel.prepare == nullptr;
      for (int unit; (unit = takeUnit(state, worker, units)) >= 0;) {
        if (!prepared) kernel.prepare(task, phase);
        prepared = true;
        kernel.work(task, phase, unit);
      }
      meet(state);
    }
    if (state.seconds && worker == 0) {
      const double end = state.now();
      state.seconds[i] += end - start;
      start = end;
    }
  }
}

}  // namespace densenet
