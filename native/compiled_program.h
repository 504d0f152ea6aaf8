// A program with all that it needs to run besides its buffers. It knows nothing of Node-API.
#pragma once
#include "array.h"
#include "decode.h"
#include "memory.h"

namespace densenet {

/// Zeroed bytes; `data` is nullptr where there was not enough memory.
struct Memory : Counted {
  char* data = nullptr;
  size_t bytes = 0;
  Memory() = default;
  Memory(const Memory&) = delete;
  ~Memory() { freeMemory(data, bytes); }
  /// Once; false where there is not enough memory.
  bool make(int64_t count) {
    bytes = size_t(count);
    data = static_cast<char*>(allocateZeroed(bytes));
    return data != nullptr;
  }
};

/// What a program needs besides its buffers, in bytes.
struct Needs {
  int64_t shared = 0, local = 0;  // of scratch; local: of each worker
  int64_t packed = 0, arenas = 0;
  int sharers = 1;  // workers that need a `shared` each

  /// Takes what calls need for a batch.
  void add(Implementations implementations, const Array<Call>& calls, int batch);
  int64_t bytes(int workers) const;
};

/// What is said where an instruction set has no kernels for a precision.
constexpr const char* NO_KERNELS = "this build has no kernels for numbers of that precision";

/// Why a program cannot be run, and by the fault of which call. Both empty: it can.
struct Refusal {
  const char* why = nullptr;
  int64_t call = -1;
};

struct CompiledProgram : Counted {
  Outline outline{};
  /// Without memory; see place().
  Array<Buffer> buffers;
  Program program;
  Needs needs;
  int workers;
  /// Whether it has what kernels make of weights that stay.
  bool isPacked = false;

  /// Reads up to the calls.
  CompiledProgram(const Kernels& kernels, int workers, const double* from, int64_t count);
  /// The buffers have their memory now. Of a program without, one can only ask what it needs.
  void place(char* arena);
  /// Reads the calls, and finds out what they need.
  Refusal readCalls();
  /// False where there is not enough memory.
  bool allocate();
  /// Whether what was allocated is enough for a run of a batch. It always is, if all is well: this is what keeps an error in the planning of
  /// scratch from being an overrun.
  bool suffices(int batch) const;
  bool packs() const { return packed_.bytes > 0 && (!isPacked || !program.fixedParameters); }

 private:
  void findNeeds();
  Array<double> code_;
  Array<Call> calls_;
  Decoder decoder_;
  Memory shared_, local_, packed_, arenas_;
};

}  // namespace densenet
