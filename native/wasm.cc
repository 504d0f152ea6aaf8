// WebAssembly glue: what addon.cc is to Node. Numbers come and go flat, pointers are addresses in the one memory, and all but work()
// is called by one thread only. How long buffers live JavaScript knows.
#include "compiled_program.h"
#include "memory_wasm.h"

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

namespace densenet {
KernelImplementation kernels_wasm_float32(const Call&);
}

using namespace densenet;

extern "C" __attribute__((import_module("env"), import_name("now"))) double now();

namespace {

constexpr Kernels KERNELS{{kernels_wasm_float32}};

struct Compiled : CompiledProgram {
  using CompiledProgram::CompiledProgram;
  RunState state;
  Array<Share> shares;
  Array<double> seconds;  // of each call
};

void relax(RunState& state, int, int, int generation) {
  __builtin_wasm_memory_atomic_wait32(&state.generation, generation, -1);
}
void wake(RunState& state) { __builtin_wasm_memory_atomic_notify(&state.generation, unsigned(-1)); }

/// Whether what is taken by the piece finds room; there is no going on without.
bool hasRoom(const double* code, int count, int workers) {
  Decoder decoder(code, code + count);
  const Outline outline = decoder.begins() ? decoder.outline() : Outline{};
  const int64_t bytes = sizeof(Compiled) + count * int64_t(sizeof(double)) + outline.buffers * int64_t(sizeof(Buffer)) +
                        outline.calls * int64_t(sizeof(Call) + sizeof(double)) + workers * int64_t(sizeof(Share));
  constexpr int64_t SLACK = 4096;
  void* room = allocateZeroed(size_t(bytes + SLACK));
  freeMemory(room, 0);
  return room != nullptr;
}

}  // namespace

EXPORT(vocabulary) double vocabulary() { return FINGERPRINT; }

EXPORT(allocate) void* allocateBytes(size_t bytes) { return allocateZeroed(bytes); }

EXPORT(release) void release(void* memory) { freeMemory(memory, 0); }

EXPORT(used) double used() { return usedBytes(); }

/// Why there is no kernel for an encoded call, a text that ends with 0; nullptr: there is one.
EXPORT(refuses) const char* refuses(const double* code, int count) {
  Decoder decoder(code, code + count);
  const Call call = decoder.begins() ? decoder.call() : Call();
  if (!decoder.atEnd()) return "reads no such call";
  const Implementations implementations = KERNELS.of[int(decoder.precision())];
  return implementations ? implementations(call).refusal : NO_KERNELS;
}

/// What compile() takes besides the buffers, of a program whose calls are not refused; -1: there is not enough memory to find out.
EXPORT(scratchBytes) double scratchBytes(const double* code, int count, int workers) {
  if (!hasRoom(code, count, workers)) return -1;
  Compiled program(KERNELS, workers, code, count);
  if (program.readCalls().why) __builtin_trap();
  return double(program.needs.bytes(workers));
}

/// nullptr when there is not enough memory. The program is an encoded one whose calls are not refused; memories[i] is the memory of buffer i,
/// nullptr for transient ones and those that no call names.
EXPORT(compile) Compiled* compile(const double* code, int count, int workers, char** memories, char* arena) {
  if (!hasRoom(code, count, workers)) return nullptr;
  Compiled* program = new Compiled(KERNELS, workers, code, count);
  for (Buffer& buffer : program->buffers) buffer.data = *memories++;
  program->place(arena);
  if (program->readCalls().why) __builtin_trap();
  program->shares.make(workers);
  program->seconds.make(program->program.callCount);
  if (program->allocate()) return program;
  delete program;
  return nullptr;
}

EXPORT(releaseProgram) void releaseProgram(Compiled* program) { delete program; }

/// Makes ready for a run; false: there is not enough scratch for the batch. Then every worker works.
EXPORT(begin) bool begin(Compiled* program, int batch, double learningRate, double seed, double step, double keep, double add, bool timed) {
  if (!program->suffices(batch)) return false;
  for (Share& share : program->shares) share = Share();
  for (double& seconds : program->seconds) seconds = 0;
  RunState& state = program->state = RunState();
  state.arguments = {batch, learningRate, seed, step, keep, add};
  if (program->program.imageByImage) {
    state.batch = batch;
    state.arguments.batch = 1;
  }
  state.workers = program->workers;
  state.packs = program->packs();
  state.shares = program->shares.data();
  state.relax = relax;
  state.wake = wake;
  state.seconds = timed ? program->seconds.data() : nullptr;
  state.now = now;
  program->isPacked = true;
  return true;
}

EXPORT(work) void work(Compiled* program, int worker) { runWorker(program->program, program->state, worker); }

/// Of the last run that was timed, [calls].
EXPORT(seconds) const double* seconds(const Compiled* program) { return program->seconds.data(); }

// What compilers and array.h call.
extern "C" void* memcpy(void* to, const void* from, size_t bytes) { return __builtin_memcpy(to, from, bytes); }
extern "C" void* memset(void* to, int byte, size_t bytes) { return __builtin_memset(to, byte, bytes); }
extern "C" void* malloc(size_t bytes) { return allocateZeroed(bytes); }
extern "C" void free(void* memory) { freeMemory(memory, 0); }
extern "C" void abort() { __builtin_trap(); }
