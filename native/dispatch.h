// Which instruction sets this processor can run, and this build has kernels for.
#pragma once
#include "program.h"

namespace densenet {

struct InstructionSet {
  const char* name = nullptr;   // as in DENSENET_ISA: amx, avx512bf16, avx512, avx2, neon, portable
  const char* title = nullptr;  // for people
  Kernels kernels{};
};

/// {} if the processor or the build lacks it.
InstructionSet instructionSetCalled(const char* name);

/// Those that this processor can run and that make a difference to a precision, best first; returns how many (at most `room`).
int availableInstructionSets(InstructionSet* to, int room, Precision precision);

/// By its name, "float32"; Precision::Count: there is none of it.
Precision precisionCalled(const char* name);

}  // namespace densenet
