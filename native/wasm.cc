// WebAssembly glue: what addon.cc is to Node. Numbers come and go flat, pointers are addresses in the one memory, and all but work()
// is called by one thread only. Whose memory lives how long JavaScript knows.
#include "memory.h"
#include "needs.h"

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

namespace densenet {
KernelImplementation wasmImplementations(const Call&);
}

using namespace densenet;

extern "C" __attribute__((import_module("env"), import_name("now"))) double now();

namespace {

/// One that runs. Its calls, and what else grows with it, lie behind it in the same memory.
struct Compiled {
  double* code;
  Outline outline;
  Program program;
  Needs needs;
  RunState state;
  int workers;
  bool isPacked;
  char* scratch;
  double* seconds;  // [calls]
};

/// Takes one item after the other from memory; from none it tells how much they are.
class Shelf {
 public:
  explicit Shelf(char* base) : base_(base) {}
  template <class T>
  T* take(int64_t count) {
    T* items = reinterpret_cast<T*>(base_ + bytes_);
    bytes_ += (count * int64_t(sizeof(T)) + 63) / 64 * 64;
    return items;
  }
  int64_t bytes() const { return bytes_; }

 private:
  char* base_;
  int64_t bytes_ = 0;
};

char* allocateRoom(int64_t bytes) {
  return bytes < int64_t(UINT32_MAX) ? static_cast<char*>(allocateZeroed(size_t(bytes))) : nullptr;
}

void relax(RunState& state, int, int, int generation) {
  __builtin_wasm_memory_atomic_wait32(&state.generation, generation, -1);
}
void wake(RunState& state) { __builtin_wasm_memory_atomic_notify(&state.generation, unsigned(-1)); }

}  // namespace

EXPORT(vocabulary) double vocabulary() { return FINGERPRINT; }

EXPORT(allocate) void* allocate(size_t bytes) { return allocateZeroed(bytes); }

EXPORT(release) void release(void* memory) { freeMemory(memory, 0); }

/// Why there is no kernel for an encoded call, a text that ends with 0; nullptr: there is one.
EXPORT(refuses) const char* refuses(const double* code, int count) {
  Decoder decoder(code, code + count);
  const Call call = decoder.begins() ? decoder.call() : Call();
  return decoder.atEnd() ? wasmImplementations(call).refusal : "reads no such call";
}

/// Scratch included; nullptr when there is not enough memory. `code` is an encoded program in memory that was allocated, and the
/// program's from then on; it has calls that are not refused only. buffers[i] is the memory of buffer i, nullptr for transient ones and
/// those that no call names.
EXPORT(compile) Compiled* compile(double* code, int count, int workers, Element** buffers, Element* arena) {
  Decoder decoder(code, code + count);
  if (!decoder.begins()) __builtin_trap();
  const Outline outline = decoder.outline();
  const auto lay = [&](char* base) {
    struct {
      Shelf shelf;
      Compiled* compiled;
      Buffer* buffers;
      Call* calls;
      Share* shares;
      double* seconds;
    } at{Shelf(base), nullptr, nullptr, nullptr, nullptr, nullptr};
    at.compiled = at.shelf.take<Compiled>(1);
    at.buffers = at.shelf.take<Buffer>(outline.buffers);
    at.calls = at.shelf.take<Call>(outline.calls);
    at.shares = at.shelf.take<Share>(workers);
    at.seconds = at.shelf.take<double>(outline.calls);
    return at;
  };
  char* memory = allocateRoom(lay(nullptr).shelf.bytes());
  if (!memory) return nullptr;
  const auto at = lay(memory);
  Compiled& to = *at.compiled;
  to = {code, outline, {}, {}, {}, workers, false, nullptr, at.seconds};
  for (int64_t i = 0; i < outline.buffers; i++) {
    at.buffers[i] = decoder.buffer();
    at.buffers[i].data = buffers[i];
  }
  to.program.place = {at.buffers, outline.buffers, arena};
  to.program.implementations = wasmImplementations;
  to.program.codeEnd = code + count;
  decoder.place(to.program.place);
  for (int64_t i = 0; i < outline.calls; i++) at.calls[i] = decoder.call();
  if (!decoder.atEnd()) __builtin_trap();
  for (int i = 0; i < workers; i++) at.shares[i] = Share();
  to.state.shares = at.shares;
  to.needs = needsOf(wasmImplementations, outline, at.calls, workers);
  to.scratch = allocateRoom(to.needs.bytes(workers));
  if (!to.scratch) {
    freeMemory(memory, 0);
    return nullptr;
  }
  char *local = to.scratch + to.needs.sharedSpace(), *packed = local + to.needs.localSpace(workers);
  char* arenas = packed + to.needs.packed * int64_t(sizeof(float));
  moveIn(to.program, outline, at.calls, to.needs,
         {to.scratch, local, reinterpret_cast<float*>(packed), reinterpret_cast<Element*>(arenas)});
  return &to;
}

EXPORT(releaseProgram) void releaseProgram(Compiled* compiled) {
  freeMemory(compiled->scratch, 0);
  freeMemory(compiled->code, 0);
  freeMemory(compiled, 0);
}

/// What compile() takes besides the buffers; -1 when there is not enough memory to find out.
EXPORT(scratchBytes) double scratchBytes(double* code, int count, int workers) {
  Decoder decoder(code, code + count);
  if (!decoder.begins()) __builtin_trap();
  const Outline outline = decoder.outline();
  for (int64_t i = 0; i < outline.buffers; i++) decoder.buffer();
  Call* calls = reinterpret_cast<Call*>(allocateRoom(outline.calls * int64_t(sizeof(Call))));
  if (!calls) return -1;
  for (int64_t i = 0; i < outline.calls; i++) calls[i] = decoder.call();
  const Needs needs = needsOf(wasmImplementations, outline, calls, workers);
  freeMemory(calls, 0);
  return double(needs.bytes(workers));
}

/// Makes ready for a run; false: there is not enough scratch for the batch. Then every worker works.
EXPORT(begin) bool begin(Compiled* compiled, int batch, float learningRate, double seed, double step, double keep, double add, bool timed) {
  if (!compiled->needs.coverRun(compiled->program, batch)) return false;
  RunState& state = compiled->state;
  Share* shares = state.shares;
  for (int i = 0; i < compiled->workers; i++) shares[i] = Share();
  for (int64_t i = 0; i < compiled->outline.calls; i++) compiled->seconds[i] = 0;
  state = RunState();
  state.arguments = {batch, learningRate, seed, step, keep, add};
  if (compiled->program.imageByImage) {
    state.batch = batch;
    state.arguments.batch = 1;
  }
  state.workers = compiled->workers;
  state.packs = compiled->needs.packed > 0 && (!compiled->isPacked || !compiled->program.fixedParameters);
  state.shares = shares;
  state.relax = relax;
  state.wake = wake;
  state.seconds = timed ? compiled->seconds : nullptr;
  state.now = now;
  compiled->isPacked = true;
  return true;
}

EXPORT(work) void work(Compiled* compiled, int worker) { runWorker(compiled->program, compiled->state, worker); }

/// Of the last run that was timed, [calls].
EXPORT(seconds) const double* seconds(const Compiled* compiled) { return compiled->seconds; }

// What compilers call.
extern "C" void* memcpy(void* to, const void* from, size_t bytes) { return __builtin_memcpy(to, from, bytes); }
extern "C" void* memset(void* to, int byte, size_t bytes) { return __builtin_memset(to, byte, bytes); }
