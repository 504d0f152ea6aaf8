// Which instruction sets this build has and this processor can run.
#pragma once
#include "program.h"

namespace densenet {

struct InstructionSet {
  const char* name = nullptr;   // as in DENSENET_ISA: avx512, avx2, neon, portable
  const char* title = nullptr;  // for people
  Kernels kernels{};
};

/// The best instruction set of this processor, or the one called `name` (nullptr: the best). {} if the processor or the
/// build lacks it.
InstructionSet chooseInstructionSet(const char* name);

/// Those that this processor can run, best first; returns how many (at most `room`).
int availableInstructionSets(InstructionSet* to, int room);

}  // namespace densenet
